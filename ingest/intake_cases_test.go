package ingest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"
	"unicode/utf8"

	"github.com/fsnotify/fsnotify"
	"golang.org/x/sys/unix"

	"chartroom/catalog"
)

// TestKnownFailures goes through what is known to go wrong with drop folders,
// by the number it has in the list of such cases. Cases 20 and 26 to 38 belong
// to opening scans, the index and the object store.
func TestKnownFailures(t *testing.T) {
	for _, tc := range []struct {
		number int
		name   string
		run    func(*testing.T)
	}{
		{1, "the kernel's queue of reports overflows", caseOverflow},
		{2, "no reports at all: polling is enough", casePolling},
		{3, "the folder is removed and comes back", caseRecreated},
		{3, "a file system is mounted over the folder, and unmounted", caseMounted},
		{3, "nothing is mounted where something must be", caseNotMounted},
		{4, "the kernel refuses more watches", caseWatchLimit},
		{5, "files pile up: the oldest one's age is known", caseOldest},
		{6, "every file has an ignored name: each is listed with the rule", caseAllIgnored},
		{7, "a file grows page by page", caseGrows},
		{7, "a writer still holds the file open", caseWriter},
		{7, "a file without its end is taken after ten settle times", caseEndless},
		{7, "an empty file is one whose content has not come yet", caseEmpty},
		{8, "the name comes again, longer", caseNameAgain},
		{9, "temporary names wait for the rename", caseTemporary},
		{10, "the same file is seen many times", caseSeenOften},
		{11, "another file comes in its place while it is claimed", caseReplaced},
		{12, "the same content is dropped twice", caseTwice},
		{13, "a busy file is tried for ever, ever more slowly", caseBusy},
		{14, "the folder cannot be written to", caseReadOnly},
		{15, "file times in 1970 and in the future", caseClock},
		{16, "links to elsewhere", caseLinks},
		{17, "pipes, sockets and devices", caseSpecial},
		{18, "hostile names", caseNames},
		{19, "names that look like paths", casePathNames},
		{21, "the disk is nearly full", caseNearlyFull},
		{21, "the disk fills up while a copy is made", caseFull},
		{22, "the data disk reports errors", caseDiskError},
		{23, "fsync fails: the copy is thrown away", caseSyncFails},
		{25, "the catalog fails between claim and receipt", caseReceiptFails},
	} {
		t.Run(fmt.Sprintf("%02d %s", tc.number, tc.name), tc.run)
	}
}

func caseOverflow(t *testing.T) {
	s := newSite(t, nil)
	n := s.in.folders[0].notify
	w := &fsnotify.Watcher{Events: make(chan fsnotify.Event), Errors: make(chan error)}
	n.wait.Go(func() { n.listen(w) })
	w.Errors <- fsnotify.ErrEventOverflow
	close(w.Events)
	n.wait.Wait()
	select {
	case <-s.in.folders[0].dirty:
	default:
		t.Error("the folder is not looked at at once")
	}
	if st := s.look(); st.Overflows != 1 {
		t.Errorf("overflows %d", st.Overflows)
	}
}

func casePolling(t *testing.T) {
	s := newSite(t, func(f *Folder) { f.Settle, f.Poll = 0, 0 })
	synctest.Test(t, func(t *testing.T) {
		s.restart() // its channels must be the bubble's
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- s.in.Run(ctx) }()
		time.Sleep(time.Second)
		s.write("sub/1.tif", "one")
		time.Sleep(14 * time.Second) // first seen at 10 s, settled at 15 s
		if n := len(s.ledger.received()); n != 0 {
			t.Errorf("received %d before it had settled", n)
		}
		time.Sleep(2 * time.Second)
		if n := len(s.ledger.received()); n != 1 {
			t.Errorf("received %d, want 1", n)
		}
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

func caseRecreated(t *testing.T) {
	s := newSite(t, nil)
	s.look()
	s.must(os.Rename(s.path, s.path+".away"))
	if st := s.look(); st.OK || st.Reason != "the folder does not exist" {
		t.Errorf("state %v %q", st.OK, st.Reason)
	}
	s.must(os.Mkdir(s.path, 0o755))
	s.write("1.tif", "one")
	if st := s.settle(); !st.OK {
		t.Errorf("state %q", st.Reason)
	}
	s.only()
}

func mountHere(t *testing.T, where, options string) (unmount func()) {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("mounting needs root")
	}
	if err := unix.Mount("tmpfs", where, "tmpfs", 0, options); err != nil {
		t.Fatal(err)
	}
	once := false
	unmount = func() {
		if !once {
			once = true
			if err := unix.Unmount(where, unix.MNT_DETACH); err != nil {
				t.Error(err)
			}
		}
	}
	t.Cleanup(unmount)
	return unmount
}

func caseMounted(t *testing.T) {
	s := newSite(t, nil)
	s.look()
	unmount := mountHere(t, s.path, "size=1m")
	s.write("1.tif", "one")
	if st := s.settle(); !st.OK || st.FileSystem != "tmpfs" {
		t.Errorf("after the mount: %+v", st)
	}
	c := s.only()
	s.in.folders[0].unlock()
	unmount()
	if st := s.look(); st.OK || !strings.HasPrefix(st.Reason, "nothing is mounted at ") {
		t.Errorf("after unmounting: %v %q", st.OK, st.Reason)
	}
	if _, err := s.in.OpenClaim(c); !errors.Is(err, unix.ESTALE) {
		t.Errorf("a file of an unmounted folder: %v, want ESTALE: it may come back", err)
	}
	mountHere(t, s.path, "size=1m")
	s.write("2.tif", "two")
	if st := s.settle(); !st.OK || len(s.ledger.received()) != 2 {
		t.Errorf("after mounting again: %v %q", st.OK, st.Reason)
	}
}

func caseNotMounted(t *testing.T) {
	s := newSite(t, func(f *Folder) { f.Mount = f.Path })
	s.write("1.tif", "one")
	if st := s.settle(); st.OK || len(s.ledger.received()) != 0 {
		t.Errorf("a bare folder was taken from: %+v", st)
	}
	if st := s.in.Inspect(t.Context())[0]; st.OK || !strings.HasPrefix(st.Reason, "nothing is mounted") {
		t.Errorf("inspected: %v %q", st.OK, st.Reason)
	}
}

func caseWatchLimit(t *testing.T) {
	s := newSite(t, nil)
	s.in.events = true
	s.look()
	s.in.folders[0].notify.refused(unix.ENOSPC)
	s.write("1.tif", "one")
	if st := s.settle(); !st.OK || !strings.HasPrefix(st.Watch, "polling") {
		t.Errorf("state %+v", st)
	}
	s.only()
}

func caseOldest(t *testing.T) {
	s := newSite(t, nil)
	s.write("1.part", "one")
	before := time.Now()
	s.look()
	after := time.Now()
	s.write("2.part", "two")
	if st := s.settle(); st.Oldest.Before(before) || st.Oldest.After(after) || st.WaitingTotal != 2 {
		t.Errorf("oldest %v, waiting %d", st.Oldest, st.WaitingTotal)
	}
}

func caseAllIgnored(t *testing.T) {
	s := newSite(t, nil)
	names := []string{".a.tif", "b.tmp", "c.PART", "d.pd~", "~$e.pdf", "f.filepart", "g.crdownload"}
	for _, name := range names {
		s.write(name, "x")
	}
	st := s.settle()
	for _, name := range names {
		if why := s.waits(st, name); !strings.Contains(why, "name (") {
			t.Errorf("%s waits because %q", name, why)
		}
	}
	if st.Files != len(names) || len(s.ledger.received()) != 0 {
		t.Errorf("files %d", st.Files)
	}
	synctest.Test(t, func(t *testing.T) {
		s.restart() // its channels must be the bubble's
		s.look()
		time.Sleep(25 * time.Hour)
		for _, w := range s.look().Waiting {
			if !w.Stuck {
				t.Error("not shown as stuck after a day")
			}
		}
	})
}

func caseGrows(t *testing.T) {
	s := newSite(t, nil)
	name := s.write("1.tif", "page")
	for range 5 {
		s.look()
		time.Sleep(testSettle * 2 / 3)
		s.must(appendTo(name, " page"))
	}
	s.look()
	if len(s.ledger.received()) != 0 {
		t.Fatal("taken while it grew")
	}
	s.settle()
	if c := s.only(); c.Receipt.Size != 29 {
		t.Errorf("took %d bytes", c.Receipt.Size)
	}
}

func caseWriter(t *testing.T) {
	s := newSite(t, nil)
	f, err := os.OpenFile(s.write("1.tif", "one"), os.O_WRONLY, 0)
	s.must(err)
	s.settle()
	if st := s.settle(); !strings.Contains(s.waits(st, "1.tif"), "open for writing") {
		t.Fatalf("waits because %q", s.waits(st, "1.tif"))
	}
	s.must(f.Close())
	s.settle()
	s.only()
}

func caseEndless(t *testing.T) {
	s := newSite(t, nil)
	s.ended = func(*os.File, int64) (bool, bool) { return false, true }
	s.write("1.tif", "half")
	s.settle()
	if st := s.settle(); !strings.Contains(s.waits(st, "1.tif"), "its end is missing") {
		t.Fatalf("waits because %q", s.waits(st, "1.tif"))
	}
	time.Sleep(endlessSettles * testSettle)
	s.look()
	s.only()
}

func caseEmpty(t *testing.T) {
	s := newSite(t, nil)
	s.write("1.tif", "")
	s.settle()
	s.settle()
	if len(s.ledger.received()) != 0 {
		t.Fatal("taken empty")
	}
	s.write("1.tif", "one")
	s.settle()
	if c := s.only(); c.Receipt.Size != 3 {
		t.Errorf("took %d bytes", c.Receipt.Size)
	}
}

func caseNameAgain(t *testing.T) {
	s := newSite(t, nil)
	s.write("1.tif", "page 1")
	s.settle()
	s.write("1.tif", "page 1 page 2")
	s.settle()
	if n := len(s.ledger.received()); n != 2 {
		t.Errorf("received %d, want 2", n)
	}
}

func caseTemporary(t *testing.T) {
	s := newSite(t, nil)
	name := s.write("1.tif.filepart", "one")
	s.settle()
	s.must(os.Rename(name, filepath.Join(s.path, "1.tif")))
	s.settle()
	if c := s.only(); c.Receipt.Name.Reveal() != "1.tif" {
		t.Errorf("took %q", c.Receipt.Name.Reveal())
	}
}

func caseSeenOften(t *testing.T) {
	s := newSite(t, nil)
	s.write("1.tif", "one")
	for range 20 {
		s.look()
		time.Sleep(testSettle / 8)
	}
	s.only()
}

func caseReplaced(t *testing.T) {
	s := newSite(t, nil)
	d := s.in.folders[0]
	name := s.write("1.tif", "one")
	s.look()
	root, err := openFolder(s.path)
	s.must(err)
	defer root.Close()
	f, e, err := openRegular(root, "1.tif")
	s.must(err)
	defer f.Close()
	s.write("new", "two is another")
	s.must(os.Rename(filepath.Join(s.path, "new"), name))
	if why, err := d.takeMove(t.Context(), root, d.newClaim("1.tif", e), f, candidate{"1.tif", d.seen["1.tif"]}); why != "" || err != nil {
		t.Fatal(why, err)
	}
	if len(s.ledger.received()) != 0 {
		t.Fatal("a file that had not settled was received")
	}
	s.settle()
	s.settle()
	if c := s.only(); c.Receipt.Size != 14 || c.Receipt.Path.Reveal() != "1.tif" {
		t.Errorf("received %d bytes of %q", c.Receipt.Size, c.Receipt.Path.Reveal())
	}
}

func caseTwice(t *testing.T) {
	s := newSite(t, nil)
	s.write("1.tif", "one")
	s.write("2.tif", "one")
	s.settle()
	claims := s.ledger.received()
	if len(claims) != 2 || claims[0].Receipt.Scan != claims[1].Receipt.Scan || claims[0].ID == claims[1].ID {
		t.Fatalf("%d receipts", len(claims))
	}
}

func caseBusy(t *testing.T) {
	s := newSite(t, nil)
	d := s.in.folders[0]
	s.write("1.tif", "one")
	s.look()
	c := candidate{"1.tif", d.seen["1.tif"]}
	for range 100 {
		why, err := d.refused(c, unix.EBUSY)
		if err != nil || !strings.HasPrefix(why, "busy") {
			t.Fatal(why, err)
		}
	}
	if wait := time.Until(c.sighting.next); wait > slowestRetry || wait < slowestRetry-time.Minute {
		t.Errorf("tried again after %v", wait)
	}
	time.Sleep(testSettle)
	if st := s.look(); !strings.HasPrefix(s.waits(st, "1.tif"), "busy") {
		t.Errorf("shown as %q", s.waits(st, "1.tif"))
	}
	c.sighting.next = time.Now()
	s.look()
	s.only()
}

func caseReadOnly(t *testing.T) {
	s := newSite(t, nil)
	if os.Getuid() == 0 {
		mountHere(t, s.path, "size=1m")
		s.write("a/1.tif", "one")
		s.must(unix.Mount("", s.path, "", unix.MS_REMOUNT|unix.MS_RDONLY, ""))
	} else {
		s.write("a/1.tif", "one")
		s.must(os.Chmod(s.path, 0o555))
		t.Cleanup(func() { os.Chmod(s.path, 0o755) })
	}
	st := s.settle()
	if c := s.only(); c.Mode != catalog.Copy || !st.Copies || !st.OK {
		t.Errorf("mode %s, state %+v", c.Mode, st)
	}
	s.restart()
	s.settle()
	s.only()
}

func caseClock(t *testing.T) {
	s := newSite(t, nil)
	for name, when := range map[string]time.Time{"old.tif": time.Unix(0, 0), "new.tif": time.Now().AddDate(70, 0, 0)} {
		s.must(os.Chtimes(s.write(name, name), when, when))
	}
	s.settle()
	if n := len(s.ledger.received()); n != 2 {
		t.Errorf("received %d, want 2", n)
	}
}

func caseLinks(t *testing.T) {
	s := newSite(t, nil)
	secret := filepath.Join(s.dir, "secret")
	s.must(os.MkdirAll(filepath.Join(s.dir, "secrets"), 0o700))
	s.must(os.WriteFile(secret, []byte("secret"), 0o600))
	s.must(os.WriteFile(filepath.Join(s.dir, "secrets", "1.tif"), []byte("secret"), 0o600))
	s.must(os.Symlink(secret, filepath.Join(s.path, "sym.tif")))
	s.must(os.Symlink(filepath.Join(s.dir, "secrets"), filepath.Join(s.path, "folder")))
	s.must(os.Link(secret, filepath.Join(s.path, "hard.tif")))
	s.write("inside.tif", "fine")
	s.must(os.Symlink("inside.tif", filepath.Join(s.path, "inner.tif")))
	s.settle()
	st := s.settle()
	for _, rel := range []string{"sym.tif", "folder", "hard.tif", "inner.tif"} {
		if !strings.Contains(s.waits(st, rel), "link") {
			t.Errorf("%s waits because %q", rel, s.waits(st, rel))
		}
	}
	if c := s.only(); c.Receipt.Name.Reveal() != "inside.tif" {
		t.Error("a link was followed")
	}
	s.must(os.Remove(secret))
	s.settle()
	if n := len(s.ledger.received()); n != 2 {
		t.Errorf("a file whose other name is gone was not taken: %d", n)
	}
}

func caseSpecial(t *testing.T) {
	s := newSite(t, nil)
	s.must(unix.Mkfifo(filepath.Join(s.path, "pipe.tif"), 0o644))
	l, err := net.Listen("unix", filepath.Join(s.path, "socket.tif"))
	s.must(err)
	defer l.Close()
	want := map[string]string{"pipe.tif": "a pipe, not a file", "socket.tif": "a socket, not a file"}
	if os.Getuid() == 0 {
		s.must(unix.Mknod(filepath.Join(s.path, "null.tif"), unix.S_IFCHR|0o644, int(unix.Mkdev(1, 3))))
		want["null.tif"] = "a device, not a file"
	}
	s.write("1.tif", "one")
	st := s.settle()
	for rel, why := range want {
		if s.waits(st, rel) != why {
			t.Errorf("%s waits because %q", rel, s.waits(st, rel))
		}
	}
	s.only()
	root, err := openFolder(s.path)
	s.must(err)
	defer root.Close()
	if _, _, err := openRegular(root, "pipe.tif"); err == nil {
		t.Error("a pipe that came in a file's place was opened as one")
	}
}

// hostileNames are names that break programs which put them together with
// something else.
var hostileNames = []string{
	"line\nfeed.tif", "\u202efit.exe.tif", "-rf", "=cmd|' /C calc'!A0.tif", "bad\xff\xfeutf8.tif", strings.Repeat("n", 255),
	strings.Repeat("ü", 127), "<script>alert(1)</script>.tif", "$(reboot).tif", "a b\tc.tif", "%s%n.tif", "nul\x01.tif", "\x1b[31mred.tif",
}

func caseNames(t *testing.T) {
	s := newSite(t, nil)
	var log bytes.Buffer
	s.in.folders[0].log = slog.New(slog.NewTextHandler(&log, nil))
	s.in.log = s.in.folders[0].log
	names := map[string]bool{}
	for _, name := range hostileNames {
		s.write(filepath.Join(name, name), name)
		names[filepath.Join(name, name)] = true
	}
	s.settle()
	for _, c := range s.ledger.received() {
		r := c.Receipt
		if !names[r.Path.Reveal()] || r.Name.Reveal() != filepath.Base(r.Path.Reveal()) {
			t.Errorf("receipt of %q", r.Path.Reveal())
		}
		if strings.ContainsFunc(r.Batch, func(c rune) bool { return c < ' ' || c == utf8.RuneError }) {
			t.Errorf("batch %q", r.Batch)
		}
		delete(names, r.Path.Reveal())
		s.must(s.in.Reject(t.Context(), c, "bad"))
	}
	if len(names) != 0 {
		t.Errorf("not taken: %v", names)
	}
	for line := range strings.Lines(log.String()) {
		if !strings.HasPrefix(line, "time=") {
			t.Errorf("broken log line %q", line)
		}
	}
}

func casePathNames(t *testing.T) {
	s := newSite(t, nil)
	names := []string{`a\..\..\x.tif`, "b..%2f..%2fx.tif", "c...", "C:x.tif", "{mrn}.tif"}
	for _, name := range names {
		s.write("d/"+name, name)
	}
	s.write("e/.../y.tif", "y") // a hidden folder: shown, not entered
	s.settle()
	for _, c := range s.ledger.received() {
		s.must(s.in.Reject(t.Context(), c, "bad"))
	}
	entries, err := os.ReadDir(filepath.Join(s.dir, "rejected", "drop", "d"))
	s.must(err)
	if len(entries) != 2*len(names) {
		t.Errorf("%d entries below rejected", len(entries))
	}
}

func caseNearlyFull(t *testing.T) {
	s := newSite(t, nil)
	s.in.cfg.MinFree = 100 << 20
	s.in.free = func(string) (int64, error) { return 99 << 20, nil }
	name := s.write("1.tif", "one")
	s.settle()
	if st := s.look(); st.OK || !strings.Contains(st.Reason, "disk nearly full") || !s.exists(name) {
		t.Errorf("state %v %q", st.OK, st.Reason)
	}
	s.in.free = func(string) (int64, error) { return 100 << 20, nil }
	if st := s.look(); !st.OK {
		t.Errorf("state %q", st.Reason)
	}
	s.only()
}

func caseFull(t *testing.T) {
	s := newSite(t, func(f *Folder) { f.Copy = true })
	hold := s.cfg.Hold
	s.must(os.Mkdir(hold, 0o700))
	mountHere(t, hold, "size=64k")
	filler := filepath.Join(hold, "filler")
	s.must(os.WriteFile(filler, make([]byte, 40<<10), 0o600))
	s.write("1.tif", strings.Repeat("1", 50<<10))
	s.settle()
	if st := s.look(); st.OK || !strings.Contains(st.Reason, "full") {
		t.Errorf("state %v %q", st.OK, st.Reason)
	}
	if claims, _ := s.ledger.Claims(t.Context()); len(claims) != 0 {
		t.Error("a claim is left of a copy that was not made")
	}
	s.must(os.Remove(filler))
	if st := s.look(); !st.OK {
		t.Errorf("state %q", st.Reason)
	}
	s.only()
}

func caseDiskError(t *testing.T) {
	s := newSite(t, nil)
	s.in.cfg.MinFree = 1
	s.in.free = func(string) (int64, error) { return 0, unix.EIO }
	name := s.write("1.tif", "one")
	s.settle()
	if st := s.look(); st.OK || !strings.Contains(st.Reason, "reports an error") || !s.exists(name) {
		t.Errorf("state %v %q", st.OK, st.Reason)
	}
}

func caseSyncFails(t *testing.T) {
	for _, copies := range []bool{false, true} {
		s := newSite(t, func(f *Folder) { f.Copy = copies })
		failing := true
		s.in.sync = func(f *os.File) error {
			if failing {
				return unix.EIO
			}
			return syncFile(f)
		}
		name := s.write("1.tif", "one")
		s.settle()
		if len(s.ledger.received()) != 0 {
			t.Fatal("received what is not durable")
		}
		if _, err := os.Stat(filepath.Join(s.cfg.Hold, "drop")); copies && err == nil {
			if left, _ := os.ReadDir(filepath.Join(s.cfg.Hold, "drop")); len(left) != 0 {
				t.Error("the copy was not thrown away")
			}
		}
		if copies != s.exists(name) {
			t.Error("the file is not where it should be")
		}
		failing = false
		s.restart()
		s.settle()
		s.settle()
		s.only()
	}
}

func caseReceiptFails(t *testing.T) {
	s := newSite(t, nil)
	s.ledger.noNews = errors.New("transient")
	s.write("1.tif", "one")
	if st := s.settle(); st.OK || st.Unreceived != 1 {
		t.Errorf("state %+v", st)
	}
	s.ledger.noNews = nil
	for id := range s.in.folders[0].pending {
		s.in.folders[0].pending[id].next = time.Now()
	}
	if st := s.look(); !st.OK || st.Unreceived != 0 {
		t.Errorf("state %+v", st)
	}
	if c := s.only(); !s.exists(c.Held.Reveal()) {
		t.Error("the file is not held")
	}
}
