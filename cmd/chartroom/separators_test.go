package main

import (
	"encoding/binary"
	"image"
	"image/color"
	"image/draw"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/image/font"
	"golang.org/x/image/math/fixed"

	"chartroom/scan/scantest"
)

// drawnSheet is a sheet of paper at 200 dpi, drawn as a printer would.
type drawnSheet struct{ *image.Gray }

const drawnDPI = 200

func blankSheet() drawnSheet {
	m := image.NewGray(image.Rect(0, 0, drawnDPI*17/2, drawnDPI*11))
	draw.Draw(m, m.Bounds(), image.White, image.Point{}, draw.Src)
	return drawnSheet{m}
}

func (s drawnSheet) dot(points float64) int { return int(points/inch*drawnDPI + 0.5) }

func (s drawnSheet) Box(x, y, width, height float64) {
	draw.Draw(s.Gray, image.Rect(s.dot(x), s.dot(y), s.dot(x+width), s.dot(y+height)), image.Black, image.Point{}, draw.Src)
}

func (s drawnSheet) Text(x, y, size float64, _ bool, text string) float64 {
	d := font.Drawer{Dst: s.Gray, Src: image.NewUniform(color.Black), Face: newFace(), Dot: fixed.P(s.dot(x), s.dot(y))}
	d.DrawString(text)
	return 0
}

// scanned is the sheet after the scanner: leaning, speckled, one bit deep.
func (s drawnSheet) scanned(seed uint64) drawnSheet {
	out, r := blankSheet(), rand.New(rand.NewPCG(seed, 1))
	b := s.Bounds()
	for y := range b.Dy() {
		for x := range b.Dx() {
			v := color.Gray{255}
			if from := image.Pt(x+y/60, y-x/60); from.In(b) {
				v = s.GrayAt(from.X, from.Y)
			}
			if r.IntN(200) == 0 {
				v.Y = 255 - v.Y
			}
			out.SetGray(x, y, v)
		}
	}
	return out
}

// printedSheet is a sheet with lines of print.
func printedSheet(lines ...string) drawnSheet {
	s := blankSheet()
	for i, line := range lines {
		s.Text(inch, inch*1.5+float64(i)*24, 11, false, line)
	}
	return s
}

func tiffOf(sheets ...drawnSheet) []byte {
	frames := make([]scantest.Frame, len(sheets))
	for i, s := range sheets {
		frames[i] = scantest.Frame{Picture: s.Gray, Bits: 1, Compression: 4, WhiteIsZero: true, DPIX: drawnDPI, DPIY: drawnDPI}
	}
	return scantest.TIFF(binary.LittleEndian, false, frames...)
}

func drawnSeparators(s sheetOptions) (out []drawnSheet) {
	s.patch, s.paper = "T", "letter"
	sheets, err := s.sheets(defaultConfig())
	if err != nil {
		panic(err)
	}
	for _, sheet := range sheets {
		d := blankSheet()
		if err := sheet.draw(d, 8.5*inch, 11*inch); err != nil {
			panic(err)
		}
		out = append(out, d)
	}
	return out
}

// batchOf is a batch of lab sheets with separators between them.
func batchOf(numbers ...int) []byte {
	var sheets []drawnSheet
	for i, n := range numbers {
		if i > 0 {
			sheets = append(sheets, drawnSeparators(sheetOptions{count: 1})...)
		}
		sheets = append(sheets, printedSheet(labLines(n)...))
	}
	return tiffOf(sheets...)
}

// What is printed is recognised once it has been through a scanner: a separator
// parts, a cover sheet parts and gives its patient's number.
func TestPrintedSheetsPartWhatIsScannedWithThem(t *testing.T) {
	data, scans := t.TempDir(), t.TempDir()
	sheets := append(drawnSeparators(sheetOptions{count: 1}), drawnSeparators(sheetOptions{patients: []string{"00482913", "MR-771/20"}})...)
	pages := []drawnSheet{printedSheet("PROGRESS NOTE", "Walked with a giraffe"), sheets[0], printedSheet("PROGRESS NOTE", "Sold an umbrella"),
		sheets[1], printedSheet("PROGRESS NOTE", "Lit a lantern"), sheets[2], printedSheet("PROGRESS NOTE", "Cracked a walnut")}
	for i := range pages {
		pages[i] = pages[i].scanned(uint64(i))
	}

	if err := os.WriteFile(filepath.Join(scans, "batch.tif"), tiffOf(pages...), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, status := chartroom(t, data, "ingest", scans); status != 0 || !strings.Contains(out, "3 separator sheets left out") {
		t.Fatalf("status %d: %s", status, out)
	}
	docs := list(t, data)
	if len(docs) != 4 {
		t.Fatalf("%d documents", len(docs))
	}
	for i, want := range []struct {
		pages  [2]int
		word   string
		number string
	}{{[2]int{1, 1}, "giraffe", ""}, {[2]int{3, 3}, "umbrella", ""}, {[2]int{5, 5}, "lantern", "00482913"}, {[2]int{7, 7}, "walnut", "MR77120"}} {
		d := docs[i]
		number := ""
		for _, id := range d.Identifiers {
			if id.Kind == "mrn" && id.Source == "barcode" {
				number += id.Value
			}
		}
		if len(d.Pages) != 1 || d.ScanPages == nil || *d.ScanPages != want.pages || !strings.Contains(d.Pages[0].Text, want.word) || number != want.number {
			t.Errorf("document %d: pages %v of the scan, number %q: %+v", i+1, d.ScanPages, number, d.Pages)
		}
	}
	if out, status := chartroom(t, data, "verify"); status != 0 {
		t.Errorf("verify: %s", out)
	}
}

func TestSheetsThatNobodyWouldReadAreNotPrinted(t *testing.T) {
	cfg := defaultConfig()
	for _, s := range []sheetOptions{{patch: "2", paper: "letter"}, {patch: "5", paper: "letter"}, {patch: "T", paper: "a3"}, {patch: "T", paper: "a4", patients: []string{" "}}, {patch: "T", paper: "a4", patients: []string{"müller"}},
		{patch: "T", paper: "a4", count: -3}, {patch: "T", paper: "a4", count: mostSheets + 1}} {
		if _, err := s.sheets(cfg); err == nil {
			t.Errorf("%+v is printed", s)
		}
	}
	cfg.Separators.Cover = ""
	if _, err := (sheetOptions{patch: "T", paper: "a4", patients: []string{"1"}}).sheets(cfg); err == nil || !strings.Contains(err.Error(), "separators.cover") {
		t.Errorf("cover sheets that nobody reads: %v", err)
	}
}

// Every file of the samples is split as its name says.
func TestSampleSeparatorsSplitAsTheirNamesSay(t *testing.T) {
	samples := os.Getenv("CHARTROOM_SAMPLES")
	if samples == "" {
		samples = "../../../shared/samples"
	}
	folder := filepath.Join(samples, "separators")
	if _, err := os.Stat(folder); err != nil {
		t.Skip("no samples here")
	}
	data := t.TempDir()
	if out, status := chartroom(t, data, "ingest", folder); status != 0 {
		t.Fatal(out)
	}
	got := map[string]int{}
	for _, d := range list(t, data) {
		got[d.File]++
	}
	right := 0
	for file, n := range got {
		want := 1
		switch {
		case strings.Contains(file, "unreadable"):
		case strings.Contains(file, "several"):
			want = 3
		case strings.Contains(file, "middle"), strings.Contains(file, "double."), strings.Contains(file, "fax"), strings.Contains(file, "many"):
			want = 2
		}
		if n != want {
			t.Errorf("%s is %d documents, its name says %d", file, n, want)
			continue
		}
		right++
	}
	t.Logf("%d of %d files split as their names say", right, len(got))
}
