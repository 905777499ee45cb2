package ocr

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"chartroom/record"
)

// note is a page of a chart that nobody has.
var note = []line{
	{"Riverside Clinic", 300, 300},
	{"Patient: Maria Garcia", 300, 500}, {"Birth date: 03/14/1961", 300, 580}, {"Record number: 482913", 300, 660},
	{"The patient reports that the cough has improved since the last", 300, 860}, {"visit and that she sleeps through the night without waking.", 300, 940},
	{"Continue the current medication for another two weeks.", 300, 1020},
}

func textOf(r Result) string { return strings.Join(strings.Fields(r.Page.Text()), " ") }

func noteText() string {
	var all []string
	for _, l := range note {
		all = append(all, l.text)
	}
	return strings.Join(all, " ")
}

func notePage(t testing.TB) Image { return pngPage(t, printed(t, 2550, 1650, note...)) }

// wrong starts a pool whose workers misbehave.
func wrong(t *testing.T, cfg Config, how ...string) *Pool {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cfg.Command = append([]string{exe, "ocr-worker"}, how...)
	return startPool(t, cfg)
}

func TestWorkerThatDiesInMidPageCostsOnlyASecondTry(t *testing.T) {
	p := wrong(t, Config{}, "dies once", t.TempDir())
	for range 2 {
		if r := recognise(t, p, notePage(t)); r.Page.State != record.PageText || textOf(r) != noteText() {
			t.Errorf("state %s (%s)", r.Page.State, r.Page.Reason)
		}
	}
}

func TestPageThatBreaksTheReaderIsAFailedPage(t *testing.T) {
	for _, how := range []string{"dies", "lies", "babbles"} {
		p := wrong(t, Config{PageTimeout: 5 * time.Second}, how)
		for range 2 { // the pool goes on
			r := recognise(t, p, notePage(t))
			if r.Page.State != record.PageFailed || r.Page.Reason == "" || r.Page.Number != 1 {
				t.Errorf("%s: state %s (%s)", how, r.Page.State, r.Page.Reason)
			}
		}
	}
}

func TestPageThatHangsIsTimedOutOnce(t *testing.T) {
	p := wrong(t, Config{PageTimeout: 300 * time.Millisecond}, "hangs")
	begin := time.Now()
	r := recognise(t, p, notePage(t))
	if r.Page.State != record.PageTimedOut || r.Page.Reason == "" {
		t.Errorf("state %s (%s)", r.Page.State, r.Page.Reason)
	}
	if took := time.Since(begin); took > 10*time.Second {
		t.Errorf("took %s", took)
	}
}

func TestPageThatEatsMemoryIsAFailedPage(t *testing.T) {
	p := wrong(t, Config{MemoryLimit: 256 << 20}, "gorges")
	r := recognise(t, p, notePage(t))
	if r.Page.State != record.PageFailed || !strings.Contains(r.Page.Reason, "memory") {
		t.Errorf("state %s (%s)", r.Page.State, r.Page.Reason)
	}
}

func TestEndedContextFreesTheWorkerForTheNextPage(t *testing.T) {
	p := wrong(t, Config{}, "hangs")
	ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
	defer cancel()
	if _, err := p.Recognise(ctx, notePage(t)); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("error %v", err)
	}
}

func TestMissingLanguageIsSaidAtStartWithThoseThatAreThere(t *testing.T) {
	p := NewPool(Config{Languages: "eng+xyz"}, slog.New(slog.NewTextHandler(io.Discard, nil)))
	err := p.Run(t.Context())
	if !errors.Is(err, ErrLanguage) || !strings.Contains(err.Error(), `"xyz"`) || !strings.Contains(err.Error(), "eng") {
		t.Errorf("run: %v", err)
	}
	if _, err := p.Recognise(t.Context(), Image{}); !errors.Is(err, ErrLanguage) || !errors.Is(err, ErrEnded) {
		t.Errorf("recognise: %v", err)
	}
	if installed, err := Languages(""); err != nil || len(installed) == 0 || strings.Contains(strings.Join(installed, " "), "osd") {
		t.Errorf("installed %v, error %v", installed, err)
	}
	if _, err := Languages(t.TempDir()); !errors.Is(err, ErrLanguage) {
		t.Errorf("an empty folder: %v", err)
	}
}

// languageFolder is a folder with the data of English under several names.
func languageFolder(t *testing.T, names ...string) string {
	t.Helper()
	dir, err := dataFolder("")
	if err != nil {
		t.Fatal(err)
	}
	to := t.TempDir()
	for _, name := range append(names, orientation) {
		from := "eng"
		if name == orientation {
			from = name
		}
		b, err := os.ReadFile(filepath.Join(dir, from+dataSuffix))
		if err == nil {
			err = os.WriteFile(filepath.Join(to, name+dataSuffix), b, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return to
}

func TestPagesAreReadInTheirOwnLanguages(t *testing.T) {
	names := []string{"aaa", "bbb", "ccc", "ddd"}
	p := startPool(t, Config{Tessdata: languageFolder(t, names...), Languages: "aaa", More: []string{"bbb", "ccc", "bbb+ddd"}})
	for _, languages := range []string{"", "bbb", "ccc", "bbb+ddd", "", "ccc"} {
		img := notePage(t)
		img.Languages = languages
		page := recognise(t, p, img).Page
		want := "tesseract " + Version() + " " + cmp.Or(languages, "aaa")
		if page.State != record.PageText || !strings.HasPrefix(page.Reader, want) || page.Reader != p.Reader(languages) {
			t.Errorf("in %q: %s, read by %q, the pool says %q", languages, page.State, page.Reader, p.Reader(languages))
		}
	}
	if _, err := p.Recognise(t.Context(), Image{Languages: "ddd"}); !errors.Is(err, ErrLanguage) {
		t.Errorf("languages that nobody spoke of: %v", err)
	}
}

func TestAWorkerHoldsFewEngines(t *testing.T) {
	names := []string{"aaa", "bbb", "ccc", "ddd"}
	all := &engines{tessdata: languageFolder(t, names...), usual: "aaa"}
	defer all.close()
	for _, name := range append(names, "ccc", "") {
		if _, err := all.of(name); err != nil {
			t.Fatal(err)
		}
		if len(all.open) > maxEngines || all.open[len(all.open)-1].languages != cmp.Or(name, "aaa") {
			t.Errorf("after %q: %v", name, all.open)
		}
	}
}

func TestMissingLanguageNamesItsPackage(t *testing.T) {
	p := NewPool(Config{More: []string{"eng+chi_sim"}}, slog.New(slog.NewTextHandler(io.Discard, nil)))
	if err := p.Check(); !errors.Is(err, ErrLanguage) || !strings.Contains(err.Error(), "tesseract-ocr-chi-sim") {
		t.Errorf("check: %v", err)
	}
}

func TestWorkerThatDoesNotStartEndsThePool(t *testing.T) {
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	p := NewPool(Config{Workers: 2, Command: []string{exe, "ocr-worker", "does not start"}}, slog.New(slog.NewTextHandler(io.Discard, nil)))
	if err := p.Run(t.Context()); !errors.Is(err, ErrStart) {
		t.Errorf("run: %v", err)
	}
	if _, err := p.Recognise(t.Context(), Image{}); !errors.Is(err, ErrStart) {
		t.Errorf("recognise: %v", err)
	}
}

func TestWorkersAreJailedAndRecycled(t *testing.T) {
	p := startPool(t, Config{RecyclePages: 1})
	img := pngPage(t, printed(t, 600, 200, line{"Some words here", 50, 100}))
	for range 3 {
		if r := recognise(t, p, img); r.Page.State != record.PageText {
			t.Errorf("state %s (%s)", r.Page.State, r.Page.Reason)
		}
	}
	if r, ok := p.Jail(); !ok || !r.Holds() {
		t.Errorf("jail: %v %v", r, ok)
	}
}

func TestNoWorkerOutlivesThePool(t *testing.T) {
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	p := NewPool(Config{Workers: 2, Command: []string{exe, "ocr-worker", "hangs"}}, slog.New(slog.NewTextHandler(io.Discard, nil)))
	ctx, cancel := context.WithCancel(t.Context())
	var all sync.WaitGroup
	all.Go(func() {
		if err := p.Run(ctx); err != nil {
			t.Errorf("run: %v", err)
		}
	})
	img := notePage(t)
	all.Go(func() {
		if _, err := p.Recognise(t.Context(), img); !errors.Is(err, ErrEnded) {
			t.Errorf("recognise: %v", err)
		}
	})
	time.Sleep(300 * time.Millisecond)
	cancel()
	all.Wait()
	if n := runningWorkers(t, exe); n > 0 {
		t.Errorf("%d workers live on", n)
	}
}

// runningWorkers counts the processes that this one has as workers.
func runningWorkers(t *testing.T, exe string) int {
	t.Helper()
	entries, err := os.ReadDir("/proc")
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, e := range entries {
		line, err := os.ReadFile("/proc/" + e.Name() + "/cmdline")
		if err == nil && bytes.HasPrefix(line, []byte(exe+"\x00ocr-worker\x00hangs")) {
			n++
		}
	}
	return n
}
