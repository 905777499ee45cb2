package ingest

import (
	"bytes"
	"context"
	"fmt"
	"io/fs"
	"log/slog"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"chartroom/catalog"
	"chartroom/record"
)

// crashEnv tells the test binary to be the process that is killed.
const crashEnv = "CHARTROOM_TEST_INTAKE"

// TestMain turns the binary into a service on a folder where it is told so.
func TestMain(m *testing.M) {
	if dir := os.Getenv(crashEnv); dir != "" {
		if err := serveForKill(dir); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

func crashConfig(dir string) IntakeConfig {
	fast := Folder{Settle: 5 * time.Millisecond, Poll: 5 * time.Millisecond}
	moved, copied := fast, fast
	moved.Name, moved.Path = "moved", filepath.Join(dir, "moved")
	copied.Name, copied.Path, copied.Copy = "copied", filepath.Join(dir, "copied"), true
	return IntakeConfig{Folders: []Folder{moved, copied}, Hold: filepath.Join(dir, "hold"), Rejected: filepath.Join(dir, "rejected"), MinFree: -1}
}

// serveForKill is a service whose pipeline releases at once what is received,
// on the real catalog. It ends when nothing is left to do and a file says so.
func serveForKill(dir string) error {
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	c, err := catalog.Open(ctx, catalog.Config{Path: filepath.Join(dir, "catalog.db")})
	if err != nil {
		return err
	}
	in, err := NewIntake(crashConfig(dir), c, nil, nil)
	if err != nil {
		return err
	}
	done := make(chan error)
	go func() { done <- in.Run(ctx) }()
	for quiet := 0; quiet < 20; time.Sleep(2 * time.Millisecond) {
		n, err := releaseAll(ctx, in, c)
		if err != nil {
			return err
		}
		quiet++
		if n > 0 || !settledDown(in) || !exists(filepath.Join(dir, "stop")) {
			quiet = 0
		}
	}
	stop()
	return <-done
}

// settledDown reports whether all folders were looked at and nothing waits.
func settledDown(in *Intake) bool {
	for _, st := range in.State() {
		if !st.OK || st.WaitingTotal > 0 || st.Unreceived > 0 || st.Files != st.Taken {
			return false
		}
	}
	return true
}

// releaseAll lets go of what is received; every fifth scan is rejected.
func releaseAll(ctx context.Context, in *Intake, c *catalog.Catalog) (int, error) {
	claims, err := c.Claims(ctx)
	for _, claim := range claims {
		if claim.Receipt == nil {
			continue
		}
		if claim.Receipt.Scan[0]%5 == 0 {
			err = in.Reject(ctx, claim, "a reason")
		} else {
			err = in.Release(ctx, claim)
		}
		if err == nil {
			err = c.Release(ctx, claim.ID)
		}
		if err != nil {
			return 0, err
		}
	}
	return len(claims), err
}

func exists(name string) bool {
	_, err := os.Lstat(name)
	return err == nil
}

// TestKilledAtAnyMomentEveryFileIsReceivedOnce kills the service again and
// again while files come in. In the end every file has one receipt, every
// rejected one lies aside once, and nothing is left anywhere else.
func TestKilledAtAnyMomentEveryFileIsReceivedOnce(t *testing.T) {
	dir := t.TempDir()
	for _, sub := range []string{"moved", "copied"} {
		if err := os.Mkdir(filepath.Join(dir, sub), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	kills, files := 60, 0
	if testing.Short() {
		kills = 10
	}
	for range kills {
		files += dropSome(t, dir, files)
		child := crashChild(t, dir)
		if err := child.Start(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Duration(rand.IntN(160)) * time.Millisecond)
		child.Process.Kill()
		child.Wait()
	}
	if err := os.WriteFile(filepath.Join(dir, "stop"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := crashChild(t, dir).Run(); err != nil {
		t.Fatal(err)
	}
	t.Logf("%d kills, %d files", kills, files)
	checkOnce(t, dir, files)
}

func crashChild(t *testing.T, dir string) *exec.Cmd {
	ctx, stop := context.WithTimeout(t.Context(), time.Minute)
	t.Cleanup(stop)
	child := exec.CommandContext(ctx, os.Args[0])
	child.Env = append(os.Environ(), crashEnv+"="+dir)
	child.Stderr = os.Stderr
	return child
}

// dropSome drops up to six files of different content into both folders.
func dropSome(t *testing.T, dir string, from int) int {
	n := 1 + rand.IntN(6)
	for i := from; i < from+n; i++ {
		name := filepath.Join(dir, []string{"moved", "copied"}[i%2], fmt.Sprintf("box %d", i%3), fmt.Sprintf("%d.tif", i))
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, fmt.Appendf(nil, "scan %d", i), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return n
}

func checkOnce(t *testing.T, dir string, files int) {
	t.Helper()
	c, err := catalog.Open(t.Context(), catalog.Config{Path: filepath.Join(dir, "catalog.db")})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	documents, rejected := 0, 0
	for d, err := range c.Documents(t.Context(), catalog.Filter{}) {
		if err != nil {
			t.Fatal(err)
		}
		documents++
		if d.Scan[0]%5 == 0 {
			rejected++
		}
		if len(d.Receipts) != 1 {
			t.Errorf("a file was received %d times", len(d.Receipts))
		}
	}
	if claims, err := c.Claims(t.Context()); documents != files || len(claims) != 0 || err != nil {
		t.Errorf("%d documents of %d files, %d claims left, %v", documents, files, len(claims), err)
	}
	for place, want := range map[string]int{"moved": 0, "copied": files / 2, "hold": 0, "rejected": 2 * rejected} {
		if n := countFiles(t, filepath.Join(dir, place)); n != want {
			t.Errorf("%d files lie in %s, want %d", n, place, want)
		}
	}
}

func countFiles(t *testing.T, dir string) (n int) {
	err := filepath.WalkDir(dir, func(_ string, e fs.DirEntry, err error) error {
		if err == nil && e.Type().IsRegular() {
			n++
		}
		return err
	})
	if err != nil && !os.IsNotExist(err) {
		t.Error(err)
	}
	return n
}

// TestNoNameOfAPatientIsLoggedOrPutIntoAnError sends files with a patient's
// name through what can go wrong, and reads every log line, error and state.
func TestNoNameOfAPatientIsLoggedOrPutIntoAnError(t *testing.T) {
	const canary = "CANARYGARCIA"
	s := newSite(t, func(f *Folder) { f.Pattern = "{mrn}/{type}" })
	var out bytes.Buffer
	s.in.log = slog.New(slog.NewTextHandler(&out, &slog.HandlerOptions{Level: slog.LevelDebug}))
	s.in.folders[0].log = s.in.log
	tell := func(err error) { fmt.Fprintf(&out, "%v %+v\n", err, err) }

	s.write(canary+"/"+canary+"/1.tif", canary)
	s.write(canary+"/"+canary+".part", canary)
	s.must(os.Symlink("/"+canary, filepath.Join(s.path, canary+".lnk")))
	s.ledger.noNews = fmt.Errorf("transient")
	s.settle()
	s.ledger.noNews = nil
	s.restart()
	s.in.log = slog.New(slog.NewTextHandler(&out, nil))
	s.in.folders[0].log = s.in.log
	st := s.settle()
	fmt.Fprintf(&out, "%v %+v\n", st, st)
	c := s.only()
	s.must(appendTo(c.Held.Reveal(), canary))
	_, err := s.in.OpenClaim(c)
	tell(err)
	tell(s.in.Release(t.Context(), c))
	s.must(os.RemoveAll(filepath.Join(s.path, ".claimed")))
	_, err = s.in.OpenClaim(c)
	tell(err)
	tell(s.in.Release(t.Context(), c))
	s.settle()
	for a, err := range s.in.Collect(t.Context(), []string{s.path, "/" + canary}, CollectOptions{}) {
		a.Receipt.Batch = "" // a folder's name as it was given, for the record alone
		fmt.Fprintf(&out, "%v %+v %v\n", err, a, a.Receipt)
	}
	_, err = LoadGiven("/" + canary)
	tell(err)
	s.in.cfg.Rejected = "/dev/null/" + canary
	s.write("2.tif", "two")
	s.settle()
	for _, c := range s.ledger.received() {
		tell(s.in.Reject(t.Context(), c, "reason"))
	}
	fmt.Fprintf(&out, "%v\n", record.Hide(canary))
	for line := range strings.Lines(out.String()) {
		if strings.Contains(line, canary) {
			t.Errorf("a patient's name stands in %q", line)
		}
	}
}
