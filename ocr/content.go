package ocr

// #include "imagelib.h"
import "C"

import (
	"slices"

	"chartroom/record"
)

// A page of handwriting, a drawing or a tracing has much ink and little print.
// It is told by the marks that no word was surely read from, once rules and
// edges are gone: a drawing hangs together over inches, handwriting comes in
// many marks that are higher than print, or of more different heights.
const (
	surePrint   = 0.7    // the confidence from which a word counts as print
	mostPrint   = 200    // letters of print, from which a page is print whatever else it shows
	muchInk     = 0.003  // share of the surface
	inkALetter  = 5e-5   // ink that must be there besides for each letter of print
	manyMarks   = 25     // of handwriting
	highMarks   = 0.14   // inches, in the mean
	lowMarks    = 0.07   // what is lower is no handwriting
	manyHeights = 0.5    // as a share of the mean
	hanging     = 0.5    // the share of a drawing's ink in large marks
	noInk       = 0.0005 // share of the surface
)

// shapes is what the marks look like that no word was surely read from.
type shapes struct {
	marks      int
	ink, large float64 // shares of the surface: all marks, and those of an inch and a half or more
	height     float64 // the mean height of the others, in inches
	scatter    float64 // how far their heights scatter, as a share of the mean
	print      int     // letters of sure words
	graph      bool    // it lies on graph paper
}

func (v *sight) shapes() (shapes, error) {
	rest, err := v.loose(surePrint)
	if err != nil {
		return shapes{}, err
	}
	defer rest.close()
	var c C.cr_shape
	if C.cr_shapes(rest.pix, C.int(v.dpi), &c) != 0 {
		return shapes{}, errImage
	}
	return shapes{marks: int(c.marks), ink: float64(c.ink), large: float64(c.large), height: float64(c.height), scatter: float64(c.scatter), print: v.print(), graph: v.form.graph(v.img.width(), v.img.height(), v.dpi)}, nil
}

// print is the number of letters surely read.
func (v *sight) print() int {
	n := 0
	for _, w := range v.words {
		if k := letters(w.Text.Reveal()); k >= 2 && w.Confidence >= surePrint {
			n += k
		}
	}
	return n
}

// graph reports whether the rules are those of graph paper, as tracings have:
// a dozen or more each way over much of the page, a third of an inch apart at
// most.
func (f *form) graph(width, height, dpi int) bool {
	if f == nil {
		return false
	}
	var rows, columns []int
	for _, b := range f.across {
		if b.Width > width/3 {
			rows = append(rows, b.Top)
		}
	}
	for _, b := range f.down {
		if b.Height > height/3 {
			columns = append(columns, b.Left)
		}
	}
	return dense(rows, dpi/3) >= 12 && dense(columns, dpi/3) >= 12
}

// dense counts the places that follow another at no more than a distance.
func dense(places []int, most int) int {
	slices.Sort(places)
	n := 0
	for i := range places {
		if i > 0 && places[i]-places[i-1] <= most {
			n++
		}
	}
	return n
}

// content says what the page shows, empty for print.
func (s shapes) content() record.Content {
	switch {
	case s.print >= mostPrint || s.ink < muchInk || s.ink < inkALetter*float64(s.print):
		return ""
	case s.graph || s.large >= hanging*s.ink:
		return record.ContentDrawing
	case s.marks >= manyMarks && s.height >= lowMarks && (s.height >= highMarks || s.scatter >= manyHeights):
		return record.ContentHandwriting
	}
	return ""
}

// content says what the page shows, and takes from it what was read on a page
// that is not print and looks like no word.
func (v *sight) content() record.Content {
	if v.print() >= mostPrint {
		return ""
	}
	s, err := v.shapes()
	if err != nil {
		return ""
	}
	content := s.content()
	if content != "" {
		v.words = slices.DeleteFunc(v.words, func(w record.Word) bool { return !sane(w) })
	}
	return content
}

// bare reports whether the page, its rules and edges taken away, shows next to
// nothing, and what was read on it are guesses, as the other side of the paper
// that shines through is guessed at.
func (v *sight) bare() bool {
	if q := qualityOf(v.words); q.letters > 0 && q.mean >= hardlyRead {
		return false
	}
	rest, err := v.loose(2)
	if err != nil {
		return false
	}
	defer rest.close()
	share, marks, err := rest.marks(max(v.dpi/25, 3))
	return err == nil && marks <= 2 && share < noInk
}
