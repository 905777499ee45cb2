package pdf

import (
	"encoding/hex"
	"errors"
	"fmt"
	"strings"

	"chartroom/record"
	"chartroom/scan"
)

// PDF/A takes pages from 3 to 14400 points wide and high.
const minSide, maxSide = 3.0, 14400.0

// size is a page's, upright, in points.
type size struct{ w, h float64 }

// sizeOf is the size of w by h dots, so many to the inch.
func sizeOf(w, h, dpi int) size {
	if dpi <= 0 {
		dpi = 300
	}
	x, y := float64(w)*72/float64(dpi), float64(h)*72/float64(dpi)
	f := min(1, maxSide/max(x, y))
	return size{max(x*f, minSide), max(y*f, minSide)}
}

// Picture adds a page: its picture as it is coded, set upright by how it is
// placed, and its words above it. The page itself is not turned (by its
// Rotate): tools do not agree on which of its sides is then the width.
func (p *Writer) Picture(c *scan.Coded, page *record.Page) error {
	if p.err != nil {
		return p.err
	}
	sheet := sizeOf(page.Width, page.Height, page.DPI)
	place := standing(c.Turn, c.Mirror).
		times(matrix{c.Place[2] - c.Place[0], 0, 0, c.Place[3] - c.Place[1], c.Place[0], c.Place[1]}).
		times(standing(page.Rotation, false)).times(scaled(sheet.w, sheet.h))
	images, draw := p.images(c, place)
	content := []byte(draw)
	if words := p.text.layer(page); len(words) > 0 {
		to := scaled(sheet.w/float64(page.Width), sheet.h/float64(page.Height))
		content = fmt.Appendf(content, "q %s cm\n%sQ\n", to, words)
	}
	p.page(sheet, images, content)
	return p.err
}

// images writes a picture's strips, and gives their names as resources and the
// instructions that draw them.
func (p *Writer) images(c *scan.Coded, place matrix) (resources, draw string) {
	globals := 0
	if c.Globals != nil {
		globals = p.reserve()
		p.stream(globals, "", c.Globals.Size(), c.Open(*c.Globals))
	}
	top := 0
	for i, s := range c.Strips {
		n := p.reserve()
		p.stream(n, imageDict(c, s, globals), s.Size(), c.Open(s))
		from, to := 1-float64(top)/float64(c.Height), 1-float64(top+s.Rows)/float64(c.Height)
		top += s.Rows
		at := matrix{1, 0, 0, from - to, 0, to}.times(place)
		resources += fmt.Sprintf("/I%d %d 0 R", i, n)
		draw += fmt.Sprintf("q %s cm /I%d Do Q\n", at, i)
	}
	return "/XObject<<" + resources + ">>", draw
}

// imageDict says how a strip's bytes are to be understood.
func imageDict(c *scan.Coded, s scan.Strip, globals int) string {
	d := fmt.Sprintf("/Type/XObject/Subtype/Image/Width %d/Height %d", c.Width, s.Rows)
	if c.Filter == scan.FilterJP2 {
		return d + "/Filter/JPXDecode"
	}
	d += fmt.Sprintf("/BitsPerComponent %d/ColorSpace%s/Filter/%s", c.Bits, colorSpace(c), c.Filter)
	var parms string
	switch c.Filter {
	case scan.FilterFax:
		parms = fmt.Sprintf("/K %d/Columns %d/Rows %d", c.K, c.Width, s.Rows)
		if c.Aligned {
			parms += "/EncodedByteAlign true"
		}
		if c.Ended {
			parms += "/EndOfLine true"
		}
		if !c.Inverted {
			parms += "/BlackIs1 true"
		}
	case scan.FilterFlate:
		if c.Predictor > 1 {
			parms = fmt.Sprintf("/Predictor %d/Colors %d/BitsPerComponent %d/Columns %d", c.Predictor, c.Samples, c.Bits, c.Width)
		}
	case scan.FilterJPEG:
		if c.PlainRGB {
			parms = "/ColorTransform 0"
		}
	case scan.FilterJBIG2:
		if globals > 0 {
			parms = fmt.Sprintf("/JBIG2Globals %d 0 R", globals)
		}
	}
	if parms != "" {
		d += "/DecodeParms<<" + parms + ">>"
	}
	if c.Inverted && c.Filter != scan.FilterFax {
		d += "/Decode[1 0]"
	}
	return d
}

func colorSpace(c *scan.Coded) string {
	switch {
	case c.Palette != nil:
		return fmt.Sprintf("[/Indexed/DeviceRGB %d<%s>]", len(c.Palette)/3-1, strings.ToUpper(hex.EncodeToString(c.Palette)))
	case c.Samples == 3:
		return "/DeviceRGB"
	}
	return "/DeviceGray"
}

// page writes a page whose picture is written.
func (p *Writer) page(s size, resources string, content []byte) {
	stream, page := p.reserve(), p.reserve()
	p.packed(stream, "", content)
	p.object(page, fmt.Sprintf("<</Type/Page/Parent %d 0 R/MediaBox[0 0 %s %s]/Resources<<%s/Font<</F %d 0 R>>>>/Contents %d 0 R>>",
		p.root, num(s.w), num(s.h), resources, p.text.object, stream))
	p.pages = append(p.pages, page)
}

// errNoPages says that a document has nothing to show.
var errNoPages = errors.New("the document has no pages")
