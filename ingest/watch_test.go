package ingest

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func TestReportsOfTheKernelWakeTheLook(t *testing.T) {
	s := newSite(t, func(f *Folder) { f.Poll = time.Hour })
	s.in.events = true
	s.write("there before/1.tif", "one")
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- s.in.Run(ctx) }()
	waitFor(t, func() bool { return len(s.ledger.received()) == 1 })
	for n, rel := range []string{"there before/2.tif", "2.tif", "new/deep/3.tif", "new/deep/4.tif"} {
		s.write(rel, rel)
		waitFor(t, func() bool { return len(s.ledger.received()) == n+2 })
	}
	s.must(os.WriteFile(filepath.Join(s.path, "5.part"), []byte("five"), 0o600))
	s.must(os.Rename(filepath.Join(s.path, "5.part"), filepath.Join(s.path, "5.tif")))
	waitFor(t, func() bool { return len(s.ledger.received()) == 6 })
	stop()
	if err := <-done; err != nil {
		t.Error(err)
	}
	if st := s.in.State()[0]; st.Watch != "events and polling" {
		t.Errorf("watches by %q", st.Watch)
	}
}

func waitFor(t *testing.T, ok func() bool) {
	t.Helper()
	for range 1000 {
		if ok() {
			return
		}
		time.Sleep(5 * time.Millisecond)
	}
	t.Fatal("it did not happen within five seconds")
}

func TestOneFolderIsTakenFromByOneProcess(t *testing.T) {
	s := newSite(t, nil)
	s.look()
	other, err := NewIntake(s.cfg, newFakeLedger(t, ""), nil, nil)
	s.must(err)
	other.events = false
	other.folders[0].look(t.Context())
	if st := other.State()[0]; st.OK || st.Reason != "another Chartroom takes from this folder" {
		t.Errorf("state %v %q", st.OK, st.Reason)
	}
	s.in.folders[0].unlock()
	other.folders[0].look(t.Context())
	if st := other.State()[0]; !st.OK {
		t.Errorf("after the other has ended: %q", st.Reason)
	}
	other.folders[0].unlock()
}

func TestInspectTakesNothingAndLeavesNothingBehind(t *testing.T) {
	s := newSite(t, nil)
	s.write("1.tif", "one")
	st := s.in.Inspect(t.Context())[0]
	if !st.OK || st.Files != 1 || st.FileSystem == "" || s.exists(filepath.Join(s.path, ".claimed")) || s.exists(s.cfg.Hold) {
		t.Errorf("state %+v", st)
	}
}

func TestOpeningNeverLeavesTheFolder(t *testing.T) {
	dir := t.TempDir()
	secret := filepath.Join(dir, "secret")
	drop := filepath.Join(dir, "drop")
	if err := errors.Join(os.WriteFile(secret, []byte("x"), 0o600), os.MkdirAll(filepath.Join(drop, "real"), 0o700), os.Symlink("real", filepath.Join(drop, "link")),
		os.WriteFile(filepath.Join(drop, "real/1.tif"), []byte("x"), 0o600), os.Symlink(secret, filepath.Join(drop, "out"))); err != nil {
		t.Fatal(err)
	}
	root, err := openFolder(drop)
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	for name, open := range map[string]func(*os.File, string, int, uint32) (*os.File, error){"openat2": openBeneath, "step by step": openStepwise} {
		f, err := open(root, "real/1.tif", unix.O_RDONLY, 0)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		f.Close()
		for _, rel := range []string{"link/1.tif", "out", "../secret", "real/../../secret", secret} {
			if f, err := open(root, rel, unix.O_RDONLY, 0); err == nil {
				f.Close()
				t.Errorf("%s opens %s", name, rel)
			}
		}
	}
}

func TestFolderThatLeadsToTheStoreIsNotTakenFrom(t *testing.T) {
	for _, to := range []string{".", "store", "hold/drop"} {
		s := newSite(t, func(f *Folder) { f.Path += "-link" })
		s.must(os.MkdirAll(filepath.Join(s.dir, to), 0o700))
		s.must(os.Symlink(filepath.Join(s.dir, to), s.path+"-link"))
		s.cfg.Data = s.dir
		s.restart()
		own := filepath.Join(s.dir, to, "own")
		s.must(os.WriteFile(own, []byte("own"), 0o600))
		s.settle()
		if st := s.settle(); st.OK || len(s.ledger.received()) != 0 || !s.exists(own) {
			t.Errorf("link to %q: state %v %q, received %d", to, st.OK, st.Reason, len(s.ledger.received()))
		}
	}
}
