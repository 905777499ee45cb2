package ingest

import (
	"cmp"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"chartroom/catalog"
	"chartroom/record"
)

// unreceived is a claim whose file we hold and that is not in the catalog yet.
type unreceived struct {
	claim catalog.Claim
	tries int
	next  time.Time
}

var (
	// errMoving says that a file did not stand still while it was read.
	errMoving = errors.New("the file changed while it was read")
	// errReplaced says that another file came in a file's place just then.
	errReplaced = errors.New("another file came in its place")
)

// take tries one file that has stood still. It is opened once, and all gates
// look at that one handle. An empty why means that it is claimed, an error
// that nothing can be claimed now.
func (d *drop) take(ctx context.Context, root *os.File, c candidate) (why string, err error) {
	d.begin()
	f, e, err := openRegular(root, c.rel)
	if err != nil {
		return d.refused(c, err)
	}
	defer f.Close()
	claim := d.newClaim(c.rel, e)
	if d.copies {
		if c.sighting.taken, err = d.takenBefore(ctx, claim); err != nil || c.sighting.taken {
			return "", err
		}
	}
	if why := d.gates(f, e, c); why != "" {
		return why, nil
	}
	if d.copies {
		return d.takeCopy(ctx, claim, f, c)
	}
	return d.takeMove(ctx, root, claim, f, c)
}

// gates are what an opened file must pass: it is the one that stood still, no
// program of this machine has it open for writing, and its end is there.
func (d *drop) gates(f *os.File, e entry, c candidate) string {
	switch {
	case e.stamp != c.sighting.stamp || e.links > 1:
		return "changed just now"
	case !d.network && writerHolds(f):
		c.sighting.why, c.sighting.next = "another program still has it open for writing", time.Now().Add(d.Settle)
		return c.sighting.why
	case len(c.rel) > maxPath:
		c.sighting.why, c.sighting.next = "its path is too long", time.Now().Add(slowestRetry)
		return c.sighting.why
	case !d.in.complete(f, e.size) && time.Since(c.sighting.since) < endlessSettles*d.Settle:
		c.sighting.endless = true
		return "its end is missing: still being written, or cut off"
	}
	return ""
}

// maxPath leaves room for .claimed/<id>/ in what the kernel takes as a path.
const maxPath = 4000

// refused postpones a file that the file system does not give, or reports that
// it gives none.
func (d *drop) refused(c candidate, err error) (string, error) {
	switch {
	case errors.Is(err, unix.ENOSPC), errors.Is(err, unix.EDQUOT):
		return "", degraded("the disk is full; files stay in the drop folder until there is room")
	case errors.Is(err, unix.ENOENT):
		return "gone just now", nil
	}
	if c.sighting.tries == 0 {
		d.log.Warn("a file cannot be taken; it will be tried again", "reason", explain(err))
	}
	d.postpone(c.sighting, explain(err), time.Now())
	return c.sighting.why, nil
}

// away is an error of the ledger as a state of the folder: nothing is claimed
// that cannot be entered.
func (d *drop) away(err error) error {
	if err == nil || errors.Is(err, context.Canceled) {
		return err
	}
	d.log.Error("the catalog refuses a claim", "error", err)
	return degraded("the catalog does not answer; files stay in the drop folder")
}

// newClaim is the claim of a file of the folder, with the stamp it has now.
func (d *drop) newClaim(rel string, e entry) catalog.Claim {
	c := catalog.Claim{ID: newID(time.Now()), Folder: d.Name, Path: record.Hide(rel), Mode: catalog.Move}
	held := path.Join(d.Path, heldBelow(c.ID, rel))
	if d.copies {
		c.Mode, held = catalog.Copy, filepath.Join(d.in.cfg.Hold, d.Name, c.ID, rel)
	}
	c.Held = record.Hide(held)
	setStamp(&c, e.stamp)
	return c
}

// heldBelow is where a claimed file lies, relative to its drop folder.
func heldBelow(id, rel string) string { return path.Join(claimedDir, id, rel) }

func setStamp(c *catalog.Claim, s stamp) {
	c.Dev, c.Ino, c.Size = s.dev, s.ino, s.size
	c.Mtime, c.Ctime = time.Unix(0, s.mtime).UTC(), time.Unix(0, s.ctime).UTC()
}

// takeMove claims by renaming: the row first, then the rename, made durable,
// then the receipt. Where renaming is not allowed the file is taken by copy.
func (d *drop) takeMove(ctx context.Context, root *os.File, claim catalog.Claim, f *os.File, c candidate) (string, error) {
	if err := d.in.ledger.BeginClaim(ctx, claim); err != nil {
		return "", d.away(err)
	}
	held := heldBelow(claim.ID, c.rel)
	moved, err := moveAside(root, c.rel, held)
	if !moved {
		prune(root, path.Dir(held))
		if e := d.in.ledger.DropClaim(ctx, claim.ID); e != nil {
			return "", d.away(e)
		}
		if errors.Is(err, unix.EXDEV) || errors.Is(err, unix.EACCES) || errors.Is(err, unix.EPERM) || errors.Is(err, unix.EROFS) {
			return d.copyInstead(ctx, f, c)
		}
		return d.refused(c, err)
	}
	d.count(1, 0)
	if err == nil {
		err = sameFile(root, held, f)
	}
	if err == nil {
		err = d.receive(ctx, claim, f)
	}
	return "", d.settleClaim(ctx, claim, err)
}

// copyInstead takes by copy a file that alone cannot be renamed, such as one in
// a folder of another user, or in a file system mounted below the folder.
func (d *drop) copyInstead(ctx context.Context, f *os.File, c candidate) (string, error) {
	e, err := statFile(f)
	if err != nil {
		return d.refused(c, err)
	}
	claim := d.newClaim(c.rel, e)
	claim.Mode, claim.Held = catalog.Copy, record.Hide(filepath.Join(d.in.cfg.Hold, d.Name, claim.ID, c.rel))
	if c.sighting.taken, err = d.takenBefore(ctx, claim); err != nil || c.sighting.taken {
		return "", err
	}
	return d.takeCopy(ctx, claim, f, c)
}

// takenBefore reports whether a file that stays where it is was copied before,
// as it is now.
func (d *drop) takenBefore(ctx context.Context, claim catalog.Claim) (bool, error) {
	for _, p := range d.pending {
		if p.claim.Mode == catalog.Copy && p.claim.Path.Equal(claim.Path) {
			return true, nil
		}
	}
	taken, err := d.in.ledger.Taken(ctx, claim)
	return taken, d.away(err)
}

// settleClaim decides what becomes of a claim after an attempt to receive it:
// done, tried again, or, where its file does not stand still, given up as a
// claim so that the file settles where it lies and is adopted.
func (d *drop) settleClaim(ctx context.Context, claim catalog.Claim, err error) error {
	switch {
	case err == nil:
		delete(d.pending, claim.ID)
		return nil
	case errors.Is(err, errMoving), errors.Is(err, errReplaced), errors.Is(err, ErrGone):
		delete(d.pending, claim.ID)
		d.recover.Store(true)
		if claim.Mode == catalog.Move && !errors.Is(err, ErrGone) {
			return d.away(d.in.ledger.DropClaim(ctx, claim.ID))
		}
		return nil
	}
	p := d.pending[claim.ID]
	if p == nil {
		p = &unreceived{claim: claim}
		d.pending[claim.ID] = p
	}
	p.next = time.Now().Add(min(max(d.Settle, time.Second)<<min(p.tries, 16), slowestRetry))
	p.tries++
	if _, ok := errors.AsType[degraded](err); ok || errors.Is(err, context.Canceled) {
		return err
	}
	if p.tries == 1 {
		d.log.Warn("a claimed file cannot be received; it will be tried again", "claim", claim.ID, "reason", explain(err))
	}
	return nil
}

// receive enters a held file in the ledger: hashed from the one handle, stamp
// before equal to stamp after, and durable before the receipt is.
func (d *drop) receive(ctx context.Context, claim catalog.Claim, f *os.File) error {
	if claim.Mode == catalog.Move && !d.network && writerHolds(f) {
		return errMoving
	}
	digest, e, err := hashStill(ctx, f)
	if err != nil {
		return err
	}
	if err := d.in.sync(f); err != nil {
		return fmt.Errorf("make durable: %w", plainError(err))
	}
	if claim.Mode == catalog.Move {
		setStamp(&claim, e.stamp)
	}
	lane := catalog.Urgent
	if d.Backlog {
		lane = catalog.Backlog
	}
	if _, err := d.in.ledger.Receive(ctx, claim, d.receipt(claim, digest, e.size), lane); err != nil {
		return d.away(err)
	}
	d.count(0, 1)
	d.log.Info("received", "claim", claim.ID, "bytes", e.size)
	return nil
}

// receipt says what arrived, from where, and what the names of its folders
// give. The batch is what the pattern names, otherwise the top subfolder,
// unless the pattern reads that for something else; none for files outside
// subfolders.
func (d *drop) receipt(claim catalog.Claim, digest record.Digest, size int64) record.Receipt {
	rel := claim.Path.Reveal()
	gift := d.pattern.Given(path.Dir(rel))
	if gift.Batch == "" && !d.pattern.readsTop() {
		gift.Batch = topFolder(rel)
	}
	return record.Receipt{ID: claim.ID, Scan: digest, Size: size, Name: record.Hide(path.Base(rel)), Path: claim.Path, From: d.Name,
		Facility: cmp.Or(gift.Facility, d.Facility), Batch: gift.Batch, Place: gift.Box, Given: gift.Given, Received: time.Now().UTC()}
}

func topFolder(rel string) string {
	top, _, below := strings.Cut(rel, "/")
	if !below {
		return ""
	}
	return shown(top)
}

func (d *drop) count(claimed, received int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.state.Claimed += claimed
	d.state.Received += received
}

// hashStill reads a file from its handle, whole, and makes sure that it stood
// still meanwhile.
func hashStill(ctx context.Context, f *os.File) (record.Digest, entry, error) {
	return copyStill(ctx, io.Discard, f)
}

// copyStill is hashStill that also writes what it reads.
func copyStill(ctx context.Context, to io.Writer, f *os.File) (record.Digest, entry, error) {
	before, err := statFile(f)
	if err != nil {
		return record.Digest{}, entry{}, err
	}
	h := sha256.New()
	in := reader{ctx, io.NewSectionReader(f, 0, before.size)}
	n, err := io.CopyBuffer(onlyWriter{io.MultiWriter(h, to)}, in, make([]byte, 256<<10))
	if err != nil {
		return record.Digest{}, entry{}, fmt.Errorf("read: %w", plainError(err))
	}
	after, err := statFile(f)
	if err == nil && (n != before.size || before.stamp != after.stamp) {
		err = errMoving
	}
	return record.Digest(h.Sum(nil)), after, err
}

// reader ends when its context does; onlyWriter keeps io.Copy to its buffer.
type (
	reader struct {
		ctx context.Context
		io.Reader
	}
	onlyWriter struct{ io.Writer }
)

func (r reader) Read(b []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	return r.Reader.Read(b)
}

// moveAside renames rel to held, both below root, and makes it durable: the
// new name first. moved says whether the file lies at held.
func moveAside(root *os.File, rel, held string) (moved bool, err error) {
	to, err := makeFolders(root, path.Dir(held))
	if err != nil {
		return false, err
	}
	defer to.Close()
	from, err := openSub(root, path.Dir(rel))
	if err != nil {
		return false, err
	}
	defer from.Close()
	if err := moveNew(from, path.Base(rel), to, path.Base(held)); err != nil {
		return false, err
	}
	return true, plainError(cmp.Or(syncFolder(to), syncFolder(from)))
}

// sameFile makes sure that what was renamed is what had been opened.
func sameFile(root *os.File, held string, f *os.File) error {
	opened, err := statFile(f)
	if err != nil {
		return err
	}
	g, e, err := openRegular(root, held)
	if err != nil {
		return errReplaced
	}
	g.Close()
	if e.ino != opened.ino || e.dev != opened.dev {
		return errReplaced
	}
	return nil
}

// prune removes dir and the folders above it as far as they are empty, down to
// but without the first: .claimed, or a folder's part of the hold.
func prune(root *os.File, dir string) {
	for strings.Contains(dir, "/") {
		parent, err := openSub(root, path.Dir(dir))
		if err == nil {
			err = removeFolder(parent, path.Base(dir))
			parent.Close()
		}
		if err != nil && err != unix.ENOENT {
			return
		}
		dir = path.Dir(dir)
	}
}

// takeCopy claims by copying into the hold; the source stays, and the ledger
// remembers it as it was.
func (d *drop) takeCopy(ctx context.Context, claim catalog.Claim, f *os.File, c candidate) (string, error) {
	if err := d.in.ledger.BeginClaim(ctx, claim); err != nil {
		return "", d.away(err)
	}
	copied, err := d.holdCopy(ctx, claim, f)
	if err != nil {
		if e := d.discard(claim.ID); e != nil {
			d.log.Warn("an unfinished copy stays in the hold", "claim", claim.ID, "reason", explain(e))
		}
		if e := d.in.ledger.DropClaim(context.WithoutCancel(ctx), claim.ID); e != nil {
			return "", d.away(e)
		}
		if ctx.Err() != nil {
			return "", ctx.Err()
		}
		return d.refused(c, err)
	}
	defer copied.Close()
	d.count(1, 0)
	c.sighting.taken = true
	return "", d.settleClaim(ctx, claim, d.receive(ctx, claim, copied))
}

// partial is what the folder of a copy is called until the copy is whole.
const partial = ".part"

// holdCopy copies a file into the hold and compares what lies there with what
// was read. Until it is whole and durable its folder is called <id>.part.
func (d *drop) holdCopy(ctx context.Context, claim catalog.Claim, f *os.File) (*os.File, error) {
	shelf, err := d.shelf()
	if err != nil {
		return nil, err
	}
	defer shelf.Close()
	rel := claim.Path.Reveal()
	dir, err := makeFolders(shelf, path.Join(claim.ID+partial, path.Dir(rel)))
	if err != nil {
		return nil, err
	}
	defer dir.Close()
	out, err := openBeneath(dir, path.Base(rel), unix.O_RDWR|unix.O_CREAT|unix.O_EXCL, 0o600)
	if err != nil {
		return nil, err
	}
	err = d.in.fill(ctx, out, f, dir)
	if err == nil {
		err = moveNew(shelf, claim.ID+partial, shelf, claim.ID)
	}
	if err == nil {
		err = plainError(syncFolder(shelf))
	}
	if err != nil {
		out.Close()
		return nil, err
	}
	return out, nil
}

// fill copies f into out, reads out back, and makes it durable in dir.
func (in *Intake) fill(ctx context.Context, out, f, dir *os.File) error {
	want, e, err := copyStill(ctx, out, f)
	if err != nil {
		return err
	}
	if err := in.sync(out); err != nil {
		return plainError(err)
	}
	have, got, err := hashStill(ctx, out)
	if err != nil {
		return err
	}
	if have != want || got.size != e.size {
		return fmt.Errorf("the copy is not what was copied: %w", unix.EIO)
	}
	return plainError(syncFolder(dir))
}

// shelf opens this folder's part of the hold.
func (d *drop) shelf() (*os.File, error) {
	if d.in.cfg.Hold == "" {
		return nil, errors.New("no folder for copies is configured")
	}
	if err := os.MkdirAll(d.in.cfg.Hold, 0o700); err != nil {
		return nil, plainError(err)
	}
	hold, err := openFolder(d.in.cfg.Hold)
	if err != nil {
		return nil, err
	}
	defer hold.Close()
	return makeFolders(hold, d.Name)
}

// discard removes our own copy of a claim, whole or unfinished, from the hold.
func (d *drop) discard(id string) error {
	shelf, err := d.shelf()
	if err != nil {
		return err
	}
	defer shelf.Close()
	return plainError(cmp.Or(removeTree(shelf, id+partial), removeTree(shelf, id), syncFolder(shelf)))
}

// removeTree removes a folder below dir with all in it, without leaving dir.
func removeTree(dir *os.File, name string) error {
	r, err := os.OpenRoot(fmt.Sprintf("/proc/self/fd/%d", dir.Fd()))
	if err != nil {
		return plainError(err)
	}
	defer r.Close()
	return plainError(r.RemoveAll(name))
}

// finishPending tries again to receive what is claimed and not received.
func (d *drop) finishPending(ctx context.Context, s *survey) error {
	ids := make([]string, 0, len(d.pending))
	for id := range d.pending {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	for _, id := range ids {
		p, now := d.pending[id], time.Now()
		if now.Before(p.next) {
			s.again(p.next.Sub(now))
			continue
		}
		d.begin()
		if err := d.settleClaim(ctx, p.claim, d.receiveHeld(ctx, p.claim)); err != nil {
			return err
		}
	}
	return ctx.Err()
}

func (d *drop) receiveHeld(ctx context.Context, claim catalog.Claim) error {
	f, _, err := d.in.openHeld(claim)
	if err != nil {
		return err
	}
	defer f.Close()
	return d.receive(ctx, claim, f)
}
