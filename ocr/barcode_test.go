package ocr

import (
	"bytes"
	goimage "image"
	"image/color"
	"image/draw"
	"image/png"
	"math"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/boombuler/barcode"
	"github.com/boombuler/barcode/aztec"
	"github.com/boombuler/barcode/codabar"
	"github.com/boombuler/barcode/code128"
	"github.com/boombuler/barcode/code39"
	"github.com/boombuler/barcode/datamatrix"
	"github.com/boombuler/barcode/qr"
	"github.com/boombuler/barcode/twooffive"
	"golang.org/x/image/math/f64"

	xdraw "golang.org/x/image/draw"

	"chartroom/record"
)

// encode makes a code of modules one pixel wide. The PDF417 of the writer in Go
// is read by nobody; ZXing's own program writes another.
func encode(t testing.TB, symbology, text string) goimage.Image {
	t.Helper()
	var code barcode.Barcode
	var err error
	switch symbology {
	case record.Code128:
		code, err = code128.Encode(text)
	case record.Code39:
		code, err = code39.Encode(text, false, false)
	case record.ITF:
		code, err = twooffive.Encode(text, true)
	case record.Codabar:
		code, err = codabar.Encode("A" + text + "B")
	case record.QR:
		code, err = qr.Encode(text, qr.M, qr.Auto)
	case record.DataMatrix:
		code, err = datamatrix.Encode(text)
	case record.PDF417:
		return writePDF417(t, text)
	case record.Aztec:
		code, err = aztec.Encode([]byte(text), 33, 0)
	}
	if err != nil {
		t.Fatal(err)
	}
	return code
}

func writePDF417(t testing.TB, text string) goimage.Image {
	t.Helper()
	path := filepath.Join(t.TempDir(), "code.png")
	if out, err := exec.Command("ZXingWriter", "-margin", "0", "PDF417", text, path).CombinedOutput(); err != nil {
		t.Fatalf("write PDF417: %v %s", err, out)
	}
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	m, err := png.Decode(f)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// A stamp is a code as it stands on a page: its modules so many pixels wide,
// its bars, where it is linear, so many pixels high.
type stamp struct {
	symbology, text string
	left, top       int
	module, height  int
}

// put prints a stamp and returns where it stands.
func put(t testing.TB, paper *goimage.Gray, s stamp) record.Box {
	t.Helper()
	code := encode(t, s.symbology, s.text)
	b := code.Bounds()
	height := b.Dy() * s.module
	if linear(s.symbology) {
		height = s.height
	}
	ink := goimage.Rectangle{}
	for y := range height {
		for x := range b.Dx() * s.module {
			row := 0
			if !linear(s.symbology) {
				row = y / s.module
			}
			if r, _, _, _ := code.At(b.Min.X+x/s.module, b.Min.Y+row).RGBA(); r < 0x8000 {
				paper.SetGray(s.left+x, s.top+y, color.Gray{})
				ink = ink.Union(goimage.Rect(s.left+x, s.top+y, s.left+x+1, s.top+y+1))
			}
		}
	}
	return record.Box{Left: ink.Min.X, Top: ink.Min.Y, Width: ink.Dx(), Height: ink.Dy()}
}

// everySymbology is one code of each kind, at a usual size.
var everySymbology = []stamp{
	{record.Code128, "00482913", 1500, 300, 4, 130},
	{record.Code39, "MR0048291", 1300, 300, 3, 130},
	{record.ITF, "0048291364", 1500, 300, 4, 130},
	{record.Codabar, "00482913", 1500, 300, 4, 130},
	{record.QR, "PAT|00482913", 1800, 300, 8, 0},
	{record.DataMatrix, "00482913", 1800, 300, 8, 0},
	{record.PDF417, "GARCIA^MARIA^L 00482913", 1400, 300, 4, 0},
	{record.Aztec, "00482913", 1800, 300, 8, 0},
}

// sheetOf is a picture as a worker sees it.
func sheetOf(t testing.TB, m goimage.Image, dpi int) *sheet {
	t.Helper()
	var b bytes.Buffer
	if err := png.Encode(&b, m); err != nil {
		t.Fatal(err)
	}
	img, err := decode(b.Bytes(), "png", 0, bounds{1e9, 1e9})
	if err != nil {
		t.Fatal(err)
	}
	s, err := newSheet(img, dpi, dpi)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.close)
	return s
}

func codesOn(t testing.TB, m goimage.Image, dpi int) []record.Barcode {
	t.Helper()
	codes, err := sheetOf(t, m, dpi).barcodes()
	if err != nil {
		t.Fatal(err)
	}
	return codes
}

// wantCode holds a page's codes against the only one that stands there.
func wantCode(t *testing.T, codes []record.Barcode, s stamp, box record.Box) {
	t.Helper()
	if len(codes) != 1 {
		t.Errorf("%s: %d codes were read", s.symbology, len(codes))
		return
	}
	c := codes[0]
	if c.Symbology != s.symbology || c.Text.Reveal() != s.text {
		t.Errorf("%s: read as %s %q", s.symbology, c.Symbology, c.Text.Reveal())
	}
	if off := max(abs(c.Box.Left-box.Left), abs(c.Box.Top-box.Top), abs(c.Box.Right()-box.Right()), abs(c.Box.Bottom()-box.Bottom())); off > 16 {
		t.Errorf("%s: stands at %v, want %v", s.symbology, c.Box, box)
	}
}

func abs(n int) int { return max(n, -n) }

func TestEverySymbologyIsReadWithItsBox(t *testing.T) {
	for _, s := range everySymbology {
		paper := printed(t, 2550, 3300, note...)
		box := put(t, paper, s)
		wantCode(t, codesOn(t, paper, 300), s, box)
		wantCode(t, codesOn(t, bilevel(paper), 300), s, box)
	}
}

func TestTurnedAndSmallCodesAreRead(t *testing.T) {
	for _, s := range everySymbology {
		s.module = max(s.module/2, 2)
		s.height = 70
		paper := printed(t, 2550, 3300, note...)
		box := put(t, paper, s)
		for _, degrees := range []int{0, 90, 180, 270} {
			wantCode(t, codesOn(t, turned(paper, degrees), 300), s, turnBox(box, degrees, 2550, 3300))
		}
	}
}

// askew is a picture turned clockwise by any angle, on white.
func askew(m *goimage.Gray, degrees float64) *goimage.Gray {
	out := goimage.NewGray(m.Bounds())
	draw.Draw(out, out.Bounds(), goimage.White, goimage.Point{}, draw.Src)
	sin, cos := math.Sincos(degrees * math.Pi / 180)
	x, y := float64(m.Bounds().Dx())/2, float64(m.Bounds().Dy())/2
	xdraw.BiLinear.Transform(out, f64.Aff3{cos, -sin, x - x*cos + y*sin, sin, cos, y - x*sin - y*cos}, m, m.Bounds(), xdraw.Src, nil)
	return out
}

func TestLabelsStuckAskewAreRead(t *testing.T) {
	for _, s := range everySymbology {
		for _, degrees := range []float64{4, -12, 30, 77} {
			label := printed(t, 1700, 1400, note[:1]...)
			s.left, s.top = 650, 700
			put(t, label, s)
			codes := codesOn(t, askew(label, degrees), 300)
			if len(codes) != 1 || codes[0].Text.Reveal() != s.text {
				t.Errorf("%s turned by %v degrees: %d codes", s.symbology, degrees, len(codes))
			}
		}
	}
}

// faxed is a page as a fax machine sends it: one bit, and specks.
func faxed(m *goimage.Gray, seed uint64) *goimage.Paletted {
	r := rand.New(rand.NewPCG(seed, 1))
	out := bilevel(m)
	for range len(out.Pix) / 150 {
		i := r.IntN(len(out.Pix))
		out.Pix[i] = 1 - out.Pix[i]
	}
	return out
}

func TestFaxedCodesAreRead(t *testing.T) {
	for _, s := range everySymbology {
		paper := printed(t, 2550, 3300, note...)
		box := put(t, paper, s)
		wantCode(t, codesOn(t, faxed(paper, 7), 300), s, box)
	}
}

func TestSeveralCodesOfAPageAreAllRead(t *testing.T) {
	paper := printed(t, 2550, 3300, note...)
	for i, s := range everySymbology {
		s.left, s.top = 200+i%2*1200, 1200+i/2*500
		put(t, paper, s)
	}
	codes := codesOn(t, paper, 300)
	if len(codes) != len(everySymbology) {
		t.Fatalf("%d of %d codes were read", len(codes), len(everySymbology))
	}
	for i := range codes {
		if i > 0 && codes[i].Box.Top < codes[i-1].Box.Top {
			t.Errorf("code %d does not stand in order", i)
		}
	}
}

func TestCodesSurviveTheTurnOfThePage(t *testing.T) {
	p := startPool(t, Config{})
	paper := printed(t, 2550, 1650, append(note[:len(note):len(note)], line{"She has no known allergies and takes no other medication.", 300, 1100},
		line{"Return to the clinic in one month or earlier if it gets worse.", 300, 1180})...)
	s := stamp{record.Code128, "00482913", 1500, 1300, 4, 130}
	box := put(t, paper, s)
	for _, degrees := range []int{0, 90, 180, 270} {
		r := recognise(t, p, pngPage(t, turned(paper, degrees)))
		if r.Page.Rotation != (360-degrees)%360 {
			t.Errorf("turned by %d: rotation %d", degrees, r.Page.Rotation)
		}
		wantCode(t, r.Page.Barcodes, s, box)
		for _, w := range r.Page.Words {
			if w.Box.Top > box.Top && w.Box.Bottom() < box.Bottom() {
				t.Errorf("turned by %d: %q was read in the bars", degrees, w.Text.Reveal())
			}
		}
	}
}

func TestContentsThatAreNotTextAreEscaped(t *testing.T) {
	for _, c := range []struct{ in, want string }{{"ab", "ab"}, {"Zoë", "Zoë"}, {"\xff\x00a", "\\xFF\x00a"}} {
		if got := escape(c.in); got != c.want {
			t.Errorf("%q: %q", c.in, got)
		}
	}
}

func TestWhatNoWorkerSendsIsDropped(t *testing.T) {
	good := wireBarcode{record.QR, "x", false, [4]int{1, 2, 3, 4}}
	bad := []wireBarcode{{"qr2", "x", false, good.Box}, {record.QR, "", false, good.Box}, {record.QR, "\xff", false, good.Box}, {record.QR, "x", false, [4]int{900, 2, 3, 4}},
		{record.QR, string(make([]byte, 1<<20)), false, good.Box}}
	if got := fromWireBarcodes(append(bad, good), 100, 100); len(got) != 1 || got[0].Box != (record.Box{Left: 1, Top: 2, Width: 3, Height: 4}) {
		t.Errorf("%d codes are taken over", len(got))
	}
	many := make([]wireBarcode, 1000)
	for i := range many {
		many[i] = good
	}
	if got := fromWireBarcodes(many, 100, 100); len(got) != maxBarcodes {
		t.Errorf("%d codes are taken over", len(got))
	}
}
