package ocr

// #include "imagelib.h"
import "C"

import (
	"fmt"
	"math"
	"strings"

	"chartroom/record"
)

// Before a page is read, what keeps the engine from reading it is taken away,
// on a copy: each step only where the page shows that it is needed, so that a
// clean page is handed over as it is. Boxes are brought back to the page that
// was not straightened.

// cleaning is what was done to a page before it was read.
type cleaning struct {
	wiped  bool    // black edges or punch holes made white
	evened bool    // light made even
	turned float64 // straightened by so many degrees clockwise
}

func (c cleaning) String() string {
	var done []string
	if c.wiped {
		done = append(done, "black edges wiped")
	}
	if c.evened {
		done = append(done, "light evened")
	}
	if c.turned != 0 {
		done = append(done, fmt.Sprintf("straightened by %.2f degrees", c.turned))
	}
	return strings.Join(done, ", ")
}

const (
	// darkPaper is the share of the brightest paper's light below which the
	// darkest is lit unevenly.
	darkPaper = 0.85
	// whitePaper is what may lie beside white without being taken for ink.
	whitePaper = 225
	// darkestPaper is the value below which nothing is paper in the shade: it
	// is a picture, or the page is white on black.
	darkestPaper = 70
	// minSkew, in degrees, is what the engine copes with by itself: turning
	// blurs, and costs clean print more words than so little skew does.
	minSkew = 1.0
	// minBitSkew is the same for one-bit pages: turning smooths their steps.
	minBitSkew = 0.4
	// sureSkew is the confidence from which Leptonica's angle is relied upon.
	sureSkew = 3.0
	// tilesPerInch is how finely the light of a page is measured.
	tilesPerInch = 15
)

// clean is a copy of the sheet's image that the engine reads better, at f
// times its size, and what was done to it.
func (s *sheet) clean(f float64) (*image, cleaning, error) {
	did := cleaning{wiped: s.edges != nil, turned: s.skew()}
	img := s.img.clone()
	if f != 1 {
		if err := img.replace(img.scale(f, f)); err != nil {
			return nil, did, err
		}
	}
	did.evened = s.even(img, max(int(float64(s.dpi)*f)/tilesPerInch, 8), did.wiped || did.turned != 0)
	if did.wiped {
		if err := img.replace(newImage(C.cr_wipe(img.pix, s.edges.pix), "wipe edges")); err != nil {
			return nil, did, err
		}
	}
	if did.turned != 0 {
		if err := img.replace(newImage(C.cr_straighten(img.pix, C.double(did.turned)), "straighten page")); err != nil {
			return nil, did, err
		}
	}
	return img, did, nil
}

// even lights an image of the sheet evenly if a part of it lies in the shade,
// by tiles of so many pixels, and reports whether it did. Where white is to
// come in, paper that is not white is made so: the engine would take it for
// ink. One-bit pages have no light, and pictures too small to measure it keep
// theirs.
func (s *sheet) even(img *image, tile int, whiteComes bool) bool {
	if img.depth() == 1 {
		return false
	}
	grey, err := newImage(C.cr_grey(img.pix), "find light")
	if err != nil {
		return false
	}
	defer grey.close()
	var mask *C.PIX
	if s.edges != nil {
		mask = s.edges.pix
	}
	var low, high C.double
	if C.cr_light(grey.pix, mask, &low, &high) != 0 || low >= darkPaper*high && (!whiteComes || low >= whitePaper) {
		return false
	}
	lit, err := newImage(C.cr_even(grey.pix, C.int(tile), C.int(max(low, darkestPaper))), "even light")
	if err != nil {
		return false
	}
	img.close()
	*img = *lit
	return true
}

// skew is by how many degrees clockwise the page must be turned to stand
// straight; 0 where it is straight enough or nobody knows.
func (s *sheet) skew() float64 {
	least := minSkew
	if s.img.depth() == 1 {
		least = minBitSkew
	}
	var degrees, sure C.double
	if C.cr_skew(s.lines.pix, C.int(s.dpi), &degrees, &sure) != 0 || sure < sureSkew || math.Abs(float64(degrees)) < least {
		return 0
	}
	return float64(degrees)
}

// back is where a box on the straightened page, of the given size, lies on the
// page as it was, of the other size. Both were turned about their middles.
func (c cleaning) back(b record.Box, width, height, wasWidth, wasHeight int) record.Box {
	if c.turned == 0 {
		return b
	}
	sin, cos := math.Sincos(-c.turned * math.Pi / 180)
	x, y := float64(b.Left)+float64(b.Width-width)/2, float64(b.Top)+float64(b.Height-height)/2
	w, h := float64(b.Width)*cos+float64(b.Height)*math.Abs(sin), float64(b.Height)*cos+float64(b.Width)*math.Abs(sin)
	left, top := x*cos-y*sin+float64(wasWidth)/2-w/2, x*sin+y*cos+float64(wasHeight)/2-h/2
	return record.Box{Left: int(math.Round(left)), Top: int(math.Round(top)), Width: int(math.Round(w)), Height: int(math.Round(h))}
}

// findEdges finds the sheet's black edges and punch holes, and what ink is
// left without them.
func (s *sheet) findEdges() error {
	var mask *C.PIX
	if C.cr_edges(s.ink.pix, C.int(s.dpi), &mask) != 0 {
		return fmt.Errorf("find edges: %w", errImage)
	}
	if mask == nil {
		s.lines = s.ink.clone()
		return nil
	}
	s.edges = &image{mask}
	var err error
	s.lines, err = newImage(C.cr_wipe(s.ink.pix, mask), "wipe edges")
	return err
}

// The confidences, as measured by Leptonica, from which risers and tails of
// the letters are believed to tell how a page is turned.
const (
	sureDown     = -4.0
	sureSideways = 8.0
)

// maybeSideways is how much the columns of ink must change, in relation to
// the rows, for a quarter turn to be thought of, and sidewaysStripes for it to
// be likely.
const maybeSideways, sidewaysStripes = 0.6, 1.5

// stance is how a page seems to stand, by its ink alone: turn is the degrees
// clockwise by which to try and turn it, and doubtful says that its lines seem
// to run up and down without telling which way.
func (s *sheet) stance() (turn int, doubtful bool, err error) {
	rows, columns, err := s.lines.stripes()
	if err != nil {
		return 0, false, err
	}
	var up, right C.double
	askRight := &right
	if columns < maybeSideways*rows {
		askRight = nil
	}
	if C.cr_orient(s.lines.pix, C.int(s.dpi), &up, askRight) != 0 {
		return 0, columns > sidewaysStripes*rows, nil
	}
	switch strong := math.Abs(float64(right)) >= max(sureSideways, 2*math.Abs(float64(up))); {
	case strong && right < 0:
		return 270, false, nil
	case strong:
		return 90, false, nil
	case columns > sidewaysStripes*rows:
		return 0, true, nil
	case up <= sureDown:
		return 180, false, nil
	}
	return 0, false, nil
}
