package scan

import (
	"bytes"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/jpeg"
	"image/png"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/image/tiff"

	"chartroom/scan/scantest"
)

// letter is what the pictures of these tests show, dark on the right half so
// that turning and mirroring are seen.
func letter() *image.Gray {
	m := scantest.Consent.Draw(30, 30)
	for y := range 60 {
		for x := 128; x < 255; x++ {
			m.SetGray(x, y, color.Gray{0})
		}
	}
	return m
}

// pixels decodes a page's image, but for its resolution, and sets it upright.
func pixels(t *testing.T, img *Image) image.Image {
	t.Helper()
	info, err := img.File.Stat()
	if err != nil {
		t.Fatal(err)
	}
	b := make([]byte, info.Size())
	if _, err := img.File.ReadAt(b, 0); err != nil {
		t.Fatal(err)
	}
	var m image.Image
	turn, mirror := img.Turn, img.Mirror
	switch img.Codec {
	case "jpeg":
		m, err = jpeg.Decode(bytes.NewReader(b))
	case "png":
		m, err = png.Decode(bytes.NewReader(b))
	case "tiff": // follow the tag, as the reader's library does
		m, err = tiff.Decode(bytes.NewReader(b))
		h, _ := parseTIFF(newSource(bytes.NewReader(b), int64(len(b))))
		turn, mirror = upright(h.frames[0].orientation)
	case "pnm":
		m = decodePNM(t, b)
	}
	if err != nil {
		t.Fatalf("%s does not decode: %v", img.Codec, err)
	}
	return turned(m, turn, mirror)
}

func decodePNM(t *testing.T, b []byte) image.Image {
	var w, h, top int
	if _, err := fmt.Sscanf(string(b[:min(len(b), 64)]), "P6\n%d %d\n%d\n", &w, &h, &top); err != nil {
		t.Fatal(err)
	}
	m := image.NewRGBA(image.Rect(0, 0, w, h))
	b = b[len(b)-3*w*h:]
	for i := range w * h {
		m.SetRGBA(i%w, i/w, color.RGBA{b[3*i], b[3*i+1], b[3*i+2], 255})
	}
	return m
}

// turned mirrors left to right first, then turns clockwise.
func turned(m image.Image, turn int, mirror bool) image.Image {
	w, h := m.Bounds().Dx(), m.Bounds().Dy()
	at := func(x, y int) color.Color {
		if mirror {
			x = w - 1 - x
		}
		return m.At(m.Bounds().Min.X+x, m.Bounds().Min.Y+y)
	}
	ow, oh := w, h
	if turn%180 == 90 {
		ow, oh = h, w
	}
	out := image.NewRGBA(image.Rect(0, 0, ow, oh))
	for y := range oh {
		for x := range ow {
			switch turn {
			case 0:
				out.Set(x, y, at(x, y))
			case 90:
				out.Set(x, y, at(y, h-1-x))
			case 180:
				out.Set(x, y, at(w-1-x, h-1-y))
			case 270:
				out.Set(x, y, at(w-1-y, x))
			}
		}
	}
	return out
}

// far is how much two pictures differ when seen from far: the mean difference
// of 12 by 12 patches, 0 to 255.
func far(a, b image.Image) float64 {
	pa, pb := patches(a), patches(b)
	sum := 0.0
	for i := range pa {
		sum += max(pa[i]-pb[i], pb[i]-pa[i])
	}
	return sum / float64(len(pa))
}

func patches(m image.Image) []float64 {
	const n = 12
	out, count := make([]float64, n*n), make([]float64, n*n)
	r := m.Bounds()
	for y := range r.Dy() {
		for x := range r.Dx() {
			i := y*n/r.Dy()*n + x*n/r.Dx()
			out[i] += float64(color.GrayModel.Convert(m.At(r.Min.X+x, r.Min.Y+y)).(color.Gray).Y)
			count[i]++
		}
	}
	for i := range out {
		out[i] /= max(1, count[i])
	}
	return out
}

func takenOut(t *testing.T, s *Scan, n int) *Image {
	t.Helper()
	img, err := s.Image(t.Context(), n)
	if err != nil {
		t.Fatal(describe(err))
	}
	t.Cleanup(func() { img.Close() })
	return img
}

func withDict(p scantest.PDFPicture, old, new string) scantest.PDFPicture {
	if !strings.Contains(p.Dict, old) {
		panic(old)
	}
	p.Dict = strings.Replace(p.Dict, old, new, 1)
	return p
}

// pictures are all the ways a scanner puts its picture into a PDF that need
// no drawing, with the codec they come out in.
func scannedPictures() map[string]scantest.PDFPicture {
	m := letter()
	raw := scantest.FlatePicture(m, 8, false, false)
	raw.Coded = m.Pix
	raw = withDict(raw, "/Filter/FlateDecode", "")
	lzw := scantest.FlatePicture(m, 8, false, false)
	lzw.Coded = scantest.LZW(m.Pix)
	packedTwice := scantest.JPEGPicture(m)
	packedTwice.Coded = scantest.Deflate(packedTwice.Coded)
	return map[string]scantest.PDFPicture{
		"tiff G4":            scantest.FaxPicture(m, -1),
		"tiff G3":            scantest.FaxPicture(m, 0),
		"jpeg grey":          scantest.JPEGPicture(m),
		"jpeg packed twice":  withDict(packedTwice, "/Filter/DCTDecode", "/Filter[/FlateDecode/DCTDecode]"),
		"tiff 8 bits":        scantest.FlatePicture(m, 8, false, false),
		"tiff 1 bit":         scantest.FlatePicture(m, 1, false, false),
		"tiff colour":        scantest.FlatePicture(m, 8, true, false),
		"png 8 bits":         scantest.FlatePicture(m, 8, false, true),
		"png 1 bit":          scantest.FlatePicture(m, 1, false, true),
		"png colour":         scantest.FlatePicture(m, 8, true, true),
		"tiff raw":           raw,
		"tiff LZW":           withDict(lzw, "Flate", "LZW"),
		"tiff stencil":       withDict(scantest.FaxPicture(m, -1), "/ColorSpace/DeviceGray", "/ImageMask true"),
		"png palette":        withDict(scantest.FlatePicture(m, 1, false, true), "/ColorSpace/DeviceGray", "/ColorSpace[/Indexed/DeviceRGB 1<000000FFFFF0>]"),
		"tiff palette":       withDict(scantest.FlatePicture(m, 1, false, false), "/ColorSpace/DeviceGray", "/ColorSpace[/Indexed/DeviceGray 1<00FF>]"),
		"png white is 0":     withDict(scantest.FlatePicture(inverse(m), 8, false, true), "/Bits", "/Decode[1 0]/Bits"),
		"tiff white is 0":    withDict(scantest.FlatePicture(inverse(m), 1, false, false), "/Bits", "/Decode[1 0]/Bits"),
		"tiff G4 inverse":    withDict(withDict(scantest.FaxPicture(m, -1), "/K", "/BlackIs1 true/K"), "/Bits", "/Decode[1 0]/Bits"),
		"tiff G4 by palette": withDict(withDict(scantest.FaxPicture(m, -1), "/K", "/BlackIs1 true/K"), "/ColorSpace/DeviceGray", "/ColorSpace[/Indexed/DeviceGray 1<FF00>]"),
	}
}

func inverse(m *image.Gray) *image.Gray {
	out := image.NewGray(m.Rect)
	for i, v := range m.Pix {
		out.Pix[i] = 255 - v
	}
	return out
}

func TestPicturesAreTakenOutOfPDFsAsTheyAre(t *testing.T) {
	var names []string
	var pages []scantest.PDFPage
	for name, p := range scannedPictures() {
		names = append(names, name)
		pages = append(pages, scantest.ScannedPage(p, ""))
	}
	s := mustOpen(t, scantest.PDF(pages...))
	if len(s.Pages) != len(names) {
		t.Fatalf("%d pages of %d", len(s.Pages), len(names))
	}
	want := letter()
	for i, name := range names {
		img := takenOut(t, s, i+1)
		if codec, _, _ := strings.Cut(name, " "); img.Codec != codec || img.DPIX != 30 || img.DPIY != 30 || s.Pages[i].Rendered {
			t.Errorf("%s: came out as %s at %dx%d", name, img.Codec, img.DPIX, img.DPIY)
			continue
		}
		got := pixels(t, img)
		if got.Bounds() != want.Bounds() || far(got, want) > 3 {
			t.Errorf("%s: looks different: %v, %.1f away", name, got.Bounds(), far(got, want))
		}
	}
}

// However the page and the picture are turned: what is taken out and set
// upright looks as poppler draws the page.
func TestPicturesStandAsThePageShowsThem(t *testing.T) {
	var pages []scantest.PDFPage
	kinds := []scantest.PDFPicture{scantest.JPEGPicture(letter()), scantest.FaxPicture(letter(), -1), scantest.FlatePicture(letter(), 8, false, true)}
	for i, cm := range []string{"612 0 0 792 0 0", "-612 0 0 792 612 0", "612 0 0 -792 0 792", "-612 0 0 -792 612 792", "0 792 612 0 0 0", "0 -792 612 0 0 792", "0 792 -612 0 612 0", "0 -792 -612 0 612 792"} {
		page := scantest.ScannedPage(kinds[i%3], "")
		page.Content = "q " + cm + " cm /Im0 Do Q"
		page.Rotate = (i*90 + i/4*90) % 360
		pages = append(pages, page)
	}
	s := mustOpen(t, scantest.PDF(pages...))
	s.tools.DPI = 30
	for n := range s.Pages {
		img := takenOut(t, s, n+1)
		drawn, err := s.Render(t.Context(), n+1)
		if err != nil {
			t.Fatal(describe(err))
		}
		a, b := pixels(t, img), pixels(t, drawn)
		drawn.Close()
		if d := far(a, b); d > 3 {
			t.Errorf("%s, rotate %d: %.1f away", pages[n].Content, pages[n].Rotate, d)
		}
	}
}

func TestPagesThatAreMoreThanAPictureAreDrawn(t *testing.T) {
	scanned := func(change func(*scantest.PDFPage)) scantest.PDFPage {
		p := scantest.ScannedPage(scantest.JPEGPicture(letter()), "")
		change(&p)
		return p
	}
	content := func(format string) scantest.PDFPage {
		return scanned(func(p *scantest.PDFPage) {
			p.Content = strings.ReplaceAll(format, "IM", "q 612 0 0 792 0 0 cm /Im0 Do Q")
		})
	}
	cases := map[string]struct {
		page  scantest.PDFPage
		drawn bool
	}{
		"one picture":            {content("IM"), false},
		"in marked content":      {content("/Figure <</MCID 0>> BDC IM EMC"), false},
		"clipped to itself":      {content("q 0 0 612 792 re W n IM Q"), false},
		"over a white sheet":     {content("1 g 0 0 612 792 re f IM"), false},
		"hidden text":            {content("IM BT 3 Tr /F0 9 Tf (x) Tj ET"), false},
		"with margins":           {content("q 500 0 0 700 56 46 cm /Im0 Do Q"), false},
		"a link":                 {scanned(func(p *scantest.PDFPage) { p.Extra = "/Annots[<</Type/Annot/Subtype/Link/Rect[0 0 9 9]>>]" }), false},
		"text over it":           {content("IM BT /F0 9 Tf 9 9 Td (stamped) Tj ET"), true},
		"a box over it":          {content("IM 10 10 50 50 re f"), true},
		"a line over it":         {content("IM 10 10 m 50 50 l S"), true},
		"twice":                  {content("q 612 0 0 396 0 0 cm /Im0 Do Q q 612 0 0 396 0 396 cm /Im0 Do Q"), true},
		"askew":                  {content("q 600 60 -60 700 60 0 cm /Im0 Do Q"), true},
		"cut by a clip":          {content("q 0 0 300 792 re W n IM Q"), true},
		"cut by the page":        {content("q 900 0 0 1200 0 0 cm /Im0 Do Q"), true},
		"text beside it":         {content("BT /F0 9 Tf 9 9 Td (letterhead) Tj ET q 500 0 0 700 56 46 cm /Im0 Do Q"), true},
		"a stamp":                {scanned(func(p *scantest.PDFPage) { p.Extra = "/Annots[<</Type/Annot/Subtype/Stamp/Rect[0 0 9 9]>>]" }), true},
		"an inline picture":      {content("IM q 9 0 0 9 0 0 cm BI /W 1 /H 1 /BPC 8 /CS /G ID x EI Q"), true},
		"a state that is absent": {content("/GS9 gs IM"), true},
		"see-through": {scanned(func(p *scantest.PDFPage) {
			q := withDict(*p.Picture, "/Bits", "/Mask[0 3]/Bits")
			p.Picture = &q
		}), true},
		"white stencil": {scanned(func(p *scantest.PDFPage) {
			q := withDict(scantest.FaxPicture(letter(), -1), "/ColorSpace/DeviceGray", "/ImageMask true")
			p.Picture, p.Content = &q, "1 g "+p.Content
		}), true},
		"four colours": {scanned(func(p *scantest.PDFPage) {
			q := withDict(*p.Picture, "DeviceGray", "DeviceCMYK")
			p.Picture = &q
		}), true},
	}
	var names []string
	var pages []scantest.PDFPage
	for name, c := range cases {
		names, pages = append(names, name), append(pages, c.page)
	}
	s := mustOpen(t, scantest.PDF(pages...))
	for i, name := range names {
		if s.Pages[i].Rendered != cases[name].drawn {
			t.Errorf("%s: drawn %v", name, s.Pages[i].Rendered)
		}
	}
}

func TestTypedTextComesWithBoxesOnItsInk(t *testing.T) {
	page := scantest.TypedPage(scantest.Discharge)
	sideways := page
	sideways.Rotate = 90
	cropped := page
	cropped.Extra = "/CropBox[36 100 500 792]"
	s := mustOpen(t, scantest.PDF(page, sideways, cropped))
	for n := 1; n <= 3; n++ {
		img := takenOut(t, s, n)
		m := pixels(t, img)
		if len(img.Words) < 30 || img.Codec != "pnm" {
			t.Fatalf("page %d: %d words, %s", n, len(img.Words), img.Codec)
		}
		lines := 0
		for i, w := range img.Words {
			if inkIn(m, image.Rect(w.Box.Left, w.Box.Top, w.Box.Right(), w.Box.Bottom())) == 0 {
				t.Errorf("page %d: no ink where word %d should be: %+v", n, i, w.Box)
			}
			if i == 0 || w.Line != img.Words[i-1].Line || w.Block != img.Words[i-1].Block {
				lines++
			}
		}
		if lines < len(scantest.Discharge) && n != 2 {
			t.Errorf("page %d: %d lines of %d", n, lines, len(scantest.Discharge))
		}
		var text []string
		for _, w := range img.Words {
			text = append(text, w.Text.Reveal())
		}
		if joined := strings.Join(text, " "); !strings.Contains(joined, "HALVORSEN, INGRID") && n != 2 {
			t.Errorf("page %d reads %q", n, joined)
		}
	}
}

func inkIn(m image.Image, r image.Rectangle) (n int) {
	for y := r.Min.Y; y < r.Max.Y; y++ {
		for x := r.Min.X; x < r.Max.X; x++ {
			if color.GrayModel.Convert(m.At(x, y)).(color.Gray).Y < 128 {
				n++
			}
		}
	}
	return n
}

// A page drawn because of its stamp, with text that somebody hid under the
// picture: that text is no candidate.
func TestHiddenTextIsNotOffered(t *testing.T) {
	p := scantest.ScannedPage(scantest.JPEGPicture(letter()), "junk junk junk")
	p.Extra = "/Annots[<</Type/Annot/Subtype/Stamp/Rect[0 0 9 9]>>]"
	img := takenOut(t, mustOpen(t, scantest.PDF(p)), 1)
	if img.Codec != "pnm" || len(img.Words) > 0 {
		t.Errorf("%s with %d words", img.Codec, len(img.Words))
	}
}

func TestPasswords(t *testing.T) {
	plain := scantest.PDF(scantest.ScannedPage(scantest.JPEGPicture(letter()), ""), scantest.TypedPage(scantest.Consent))
	locked, err := scantest.Locked(plain, "secret", "owner")
	if err != nil {
		t.Fatal(err)
	}
	_, err = open(t, locked, Limits{})
	wantReject(t, err, CodePassword)
	owned, err := scantest.Locked(plain, "", "owner")
	if err != nil {
		t.Fatal(err)
	}
	s := mustOpen(t, owned)
	if len(s.Pages) != 2 {
		t.Fatalf("%d pages", len(s.Pages))
	}
	img := takenOut(t, s, 1)
	if img.Codec != "jpeg" || far(pixels(t, img), letter()) > 3 {
		t.Errorf("the picture of an encrypted PDF came out as %s", img.Codec)
	}
	if img := takenOut(t, s, 2); len(img.Words) == 0 {
		t.Error("no text of an encrypted page")
	}
}

// Where the file's own count of pages disagrees with its page tree, or its
// structure is beyond pdfcpu, poppler's word counts, and no page is dropped.
func TestPopplerReadsWhatPdfcpuCannot(t *testing.T) {
	two := scantest.PDF(scantest.TypedPage(scantest.Consent), scantest.TypedPage(scantest.Referral))
	lying := bytes.Replace(two, []byte("/Count 2"), []byte("/Count 3"), 1)
	s := mustOpen(t, lying)
	if len(s.Pages) != 3 {
		t.Errorf("%d pages where the file says 3 and has 2", len(s.Pages))
	}
	if _, err := s.Image(t.Context(), 3); err == nil {
		t.Error("a page that is not there came out")
	} else if _, ok := errors.AsType[*PageError](err); !ok {
		t.Errorf("missing page: %v, want a *PageError", err)
	}
	tools := testTools(t)
	tools.Memory = 64 << 20 // too little for pdfcpu's runtime, enough for poppler
	f := file(t, two)
	s, err := Open(t.Context(), tools, f, Limits{})
	if err != nil {
		t.Fatal(describe(err))
	}
	defer s.Close()
	if len(s.Pages) != 2 || !s.Pages[0].Rendered {
		t.Errorf("pages %+v", s.Pages)
	}
}

func TestABrokenPageFailsAloneAndByName(t *testing.T) {
	broken := scantest.ScannedPage(scantest.FlatePicture(letter(), 8, false, false), "")
	broken.Picture.Coded = []byte("this is not deflated at all, but long enough to be believed")
	broken.Content += " 0 0 1 1 re f"
	s := mustOpen(t, scantest.PDF(scantest.TypedPage(scantest.Consent), broken, scantest.TypedPage(scantest.Referral)))
	for n := 1; n <= 3; n++ {
		img, err := s.Image(t.Context(), n)
		if err == nil {
			img.Close()
		}
		if _, bad := errors.AsType[*PageError](err); bad != (n == 2) {
			t.Errorf("page %d: %s", n, describe(err))
		}
	}
}

func TestAPictureThatIsNotWholeIsLeftToPoppler(t *testing.T) {
	p := scantest.JPEGPicture(letter())
	p.Coded = p.Coded[:len(p.Coded)*2/3]
	img := takenOut(t, mustOpen(t, scantest.PDF(scantest.ScannedPage(p, ""))), 1)
	if img.Codec != "pnm" {
		t.Errorf("came out as %s", img.Codec)
	}
}

func TestAttachedFilesAreSaid(t *testing.T) {
	b := scantest.PDF(scantest.TypedPage(scantest.Consent))
	b = bytes.Replace(b, []byte("/Catalog"), []byte("/Catalog/Names<</EmbeddedFiles<</Names[(a)<<>>]>>>>"), 1)
	if s := mustOpen(t, b); len(s.Remarks) != 1 || len(s.Pages) != 1 {
		t.Errorf("remarks %q", s.Remarks)
	}
}

func TestTheMachinesFaultIsNoReject(t *testing.T) {
	f := file(t, made["typed.pdf"])
	for name, tools := range map[string]Tools{
		"no program":      {},
		"missing program": {Self: []string{"/nonexistent/program"}},
		"refusing jail":   {Self: []string{"/bin/sh", "-c", "exit 125"}},
		"no folder":       {Self: testTools(t).Self, Temp: "/nonexistent"},
	} {
		_, err := Open(t.Context(), tools, f, Limits{})
		if _, ok := errors.AsType[*Reject](err); ok || err == nil {
			t.Errorf("%s: %s", name, describe(err))
		}
	}
}

func TestSlowPDFsAreGivenUp(t *testing.T) {
	tools := testTools(t)
	tools.Timeout = time.Millisecond
	_, err := Open(t.Context(), tools, file(t, made["typed.pdf"]), Limits{})
	wantReject(t, err, CodeDamaged)
	tools = testTools(t)
	tools.PageTimeout = time.Millisecond
	s, err := Open(t.Context(), tools, file(t, made["typed.pdf"]), Limits{})
	if err != nil {
		t.Fatal(describe(err))
	}
	defer s.Close()
	if _, err := s.Image(t.Context(), 1); err == nil {
		t.Error("a page was drawn in a millisecond")
	} else if _, ok := errors.AsType[*PageError](err); !ok {
		t.Errorf("%v, want a *PageError", err)
	}
}

func TestManyPagesAtOnceAndNothingIsLeft(t *testing.T) {
	tools := testTools(t)
	s, err := Open(t.Context(), tools, file(t, made["mixed.pdf"]), Limits{})
	if err != nil {
		t.Fatal(describe(err))
	}
	var all sync.WaitGroup
	for i := range 6 {
		all.Go(func() {
			img, err := s.Image(t.Context(), 1+i%2)
			if err != nil {
				t.Error(describe(err))
				return
			}
			img.Close()
		})
	}
	all.Wait()
	s.Close()
	if left, err := os.ReadDir(tools.Temp); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v %v", left, err)
	}
}
