package scan

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"time"
)

// samples is the folder of sample scans, which lie outside the project.
func samples(t *testing.T, folder string) string {
	root := os.Getenv("CHARTROOM_SAMPLES")
	if root == "" {
		root = "../../shared/samples"
	}
	dir := filepath.Join(root, folder)
	if _, err := os.Stat(dir); err != nil {
		t.Skipf("no samples here: set CHARTROOM_SAMPLES to their folder")
	}
	return dir
}

// visit opens a file and the first of its pages, and says how that ended.
func visit(t *testing.T, tools Tools, path string) string {
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	s, err := Open(t.Context(), tools, f, Limits{})
	if r, ok := errors.AsType[*Reject](err); ok && r.Reason != "" {
		return string(r.Code)
	}
	if err != nil {
		t.Errorf("%s: %v", filepath.Base(path), err)
		return "error"
	}
	defer s.Close()
	ends := "pages"
	for _, p := range s.Pages[:min(2, len(s.Pages))] {
		img, err := s.Image(t.Context(), p.Number)
		if bad, ok := errors.AsType[*PageError](err); ok && bad.Reason != "" {
			ends = "bad pages"
			continue
		}
		if err != nil {
			t.Errorf("%s page %d: %v", filepath.Base(path), p.Number, err)
			continue
		}
		img.Close()
	}
	return ends
}

func TestEveryHostileFileGivesPagesOrAReason(t *testing.T) {
	dir := samples(t, "hostile")
	files, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	tools := testTools(t)
	tools.Timeout, tools.PageTimeout = 20*time.Second, 20*time.Second
	ends := map[string]int{}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for _, e := range files {
		start := time.Now()
		ends[visit(t, tools, filepath.Join(dir, e.Name()))]++
		if took := time.Since(start); took > 90*time.Second {
			t.Errorf("%s took %v", e.Name(), took)
		}
	}
	runtime.ReadMemStats(&after)
	t.Logf("%d files: %v; %d MB more taken from the system", len(files), ends, int64(after.Sys-before.Sys)>>20)
	if after.Sys-before.Sys > 100<<20 {
		t.Error("memory of this process is not bounded")
	}
}

// What is taken out of a PDF looks like what poppler draws.
func TestSamplePDFsComeOutAsPopplerDrawsThem(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(samples(t, "chart/scans"), "*.pdf"))
	if err != nil {
		t.Fatal(err)
	}
	tools := testTools(t)
	tools.DPI = 50
	for _, path := range files {
		f, err := os.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		s, err := Open(t.Context(), tools, f, Limits{})
		if err != nil {
			t.Fatal(describe(err))
		}
		img := takenOut(t, s, 1)
		drawn, err := s.Render(t.Context(), 1)
		if err != nil {
			t.Fatal(describe(err))
		}
		if d := far(pixels(t, img), pixels(t, drawn)); s.Pages[0].Rendered || d > 3 {
			t.Errorf("%s: drawn %v, %.1f away", filepath.Base(path), s.Pages[0].Rendered, d)
		}
		drawn.Close()
		s.Close()
		f.Close()
	}
}
