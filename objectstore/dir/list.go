package dir

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"os"
	"path"
	"slices"
	"strings"

	"chartroom/objectstore"
)

// List is objectstore.Store's. Files whose names are no keys are passed over.
func (s *Store) List(ctx context.Context, prefix string) iter.Seq2[objectstore.Info, error] {
	return func(yield func(objectstore.Info, error) bool) {
		err := objectstore.ValidatePrefix(prefix)
		if err == nil {
			folder, _ := path.Split(prefix)
			_, err = s.walk(ctx, strings.TrimSuffix(folder, "/"), prefix, yield)
		}
		if err != nil {
			yield(objectstore.Info{}, fmt.Errorf("list %q: %w", prefix, err))
		}
	}
}

// walk yields the objects below a folder whose keys start with prefix, and
// reports whether the caller wants more.
func (s *Store) walk(ctx context.Context, folder, prefix string, yield func(objectstore.Info, error) bool) (more bool, err error) {
	entries, err := s.entries(folder)
	if err != nil {
		return false, err
	}
	for _, e := range entries {
		if err := ctx.Err(); err != nil {
			return false, err
		}
		more, err := s.visit(ctx, path.Join(folder, e.Name()), e, prefix, yield)
		if err != nil || !more {
			return false, err
		}
	}
	return true, ctx.Err()
}

func (s *Store) visit(ctx context.Context, name string, e fs.DirEntry, prefix string, yield func(objectstore.Info, error) bool) (more bool, err error) {
	switch {
	case objectstore.Key(name).Validate() != nil:
		return true, nil
	case e.IsDir():
		if strings.HasPrefix(name+"/", prefix) || strings.HasPrefix(prefix, name+"/") {
			return s.walk(ctx, name, prefix, yield)
		}
		return true, nil
	case !e.Type().IsRegular() || !strings.HasPrefix(name, prefix):
		return true, nil
	}
	fi, err := e.Info()
	if errors.Is(err, fs.ErrNotExist) { // a probe that went away meanwhile
		return true, nil
	}
	if err != nil {
		return false, classify(err)
	}
	return yield(objectstore.Info{Key: objectstore.Key(name), Size: fi.Size(), Modified: fi.ModTime()}, nil), nil
}

// entries reads a folder in the order of the keys below it, in which "a-b"
// stands before "a/b". A folder that is not there has none.
func (s *Store) entries(folder string) ([]fs.DirEntry, error) {
	if folder == "" {
		folder = "."
	}
	d, err := s.root.Open(folder)
	if err != nil {
		return nil, absent(err)
	}
	defer d.Close()
	entries, err := d.ReadDir(-1)
	if err != nil {
		return nil, absent(err)
	}
	slices.SortFunc(entries, func(a, b fs.DirEntry) int { return strings.Compare(sortName(a), sortName(b)) })
	return entries, nil
}

func absent(err error) error {
	if err = classify(err); errors.Is(err, objectstore.ErrNotFound) {
		return nil
	}
	return err
}

func sortName(e fs.DirEntry) string {
	if e.IsDir() {
		return e.Name() + "/"
	}
	return e.Name()
}

// Check is objectstore.Store's. It also sees that the folder is still the one
// that was opened: not removed, replaced or covered by a file system mounted
// over it.
func (s *Store) Check(ctx context.Context) error {
	opened, err := s.root.Stat(".")
	if err != nil {
		return fmt.Errorf("check folder: %w", classify(err))
	}
	now, err := os.Stat(s.path)
	if err != nil {
		return fmt.Errorf("check folder: %w: %w", objectstore.ErrUnavailable, err)
	}
	if !os.SameFile(opened, now) {
		return fmt.Errorf("check folder: %w: it was replaced, or a file system was mounted over it; restart to use the new one", objectstore.ErrUnavailable)
	}
	return objectstore.Probe(ctx, s, s.remove)
}

// remove takes away an object and its checksum; for probes only.
func (s *Store) remove(_ context.Context, key objectstore.Key) error {
	for _, name := range []string{string(key), path.Join(sums, string(key))} {
		if err := s.root.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("remove probe: %w", classify(err))
		}
	}
	return nil
}
