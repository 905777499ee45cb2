package pdf

import (
	"bytes"
	"fmt"
	"math"
	"strings"
	"sync"

	"golang.org/x/image/font"
	"golang.org/x/image/font/gofont/gobold"
	"golang.org/x/image/font/gofont/goregular"
	"golang.org/x/image/font/sfnt"
	"golang.org/x/image/math/fixed"

	"chartroom/record"
)

// Sheet is a page that is drawn: boxes and text in black. Its unit is the
// point, counted from the upper left corner.
type Sheet struct {
	w       *Writer
	size    size
	content bytes.Buffer
	words   []record.Word
	lines   int
}

// The fineness of the boxes of a sheet's words: dots to the point.
const sheetDots = 20

// Sheet starts a page of so many points. End adds it.
func (p *Writer) Sheet(width, height float64) *Sheet {
	return &Sheet{w: p, size: size{min(max(width, minSide), maxSide), min(max(height, minSide), maxSide)}}
}

// Box fills a rectangle, whose upper left corner is given, with black.
func (s *Sheet) Box(x, y, width, height float64) {
	fmt.Fprintf(&s.content, "%s %s %s %s re f\n", num(x), num(s.size.h-y-height), num(width), num(height))
}

// Text draws a line of text from x on, with its baseline at y, and gives its
// width. It can be searched and copied.
func (s *Sheet) Text(x, y, size float64, bold bool, text string) float64 {
	f := face(bold)
	s.lines++
	from := x
	for i, word := range strings.Split(text, " ") {
		if i > 0 {
			x += f.advance(" ", size)
		}
		width := f.draw(&s.content, x, s.size.h-y, size, word)
		if word != "" {
			s.words = append(s.words, record.Word{Text: record.Hide(word), Block: 1, Line: s.lines, Box: record.Box{
				Left: dots(x), Top: dots(y - 0.75*size), Width: max(1, dots(width)), Height: max(1, dots(0.95*size))}})
		}
		x += width
	}
	return x - from
}

// TextWidth is how wide Text would draw it.
func TextWidth(size float64, bold bool, text string) float64 { return face(bold).advance(text, size) }

func dots(v float64) int { return int(math.Round(v * sheetDots)) }

// End adds the sheet to the PDF.
func (s *Sheet) End() error {
	page := &record.Page{Width: dots(s.size.w), Height: dots(s.size.h), Words: s.words}
	if words := s.w.text.layer(page); len(words) > 0 {
		fmt.Fprintf(&s.content, "q %s cm\n%sQ\n", scaled(s.size.w/float64(page.Width), s.size.h/float64(page.Height)), words)
	}
	if s.w.err == nil {
		s.w.page(s.size, "", s.content.Bytes())
	}
	return s.w.err
}

// outlines is a font whose letters are drawn as shapes.
type outlines struct {
	mu   sync.Mutex
	font *sfnt.Font
	buf  sfnt.Buffer
}

var regular, strong = sync.OnceValue(func() *outlines { return parse(goregular.TTF) }), sync.OnceValue(func() *outlines { return parse(gobold.TTF) })

func face(bold bool) *outlines {
	if bold {
		return strong()
	}
	return regular()
}

func parse(ttf []byte) *outlines {
	f, err := sfnt.Parse(ttf)
	if err != nil {
		panic("pdf: a font of the program itself is damaged: " + err.Error())
	}
	return &outlines{font: f}
}

// draft is the size at which outlines are loaded: fine enough for any print.
const draft = fixed.Int26_6(1000 << 6)

func (o *outlines) glyph(r rune) sfnt.GlyphIndex {
	g, err := o.font.GlyphIndex(&o.buf, r)
	if err != nil || g == 0 {
		g, _ = o.font.GlyphIndex(&o.buf, '\uFFFD')
	}
	return g
}

func (o *outlines) step(g sfnt.GlyphIndex) float64 {
	a, err := o.font.GlyphAdvance(&o.buf, g, draft, font.HintingNone)
	if err != nil {
		return 0.5
	}
	return float64(a) / float64(draft)
}

func (o *outlines) advance(text string, size float64) (w float64) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, r := range text {
		w += o.step(o.glyph(r)) * size
	}
	return w
}

// draw writes the shapes of a word and gives its width.
func (o *outlines) draw(b *bytes.Buffer, x, y, size float64, word string) float64 {
	o.mu.Lock()
	defer o.mu.Unlock()
	from := x
	for _, r := range word {
		g := o.glyph(r)
		if segments, err := o.font.LoadGlyph(&o.buf, g, draft, nil); err == nil {
			shape(b, segments, x, y, size)
		}
		x += o.step(g) * size
	}
	return x - from
}

// shape writes an outline. PDF has curves of the third degree only; those of
// the second become such without loss.
func shape(b *bytes.Buffer, segments sfnt.Segments, x, y, size float64) {
	at := func(p fixed.Point26_6) (float64, float64) {
		return x + float64(p.X)/float64(draft)*size, y - float64(p.Y)/float64(draft)*size
	}
	var px, py float64
	for _, s := range segments {
		x1, y1 := at(s.Args[0])
		switch s.Op {
		case sfnt.SegmentOpMoveTo:
			fmt.Fprintf(b, "%s %s m\n", num(x1), num(y1))
			px, py = x1, y1
		case sfnt.SegmentOpLineTo:
			fmt.Fprintf(b, "%s %s l\n", num(x1), num(y1))
			px, py = x1, y1
		case sfnt.SegmentOpQuadTo:
			x2, y2 := at(s.Args[1])
			fmt.Fprintf(b, "%s %s %s %s %s %s c\n", num(px+2*(x1-px)/3), num(py+2*(y1-py)/3), num(x2+2*(x1-x2)/3), num(y2+2*(y1-y2)/3), num(x2), num(y2))
			px, py = x2, y2
		case sfnt.SegmentOpCubeTo:
			x2, y2 := at(s.Args[1])
			x3, y3 := at(s.Args[2])
			fmt.Fprintf(b, "%s %s %s %s %s %s c\n", num(x1), num(y1), num(x2), num(y2), num(x3), num(y3))
			px, py = x3, y3
		}
	}
	if len(segments) > 0 {
		b.WriteString("f\n")
	}
}
