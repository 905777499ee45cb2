package scan

import (
	"bytes"
	"testing"
)

// Whatever bytes a header parser is given, it ends, and what it says of the
// pages makes sense. The seeds run as tests; go test -fuzz goes on from them.
func fuzzParser(f *testing.F, format Format, seeds ...string) {
	for _, name := range seeds {
		b := made[name]
		f.Add(b[:min(len(b), 64<<10)])
		f.Add(b[:min(len(b), 64<<10)*2/3])
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		h, err := parsers[format](newSource(bytes.NewReader(b), int64(len(b))))
		if err != nil {
			return
		}
		for _, fr := range h.frames {
			if fr.bad == "" && (fr.width <= 0 || fr.height <= 0) || fr.dpiX < 0 || fr.dpiY < 0 {
				t.Errorf("frame %+v", fr)
			}
		}
	})
}

func FuzzTIFF(f *testing.F) {
	fuzzParser(f, TIFF, "stay-g4.tiff", "consent-big.tiff", "fax-204x98.tiff", "referral-thumbnail.tiff")
}
func FuzzJPEG(f *testing.F) { fuzzParser(f, JPEG, "consent-phone.jpg") }
func FuzzPNG(f *testing.F)  { fuzzParser(f, PNG, "referral.png") }
func FuzzGIF(f *testing.F)  { fuzzParser(f, GIF, "referral.gif") }
func FuzzBMP(f *testing.F)  { fuzzParser(f, BMP, "referral.bmp") }

func FuzzWebP(f *testing.F) {
	for _, b := range webps() {
		f.Add(b)
	}
	fuzzParser(f, WebP)
}

func FuzzHEIF(f *testing.F) {
	f.Add(heif())
	fuzzParser(f, HEIF)
}

func FuzzJP2(f *testing.F) {
	f.Add(jp2())
	f.Add([]byte(codeStream))
	fuzzParser(f, JP2)
}

func FuzzEnded(f *testing.F) {
	for _, name := range []string{"stay.pdf", "typed.pdf", "letter.doc", "referral.png"} {
		f.Add(made[name])
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		src := newSource(bytes.NewReader(b), int64(len(b)))
		if _, err := sniff(src); err == nil || len(b) > 0 {
			pdfEnded(src)
		}
	})
}

func FuzzContent(f *testing.F) {
	for _, s := range []string{"q 1 0 0 1 0 0 cm /Im0 Do Q", "BT 3 Tr (a\\)b(c)) Tj <0a> Tj [(x) -3 (y)] TJ ET", "BI /W 1 ID abc EI Q", "/N#20x gs % c\n1 2 re W* n", "<</A[1(2)]>>BDC"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		steps := 0
		c := &canvas{doc: &document{}, state: state{ctm: identity, clip: everywhere}, steps: &steps}
		instructions(b, func(in instruction) bool {
			if in.op != "Do" && in.op != "gs" { // those need a document
				c.step(in, nil)
			}
			return true
		})
		if _, ok := c.whole(rect{0, 0, 612, 792}); ok {
			t.Error("a page without pictures is one")
		}
	})
}

func FuzzWords(f *testing.F) {
	f.Add([]byte(`<doc><page><block><line><word xMin="1" yMin="2" xMax="3" yMax="4">a&amp;b</word></line></block></page></doc>`))
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, w := range parseWords(b, 4) {
			if w.Box.Empty() || w.Text.IsZero() || w.Block < 1 || w.Line < 1 {
				t.Errorf("word %+v", w.Box)
			}
		}
	})
}

func FuzzInfo(f *testing.F) {
	f.Add([]byte("Pages: 2\nPage    1 size: 612 x 792 pts\nPage    1 rot: 90\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		if n := len(parseInfo(b)); n > maxNodes {
			t.Errorf("%d pages", n)
		}
	})
}

// webps are headers of the three kinds of WebP, with nothing behind.
func webps() [][]byte {
	riff := func(chunk string) []byte {
		n := len(chunk) + 4
		return append([]byte{'R', 'I', 'F', 'F', byte(n), 0, 0, 0}, "WEBP"+chunk...)
	}
	return [][]byte{
		riff("VP8 \x0A\x00\x00\x00\x00\x00\x00\x9D\x01\x2A\x2C\x01\xC8\x00"),
		riff("VP8L\x06\x00\x00\x00\x2F\x2B\xC1\x31\x00\x00"),
		riff("VP8X\x0A\x00\x00\x00\x08\x00\x00\x00\x2B\x01\x00\xC7\x00\x00EXIF\x1A\x00\x00\x00II*\x00\x08\x00\x00\x00\x01\x00\x12\x01\x03\x00\x01\x00\x00\x00\x06\x00\x00\x00\x00\x00\x00\x00"),
	}
}

func boxOf(kind, content string) string { return string(be32(len(content)+8)) + kind + content }

func heif() []byte {
	ispe := func(w, h int) string { return boxOf("ispe", "\x00\x00\x00\x00"+string(be32(w, h))) }
	meta := boxOf("meta", "\x00\x00\x00\x00"+boxOf("iprp", boxOf("ipco", ispe(512, 512)+ispe(4032, 3024)+ispe(320, 240))))
	return []byte(boxOf("ftyp", "heic\x00\x00\x00\x00mif1heic") + meta + boxOf("mdat", "pixels"))
}

func jp2() []byte {
	resolution := boxOf("res ", boxOf("resc", "\x1E\xC3\x00\x02\x1E\xC3\x00\x02\x00\x00")) // 7875/2 a metre: 100 dpi
	size := codeStream + "\x00\x29\x00\x00" + string(be32(850, 1100, 0, 0)) + "tiles and all \xFF\xD9"
	return []byte(boxOf("jP  ", "\r\n\x87\n") + boxOf("ftyp", "jp2 \x00\x00\x00\x00jp2 ") + boxOf("jp2h", resolution) + boxOf("jp2c", size))
}

func TestFormatsThatGoCannotWrite(t *testing.T) {
	for name, c := range map[string]struct {
		content []byte
		format  Format
		w, h    int
		dpi     int
		turn    int
	}{
		"WebP lossy":    {webps()[0], WebP, 300, 200, 0, 0},
		"WebP lossless": {webps()[1], WebP, 300, 200, 0, 0},
		"WebP with all": {webps()[2], WebP, 300, 200, 0, 90},
		"HEIC":          {heif(), HEIF, 4032, 3024, 0, 0},
		"JPEG 2000":     {jp2(), JP2, 850, 1100, 100, 0},
	} {
		s, err := open(t, c.content, Limits{})
		if err != nil {
			t.Errorf("%s: %s", name, describe(err))
			continue
		}
		if p := s.Pages[0]; s.Format != c.format || p.Width != c.w || p.Height != c.h || p.DPIX != c.dpi || p.Turn != c.turn {
			t.Errorf("%s: %s %+v", name, s.Format, p)
		}
		for _, n := range []int{len(c.content) - 1, len(c.content) / 2} {
			if complete, _ := Ended(file(t, c.content[:n]), int64(n)); complete {
				t.Errorf("%s is complete at %d of %d bytes", name, n, len(c.content))
			}
		}
	}
}
