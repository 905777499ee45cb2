package ocr

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// sampleTruth is a line of the truth of a box of sample scans.
type sampleTruth struct {
	File, Level, Layout string
	Pages               [][]string
}

// samplePage is a page of a sample as an image, with its whole truth.
type samplePage struct {
	img   Image
	truth sampleTruth
}

// samples extracts the page images of a box: files as they are, the pictures
// of a PDF taken out by poppler.
func samples(t testing.TB, box string) []samplePage {
	t.Helper()
	root := os.Getenv("CHARTROOM_SAMPLES")
	b, err := os.ReadFile(filepath.Join(root, box, "truth.jsonl"))
	if root == "" || err != nil {
		t.Skip("no sample scans: CHARTROOM_SAMPLES names no folder that has " + box)
	}
	var pages []samplePage
	for l := range strings.Lines(string(b)) {
		var tr sampleTruth
		if err := json.Unmarshal([]byte(l), &tr); err != nil {
			t.Fatal(err)
		}
		pages = append(pages, sampleImages(t, filepath.Join(root, box, "scans", tr.File), tr)...)
	}
	return pages
}

func sampleImages(t testing.TB, path string, tr sampleTruth) []samplePage {
	t.Helper()
	paths := []string{path}
	if filepath.Ext(path) == ".pdf" {
		dir := t.TempDir()
		if out, err := exec.Command("pdfimages", "-all", path, filepath.Join(dir, "p")).CombinedOutput(); err != nil {
			t.Fatalf("extract: %v %s", err, out)
		}
		var err error
		if paths, err = filepath.Glob(filepath.Join(dir, "p*")); err != nil {
			t.Fatal(err)
		}
	}
	var pages []samplePage
	for _, p := range paths {
		f, err := os.Open(p)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { f.Close() })
		codec := map[string]string{".tiff": "tiff", ".tif": "tiff", ".jpg": "jpeg", ".png": "png"}[filepath.Ext(p)]
		frames := 1
		if codec == "tiff" {
			frames = len(tr.Pages)
		}
		for i := range frames {
			pages = append(pages, samplePage{Image{File: f, Codec: codec, Frame: i, Number: len(pages) + 1}, tr})
		}
	}
	return pages
}

var wordPattern = regexp.MustCompile(`[a-z0-9]+`)

func bag(s string) map[string]int {
	m := map[string]int{}
	for _, w := range wordPattern.FindAllString(strings.ToLower(s), -1) {
		m[w]++
	}
	return m
}

// recall is the share of the truth's words that were read, and F1 with it.
func recall(truth, got string) (float64, float64) {
	t, g := bag(truth), bag(got)
	hit, n, m := 0, 0, 0
	for w, c := range t {
		n += c
		hit += min(c, g[w])
	}
	for _, c := range g {
		m += c
	}
	if n == 0 {
		return 1, 1
	}
	return float64(hit) / float64(n), 2 * float64(hit) / float64(n+m)
}

// contest is what one way of reading made of the samples.
type contest struct {
	texts map[string]string
	wall  time.Duration
	cpu   time.Duration
}

// plainTesseract runs Tesseract's own program as the baseline, so many at a time.
func plainTesseract(t testing.TB, pages []samplePage, workers int) contest {
	t.Helper()
	c := contest{texts: map[string]string{}}
	var mu sync.Mutex
	begin := time.Now()
	each(pages, workers, func(p samplePage) {
		cmd := exec.Command("tesseract", p.img.File.Name(), "-", "--psm", "1")
		if p.img.Codec == "tiff" {
			cmd = exec.Command("tesseract", p.img.File.Name(), "-", "--psm", "1", "-c", "tessedit_page_number="+strconv.Itoa(p.img.Frame))
		}
		cmd.Env = append(os.Environ(), "OMP_THREAD_LIMIT=1")
		out, err := cmd.Output()
		if err != nil {
			t.Errorf("tesseract: %v", err)
		}
		mu.Lock()
		defer mu.Unlock()
		c.texts[p.truth.File] += string(out) + "\n"
		c.cpu += cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
	})
	c.wall = time.Since(begin)
	return c
}

func ourReading(t testing.TB, pages []samplePage, workers int) contest {
	t.Helper()
	pool := startPool(t, Config{Workers: workers})
	recognise(t, pool, pages[0].img) // workers are ready
	c := contest{texts: map[string]string{}}
	var mu sync.Mutex
	begin := time.Now()
	each(pages, workers, func(p samplePage) {
		r, err := pool.Recognise(t.Context(), p.img)
		if err != nil {
			t.Error(err)
		}
		mu.Lock()
		defer mu.Unlock()
		c.texts[p.truth.File] += r.Page.Text() + "\n"
		c.cpu += r.CPU
	})
	c.wall = time.Since(begin)
	return c
}

// each calls f for all pages, so many at a time.
func each(pages []samplePage, workers int, f func(samplePage)) {
	ch := make(chan samplePage)
	var all sync.WaitGroup
	for range workers {
		all.Go(func() {
			for p := range ch {
				f(p)
			}
		})
	}
	for _, p := range pages {
		ch <- p
	}
	close(ch)
	all.Wait()
}

// scores are mean recall and F1 by level of wear.
func (c contest) scores(pages []samplePage) map[string][3]float64 {
	sums := map[string][3]float64{}
	seen := map[string]bool{}
	for _, p := range pages {
		if seen[p.truth.File] {
			continue
		}
		seen[p.truth.File] = true
		var all []string
		for _, page := range p.truth.Pages {
			all = append(all, page...)
		}
		r, f := recall(strings.Join(all, "\n"), c.texts[p.truth.File])
		for _, k := range []string{p.truth.Level, "all"} {
			s := sums[k]
			sums[k] = [3]float64{s[0] + r, s[1] + f, s[2] + 1}
		}
	}
	return sums
}

// faxPages are medical pages of one kind: "fax" (G4 frames), "scan" (grey, in
// a PDF) or "photo" (the first page, photographed in bad light). A form feed
// parts the pages of their truth.
func faxPages(t testing.TB, kind string) []samplePage {
	t.Helper()
	root := filepath.Join(os.Getenv("CHARTROOM_SAMPLES"), "faxes")
	paths, err := filepath.Glob(filepath.Join(root, "*."+kind+".*"))
	if os.Getenv("CHARTROOM_SAMPLES") == "" || err != nil || len(paths) == 0 {
		t.Skip("no sample scans: CHARTROOM_SAMPLES names no folder that has faxes")
	}
	var pages []samplePage
	for _, path := range paths {
		name, _, _ := strings.Cut(filepath.Base(path), ".")
		b, err := os.ReadFile(filepath.Join(root, name+".gt.txt"))
		if err != nil {
			t.Fatal(err)
		}
		tr := sampleTruth{File: filepath.Base(path), Level: kind}
		for text := range strings.SplitSeq(strings.TrimRight(string(b), "\f\n"), "\f") {
			tr.Pages = append(tr.Pages, []string{text})
		}
		if kind == "photo" {
			tr.Pages = tr.Pages[:1]
		}
		pages = append(pages, sampleImages(t, path, tr)...)
	}
	return pages
}

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
