package ocr

// #cgo pkg-config: zxing
// #cgo CXXFLAGS: -O2 -std=c++17
// #include "barcode.h"
import "C"

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"
	"unicode/utf8"

	"chartroom/record"
)

// Barcodes are read before the words. The library that reads them takes as
// long for a whole page as a twelfth of the words do, so that it sees a page
// only small, for codes that are large; for the others it sees the parts of
// the page that look like bars, or like dense squares, each at its full size.
// Such a part is tried in several ways, the plain one first: bars that lean are
// set straight, small ones enlarged, and specks averaged away along the bars,
// which is what a fax needs.
//
// Codes with a check digit speak for themselves. The others are found in print
// by anybody who looks long enough, so that they must be as tall as bars are.

// symbologies are the kinds of codes, in the order of barcode.cpp.
var symbologies = [...]string{record.Code128, record.Code39, record.ITF, record.Codabar, record.QR, record.DataMatrix, record.PDF417, record.Aztec}

// linear says whether the code is made of bars. PDF417 is made of rows of them.
func linear(symbology string) bool { return slices.Contains(symbologies[:4], symbology) }

// The bounds of what is looked at and of what is found on one page.
const (
	wholePixels = 1_500_000  // a smaller image is looked at whole, at its full size
	smallPixels = 2_200_000  // the size at which large codes and parts are looked for
	partPixels  = 40_000_000 // of parts, decoded in all ways
	maxRegions  = 24
	maxBarcodes = 64
	maxPayload  = 8 << 10
)

// A find is a code with its corners on the page.
type find struct {
	symbology string
	text      string
	gs1       bool
	lines     int
	corners   [4]point
}

type point struct{ x, y float64 }

// A place is how a decoded image lies on the page: turned clockwise about its
// middle by so many degrees, then scaled, after it was cut out.
type place struct {
	cut            record.Box
	degrees, scale float64
	width, height  int // of the decoded image
}

// onPage is where a point of the decoded image lies on the page.
func (p place) onPage(at point) point {
	sin, cos := math.Sincos(-p.degrees * math.Pi / 180)
	x, y := (at.x-float64(p.width)/2)/p.scale, (at.y-float64(p.height)/2)/p.scale
	return point{x*cos - y*sin + float64(p.cut.Left) + float64(p.cut.Width)/2, x*sin + y*cos + float64(p.cut.Top) + float64(p.cut.Height)/2}
}

// barcodes finds the codes of a sheet, patch codes among them, in the order in
// which they stand.
func (s *sheet) barcodes() ([]record.Barcode, error) {
	out, err := s.patches()
	if err != nil {
		return nil, err
	}
	all, err := s.findCodes()
	if err != nil {
		return nil, fmt.Errorf("read barcodes: %w", err)
	}
	all = agreed(all)
	for _, f := range all[:min(len(all), maxBarcodes)] {
		if box := f.box(s.img.width(), s.img.height()); !box.Empty() && len(f.text) <= maxPayload {
			out = append(out, record.Barcode{Symbology: f.symbology, Text: record.Hide(escape(f.text)), GS1: f.gs1, Box: box})
		}
	}
	slices.SortStableFunc(out, func(a, b record.Barcode) int {
		return cmp.Or(cmp.Compare(a.Box.Top, b.Box.Top), cmp.Compare(a.Box.Left, b.Box.Left))
	})
	return out, nil
}

// escape writes bytes that are not UTF-8, and only those, as \xNN.
func escape(s string) string {
	if utf8.ValidString(s) {
		return s
	}
	var b strings.Builder
	for len(s) > 0 {
		r, n := utf8.DecodeRuneInString(s)
		if r == utf8.RuneError && n == 1 {
			fmt.Fprintf(&b, `\x%02X`, s[0])
		} else {
			b.WriteString(s[:n])
		}
		s = s[n:]
	}
	return b.String()
}

// A search goes through one sheet.
type search struct {
	*sheet
	budget int // pixels still to be decoded
	found  []find
}

func (s *sheet) findCodes() ([]find, error) {
	whole := record.Box{Width: s.img.width(), Height: s.img.height()}
	pixels := whole.Width * whole.Height
	if whole.Width < 16 || whole.Height < 16 {
		return nil, nil
	}
	look := search{sheet: s, budget: partPixels}
	if pixels <= wholePixels {
		return look.found, look.part(region{whole, both, 0})
	}
	f := factor(pixels, smallPixels)
	small, err := s.img.reduced(f)
	if err != nil {
		return nil, err
	}
	defer small.close()
	tiny, err := small.reduced(2) // large codes of squares; what is small or has bars is among the regions
	if err != nil {
		return nil, err
	}
	defer tiny.close()
	at := place{cut: whole, scale: 1 / float64(2*f), width: tiny.width(), height: tiny.height()}
	look.found = tiny.codes(at, squares, s.dpi)
	for _, r := range s.regions(small, f) {
		if taken(r.box, look.found) {
			continue
		}
		if err := look.part(r); err != nil {
			return nil, err
		}
	}
	return look.found, nil
}

// reduced is the image in grey, smaller by a whole factor.
func (m *image) reduced(factor int) (*image, error) {
	return newImage(C.cr_reduce(m.pix, C.int(factor)), "reduce image")
}

// factor is by how much pixels must shrink, across and down, to be at most so
// many.
func factor(pixels, most int) int { return int(math.Ceil(math.Sqrt(float64(pixels) / float64(most)))) }

// taken says whether codes already found fill a part of the page.
func taken(box record.Box, found []find) bool {
	area := 0
	for _, f := range found {
		b := f.box(math.MaxInt32, math.MaxInt32)
		w, h := min(b.Right(), box.Right())-max(b.Left, box.Left), min(b.Bottom(), box.Bottom())-max(b.Top, box.Top)
		area += max(w, 0) * max(h, 0)
	}
	return area*3 > box.Width*box.Height
}

// How codes are looked for.
const (
	bars    = C.CR_LINEAR
	squares = C.CR_MATRIX
	both    = bars | squares
)

// A region is a part of the page that looks like codes.
type region struct {
	box     record.Box
	how     int
	degrees float64
}

// regions are the parts of the sheet that look like bars or dense squares, seen
// on an image of it reduced by factor, with a margin around them.
func (s *sheet) regions(small *image, factor int) []region {
	dpi := max(s.dpi/factor, 1)
	var buf [2 * maxRegions]C.cr_region
	n := C.cr_regions(small.pix, C.int(dpi), &buf[0], maxRegions)
	out := make([]region, n)
	for i, r := range buf[:n] {
		out[i] = region{how: squares, degrees: float64(r.degrees)}
		x, y := dpi/10, dpi/10
		if r.bars > 0 { // what leans stands out of its blocks, and the outermost bars may be spoilt
			out[i].how, x, y = both, dpi/5, dpi/5
			if along := math.Abs(float64(r.degrees)); along < 60 {
				x = dpi * 2 / 5
			} else {
				y = dpi * 2 / 5
			}
		}
		box := record.Box{Left: int(r.left) - x, Top: int(r.top) - y, Width: int(r.width) + 2*x, Height: int(r.height) + 2*y}
		out[i].box = fit(box, float64(factor), s.img.width(), s.img.height())
	}
	return out
}

// leastLean is from how many degrees on a part is turned to be read.
const leastLean = 3

// part looks into a part of the page in several ways until one finds codes.
func (s *search) part(r region) error {
	at := place{cut: r.box, scale: 1}
	if off := math.Abs(math.Mod(r.degrees, 90)); off > leastLean && off < 90-leastLean {
		at.degrees = r.degrees
	}
	ways := waysForSquares
	if r.how&bars != 0 {
		ways = waysForBars
	}
	for i, w := range ways {
		if i == 1 && r.how&bars != 0 && !s.barred(at) {
			return nil
		}
		pixels := int(float64(r.box.Width*r.box.Height) * w.scale * w.scale)
		if pixels > 4*wholePixels || pixels > s.budget {
			continue
		}
		s.budget -= pixels
		at.scale = w.scale
		if w.straight {
			if at.degrees = s.lean(r.box); math.Abs(at.degrees) <= leastLean {
				continue
			}
		}
		found, err := s.decode(at, r.how&w.how|w.how&C.CR_GLOBAL, w)
		s.found = append(s.found, found...)
		if err != nil || len(found) > 0 {
			return err
		}
	}
	return nil
}

// barred says whether what stands in a part that looked like bars is as tall
// as they are: lines of print are not, and the other ways can be spared.
func (s *search) barred(at place) bool {
	img, err := newImage(C.cr_cut(s.img.pix, C.int(at.cut.Left), C.int(at.cut.Top), C.int(at.cut.Width), C.int(at.cut.Height), C.double(at.degrees), 1), "cut out part")
	if err != nil {
		return false
	}
	defer img.close()
	w, h := float64(img.width()), float64(img.height())
	for i := 1.0; i <= 3; i++ {
		for _, line := range [][4]float64{{w / 4, h * i / 4, w * 3 / 4, h * i / 4}, {w * i / 4, h / 4, w * i / 4, h * 3 / 4}} {
			var above, below C.int
			C.cr_tall(img.pix, C.double(line[0]), C.double(line[1]), C.double(line[2]), C.double(line[3]), C.int(max(w, h)), &above, &below)
			if float64(above+below) >= leastPlain*float64(s.dpi) {
				return true
			}
		}
	}
	return false
}

// A way is how a part is decoded: at what scale, for what, with the mean of
// how many rows, without specks, and set straight by its edges.
type way struct {
	scale     float64
	how       int
	average   int
	despeckle bool
	straight  bool
}

var (
	waysForBars = []way{{scale: 1, how: both}, {scale: 2, how: both}, {scale: 1, how: bars, average: 8}, {scale: 2, how: bars, average: 24}, {scale: 1, how: both | C.CR_GLOBAL},
		{scale: 0.5, how: both}, {scale: 1, how: squares, despeckle: true}}
	waysForSquares = []way{{scale: 1, how: squares}, {scale: 2, how: squares}, {scale: 1, how: squares, despeckle: true}, {scale: 0.5, how: squares}, {scale: 1, how: squares | C.CR_GLOBAL}, {scale: 1, how: squares, straight: true}}
)

// lean is by how many degrees a part must be turned to stand straight.
func (s *search) lean(box record.Box) float64 {
	img, err := newImage(C.cr_cut(s.img.pix, C.int(box.Left), C.int(box.Top), C.int(box.Width), C.int(box.Height), 0, 1), "cut out part")
	if err != nil {
		return 0
	}
	defer img.close()
	return float64(C.cr_lean(img.pix))
}

// decode cuts a part out of the page and reads the codes on it.
func (s *search) decode(at place, how int, w way) ([]find, error) {
	img, err := newImage(C.cr_cut(s.img.pix, C.int(at.cut.Left), C.int(at.cut.Top), C.int(at.cut.Width), C.int(at.cut.Height), C.double(at.degrees), C.double(at.scale)), "cut out part")
	if err != nil {
		return nil, err
	}
	defer img.close()
	at.width, at.height = img.width(), img.height()
	if w.despeckle {
		if err := img.replace(newImage(C.cr_despeckle(img.pix), "take specks away")); err != nil {
			return nil, err
		}
	}
	if w.average == 0 {
		return img.codes(at, how, s.dpi), nil
	}
	var found []find
	for lying := range 2 {
		flat, err := newImage(C.cr_average(img.pix, C.int(lying), C.int(w.average)), "average part")
		if err != nil {
			return nil, err
		}
		found = append(found, flat.codes(at, how, s.dpi)...)
		flat.close()
	}
	return found, nil
}

// codes reads the codes of a grey image that lies on the page at a place.
func (m *image) codes(at place, how, dpi int) []find {
	var buf [maxBarcodes]C.cr_code
	n := C.cr_codes(m.pix, C.int(how), &buf[0], maxBarcodes)
	defer C.cr_free_codes(&buf[0], n)
	var out []find
	for _, c := range buf[:n] {
		f := find{symbology: symbologies[c.symbology], text: C.GoStringN(c.text, C.int(c.size)), gs1: c.gs1 != 0, lines: int(c.lines)}
		for i := range f.corners {
			f.corners[i] = point{float64(c.x[i]), float64(c.y[i])}
		}
		if linear(f.symbology) && !m.stands(&f, float64(dpi)*at.scale) {
			continue
		}
		for i := range f.corners {
			f.corners[i] = at.onPage(f.corners[i])
		}
		out = append(out, f)
	}
	return out
}

// The least height of bars, in inches and as a share of the code's width, and
// the fewest characters, of codes with a check digit and of those without.
const (
	leastChecked, leastPlain = 0.04, 0.1
	leastShare               = 0.04
	leastChars               = 3
	leastLines               = 3
)

// stands gives a linear code the height that its bars have, and says whether
// that is credible. The library tells only which lines it read.
func (m *image) stands(f *find, dpi float64) bool {
	a, b := middle(f.corners[0], f.corners[3]), middle(f.corners[1], f.corners[2])
	var above, below C.int
	most := max(m.width(), m.height())
	C.cr_tall(m.pix, C.double(a.x), C.double(a.y), C.double(b.x), C.double(b.y), C.int(most), &above, &below)
	width := math.Hypot(b.x-a.x, b.y-a.y)
	height := float64(above + below)
	if width == 0 || height == 0 {
		return false
	}
	ux, uy := (b.x-a.x)/width, (b.y-a.y)/width
	up, down := point{uy * float64(above), -ux * float64(above)}, point{-uy * float64(below), ux * float64(below)}
	f.corners = [4]point{a.plus(up), b.plus(up), b.plus(down), a.plus(down)}
	if f.symbology == record.Code128 {
		return height >= leastChecked*dpi
	}
	return height >= leastPlain*dpi && height >= leastShare*width && f.lines >= leastLines && len(f.text) >= leastChars
}

func middle(a, b point) point      { return point{(a.x + b.x) / 2, (a.y + b.y) / 2} }
func (p point) plus(o point) point { return point{p.x + o.x, p.y + o.y} }

// box is the smallest box around the code on a page of the given size.
func (f *find) box(width, height int) record.Box {
	c := &f.corners
	left, right := min(c[0].x, c[1].x, c[2].x, c[3].x), max(c[0].x, c[1].x, c[2].x, c[3].x)
	top, bottom := min(c[0].y, c[1].y, c[2].y, c[3].y), max(c[0].y, c[1].y, c[2].y, c[3].y)
	return fit(record.Box{Left: int(left), Top: int(top), Width: int(math.Ceil(right)) - int(left), Height: int(math.Ceil(bottom)) - int(top)}, 1, width, height)
}

// agreed keeps each code once. Where two readings of one place differ, the
// one that stands on a check digit, or else on more than three times as many
// lines, is kept; otherwise neither can be believed.
func agreed(all []find) []find {
	slices.SortStableFunc(all, func(a, b find) int { return cmp.Compare(a.ends(), b.ends()) })
	drop := make([]bool, len(all))
	for i := range all {
		for j := range all[:i] {
			a, b := &all[i], &all[j]
			if drop[i] || drop[j] {
				continue
			}
			if a.text == b.text && a.symbology == b.symbology {
				drop[i] = touch(a, b)
				continue
			}
			if !samePlace(a, b) {
				continue
			}
			switch {
			case b.weight() > 3*a.weight():
				drop[i] = true
			case a.weight() > 3*b.weight():
				drop[j] = true
			default:
				drop[i], drop[j] = true, true
			}
		}
	}
	kept := all[:0]
	for i, f := range all {
		if !drop[i] {
			kept = append(kept, f)
		}
	}
	return kept
}

// weight is how far a reading is believed beside another of the same place.
func (f *find) weight() int {
	if linear(f.symbology) && f.symbology != record.Code128 {
		return f.lines
	}
	return f.lines + 100_000
}

// ends is 1 for a code of which the library saw only one end, though it read
// the whole, and 0 for others.
func (f *find) ends() int {
	if c := &f.corners; c[0] == c[1] || c[1] == c[2] || c[2] == c[3] || c[3] == c[0] {
		return 1
	}
	return 0
}

// touch says whether the boxes of two codes meet, but for a few pixels.
func touch(a, b *find) bool {
	const slack = 4
	p, q := a.box(math.MaxInt32, math.MaxInt32), b.box(math.MaxInt32, math.MaxInt32)
	return p.Left < q.Right()+slack && q.Left < p.Right()+slack && p.Top < q.Bottom()+slack && q.Top < p.Bottom()+slack
}

// samePlace says whether the middle of one code lies in the other.
func samePlace(a, b *find) bool {
	in := func(a, b *find) bool {
		box := b.box(math.MaxInt32, math.MaxInt32)
		m := middle(a.corners[0], a.corners[2])
		return m.x >= float64(box.Left) && m.x <= float64(box.Right()) && m.y >= float64(box.Top) && m.y <= float64(box.Bottom())
	}
	return in(a, b) || in(b, a)
}

// turnedCodes are the codes on a page of the given size once that is turned
// clockwise.
func turnedCodes(codes []record.Barcode, degrees int, from size) []record.Barcode {
	for i := range codes {
		codes[i].Box = turnBox(codes[i].Box, degrees, from.width, from.height)
	}
	return codes
}

// besides is the words without what the engine saw in the bars and squares.
func besides(words []record.Word, codes []record.Barcode) []record.Word {
	return slices.DeleteFunc(words, func(w record.Word) bool {
		x, y := w.Box.Left+w.Box.Width/2, w.Box.Top+w.Box.Height/2
		return slices.ContainsFunc(codes, func(c record.Barcode) bool {
			return x >= c.Box.Left && x < c.Box.Right() && y >= c.Box.Top && y < c.Box.Bottom()
		})
	})
}

// turnBox is where a box lies on a page of the given size when the page is
// turned clockwise by a multiple of 90 degrees.
func turnBox(b record.Box, degrees, width, height int) record.Box {
	switch degrees {
	case 90:
		return record.Box{Left: height - b.Bottom(), Top: b.Left, Width: b.Height, Height: b.Width}
	case 180:
		return record.Box{Left: width - b.Right(), Top: height - b.Bottom(), Width: b.Width, Height: b.Height}
	case 270:
		return record.Box{Left: b.Top, Top: width - b.Right(), Width: b.Height, Height: b.Width}
	}
	return b
}
