package ocr

import (
	"bytes"
	"encoding/binary"
	goimage "image"
	"image/color"
	"image/jpeg"
	"image/png"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"golang.org/x/image/bmp"
	"golang.org/x/image/tiff"

	"chartroom/record"
)

func TestPrintIsReadWithItsBoxes(t *testing.T) {
	p := startPool(t, Config{})
	r := recognise(t, p, notePage(t))
	if got := textOf(r); got != noteText() || r.Page.State != record.PageText {
		t.Errorf("state %s, text %q", r.Page.State, got)
	}
	if r.Page.Width != 2550 || r.Page.Height != 1650 || r.Page.DPI != 300 || r.Page.Rotation != 0 || r.Page.Ink <= 0 || r.CPU <= 0 || !strings.HasPrefix(r.Page.Reader, "tesseract ") {
		t.Errorf("page %+v, cpu %s", r.Page.Reader, r.CPU)
	}
	checkBoxes(t, r.Page)
	if r.PictureType != "image/webp" || !bytes.HasPrefix(r.Picture, []byte("RIFF")) || r.PictureWidth != 2550 {
		t.Errorf("picture %s, %d wide", r.PictureType, r.PictureWidth)
	}
}

// checkBoxes holds the boxes of the note's words against where they stand.
func checkBoxes(t *testing.T, page record.Page) {
	t.Helper()
	for _, want := range []struct {
		text      string
		left, top int
	}{{"Riverside", 300, 262}, {"Patient:", 300, 462}, {"Continue", 300, 982}} {
		found := false
		for _, w := range page.Words {
			if w.Text.Reveal() == want.text {
				found = true
				if near(w.Box.Left, want.left) && near(w.Box.Top, want.top) && w.Box.Height > 30 && w.Box.Height < 60 && w.Box.Width > 100 {
					continue
				}
				t.Errorf("%s stands at %v, want about %d, %d", want.text, w.Box, want.left, want.top)
			}
		}
		if !found {
			t.Errorf("%s was not read", want.text)
		}
	}
}

func near(a, b int) bool { return a-b < 12 && b-a < 12 }

func TestTurnedPagesAreReadUprightWithTheirBoxes(t *testing.T) {
	p := startPool(t, Config{})
	paper := printed(t, 2550, 1650, append(note[:len(note):len(note)], line{"She has no known allergies and takes no other medication.", 300, 1100},
		line{"Return to the clinic in one month or earlier if it gets worse.", 300, 1180})...)
	for _, c := range []struct{ degrees, rotation int }{{90, 270}, {180, 180}, {270, 90}} {
		r := recognise(t, p, pngPage(t, turned(paper, c.degrees)))
		if r.Page.Rotation != c.rotation || r.Page.Width != 2550 || r.Page.Height != 1650 || !strings.HasPrefix(textOf(r), noteText()) {
			t.Errorf("turned by %d: rotation %d, size %dx%d, text %q", c.degrees, r.Page.Rotation, r.Page.Width, r.Page.Height, textOf(r))
			continue
		}
		checkBoxes(t, r.Page)
	}
}

func TestTurnAndMirrorAreAppliedAsTold(t *testing.T) {
	p := startPool(t, Config{})
	paper := printed(t, 2550, 1650, note...)
	img := pngPage(t, turned(paper, 90))
	img.Turn = 270
	if r := recognise(t, p, img); r.Page.Rotation != 0 || textOf(r) != noteText() {
		t.Errorf("turned: rotation %d, text %q", r.Page.Rotation, textOf(r))
	}
	mirrored := goimage.NewGray(paper.Bounds())
	for y := range 1650 {
		for x := range 2550 {
			mirrored.SetGray(2549-x, y, paper.GrayAt(x, y))
		}
	}
	img = pngPage(t, mirrored)
	img.Mirror = true
	if r := recognise(t, p, img); textOf(r) != noteText() {
		t.Errorf("mirrored: text %q", textOf(r))
	}
}

func TestEveryCodecIsRead(t *testing.T) {
	p := startPool(t, Config{})
	paper := printed(t, 1400, 300, line{"Record number: 482913", 100, 150})
	encoders := map[string]func(*bytes.Buffer) error{
		"png":  func(b *bytes.Buffer) error { return png.Encode(b, bilevel(paper)) },
		"jpeg": func(b *bytes.Buffer) error { return jpeg.Encode(b, paper, nil) },
		"bmp":  func(b *bytes.Buffer) error { return bmp.Encode(b, paper) },
		"tiff": func(b *bytes.Buffer) error { return tiff.Encode(b, paper, &tiff.Options{Compression: tiff.Deflate}) },
		"pnm": func(b *bytes.Buffer) error {
			b.WriteString("P5 1400 300 255\n")
			_, err := b.Write(paper.Pix)
			return err
		},
	}
	for codec, encode := range encoders {
		var b bytes.Buffer
		if err := encode(&b); err != nil {
			t.Fatal(err)
		}
		r := recognise(t, p, Image{File: file(t, b.Bytes()), Codec: codec, DPIX: 300, DPIY: 300, Number: 1})
		if textOf(r) != "Record number: 482913" {
			t.Errorf("%s: %s, %q", codec, r.Page.State, textOf(r))
		}
		if codec == "png" && r.PictureType != "image/png" {
			t.Errorf("a one-bit page has a picture of type %s", r.PictureType)
		}
	}
}

func TestSecondFrameOfATIFFIsReadFromTheSameFile(t *testing.T) {
	p := startPool(t, Config{Workers: 2})
	f := file(t, frames(printed(t, 900, 200, line{"First page", 100, 120}), printed(t, 900, 200, line{"Second page", 100, 120})))
	results := make(chan string, 4)
	for i := range 4 { // at once: the file's offset must not matter
		go func() {
			r, err := p.Recognise(t.Context(), Image{File: f, Codec: "tiff", Frame: i % 2, DPIX: 300, DPIY: 300, Number: i%2 + 1})
			want := []string{"First page", "Second page"}[i%2]
			if err != nil || textOf(r) != want || r.Page.Number != i%2+1 {
				results <- "frame read as " + textOf(r)
				return
			}
			results <- ""
		}()
	}
	for range 4 {
		if complaint := <-results; complaint != "" {
			t.Error(complaint)
		}
	}
	if r := recognise(t, p, Image{File: f, Codec: "tiff", Frame: 2, Number: 3}); r.Page.State != record.PageFailed {
		t.Errorf("a frame that does not exist: %s", r.Page.State)
	}
}

// Leptonica's reader refuses planes; what it refuses libtiff opens.
func TestTIFFInPlanesIsRead(t *testing.T) {
	p := startPool(t, Config{})
	paper := printed(t, 900, 200, line{"Second way in", 100, 120})
	r := recognise(t, p, Image{File: file(t, planes(paper)), Codec: "tiff", DPIX: 300, DPIY: 300, Number: 1})
	if textOf(r) != "Second way in" || r.Page.Width != 900 {
		t.Errorf("%s (%s): %q", r.Page.State, r.Page.Reason, textOf(r))
	}
}

// planes is an uncompressed colour TIFF whose colours lie apart.
func planes(m *goimage.Gray) []byte {
	le := binary.LittleEndian
	n := uint32(len(m.Pix))
	b := []byte("II*\x00\x00\x00\x00\x00")
	for range 3 {
		b = append(b, m.Pix...)
	}
	lists := uint32(len(b)) // bits of each colour, where each plane lies, and how long it is
	for _, v := range []uint32{8 | 8<<16, 8, 8, 8 + n, 8 + 2*n, n, n, n} {
		b = le.AppendUint32(b, v)
	}
	le.PutUint32(b[4:], uint32(len(b)))
	w, h := uint32(m.Bounds().Dx()), uint32(m.Bounds().Dy())
	entries := [][4]uint32{{256, 4, 1, w}, {257, 4, 1, h}, {258, 3, 3, lists}, {259, 3, 1, 1}, {262, 3, 1, 2}, {273, 4, 3, lists + 8},
		{277, 3, 1, 3}, {278, 4, 1, h}, {279, 4, 3, lists + 20}, {284, 3, 1, 2}}
	b = le.AppendUint16(b, uint16(len(entries)))
	for _, e := range entries {
		b = le.AppendUint16(b, uint16(e[0]))
		b = le.AppendUint16(b, uint16(e[1]))
		b = le.AppendUint32(b, e[2])
		b = le.AppendUint32(b, e[3])
	}
	return le.AppendUint32(b, 0)
}

// frames is an uncompressed TIFF of several grey pages.
func frames(pages ...*goimage.Gray) []byte {
	le := binary.LittleEndian
	b := []byte("II*\x00\x00\x00\x00\x00")
	link := 4
	for _, m := range pages {
		data := len(b)
		b = append(b, m.Pix...)
		if len(b)%2 == 1 {
			b = append(b, 0)
		}
		le.PutUint32(b[link:], uint32(len(b)))
		w, h := m.Bounds().Dx(), m.Bounds().Dy()
		entries := [][2]uint32{{256, uint32(w)}, {257, uint32(h)}, {258, 8}, {259, 1}, {262, 1}, {273, uint32(data)}, {277, 1}, {278, uint32(h)}, {279, uint32(w * h)}}
		b = le.AppendUint16(b, uint16(len(entries)))
		for _, e := range entries {
			b = le.AppendUint16(b, uint16(e[0]))
			b = le.AppendUint16(b, 4) // LONG
			b = le.AppendUint32(b, 1)
			b = le.AppendUint32(b, e[1])
		}
		link = len(b)
		b = le.AppendUint32(b, 0)
	}
	return b
}

func TestBlankPageIsBlankAndInkWithoutWordsIsNot(t *testing.T) {
	p := startPool(t, Config{})
	white := printed(t, 1700, 2200)
	noisy := printed(t, 1700, 2200)
	source := rand.New(rand.NewPCG(1, 2))
	for i := range noisy.Pix {
		noisy.Pix[i] = uint8(215 + source.IntN(30))
	}
	scrawl := printed(t, 1700, 2200)
	for i := range 1000 {
		for d := range 8 {
			scrawl.SetGray(300+i, 700+(i*i/400)%500+d, color.Gray{0})
		}
	}
	for name, c := range map[string]struct {
		m    *goimage.Gray
		want record.PageState
	}{"white": {white, record.PageBlank}, "noisy": {noisy, record.PageBlank}, "scrawl": {scrawl, record.PageLowConfidence}} {
		r := recognise(t, p, pngPage(t, c.m))
		if r.Page.State != c.want {
			t.Errorf("%s: %s (%s), ink %.5f, %d words", name, r.Page.State, r.Page.Reason, r.Page.Ink, len(r.Page.Words))
		}
		if c.want != record.PageBlank && r.Page.Reason == "" {
			t.Errorf("%s: no reason", name)
		}
	}
}

func TestDamagedImagesAreFailedPagesAndTheNextIsFine(t *testing.T) {
	p := startPool(t, Config{PageTimeout: 30 * time.Second})
	good := notePage(t)
	var b bytes.Buffer
	if err := png.Encode(&b, printed(t, 1200, 400, line{"Some words here", 50, 100})); err != nil {
		t.Fatal(err)
	}
	two := frames(printed(t, 600, 200, line{"words", 50, 100}))
	source := rand.New(rand.NewPCG(3, 4))
	for i := range 30 {
		bytes, codec := append([]byte{}, b.Bytes()...), "png"
		if i%2 == 1 {
			bytes, codec = append([]byte{}, two...), "tiff"
		}
		for range 1 + i {
			bytes[source.IntN(min(len(bytes), 200+i*100))] ^= byte(1 + source.IntN(255))
		}
		if i%5 == 0 {
			bytes = bytes[:len(bytes)/2]
		}
		if r := recognise(t, p, Image{File: file(t, bytes), Codec: codec, Number: 1}); r.Page.State == "" {
			t.Errorf("damage %d: no state", i)
		}
	}
	for name, f := range map[string][]byte{"empty": nil, "text": []byte("hello"), "header only": b.Bytes()[:33]} {
		if r := recognise(t, p, Image{File: file(t, f), Codec: "png", Number: 1}); r.Page.State != record.PageFailed || r.Page.Reason == "" {
			t.Errorf("%s: %s (%s)", name, r.Page.State, r.Page.Reason)
		}
	}
	if r := recognise(t, p, good); textOf(r) != noteText() {
		t.Errorf("the next page: %s", r.Page.State)
	}
}

func TestHugeImageIsRefusedFromItsHeader(t *testing.T) {
	p := startPool(t, Config{MaxPixels: 1e6})
	if r := recognise(t, p, notePage(t)); r.Page.State != record.PageFailed || !strings.Contains(r.Page.Reason, "larger") {
		t.Errorf("%s (%s)", r.Page.State, r.Page.Reason)
	}
}

func TestTextLayerIsBelievedOnlyWhereThePageShowsIt(t *testing.T) {
	p := startPool(t, Config{})
	honest := recognise(t, p, notePage(t)).Page.Words
	other := make([]record.Word, len(honest)) // the right places, other words
	shifted := make([]record.Word, len(honest))
	for i, w := range honest {
		other[i], shifted[i] = w, w
		other[i].Text = record.Hide(strings.Repeat("x", 1+i%7))
		shifted[i].Box.Top += 300
	}
	for name, c := range map[string]struct {
		words []record.Word
		layer bool
	}{"honest": {honest, true}, "other words": {other, false}, "other places": {shifted, false}, "half": {honest[:len(honest)/2], false}, "none": {nil, false}} {
		img := notePage(t)
		img.Words = c.words
		r := recognise(t, p, img)
		if got := r.Page.Reader == "text layer"; got != c.layer || textOf(r) != noteText() {
			t.Errorf("%s: read by %s: %q", name, r.Page.Reader, textOf(r))
		}
	}
}

func TestResolutionIsBelievedOnlyWhereThePaperIsCredible(t *testing.T) {
	for _, c := range []struct{ w, h, x, y, wantX, wantY int }{
		{2550, 3300, 300, 300, 300, 300}, {2550, 3300, 0, 0, 300, 300}, {1728, 1100, 204, 98, 204, 98}, {4000, 3000, 72, 72, 364, 364}, {1275, 1650, 72, 72, 150, 150}, {850, 1100, 72, 72, 72, 72},
		{2550, 3300, 300, 0, 300, 300}, {2550, 3300, 1, 1, 300, 300}, {600, 200, 300, 300, 300, 300}, {100, 100, 0, 0, 70, 70},
	} {
		if x, y := resolution(c.w, c.h, c.x, c.y); x != c.wantX || y != c.wantY {
			t.Errorf("%dx%d at %dx%d: %dx%d", c.w, c.h, c.x, c.y, x, y)
		}
	}
}
