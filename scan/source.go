package scan

import (
	"encoding/binary"
	"errors"
	"io"
)

// errShort says that a file ends before something its headers speak of.
var errShort = errors.New("the file is cut off")

// source reads a file by position through one small window, so that walking
// its headers costs few system calls. A position outside the file is errShort.
// An error of the disk is kept in err, for it is not the file's fault.
type source struct {
	r      io.ReaderAt
	size   int64
	err    error
	start  int64
	window []byte
	buf    []byte
}

const windowSize = 32 << 10

func newSource(r io.ReaderAt, size int64) *source { return &source{r: r, size: size} }

// at is the n bytes from off. They are good until the next call.
func (s *source) at(off int64, n int) ([]byte, error) {
	if off < 0 || n < 0 || off > s.size || int64(n) > s.size-off {
		return nil, errShort
	}
	if off < s.start || off+int64(n) > s.start+int64(len(s.window)) {
		if err := s.fill(off, n); err != nil {
			return nil, err
		}
	}
	i := int(off - s.start)
	return s.window[i : i+n], nil
}

// upTo is at most n bytes from off: fewer at the end of the file.
func (s *source) upTo(off int64, n int) ([]byte, error) {
	return s.at(off, int(max(0, min(int64(n), s.size-off))))
}

func (s *source) fill(off int64, n int) error {
	n = int(min(int64(max(n, windowSize)), s.size-off))
	if cap(s.buf) < n {
		s.buf = make([]byte, n)
	}
	s.start, s.window = off, s.buf[:n]
	got, err := s.r.ReadAt(s.window, off)
	if got == n {
		return nil
	}
	s.window = nil
	if errors.Is(err, io.EOF) { // the file shrank under our hands
		return errShort
	}
	s.err = err
	return err
}

func (s *source) u16(off int64, order binary.ByteOrder) (int, error) {
	b, err := s.at(off, 2)
	if err != nil {
		return 0, err
	}
	return int(order.Uint16(b)), nil
}

func (s *source) u32(off int64, order binary.ByteOrder) (int64, error) {
	b, err := s.at(off, 4)
	if err != nil {
		return 0, err
	}
	return int64(order.Uint32(b)), nil
}

// u64 is a 64-bit number; one too large for a file position is errShort.
func (s *source) u64(off int64, order binary.ByteOrder) (int64, error) {
	b, err := s.at(off, 8)
	if err != nil {
		return 0, err
	}
	v := order.Uint64(b)
	if v > 1<<62 {
		return 0, errShort
	}
	return int64(v), nil
}
