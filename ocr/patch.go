package ocr

// #include "imagelib.h"
import "C"

import (
	"fmt"
	"math"
	"slices"
	"unsafe"

	"chartroom/record"
)

// A patch code is four bars across a separator sheet, two of them wide: 0.20
// inches, the other two and the three gaps 0.08. Which two are wide, as they
// are met from the edge of the sheet, is all that it says. No library that reads
// barcodes knows them.
//
// They are looked for in a small copy of the ink, along every row for bars that
// stand and every column for bars that lie. A row says little: any four bars of
// a barcode may look like it. So the four must run on beside each other, as long
// as the whole is wide, alone on white paper, and on average be wide and narrow
// in the right proportion.

// patchNames are the codes by which of their bars are wide, outermost first.
var patchNames = map[[4]bool]string{
	{true, true, false, false}: "1",
	{true, false, false, true}: "2",
	{true, false, true, false}: "3",
	{false, true, true, false}: "4",
	{false, false, true, true}: "6",
	{false, true, false, true}: "T",
}

// The measures of a patch code. Its unit is the width of a narrow bar.
const (
	patchDPI      = 75   // at least so many dots an inch in the small copy
	patchUnits    = 10.0 // the four bars with their gaps
	leastUnit     = 0.05 // inches: 0.08, printed and scanned somewhat smaller or larger
	mostUnit      = 0.125
	patchQuiet    = 3.0 // units of white on both sides
	edgeQuiet     = 1.0 // where the image ends there
	patchHair     = 0.3 // units: what is thinner is dirt or a hairline
	patchReach    = 0.4 // of the page: a code lies so near to its edge
	patchGap      = 0.1 // inches along the bars that may be unreadable
	patchSkew     = 0.15
	leastWide     = 2.2 // wide to narrow, on average
	mostWide      = 2.8
	leastUnits    = 9.0 // how long the bars are
	leastReadable = 0.6 // of that length
)

// patches finds the patch codes of a sheet, each of them once.
func (s *sheet) patches() ([]record.Barcode, error) {
	small, shrunk, err := s.ink.shrunk(s.dpi / patchDPI)
	if err != nil {
		return nil, fmt.Errorf("look for patch codes: %w", err)
	}
	defer small.close()
	dots := small.dots()
	dpi := float64(s.dpi) / float64(shrunk)
	var found []record.Barcode
	for _, across := range []bool{true, false} {
		for _, t := range tracks(dots, across, dpi) {
			name, ok := t.name(dots.extent(across))
			if !ok || slices.ContainsFunc(found, func(b record.Barcode) bool { return b.Text.Reveal() == name }) {
				continue
			}
			found = append(found, record.Barcode{Symbology: record.SymbologyPatch, Text: record.Hide(name),
				Box: fit(t.box(across), float64(shrunk), s.img.width(), s.img.height())})
		}
	}
	return found, nil
}

// dots is a one-bit image in Go's hands.
type dots struct {
	width, height int
	bits          []bool // row by row, true for ink
}

// extent is the length of the lines that cross bars that stand (across), or
// that lie.
func (d *dots) extent(across bool) int {
	if across {
		return d.width
	}
	return d.height
}

func (d *dots) lines(across bool) int { return d.extent(!across) }

// stretch is a run of ink or of white on a line.
type stretch struct {
	ink        bool
	start, end int
}

func (r stretch) length() float64 { return float64(r.end - r.start) }

// stretches parts a line, row or column, into runs. Ink thinner than a hair is
// white, and white is ink.
func (d *dots) stretches(n int, across bool, hair int, out []stretch) []stretch {
	out = out[:0]
	at, step := n*d.width, 1
	if !across {
		at, step = n, d.width
	}
	for i := range d.extent(across) {
		ink := d.bits[at]
		at += step
		if k := len(out) - 1; k >= 0 && out[k].ink == ink {
			out[k].end = i + 1
			continue
		}
		out = append(out, stretch{ink, i, i + 1})
	}
	kept := out[:0]
	for i, r := range out {
		k := len(kept) - 1
		if k >= 0 && (kept[k].ink == r.ink || i+1 < len(out) && r.end-r.start < hair) {
			kept[k].end = r.end
			continue
		}
		kept = append(kept, r)
	}
	return kept
}

// track is a patch code followed from line to line.
type track struct {
	wide                [4]bool
	first, last         int     // lines
	lines               int     // on which it was read
	start, end          int     // on the last of them
	low, high           int     // over all
	narrow, gaps, broad float64 // sums of the mean widths on a line
}

// tracks follows what looks like a patch code from line to line and returns
// what runs on for long enough.
func tracks(d *dots, across bool, dpi float64) (found []*track) {
	var open []*track
	var runs []stretch
	hair := max(int(patchHair*leastUnit*dpi+0.5), 1) + 1
	finish := func(before int) {
		open = slices.DeleteFunc(open, func(t *track) bool {
			if t.last >= before {
				return false
			}
			if t.holds() {
				found = append(found, t)
			}
			return true
		})
	}
	for n := range d.lines(across) {
		runs = d.stretches(n, across, hair, runs)
		for i := 0; i+7 <= len(runs); i++ {
			c, ok := candidate(runs, i, d.extent(across), dpi)
			if !ok {
				continue
			}
			c.first, c.last, c.lines = n, n, 1
			if at := slices.IndexFunc(open, func(t *track) bool { return t.goesOn(&c) }); at >= 0 {
				open[at].add(&c)
			} else {
				open = append(open, &c)
			}
		}
		finish(n - int(patchGap*dpi+0.5))
	}
	finish(math.MaxInt)
	return found
}

// candidate reads seven runs of a line as a patch code, roughly.
func candidate(runs []stretch, i, extent int, dpi float64) (t track, ok bool) {
	bars := runs[i : i+7]
	if !bars[0].ink {
		return t, false
	}
	whole := float64(bars[6].end - bars[0].start)
	unit := whole / patchUnits
	if unit < leastUnit*dpi || unit > mostUnit*dpi || !quiet(runs, i-1, unit, extent) || !quiet(runs, i+7, unit, extent) {
		return t, false
	}
	wide := 0
	for k, r := range bars {
		w := r.length() / unit
		switch {
		case k%2 == 1: // a gap
			if w < 0.5 || w > 1.6 {
				return t, false
			}
			t.gaps += r.length() / 3
		case w > 1.9 && w < 3.2:
			wide++
			t.wide[k/2] = true
			t.broad += r.length() / 2
		case w > 0.5 && w < 1.7:
			t.narrow += r.length() / 2
		default:
			return t, false
		}
	}
	t.start, t.end = bars[0].start, bars[6].end
	t.low, t.high = t.start, t.end
	return t, wide == 2
}

// quiet reports whether run i is white enough to stand beside a patch code.
func quiet(runs []stretch, i int, unit float64, extent int) bool {
	if i < 0 || i >= len(runs) {
		return false
	}
	r := runs[i]
	if r.start == 0 || r.end == extent {
		return r.length() >= edgeQuiet*unit
	}
	return r.length() >= patchQuiet*unit
}

// goesOn reports whether c, on a later line, is the same bars.
func (t *track) goesOn(c *track) bool {
	slack := 1.5 + patchSkew*float64(c.first-t.last)
	return t.wide == c.wide && t.last < c.first && math.Abs(float64(t.start-c.start)) <= slack && math.Abs(float64(t.end-c.end)) <= slack
}

func (t *track) add(c *track) {
	t.last, t.start, t.end = c.last, c.start, c.end
	t.low, t.high = min(t.low, c.low), max(t.high, c.high)
	t.lines++
	t.narrow, t.gaps, t.broad = t.narrow+c.narrow, t.gaps+c.gaps, t.broad+c.broad
}

// holds reports whether the bars are long enough, read often enough, and of the
// right proportion once what ink has spread over white is given back.
func (t *track) holds() bool {
	n := float64(t.lines)
	narrow, gap, broad := t.narrow/n, t.gaps/n, t.broad/n
	unit := (narrow + gap) / 2
	length := float64(t.last - t.first + 1)
	ratio := (broad - (narrow - unit)) / unit
	return length >= leastUnits*unit && n >= leastReadable*length && ratio >= leastWide && ratio <= mostWide
}

// name reads the code from the edge of the page that it lies at inwards, which
// is how a scanner meets it. In the middle of the page it has no direction.
func (t *track) name(extent int) (string, bool) {
	middle := float64(t.low+t.high) / 2 / float64(extent)
	wide := t.wide
	switch {
	case middle > 1-patchReach:
		slices.Reverse(wide[:])
	case middle > patchReach:
		return "", false
	}
	name, ok := patchNames[wide]
	return name, ok
}

func (t *track) box(across bool) record.Box {
	if across {
		return record.Box{Left: t.low, Top: t.first, Width: t.high - t.low, Height: t.last - t.first + 1}
	}
	return record.Box{Left: t.first, Top: t.low, Width: t.last - t.first + 1, Height: t.high - t.low}
}

// shrunk is a one-bit image made smaller by two, four or eight, the most that
// is not more than asked for. A dot of it is ink where half of the image is.
func (m *image) shrunk(most int) (*image, int, error) {
	levels, by := [4]C.l_int32{}, 1
	for i := 0; i < 3 && by*2 <= most; i++ {
		levels[i], by = 2, by*2
	}
	if by == 1 {
		return m.clone(), 1, nil
	}
	small, err := newImage(C.pixReduceRankBinaryCascade(m.pix, levels[0], levels[1], levels[2], levels[3]), "shrink image")
	return small, by, err
}

// dots copies a one-bit image.
func (m *image) dots() *dots {
	d := &dots{width: m.width(), height: m.height()}
	d.bits = make([]bool, 0, d.width*d.height)
	stride := int(C.pixGetWpl(m.pix))
	words := unsafe.Slice((*uint32)(unsafe.Pointer(C.pixGetData(m.pix))), stride*d.height)
	for y := range d.height {
		row := words[y*stride:]
		for x := range d.width {
			d.bits = append(d.bits, row[x/32]>>(31-x%32)&1 == 1)
		}
	}
	return d
}
