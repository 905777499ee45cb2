package objectstore

import (
	"crypto/sha256"
	"fmt"
	"hash"
	"io"
	"slices"
)

// Verified wraps the bytes of a stored object so that reading ends in io.EOF
// only if there were size of them with one of the digests, and in ErrCorrupt
// otherwise. Without digests it watches the size alone. It is for
// implementations of Store.
func Verified(rc io.ReadCloser, size int64, digests ...Digest) io.ReadCloser {
	return &verifier{rc: rc, left: size, hash: sha256.New(), want: digests}
}

type verifier struct {
	rc   io.ReadCloser
	left int64
	hash hash.Hash
	want []Digest
	err  error // sticky: how reading ended
}

func (v *verifier) Read(p []byte) (int, error) {
	if v.err != nil {
		return 0, v.err
	}
	n, err := v.rc.Read(p)
	v.left -= int64(n)
	v.hash.Write(p[:n])
	if err == io.EOF {
		err = v.verdict()
	}
	v.err = err
	return n, err
}

func (v *verifier) verdict() error {
	if v.left != 0 {
		return fmt.Errorf("%w: length is off by %d bytes", ErrCorrupt, -v.left)
	}
	if len(v.want) > 0 && !slices.Contains(v.want, Digest(v.hash.Sum(nil))) {
		return fmt.Errorf("%w: checksum differs", ErrCorrupt)
	}
	return io.EOF
}

func (v *verifier) Close() error { return v.rc.Close() }
