package ingest

import (
	"crypto/sha256"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"chartroom/catalog"
	"chartroom/record"
)

func TestSettledFileIsClaimedByRenameAndReceived(t *testing.T) {
	s := newSite(t, func(f *Folder) { f.Facility = "north"; f.Pattern = "{box}/{mrn}_{date}" })
	name := s.write("B7/00482913_2011-02-09/page.tif", "scan")
	st := s.look()
	if len(s.ledger.received()) != 0 || s.waits(st, "B7/00482913_2011-02-09/page.tif") == "" {
		t.Fatal("taken before it had settled, or not shown as waiting")
	}
	st = s.settle()
	c := s.only()
	want := record.Digest(sha256.Sum256([]byte("scan")))
	r := c.Receipt
	if r.Scan != want || r.Size != 4 || r.Name.Reveal() != "page.tif" || r.Path.Reveal() != "B7/00482913_2011-02-09/page.tif" || r.From != "drop" || r.ID != c.ID {
		t.Errorf("receipt %+v of %q", r, r.Path.Reveal())
	}
	if r.Facility != "north" || r.Place != "B7" || r.Batch != "" || r.Given.MRN.Reveal() != "00482913" || r.Given.Date.Reveal() != "2011-02-09" {
		t.Errorf("given %q %q %q %q", r.Place, r.Batch, r.Given.MRN.Reveal(), r.Given.Date.Reveal())
	}
	if s.exists(name) || !s.exists(filepath.Join(s.path, ".claimed", c.ID, "B7/00482913_2011-02-09/page.tif")) {
		t.Error("the file does not lie in .claimed alone")
	}
	if st.WaitingTotal != 0 || st.Claimed != 1 || st.Received != 1 || !st.OK {
		t.Errorf("state %+v", st)
	}
}

func TestBatchIsTheTopSubfolder(t *testing.T) {
	s := newSite(t, nil)
	s.write("monday/a/1.tif", "one")
	s.settle()
	if got := s.only().Receipt.Batch; got != "monday" {
		t.Errorf("batch %q", got)
	}
}

func TestReleaseRemovesTheClaimedFileAndItsFolders(t *testing.T) {
	s := newSite(t, nil)
	s.write("a/b/1.tif", "one")
	s.settle()
	c := s.only()
	for range 2 { // repeated after a crash
		s.must(s.in.Release(t.Context(), c))
	}
	if s.exists(filepath.Join(s.path, ".claimed", c.ID)) || !s.exists(filepath.Join(s.path, ".claimed")) {
		t.Error("the claim's folders are not gone, or .claimed is")
	}
	if _, err := s.in.OpenClaim(c); !errors.Is(err, ErrGone) {
		t.Errorf("open after release: %v, want ErrGone", err)
	}
}

func TestRejectedFileLiesAsideWithItsReason(t *testing.T) {
	long := strings.Repeat("ä", 125) + ".tif" // 254 bytes
	for _, rel := range []string{"box 1/bad.tif", long, "a\nb.tif"} {
		s := newSite(t, nil)
		for n := range 2 {
			target := numbered(filepath.Base(rel), n+1, "")
			s.write(rel, "bad")
			s.settle()
			for _, c := range s.ledger.received() {
				for range 2 {
					s.must(s.in.Reject(t.Context(), c, "This file is cut off."))
				}
			}
			dir := filepath.Join(s.dir, "rejected", "drop", filepath.Dir(rel))
			if b, err := os.ReadFile(filepath.Join(dir, target)); err != nil || string(b) != "bad" {
				t.Errorf("rejected file %d: %q, %v", n, b, err)
			}
			b, err := os.ReadFile(filepath.Join(dir, numbered(filepath.Base(rel), n+1, ".reason.txt")))
			if err != nil || !strings.HasPrefix(string(b), "This file is cut off.\n") {
				t.Errorf("reason %d: %q, %v", n, b, err)
			}
			entries, _ := os.ReadDir(dir)
			if len(entries) != 2*(n+1) {
				t.Errorf("%d entries beside %d rejected files", len(entries), n+1)
			}
		}
	}
}

func TestRejectGoesOnAfterACrashBetweenReasonAndMove(t *testing.T) {
	s := newSite(t, nil)
	s.write("bad.tif", "bad")
	s.settle()
	c := s.only()
	root, err := os.MkdirTemp(s.dir, "")
	s.must(err)
	dir, err := openFolder(root)
	s.must(err)
	defer dir.Close()
	if ours, err := reserve(dir, "bad.tif", "bad.tif.reason.txt", c, "cut off"); !ours || err != nil {
		t.Fatal(ours, err)
	}
	if ours, err := reserve(dir, "bad.tif", "bad.tif.reason.txt", c, "cut off"); !ours || err != nil {
		t.Fatal("its own reservation is not found again", err)
	}
	c.ID = "another"
	if ours, err := reserve(dir, "bad.tif", "bad.tif.reason.txt", c, "cut off"); ours || err != nil {
		t.Fatal("another claim's reservation is taken", err)
	}
}

func TestReadOnlyFolderIsTakenByCopyOnce(t *testing.T) {
	s := newSite(t, func(f *Folder) { f.Copy = true })
	name := s.write("a/1.tif", "one")
	st := s.settle()
	c := s.only()
	if c.Mode != catalog.Copy || !s.exists(name) || !st.Copies || st.Taken != 1 {
		t.Fatalf("mode %s, state %+v", c.Mode, st)
	}
	f, err := s.in.OpenClaim(c)
	s.must(err)
	f.Close()
	s.must(s.in.Release(t.Context(), c))
	s.must(s.ledger.Release(t.Context(), c.ID))
	if !s.exists(name) || s.exists(filepath.Join(s.dir, "hold", "drop", c.ID)) {
		t.Error("the source is gone, or our copy is not")
	}
	s.restart()
	s.settle()
	s.only() // and not a second time after a restart
	s.write("a/1.tif", "one and more")
	s.settle()
	if n := len(s.ledger.received()); n != 2 {
		t.Errorf("a changed source was received %d times in all, want 2", n)
	}
}

func TestRecoveryGoesOnWithWhatIsThere(t *testing.T) {
	ctx := t.Context()
	claim := func(s *site, rel string) catalog.Claim {
		root, err := openFolder(s.path)
		s.must(err)
		defer root.Close()
		e, err := lookAt(root, rel)
		s.must(err)
		return s.in.folders[0].newClaim(rel, e)
	}
	for _, tc := range []struct {
		name  string
		crash func(s *site) // leaves what a crash leaves
		rel   string
		lost  int
	}{
		{"row written, file not touched", func(s *site) {
			s.write("x/1.tif", "one")
			s.must(s.ledger.BeginClaim(ctx, claim(s, "x/1.tif")))
		}, "x/1.tif", 0},
		{"folders made, file not renamed", func(s *site) {
			s.write("x/1.tif", "one")
			c := claim(s, "x/1.tif")
			s.must(s.ledger.BeginClaim(ctx, c))
			s.must(os.MkdirAll(filepath.Join(s.path, ".claimed", c.ID, "x"), 0o700))
		}, "x/1.tif", 0},
		{"renamed, not received", func(s *site) {
			name := s.write("x/1.tif", "one")
			c := claim(s, "x/1.tif")
			s.must(s.ledger.BeginClaim(ctx, c))
			s.must(os.MkdirAll(filepath.Dir(c.Held.Reveal()), 0o700))
			s.must(os.Rename(name, c.Held.Reveal()))
		}, "x/1.tif", 0},
		{"catalog lost", func(s *site) {
			s.write(".claimed/0123/x/1.tif", "one")
		}, "x/1.tif", 0},
		{"file removed by somebody", func(s *site) {
			s.write("x/1.tif", "one")
			c := claim(s, "x/1.tif")
			s.must(s.ledger.BeginClaim(ctx, c))
			s.must(os.Remove(filepath.Join(s.path, "x/1.tif")))
		}, "", 1},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := newSite(t, nil)
			s.must(os.Mkdir(filepath.Join(s.path, ".claimed"), 0o700))
			tc.crash(s)
			s.restart()
			s.settle()
			st := s.settle()
			if st.Lost != tc.lost {
				t.Errorf("lost %d, want %d", st.Lost, tc.lost)
			}
			if tc.rel == "" {
				return
			}
			if got := s.only(); got.Receipt.Path.Reveal() != tc.rel {
				t.Errorf("received %q", got.Receipt.Path.Reveal())
			}
			if claims, _ := s.ledger.Claims(ctx); len(claims) != 1 {
				t.Errorf("%d claims are left", len(claims))
			}
		})
	}
}

func TestFileChangedAfterItsReceiptIsNotRemovedButReceivedAgain(t *testing.T) {
	s := newSite(t, nil)
	name := s.write("1.tif", "page 1")
	f, err := os.OpenFile(name, os.O_RDONLY, 0)
	s.must(err)
	defer f.Close()
	s.settle()
	first := s.only()
	s.must(appendTo(first.Held.Reveal(), " page 2"))
	if _, err := s.in.OpenClaim(first); !errors.Is(err, ErrChanged) {
		t.Errorf("open: %v, want ErrChanged", err)
	}
	s.must(s.in.Release(t.Context(), first))
	s.look() // while the ledger still has the first claim
	s.must(s.ledger.Release(t.Context(), first.ID))
	s.settle()
	s.settle()
	claims := s.ledger.received()
	if len(claims) != 2 {
		t.Fatalf("received %d times, want 2", len(claims))
	}
	for _, c := range claims {
		if c.ID != first.ID && (c.Receipt.Size != 13 || c.Receipt.Path.Reveal() != "1.tif") {
			t.Errorf("second receipt has %d bytes of %q", c.Receipt.Size, c.Receipt.Path.Reveal())
		}
	}
}

func appendTo(name, text string) error {
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		return err
	}
	_, err = f.WriteString(text)
	return errors.Join(err, f.Close())
}

func TestCatalogAwayLeavesFilesAndComesBack(t *testing.T) {
	s := newSite(t, nil)
	name := s.write("1.tif", "one")
	s.look()
	s.ledger.refuse = errors.New("away")
	time.Sleep(testSettle)
	if st := s.look(); st.OK || !strings.Contains(st.Reason, "catalog") || !s.exists(name) {
		t.Errorf("state %+v", st)
	}
	s.ledger.refuse = nil
	if st := s.settle(); !st.OK {
		t.Errorf("state %q", st.Reason)
	}
	s.only()
}

func TestHeldFileThatCannotBeRemovedIsTriedAgainForEver(t *testing.T) {
	in, err := NewIntake(IntakeConfig{}, newFakeLedger(t, ""), nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := in.stays(catalog.Claim{Folder: "drop"}, unix.EACCES); !errors.Is(err, unix.EROFS) {
		t.Errorf("in a drop folder: %v, want EROFS", err)
	}
	if err := in.stays(catalog.Claim{Folder: CommandLine}, unix.EACCES); err != nil {
		t.Errorf("in a person's own folder: %v", err)
	}
}
