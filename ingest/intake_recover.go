package ingest

import (
	"context"
	"errors"
	"os"
	"path"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"chartroom/catalog"
	"chartroom/record"
)

// recoverClaims compares what the ledger says with what lies in the folder,
// at the start, when the folder comes back, and whenever a claimed file turns
// out to be another than was claimed. Claims with their file go on, claims
// that never moved a file are dropped, and files without a claim are adopted
// as new ones, once they stand still.
func (d *drop) recoverClaims(ctx context.Context, root *os.File, s *survey) error {
	claims, err := d.in.ledger.Claims(ctx)
	if err != nil {
		return d.away(err)
	}
	d.lost = 0
	held := map[string]bool{}
	for _, c := range claims {
		if c.Folder != d.Name {
			continue
		}
		held[c.Held.Reveal()] = true
		if c.Receipt == nil {
			if err := d.recoverClaim(ctx, root, c); err != nil {
				return err
			}
		}
	}
	if d.lost > 0 {
		s.remark = "claims whose file is nowhere to be found: " + strconv.Itoa(d.lost)
	}
	if err := d.adoptCopies(ctx, root, held); err != nil {
		return err
	}
	d.expectLeft(root, held, s)
	return d.adoptMoved(ctx, root, held, s)
}

// expectLeft keeps an eye on files that were left behind by their release,
// until the ledger has released their claim too.
func (d *drop) expectLeft(root *os.File, held map[string]bool, s *survey) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for file := range d.left {
		_, err := lookAt(root, strings.TrimPrefix(file, d.Path+"/"))
		if err != nil || !held[file] {
			delete(d.left, file)
			continue
		}
		d.recover.Store(true)
		s.again(d.Settle)
	}
}

// recoverClaim decides about a claim that was begun and not received.
func (d *drop) recoverClaim(ctx context.Context, root *os.File, c catalog.Claim) error {
	f, e, err := d.in.openHeld(c)
	if err == nil {
		f.Close()
		if c.Mode == catalog.Move && !sameAs(c, e) {
			return d.away(d.in.ledger.DropClaim(ctx, c.ID)) // another file; adopted when it has settled
		}
		if d.pending[c.ID] == nil {
			d.pending[c.ID] = &unreceived{claim: c}
		}
		return nil
	}
	if !errors.Is(err, ErrGone) {
		return degraded("a claimed file cannot be looked at: " + explain(err))
	}
	source, err := lookAt(root, c.Path.Reveal())
	inPlace := err == nil && source.regular()
	switch {
	case c.Mode == catalog.Copy:
		return d.recoverCopy(ctx, c, inPlace)
	case inPlace:
		prune(root, path.Join(claimedDir, c.ID, path.Dir(c.Path.Reveal())))
		return d.away(d.in.ledger.DropClaim(ctx, c.ID))
	}
	d.lost++
	d.log.Error("the file of a claim is neither claimed nor in its folder", "claim", c.ID)
	return nil
}

// recoverCopy decides about a copy that was not finished: while its source is
// there it is begun anew; otherwise what we have of it is kept.
func (d *drop) recoverCopy(ctx context.Context, c catalog.Claim, inPlace bool) error {
	if !inPlace {
		if kept, err := d.keepPartial(c.ID); err != nil {
			return degraded("the hold cannot be used: " + explain(err))
		} else if kept {
			d.pending[c.ID] = &unreceived{claim: c}
			return nil
		}
	}
	if err := d.discard(c.ID); err != nil {
		return degraded("the hold cannot be used: " + explain(err))
	}
	return d.away(d.in.ledger.DropClaim(ctx, c.ID))
}

// keepPartial makes a whole of an unfinished copy, for there is nothing better.
func (d *drop) keepPartial(id string) (bool, error) {
	shelf, err := d.shelf()
	if err != nil {
		return false, err
	}
	defer shelf.Close()
	err = moveNew(shelf, id+partial, shelf, id)
	if err == unix.ENOENT {
		return false, nil
	}
	return err == nil, err
}

// lookAt is the entry of rel below root, no link followed.
func lookAt(root *os.File, rel string) (entry, error) {
	dir, err := openSub(root, path.Dir(rel))
	if err != nil {
		return entry{}, err
	}
	defer dir.Close()
	return statAt(dir, path.Base(rel))
}

// adoptMoved makes claims of what lies in .claimed without one: the catalog was
// lost, or a file was changed after its claim. Such a file settles like any
// other, so that what is just being put there is not taken for one.
func (d *drop) adoptMoved(ctx context.Context, root *os.File, held map[string]bool, s *survey) error {
	dir, err := openSub(root, claimedDir)
	if err == unix.ENOENT {
		return nil
	}
	if err != nil {
		return degraded("its folder " + claimedDir + " cannot be read: " + explain(err))
	}
	defer dir.Close()
	now, orphans := time.Now(), map[string]entry{}
	w := walker{
		folder: func(string, entry) bool { return true },
		file: func(rel string, e entry) {
			if !held[path.Join(d.Path, rel)] {
				orphans[rel] = e
			}
		},
		odd: func(rel, why string, e entry) { s.wait(rel, d.note(rel, e, s, now), why, true) },
	}
	if err := w.walk(ctx, dir, claimedDir, 0); err != nil {
		return degraded("its folder " + claimedDir + " cannot be read: " + explain(err))
	}
	return d.adoptOrphans(ctx, orphans, s, now)
}

func (d *drop) adoptOrphans(ctx context.Context, orphans map[string]entry, s *survey, now time.Time) error {
	for rel := range d.orphans {
		if _, ok := orphans[rel]; !ok {
			delete(d.orphans, rel)
		}
	}
	for rel, e := range orphans {
		known := d.orphans.sight(rel, e.stamp, now)
		if still := now.Sub(known.since); still < d.Settle || known.since.Equal(now) {
			s.wait(rel, known, "claimed before the catalog knew: must stand still a little longer", false)
			s.again(d.Settle - still)
			d.recover.Store(true)
			continue
		}
		claim := d.newClaim(afterClaim(rel), e)
		claim.Mode, claim.Held = catalog.Move, record.Hide(path.Join(d.Path, rel))
		if err := d.in.ledger.BeginClaim(ctx, claim); err != nil {
			return d.away(err)
		}
		d.log.Info("adopted a claimed file that had no claim", "claim", claim.ID)
		d.pending[claim.ID] = &unreceived{claim: claim}
		delete(d.orphans, rel)
	}
	return nil
}

// afterClaim is the place a claimed file had in its drop folder: what stands
// behind .claimed/<id>/.
func afterClaim(rel string) string {
	rel = strings.TrimPrefix(rel, claimedDir+"/")
	if _, below, ok := strings.Cut(rel, "/"); ok {
		return below
	}
	return rel
}

// adoptCopies makes claims of copies in the hold that have none. An unfinished
// one whose source is still there is removed; it will be made again.
func (d *drop) adoptCopies(ctx context.Context, root *os.File, held map[string]bool) error {
	names, err := os.ReadDir(filepath.Join(d.in.cfg.Hold, d.Name))
	if d.in.cfg.Hold == "" || errors.Is(err, unix.ENOENT) {
		return nil
	}
	if err != nil {
		return degraded("the hold cannot be read: " + explain(err))
	}
	for _, n := range names {
		if err := d.adoptCopy(ctx, root, n.Name(), held); err != nil {
			return err
		}
	}
	return nil
}

func (d *drop) adoptCopy(ctx context.Context, root *os.File, name string, held map[string]bool) error {
	shelf, err := d.shelf()
	if err != nil {
		return degraded("the hold cannot be read: " + explain(err))
	}
	defer shelf.Close()
	files, err := filesBelow(ctx, shelf, name)
	if err != nil {
		return degraded("the hold cannot be read: " + explain(err))
	}
	id, unfinished := strings.CutSuffix(name, partial)
	for _, rel := range files {
		source, err := lookAt(root, rel)
		inPlace := err == nil && source.regular()
		switch {
		case held[filepath.Join(d.in.cfg.Hold, d.Name, name, rel)]:
			continue
		case unfinished && inPlace:
			return d.away(d.discard(id))
		case unfinished:
			if _, err := d.keepPartial(id); err != nil {
				return degraded("the hold cannot be used: " + explain(err))
			}
		}
		claim := d.newClaim(rel, source)
		claim.Mode, claim.Held = catalog.Copy, record.Hide(filepath.Join(d.in.cfg.Hold, d.Name, id, rel))
		if err := d.in.ledger.BeginClaim(ctx, claim); err != nil {
			return d.away(err)
		}
		d.log.Info("adopted a copy that had no claim", "claim", claim.ID)
		d.pending[claim.ID] = &unreceived{claim: claim}
	}
	return nil
}

// filesBelow lists the regular files of a folder, relative to it.
func filesBelow(ctx context.Context, dir *os.File, name string) (files []string, err error) {
	sub, err := openSub(dir, name)
	if err != nil {
		return nil, nil // not a folder: none of ours
	}
	defer sub.Close()
	w := walker{
		folder: func(string, entry) bool { return true },
		file:   func(rel string, _ entry) { files = append(files, rel) },
		odd:    func(string, string, entry) {},
	}
	return files, w.walk(ctx, sub, "", 0)
}
