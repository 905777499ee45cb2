package objectstore

import (
	"crypto/cipher"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"sync"
)

// sealVersion is the form in which objects are sealed. Every version stays
// readable; testdata holds an object of each. Version 1 is a header of 128
// bytes and chunks:
//
//	 0    7  "chartsl"
//	 7    1  version, 1
//	 8    8  id of the master key
//	16   32  salt, random
//	48   80  the data key (32 random bytes) and the plaintext's SHA-256 (32),
//	         sealed by AES-256-GCM (tag 16) with
//	         key   HKDF-SHA256(master key, salt, "chartroom seal 1 wrap")
//	         nonce twelve zero bytes, as that key is used once
//	         data  the 48 bytes before, then the object's key
//
// The plaintext follows in chunks of 64 KiB, the last one shorter or equal (an
// empty object has one empty chunk), each sealed by AES-256-GCM with the data
// key and the nonce: the chunk's number from 0 as 11 bytes, big-endian, and 1
// for the last chunk, else 0. So a chunk that is changed, moved, missing or
// added does not open, and as the data key opens only under the object's own
// key, neither does an object that is exchanged for another.
const sealVersion = 1

const (
	sealMagic   = "chartsl"
	saltAt      = 16
	wrappedAt   = 48
	headerSize  = 128
	chunkSize   = 64 << 10
	tagSize     = 16
	sealedChunk = chunkSize + tagSize
)

// chunks is how many there are for a plaintext of size bytes.
func chunks(size int64) int64 { return max(1, (size+chunkSize-1)/chunkSize) }

func sealedSize(plain int64) int64 { return headerSize + plain + tagSize*chunks(plain) }

// plainSize is the inverse of sealedSize.
func plainSize(sealed int64) (int64, error) {
	rest := sealed - headerSize
	n := max(1, (rest+sealedChunk-1)/sealedChunk)
	if plain := rest - n*tagSize; plain >= 0 && sealedSize(plain) == sealed {
		return plain, nil
	}
	return 0, fmt.Errorf("%w: %d bytes cannot be a sealed object", ErrCorrupt, sealed)
}

func nonce(chunk int64, last bool) []byte {
	b := make([]byte, 12)
	binary.BigEndian.PutUint64(b[3:11], uint64(chunk))
	if last {
		b[11] = 1
	}
	return b
}

// sealedBody is the sealed form of a body, made as it is read: reading it again
// gives the same bytes, in little memory.
type sealedBody struct {
	plain  Body
	header []byte
	gcm    cipher.AEAD
	digest Digest

	mutex sync.Mutex
	at    int64 // the number of the chunk that is kept
	chunk []byte
}

func (b *sealedBody) Size() int64    { return sealedSize(b.plain.Size()) }
func (b *sealedBody) Digest() Digest { return b.digest }

// seal makes the sealed form of a body, and reads it through once to learn its
// digest and to prove that it opens to the body.
func seal(master *masterKey, key Key, plain Body) (*sealedBody, error) {
	header := make([]byte, wrappedAt, headerSize)
	copy(header, sealMagic)
	header[len(sealMagic)] = sealVersion
	copy(header[8:], master.id[:])
	rand.Read(header[saltAt:wrappedAt])
	secret := make([]byte, 32, 64)
	rand.Read(secret)
	b := &sealedBody{plain: plain, gcm: newGCM(secret), at: -1}
	digest := plain.Digest()
	b.header = wrapper(master, header).Seal(header, make([]byte, 12), append(secret, digest[:]...), wrapData(header, key))
	h := sha256.New()
	o, err := (&Keyring{byID: map[keyID]*masterKey{master.id: master}}).open(io.NopCloser(io.TeeReader(Reader(b), h)), key, b.Size())
	if err != nil {
		return nil, err
	}
	if err := Compare(o, plain); errors.Is(err, ErrExists) {
		return nil, ErrChanged
	} else if err != nil {
		return nil, err
	}
	b.digest = Digest(h.Sum(nil))
	return b, nil
}

func wrapper(master *masterKey, header []byte) cipher.AEAD {
	return newGCM(derive(master, header[saltAt:wrappedAt], "chartroom seal 1 wrap", 32))
}

func wrapData(header []byte, key Key) []byte {
	return append(append(make([]byte, 0, wrappedAt+len(key)), header[:wrappedAt]...), key...)
}

// ReadAt is io.ReaderAt's.
func (b *sealedBody) ReadAt(p []byte, off int64) (n int, err error) {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	for n < len(p) {
		piece, err := b.piece(off + int64(n))
		if err != nil {
			return n, err
		}
		n += copy(p[n:], piece)
	}
	return n, nil
}

// piece gives the bytes from an offset to the end of the header or chunk that
// it lies in.
func (b *sealedBody) piece(off int64) ([]byte, error) {
	if off < headerSize {
		return b.header[off:], nil
	}
	if off >= b.Size() {
		return nil, io.EOF
	}
	i := (off - headerSize) / sealedChunk
	if i != b.at {
		if err := b.sealChunk(i); err != nil {
			return nil, err
		}
	}
	return b.chunk[(off-headerSize)%sealedChunk:], nil
}

func (b *sealedBody) sealChunk(i int64) error {
	b.at = -1
	size := b.plain.Size()
	plain := make([]byte, min(chunkSize, size-i*chunkSize))
	if n, err := b.plain.ReadAt(plain, i*chunkSize); n < len(plain) {
		if err == io.EOF {
			return ErrChanged // shorter than it said
		}
		return err
	}
	b.chunk = b.gcm.Seal(b.chunk[:0], nonce(i, i == chunks(size)-1), plain, nil)
	b.at = i
	return nil
}

// opener reads the plaintext of a sealed object.
type opener struct {
	sealed io.ReadCloser
	gcm    cipher.AEAD
	size   int64 // of the plaintext
	digest Digest

	next  int64  // the number of the chunk to read
	plain []byte // what is left of the last one
	buf   []byte
	err   error
}

// open reads the header of a sealed object of size bytes. It does not close r.
func (k *Keyring) open(r io.ReadCloser, key Key, size int64) (*opener, error) {
	plain, err := plainSize(size)
	if err != nil {
		return nil, err
	}
	header := make([]byte, headerSize)
	if _, err := io.ReadFull(r, header); err != nil {
		return nil, cut(err)
	}
	if string(header[:len(sealMagic)]) != sealMagic {
		return nil, fmt.Errorf("%w: it is not sealed", ErrCorrupt)
	}
	if v := header[len(sealMagic)]; v != sealVersion {
		return nil, wholeOr(r, fmt.Errorf("%w: it is sealed in form %d, which this program does not know", ErrDenied, v))
	}
	master := k.byID[keyID(header[8:saltAt])]
	if master == nil {
		return nil, wholeOr(r, fmt.Errorf("%w: it is sealed with key %s, which the keyring lacks", ErrWrongKey, keyID(header[8:saltAt])))
	}
	secret, err := wrapper(master, header).Open(nil, make([]byte, 12), header[wrappedAt:], wrapData(header, key))
	if err != nil {
		return nil, fmt.Errorf("%w: its header does not open under this key", ErrCorrupt)
	}
	return &opener{sealed: r, gcm: newGCM(secret[:32]), size: plain, digest: Digest(secret[32:]), buf: make([]byte, sealedChunk)}, nil
}

// wholeOr gives err if the rest of r is whole, and otherwise what is wrong with
// r: damage to a header must not look like a wrong key.
func wholeOr(r io.Reader, err error) error {
	if _, damaged := io.Copy(io.Discard, r); damaged != nil {
		return damaged
	}
	return err
}

// cut says that an object is shorter than it should be, if that is what err
// means.
func cut(err error) error {
	if err == io.EOF || err == io.ErrUnexpectedEOF {
		return fmt.Errorf("%w: it is cut short", ErrCorrupt)
	}
	return err
}

// Read is io.Reader's. It gives out only what has been authenticated.
func (o *opener) Read(p []byte) (int, error) {
	for len(o.plain) == 0 && o.err == nil {
		o.err = o.openChunk()
	}
	if len(o.plain) == 0 {
		return 0, o.err
	}
	n := copy(p, o.plain)
	o.plain = o.plain[n:]
	return n, nil
}

func (o *opener) openChunk() error {
	i, n := o.next, chunks(o.size)
	if i == n {
		return o.end()
	}
	b := o.buf[:min(sealedChunk, o.size-i*chunkSize+tagSize)]
	if _, err := io.ReadFull(o.sealed, b); err != nil {
		return cut(err)
	}
	plain, err := o.gcm.Open(b[:0], nonce(i, i == n-1), b, nil)
	if err != nil {
		return fmt.Errorf("%w: chunk %d does not open", ErrCorrupt, i)
	}
	o.plain, o.next = plain, i+1
	return nil
}

// end reads to the end of the store's own bytes, whose verdict comes last.
func (o *opener) end() error {
	switch n, err := io.Copy(io.Discard, o.sealed); {
	case err != nil:
		return err
	case n > 0:
		return fmt.Errorf("%w: it goes on after its end", ErrCorrupt)
	}
	return io.EOF
}

func (o *opener) Close() error { return o.sealed.Close() }
