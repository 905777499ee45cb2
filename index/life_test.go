package index

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"chartroom/record"
)

// run starts Run and stops it when the test ends.
func run(t *testing.T, x *Index, src Source) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- x.Run(ctx, src) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("run: %v", err)
		}
	})
}

func waitFor(t *testing.T, x *Index, seq int64) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	if err := x.Wait(ctx, seq); err != nil {
		t.Fatalf("wait for %d: %v", seq, err)
	}
}

func total(t *testing.T, x *Index, text string) int { return find(t, x, text).Total }

func TestWhatIsSavedIsFoundAtOnce(t *testing.T) {
	c := newFakeCatalog()
	x := openIndex(t, Config{Poll: time.Hour})
	run(t, x, c)
	waitFor(t, x, 0)
	for i := range 5 {
		seq := c.save(documentOf(i+1, fmt.Sprintf("word%d", i)))
		began := time.Now()
		waitFor(t, x, seq)
		if took := time.Since(began); took > time.Second {
			t.Errorf("it took %v", took)
		}
		if n := total(t, x, fmt.Sprintf("word%d", i)); n == 0 {
			t.Errorf("document %d is not found", i)
		}
	}
}

func TestChangedDocumentLeavesNoStalePage(t *testing.T) {
	c := newFakeCatalog()
	x := openIndex(t, Config{BatchPages: 3, Shards: 2})
	steps := []struct {
		texts []string
		found map[string]int
	}{
		{nil, map[string]int{"status:review": 1, "page:0": 1}},
		{[]string{"alpha", "bravado", "gamma", "delta", "epsilon"}, map[string]int{"alpha": 1, "epsilon": 1, "page:0": 0, "status:review": 5}},
		{[]string{"alpha", "zeta"}, map[string]int{"bravado": 0, "zeta": 1, "epsilon": 0, "status:review": 2}},
		{[]string{"", "omega"}, map[string]int{"alpha": 0, "page:1": 1, "state:blank": 1, "omega": 1}},
	}
	for i, step := range steps {
		c.save(documentOf(1, step.texts...))
		if err := x.CatchUp(t.Context(), c); err != nil {
			t.Fatal(err)
		}
		for q, want := range step.found {
			if n := total(t, x, q); n != want {
				t.Errorf("step %d: %s finds %d pages, want %d", i, q, n, want)
			}
		}
		if pages := x.Stats().Pages; pages != uint64(max(1, len(step.texts))) {
			t.Errorf("step %d: %d pages are held", i, pages)
		}
	}
}

func TestIndexOpensAgainWhereItWas(t *testing.T) {
	dir, c := t.TempDir(), chart()
	x := indexed(t, c, Config{Dir: dir, Shards: 2})
	low, pages := x.Watermark(), x.Stats().Pages
	if err := x.Close(); err != nil {
		t.Fatal(err)
	}
	c.save(documentOf(5000, "latecomer"))
	x = openIndex(t, Config{Dir: dir, Shards: 2})
	if x.Watermark() != low || x.Stats().Pages != pages {
		t.Errorf("watermark %d of %d, %d pages of %d", x.Watermark(), low, x.Stats().Pages, pages)
	}
	if !find(t, x, "garcia").Partial {
		t.Error("not partial before it has caught up")
	}
	if err := x.CatchUp(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	if res := find(t, x, "latecomer"); res.Total != 1 || res.Partial {
		t.Errorf("latecomer: %+v", res)
	}
}

func TestSecondProcessIsToldThatItIsBusy(t *testing.T) {
	dir := t.TempDir()
	indexed(t, chart(), Config{Dir: dir})
	if _, err := Open(t.Context(), Config{Dir: dir}, nil); !errors.Is(err, ErrBusy) {
		t.Errorf("error is %v", err)
	}
	if len(brokenNames(t, dir)) > 0 {
		t.Error("an index in use was set aside")
	}
}

func brokenNames(t *testing.T, dir string) []string {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(dir, brokenPrefix+"*"))
	if err != nil {
		t.Fatal(err)
	}
	return names
}

func TestOtherCatalogMakesTheIndexBuildItselfAgain(t *testing.T) {
	for name, other := range map[string]func(*fakeCatalog){
		"restored from before": func(c *fakeCatalog) { c.seq, c.rows = 20, c.rows[:20] },
		"of another life":      func(c *fakeCatalog) { c.epoch, c.rows = "second", c.rows[:20] },
	} {
		t.Run(name, func(t *testing.T) {
			c := chart()
			x := indexed(t, c, Config{})
			other(c)
			if err := x.CatchUp(t.Context(), c); err != nil {
				t.Fatal(err)
			}
			var pages uint64
			for _, r := range c.rows {
				pages += uint64(max(1, len(r.Document.Pages)))
			}
			if st := x.Stats(); st.Pages != pages || st.Progress.Rebuilding {
				t.Errorf("%+v, want %d pages", st, pages)
			}
		})
	}
}

// The numbers of a catalog that was emptied and filled again mean other
// changes: waiting for one of them waits for the new content.
func TestWaitIsNotFooledByTheNumbersOfAnotherCatalog(t *testing.T) {
	c := chart()
	x := openIndex(t, Config{})
	run(t, x, c)
	waitFor(t, x, c.seq)
	c.mu.Lock()
	c.epoch, c.rows, c.seq = "second", nil, 0
	c.mu.Unlock()
	seq := c.save(documentOf(7000, "newborn"))
	waitFor(t, x, seq)
	if total(t, x, "newborn") != 1 || total(t, x, "garcia") != 0 {
		t.Error("the index is still the old one")
	}
}

func TestRebuildSwapsWithoutAGap(t *testing.T) {
	dir, c := t.TempDir(), chart()
	x := indexed(t, c, Config{Dir: dir, BatchPages: 5})
	run(t, x, c)
	waitFor(t, x, 1)
	stop := make(chan struct{})
	gone := make(chan int, 1)
	go func() {
		n := 0
		for {
			select {
			case <-stop:
				gone <- n
				return
			default:
			}
			res, err := x.Search(context.Background(), Query{Text: record.Hide("potassium")})
			if err != nil || res.Total == 0 {
				n++
			}
		}
	}()
	before := x.generation().dir
	if err := x.Rebuild(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	close(stop)
	if n := <-gone; n > 0 {
		t.Errorf("%d searches found nothing during the rebuild", n)
	}
	if x.generation().dir == before {
		t.Error("the old index is still in use")
	}
	if _, err := os.Stat(before); !errors.Is(err, os.ErrNotExist) {
		t.Error("the old index still lies there")
	}
}

func TestBrokenShardIsReplacedWhileTheOthersAnswer(t *testing.T) {
	dir, c := t.TempDir(), chart()
	x := indexed(t, c, Config{Dir: dir, Shards: 3})
	all := total(t, x, "status:review")
	x.generation().list()[1].fail(errBroken)
	res := find(t, x, "status:review")
	if !res.Partial || res.Progress.Down != 1 || res.Total == 0 || res.Total >= all {
		t.Errorf("with a shard down: %d of %d, %+v", res.Total, all, res.Progress)
	}
	if err := x.CatchUp(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	if res := find(t, x, "status:review"); res.Partial || res.Total != all {
		t.Errorf("after the rebuild: %d of %d, partial %v", res.Total, all, res.Partial)
	}
	if len(brokenNames(t, dir)) != 1 {
		t.Error("the broken shard was not set aside")
	}
}

func TestPanicInASearchBreaksTheShardNotTheProgram(t *testing.T) {
	x := indexed(t, chart(), Config{})
	s := x.generation().list()[0]
	if err := s.protect(t.Context(), func() error { panic("segment") }); !errors.Is(err, errBroken) {
		t.Errorf("error is %v", err)
	}
	if !find(t, x, "garcia").Partial {
		t.Error("the answer without its only shard is not partial")
	}
}

func TestWaitEndsWithItsContextAndWithTheIndex(t *testing.T) {
	x := openIndex(t, Config{})
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	if err := x.Wait(ctx, 5); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("error is %v", err)
	}
	done := make(chan error)
	go func() { done <- x.Wait(t.Context(), 5) }()
	x.Close()
	if err := <-done; !errors.Is(err, ErrClosed) {
		t.Errorf("error is %v", err)
	}
	if _, err := x.Search(t.Context(), Query{Text: record.Hide("a")}); !errors.Is(err, ErrClosed) {
		t.Errorf("search of a closed index: %v", err)
	}
}

func TestCatalogAwayIsWaitedFor(t *testing.T) {
	c := chart()
	x := indexed(t, c, Config{})
	c.fail = errors.New("away")
	if err := x.CatchUp(t.Context(), c); err == nil {
		t.Error("no error")
	}
	if res := find(t, x, "potassium"); res.Total != 1 {
		t.Error("the index does not answer while the catalog is away")
	}
}

// Every kind of damage to every kind of file ends in an index that gives the
// same answers as before, without help.
func TestDamagedFilesAreSetAsideAndBuiltAgain(t *testing.T) {
	damages := map[string]func(path string) error{
		"truncated": func(path string) error { return os.Truncate(path, size(path)/2) },
		"emptied":   func(path string) error { return os.Truncate(path, 0) },
		"deleted":   os.Remove,
		"flipped":   func(path string) error { return flip(path, size(path)/2) },
		"first":     func(path string) error { return flip(path, 0) },
		"last":      func(path string) error { return flip(path, size(path)-1) },
	}
	kinds := []string{currentName, "index_meta.json", "root.bolt", ".zap", "store", "shard-000"}
	c := chart()
	for _, kind := range kinds {
		for name, damage := range damages {
			if isFolder := kind == "store" || kind == "shard-000"; isFolder && name != "deleted" {
				continue
			}
			t.Run(kind+" "+name, func(t *testing.T) {
				t.Parallel()
				damaged(t, c, kind, damage)
			})
		}
	}
}

func damaged(t *testing.T, c *fakeCatalog, kind string, damage func(string) error) {
	dir := t.TempDir()
	x := indexed(t, c, Config{Dir: dir, BatchPages: 20})
	want := map[string]int{}
	for _, k := range kept {
		want[k.query] = total(t, x, k.query)
	}
	if err := x.Close(); err != nil {
		t.Fatal(err)
	}
	path := someFile(t, dir, kind)
	if kind == "store" || kind == "shard-000" {
		damage = os.RemoveAll
	}
	if err := damage(path); err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	x, err := Open(t.Context(), Config{Dir: dir}, slog.New(slog.NewTextHandler(&log, nil)))
	if err != nil {
		t.Fatal(err)
	}
	defer x.Close()
	if res := find(t, x, "garcia"); !res.Partial {
		t.Error("the answer after damage is not partial")
	}
	if err := x.CatchUp(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	for q, n := range want {
		if res := find(t, x, q); res.Total != n || res.Partial {
			t.Errorf("%q finds %d pages, want %d; partial %v\n%s", q, res.Total, n, res.Partial, log.String())
		}
	}
}

func size(path string) int64 {
	info, err := os.Stat(path)
	if err != nil {
		return 0
	}
	return info.Size()
}

func flip(path string, at int64) error {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	var b [1]byte
	if _, err := f.ReadAt(b[:], at); err != nil {
		return err
	}
	b[0] ^= 0x41
	_, err = f.WriteAt(b[:], at)
	return err
}

func someFile(t *testing.T, dir, kind string) (path string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(p string, _ fs.DirEntry, err error) error {
		if strings.HasSuffix(p, kind) {
			path = p
		}
		return err
	})
	if err != nil || path == "" {
		t.Fatalf("no file %s: %v", kind, err)
	}
	return path
}

func TestBitRotWhileServingIsFoundByTheCheck(t *testing.T) {
	dir, c := t.TempDir(), chart()
	x := indexed(t, c, Config{Dir: dir})
	all := total(t, x, "status:review")
	if err := x.Check(t.Context()); err != nil {
		t.Fatal(err)
	}
	path := someFile(t, dir, ".zap")
	if err := flip(path, size(path)/3); err != nil {
		t.Fatal(err)
	}
	if err := x.Check(t.Context()); !errors.Is(err, errBroken) {
		t.Errorf("check says %v", err)
	}
	if err := x.CatchUp(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	if err := x.Check(t.Context()); err != nil {
		t.Errorf("check after the rebuild: %v", err)
	}
	if n := total(t, x, "status:review"); n != all {
		t.Errorf("%d pages, want %d", n, all)
	}
}

// Nothing that a search or a failure writes to the log names a patient.
func TestLogHoldsNoPatient(t *testing.T) {
	var log bytes.Buffer
	x, err := Open(t.Context(), Config{Dir: t.TempDir()}, slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug})))
	if err != nil {
		t.Fatal(err)
	}
	defer x.Close()
	c := chart()
	if err := x.CatchUp(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	for _, q := range []string{"garcia", `"garcia`, "mrn:00482913 date:garcia"} {
		_, err := x.Search(t.Context(), Query{Text: record.Hide(q)})
		fmt.Fprintln(&log, err)
	}
	x.generation().list()[0].fail(errBroken)
	find(t, x, "garcia")
	if err := x.CatchUp(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	fmt.Fprintf(&log, "%+v %v", find(t, x, "garcia").Hits, Query{Text: record.Hide("garcia")})
	for _, secret := range []string{"garcia", "482913", "1961"} {
		if strings.Contains(strings.ToLower(log.String()), secret) {
			t.Errorf("the log holds %q:\n%s", secret, log.String())
		}
	}
}
