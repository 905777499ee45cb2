package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"chartroom/testdata/paper"
)

// BenchmarkBox takes a box of sample scans through the real program, and the
// same pages through plain `tesseract --psm 1`, as many at once as there are
// cores. It prints, for each, words found (recall and F1 against the truth, by
// the state the paper is in), CPU-seconds a page and pages a minute; and for the
// program what became of the filing. The boxes lie in $CHARTROOM_SAMPLES.
func BenchmarkBox(b *testing.B) {
	samples := os.Getenv("CHARTROOM_SAMPLES")
	for _, name := range []string{"chart", "traps"} {
		box := filepath.Join(samples, name)
		b.Run(name, func(b *testing.B) {
			truth, err := readTruth(box)
			if err != nil {
				b.Skipf("no sample box at %s", box)
			}
			for b.Loop() {
				ours, docs := runProgram(b, box, len(truth))
				plain, texts := runPlain(b, box)
				compare(truth, docs, texts)
				pages := float64(ours.pages)
				fmt.Printf("%s: %.2f CPU-seconds a page and %.1f pages a minute, plain tesseract %.2f and %.1f: CPU ratio %.2f, speed ratio %.2f\n", name,
					ours.cpu.Seconds()/pages, pages/ours.wall.Minutes(), plain.cpu.Seconds()/pages, pages/plain.wall.Minutes(), ours.cpu.Seconds()/plain.cpu.Seconds(), plain.wall.Seconds()/ours.wall.Seconds())
				b.ReportMetric(ours.cpu.Seconds()/pages, "cpu-s/page")
				b.ReportMetric(ours.cpu.Seconds()/plain.cpu.Seconds(), "cpu/plain")
			}
		})
	}
}

type cost struct {
	pages     int
	cpu, wall time.Duration
}

// truthLine is what the truth of a box says of a scan.
type truthLine struct {
	File, Level, Layout string
	Patient             *string
	Pages               [][]string
	DocType             string `json:"doc_type"`
	Date                string
}

func readTruth(box string) ([]truthLine, error) {
	f, err := os.Open(filepath.Join(box, "truth.jsonl"))
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var all []truthLine
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var t truthLine
		if err := json.Unmarshal(lines.Bytes(), &t); err != nil {
			return nil, err
		}
		all = append(all, t)
	}
	return all, lines.Err()
}

// boxDocument is what the comparison looks at of a document.
type boxDocument struct {
	File, Status, Date string
	DocType            string `json:"doc_type"`
	Patient            struct{ MRN string }
	Pages              []struct{ Text string }
}

func runProgram(b *testing.B, box string, scans int) (cost, map[string]boxDocument) {
	data := b.TempDir()
	run := func(args ...string) (*exec.Cmd, []byte) {
		cmd := exec.Command(program, append(args, "--data", data, "--log-level", "error")...)
		cmd.Env = append(os.Environ(), "OMP_THREAD_LIMIT=1")
		out, err := cmd.Output()
		if err != nil && cmd.ProcessState.ExitCode() != exitRejected {
			b.Fatalf("chartroom %s: %v", args[0], err)
		}
		return cmd, out
	}
	run("patients", "import", filepath.Join(box, "registry.csv"))
	began := time.Now()
	cmd, _ := run("ingest", filepath.Join(box, "scans"))
	c := cost{wall: time.Since(began), cpu: cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()}
	_, out := run("documents", "--json", "--text")
	docs := map[string]boxDocument{}
	for line := range strings.Lines(string(out)) {
		var d boxDocument
		if err := json.Unmarshal([]byte(line), &d); err != nil {
			b.Fatal(err)
		}
		docs[d.File] = d
		c.pages += len(d.Pages)
	}
	if len(docs) != scans {
		b.Fatalf("%d documents of %d scans", len(docs), scans)
	}
	return c, docs
}

// runPlain reads page images that were taken out of their PDFs beforehand.
func runPlain(b *testing.B, box string) (cost, map[string]string) {
	dir := b.TempDir()
	scans, err := filepath.Glob(filepath.Join(box, "scans", "*"))
	if err != nil {
		b.Fatal(err)
	}
	type job struct{ file, image string }
	var jobs []job
	for _, s := range scans {
		images := []string{s}
		if strings.HasSuffix(s, ".pdf") {
			prefix := filepath.Join(dir, filepath.Base(s))
			if out, err := exec.Command("pdftoppm", "-r", "300", "-gray", s, prefix).CombinedOutput(); err != nil {
				b.Fatalf("pdftoppm: %v %s", err, out)
			}
			images, _ = filepath.Glob(prefix + "-*.pgm")
		}
		for _, image := range images {
			jobs = append(jobs, job{filepath.Base(s), image})
		}
	}
	var mu sync.Mutex
	var c cost
	texts := make([]string, len(jobs))
	next := make(chan int)
	var readers sync.WaitGroup
	began := time.Now()
	for range runtime.NumCPU() {
		readers.Go(func() {
			for i := range next {
				cmd := exec.Command("tesseract", jobs[i].image, "-", "--psm", "1")
				cmd.Env = append(os.Environ(), "OMP_THREAD_LIMIT=1")
				out, _ := cmd.Output() // a page that it cannot read is text it does not give
				mu.Lock()
				texts[i] = string(out)
				c.cpu += cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
				mu.Unlock()
			}
		})
	}
	for i := range jobs {
		next <- i
	}
	close(next)
	readers.Wait()
	c.wall = time.Since(began)
	found := map[string]string{}
	for i, j := range jobs {
		found[j.file] += texts[i] + "\n"
	}
	return c, found
}

// compare prints words, types, dates and filing against the truth.
func compare(truth []truthLine, docs map[string]boxDocument, plain map[string]string) {
	type score struct{ recall, f1, plainRecall, plainF1, n, nF1 float64 }
	levels := map[string]*score{}
	var right, wrong, due, types, dates int
	for _, t := range truth {
		d := docs[t.File]
		var want, got strings.Builder
		for _, p := range t.Pages {
			want.WriteString(strings.Join(p, "\n") + "\n")
		}
		for _, p := range d.Pages {
			got.WriteString(p.Text + "\n")
		}
		r, f := paper.Recall(want.String(), "", got.String())
		pr, pf := paper.Recall(want.String(), "", plain[t.File])
		for _, level := range []string{t.Level, "all"} {
			if levels[level] == nil {
				levels[level] = &score{}
			}
			s := levels[level]
			s.recall, s.plainRecall, s.n = s.recall+r, s.plainRecall+pr, s.n+1
			if t.Layout != "label_note" { // whose handwriting the truth does not hold
				s.f1, s.plainF1, s.nF1 = s.f1+f, s.plainF1+pf, s.nF1+1
			}
		}
		if t.Patient != nil {
			due++
		}
		switch {
		case d.Status != "filed":
		case t.Patient != nil && *t.Patient == d.Patient.MRN:
			right++
		default:
			wrong++
		}
		if d.DocType == t.DocType {
			types++
		}
		if d.Date == t.Date {
			dates++
		}
	}
	for _, level := range slices.Sorted(maps.Keys(levels)) {
		s := levels[level]
		fmt.Printf("words %-7s recall %.4f (plain %.4f)  F1 %.4f (plain %.4f)  n=%.0f\n", level, s.recall/s.n, s.plainRecall/s.n, s.f1/max(1, s.nF1), s.plainF1/max(1, s.nF1), s.n)
	}
	fmt.Printf("filed right %d of %d registered, wrong patient %d; type right %d, date right %d of %d\n", right, due, wrong, types, dates, len(truth))
}
