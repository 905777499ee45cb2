package paper

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"image"
	"image/png"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"chartroom/scan/scantest"
)

// Scan is one made-up scan: its pages as pictures, its truth, and what it was
// worn by.
type Scan struct {
	*Truth
	Wear   Wear
	Images []*image.Gray // the pages as they lie in the file
	kind   string        // of the file
}

// draw wears the pages down.
func (s *Scan) draw(pages []*canvas, rng *rand.Rand) {
	over := oversampling(s.Wear)
	for _, c := range pages {
		s.Turned = append(s.Turned, s.Wear.Turn)
		s.Images = append(s.Images, s.Wear.Apply(c.m, over, rng))
	}
}

// kinds are the files that scanners write, by what they hold.
var (
	bitKinds  = []string{"g4.tiff", "g4.tiff", "g4.pdf", "packbits.tiff", "png"}
	greyKinds = []string{"jpeg", "jpeg.pdf", "jpeg.tiff", "lzw.tiff", "png"}
)

// name chooses the kind of file and names it.
func (s *Scan) name(n int, rng *rand.Rand) {
	kinds := greyKinds
	switch {
	case s.Wear.Photo && len(s.Images) == 1:
		kinds = greyKinds[:1]
	case s.Wear.Bits == 1:
		kinds = bitKinds
	case s.Wear.Noise > 4: // nobody packs noise without loss
		kinds = greyKinds[:3]
	}
	for s.kind == "" || len(s.Images) > 1 && (s.kind == "png" || s.kind == "jpeg") {
		s.kind = pick(rng, kinds)
	}
	ext := filepath.Ext("." + s.kind)
	if ext == ".jpeg" {
		ext = ".jpg"
	}
	s.File = fmt.Sprintf("%05d%s", n, ext)
}

// Bytes is the scan's file.
func (s *Scan) Bytes() []byte {
	quality := cmp.Or(s.Wear.Quality, 85)
	x, y := s.Wear.DPIX, s.Wear.DPIY
	if s.Wear.Turn%180 != 0 {
		x, y = y, x
	}
	switch s.kind {
	case "png", "jpeg":
		_, b := s.Page(0)
		return b
	case "g4.pdf", "jpeg.pdf":
		var pages []scantest.PDFPage
		for _, m := range s.Images {
			p := scantest.PDFPicture{}
			if s.kind == "g4.pdf" {
				p = scantest.FaxPicture(m, -1)
			} else {
				p = scantest.JPEGPicture(m)
				p.Coded = scantest.JPEGOf(m, 0, 0, quality)
			}
			page := scantest.ScannedPage(p, "")
			page.Width, page.Height = float64(m.Rect.Dx())*72/float64(x), float64(m.Rect.Dy())*72/float64(y)
			page.Content = fmt.Sprintf("q %g 0 0 %g 0 0 cm /Im0 Do Q", page.Width, page.Height)
			pages = append(pages, page)
		}
		return scantest.PDF(pages...)
	}
	var frames []scantest.Frame
	for _, m := range s.Images {
		f := scantest.Frame{Picture: m, Bits: 8, DPIX: x, DPIY: y, Quality: quality}
		switch s.kind {
		case "g4.tiff":
			f.Compression, f.Bits, f.WhiteIsZero = 4, 1, true
		case "packbits.tiff":
			f.Compression, f.Bits, f.WhiteIsZero = 32773, 1, true
		case "lzw.tiff":
			f.Compression, f.Strips = 5, 8
		case "jpeg.tiff":
			f.Compression = 7
		}
		frames = append(frames, f)
	}
	return scantest.TIFF(binary.LittleEndian, false, frames...)
}

// Page is page i alone as a picture's file, as it is taken out of the scan: its
// codec, "jpeg" where the scan is coded so, "png" where it has no loss.
func (s *Scan) Page(i int) (codec string, file []byte) {
	x, y := s.Wear.DPIX, s.Wear.DPIY
	if s.Wear.Turn%180 != 0 {
		x, y = y, x
	}
	if strings.HasPrefix(s.kind, "jpeg") {
		if s.Wear.Photo {
			x = 0
		}
		return "jpeg", jpegFile(s.Images[i], x, cmp.Or(s.Wear.Quality, 85))
	}
	return "png", pngFile(s.Images[i], s.Wear.Bits == 1, x, y)
}

// jpegFile is a JPEG file with its resolution, if known, where scanners put it.
func jpegFile(m *image.Gray, dpi, quality int) []byte {
	b := scantest.JPEGOf(m, 0, 0, quality)
	if dpi == 0 {
		return b
	}
	head := []byte{0xFF, 0xD8, 0xFF, 0xE0, 0, 16, 'J', 'F', 'I', 'F', 0, 1, 1, 1, byte(dpi >> 8), byte(dpi), byte(dpi >> 8), byte(dpi), 0, 0}
	return append(head, b[2:]...)
}

// pngFile is a PNG file with its resolution.
func pngFile(m *image.Gray, bits bool, x, y int) []byte {
	var b bytes.Buffer
	e := png.Encoder{CompressionLevel: png.BestSpeed}
	var err error
	if bits {
		err = e.Encode(&b, twoColors(m))
	} else {
		err = e.Encode(&b, m)
	}
	if err != nil {
		panic(err) // a buffer takes all
	}
	return withResolution(b.Bytes(), x, y)
}

// Write makes scans from 0 to n and writes the box to a folder, with so many
// workers: registry.csv, scans, truth.jsonl.
func (b *Box) Write(dir string, n, workers int) error {
	if err := os.MkdirAll(filepath.Join(dir, "scans"), 0o755); err != nil {
		return fmt.Errorf("write box: %w", err)
	}
	var registry bytes.Buffer
	if err := writeRegistry(&registry, b.reg.people); err != nil {
		return fmt.Errorf("write registry: %w", err)
	}
	if err := os.WriteFile(filepath.Join(dir, "registry.csv"), registry.Bytes(), 0o644); err != nil {
		return fmt.Errorf("write registry: %w", err)
	}
	lines, errs := make([][]byte, n), make([]error, n)
	work := make(chan int)
	var all sync.WaitGroup
	for range workers {
		all.Go(func() {
			for i := range work {
				lines[i], errs[i] = b.writeScan(dir, i)
			}
		})
	}
	for i := range n {
		work <- i
	}
	close(work)
	all.Wait()
	for _, err := range errs {
		if err != nil {
			return fmt.Errorf("write scan: %w", err)
		}
	}
	return os.WriteFile(filepath.Join(dir, "truth.jsonl"), append(bytes.Join(lines, []byte("\n")), '\n'), 0o644)
}

func (b *Box) writeScan(dir string, i int) ([]byte, error) {
	s := b.Scan(i)
	if err := os.WriteFile(filepath.Join(dir, "scans", s.File), s.Bytes(), 0o644); err != nil {
		return nil, err
	}
	return json.Marshal(s.Truth)
}
