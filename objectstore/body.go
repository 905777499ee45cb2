package objectstore

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"io"
	"os"
)

// Body is content to be put. It can be read again from the start, for retries
// and for comparing, and its size in bytes and SHA-256 are known before the
// first byte is sent. ReadAt may be called from several goroutines.
type Body interface {
	io.ReaderAt
	Size() int64
	Digest() Digest
}

type body struct {
	io.ReaderAt
	size   int64
	digest Digest
}

func (b *body) Size() int64    { return b.size }
func (b *body) Digest() Digest { return b.digest }

// BytesBody is content in memory. The bytes must not change until it is put.
func BytesBody(b []byte) Body {
	return &body{bytes.NewReader(b), int64(len(b)), sha256.Sum256(b)}
}

// FileBody is the content of a regular file, which it reads once to learn the
// digest. It does not move the file's offset. The file must stay open until
// the body has been put.
func FileBody(f *os.File) (Body, error) {
	info, err := f.Stat()
	if err != nil {
		return nil, fmt.Errorf("read body: %w", err)
	}
	h := sha256.New()
	n, err := io.Copy(h, io.NewSectionReader(f, 0, info.Size()))
	if err != nil {
		return nil, fmt.Errorf("read body: %w", err)
	}
	if n != info.Size() {
		return nil, fmt.Errorf("read body: %w: %d of %d bytes", ErrChanged, n, info.Size())
	}
	return &body{f, n, Digest(h.Sum(nil))}, nil
}

// NewBody is content whose size and digest the caller knows already. A store
// checks both, and answers a wrong one with ErrChanged.
func NewBody(r io.ReaderAt, size int64, digest Digest) Body { return &body{r, size, digest} }

// Reader reads a body from its start to its size.
func Reader(b Body) *io.SectionReader { return io.NewSectionReader(b, 0, b.Size()) }

// Compare reads stored content, as an Open of the Store gave it, to the end
// and tells whether it is the body's: nil, ErrExists if it is other content,
// or what the reader ended in.
func Compare(stored io.Reader, b Body) error {
	h := sha256.New()
	n, err := io.Copy(h, stored)
	if err != nil {
		return fmt.Errorf("read back: %w", err)
	}
	if n != b.Size() || Digest(h.Sum(nil)) != b.Digest() {
		return ErrExists
	}
	return nil
}

// Intact returns nil if the body can be read and is what it says, or an error
// wrapping ErrChanged.
func Intact(b Body) error {
	h := sha256.New()
	n, err := io.Copy(h, Reader(b))
	if err != nil {
		return fmt.Errorf("read body: %w", err)
	}
	if n != b.Size() || Digest(h.Sum(nil)) != b.Digest() {
		return ErrChanged
	}
	return nil
}
