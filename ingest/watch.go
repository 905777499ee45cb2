package ingest

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/fsnotify/fsnotify"
	"golang.org/x/sys/unix"

	"chartroom/record"
)

const (
	claimsALook = 256  // files taken in one look, before the folder is looked at anew
	shownFiles  = 1000 // waiting files shown in a state
	maxDepth    = 64   // subfolders in each other
)

// run looks at the folder until ctx ends: every Poll, sooner when a file will
// have settled, and at once, but not without a breath, when the kernel reports
// a change. The reports only ever wake the look; the look alone is the truth.
func (d *drop) run(ctx context.Context) {
	defer d.notify.close()
	defer d.unlock()
	breath := min(max(d.Settle/10, 20*time.Millisecond), time.Second)
	for ctx.Err() == nil {
		next := min(d.look(ctx), d.Poll)
		if !sleep(ctx, breath, nil) || !sleep(ctx, next-breath, d.dirty) {
			return
		}
	}
}

// sleep waits until the time is over or wake has something, and reports
// whether ctx goes on.
func sleep(ctx context.Context, d time.Duration, wake <-chan struct{}) bool {
	timer := time.NewTimer(max(d, 0))
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
	case <-wake:
	}
	return true
}

// look goes through the folder once and takes what is ready. It returns when
// it is worth looking again.
func (d *drop) look(ctx context.Context) time.Duration {
	d.begin()
	seen := survey{next: d.Poll}
	err := d.visit(ctx, &seen)
	if ctx.Err() != nil {
		err = nil
	}
	d.publish(&seen, err)
	return seen.next
}

// survey is what one look found.
type survey struct {
	files, taken int
	ready        []candidate
	waiting      []Waiting
	present      map[string]bool
	next         time.Duration
	remark       string
	fileSystem   string
}

// candidate is a file that may be tried.
type candidate struct {
	rel      string
	sighting *sighting
}

// degraded is a state of a folder in which nothing is taken.
type degraded string

func (e degraded) Error() string { return string(e) }

func (d *drop) visit(ctx context.Context, s *survey) error {
	root, err := d.enter(s)
	if err != nil {
		return err
	}
	defer root.Close()
	if err := d.survey(ctx, root, s); err != nil {
		return err
	}
	if d.recover.Swap(false) {
		if err := d.recoverClaims(ctx, root, s); err != nil {
			d.recover.Store(true)
			return err
		}
	}
	if err := d.finishPending(ctx, s); err != nil {
		return err
	}
	if err := d.room(); err != nil {
		return err
	}
	return d.takeReady(ctx, root, s)
}

// enter opens the folder anew and makes sure that it is the one it was, or
// says what has become of it.
func (d *drop) enter(s *survey) (*os.File, error) {
	if d.holdsOwn() {
		d.forget()
		return nil, degraded("it holds Chartroom's own files, perhaps through a link: give it a folder of its own")
	}
	root, err := openFolder(d.Path)
	if err != nil {
		d.forget()
		return nil, degraded(whyNoFolder(err))
	}
	if err := d.identify(root, s); err != nil {
		root.Close()
		return nil, err
	}
	return root, nil
}

// holdsOwn reports whether taking from the folder would take the program's own
// files, by whatever links its path leads there.
func (d *drop) holdsOwn() bool {
	real, err := filepath.EvalSymlinks(d.Path)
	if err != nil {
		return false
	}
	data, err := filepath.EvalSymlinks(d.in.cfg.Data)
	if d.in.cfg.Data == "" || err != nil {
		return false
	}
	for _, own := range []string{"store", "index", "hold", "rejected", "tmp"} {
		if within(real, filepath.Join(data, own)) {
			return true
		}
	}
	return within(data, real)
}

func whyNoFolder(err error) string {
	switch err {
	case unix.ENOENT:
		return "the folder does not exist"
	case unix.ENOTDIR:
		return "this is not a folder"
	}
	return "the folder cannot be opened: " + explain(err)
}

// identify compares the opened folder with the one last seen. Another one in
// its place is looked at from the beginning; a bare folder where something was
// mounted is not taken for an empty one.
func (d *drop) identify(root *os.File, s *survey) error {
	e, err := statFile(root)
	if err != nil {
		return degraded("the folder cannot be opened: " + explain(err))
	}
	mount, err := d.mounted()
	if err != nil {
		d.forget()
		return err
	}
	s.fileSystem, d.network = fileSystem(root)
	if id := (stamp{dev: e.dev, ino: e.ino}); d.id != id {
		if d.id != (stamp{}) {
			d.log.Warn("drop folder was replaced; looking at it anew")
		}
		d.forget()
		d.id, d.copies = id, d.Copy
		d.mu.Lock()
		d.mount = mount
		d.mu.Unlock()
	}
	return d.claimLock(root)
}

// mounted returns where the folder's file system is mounted, or reports that
// it is not the one that was there, or that must be.
func (d *drop) mounted() (string, error) {
	mount, err := mountPoint(d.Path)
	if err != nil {
		return "", degraded("the folder cannot be opened: " + explain(err))
	}
	d.mu.Lock()
	want := cmp.Or(d.Mount, d.mount)
	d.mu.Unlock()
	if want != "" && !within(mount, want) {
		return "", degraded("nothing is mounted at " + want)
	}
	return mount, nil
}

// within reports whether path is parent or lies below it.
func within(path, parent string) bool {
	return path == parent || parent == "/" || strings.HasPrefix(path, parent+"/")
}

// forget drops what was known of a folder that is not there any more.
func (d *drop) forget() {
	d.id = stamp{}
	d.unlock()
	d.notify.reset()
	clear(d.seen)
	clear(d.orphans)
	clear(d.pending)
	d.recover.Store(true)
}

// claimLock makes sure that no other process takes from this folder.
func (d *drop) claimLock(root *os.File) error {
	if d.lock != nil || d.Copy {
		return nil
	}
	claimed, err := makeFolders(root, claimedDir)
	switch {
	case errors.Is(err, unix.EROFS), errors.Is(err, unix.EACCES), errors.Is(err, unix.EPERM):
		d.copies = true
		return nil
	case errors.Is(err, unix.ENOSPC), errors.Is(err, unix.EDQUOT):
		return degraded("the disk of the folder is full")
	case err != nil:
		return degraded("its folder " + claimedDir + " cannot be used: " + explain(err))
	}
	if !lockFolder(claimed) {
		claimed.Close()
		return degraded("another Chartroom takes from this folder")
	}
	d.lock, d.copies = claimed, false
	return nil
}

func (d *drop) unlock() {
	if d.lock != nil {
		d.lock.Close()
		d.lock = nil
	}
}

// survey goes through the folder and sorts what is there.
func (d *drop) survey(ctx context.Context, root *os.File, s *survey) error {
	now := time.Now()
	s.present = map[string]bool{}
	w := walker{
		folder: func(rel string, e entry) bool {
			if why := temporary(path.Base(rel)); why != "" {
				if rel != claimedDir {
					s.wait(rel, d.note(rel, e, s, now), "folder with a "+why, true)
				}
				return false
			}
			d.notify.watch(rel, e)
			return true
		},
		file: func(rel string, e entry) { d.sort(rel, e, s, now) },
		odd:  func(rel, why string, e entry) { s.wait(rel, d.note(rel, e, s, now), why, true) },
	}
	if e, err := statFile(root); err == nil {
		d.notify.watch("", e)
	}
	if err := w.walk(ctx, root, "", 0); err != nil {
		return degraded("the folder cannot be read: " + explain(err))
	}
	for rel := range d.seen {
		if !s.present[rel] {
			delete(d.seen, rel)
		}
	}
	slices.SortFunc(s.ready, func(a, b candidate) int { return strings.Compare(a.rel, b.rel) })
	return nil
}

// note remembers the first sight of an entry that is never taken.
func (d *drop) note(rel string, e entry, s *survey, now time.Time) *sighting {
	s.present[rel] = true
	return d.seen.sight(rel, stamp{dev: e.dev, ino: e.ino}, now)
}

// sort decides of one regular file whether it is ready.
func (d *drop) sort(rel string, e entry, s *survey, now time.Time) {
	s.files++
	s.present[rel] = true
	known := d.seen.sight(rel, e.stamp, now)
	if known.taken {
		s.taken++
		return
	}
	ok, why, wait := d.settled(rel, e, known, now)
	if ok {
		s.ready = append(s.ready, candidate{rel, known})
		return
	}
	s.wait(rel, known, why, e.links > 1 || now.Sub(known.first) > stuckAfter)
	if wait > 0 {
		s.again(wait)
	}
}

func (s *survey) wait(rel string, known *sighting, why string, stuck bool) {
	s.waiting = append(s.waiting, Waiting{Path: record.Hide(rel), Why: why, Since: known.first, Size: known.stamp.size, Stuck: stuck})
}

func (s *survey) again(after time.Duration) { s.next = min(s.next, after) }

// room reports as a degraded state that the disk is nearly full: what is in
// the drop folders stays there until there is room again.
func (d *drop) room() error {
	if d.in.cfg.MinFree < 0 || d.in.cfg.Hold == "" {
		return nil
	}
	free, err := d.in.free(d.in.cfg.Hold)
	if err != nil {
		return degraded("the data folder cannot be used: " + explain(err))
	}
	if free < d.in.cfg.MinFree {
		return degraded(fmt.Sprintf("disk nearly full: %d MiB free, %d MiB needed; files stay in the drop folder until there is room", free>>20, d.in.cfg.MinFree>>20))
	}
	return nil
}

// takeReady takes the files that are ready, by name.
func (d *drop) takeReady(ctx context.Context, root *os.File, s *survey) error {
	for i, c := range s.ready {
		if i == claimsALook {
			s.again(0)
		}
		if i >= claimsALook || ctx.Err() != nil {
			s.wait(c.rel, c.sighting, "its turn comes", false)
			continue
		}
		why, err := d.take(ctx, root, c)
		now := time.Now()
		switch {
		case err != nil:
			for _, rest := range s.ready[i:] {
				s.wait(rest.rel, rest.sighting, "its turn comes", false)
			}
			return err
		case c.sighting.taken:
			s.taken++
		case why != "":
			s.wait(c.rel, c.sighting, why, now.Sub(c.sighting.first) > stuckAfter)
			s.again(max(c.sighting.next.Sub(now), 0))
		default:
			s.files--
			delete(d.seen, c.rel)
		}
	}
	return nil
}

// begin and publish bracket a look.
func (d *drop) begin() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.busy = time.Now()
}

func (d *drop) publish(s *survey, err error) {
	now := time.Now()
	d.mu.Lock()
	defer d.mu.Unlock()
	st := &d.state
	ok, reason := err == nil, s.remark
	if err != nil {
		reason = err.Error()
	}
	if st.Since.IsZero() || st.OK != ok || !ok && st.Reason != reason {
		st.Since = now
		d.report(ok, reason)
	}
	st.OK, st.Reason, st.LastScan, st.Network, st.Copies = ok, reason, now, d.network, d.copies
	st.FileSystem, st.Watch = cmp.Or(s.fileSystem, st.FileSystem), d.notify.how(d.network)
	st.Overflows, st.Lost, st.Unreceived = int(d.notify.overflows.Load()), d.lost, len(d.pending)
	if s.present != nil {
		st.Files, st.Taken = s.files, s.taken
		st.show(s.waiting)
	}
	d.busy = time.Time{}
}

func (d *drop) report(ok bool, reason string) {
	if ok {
		d.log.Info("drop folder is looked after")
	} else {
		d.log.Warn("drop folder is not taken from", "reason", reason)
	}
}

// show keeps the oldest of the waiting files.
func (st *FolderState) show(waiting []Waiting) {
	slices.SortStableFunc(waiting, func(a, b Waiting) int { return a.Since.Compare(b.Since) })
	st.WaitingTotal, st.Oldest = len(waiting), time.Time{}
	if len(waiting) > 0 {
		st.Oldest = waiting[0].Since
	}
	st.Waiting = slices.Clone(waiting[:min(len(waiting), shownFiles)])
}

// inspect is a look that takes nothing and leaves nothing behind.
func (d *drop) inspect(ctx context.Context) FolderState {
	d.notify = newNotifier(nil)
	s := survey{}
	err := func() error {
		root, err := openFolder(d.Path)
		if err != nil {
			return degraded(whyNoFolder(err))
		}
		defer root.Close()
		s.fileSystem, d.network = fileSystem(root)
		if _, err := d.mounted(); err != nil {
			return err
		}
		d.copies = d.Copy || unix.Access(d.Path, unix.W_OK) != nil
		if err := d.survey(ctx, root, &s); err != nil {
			return err
		}
		return d.room()
	}()
	for _, c := range s.ready {
		s.wait(c.rel, c.sighting, "ready", false)
	}
	d.publish(&s, err)
	return d.state
}

// walker goes through a folder and those below it by handles, each opened
// beneath the last, so that no link and no renaming leads it astray.
type walker struct {
	folder func(rel string, e entry) (enter bool)
	file   func(rel string, e entry)
	odd    func(rel, why string, e entry)
}

func (w walker) walk(ctx context.Context, dir *os.File, rel string, depth int) error {
	for ctx.Err() == nil {
		names, err := dir.Readdirnames(1024)
		slices.Sort(names)
		for _, name := range names {
			w.name(ctx, dir, path.Join(rel, name), name, depth)
		}
		if len(names) == 0 || err != nil {
			if errors.Is(err, io.EOF) {
				err = nil
			}
			return err
		}
	}
	return ctx.Err()
}

func (w walker) name(ctx context.Context, dir *os.File, rel, name string, depth int) {
	e, err := statAt(dir, name)
	switch {
	case err == unix.ENOENT: // gone meanwhile
	case err != nil:
		w.odd(rel, "it cannot be looked at: "+explain(err), e)
	case e.regular():
		w.file(rel, e)
	case !e.folder():
		w.odd(rel, e.kind(), e)
	case depth >= maxDepth:
		w.odd(rel, "too many folders in each other", e)
	case w.folder(rel, e):
		w.enter(ctx, dir, rel, name, depth, e)
	}
}

func (w walker) enter(ctx context.Context, dir *os.File, rel, name string, depth int, e entry) {
	sub, err := openSub(dir, name)
	if err == nil {
		err = w.walk(ctx, sub, rel, depth+1)
		sub.Close()
	}
	if err != nil && err != unix.ENOENT && ctx.Err() == nil {
		w.odd(rel, "the folder cannot be read: "+explain(err), e)
	}
}

// notifier asks the kernel to report changes. It keeps no names and no count
// of them: every report is the same single flag.
type notifier struct {
	d         *drop // nil: never watches
	watcher   *fsnotify.Watcher
	armed     map[string]stamp
	limited   bool // the kernel refused further watches
	overflows atomic.Int64
	wait      sync.WaitGroup
}

func newNotifier(d *drop) *notifier { return &notifier{d: d, armed: map[string]stamp{}} }

// watch has changes in a subfolder reported, once.
func (n *notifier) watch(rel string, e entry) {
	id := stamp{dev: e.dev, ino: e.ino}
	if n.d == nil || !n.d.in.events || n.d.network || n.limited || n.armed[rel] == id {
		return
	}
	if n.watcher == nil && !n.start() {
		return
	}
	name := path.Join(n.d.Path, rel)
	if _, was := n.armed[rel]; was {
		n.watcher.Remove(name)
	}
	switch err := n.watcher.Add(name); {
	case err == nil:
		n.armed[rel] = id
	case errors.Is(err, unix.ENOSPC), errors.Is(err, unix.EMFILE):
		n.refused(err)
	}
}

func (n *notifier) start() bool {
	w, err := fsnotify.NewWatcher()
	if err != nil {
		n.refused(err)
		return false
	}
	n.watcher = w
	n.wait.Go(func() { n.listen(w) })
	return true
}

func (n *notifier) refused(err error) {
	n.limited = true
	n.d.log.Warn("the kernel refuses to watch more folders; polling", "reason", plainError(err), "hint", "raise fs.inotify.max_user_watches and max_user_instances")
}

// listen turns reports into the flag. Names going away need no look, except
// the folder's own.
func (n *notifier) listen(w *fsnotify.Watcher) {
	for {
		select {
		case e, ok := <-w.Events:
			if !ok {
				return
			}
			if e.Has(fsnotify.Create) || e.Has(fsnotify.Write) || e.Has(fsnotify.Chmod) || e.Name == n.d.Path {
				n.d.wake()
			}
		case err, ok := <-w.Errors:
			if !ok {
				return
			}
			if errors.Is(err, fsnotify.ErrEventOverflow) {
				n.overflows.Add(1)
			}
			n.d.wake()
		}
	}
}

// reset stops watching; the next look arms everything anew.
func (n *notifier) reset() {
	n.close()
	n.watcher, n.limited = nil, false
	clear(n.armed)
}

func (n *notifier) close() {
	if n.watcher != nil {
		n.watcher.Close()
		n.wait.Wait()
	}
}

func (n *notifier) how(network bool) string {
	switch {
	case network:
		return "polling only: network share"
	case n.d == nil || !n.d.in.events:
		return "polling"
	case n.limited:
		return "polling: the kernel refuses to watch more folders"
	}
	return "events and polling"
}
