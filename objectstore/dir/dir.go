// Package dir keeps objects in a folder: the store of a Chartroom that needs
// no other server.
//
// Every object is a plain file at its key, private to its owner (files 0600,
// folders 0700), with exactly the bytes that were put, so that ordinary tools
// can copy and audit it. Beside the objects lie two folders of the store's own:
//
//	originals/ab/ab12…          an object
//	.sums/originals/ab/ab12…    its checksum, a line as sha256sum writes it
//	.tmp/3f9c…                  what is being put
//
// `find .sums -type f -exec cat {} + | sha256sum -c --quiet`, run in the
// folder, checks the whole store without Chartroom.
//
// A put goes in this order, so that whatever moment the power fails, a key is
// whole or absent and an acknowledged object survives:
//
//  1. the bytes are written to a file in .tmp, which is synced;
//  2. the checksum's line is appended to the key's file in .sums, which is
//     synced: from now on these bytes may lie at this key;
//  3. the file is linked to its key, which fails if there is one already;
//  4. the folders on the way to the key are synced;
//  5. the object is read again from the disk and compared.
//
// Of several puts of one key exactly one links; the others compare what is
// there with their own. A checksum file may therefore name bytes that lost a
// race; an object is whole if it is any one of those named.
//
// The folder must be on a file system with hard links. Every access goes
// through os.Root, so a symbolic link cannot lead out of the folder.
package dir

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"syscall"

	"chartroom/objectstore"

	"golang.org/x/sys/unix"
)

const (
	sums = ".sums"
	temp = ".tmp"
)

// Config says where the store lies.
type Config struct {
	// Path is the folder. Open makes it, and the folders above it, if it does
	// not exist.
	Path string
}

// Store is an objectstore.Store in a folder. Several processes may have the
// same folder open.
type Store struct {
	path string
	root *os.Root
}

var _ objectstore.Store = (*Store)(nil)

// Open opens the store in a folder and removes what puts that were interrupted
// left in .tmp.
func Open(c Config) (*Store, error) {
	if c.Path == "" {
		return nil, errors.New("open folder store: no path given")
	}
	s, err := open(c.Path)
	if err != nil {
		return nil, fmt.Errorf("open folder store: %w", classify(err))
	}
	return s, nil
}

func open(path string) (*Store, error) {
	if err := os.MkdirAll(path, 0o700); err != nil {
		return nil, err
	}
	root, err := os.OpenRoot(path)
	if err != nil {
		return nil, err
	}
	s := &Store{path, root}
	if err := s.prepare(); err != nil {
		return nil, errors.Join(err, root.Close())
	}
	return s, nil
}

func (s *Store) prepare() error {
	for _, folder := range []string{sums, temp} {
		if err := s.root.Mkdir(folder, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
			return err
		}
	}
	if err := s.sync("."); err != nil {
		return err
	}
	return s.sweep()
}

// Close lets the folder go. No call may be under way.
func (s *Store) Close() error { return s.root.Close() }

// Free tells how many bytes this process may still write, and how many the
// file system has in all.
func (s *Store) Free() (free, total int64, err error) {
	d, err := s.root.Open(".")
	if err != nil {
		return 0, 0, fmt.Errorf("read free space: %w", classify(err))
	}
	defer d.Close()
	var st unix.Statfs_t
	if err := unix.Fstatfs(int(d.Fd()), &st); err != nil {
		return 0, 0, fmt.Errorf("read free space: %w", classify(err))
	}
	return int64(st.Bavail) * st.Bsize, int64(st.Blocks) * st.Bsize, nil
}

// Stat is objectstore.Store's.
func (s *Store) Stat(ctx context.Context, key objectstore.Key) (objectstore.Info, error) {
	info, _, err := s.stat(ctx, key)
	if err != nil {
		return info, fmt.Errorf("stat %q: %w", key, err)
	}
	return info, nil
}

func (s *Store) stat(ctx context.Context, key objectstore.Key) (objectstore.Info, []objectstore.Digest, error) {
	if err := key.Validate(); err != nil {
		return objectstore.Info{}, nil, err
	}
	if err := ctx.Err(); err != nil {
		return objectstore.Info{}, nil, err
	}
	fi, err := s.root.Lstat(string(key))
	if err != nil {
		return objectstore.Info{}, nil, classify(err)
	}
	return s.info(key, fi)
}

// info makes the Info of a file found at key, and the digests it may have.
func (s *Store) info(key objectstore.Key, fi fs.FileInfo) (objectstore.Info, []objectstore.Digest, error) {
	if fi.IsDir() {
		return objectstore.Info{}, nil, objectstore.ErrNotFound
	}
	if !fi.Mode().IsRegular() {
		return objectstore.Info{}, nil, fmt.Errorf("%w: not a regular file", objectstore.ErrCorrupt)
	}
	digests, err := s.digests(key)
	if err != nil {
		return objectstore.Info{}, nil, err
	}
	info := objectstore.Info{Key: key, Size: fi.Size(), Modified: fi.ModTime()}
	if len(digests) == 1 {
		info.Digest = digests[0]
	}
	return info, digests, nil
}

// Open is objectstore.Store's.
func (s *Store) Open(ctx context.Context, key objectstore.Key) (io.ReadCloser, objectstore.Info, error) {
	r, info, err := s.open(ctx, key, false)
	if err != nil {
		return nil, info, fmt.Errorf("open %q: %w", key, err)
	}
	return r, info, nil
}

// open opens an object for verified reading. With fromDisk the kernel is asked
// to forget what it remembers of the file, so that the bytes come from the disk.
func (s *Store) open(ctx context.Context, key objectstore.Key, fromDisk bool) (io.ReadCloser, objectstore.Info, error) {
	if _, _, err := s.stat(ctx, key); err != nil {
		return nil, objectstore.Info{}, err
	}
	f, err := s.root.OpenFile(string(key), os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, objectstore.Info{}, classify(err)
	}
	info, digests, err := s.infoOpen(key, f)
	if err != nil {
		f.Close()
		return nil, info, err
	}
	if fromDisk {
		_ = unix.Fadvise(int(f.Fd()), 0, 0, unix.FADV_DONTNEED) // advice: nothing depends on it
	}
	return objectstore.Verified(&file{ctx, f}, info.Size, digests...), info, nil
}

func (s *Store) infoOpen(key objectstore.Key, f *os.File) (objectstore.Info, []objectstore.Digest, error) {
	fi, err := f.Stat()
	if err != nil {
		return objectstore.Info{}, nil, classify(err)
	}
	return s.info(key, fi)
}

// file reads an open object until its context ends, with errors by their kind.
type file struct {
	ctx context.Context
	f   *os.File
}

func (f *file) Read(p []byte) (int, error) {
	if err := f.ctx.Err(); err != nil {
		return 0, err
	}
	n, err := f.f.Read(p)
	if err != nil && err != io.EOF {
		err = classify(err)
	}
	return n, err
}

func (f *file) Close() error { return f.f.Close() }

// classify puts an error of the file system under the contract's name for it.
// What has none, such as a bad argument, stays as it is.
func classify(err error) error {
	var kind error
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ENOTDIR):
		kind = objectstore.ErrNotFound
	case errors.Is(err, syscall.EISDIR):
		kind = objectstore.ErrInvalidKey // it is a folder of other objects
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		kind = objectstore.ErrFull
	case errors.Is(err, syscall.EROFS), errors.Is(err, fs.ErrPermission):
		kind = objectstore.ErrDenied
	case errors.Is(err, syscall.EIO), errors.Is(err, syscall.ESTALE), errors.Is(err, syscall.ETIMEDOUT), errors.Is(err, syscall.ENOTCONN),
		errors.Is(err, syscall.EHOSTDOWN), errors.Is(err, syscall.EMFILE), errors.Is(err, syscall.ENFILE), errors.Is(err, syscall.ENOMEM):
		kind = objectstore.ErrUnavailable
	default:
		return err
	}
	return fmt.Errorf("%w: %w", kind, err)
}
