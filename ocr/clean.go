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
	scale    float64 // read at so many times its size
	dusted   bool    // specks wiped away
	inverted bool    // white writing on dark blocks made black on white
	smoothed bool    // ragged strokes smoothed
	wiped    bool    // black edges or punch holes made white
	evened   bool    // light made even
	fan      float64 // lines made parallel that fanned out by so many degrees from top to bottom, the lower the more clockwise to turn
	turned   float64 // straightened by so many degrees clockwise
	unruled  bool    // rules taken away
	again    int     // places read again whose second reading was kept
}

func (c cleaning) String() string {
	var done []string
	for _, step := range []struct {
		done bool
		what string
	}{
		{c.dusted, "specks wiped"},
		{c.inverted, "dark blocks inverted"},
		{c.smoothed, "strokes smoothed"},
		{c.wiped, "black edges wiped"},
		{c.evened, "light evened"},
		{c.fan != 0, fmt.Sprintf("fanning of %.2f degrees undone", c.fan)},
		{c.turned != 0, fmt.Sprintf("straightened by %.2f degrees", c.turned)},
		{c.unruled, "rules taken away"},
		{c.again > 0, fmt.Sprintf("%d read again", c.again)},
	} {
		if step.done {
			done = append(done, step.what)
		}
	}
	return strings.Join(done, ", ")
}

const (
	// darkPaper is the share of the brightest paper's light below which the
	// darkest is lit unevenly.
	darkPaper = 0.85
	// deepShade is the same share below which print in the shade is pale.
	deepShade = 0.62
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
	// minFan and maxFan, in degrees from top to bottom, are what is undone.
	minFan, maxFan = 0.8, 6.0
	// ragged is the share of dots that fill a page's strokes from which they
	// are smoothed: print has a fiftieth, what a fax machine made of print in
	// poor light a tenth.
	ragged = 0.05
	// dirty is how many specks there are to a square inch of a page from which
	// they are wiped away.
	dirty = 2
	// tilesPerInch is how finely the light of a page is measured.
	tilesPerInch = 15
)

// clean is a copy of the sheet's image that the engine reads better, and what
// was done to it.
func (s *sheet) clean() (*image, cleaning, error) {
	did, darkest, brightest := s.needs()
	img := s.img.clone()
	for _, step := range []struct {
		needed bool
		do     func() (*image, error)
	}{
		{did.dusted, func() (*image, error) {
			return newImage(C.cr_dust(img.pix, s.specks.pix, C.int(brightest)), "wipe specks")
		}},
		{did.inverted, func() (*image, error) { return newImage(C.cr_invert(img.pix, s.blocks.pix), "invert blocks") }},
		{did.smoothed, func() (*image, error) { return newImage(C.cr_smooth(img.pix), "smooth strokes") }},
		{did.evened, func() (*image, error) { return newImage(C.cr_grey(img.pix), "find light") }},
		{did.scale != 1, func() (*image, error) { return img.scale(did.scale, did.scale) }},
		{did.evened, func() (*image, error) { return s.even(img, darkest, &did), nil }},
		{did.wiped, func() (*image, error) { return newImage(C.cr_wipe(img.pix, s.edges.pix), "wipe edges") }},
		{did.fan != 0, func() (*image, error) {
			return newImage(C.cr_unfan(img.pix, C.double(did.slope(img.height()))), "unfan page")
		}},
		{did.turned != 0, func() (*image, error) {
			return newImage(C.cr_straighten(img.pix, C.double(did.turned)), "straighten page")
		}},
	} {
		if !step.needed {
			continue
		}
		if err := img.replace(step.do()); err != nil {
			return nil, did, err
		}
	}
	return img, did, nil
}

// needs is what the page shows that it needs, and the values of its darkest and
// brightest paper. Where white is to come in, paper that is not white is made so: the
// engine would take it for ink.
func (s *sheet) needs() (c cleaning, darkest, brightest float64) {
	c.inverted = s.blocks != nil
	c.wiped = s.edges != nil
	c.turned = s.skew(s.lines)
	c.smoothed = s.ragged()
	darkest, brightest = s.light()
	c.dusted = s.specks != nil && darkest >= deepShade*brightest // in the shade, noise looks like specks
	c.evened = darkest < darkPaper*brightest || (c.wiped || c.turned != 0) && darkest < whitePaper
	if c.evened {
		c.fan = s.fan()
	}
	c.scale = engineScale(s.dpi, s.img.width(), s.img.height(), c.smoothed || darkest < deepShade*brightest)
	return c, darkest, brightest
}

// ragged reports whether a page of one bit needs its strokes smoothed.
func (s *sheet) ragged() bool {
	var share C.double
	return s.img.depth() == 1 && C.cr_ragged(s.ink.pix, &share) == 0 && share > ragged
}

// light is the value of the sheet's darkest and of its brightest paper. One-bit
// pages have no light.
func (s *sheet) light() (darkest, brightest float64) {
	if s.img.depth() == 1 {
		return 255, 255
	}
	grey, err := newImage(C.cr_grey(s.img.pix), "find light")
	if err != nil {
		return 255, 255
	}
	defer grey.close()
	var mask *C.PIX
	if s.edges != nil {
		mask = s.edges.pix
	}
	var low, high C.double
	if C.cr_light(grey.pix, mask, C.int(max(16, s.dpi/25)), &low, &high) != 0 {
		return 255, 255
	}
	return float64(low), float64(high)
}

// even is the grey image evenly lit. Pictures too small to measure their light
// keep it.
func (s *sheet) even(img *image, darkest float64, did *cleaning) *image {
	tile := max(int(float64(s.dpi)*did.scale)/tilesPerInch, 8)
	lit, err := newImage(C.cr_even(img.pix, C.int(tile), C.int(max(darkest, darkestPaper))), "even light")
	if err != nil {
		did.evened = false
		return img.clone()
	}
	return lit
}

// skew is by how many degrees clockwise the page must be turned for these lines
// to stand straight; 0 where they are straight enough or nobody knows.
func (s *sheet) skew(lines *image) float64 {
	least := minSkew
	if s.img.depth() == 1 {
		least = minBitSkew
	}
	if degrees, known := s.slant(lines); known && math.Abs(degrees) >= least {
		return degrees
	}
	return 0
}

// slant is by how many degrees clockwise lines must be turned to be straight,
// and whether that is known.
func (s *sheet) slant(lines *image) (float64, bool) {
	var degrees, sure C.double
	if C.cr_skew(lines.pix, C.int(s.dpi), &degrees, &sure) != 0 {
		return 0, false
	}
	return float64(degrees), sure >= sureSkew
}

// fan is by how many degrees more the page's lowest line must be turned than
// its highest, as where a camera looked from above; 0 for less than matters.
// It is measured in five stripes, each a third of the page high.
func (s *sheet) fan() float64 {
	var places, slants []float64
	w, h := s.img.width(), s.img.height()
	for i := range 5 {
		stripe, err := s.lines.clip(0, i*h/6, w, h/3)
		if err != nil {
			return 0
		}
		if degrees, known := s.slant(stripe); known {
			places, slants = append(places, float64(i)/6), append(slants, degrees)
		}
		stripe.close()
	}
	if fan, stray := trend(places, slants); math.Abs(fan) >= minFan && math.Abs(fan) <= maxFan && stray <= math.Abs(fan)/6 {
		return fan
	}
	return 0
}

// trend is by how much y grows with x, and how far the value strays that fits
// worst: what seems to grow on a page that one place misleads about strays far.
// Fewer than three values have no trend.
func trend(x, y []float64) (slope, stray float64) {
	if len(x) < 3 {
		return 0, 0
	}
	var mx, my, xx, xy float64
	for i := range x {
		mx, my = mx+x[i]/float64(len(x)), my+y[i]/float64(len(x))
	}
	for i := range x {
		xx, xy = xx+(x[i]-mx)*(x[i]-mx), xy+(x[i]-mx)*(y[i]-my)
	}
	slope = xy / xx
	for i := range x {
		stray = max(stray, math.Abs(y[i]-my-slope*(x[i]-mx)))
	}
	return slope, stray
}

// slope is by how much the slope of the lines on a page of this height changes
// from row to row.
func (c cleaning) slope(height int) float64 {
	return -math.Tan(c.fan*math.Pi/180) / float64(height)
}

// back is where a box on the page as it was read, of the given size, lies on
// the page as it was before it was unfanned and straightened, of the other
// size. Both were done about the middle.
func (c cleaning) back(b record.Box, width, height, wasWidth, wasHeight int) record.Box {
	if c.turned == 0 && c.fan == 0 {
		return b
	}
	sin, cos := math.Sincos(-c.turned * math.Pi / 180)
	x, y := float64(b.Left)+float64(b.Width-width)/2, float64(b.Top)+float64(b.Height-height)/2
	w, h := float64(b.Width)*cos+float64(b.Height)*math.Abs(sin), float64(b.Height)*cos+float64(b.Width)*math.Abs(sin)
	x, y = x*cos-y*sin, x*sin+y*cos
	slope := c.slope(wasHeight) * y
	y += slope * x
	h += math.Abs(slope) * w
	left, top := x+float64(wasWidth)/2-w/2, y+float64(wasHeight)/2-h/2
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

// findBlocks finds the sheet's dark blocks that hold white writing.
func (s *sheet) findBlocks() error {
	var mask *C.PIX
	if C.cr_inverted(s.lines.pix, C.int(s.dpi), &mask) != 0 {
		return fmt.Errorf("find dark blocks: %w", errImage)
	}
	if mask != nil {
		s.blocks = &image{mask}
	}
	return nil
}

// findSpecks finds the sheet's dirt, where there is so much that it matters.
func (s *sheet) findSpecks() error {
	var mask *C.PIX
	if C.cr_specks(s.lines.pix, C.int(s.dpi), dirty, &mask) != 0 {
		return fmt.Errorf("find specks: %w", errImage)
	}
	if mask == nil {
		return nil
	}
	s.specks = &image{mask}
	return s.lines.replace(newImage(C.cr_dust(s.lines.pix, mask, 255), "wipe specks"))
}

// The confidences, as measured by Leptonica, from which risers and tails of
// the letters are believed to tell how a page is turned.
const (
	sureUp       = 10.0
	sureDown     = -4.0
	sureSideways = 8.0
)

// maybeSideways is how much the columns of ink must change, in relation to
// the rows, for a quarter turn to be thought of, and sidewaysStripes for it to
// be likely.
const maybeSideways, sidewaysStripes = 0.6, 1.5

// stance is how a page seems to stand, by its ink alone: turn is the degrees
// clockwise by which to try and turn it. It is doubtful where its lines seem to
// run up and down without telling which way, and sure where letters and lines
// agree that it stands upright.
type stance struct {
	turn           int
	sure, doubtful bool
}

// stance looks how the sheet stands.
func (s *sheet) stance() (stance, error) {
	rows, columns, err := s.lines.stripes()
	if err != nil {
		return stance{}, err
	}
	var up, right C.double
	askRight := &right
	if columns < maybeSideways*rows {
		askRight = nil
	}
	if C.cr_orient(s.lines.pix, C.int(s.dpi), &up, askRight) != 0 {
		return stance{doubtful: columns > sidewaysStripes*rows}, nil
	}
	switch strong := math.Abs(float64(right)) >= max(sureSideways, 2*math.Abs(float64(up))); {
	case strong && right < 0:
		return stance{turn: 270}, nil
	case strong:
		return stance{turn: 90}, nil
	case columns > sidewaysStripes*rows:
		return stance{doubtful: true}, nil
	case up <= sureDown:
		return stance{turn: 180}, nil
	}
	return stance{sure: up >= sureUp && columns < rows}, nil
}
