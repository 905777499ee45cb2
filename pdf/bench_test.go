package pdf

import (
	"context"
	"encoding/binary"
	"runtime"
	"testing"

	"chartroom/record"
	"chartroom/scan/scantest"
)

// BenchmarkExport writes a document of 2000 pages of G4 at 200 dpi with 400
// words each: pages a second, what a page takes beyond its picture, and the
// most memory that was in use between two pages.
func BenchmarkExport(b *testing.B) {
	const n, words = 2000, 400
	sheet := bilevel(scantest.Consent.Draw(200, 200))
	frame := scantest.Frame{Picture: sheet, Compression: 4, Bits: 1, WhiteIsZero: true, DPIX: 200, DPIY: 200}
	picture := len(scantest.G4(sheet))
	frames := make([]scantest.Frame, 20) // its bytes are what they are; the pages come again and again
	for i := range frames {
		frames[i] = frame
	}
	page := record.Page{State: record.PageText, Width: sheet.Rect.Dx(), Height: sheet.Rect.Dy(), DPI: 200}
	for i := range words {
		page.Words = append(page.Words, record.Word{Text: record.Hide(scantest.Consent[i%len(scantest.Consent)][:7]), Confidence: 0.9, Block: 1 + i/100, Line: 1 + i/10,
			Box: record.Box{Left: 100 + i%10*140, Top: 100 + i/10*40, Width: 90 + i%13, Height: 24 + i%5}})
	}
	g := given{scan: scantest.TIFF(binary.LittleEndian, false, frames...), pages: make([]record.Page, len(frames))}
	for i := range g.pages {
		g.pages[i] = page
		g.pages[i].Number = i + 1
	}
	src := g.source(b)
	long := *src.Document
	long.Pages = nil
	src.Document = &long
	scanned := src.Scan.Pages
	src.Scan.Pages = nil
	for i := range n {
		long.Pages = append(long.Pages, record.Page{Number: i + 1})
		src.Scan.Pages = append(src.Scan.Pages, scanned[i%len(scanned)])
	}
	var peak uint64
	src.Page = func(_ context.Context, number int) (*record.Page, error) {
		if number%50 == 0 {
			var m runtime.MemStats
			if runtime.ReadMemStats(&m); m.HeapInuse > peak {
				peak = m.HeapInuse
			}
		}
		p := page
		p.Number = number
		return &p, nil
	}
	for b.Loop() {
		var out written
		if err := Document(b.Context(), &out, src); err != nil {
			b.Fatal(err)
		}
		b.ReportMetric(float64(int(out)/n-picture), "bytes/page-over")
	}
	b.ReportMetric(n*float64(b.N)/b.Elapsed().Seconds(), "pages/s")
	b.ReportMetric(float64(peak)/(1<<20), "MB-peak")
}
