package index

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"testing"
	"time"

	"chartroom/record"
)

// endless is a catalog of so many documents made up as they are asked for:
// document n is change n and has n mod 4 + 1 pages.
type endless struct{ head int64 }

func (endless) Epoch(context.Context) (string, error) { return "endless", nil }
func (e endless) Head(context.Context) (int64, error) { return e.head, nil }
func (endless) document(n int64) *record.Document {
	var texts []string
	for p := range n%4 + 1 {
		texts = append(texts, fmt.Sprintf("document n%d page p%d %s", n, p, madeUpText(uint64(n*10+p), 60)))
	}
	return documentOf(int(n), texts...)
}

func (e endless) Changed(_ context.Context, after int64, limit int, _ int64) ([]Change, error) {
	var out []Change
	for n := after + 1; n <= e.head && len(out) < limit; n++ {
		out = append(out, Change{n, e.document(n)})
	}
	return out, nil
}

const crashEnv = "CHARTROOM_INDEX_CRASH_DIR"

// TestCrashChild is not a test: it is what TestKillLosesNothing kills.
func TestCrashChild(t *testing.T) {
	dir := os.Getenv(crashEnv)
	if dir == "" {
		t.Skip("runs only as a child of TestKillLosesNothing")
	}
	x, err := Open(t.Context(), Config{Dir: dir, BatchPages: 40}, nil)
	if err != nil {
		t.Fatal(err)
	}
	fmt.Println("open")
	_ = x.Run(t.Context(), endless{1 << 40})
}

// A process killed at any moment leaves an index that opens and whose
// watermark is never ahead of its content.
func TestKillLosesNothing(t *testing.T) {
	rounds := 20
	if testing.Short() {
		rounds = 5
	}
	dir := t.TempDir()
	var low int64
	for round := range rounds {
		killChild(t, dir, time.Duration(rand.IntN(150))*time.Millisecond)
		x, err := Open(t.Context(), Config{Dir: dir, BatchPages: 40}, nil)
		if err != nil {
			t.Fatalf("round %d: %v", round, err)
		}
		if x.Watermark() < low {
			t.Errorf("round %d: the watermark fell from %d to %d", round, low, x.Watermark())
		}
		low = x.Watermark()
		held(t, x, max(1, low-300), low)
		if round == rounds-1 {
			if err := x.CatchUp(t.Context(), endless{low + 10}); err != nil {
				t.Fatal(err)
			}
			held(t, x, max(1, low-300), low+10)
		}
		if err := x.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if low == 0 {
		t.Error("no child lived long enough to index anything")
	}
	if names := brokenNames(t, dir); len(names) > 0 {
		t.Errorf("%d shards were set aside", len(names))
	}
}

// held checks that all pages of the documents from first to last are there.
func held(t *testing.T, x *Index, first, last int64) {
	t.Helper()
	s := x.generation().list()[0]
	for n := first; n <= last; n++ {
		d := endless{}.document(n)
		names, err := s.pagesOf(t.Context(), d.ID)
		if err != nil {
			t.Fatal(err)
		}
		if len(names) != len(d.Pages) {
			t.Fatalf("document %d of %d has %d pages, want %d", n, last, len(names), len(d.Pages))
		}
	}
}

func killChild(t *testing.T, dir string, after time.Duration) {
	t.Helper()
	cmd := exec.Command(os.Args[0], "-test.run=^TestCrashChild$", "-test.timeout=60s")
	cmd.Env = append(os.Environ(), crashEnv+"="+dir)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	buf := make([]byte, 64)
	if _, err := out.Read(buf); err != nil {
		t.Errorf("child did not open the index: %v", err)
	}
	time.Sleep(after)
	_ = cmd.Process.Kill()
	_ = cmd.Wait()
}
