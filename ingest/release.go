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
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"chartroom/catalog"
)

// place splits where a claimed file lies into a folder that the configuration
// names, or the person at the command line, and the rest, which is opened
// beneath it.
func (in *Intake) place(claim catalog.Claim) (root, rel string) {
	held := claim.Held.Reveal()
	if claim.Folder == CommandLine {
		return filepath.Split(held)
	}
	if rel, ok := strings.CutPrefix(held, filepath.Clean(in.cfg.Hold)+"/"); ok && claim.Mode == catalog.Copy {
		return in.cfg.Hold, rel
	}
	if d := in.folder(claim.Folder); d != nil {
		if rel, ok := strings.CutPrefix(held, d.Path+"/"); ok {
			return d.Path, rel
		}
	}
	if i := strings.LastIndex(held, "/"+claimedDir+"/"); i >= 0 {
		return held[:i], held[i+1:]
	}
	return filepath.Split(held)
}

func (in *Intake) folder(name string) *drop {
	for _, d := range in.folders {
		if d.Name == name {
			return d
		}
	}
	return nil
}

// openHeld opens the file of a claim. ErrGone means that the folder it lay in
// is there and the file is not; a folder that is not there, or not the one it
// was, is away (ESTALE) and may come back.
func (in *Intake) openHeld(claim catalog.Claim) (*os.File, entry, error) {
	rootName, rel := in.place(claim)
	root, err := openFolder(rootName)
	if err == nil {
		defer root.Close()
		var f *os.File
		var e entry
		if f, e, err = openRegular(root, rel); err == nil {
			return f, e, nil
		}
	}
	if claim.Mode == catalog.Move && claim.Folder != CommandLine && in.isAway(claim, root) {
		return nil, entry{}, fmt.Errorf("open claimed file: its drop folder is away: %w", unix.ESTALE)
	}
	if err == unix.ENOENT || err == unix.ENOTDIR {
		return nil, entry{}, ErrGone
	}
	return nil, entry{}, fmt.Errorf("open claimed file: %w", err)
}

// isAway reports whether the folder of a moved file is not there now: it cannot
// be opened, is bare, or nothing is mounted where something was.
func (in *Intake) isAway(claim catalog.Claim, root *os.File) bool {
	if root == nil {
		return true
	}
	if _, err := statAt(root, claimedDir); err != nil {
		return true
	}
	d := in.folder(claim.Folder)
	if d == nil {
		return false
	}
	_, err := d.mounted()
	return err != nil
}

// sameAs reports whether an entry is the file that was claimed, by what a
// rename does not change. The catalog keeps times to the microsecond.
func sameAs(c catalog.Claim, e entry) bool {
	return e.size == c.Size && e.mtime/1000 == c.Mtime.UnixNano()/1000 && (c.Mode == catalog.Keep || e.ino == c.Ino)
}

// unchanged reports whether an entry is the file that was received.
func unchanged(c catalog.Claim, e entry) bool {
	if c.Mode == catalog.Copy {
		return c.Receipt == nil || e.size == c.Receipt.Size
	}
	return sameAs(c, e)
}

// OpenClaim opens the held file of a received claim. It gives ErrGone where the
// file is not there, ErrChanged where it is not as it was received, and an
// error that wraps ESTALE while its drop folder is away. The bytes must still
// be compared with the receipt's digest.
func (in *Intake) OpenClaim(claim catalog.Claim) (*os.File, error) {
	f, e, err := in.openHeld(claim)
	if err != nil {
		return nil, err
	}
	if !unchanged(claim, e) {
		f.Close()
		return nil, ErrChanged
	}
	return f, nil
}

// Release lets a claim's file go, its scan being stored: a moved file is
// removed, a copy in the hold too, a kept file is left alone. It may be
// repeated. A moved file that is not as it was received is not removed but
// becomes a new arrival. The ledger's Release comes after.
func (in *Intake) Release(_ context.Context, claim catalog.Claim) error {
	if claim.Mode != catalog.Move && claim.Mode != catalog.Copy {
		return nil
	}
	return in.letGo(claim, removeFile)
}

// Reject moves a claim's file aside, its scan being unreadable: to
// rejected/<drop folder>/<its place there>, numbered where that name is taken,
// with <name>.reason.txt beside it. A kept file is left alone. It may be
// repeated; what was changed after its receipt becomes a new arrival instead.
func (in *Intake) Reject(ctx context.Context, claim catalog.Claim, reason string) error {
	if claim.Mode != catalog.Move && claim.Mode != catalog.Copy {
		return nil
	}
	return in.letGo(claim, func(from *os.File, name string) error {
		return in.moveToRejected(ctx, claim, reason, from, name)
	})
}

// letGo does away with a held file, unless it was changed, and with the empty
// folders that held it.
func (in *Intake) letGo(claim catalog.Claim, away func(from *os.File, name string) error) error {
	f, e, err := in.openHeld(claim)
	switch {
	case errors.Is(err, ErrGone):
		return in.tidy(claim)
	case err != nil:
		return err
	}
	defer f.Close()
	if !unchanged(claim, e) || claim.Mode == catalog.Move && writerHolds(f) {
		return in.leave(claim)
	}
	rootName, rel := in.place(claim)
	dir, err := openDir(rootName, path.Dir(rel))
	if err != nil {
		return fmt.Errorf("let claimed file go: %w", err)
	}
	defer dir.Close()
	if err := away(dir, path.Base(rel)); err != nil {
		return in.stays(claim, err)
	}
	if err := syncFolder(dir); err != nil {
		return fmt.Errorf("let claimed file go: %w", plainError(err))
	}
	return in.tidy(claim)
}

// stays is the error of a held file that cannot be removed. Where we may not,
// it says so as a read-only disk does, which is tried again for ever: the scan
// is stored and nothing is wrong with it. A file that a person gave from a
// folder of their own just stays there.
func (in *Intake) stays(claim catalog.Claim, err error) error {
	refused := errors.Is(err, unix.EACCES) || errors.Is(err, unix.EPERM) || errors.Is(err, unix.EROFS)
	switch {
	case refused && claim.Folder == CommandLine:
		in.log.Warn("a file that was taken cannot be removed; it stays where it is", "claim", claim.ID, "reason", explain(err))
		return nil
	case refused:
		return fmt.Errorf("let claimed file go: %w: %w", unix.EROFS, plainError(err))
	}
	return fmt.Errorf("let claimed file go: %w", plainError(err))
}

func openDir(root, rel string) (*os.File, error) {
	r, err := openFolder(root)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	return openSub(r, rel)
}

// tidy removes the empty folders that held a claimed file.
func (in *Intake) tidy(claim catalog.Claim) error {
	if claim.Folder == CommandLine {
		return nil
	}
	rootName, rel := in.place(claim)
	root, err := openFolder(rootName)
	if err != nil {
		return nil // away; what is left there is empty
	}
	defer root.Close()
	prune(root, path.Dir(rel))
	return nil
}

// leave keeps a held file that was changed after its receipt: what came later
// is paper too. When the ledger has released its claim, the file is one in
// .claimed without a claim, and the look at its folder adopts it.
func (in *Intake) leave(claim catalog.Claim) error {
	in.log.Warn("a file was changed after it was received; it stays and counts as a new one", "claim", claim.ID)
	if d := in.folder(claim.Folder); d != nil {
		d.mu.Lock()
		d.left[claim.Held.Reveal()] = true
		d.mu.Unlock()
		d.recover.Store(true)
		d.wake()
	}
	return nil
}

const reasonSuffix = ".reason.txt"

// moveToRejected moves name of the folder from into the rejected folder. The
// reason is written first and reserves the name: after a crash it is found by
// the claim's id in it, and the move goes on.
func (in *Intake) moveToRejected(ctx context.Context, claim catalog.Claim, reason string, from *os.File, name string) error {
	if in.cfg.Rejected == "" {
		return errors.New("no folder for rejected files is configured")
	}
	if err := os.MkdirAll(in.cfg.Rejected, 0o700); err != nil {
		return err
	}
	root, err := openFolder(in.cfg.Rejected)
	if err != nil {
		return err
	}
	defer root.Close()
	dir, err := makeFolders(root, path.Join(claim.Folder, path.Dir(claim.Path.Reveal())))
	if err != nil {
		return err
	}
	defer dir.Close()
	for n := 1; ; n++ {
		base := path.Base(claim.Path.Reveal())
		target := numbered(base, n, "")
		switch ours, err := reserve(dir, target, numbered(base, n, reasonSuffix), claim, reason); {
		case err != nil:
			return err
		case ours:
			return in.moveOver(ctx, from, name, dir, target, "."+claim.ID+partial)
		}
	}
}

// reserve writes the reason as name, beside where target will be, and reports
// whether that place is this claim's.
func reserve(dir *os.File, target, name string, claim catalog.Claim, reason string) (bool, error) {
	mark := "claim " + claim.ID + "\n"
	if f, _, err := openRegular(dir, name); err == nil {
		defer f.Close()
		text, err := io.ReadAll(io.LimitReader(f, 64<<10))
		return strings.Contains(string(text), mark), plainError(err)
	}
	if _, err := statAt(dir, target); err != unix.ENOENT {
		return false, err
	}
	text := reason + "\n\n" + mark + "received " + receivedAt(claim) + "\n"
	err := writeNew(dir, name, text, "."+claim.ID+".reason")
	if err == unix.EEXIST {
		return false, nil
	}
	return err == nil, err
}

func receivedAt(c catalog.Claim) string {
	if c.Receipt == nil {
		return "at an unknown time"
	}
	return c.Receipt.Received.UTC().Format(time.RFC3339)
}

// writeNew writes a small file that appears whole or not at all, and replaces
// nothing.
func writeNew(dir *os.File, name, text, temp string) error {
	f, err := openBeneath(dir, temp, unix.O_WRONLY|unix.O_CREAT|unix.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = f.WriteString(text)
	err = cmp.Or(err, f.Sync(), f.Close())
	if err == nil {
		err = moveNew(dir, temp, dir, name)
	}
	if err != nil {
		removeFile(dir, temp)
		return err
	}
	return syncFolder(dir)
}

// moveOver renames a file, or copies it where the two folders lie in different
// file systems. target is reserved for it: if it exists it is this file, whole.
func (in *Intake) moveOver(ctx context.Context, from *os.File, name string, to *os.File, target, temp string) error {
	err := moveNew(from, name, to, target)
	if err == unix.EXDEV {
		err = in.copyOver(ctx, from, name, to, target, temp)
	}
	if err == unix.EEXIST {
		err = removeFile(from, name)
	}
	return cmp.Or(err, syncFolder(to))
}

// copyOver copies a file to another file system, durably, and removes it.
func (in *Intake) copyOver(ctx context.Context, from *os.File, name string, to *os.File, target, temp string) error {
	if _, err := statAt(to, target); err == nil {
		return unix.EEXIST
	}
	f, _, err := openRegular(from, name)
	if err != nil {
		return err
	}
	defer f.Close()
	removeFile(to, temp)
	out, err := openBeneath(to, temp, unix.O_RDWR|unix.O_CREAT|unix.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	defer out.Close()
	if err := in.fill(ctx, out, f, to); err != nil {
		return err
	}
	if err := moveNew(to, temp, to, target); err != nil {
		return err
	}
	if err := syncFolder(to); err != nil {
		return err
	}
	return removeFile(from, name)
}
