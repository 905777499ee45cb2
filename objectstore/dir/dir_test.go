package dir_test

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"chartroom/objectstore"
	"chartroom/objectstore/dir"
	"chartroom/objectstore/storetest"
)

func open(t *testing.T, path string) *dir.Store {
	t.Helper()
	s, err := dir.Open(dir.Config{Path: path})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func TestContract(t *testing.T) {
	storetest.Test(t, func(t *testing.T) objectstore.Store { return open(t, filepath.Join(t.TempDir(), "new", "store")) })
}

func TestDamageIsNoticed(t *testing.T) {
	var path string
	storetest.TestDamage(t, func(t *testing.T) objectstore.Store {
		path = t.TempDir()
		return open(t, path)
	}, func(t *testing.T, key objectstore.Key, f func([]byte) []byte) {
		rewrite(t, filepath.Join(path, string(key)), f)
	})
}

func rewrite(t *testing.T, name string, f func([]byte) []byte) {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, f(b), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestEverythingIsPrivate(t *testing.T) {
	old := syscall.Umask(0)
	defer syscall.Umask(old)
	path := filepath.Join(t.TempDir(), "store")
	storetest.MustPut(t, open(t, path), "a/b/c", []byte("x"))
	err := filepath.WalkDir(path, func(name string, e fs.DirEntry, err error) error {
		info, _ := e.Info()
		if want := map[bool]fs.FileMode{true: 0o700, false: 0o600}[e.IsDir()]; err != nil || info.Mode().Perm() != want {
			t.Errorf("%s: %v, %v", name, info.Mode(), err)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

func TestObjectsArePlainFilesThatSha256sumChecks(t *testing.T) {
	path := t.TempDir()
	s := open(t, path)
	for i := range 5 {
		content := storetest.Content(uint64(i), 1000*i)
		storetest.MustPut(t, s, storetest.Key(content), content)
		b, err := os.ReadFile(filepath.Join(path, string(storetest.Key(content))))
		if err != nil || !bytes.Equal(b, content) {
			t.Errorf("the file is not the bytes put: %v", err)
		}
	}
	audit := func() ([]byte, error) {
		c := exec.Command("sh", "-c", "find .sums -type f -exec cat {} + | sha256sum -c --quiet")
		c.Dir = path
		return c.CombinedOutput()
	}
	if out, err := audit(); err != nil {
		t.Errorf("audit of a whole store: %v\n%s", err, out)
	}
	rewrite(t, filepath.Join(path, string(storetest.Key(storetest.Content(3, 3000)))), func(b []byte) []byte { b[7] ^= 1; return b })
	if out, err := audit(); err == nil {
		t.Errorf("audit of a damaged store passed: %s", out)
	}
}

func TestNothingTemporaryStays(t *testing.T) {
	path := t.TempDir()
	s := open(t, path)
	storetest.MustPut(t, s, "a/x", []byte("x"))
	_ = s.Put(t.Context(), "a/x", objectstore.BytesBody([]byte("other")))
	_ = s.Put(t.Context(), "a/y", objectstore.NewBody(bytes.NewReader(nil), 5, objectstore.Digest{}))
	if names := temporary(t, path); len(names) > 0 {
		t.Errorf("left: %q", names)
	}
}

func temporary(t *testing.T, path string) []string {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(path, ".tmp", "*"))
	if err != nil {
		t.Fatal(err)
	}
	return names
}

func TestOpenSweepsWhatNobodyHolds(t *testing.T) {
	path := t.TempDir()
	open(t, path)
	dead, held := filepath.Join(path, ".tmp", "DEAD"), filepath.Join(path, ".tmp", "HELD")
	for _, name := range []string{dead, held} {
		if err := os.WriteFile(name, []byte("half a scan"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	f, err := os.Open(held)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX); err != nil {
		t.Fatal(err)
	}
	open(t, path)
	if got := temporary(t, path); len(got) != 1 || got[0] != held {
		t.Errorf("after the sweep: %q, want only what is held", got)
	}
}

func TestAnObjectWithoutChecksumSaysSo(t *testing.T) {
	path := t.TempDir()
	s := open(t, path)
	storetest.MustPut(t, s, "a/x", []byte("copied here"))
	if err := os.RemoveAll(filepath.Join(path, ".sums", "a")); err != nil {
		t.Fatal(err)
	}
	info, err := s.Stat(t.Context(), "a/x")
	if err != nil || !info.Digest.IsZero() {
		t.Errorf("digest %s of an object nobody noted, %v", info.Digest, err)
	}
	storetest.MustHold(t, s, "a/x", []byte("copied here"))
	storetest.MustPut(t, s, "a/x", []byte("copied here"))
	if info, err = s.Stat(t.Context(), "a/x"); err != nil || info.Digest.IsZero() {
		t.Errorf("putting the same did not note its checksum: %+v, %v", info, err)
	}
}

func TestATornChecksumLineCountsForNothing(t *testing.T) {
	path := t.TempDir()
	s := open(t, path)
	if err := os.MkdirAll(filepath.Join(path, ".sums", "a"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(path, ".sums", "a", "x"), []byte(strings.Repeat("0", 64)+"  a/"), 0o600); err != nil {
		t.Fatal(err)
	}
	storetest.MustPut(t, s, "a/x", []byte("content"))
	info, err := s.Stat(t.Context(), "a/x")
	if want := objectstore.BytesBody([]byte("content")).Digest(); err != nil || info.Digest != want {
		t.Errorf("digest %s, want %s, %v", info.Digest, want, err)
	}
	storetest.MustHold(t, s, "a/x", []byte("content"))
}

func TestSymbolicLinksLeadNowhere(t *testing.T) {
	outside := t.TempDir()
	if err := os.WriteFile(filepath.Join(outside, "secret"), []byte("secret"), 0o600); err != nil {
		t.Fatal(err)
	}
	path := t.TempDir()
	s := open(t, path)
	storetest.MustPut(t, s, "a/x", []byte("x"))
	for name, target := range map[string]string{"a/file": filepath.Join(outside, "secret"), "folder": outside, "a/inside": "x"} {
		if err := os.Symlink(target, filepath.Join(path, name)); err != nil {
			t.Fatal(err)
		}
	}
	for _, key := range []objectstore.Key{"a/file", "folder/secret", "a/inside"} {
		if r, _, err := s.Open(t.Context(), key); err == nil {
			r.Close()
			t.Errorf("open %s followed a link", key)
		}
	}
	if err := s.Put(t.Context(), "folder/new", objectstore.BytesBody([]byte("x"))); err == nil {
		t.Error("put followed a link")
	}
	if _, err := os.Stat(filepath.Join(outside, "new")); err == nil {
		t.Error("put wrote outside the store")
	}
	for info, err := range s.List(t.Context(), "") {
		if err != nil || info.Key != "a/x" {
			t.Errorf("list: %+v, %v", info, err)
		}
	}
}

func TestAKeyBelowAnObjectIsRefused(t *testing.T) {
	s := open(t, t.TempDir())
	storetest.MustPut(t, s, "a/b", []byte("x"))
	err := s.Put(t.Context(), "a/b/c", objectstore.BytesBody([]byte("y")))
	if !errors.Is(err, objectstore.ErrInvalidKey) {
		t.Errorf("put: %v", err)
	}
	storetest.MustLack(t, s, "a/b/c")
	err = s.Put(t.Context(), "a", objectstore.BytesBody([]byte("z")))
	if !errors.Is(err, objectstore.ErrInvalidKey) {
		t.Errorf("put where a folder is: %v", err)
	}
}

func TestCheckNoticesThatTheFolderWasReplaced(t *testing.T) {
	path := filepath.Join(t.TempDir(), "store")
	s := open(t, path)
	if err := os.Rename(path, path+".away"); err != nil {
		t.Fatal(err)
	}
	if err := s.Check(t.Context()); !errors.Is(err, objectstore.ErrUnavailable) {
		t.Errorf("folder gone: %v", err)
	}
	open(t, path)
	if err := s.Check(t.Context()); !errors.Is(err, objectstore.ErrUnavailable) {
		t.Errorf("other folder in its place: %v", err)
	}
}

func TestFreeSpaceIsTold(t *testing.T) {
	free, total, err := open(t, t.TempDir()).Free()
	if err != nil || free <= 0 || total < free {
		t.Errorf("free %d of %d, %v", free, total, err)
	}
}

// mount mounts a file system of 1 MiB at a new folder, which only root can.
func mount(t *testing.T) string {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("mounting needs root")
	}
	path := t.TempDir()
	if err := syscall.Mount("tmpfs", path, "tmpfs", 0, "size=1m"); err != nil {
		t.Skipf("no mounting here: %v", err)
	}
	t.Cleanup(func() { _ = syscall.Unmount(path, syscall.MNT_DETACH) })
	return path
}

func TestAFullDiskIsErrFullAndHeals(t *testing.T) {
	path := mount(t)
	s := open(t, path)
	err := s.Put(t.Context(), "a/large", objectstore.BytesBody(storetest.Content(1, 2<<20)))
	if !errors.Is(err, objectstore.ErrFull) {
		t.Fatalf("put: %v", err)
	}
	storetest.MustLack(t, s, "a/large")
	if names := temporary(t, path); len(names) > 0 {
		t.Errorf("the full disk is kept full by %q", names)
	}
	storetest.MustPut(t, s, "a/small", []byte("x"))
}

func TestAReadOnlyDiskIsErrDenied(t *testing.T) {
	path := mount(t)
	s := open(t, path)
	storetest.MustPut(t, s, "a/old", []byte("x"))
	if err := syscall.Mount("tmpfs", path, "tmpfs", syscall.MS_REMOUNT|syscall.MS_RDONLY, ""); err != nil {
		t.Skipf("no remounting here: %v", err)
	}
	err := s.Put(t.Context(), "a/new", objectstore.BytesBody([]byte("y")))
	if !errors.Is(err, objectstore.ErrDenied) {
		t.Errorf("put: %v", err)
	}
	if err := s.Check(t.Context()); !errors.Is(err, objectstore.ErrDenied) {
		t.Errorf("check: %v", err)
	}
	storetest.MustHold(t, s, "a/old", []byte("x"))
}

func TestABlockedPipeDoesNotBlockReading(t *testing.T) {
	path := t.TempDir()
	s := open(t, path)
	if err := syscall.Mkfifo(filepath.Join(path, "pipe"), 0o600); err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() {
		_, _, err := s.Open(t.Context(), "pipe")
		done <- err
	}()
	select {
	case err := <-done:
		if !errors.Is(err, objectstore.ErrCorrupt) {
			t.Errorf("open: %v", err)
		}
	case <-time.After(5 * time.Second):
		t.Fatal("open blocks")
	}
}
