package ocr

// #include "imagelib.h"
import "C"

import (
	"math"

	"chartroom/record"
)

// sheet is one side of paper: its image, its resolution in dots per inch, and
// its ink as a one-bit image of the same size. edges is what of the ink is the
// black around the paper or a punch hole, specks what is dirt, and blocks
// where writing is white on dark, each nil where there is none; lines is the ink
// without edges and specks. turned is by how many degrees clockwise the sheet was turned on
// the way here.
type sheet struct {
	img    *image
	ink    *image
	lines  *image
	edges  *image
	specks *image
	blocks *image
	dpi    int
	turned int
}

// newSheet takes the image over. What the file says of its resolution is
// believed where the paper would have a credible size.
func newSheet(img *image, x, y int) (*sheet, error) {
	x, y = resolution(img.width(), img.height(), x, y)
	if fx, fy := squaring(x, y); fx != 1 || fy != 1 {
		if err := img.replace(img.scale(fx, fy)); err != nil {
			return nil, err
		}
	}
	if err := img.flatten(); err != nil {
		return nil, err
	}
	s := &sheet{img: img, dpi: max(x, y)}
	var err error
	if s.ink, err = img.ink(); err == nil {
		err = s.findEdges()
	}
	if err == nil {
		err = s.findSpecks()
	}
	if err == nil {
		err = s.findBlocks()
	}
	if err != nil {
		s.close()
		return nil, err
	}
	return s, nil
}

// twoTone is how many dots between black and white there may be for each black
// one on a page that was black and white before it was stored as grey.
const twoTone = 0.12

// flatten makes one bit of a grey page that shows nothing but black and white.
func (m *image) flatten() error {
	if m.depth() != 8 || C.cr_between(m.pix) > twoTone {
		return nil
	}
	return m.replace(newImage(C.pixThresholdToBinary(m.pix, 128), "flatten page"))
}

func (s *sheet) close() {
	s.img.close()
	s.ink.close()
	s.lines.close()
	s.edges.close()
	s.specks.close()
	s.blocks.close()
}

// turn gives the sheet turned; by 0 degrees it is the sheet itself.
func (s *sheet) turn(degrees int) (*sheet, error) {
	if degrees == 0 {
		return s, nil
	}
	t := &sheet{dpi: s.dpi, turned: (s.turned + degrees) % 360}
	for _, part := range []struct {
		from *image
		to   **image
	}{{s.img, &t.img}, {s.ink, &t.ink}, {s.lines, &t.lines}, {s.edges, &t.edges}, {s.specks, &t.specks}, {s.blocks, &t.blocks}} {
		if part.from == nil {
			continue
		}
		var err error
		if *part.to, err = part.from.turn(false, degrees); err != nil {
			t.close()
			return nil, err
		}
	}
	return t, nil
}

// The resolutions and sizes of paper that are believed: dots per inch, and
// inches of the longer side. Cameras and programs that do not know write 72 or
// 96: as low as that is believed for paper up to a drawing of 17 inches only.
const (
	minDPI, maxDPI     = 50, 2400
	minPaper, maxPaper = 1.5, 40.0
	lowDPI, lowPaper   = 100, 17.5
)

// resolution is what the file says, or, where that is missing or absurd, what
// makes the longer side eleven inches.
func resolution(width, height, x, y int) (int, int) {
	if x <= 0 {
		x = y
	}
	if y <= 0 {
		y = x
	}
	if x >= minDPI && x <= maxDPI && y >= minDPI && y <= maxDPI {
		if inches := max(float64(width)/float64(x), float64(height)/float64(y)); inches >= minPaper && (inches <= lowPaper || inches <= maxPaper && x > lowDPI) {
			return x, y
		}
	}
	guess := min(max(int(math.Round(float64(max(width, height))/11)), 70), maxDPI)
	return guess, guess
}

// squaring is how to stretch an image whose dots are not square, as those of
// faxes: by less than a tenth is left alone.
func squaring(x, y int) (fx, fy float64) {
	switch r := float64(x) / float64(y); {
	case r > 1.1:
		return 1, r
	case r < 1/1.1:
		return 1 / r, 1
	}
	return 1, 1
}

// maxEnginePixels bounds what is handed to the engine, which takes about
// twenty bytes and a microsecond for each.
const maxEnginePixels = 40e6

// engineScale is the factor that brings a page to the engine's liking, which
// was trained at about 300 dots per inch: far less is enlarged, far more
// reduced. A poor page is enlarged from somewhat less already; good print of 200
// dots is read as well as it is, and cheaper.
func engineScale(dpi, width, height int, poor bool) float64 {
	f := 1.0
	switch {
	case dpi > 400:
		f = 300 / float64(dpi)
	case dpi < 90:
		f = 3
	case dpi < 160, dpi < 250 && poor:
		f = 300 / float64(dpi)
	}
	return min(f, math.Sqrt(maxEnginePixels/(float64(width)*float64(height))))
}

// fit scales a box and keeps it on a page of the given size.
func fit(b record.Box, f float64, width, height int) record.Box {
	left, top := min(max(int(float64(b.Left)*f+0.5), 0), width), min(max(int(float64(b.Top)*f+0.5), 0), height)
	right, bottom := min(int(float64(b.Right())*f+0.5), width), min(int(float64(b.Bottom())*f+0.5), height)
	return record.Box{Left: left, Top: top, Width: max(right-left, 0), Height: max(bottom-top, 0)}
}
