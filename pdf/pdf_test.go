package pdf

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/xml"
	"errors"
	"fmt"
	"html"
	"image"
	"image/color"
	"image/draw"
	"image/jpeg"
	"image/png"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/image/bmp"

	"chartroom/jail"
	"chartroom/record"
	"chartroom/scan"
	"chartroom/scan/scantest"
)

// The test binary is its own jailed child, as the program is in life.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 {
		switch os.Args[1] {
		case "scan-worker":
			jail.Exit(scan.Worker())
		case "jailed":
			jail.Exit(jail.Main(os.Args[2:]))
		}
	}
	os.Exit(m.Run())
}

// given is a scan with the pages that a reader made of it.
type given struct {
	scan  []byte
	pages []record.Page
	from  [2]int // ScanPages
	code  func(ctx context.Context, img *scan.Image) (*os.File, string, error)
}

// open opens bytes as a scan.
func open(t testing.TB, b []byte) *scan.Scan {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	f, err := os.Create(filepath.Join(t.TempDir(), "scan"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	if _, err := f.Write(b); err != nil {
		t.Fatal(err)
	}
	s, err := scan.Open(t.Context(), scan.Tools{Self: []string{self}, Temp: t.TempDir()}, f, scan.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func (g given) source(t testing.TB) Source {
	d := &record.Document{ID: "0123456789abcdef", Revision: 2, Scan: record.Digest{1}, ScanPages: g.from, DocType: "discharge summary", Date: "2011-02-09",
		Received: time.Date(2026, 3, 1, 10, 0, 0, 0, time.UTC), Decided: time.Date(2026, 3, 1, 10, 0, 9, 0, time.UTC), Pages: g.pages}
	code := g.code
	if code == nil {
		code = func(context.Context, *scan.Image) (*os.File, string, error) {
			return nil, "", errors.New("this picture was to be copied, not coded again")
		}
	}
	return Source{Document: d, Scan: open(t, g.scan), Code: code, Program: "Chartroom test",
		Page: func(_ context.Context, n int) (*record.Page, error) { return &g.pages[n-1], nil }}
}

// pdf makes the PDF, and has qpdf look at it.
func (g given) pdf(t *testing.T) string {
	t.Helper()
	var b bytes.Buffer
	if err := Document(t.Context(), &b, g.source(t)); err != nil {
		t.Fatal(err)
	}
	return checked(t, b.Bytes())
}

func checked(t *testing.T, b []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "document.pdf")
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	tool(t, "qpdf", "--check", path)
	return path
}

func tool(t *testing.T, name string, args ...string) string {
	t.Helper()
	var said bytes.Buffer
	cmd := exec.Command(name, args...)
	cmd.Stderr = &said
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s: %v\n%s%s", name, err, out, said.Bytes())
	}
	return string(out)
}

// gradient is a grey picture that looks otherwise from every side.
func gradient(w, h int) *image.Gray {
	m := image.NewGray(image.Rect(0, 0, w, h))
	for y := range h {
		for x := range w {
			v := uint8(255 - 120*x/w - 80*y/h)
			if x < w/4 && y < h/3 {
				v = 20
			}
			m.SetGray(x, y, color.Gray{v})
		}
	}
	return m
}

// placed are words all over a page, of many shapes.
func placed(w, h int) (words []record.Word) {
	texts := []string{"Discharge", "summary", "acne,", "Type", "II", "a", "0O482913", "(see", "below)", "–", "naïve", "gypsy"}
	for i, text := range texts {
		words = append(words, record.Word{Text: record.Hide(text), Confidence: 0.9, Block: 1 + i/6, Line: 1 + i%6/3,
			Box: record.Box{Left: w/20 + i%3*w/4, Top: h/10 + i/3*h/5 + i%2*3, Width: w/10 + 3*len(text), Height: h/30 + i%4*2}})
	}
	return words
}

func readPage(w, h, dpi, rotation int) record.Page {
	return record.Page{Number: 1, State: record.PageText, Width: w, Height: h, DPI: dpi, Rotation: rotation, Words: placed(w, h)}
}

// wordBox is a word as pdftotext finds it, in points.
type wordBox struct {
	text                   string
	left, top, right, down float64
}

func found(t *testing.T, path string) (words []wordBox) {
	t.Helper()
	row := regexp.MustCompile(`<word xMin="([-\d.]+)" yMin="([-\d.]+)" xMax="([-\d.]+)" yMax="([-\d.]+)">(.*?)</word>`)
	for _, m := range row.FindAllStringSubmatch(tool(t, "pdftotext", "-bbox", path, "-"), -1) {
		var v [4]float64
		for i := range v {
			v[i], _ = strconv.ParseFloat(m[1+i], 64)
		}
		words = append(words, wordBox{html.UnescapeString(m[5]), v[0], v[1], v[2], v[3]})
	}
	return words
}

// onPrint holds the words of a PDF of one page against those that were read:
// every edge within a pixel and a half.
func onPrint(t *testing.T, path string, p *record.Page) {
	t.Helper()
	got := found(t, path)
	if len(got) != len(p.Words) {
		t.Errorf("%d words of %d were found", len(got), len(p.Words))
	}
	scale := float64(p.DPI) / 72
	for _, w := range p.Words {
		near := math.Inf(1)
		for _, g := range got {
			if g.text == w.Text.Reveal() {
				near = min(near, max(math.Abs(g.left*scale-float64(w.Box.Left)), math.Abs(g.top*scale-float64(w.Box.Top)),
					math.Abs(g.right*scale-float64(w.Box.Right())), math.Abs(g.down*scale-float64(w.Box.Bottom()))))
			}
		}
		if near > 1.5 {
			t.Errorf("%q is %.1f pixels off its print", w.Text.Reveal(), near)
		}
	}
}

// drawn is a page as poppler draws it.
func drawn(t *testing.T, path string, page, dpi int) image.Image {
	t.Helper()
	out := filepath.Join(t.TempDir(), "page")
	n := strconv.Itoa(page)
	tool(t, "pdftoppm", "-png", "-r", strconv.Itoa(dpi), "-f", n, "-l", n, "-singlefile", path, out)
	b, err := os.ReadFile(out + ".png")
	if err != nil {
		t.Fatal(err)
	}
	m, err := png.Decode(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// away is the mean difference of two pictures, pixel by pixel, from 0 to 255.
func away(t *testing.T, a, b image.Image) float64 {
	t.Helper()
	w, h := a.Bounds().Dx(), a.Bounds().Dy()
	if w != b.Bounds().Dx() || h != b.Bounds().Dy() {
		t.Errorf("sizes differ: %v, %v", a.Bounds(), b.Bounds())
		return 255
	}
	sum := 0.0
	for y := range h {
		for x := range w {
			p, q := color.GrayModel.Convert(a.At(x, y)).(color.Gray).Y, color.GrayModel.Convert(b.At(x, y)).(color.Gray).Y
			sum += math.Abs(float64(p) - float64(q))
		}
	}
	return sum / float64(w*h)
}

func TestWordsLieOnTheirPrintHoweverThePageStands(t *testing.T) {
	const w, h, dpi = 600, 800, 100
	upright := gradient(w, h)
	for o := 1; o <= 8; o++ {
		p := readPage(w, h, dpi, 0)
		path := given{scan: scantest.JPEG(scantest.Stored(upright, o), o, dpi), pages: []record.Page{p}}.pdf(t)
		onPrint(t, path, &p)
		if d := away(t, drawn(t, path, 1, dpi), upright); d > 3 {
			t.Errorf("orientation %d: the page looks otherwise, by %.1f", o, d)
		}
	}
	for o, turn := range map[int]int{8: 270, 3: 180, 6: 90} { // nothing in the file says so; the reader found out
		p := readPage(w, h, dpi, turn)
		path := given{scan: scantest.JPEG(scantest.Stored(upright, o), 0, dpi), pages: []record.Page{p}}.pdf(t)
		onPrint(t, path, &p)
		if d := away(t, drawn(t, path, 1, dpi), upright); d > 3 {
			t.Errorf("turned by %d: the page looks otherwise, by %.1f", turn, d)
		}
	}
}

// bilevel is a picture of text, black and white.
func bilevel(m *image.Gray) *image.Gray {
	out := image.NewGray(m.Rect)
	for i, v := range m.Pix {
		if v > 127 {
			out.Pix[i] = 255
		}
	}
	return out
}

func negative(m *image.Gray) *image.Gray {
	out := image.NewGray(m.Rect)
	for i, v := range m.Pix {
		out.Pix[i] = 255 - v
	}
	return out
}

func pngOf(t *testing.T, m image.Image) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := png.Encode(&b, m); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// data are the bytes that a picture's decoder gets, from between two marks.
func data(t *testing.T, b []byte, from, to string) []byte {
	t.Helper()
	_, rest, ok := bytes.Cut(b, []byte(from))
	if !ok {
		t.Fatalf("no %q", from)
	}
	i := bytes.LastIndex(rest, []byte(to))
	return rest[:i]
}

// Whatever PDF can decode goes in byte for byte, and shows what it showed.
func TestPicturesAreCopiedAsTheyAre(t *testing.T) {
	const w, h = 400, 500
	text := bilevel(scantest.Consent.Draw(100, 100))
	grey := gradient(w, h)
	palette := image.NewPaletted(image.Rect(0, 0, w, h), color.Palette{color.Gray{0}, color.Gray{90}, color.Gray{255}})
	for i := range palette.Pix {
		palette.Pix[i] = uint8(i % w / 50 % 3)
	}
	var flipped []byte
	for _, v := range scantest.G4(text) {
		var r byte
		for i := range 8 {
			r |= v >> i & 1 << (7 - i)
		}
		flipped = append(flipped, r)
	}
	flate := scantest.FlatePicture(text, 8, false, true)
	tall := scantest.Consent.Draw(204, 98)
	cases := map[string]struct {
		scan   []byte
		copied [][]byte
		coding string
		shows  image.Image
		dpi    int
		w, h   int // of the page as it was read, where its dots were made square
	}{
		"JPEG":          {scan: scantest.JPEG(grey, 0, 100), copied: [][]byte{scantest.JPEG(grey, 0, 100)}, coding: "jpeg", shows: grey, dpi: 100},
		"PNG grey":      {scan: pngOf(t, grey), copied: [][]byte{data(t, pngOf(t, grey), "IDAT", "\x00\x00\x00\x00IEND")[:200]}, coding: "image", shows: grey, dpi: 100},
		"PNG palette":   {scan: pngOf(t, palette), copied: [][]byte{data(t, pngOf(t, palette), "IDAT", "\x00\x00\x00\x00IEND")[:100]}, coding: "image", shows: palette, dpi: 100},
		"TIFF G4":       {scan: tiffOf(scantest.Frame{Picture: text, Compression: 4, Bits: 1, WhiteIsZero: true}), copied: [][]byte{scantest.G4(text)}, coding: "ccitt", shows: text, dpi: 100},
		"TIFF G4 black": {scan: tiffOf(scantest.Frame{Picture: text, Compression: 4, Bits: 1}), coding: "ccitt", shows: negative(text), dpi: 100},
		"TIFF G3":       {scan: tiffOf(scantest.Frame{Picture: text, Compression: 3, Bits: 1, WhiteIsZero: true}), copied: [][]byte{scantest.G3(text)}, coding: "ccitt", shows: text, dpi: 100},
		"TIFF strips": {scan: tiffOf(scantest.Frame{Picture: text, Compression: 4, Bits: 1, WhiteIsZero: true, Strips: 5}), coding: "ccitt", shows: text, dpi: 100,
			copied: stripsOf(text, 5)},
		"TIFF deflate": {scan: tiffOf(scantest.Frame{Picture: grey, Compression: 8, Bits: 8}), coding: "image", shows: grey, dpi: 100},
		"TIFF fax": {scan: tiffOf(scantest.Frame{Picture: tall, Compression: 8, Bits: 8, DPIX: 204, DPIY: 98}), coding: "image", shows: nil, dpi: 204,
			w: tall.Rect.Dx(), h: int(math.Round(float64(tall.Rect.Dy()) * 204 / 98))},
		"PDF G4":    {scan: scantest.PDF(scantest.ScannedPage(scantest.FaxPicture(text, -1), "")), copied: [][]byte{scantest.G4(text)}, coding: "ccitt", shows: text, dpi: 100},
		"PDF JPEG":  {scan: scantest.PDF(scantest.ScannedPage(scantest.JPEGPicture(text), "")), copied: [][]byte{scantest.JPEGPicture(text).Coded}, coding: "jpeg", shows: text, dpi: 100},
		"PDF flate": {scan: scantest.PDF(scantest.ScannedPage(flate, "")), copied: [][]byte{flate.Coded}, coding: "image", shows: text, dpi: 100},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			if c.shows != nil {
				c.w, c.h = c.shows.Bounds().Dx(), c.shows.Bounds().Dy()
			}
			p := readPage(c.w, c.h, c.dpi, 0)
			path := given{scan: c.scan, pages: []record.Page{p}}.pdf(t)
			b, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			for i, want := range c.copied {
				if !bytes.Contains(b, want) {
					t.Errorf("strip %d is not in the PDF as it was", i)
				}
			}
			if list := tool(t, "pdfimages", "-list", path); !strings.Contains(list, " "+c.coding+" ") {
				t.Errorf("coded otherwise:\n%s", list)
			}
			onPrint(t, path, &p)
			if c.shows != nil {
				if d := away(t, drawn(t, path, 1, c.dpi), c.shows); d > 2 {
					t.Errorf("the page looks otherwise, by %.1f", d)
				}
			}
		})
	}
	t.Run("bits the other way round", func(t *testing.T) {
		b := tiffOf(scantest.Frame{Picture: text, Compression: 4, Bits: 1, WhiteIsZero: true})
		b = bytes.Replace(b, scantest.G4(text), flipped, 1)
		c, err := scan.CodedFile(fileOf(t, withFillOrder(t, b)), "tiff")
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		var got bytes.Buffer
		if got.ReadFrom(c.Open(c.Strips[0])); !bytes.Equal(got.Bytes(), scantest.G4(text)) {
			t.Error("the bits are not turned round")
		}
	})
}

// withFillOrder makes of the tag of the photometric interpretation, which does
// not matter here, the one that says that the lowest bit comes first.
func withFillOrder(t *testing.T, b []byte) []byte {
	t.Helper()
	for i := 0; i+12 <= len(b); i++ {
		if bytes.Equal(b[i:i+8], []byte{262 & 255, 262 >> 8, 3, 0, 1, 0, 0, 0}) {
			out := bytes.Clone(b)
			copy(out[i:], []byte{266 & 255, 266 >> 8, 3, 0, 1, 0, 0, 0, 2, 0, 0, 0})
			return out
		}
	}
	t.Fatal("no directory found")
	return nil
}

func fileOf(t *testing.T, b []byte) *os.File {
	t.Helper()
	f, err := os.Create(filepath.Join(t.TempDir(), "file"))
	if err == nil {
		_, err = f.Write(b)
	}
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func tiffOf(f scantest.Frame) []byte {
	if f.DPIX == 0 {
		f.DPIX, f.DPIY = 100, 100
	}
	return scantest.TIFF(binary.LittleEndian, false, f)
}

// stripsOf is a picture's strips, each coded by itself.
func stripsOf(m *image.Gray, n int) (out [][]byte) {
	h := m.Rect.Dy()
	rows := (h + n - 1) / n
	for y := 0; y < h; y += rows {
		out = append(out, scantest.G4(m.SubImage(image.Rect(0, y, m.Rect.Dx(), min(y+rows, h))).(*image.Gray)))
	}
	return out
}

// coding gives a Code that decodes with Go's own decoders and counts.
func coding(t *testing.T, count *int) func(context.Context, *scan.Image) (*os.File, string, error) {
	return func(_ context.Context, img *scan.Image) (*os.File, string, error) {
		*count++
		info, err := img.File.Stat()
		if err != nil {
			return nil, "", err
		}
		b := make([]byte, info.Size())
		if _, err := img.File.ReadAt(b, 0); err != nil {
			return nil, "", err
		}
		var m image.Image
		switch img.Codec {
		case "bmp":
			m, err = bmp.Decode(bytes.NewReader(b))
		case "png":
			m, err = png.Decode(bytes.NewReader(b))
		case "jpeg":
			m, err = jpeg.Decode(bytes.NewReader(b))
		default:
			err = fmt.Errorf("no decoder for %s", img.Codec)
		}
		if err != nil {
			return nil, "", fmt.Errorf("%w: %w", ErrUndecodable, err)
		}
		opaque := image.NewRGBA(m.Bounds())
		draw.Draw(opaque, m.Bounds(), image.White, image.Point{}, draw.Src)
		draw.Draw(opaque, m.Bounds(), m, m.Bounds().Min, draw.Over)
		return fileOf(t, pngOf(t, opaque)), "png", nil
	}
}

func TestWhatPDFCannotDecodeIsCodedAgainWithoutLoss(t *testing.T) {
	m := gradient(300, 400)
	var b bytes.Buffer
	if err := bmp.Encode(&b, m); err != nil {
		t.Fatal(err)
	}
	n := 0
	p := readPage(300, 400, 100, 0)
	path := given{scan: b.Bytes(), pages: []record.Page{p}, code: coding(t, &n)}.pdf(t)
	if d := away(t, drawn(t, path, 1, 100), m); d > 0.5 || n != 1 {
		t.Errorf("coded again %d times, %.1f away", n, d)
	}
	transparent := image.NewNRGBA(image.Rect(0, 0, 300, 400))
	n = 0
	given{scan: pngOf(t, transparent), pages: []record.Page{p}, code: coding(t, &n)}.pdf(t)
	if n != 1 {
		t.Error("a transparent picture was copied")
	}
}

// Every page of the document is a page of the PDF.
func TestAPageWithoutAPictureSaysSo(t *testing.T) {
	var frames []scantest.Frame
	for range 4 {
		frames = append(frames, scantest.Frame{Picture: gradient(300, 400), Compression: 8, Bits: 8, DPIX: 100, DPIY: 100})
	}
	pages := make([]record.Page, 3)
	for i := range pages {
		pages[i] = readPage(300, 400, 100, 0)
		pages[i].Number = i + 1
	}
	pages[1] = record.Page{Number: 2, State: record.PageFailed, Reason: "the image cannot be decoded"}
	pages[2] = record.Page{Number: 3, State: record.PageTimedOut}
	path := given{scan: scantest.TIFF(binary.LittleEndian, false, frames...), pages: pages, from: [2]int{2, 4}}.pdf(t)
	text := tool(t, "pdftotext", path, "-")
	if got := strings.Split(strings.ReplaceAll(text, "\n", " "), "\f"); len(got) != 4 || !strings.Contains(got[0], "Discharge") || !strings.Contains(got[1], "Page 2 could not be shown") ||
		!strings.Contains(got[1], "cannot be decoded") || strings.TrimSpace(got[2]) != "" {
		t.Errorf("pages say %q", got)
	}
	if d := away(t, drawn(t, path, 3, 100), gradient(300, 400)); d > 0.5 {
		t.Errorf("a page that took too long to read is not shown: %.1f", d)
	}
	n := 0
	damaged := pngOf(t, image.NewNRGBA(image.Rect(0, 0, 300, 400)))
	copy(damaged[len(damaged)/2:], "xxxxxxxx")
	path = given{scan: damaged, pages: []record.Page{readPage(300, 400, 100, 0)}, code: coding(t, &n)}.pdf(t)
	if text := tool(t, "pdftotext", path, "-"); !strings.Contains(text, "could not be shown") {
		t.Errorf("a picture that cannot be decoded: %q", text)
	}
}

func TestEveryScriptSurvives(t *testing.T) {
	texts := []string{"naïve", "Größe", "Ελληνικά", "Привет", "中文字", "日本", "한국어", "ﬁne", "𝔸𝕓", "😀", "½", "e\u0301te", "שלום", "a<b>&\"c\"", "(x\\y)"}
	p := record.Page{Number: 1, State: record.PageText, Width: 1000, Height: 1600, DPI: 100}
	for i, s := range texts {
		p.Words = append(p.Words, record.Word{Text: record.Hide(s), Block: i + 1, Line: 1, Box: record.Box{Left: 100, Top: 50 + 100*i, Width: 300, Height: 40}})
	}
	text := tool(t, "pdftotext", "-raw", given{scan: scantest.JPEG(gradient(1000, 1600), 0, 100), pages: []record.Page{p}}.pdf(t), "-")
	for _, s := range texts {
		if !strings.Contains(text, s) {
			t.Errorf("%q did not survive in %q", s, text)
		}
	}
}

func TestWordsStayInReadingOrder(t *testing.T) {
	p := readPage(600, 800, 100, 0)
	text := tool(t, "pdftotext", "-raw", given{scan: scantest.JPEG(gradient(600, 800), 0, 100), pages: []record.Page{p}}.pdf(t), "-")
	if got, want := strings.Fields(text), strings.Fields(p.Text()); strings.Join(got, " ") != strings.Join(want, " ") {
		t.Errorf("copied text is %q, want %q", got, want)
	}
}

func TestAHugeTextDoesNotMakeAHugePage(t *testing.T) {
	p := record.Page{Number: 1, State: record.PageText, Width: 100, Height: 100, DPI: 100}
	for i := range 40_000 {
		p.Words = append(p.Words, record.Word{Text: record.Hide(strings.Repeat("x", 100)), Block: 1, Line: i, Box: record.Box{Left: 1, Top: 1, Width: 50, Height: 20}})
	}
	g := &glyphless{}
	if n := len(g.layer(&p)); n > 8<<20 {
		t.Errorf("the text of a page takes %d bytes", n)
	}
}

// The claims of PDF/A-2b that can be looked at without its validator.
func TestThePDFIsWhatItSaysOfItself(t *testing.T) {
	g := given{scan: scantest.JPEG(gradient(300, 400), 0, 100), pages: []record.Page{readPage(300, 400, 100, 0)}}
	path := g.pdf(t)
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.HasPrefix(b, []byte("%PDF-1.7\n%")) || b[10] < 0x80 || b[11] < 0x80 || b[12] < 0x80 || b[13] < 0x80 {
		t.Errorf("the file starts with %q", b[:16])
	}
	for _, no := range []string{"/Encrypt", "/SMask", "/Filter/LZWDecode", "/JavaScript", "/AA", "/OpenAction", "/Interpolate true"} {
		if bytes.Contains(b, []byte(no)) {
			t.Errorf("it has %s", no)
		}
	}
	if !regexp.MustCompile(`/ID\[<[0-9A-F]{32}><[0-9A-F]{32}>\]`).Match(b) {
		t.Error("it has no file ID")
	}
	packet := data(t, b, "<?xpacket begin=", "<?xpacket end")
	var meta struct {
		Description struct {
			Part        string `xml:"http://www.aiim.org/pdfa/ns/id/ part"`
			Conformance string `xml:"http://www.aiim.org/pdfa/ns/id/ conformance"`
			Title       struct {
				Words string `xml:"Alt>li"`
			} `xml:"http://purl.org/dc/elements/1.1/ title"`
			Created  string `xml:"http://ns.adobe.com/xap/1.0/ CreateDate"`
			Producer string `xml:"http://ns.adobe.com/pdf/1.3/ Producer"`
		} `xml:"RDF>Description"`
	}
	if err := xml.Unmarshal(packet[bytes.Index(packet, []byte("<x:")):], &meta); err != nil {
		t.Fatal(err)
	}
	d := meta.Description
	if d.Part != "2" || d.Conformance != "B" || d.Title.Words != "Discharge summary of 2011-02-09" || d.Created != "2026-03-01T10:00:09Z" || d.Producer != "Chartroom test" {
		t.Errorf("metadata: %+v", d)
	}
	info := tool(t, "pdfinfo", "-isodates", path)
	for _, line := range []string{"Title:           Discharge summary of 2011-02-09", "CreationDate:    2026-03-01T10:00:09Z", "Producer:        Chartroom test", "Encrypted:       no"} {
		if !strings.Contains(info, line) {
			t.Errorf("no %q in\n%s", line, info)
		}
	}
	if fonts := tool(t, "pdffonts", path); !regexp.MustCompile(`ChartroomGlyphless +CID TrueType +Identity-H +yes +no +yes`).MatchString(fonts) {
		t.Errorf("fonts:\n%s", fonts)
	}
	object := regexp.MustCompile(`(?s)/OutputIntents\[(\d+) 0 R\].*`).FindSubmatch(b)
	if object == nil {
		t.Fatal("no output intent")
	}
	intent := tool(t, "qpdf", "--show-object="+string(object[1]), path)
	profile := regexp.MustCompile(`/DestOutputProfile (\d+) 0 R`).FindStringSubmatch(intent)
	if !strings.Contains(intent, "/GTS_PDFA1") || profile == nil {
		t.Fatalf("output intent: %s", intent)
	}
	if icc := tool(t, "qpdf", "--show-object="+profile[1], "--filtered-stream-data", path); icc != string(sRGB()) {
		t.Error("the profile is not the one made")
	}
	var again bytes.Buffer
	if err := Document(t.Context(), &again, g.source(t)); err != nil || !bytes.Equal(again.Bytes(), b) {
		t.Errorf("made again it is another file (%v)", err)
	}
}

// sRGB's primaries and white come to the white of D50, as a profile's must.
func TestTheProfileIsSound(t *testing.T) {
	b := sRGB()
	u32 := func(at int) int { return int(b[at])<<24 | int(b[at+1])<<16 | int(b[at+2])<<8 | int(b[at+3]) }
	if u32(0) != len(b) || string(b[36:40]) != "acsp" || string(b[16:20]) != "RGB " || string(b[12:16]) != "mntr" {
		t.Fatal("its header is wrong")
	}
	tags := map[string][]byte{}
	for i := range u32(128) {
		at := 132 + 12*i
		if u32(at+4)%4 != 0 || u32(at+4)+u32(at+8) > len(b) {
			t.Fatalf("tag %s lies wrong", b[at:at+4])
		}
		tags[string(b[at:at+4])] = b[u32(at+4) : u32(at+4)+u32(at+8)]
	}
	for _, name := range []string{"desc", "cprt", "wtpt", "rXYZ", "gXYZ", "bXYZ", "rTRC", "gTRC", "bTRC"} {
		if len(tags[name]) == 0 {
			t.Errorf("it has no %s", name)
		}
	}
	for i, want := range []float64{0.9642, 1, 0.8249} {
		sum := 0.0
		for _, name := range []string{"rXYZ", "gXYZ", "bXYZ"} {
			v := tags[name][8+4*i:]
			sum += float64(int(v[0])<<24|int(v[1])<<16|int(v[2])<<8|int(v[3])) / 65536
		}
		if math.Abs(sum-want) > 0.001 {
			t.Errorf("white is %.4f, want %.4f", sum, want)
		}
	}
}

// written counts what has gone out.
type written int

func (w *written) Write(b []byte) (int, error) { *w += written(len(b)); return len(b), nil }

// A page has gone out before the next is asked for: a long document takes no
// more memory than a short one.
func TestPagesGoOutOneByOne(t *testing.T) {
	const n = 40
	frame := scantest.Frame{Picture: gradient(300, 400), Compression: 8, Bits: 8, DPIX: 100, DPIY: 100}
	frames, pages := make([]scantest.Frame, n), make([]record.Page, n)
	for i := range n {
		frames[i], pages[i] = frame, readPage(300, 400, 100, 0)
		pages[i].Number = i + 1
	}
	src := given{scan: scantest.TIFF(binary.LittleEndian, false, frames...), pages: pages}.source(t)
	var out, before written
	page := src.Page
	src.Page = func(ctx context.Context, number int) (*record.Page, error) {
		if number > 1 && out-before < 1000 {
			t.Errorf("page %d is asked for with %d bytes of the one before written", number, out-before)
		}
		before = out
		return page(ctx, number)
	}
	if err := Document(t.Context(), &out, src); err != nil {
		t.Fatal(err)
	}
}

// full is a disk that is full.
type full struct{ room int }

var errFull = errors.New("no space left")

func (f *full) Write(b []byte) (int, error) {
	if f.room -= len(b); f.room < 0 {
		return 0, errFull
	}
	return len(b), nil
}

func TestAnErrorOfTheOutputIsNotLost(t *testing.T) {
	g := given{scan: scantest.JPEG(gradient(300, 400), 0, 100), pages: []record.Page{readPage(300, 400, 100, 0)}}
	for _, room := range []int{0, 20, 500, 5000, 9000} {
		if err := Document(t.Context(), &full{room}, g.source(t)); !errors.Is(err, errFull) {
			t.Errorf("with room for %d bytes: %v", room, err)
		}
	}
}

func TestASheetIsDrawnAndCanBeSearched(t *testing.T) {
	var b bytes.Buffer
	w := NewWriter(&b, Info{Title: "Sheets", Producer: "Chartroom test", Identity: "sheets"})
	s := w.Sheet(612, 792)
	s.Box(100, 200, 300, 50)
	s.Text(100, 150, 24, true, "Separator sheet Ä")
	if err := errors.Join(s.End(), w.Close()); err != nil {
		t.Fatal(err)
	}
	path := checked(t, b.Bytes())
	if text := tool(t, "pdftotext", path, "-"); strings.TrimSpace(text) != "Separator sheet Ä" {
		t.Errorf("text is %q", text)
	}
	m := drawn(t, path, 1, 72)
	dark := func(r image.Rectangle) (n int) {
		for y := r.Min.Y; y < r.Max.Y; y++ {
			for x := r.Min.X; x < r.Max.X; x++ {
				if color.GrayModel.Convert(m.At(x, y)).(color.Gray).Y < 128 {
					n++
				}
			}
		}
		return n
	}
	if n := dark(image.Rect(101, 201, 399, 249)); n != 298*48 {
		t.Errorf("%d pixels of the box are black", n)
	}
	if n := dark(image.Rect(100, 130, 320, 156)); n < 500 || n > 3000 {
		t.Errorf("%d pixels of the text are black", n)
	}
	if n := dark(m.Bounds()) - dark(image.Rect(100, 200, 400, 250)) - dark(image.Rect(100, 120, 340, 160)); n > 0 {
		t.Errorf("%d pixels elsewhere are black", n)
	}
}

// jbig2 is a picture in JBIG2 as PDF has it, coded by its G4 kind, in two
// parts: the description of the page, which is shared, and the picture.
func jbig2(m *image.Gray) (globals, coded []byte) {
	be := binary.BigEndian
	w, h := uint32(m.Rect.Dx()), uint32(m.Rect.Dy())
	segment := func(number uint32, kind byte, content []byte) []byte {
		b := append(be.AppendUint32(nil, number), kind, 0, 1)
		return append(be.AppendUint32(b, uint32(len(content))), content...)
	}
	size := be.AppendUint32(be.AppendUint32(nil, w), h)
	page := append(append(bytes.Clone(size), make([]byte, 8)...), 0, 0, 0)
	region := append(append(bytes.Clone(size), make([]byte, 8)...), 0, 1) // at 0, 0; or; coded as G4
	return segment(0, 48, page), segment(1, 38, append(region, scantest.G4(m)...))
}

func TestJBIG2IsCopiedWithWhatItsPagesShare(t *testing.T) {
	text := bilevel(scantest.Consent.Draw(100, 100))
	globals, coded := jbig2(text)
	picture := scantest.PDFPicture{Width: text.Rect.Dx(), Height: text.Rect.Dy(), Coded: coded,
		Dict: "/ColorSpace/DeviceGray/BitsPerComponent 1/Filter/JBIG2Decode/DecodeParms<</JBIG2Globals 999 0 R>>"}
	for rotate, place := range map[int]string{0: "612 0 0 792 0 0", 90: "500 0 0 700 56 46"} {
		page := scantest.ScannedPage(picture, "")
		page.Content, page.Rotate = "q "+place+" cm /Im0 Do Q", rotate
		b := scantest.PDF(page)
		at := bytes.Index(b, []byte("\nxref\n")) + 1
		shared := fmt.Sprintf("999 0 obj\n<</Length %d>>\nstream\n%s\nendstream\nendobj\n", len(globals), globals)
		b = append(append(bytes.Clone(b[:at]), shared...), []byte(fmt.Sprintf("xref\n999 1\n%010d 00000 n \n", at)+string(b[at+5:]))...)
		b = regexp.MustCompile(`startxref\n\d+`).ReplaceAll(b, fmt.Appendf(nil, "startxref\n%d", at+len(shared)))
		b = regexp.MustCompile(`/Size \d+`).ReplaceAll(b, []byte("/Size 1000"))
		s := open(t, b)
		w, h := s.Pages[0].Width, s.Pages[0].Height
		p := readPage(w, h, s.Pages[0].DPIX, 0)
		path := given{scan: b, pages: []record.Page{p}}.pdf(t)
		made, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Contains(made, coded) || !bytes.Contains(made, globals) {
			t.Error("the bytes are not in the PDF as they were")
		}
		before := filepath.Join(t.TempDir(), "before.pdf")
		if err := os.WriteFile(before, b, 0o600); err != nil {
			t.Fatal(err)
		}
		if d := away(t, drawn(t, path, 1, 100), drawn(t, before, 1, 100)); d > 1 {
			t.Errorf("rotate %d: the page looks otherwise, by %.1f", rotate, d)
		}
		onPrint(t, path, &p)
	}
}
