package objectstore

import (
	"bytes"
	"io"
	"testing"
)

func TestPlainSizeUndoesSealedSize(t *testing.T) {
	for _, base := range []int64{0, chunkSize, 2 * chunkSize, 1000 * chunkSize, 1 << 40} {
		for plain := max(0, base-40); plain < base+40; plain++ {
			sealed := sealedSize(plain)
			if got, err := plainSize(sealed); got != plain || err != nil {
				t.Fatalf("%d bytes sealed are %d, and those %d, %v", plain, sealed, got, err)
			}
		}
	}
	for sealed := int64(-1); sealed < headerSize+chunkSize+100; sealed++ {
		if plain, err := plainSize(sealed); err == nil && sealedSize(plain) != sealed {
			t.Errorf("%d bytes are taken for a sealed %d", sealed, plain)
		}
	}
}

// TestSealedBodyIsTheSameHoweverItIsRead matters as a store reads a body again
// for every attempt, in pieces of its own choice.
func TestSealedBodyIsTheSameHoweverItIsRead(t *testing.T) {
	k, err := ParseKeyring(NewKey())
	if err != nil {
		t.Fatal(err)
	}
	b, err := seal(k.current, "a/x", BytesBody(bytes.Repeat([]byte("chart"), 40_000)))
	if err != nil {
		t.Fatal(err)
	}
	whole, err := io.ReadAll(Reader(b))
	if err != nil || int64(len(whole)) != b.Size() || BytesBody(whole).Digest() != b.Digest() {
		t.Fatalf("%d of %d bytes, %v", len(whole), b.Size(), err)
	}
	for _, size := range []int{1, 127, 4096, sealedChunk, sealedChunk + 1} {
		for off := b.Size() - 1; off >= 0; off -= 50_021 {
			p := make([]byte, size)
			n, err := b.ReadAt(p, off)
			if want := whole[off:min(b.Size(), off+int64(size))]; !bytes.Equal(p[:n], want) || n < size && err != io.EOF {
				t.Fatalf("%d bytes at %d: got %d, %v", size, off, n, err)
			}
		}
	}
}
