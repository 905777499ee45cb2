// Package storetest is the contract of package objectstore as a test suite,
// and what tests of other packages need to stand on a real store: an S3 server
// that can be stopped and started, and a proxy that breaks connections.
//
// Every implementation and every wrapper runs Test; those whose stored bytes a
// test can reach run TestDamage too.
package storetest

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	mathrand "math/rand/v2"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"chartroom/objectstore"
)

// Test checks the promises of objectstore.Store. open gives an empty store for
// each call, on a place of its own.
func Test(t *testing.T, open func(t *testing.T) objectstore.Store) {
	for _, promise := range []struct {
		name string
		test func(*testing.T, objectstore.Store)
	}{
		{"what is put is read back, whatever its size", readsBack},
		{"a missing object is not found", missing},
		{"the same content again is success", sameAgain},
		{"other content never replaces what is there", otherRefused},
		{"of racers with different content one wins", racersDiffer},
		{"racers with the same content all succeed", racersAgree},
		{"a body that is not what it says is not stored", lyingBody},
		{"a body that cannot be read is not stored", brokenBody},
		{"keys outside the rules are refused", badKeys},
		{"listing is complete and in order", lists},
		{"listing can be left early", listsEarly},
		{"a reader may be closed early", closesEarly},
		{"an ended context ends the call and stores nothing half", endedContext},
		{"a healthy store passes its check and is left as it was", checks},
	} {
		t.Run(promise.name, func(t *testing.T) { promise.test(t, open(t)) })
	}
}

// Content is n bytes that do not compress and are the same for the same seed.
func Content(seed uint64, n int) []byte {
	b := make([]byte, n)
	r := mathrand.NewChaCha8([32]byte{byte(seed), byte(seed >> 8), byte(seed >> 16), byte(seed >> 24)})
	r.Read(b)
	return b
}

// Key is the key under which the suite keeps content, made like that of an
// original.
func Key(content []byte) objectstore.Key {
	d := objectstore.BytesBody(content).Digest().String()
	return objectstore.Key("originals/" + d[:2] + "/" + d)
}

// MustPut puts content and fails the test if that fails.
func MustPut(t *testing.T, s objectstore.Store, key objectstore.Key, content []byte) {
	t.Helper()
	if err := s.Put(t.Context(), key, objectstore.BytesBody(content)); err != nil {
		t.Fatalf("put %s: %v", key, err)
	}
}

// MustHold fails the test unless key holds content.
func MustHold(t *testing.T, s objectstore.Store, key objectstore.Key, content []byte) {
	t.Helper()
	got, info, err := read(t.Context(), s, key)
	if err != nil {
		t.Fatalf("read %s: %v", key, err)
	}
	if !bytes.Equal(got, content) {
		t.Fatalf("read %s: %d bytes that are not the %d put", key, len(got), len(content))
	}
	if info.Key != key || info.Size != int64(len(content)) {
		t.Fatalf("info of %s: %+v", key, info)
	}
	if d := objectstore.BytesBody(content).Digest(); !info.Digest.IsZero() && info.Digest != d {
		t.Fatalf("info of %s: digest %s, want %s", key, info.Digest, d)
	}
}

// MustLack fails the test unless key holds nothing.
func MustLack(t *testing.T, s objectstore.Store, key objectstore.Key) {
	t.Helper()
	if _, err := s.Stat(t.Context(), key); !errors.Is(err, objectstore.ErrNotFound) {
		t.Fatalf("stat %s: %v, want not found", key, err)
	}
	if _, _, err := read(t.Context(), s, key); !errors.Is(err, objectstore.ErrNotFound) {
		t.Fatalf("open %s: %v, want not found", key, err)
	}
}

func read(ctx context.Context, s objectstore.Store, key objectstore.Key) ([]byte, objectstore.Info, error) {
	r, info, err := s.Open(ctx, key)
	if err != nil {
		return nil, info, err
	}
	defer r.Close()
	b, err := io.ReadAll(r)
	return b, info, err
}

func wantError(t *testing.T, got, want error, what string) {
	t.Helper()
	if !errors.Is(got, want) {
		t.Errorf("%s: %v, want %v", what, got, want)
	}
}

func readsBack(t *testing.T, s objectstore.Store) {
	const chunk = 64 << 10 // the size at which a sealing store begins a new chunk
	for i, size := range []int{0, 1, 2, 4095, 4096, chunk - 1, chunk, chunk + 1, 3 * chunk, 5<<20 + 17} {
		content := Content(uint64(i), size)
		key := Key(content)
		MustPut(t, s, key, content)
		MustHold(t, s, key, content)
		info, err := s.Stat(t.Context(), key)
		if err != nil || info.Key != key || info.Size != int64(size) || info.Modified.IsZero() {
			t.Errorf("stat of %d bytes: %+v, %v", size, info, err)
		}
	}
	MustPut(t, s, "records/doc-1/000001.json.gz", []byte("first"))
	MustPut(t, s, "records/doc-1/000002.json.gz", []byte("second"))
	MustHold(t, s, "records/doc-1/000001.json.gz", []byte("first"))
	MustHold(t, s, "records/doc-1/000002.json.gz", []byte("second"))
}

func missing(t *testing.T, s objectstore.Store) {
	MustLack(t, s, "originals/ab/absent")
	MustPut(t, s, "originals/ab/there", []byte("x"))
	MustLack(t, s, "originals/ab/absent")
	MustLack(t, s, "originals/ab")
}

func sameAgain(t *testing.T, s objectstore.Store) {
	content := Content(1, 100_000)
	for range 3 {
		MustPut(t, s, "a/same", content)
	}
	MustHold(t, s, "a/same", content)
	MustPut(t, s, "a/empty", nil)
	MustPut(t, s, "a/empty", nil)
}

func otherRefused(t *testing.T, s objectstore.Store) {
	content := Content(2, 70_000)
	MustPut(t, s, "a/kept", content)
	changed := bytes.Clone(content)
	changed[69_999] ^= 1
	for name, other := range map[string][]byte{"same length": changed, "shorter": content[:10], "longer": append(bytes.Clone(content), 0), "empty": nil} {
		wantError(t, s.Put(t.Context(), "a/kept", objectstore.BytesBody(other)), objectstore.ErrExists, name)
	}
	MustHold(t, s, "a/kept", content)
}

const racers = 16

func racersDiffer(t *testing.T, s objectstore.Store) {
	var won atomic.Int32
	var winner atomic.Int64
	race(func(i int) {
		err := s.Put(t.Context(), "a/race", objectstore.BytesBody(Content(uint64(100+i), 20_000)))
		switch {
		case err == nil:
			won.Add(1)
			winner.Store(int64(i))
		case !errors.Is(err, objectstore.ErrExists):
			t.Errorf("racer %d: %v", i, err)
		}
	})
	if won.Load() != 1 {
		t.Fatalf("%d of %d racers won", won.Load(), racers)
	}
	MustHold(t, s, "a/race", Content(uint64(100+winner.Load()), 20_000))
}

func racersAgree(t *testing.T, s objectstore.Store) {
	content := Content(3, 200_000)
	race(func(i int) {
		if err := s.Put(t.Context(), "b/race", objectstore.BytesBody(content)); err != nil {
			t.Errorf("racer %d: %v", i, err)
		}
	})
	MustHold(t, s, "b/race", content)
}

func race(run func(i int)) {
	var wg sync.WaitGroup
	start := make(chan struct{})
	for i := range racers {
		wg.Go(func() {
			<-start
			run(i)
		})
	}
	close(start)
	wg.Wait()
}

func lyingBody(t *testing.T, s objectstore.Store) {
	content := Content(4, 50_000)
	right := objectstore.BytesBody(content)
	for name, body := range map[string]objectstore.Body{
		"digest": objectstore.NewBody(bytes.NewReader(content), right.Size(), objectstore.Digest{1}),
		"longer": objectstore.NewBody(bytes.NewReader(content), right.Size()+1, right.Digest()),
		"less":   objectstore.NewBody(bytes.NewReader(content), right.Size()-1, right.Digest()),
	} {
		key := objectstore.Key("lies/" + name)
		wantError(t, s.Put(t.Context(), key, body), objectstore.ErrChanged, name)
		MustLack(t, s, key)
	}
}

var errDisk = errors.New("the source cannot be read")

type brokenAt struct {
	r  *bytes.Reader
	at int64
}

func (b brokenAt) ReadAt(p []byte, off int64) (int, error) {
	if off+int64(len(p)) > b.at {
		return 0, errDisk
	}
	return b.r.ReadAt(p, off)
}

func brokenBody(t *testing.T, s objectstore.Store) {
	content := Content(5, 300_000)
	good := objectstore.BytesBody(content)
	body := objectstore.NewBody(brokenAt{bytes.NewReader(content), 150_000}, good.Size(), good.Digest())
	err := s.Put(t.Context(), "a/broken", body)
	wantError(t, err, errDisk, "put")
	for _, sentinel := range []error{objectstore.ErrUnavailable, objectstore.ErrDenied, objectstore.ErrFull, objectstore.ErrCorrupt} {
		if errors.Is(err, sentinel) {
			t.Errorf("the fault of the source is blamed on the store: %v", err)
		}
	}
	MustLack(t, s, "a/broken")
	MustPut(t, s, "a/broken", content)
}

func badKeys(t *testing.T, s objectstore.Store) {
	for _, key := range []objectstore.Key{"", "/", "/a", "a/", "a//b", ".", "..", "a/../b", "./a", "a/.b", ".a", "A", "ä", "a b", "a\\b", "a\x00b", "a\nb",
		"a%2fb", objectstore.Key(strings.Repeat("a", 256)), objectstore.Key(strings.Repeat("a/", 256) + "a")} {
		name := fmt.Sprintf("%.20q", string(key))
		wantError(t, s.Put(t.Context(), key, objectstore.BytesBody(nil)), objectstore.ErrInvalidKey, "put "+name)
		_, _, err := s.Open(t.Context(), key)
		wantError(t, err, objectstore.ErrInvalidKey, "open "+name)
		_, err = s.Stat(t.Context(), key)
		wantError(t, err, objectstore.ErrInvalidKey, "stat "+name)
	}
	for _, prefix := range []string{"/", "../", "a/../", ".", "A"} {
		_, err := keys(t.Context(), s, prefix)
		wantError(t, err, objectstore.ErrInvalidKey, "list "+prefix)
	}
	if got, err := keys(t.Context(), s, ""); err != nil || len(got) > 0 {
		t.Errorf("after refusals the store holds %q, %v", got, err)
	}
	long := objectstore.Key(strings.Repeat("a", 200) + "/" + strings.Repeat("b-._0", 40))
	MustPut(t, s, long, []byte("x"))
	MustHold(t, s, long, []byte("x"))
}

func keys(ctx context.Context, s objectstore.Store, prefix string) ([]string, error) {
	var got []string
	for info, err := range s.List(ctx, prefix) {
		if err != nil {
			return got, err
		}
		if info.Size != int64(len(info.Key)) {
			return got, fmt.Errorf("size of %s in the list: %d", info.Key, info.Size)
		}
		got = append(got, string(info.Key))
	}
	return got, nil
}

func lists(t *testing.T, s objectstore.Store) {
	var put []string
	for _, key := range []string{"a", "a-b", "a.b", "a0", "b/c", "b/c-d", "b/c.d/e", "b/c0", "b/cc/d/e/f", "b-/x", "b/_", "originals/ab/1", "originals/ac/2", "records/x/000001.json.gz"} {
		MustPut(t, s, objectstore.Key(key), []byte(key))
		put = append(put, key)
	}
	for i := range 30 {
		key := fmt.Sprintf("many/%03d/%d", i*7%30, i)
		MustPut(t, s, objectstore.Key(key), []byte(key))
		put = append(put, key)
	}
	slices.Sort(put)
	for _, prefix := range []string{"", "a", "a-", "b", "b/", "b/c", "b/c.", "originals/", "originals/a", "originals/ab/", "many/01", "none", "b/cc/d/e/f", "a/b/c"} {
		var want []string
		for _, key := range put {
			if strings.HasPrefix(key, prefix) {
				want = append(want, key)
			}
		}
		got, err := keys(t.Context(), s, prefix)
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("list %q: %v\n got %q\nwant %q", prefix, err, got, want)
		}
	}
}

func listsEarly(t *testing.T, s objectstore.Store) {
	for i := range 5 {
		MustPut(t, s, objectstore.Key(fmt.Sprintf("k/%d", i)), []byte("x"))
	}
	for range 3 {
		n := 0
		for _, err := range s.List(t.Context(), "k/") {
			if err != nil {
				t.Fatal(err)
			}
			if n++; n == 2 {
				break
			}
		}
	}
	MustPut(t, s, "k/9", []byte("x"))
}

func closesEarly(t *testing.T, s objectstore.Store) {
	content := Content(6, 2<<20)
	MustPut(t, s, "a/large", content)
	for range 4 {
		r, _, err := s.Open(t.Context(), "a/large")
		if err != nil {
			t.Fatal(err)
		}
		head := make([]byte, 1000)
		if _, err := io.ReadFull(r, head); err != nil || !bytes.Equal(head, content[:1000]) {
			t.Fatalf("head: %v", err)
		}
		if err := r.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	}
	MustHold(t, s, "a/large", content)
}

func endedContext(t *testing.T, s objectstore.Store) {
	content := Content(7, 1<<20)
	MustPut(t, s, "a/there", content)
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	wantError(t, s.Put(ended, "a/new", objectstore.BytesBody(content)), context.Canceled, "put")
	MustLack(t, s, "a/new")
	_, _, err := read(ended, s, "a/there")
	wantError(t, err, context.Canceled, "open")
	_, err = s.Stat(ended, "a/there")
	wantError(t, err, context.Canceled, "stat")
	_, err = keys(ended, s, "")
	wantError(t, err, context.Canceled, "list")
	wantError(t, s.Check(ended), context.Canceled, "check")
	endedMidway(t, s, content)
}

// endedMidway ends the context while the body is being read.
func endedMidway(t *testing.T, s objectstore.Store, content []byte) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	good := objectstore.BytesBody(content)
	body := objectstore.NewBody(&endsContext{bytes.NewReader(content), cancel}, good.Size(), good.Digest())
	wantError(t, s.Put(ctx, "a/midway", body), context.Canceled, "put midway")
	if info, err := s.Stat(t.Context(), "a/midway"); err == nil && info.Size != good.Size() {
		t.Errorf("half an object was left: %+v", info)
	}
	MustPut(t, s, "a/midway", content)
	MustHold(t, s, "a/midway", content)
}

type endsContext struct {
	*bytes.Reader
	end func()
}

func (e *endsContext) ReadAt(p []byte, off int64) (int, error) {
	if off > 100_000 {
		e.end()
	}
	return e.Reader.ReadAt(p, off)
}

func checks(t *testing.T, s objectstore.Store) {
	key := "a/" + strings.ToLower(rand.Text())
	MustPut(t, s, objectstore.Key(key), []byte(key))
	for range 2 {
		if err := s.Check(t.Context()); err != nil {
			t.Fatalf("check: %v", err)
		}
	}
	got, err := keys(t.Context(), s, "")
	if err != nil || !slices.Equal(got, []string{key}) {
		t.Errorf("after the check the store holds %q, %v", got, err)
	}
}

// TestDamage checks that bytes changed behind the store's back are never
// passed off as whole. open gives an empty store; damage rewrites what that
// store keeps for key, as f says, in the place itself.
func TestDamage(t *testing.T, open func(t *testing.T) objectstore.Store, damage func(t *testing.T, key objectstore.Key, f func([]byte) []byte)) {
	content := Content(8, 150_000)
	for name, f := range map[string]func([]byte) []byte{
		"one bit at the start":  func(b []byte) []byte { b[0] ^= 1; return b },
		"one bit in the middle": func(b []byte) []byte { b[len(b)/2] ^= 4; return b },
		"one bit at the end":    func(b []byte) []byte { b[len(b)-1] ^= 128; return b },
		"cut":                   func(b []byte) []byte { return b[:len(b)/3] },
		"last byte cut":         func(b []byte) []byte { return b[:len(b)-1] },
		"longer":                func(b []byte) []byte { return append(b, 0) },
		"zeros":                 func(b []byte) []byte { clear(b); return b },
		"emptied":               func(b []byte) []byte { return nil },
	} {
		t.Run(name, func(t *testing.T) {
			s := open(t)
			MustPut(t, s, "a/damaged", content)
			damage(t, "a/damaged", f)
			if _, _, err := read(t.Context(), s, "a/damaged"); !errors.Is(err, objectstore.ErrCorrupt) {
				t.Errorf("read: %v, want damaged", err)
			}
			if err := s.Put(t.Context(), "a/damaged", objectstore.BytesBody(content)); !errors.Is(err, objectstore.ErrCorrupt) {
				t.Errorf("put of the same again: %v, want damaged: the source is the only whole copy", err)
			}
		})
	}
}
