package dir

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"
	"syscall"

	"chartroom/objectstore"
)

// Put is objectstore.Store's.
func (s *Store) Put(ctx context.Context, key objectstore.Key, body objectstore.Body) error {
	if err := s.put(ctx, key, body); err != nil {
		return fmt.Errorf("put %q: %w", key, err)
	}
	return nil
}

func (s *Store) put(ctx context.Context, key objectstore.Key, body objectstore.Body) error {
	_, _, err := s.stat(ctx, key)
	if errors.Is(err, objectstore.ErrNotFound) {
		err = s.place(ctx, key, body)
	}
	if err != nil {
		return err
	}
	err = s.settle(ctx, key, body)
	if errors.Is(err, objectstore.ErrNotFound) {
		return fmt.Errorf("%w: it is a folder of other objects", objectstore.ErrInvalidKey)
	}
	return err
}

// place brings the body to its key, unless somebody else does so first.
func (s *Store) place(ctx context.Context, key objectstore.Key, body objectstore.Body) error {
	t, err := s.newTemp()
	if err != nil {
		return classify(err)
	}
	defer t.discard()
	if err := t.write(ctx, body); err != nil {
		return err
	}
	if err := s.note(key, body.Digest()); err != nil {
		return classify(err)
	}
	if err := s.makeWay(string(key)); err != nil {
		return classify(err)
	}
	if err := s.root.Link(t.name, string(key)); err != nil && !errors.Is(err, fs.ErrExist) {
		return classify(err)
	}
	return nil
}

// makeWay makes the folders on the way to name.
func (s *Store) makeWay(name string) error {
	err := s.root.MkdirAll(path.Dir(name), 0o700)
	if errors.Is(err, fs.ErrExist) || errors.Is(err, syscall.ENOTDIR) {
		return fmt.Errorf("%w: a folder of it is an object", objectstore.ErrInvalidKey)
	}
	return err
}

// settle makes sure that what lies at key is there to stay and is the body's,
// whoever put it there.
func (s *Store) settle(ctx context.Context, key objectstore.Key, body objectstore.Body) error {
	if err := s.syncWay(string(key)); err != nil {
		return classify(err)
	}
	r, info, err := s.open(ctx, key, true)
	if err != nil {
		return err
	}
	defer r.Close()
	if err := objectstore.Compare(r, body); err != nil {
		return err
	}
	if info.Digest != body.Digest() { // copied here by a stranger, or raced for
		return classify(s.note(key, body.Digest()))
	}
	return nil
}

// syncWay syncs every folder from the one that holds name up to the root. All
// of them, because whoever made them may not have come to that yet.
func (s *Store) syncWay(name string) error {
	for folder := path.Dir(name); ; folder = path.Dir(folder) {
		if err := s.sync(folder); err != nil {
			return err
		}
		if folder == "." {
			return nil
		}
	}
}

func (s *Store) sync(folder string) error {
	d, err := s.root.Open(folder)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// note writes into the key's checksum file that these bytes may lie there. The
// line is there to stay when note returns, whoever wrote it.
func (s *Store) note(key objectstore.Key, digest objectstore.Digest) error {
	name := path.Join(sums, string(key))
	if err := s.makeWay(name); err != nil {
		return err
	}
	f, err := s.root.OpenFile(name, os.O_RDWR|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	if err := errors.Join(appendLine(f, digest, key), f.Close()); err != nil {
		return err
	}
	return s.syncWay(name)
}

func appendLine(f *os.File, digest objectstore.Digest, key objectstore.Key) error {
	old, err := io.ReadAll(io.LimitReader(f, maxSums))
	if err != nil {
		return err
	}
	if !slices.Contains(parseSums(old, key), digest) {
		line := digest.String() + "  " + string(key) + "\n"
		if len(old) > 0 && !bytes.HasSuffix(old, []byte("\n")) {
			line = "\n" + line // the last writer died within its line
		}
		if _, err := f.WriteString(line); err != nil {
			return err
		}
	}
	return f.Sync()
}

// maxSums bounds what is read of a checksum file: far more than any race adds.
const maxSums = 1 << 20

// digests reads the digests that the object at key may have; none if nobody
// noted any.
func (s *Store) digests(key objectstore.Key) ([]objectstore.Digest, error) {
	f, err := s.root.Open(path.Join(sums, string(key)))
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) {
		return nil, nil
	}
	if err != nil {
		return nil, classify(err)
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxSums))
	if err != nil {
		return nil, classify(err)
	}
	return parseSums(b, key), nil
}

// parseSums reads lines of 64 hexadecimal digits, two spaces and the key. What
// is not such a line was never finished and counts for nothing.
func parseSums(b []byte, key objectstore.Key) []objectstore.Digest {
	var digests []objectstore.Digest
	for line := range strings.Lines(string(b)) {
		text, ok := strings.CutSuffix(line, "  "+string(key)+"\n")
		d, err := hex.DecodeString(text)
		if ok && err == nil && len(d) == sha256.Size && !slices.Contains(digests, objectstore.Digest(d)) {
			digests = append(digests, objectstore.Digest(d))
		}
	}
	return digests
}

// tempFile is a file in .tmp that its writer has locked as long as it needs it.
type tempFile struct {
	root *os.Root
	name string
	*os.File
}

// newTemp makes a temporary file. A sweep of another process may take it away
// between its making and its locking; then there is another.
func (s *Store) newTemp() (*tempFile, error) {
	for {
		name := path.Join(temp, rand.Text())
		f, err := s.root.OpenFile(name, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
		if err != nil {
			return nil, err
		}
		t := &tempFile{s.root, name, f}
		_ = syscall.Flock(int(f.Fd()), syscall.LOCK_EX) // where there are no locks, a sweep removes nothing
		if fi, err := s.root.Lstat(name); err == nil && fi.Mode().IsRegular() {
			return t, nil
		} else if !errors.Is(err, fs.ErrNotExist) {
			t.discard()
			return nil, err
		}
		f.Close()
	}
}

func (t *tempFile) write(ctx context.Context, body objectstore.Body) error {
	src := &source{ctx: ctx, r: objectstore.Reader(body)}
	h := sha256.New()
	n, err := io.Copy(io.MultiWriter(t.File, h), src)
	switch {
	case src.err != nil:
		return fmt.Errorf("read body: %w", src.err)
	case err != nil:
		return classify(err)
	case n != body.Size() || objectstore.Digest(h.Sum(nil)) != body.Digest():
		return objectstore.ErrChanged
	}
	return classify(t.Sync())
}

// discard removes the temporary name. What was linked elsewhere stays there.
func (t *tempFile) discard() {
	_ = t.root.Remove(t.name) // a sweep will find what stays
	t.Close()
}

// source reads a body, and remembers its error apart from the disk's.
type source struct {
	ctx context.Context
	r   io.Reader
	err error
}

func (s *source) Read(p []byte) (int, error) {
	if s.err = s.ctx.Err(); s.err != nil {
		return 0, s.err
	}
	n, err := s.r.Read(p)
	if err != io.EOF {
		s.err = err
	}
	return n, err
}

// sweep removes temporary files that nobody holds any more.
func (s *Store) sweep() error {
	d, err := s.root.Open(temp)
	if err != nil {
		return err
	}
	defer d.Close()
	names, err := d.Readdirnames(-1)
	if err != nil {
		return err
	}
	for _, name := range names {
		if err := s.sweepOne(path.Join(temp, name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

func (s *Store) sweepOne(name string) error {
	f, err := s.root.Open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	if syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) != nil {
		return nil
	}
	return s.root.Remove(name)
}
