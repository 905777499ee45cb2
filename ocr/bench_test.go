package ocr

import (
	goimage "image"
	"maps"
	"math/rand/v2"
	"os"
	"runtime"
	"slices"
	"strconv"
	"testing"

	"chartroom/testdata/paper"
)

// ownPages are pages that need no samples: print at 300 dots per inch, one in
// four turned.
func ownPages(t testing.TB) []samplePage {
	t.Helper()
	var lines []line
	var truth []string
	for i := range 34 {
		text := note[i%len(note)].text + " " + note[(i*3+1)%len(note)].text[:12] + " " + strconv.Itoa(1000+i*37)
		lines = append(lines, line{text, 200, 300 + i*80})
		truth = append(truth, text)
	}
	paper := printed(t, 2550, 3300, lines...)
	var pages []samplePage
	for i := range 8 {
		img := pngPage(t, paper)
		if i%4 == 3 {
			img = pngPage(t, turned(paper, 90*(1+i/4)))
		}
		pages = append(pages, samplePage{img, sampleTruth{File: "own-" + strconv.Itoa(i), Level: "own", Pages: [][]string{truth}}})
	}
	return pages
}

// BenchmarkReading reads the same pages with all cores, once as the program
// does and once with Tesseract's own program, and reports both and their
// ratios: processor time and wall time (below 1 is cheaper than plain), and
// recall and F1 of the words where the truth is known.
func BenchmarkReading(b *testing.B) {
	if os.Getenv("CHARTROOM_BENCH") == "" {
		b.Skip("takes minutes: set CHARTROOM_BENCH to run it")
	}
	for _, set := range []struct {
		name  string
		pages func(testing.TB) []samplePage
	}{{"own", ownPages}, {"chart", func(t testing.TB) []samplePage { return samples(t, "chart") }}, {"traps", func(t testing.TB) []samplePage { return samples(t, "traps") }},
		{"fax", func(t testing.TB) []samplePage { return faxPages(t, "fax") }}, {"scan", func(t testing.TB) []samplePage { return faxPages(t, "scan") }}, {"photo", func(t testing.TB) []samplePage { return faxPages(t, "photo") }}} {
		b.Run(set.name, func(b *testing.B) {
			pages := set.pages(b)
			for b.Loop() {
				ours, base := ourReading(b, pages, runtime.NumCPU()), plainTesseract(b, pages, runtime.NumCPU())
				report(b, pages, ours, base)
			}
		})
	}
}

func report(b *testing.B, pages []samplePage, ours, base contest) {
	n := float64(len(pages))
	b.ReportMetric(ours.cpu.Seconds()/n, "cpu-s/page")
	b.ReportMetric(ours.cpu.Seconds()/base.cpu.Seconds(), "cpu/plain")
	b.ReportMetric(ours.wall.Seconds()/base.wall.Seconds(), "wall/plain")
	b.ReportMetric(n/ours.wall.Minutes(), "pages/min")
	was := base.scores(pages)
	for level, s := range ours.scores(pages) {
		b.Logf("%-7s recall %.4f (plain %.4f)  F1 %.4f (plain %.4f)  n=%.0f", level, s[0]/s[2], was[level][0]/s[2], s[1]/s[2], was[level][1]/s[2], s[2])
	}
}

// faults are wear of one kind each, on pages that are clean but for it.
var faults = map[string]paper.Wear{
	"none":         {Bits: 8},
	"faint":        {Bits: 8, Faint: 0.8, Noise: 4, Blur: 0.6, Paper: 245},
	"very faint":   {Bits: 8, Faint: 0.88, Noise: 3, Blur: 0.6, Paper: 245},
	"specks":       {Bits: 8, Speckle: 20, Noise: 4, Blur: 0.5, Paper: 250},
	"many specks":  {Bits: 8, Speckle: 100, Noise: 4, Blur: 0.5, Paper: 250},
	"fax specks":   {Bits: 1, Speckle: 100, Noise: 4, Blur: 0.5, Paper: 250, Threshold: 0.7},
	"copier grain": {Bits: 1, Noise: 26, Blur: 0.7, Paper: 215, Threshold: 0.75},
	"lost toner":   {Bits: 1, Faint: 0.45, Patchy: true, Noise: 14, Blur: 1, Paper: 235, Threshold: 0.6},
	"bleed":        {Bits: 8, Bleed: 0.25, Noise: 4, Blur: 0.6, Paper: 245},
	"strong bleed": {Bits: 8, Bleed: 0.55, Noise: 4, Blur: 0.6, Paper: 245},
}

// faultyPages are the same made-up pages of four layouts under one fault.
func faultyPages(b *testing.B, w paper.Wear) []samplePage {
	b.Helper()
	box, err := paper.New(906, paper.Options{Levels: []paper.Level{paper.Clean}, Upright: true})
	if err != nil {
		b.Fatal(err)
	}
	var pages []samplePage
	for i := 0; len(pages) < 4; i++ {
		s := box.Scan(i)
		if s.Wear.DPIX != 300 || s.Wear.Bits != 8 {
			continue
		}
		w.DPIX, w.DPIY = 300, 300
		var m goimage.Image = w.Apply(s.Images[0], 1, rand.New(rand.NewPCG(uint64(i), 3)))
		if w.Bits == 1 {
			m = bilevel(m.(*goimage.Gray))
		}
		pages = append(pages, samplePage{pngPage(b, m), sampleTruth{File: s.File, Level: s.Layout, Pages: s.Pages[:1]}})
	}
	return pages
}

// BenchmarkFaults reads pages that have one fault each, beside plain Tesseract.
func BenchmarkFaults(b *testing.B) {
	if os.Getenv("CHARTROOM_BENCH") == "" {
		b.Skip("takes minutes: set CHARTROOM_BENCH to run it")
	}
	for _, name := range slices.Sorted(maps.Keys(faults)) {
		b.Run(name, func(b *testing.B) {
			pages := faultyPages(b, faults[name])
			for b.Loop() {
				report(b, pages, ourReading(b, pages, runtime.NumCPU()), plainTesseract(b, pages, runtime.NumCPU()))
			}
		})
	}
}
