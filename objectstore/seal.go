package objectstore

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"errors"
	"fmt"
	"io"
	"iter"
	"strings"
	"sync"
)

// ErrWrongKey: the store, or an object in it, was sealed with a master key that
// is not in the keyring. It is an ErrDenied: nothing works before the right key
// is there.
var ErrWrongKey = fmt.Errorf("%w: wrong master key", ErrDenied)

// sealPrefix is where check values lie: one for each master key ever used, so
// that a wrong keyring is found out before anything is read or written.
const sealPrefix = "seal/"

const checkText = "chartroom seal check value\n"

// Seal wraps a store so that it sees only ciphertext, in the form described at
// sealVersion. What the contract promises it promises of the plaintext:
//
//   - Info.Size is always the plaintext's, worked out from the stored size.
//   - Info.Digest from Open is the plaintext's, kept sealed in the object's
//     header. Stat leaves it zero, as it reads nothing.
//   - Open vouches for the plaintext: changed, cut, reordered or exchanged
//     objects end in ErrCorrupt even if the store beneath swears to them.
//   - Put proves before it sends that what it made opens to the body, and the
//     store beneath then reads back what it made.
//   - The same content put again is compared in plaintext, though its
//     ciphertext would differ.
//
// Keys and the (rounded) sizes and times of objects stay visible. A key that is
// the hash of a content tells somebody who has that content that it is there.
//
// A store is sealed from its first object on, or not at all: objects that were
// put without a seal are refused, lest somebody with access to the bucket slip
// them in. IsSealed tells which it is.
func Seal(inner Store, keys *Keyring) Store { return &sealed{inner: inner, keys: keys} }

// IsSealed reports whether a store (not wrapped by Seal) holds sealed objects,
// and so must not be used without its keyring.
func IsSealed(ctx context.Context, s Store) (bool, error) {
	for _, err := range s.List(ctx, sealPrefix) {
		return err == nil, err
	}
	return false, nil
}

type sealed struct {
	inner Store
	keys  *Keyring

	mutex sync.Mutex
	ready bool // the keyring has been found right for the store
}

func (s *sealed) validate(key Key) error {
	if err := key.Validate(); err != nil {
		return err
	}
	if strings.HasPrefix(string(key), sealPrefix) {
		return fmt.Errorf("%w: %s is reserved", ErrInvalidKey, sealPrefix)
	}
	return nil
}

// Put is Store's.
func (s *sealed) Put(ctx context.Context, key Key, body Body) error {
	if err := s.validate(key); err != nil {
		return fmt.Errorf("put %q: %w", key, err)
	}
	if err := s.agree(ctx); err != nil {
		return err
	}
	return s.put(ctx, key, body)
}

func (s *sealed) put(ctx context.Context, key Key, body Body) error {
	err := s.compare(ctx, key, body)
	if !errors.Is(err, ErrNotFound) {
		return err
	}
	b, err := seal(s.keys.current, key, body)
	if err != nil {
		return fmt.Errorf("put %q: seal: %w", key, err)
	}
	err = s.inner.Put(ctx, key, b)
	if errors.Is(err, ErrExists) { // somebody was faster
		return s.compare(ctx, key, body)
	}
	return err
}

func (s *sealed) compare(ctx context.Context, key Key, body Body) error {
	r, _, err := s.open(ctx, key)
	if err != nil {
		return err
	}
	defer r.Close()
	if err := Compare(r, body); err != nil {
		return fmt.Errorf("put %q: %w", key, err)
	}
	return nil
}

// Open is Store's.
func (s *sealed) Open(ctx context.Context, key Key) (io.ReadCloser, Info, error) {
	if err := s.validate(key); err != nil {
		return nil, Info{}, fmt.Errorf("open %q: %w", key, err)
	}
	return s.open(ctx, key)
}

func (s *sealed) open(ctx context.Context, key Key) (io.ReadCloser, Info, error) {
	r, info, err := s.inner.Open(ctx, key)
	if err != nil {
		return nil, Info{}, err
	}
	o, err := s.keys.open(r, key, info.Size)
	if err != nil {
		return nil, Info{}, errors.Join(fmt.Errorf("open %q: %w", key, err), r.Close())
	}
	info.Size, info.Digest = o.size, o.digest
	return Verified(o, o.size, o.digest), info, nil
}

// Stat is Store's.
func (s *sealed) Stat(ctx context.Context, key Key) (Info, error) {
	if err := s.validate(key); err != nil {
		return Info{}, fmt.Errorf("stat %q: %w", key, err)
	}
	info, err := s.inner.Stat(ctx, key)
	if err != nil {
		return Info{}, err
	}
	info.Digest = Digest{}
	if info.Size, err = plainSize(info.Size); err != nil {
		return Info{}, fmt.Errorf("stat %q: %w", key, err)
	}
	return info, nil
}

// List is Store's. An object that cannot be a sealed one has size -1.
func (s *sealed) List(ctx context.Context, prefix string) iter.Seq2[Info, error] {
	return func(yield func(Info, error) bool) {
		for info, err := range s.inner.List(ctx, prefix) {
			if err == nil && strings.HasPrefix(string(info.Key), sealPrefix) {
				continue
			}
			if err == nil {
				info.Digest = Digest{}
				if plain, err := plainSize(info.Size); err == nil {
					info.Size = plain
				} else {
					info.Size = -1
				}
			}
			if !yield(info, err) {
				return
			}
		}
	}
}

// Check is Store's. A keyring that lacks a key the store was sealed with gives
// ErrWrongKey.
func (s *sealed) Check(ctx context.Context) error {
	s.mutex.Lock()
	s.ready = false
	s.mutex.Unlock()
	if err := s.agree(ctx); err != nil {
		return err
	}
	return s.inner.Check(ctx)
}

// agree sees, before the first object is written, that the keyring can open
// everything in the store, and leaves the check value of the current key there.
func (s *sealed) agree(ctx context.Context) error {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if s.ready {
		return nil
	}
	held, err := s.holdsObjects(ctx) // before looking for check values: another process puts its own first
	if err != nil {
		return fmt.Errorf("check master key: %w", err)
	}
	used, err := s.checkKeys(ctx)
	if err != nil {
		return fmt.Errorf("check master key: %w", err)
	}
	if held && !used {
		return fmt.Errorf("check master key: %w: the store holds objects that are not sealed; encryption begins with an empty store", ErrDenied)
	}
	if err := s.put(ctx, checkKey(s.keys.current.id), BytesBody([]byte(checkText))); err != nil {
		return fmt.Errorf("check master key: %w", err)
	}
	s.ready = true
	return nil
}

func checkKey(id keyID) Key { return Key(sealPrefix + id.String()) }

// checkKeys opens every check value in the store and reports whether there are
// any.
func (s *sealed) checkKeys(ctx context.Context) (used bool, err error) {
	for info, err := range s.inner.List(ctx, sealPrefix) {
		if err != nil {
			return used, err
		}
		used = true
		if err := s.compare(ctx, info.Key, BytesBody([]byte(checkText))); err != nil {
			return used, err
		}
	}
	return used, nil
}

// holdsObjects reports whether there is any object but the store's own.
func (s *sealed) holdsObjects(ctx context.Context) (bool, error) {
	for info, err := range s.inner.List(ctx, "") {
		if err != nil {
			return false, err
		}
		if !strings.HasPrefix(string(info.Key), "probe/") && !strings.HasPrefix(string(info.Key), sealPrefix) {
			return true, nil
		}
	}
	return false, nil
}

// newGCM is AES-256-GCM.
func newGCM(key []byte) cipher.AEAD {
	block, err := aes.NewCipher(key)
	if err == nil {
		var g cipher.AEAD
		if g, err = cipher.NewGCM(block); err == nil {
			return g
		}
	}
	panic(err) // only for lengths that this package does not use
}
