// Package objectstore is the contract of the place where Chartroom keeps what
// must never be lost: originals as they were received, and the records of what
// was read, identified and decided.
//
// The contract is small and strict. An object is written once and never
// changed. A Put that returns nil has been stored durably, read back and
// compared; only then may anybody let go of the source. An Open that reads to
// io.EOF has given exactly the bytes that were put. Everything else is an
// error with a name, so that a caller can tell "later" from "never".
//
// There are two places, [chartroom/objectstore/dir] for a folder and
// [chartroom/objectstore/s3] for a bucket, and one wrapper, [Seal], that
// encrypts before either of them sees a byte. All of them pass the suite in
// [chartroom/objectstore/storetest], which is this contract as tests.
package objectstore

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"iter"
	"strings"
	"time"
)

// What can go wrong, by what the caller should do. Every error of a Store that
// is not the caller's own (its context ended, its body could not be read)
// wraps one of these.
var (
	// ErrNotFound: the key holds nothing.
	ErrNotFound = errors.New("object not found")
	// ErrExists: the key holds other bytes, and keeps them.
	ErrExists = errors.New("key holds other content")
	// ErrCorrupt: what is stored is not what was put. A person must look.
	ErrCorrupt = errors.New("stored object is damaged")
	// ErrUnavailable: the store is away, slow or overloaded. Try again later.
	ErrUnavailable = errors.New("object store is unavailable")
	// ErrDenied: credentials, permissions, certificate or bucket are wrong, or
	// the folder is read-only. Nothing will work before a person has changed
	// the configuration: stop instead of trying again.
	ErrDenied = errors.New("object store refuses access")
	// ErrFull: there is no room. Try again when there is.
	ErrFull = errors.New("object store is full")
	// ErrInvalidKey: the key is not one that Key.Validate allows.
	ErrInvalidKey = errors.New("invalid object key")
	// ErrChanged: a body did not have the size and digest it said, so the
	// source is still being written or cannot be read truly. Nothing was stored.
	ErrChanged = errors.New("content changed while it was stored")
)

// Key names an object: segments of lower-case letters, digits, dot, underscore
// and hyphen, joined by slashes, none of them empty or starting with a dot; at
// most MaxKey bytes. A key must not also be the folder of another key (with
// "a/b" stored, "a/b/c" is refused where the store is made of folders). Keys
// are written to logs, so they carry nothing about a patient.
//
// Keys that start with "probe/" belong to Check, those with "seal/" to Seal.
type Key string

// MaxKey is the longest key, in bytes, and maxSegment the longest part between
// two slashes.
const (
	MaxKey     = 511
	maxSegment = 255
)

// Validate reports what is wrong with a key, wrapping ErrInvalidKey.
func (k Key) Validate() error {
	if len(k) == 0 || len(k) > MaxKey {
		return fmt.Errorf("%w: %d bytes long", ErrInvalidKey, len(k))
	}
	if err := allowed(string(k)); err != nil {
		return err
	}
	for segment := range strings.SplitSeq(string(k), "/") {
		if segment == "" || segment[0] == '.' || len(segment) > maxSegment {
			return fmt.Errorf("%w: segment %q", ErrInvalidKey, segment)
		}
	}
	return nil
}

// ValidatePrefix reports whether prefix can be the beginning of a key. The
// empty prefix can.
func ValidatePrefix(prefix string) error {
	if err := allowed(prefix); err != nil {
		return err
	}
	if strings.HasPrefix(prefix, ".") || strings.HasPrefix(prefix, "/") || strings.Contains(prefix, "/.") || strings.Contains(prefix, "//") {
		return fmt.Errorf("%w: prefix %q", ErrInvalidKey, prefix)
	}
	return nil
}

func allowed(s string) error {
	for i := range len(s) {
		switch c := s[i]; {
		case 'a' <= c && c <= 'z', '0' <= c && c <= '9', c == '.', c == '_', c == '-', c == '/':
		default:
			return fmt.Errorf("%w: byte %#x at %d", ErrInvalidKey, c, i)
		}
	}
	return nil
}

// Digest is a SHA-256.
type Digest [32]byte

// IsZero reports whether the digest is unknown.
func (d Digest) IsZero() bool { return d == Digest{} }

// String is the digest in lower-case hexadecimal.
func (d Digest) String() string { return hex.EncodeToString(d[:]) }

// Info is what a store knows about an object without reading it. Size is in
// bytes, of what was put. Digest is zero where the store would have to read
// the object to know it (always so in listings).
type Info struct {
	Key      Key
	Size     int64
	Digest   Digest
	Modified time.Time
}

// Store keeps objects. All methods may be called from many goroutines, and by
// several processes on the same place. A context that ends makes them return
// its error; what was being put is then stored whole or not at all.
type Store interface {
	// Put stores body under key, once. It returns nil when the bytes are
	// durably stored and have been read back and compared, whoever stored
	// them: putting the same bytes again is success, and so is losing a race
	// against somebody who puts the same. If the key holds other bytes it is
	// left alone, and the error is ErrExists. After any other error the object
	// may or may not be there, whole; put it again to know.
	Put(ctx context.Context, key Key, body Body) error

	// Open reads an object. The reader ends in io.EOF only if every byte is as
	// it was put; otherwise in ErrCorrupt, or in ErrUnavailable where the store
	// went away. Bytes read before the end are not yet vouched for. A store
	// that does not know what was put, because a stranger copied the object
	// there, says so by a zero Info.Digest. ErrNotFound if there is no such
	// object. The caller closes the reader.
	Open(ctx context.Context, key Key) (io.ReadCloser, Info, error)

	// Stat tells an object's size and time, and its digest if that is known
	// without reading. ErrNotFound if there is no such object.
	Stat(ctx context.Context, key Key) (Info, error)

	// List yields the objects whose keys start with prefix, in byte order of
	// their keys. It ends after the first error. Objects put meanwhile may or
	// may not be seen.
	List(ctx context.Context, prefix string) iter.Seq2[Info, error]

	// Check probes that the store does what this contract needs, now: writes,
	// reads back, refuses to overwrite, lists. The error names what does not
	// work in words for an operator.
	Check(ctx context.Context) error
}
