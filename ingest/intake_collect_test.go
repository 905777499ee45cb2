package ingest

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"chartroom/catalog"
)

// collect runs an ingest command to its end.
func collect(t *testing.T, in *Intake, opt CollectOptions, paths ...string) (arrivals []Arrival, skipped map[string]string) {
	t.Helper()
	skipped = map[string]string{}
	for a, err := range in.Collect(t.Context(), paths, opt) {
		if s, ok := errors.AsType[*Skipped](err); ok {
			skipped[filepath.Base(s.Path.Reveal())] = s.Why
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		arrivals = append(arrivals, a)
	}
	return arrivals, skipped
}

func TestCommandTakesFilesWhereTheyLie(t *testing.T) {
	s := newSite(t, nil)
	name := s.write("box 3/a/1.tif", "one")
	s.write("box 3/2.tif", "two")
	s.write("box 3/.hidden.tif", "three")
	s.must(unix.Mkfifo(filepath.Join(s.path, "box 3/pipe"), 0o600))
	s.must(os.Symlink("/etc/passwd", filepath.Join(s.path, "box 3/link")))
	s.write("box 3/.git/x", "x")
	found := 0
	got, skipped := collect(t, s.in, CollectOptions{Place: "shelf 9", Found: func(n int) { found = n }}, filepath.Join(s.path, "box 3"), name, filepath.Join(s.path, "missing"))
	if found != 3 || len(got) != 3 || len(skipped) != 4 {
		t.Fatalf("found %d, took %d, skipped %v", found, len(got), skipped)
	}
	batches := map[string]string{"a/1.tif": "a", "2.tif": "box 3", ".hidden.tif": "box 3"}
	for _, a := range got {
		r := a.Receipt
		if r.From != CommandLine || a.Claim.Mode != catalog.Keep || !a.Created || r.Place != "shelf 9" || batches[r.Path.Reveal()] != r.Batch {
			t.Errorf("%+v path %q", r, r.Path.Reveal())
		}
		f, err := s.in.OpenClaim(a.Claim)
		s.must(err)
		f.Close()
		s.must(s.in.Reject(t.Context(), a.Claim, "bad"))
		s.must(s.in.Release(t.Context(), a.Claim))
	}
	if !s.exists(name) {
		t.Error("a kept file is gone")
	}
}

func TestCommandTellsWhatItCouldNotTakeFromWhatItNeedNot(t *testing.T) {
	s := newSite(t, nil)
	s.must(os.Symlink("/etc/passwd", s.write("box/1.tif", "one")+".link"))
	deep := filepath.Join(s.path, "box") + strings.Repeat("/d", maxDepth+1)
	s.must(os.MkdirAll(deep, 0o700))
	failed := map[string]bool{}
	for _, err := range s.in.Collect(t.Context(), []string{filepath.Join(s.path, "box"), filepath.Join(s.path, "missing")}, CollectOptions{}) {
		if skipped, ok := errors.AsType[*Skipped](err); ok {
			failed[filepath.Base(skipped.Path.Reveal())] = skipped.Failed
		}
	}
	if len(failed) != 3 || failed["1.tif.link"] || !failed["d"] || !failed["missing"] {
		t.Errorf("skipped, and whether they should have been taken: %v", failed)
	}
}

func TestCommandNeverTakesTheStoreApart(t *testing.T) {
	s := newSite(t, nil)
	s.cfg.Data = s.dir
	s.restart()
	kept := []string{"store/originals/ab/abcd", "store/records/x/000001.json.gz", "catalog.db", "hold/drop/1/a.tif", "rejected/drop/a.tif.reason.txt"}
	for _, name := range kept {
		s.must(os.MkdirAll(filepath.Dir(filepath.Join(s.dir, name)), 0o700))
		s.must(os.WriteFile(filepath.Join(s.dir, name), []byte(name), 0o600))
	}
	s.write("1.tif", "one")
	for _, given := range append(kept, "", "store") {
		got, _ := collect(t, s.in, CollectOptions{Move: true}, filepath.Join(s.dir, given))
		if given == "" && len(got) == 1 && got[0].Receipt.Name.Reveal() == "1.tif" {
			continue
		}
		if len(got) != 0 || given == "" {
			t.Errorf("given %q, took %d files", given, len(got))
		}
	}
}

func TestCommandTakesUpWhatAKilledOneLeft(t *testing.T) {
	s := newSite(t, nil)
	s.write("1.tif", "one")
	first, _ := collect(t, s.in, CollectOptions{}, s.path)
	stale := first[0].Claim
	stale.ID, stale.Receipt = newID(stale.Mtime), nil
	s.must(s.ledger.BeginClaim(t.Context(), stale))
	again, _ := collect(t, s.in, CollectOptions{}, s.path)
	if len(again) != 1 || again[0].Claim.ID != first[0].Claim.ID || again[0].Created {
		t.Errorf("a file in work was taken again: %+v", again)
	}
	if claims, _ := s.ledger.Claims(t.Context()); len(claims) != 1 {
		t.Errorf("%d claims are left", len(claims))
	}
}

func TestCommandMovesFilesAwayWhenTheyAreReleased(t *testing.T) {
	s := newSite(t, nil)
	good, bad, changed := s.write("x/good.tif", "good"), s.write("x/bad.tif", "bad"), s.write("x/changed.tif", "changed")
	got, _ := collect(t, s.in, CollectOptions{Move: true}, s.path)
	s.must(appendTo(changed, " since"))
	for _, a := range got {
		if a.Receipt.Name.Reveal() == "bad.tif" {
			s.must(s.in.Reject(t.Context(), a.Claim, "bad"))
		} else {
			s.must(s.in.Release(t.Context(), a.Claim))
		}
	}
	if s.exists(good) || s.exists(bad) || !s.exists(changed) || !s.exists(filepath.Join(s.cfg.Rejected, "command line/x/bad.tif")) {
		t.Error("a file is not where it should be")
	}
}

func TestCommandLeavesTheFoldersOfARunningServiceAlone(t *testing.T) {
	s := newSite(t, nil)
	s.write("1.tif", "one")
	got, skipped := collect(t, s.in, CollectOptions{Watched: true}, s.path)
	if len(got) != 0 || !strings.Contains(skipped["1.tif"], "running service") {
		t.Errorf("took %d, skipped %v", len(got), skipped)
	}
}

func TestCommandWithIndexGivesEvidence(t *testing.T) {
	s := newSite(t, nil)
	s.write("images/1.tif", "one")
	s.write("index.csv", "file,mrn\nimages/1.tif,0042\n")
	index, err := LoadGiven(filepath.Join(s.path, "index.csv"))
	s.must(err)
	got, skipped := collect(t, s.in, CollectOptions{Index: index}, s.path)
	if len(got) != 1 || skipped["index.csv"] == "" || got[0].Receipt.Given.MRN.Reveal() != "0042" || len(index.Problems()) != 0 {
		t.Errorf("took %d, problems %v", len(got), index.Problems())
	}
}

func TestCommandEndsWithItsContext(t *testing.T) {
	s := newSite(t, nil)
	s.write("1.tif", "one")
	ctx, stop := context.WithCancel(t.Context())
	stop()
	for _, err := range s.in.Collect(ctx, []string{s.path}, CollectOptions{}) {
		if !errors.Is(err, context.Canceled) {
			t.Errorf("%v, want canceled", err)
		}
	}
	if len(s.ledger.received()) != 0 {
		t.Error("received after the end")
	}
}
