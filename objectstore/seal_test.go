package objectstore_test

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"chartroom/objectstore"
	"chartroom/objectstore/dir"
	"chartroom/objectstore/storetest"
)

// The form of sealed objects, as sealform.go writes it.
const (
	header = 128
	chunk  = 64<<10 + 16
)

func folder(t *testing.T, path string) *dir.Store {
	t.Helper()
	s, err := dir.Open(dir.Config{Path: path})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func ring(t *testing.T, keys ...objectstore.Secret) *objectstore.Keyring {
	t.Helper()
	var text []string
	for _, k := range keys {
		text = append(text, k.Reveal())
	}
	k, err := objectstore.ParseKeyring(objectstore.NewSecret(strings.Join(text, "\n")))
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func TestSealedContract(t *testing.T) {
	keys := ring(t, objectstore.NewKey())
	storetest.Test(t, func(t *testing.T) objectstore.Store { return objectstore.Seal(folder(t, t.TempDir()), keys) })
}

func TestSealedDamageIsNoticed(t *testing.T) {
	for name, believed := range map[string]bool{"by the store": false, "by the seal alone": true} {
		t.Run(name, func(t *testing.T) {
			var path string
			storetest.TestDamage(t, func(t *testing.T) objectstore.Store {
				path = t.TempDir()
				return objectstore.Seal(folder(t, path), ring(t, objectstore.NewKey()))
			}, func(t *testing.T, key objectstore.Key, f func([]byte) []byte) { rewrite(t, path, key, believed, f) })
		})
	}
}

// rewrite changes what a folder keeps for key. If it is to be believed, the
// store's own checksum goes away, so that only the seal is left to notice.
func rewrite(t *testing.T, path string, key objectstore.Key, believed bool, f func([]byte) []byte) {
	t.Helper()
	name := filepath.Join(path, string(key))
	b, err := os.ReadFile(name)
	if err == nil {
		err = os.WriteFile(name, f(b), 0o600)
	}
	if err == nil && believed {
		err = os.Remove(filepath.Join(path, ".sums", string(key)))
	}
	if err != nil {
		t.Fatal(err)
	}
}

func TestNoForgeryOpens(t *testing.T) {
	forgeries := map[string]func(mine, other []byte) []byte{
		"two chunks exchanged": func(b, _ []byte) []byte {
			return concat(b[:header], b[header+chunk:header+2*chunk], b[header:header+chunk], b[header+2*chunk:])
		},
		"the last chunk cut off": func(b, _ []byte) []byte { return b[:header+2*chunk] },
		"a chunk left out":       func(b, _ []byte) []byte { return concat(b[:header], b[header+chunk:]) },
		"a chunk doubled":        func(b, _ []byte) []byte { return concat(b[:header+chunk], b[header:]) },
		"all chunks cut off":     func(b, _ []byte) []byte { return b[:header] },
		"an empty last chunk":    func(b, _ []byte) []byte { return append(b, make([]byte, 16)...) },
		"another object":         func(_, other []byte) []byte { return other },
		"another's chunks":       func(b, other []byte) []byte { return concat(b[:header], other[header:]) },
		"another's header":       func(b, other []byte) []byte { return concat(other[:header], b[header:]) },
		"plain content":          func(_, _ []byte) []byte { return storetest.Content(1, 1000) },
		"the salt changed":       func(b, _ []byte) []byte { b[20] ^= 1; return b },
		"the wrapped key":        func(b, _ []byte) []byte { b[50] ^= 1; return b },
	}
	for name, forge := range forgeries {
		t.Run(name, func(t *testing.T) {
			path := t.TempDir()
			s := objectstore.Seal(folder(t, path), ring(t, objectstore.NewKey()))
			storetest.MustPut(t, s, "a/mine", storetest.Content(1, 150_000))
			storetest.MustPut(t, s, "a/other", storetest.Content(2, 150_000))
			other, err := os.ReadFile(filepath.Join(path, "a/other"))
			if err != nil {
				t.Fatal(err)
			}
			rewrite(t, path, "a/mine", true, func(b []byte) []byte { return forge(b, other) })
			if _, err := readAll(t, s, "a/mine"); !errors.Is(err, objectstore.ErrCorrupt) {
				t.Errorf("read: %v, want damaged", err)
			}
		})
	}
}

func concat(parts ...[]byte) []byte { return bytes.Join(parts, nil) }

func readAll(t *testing.T, s objectstore.Store, key objectstore.Key) ([]byte, error) {
	t.Helper()
	r, _, err := s.Open(t.Context(), key)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	return io.ReadAll(r)
}

func TestTheStoreSeesNoPlaintext(t *testing.T) {
	path := t.TempDir()
	s := objectstore.Seal(folder(t, path), ring(t, objectstore.NewKey()))
	secret := []byte("ZEUGMA, QUILLA has a chart of her own")
	storetest.MustPut(t, s, "a/one", bytes.Repeat(secret, 5000))
	storetest.MustPut(t, s, "a/two", bytes.Repeat(secret, 5000))
	var stored [][]byte
	err := filepath.WalkDir(path, func(name string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		b, err := os.ReadFile(name)
		if bytes.Contains(b, secret[:8]) {
			t.Errorf("%s holds plaintext", name)
		}
		if len(b) > 1000 {
			stored = append(stored, b)
		}
		return err
	})
	if err != nil || len(stored) != 2 || bytes.Equal(stored[0][header:header+100], stored[1][header:header+100]) {
		t.Errorf("%d objects, the same content sealed alike, %v", len(stored), err)
	}
}

func TestInfoTellsOfThePlaintext(t *testing.T) {
	s := objectstore.Seal(folder(t, t.TempDir()), ring(t, objectstore.NewKey()))
	content := storetest.Content(1, 100_000)
	storetest.MustPut(t, s, "a/x", content)
	r, info, err := s.Open(t.Context(), "a/x")
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if want := objectstore.BytesBody(content).Digest(); info.Digest != want || info.Size != 100_000 {
		t.Errorf("open: %+v", info)
	}
	if info, err := s.Stat(t.Context(), "a/x"); err != nil || !info.Digest.IsZero() || info.Size != 100_000 {
		t.Errorf("stat: %+v, %v", info, err)
	}
}

func TestAWrongMasterKeyHalts(t *testing.T) {
	path := t.TempDir()
	storetest.MustPut(t, objectstore.Seal(folder(t, path), ring(t, objectstore.NewKey())), "a/x", []byte("x"))
	inner := folder(t, path)
	wrong := objectstore.Seal(inner, ring(t, objectstore.NewKey()))
	_, _, openErr := wrong.Open(t.Context(), "a/x")
	for what, err := range map[string]error{
		"check": wrong.Check(t.Context()),
		"put":   wrong.Put(t.Context(), "a/y", objectstore.BytesBody([]byte("y"))),
		"open":  openErr,
	} {
		if !errors.Is(err, objectstore.ErrWrongKey) || !errors.Is(err, objectstore.ErrDenied) {
			t.Errorf("%s: %v", what, err)
		}
	}
	storetest.MustLack(t, inner, "a/y")
}

func TestADamagedHeaderIsNotTakenForAWrongKey(t *testing.T) {
	for name, at := range map[string]int{"version": 7, "key id": 9} {
		path := t.TempDir()
		s := objectstore.Seal(folder(t, path), ring(t, objectstore.NewKey()))
		storetest.MustPut(t, s, "a/x", []byte("x"))
		rewrite(t, path, "a/x", false, func(b []byte) []byte { b[at] ^= 1; return b })
		if _, err := readAll(t, s, "a/x"); !errors.Is(err, objectstore.ErrCorrupt) || errors.Is(err, objectstore.ErrDenied) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestKeysRotate(t *testing.T) {
	path := t.TempDir()
	first, second := objectstore.NewKey(), objectstore.NewKey()
	storetest.MustPut(t, objectstore.Seal(folder(t, path), ring(t, first)), "a/old", []byte("old"))
	both := objectstore.Seal(folder(t, path), ring(t, second, first))
	if err := both.Check(t.Context()); err != nil {
		t.Fatal(err)
	}
	storetest.MustPut(t, both, "a/old", []byte("old"))
	storetest.MustPut(t, both, "a/new", []byte("new"))
	storetest.MustHold(t, both, "a/old", []byte("old"))
	storetest.MustHold(t, both, "a/new", []byte("new"))
	for name, key := range map[string]objectstore.Secret{"old": first, "new": second} {
		one := objectstore.Seal(folder(t, path), ring(t, key))
		if err := one.Check(t.Context()); !errors.Is(err, objectstore.ErrWrongKey) {
			t.Errorf("with only the %s key: %v", name, err)
		}
	}
	if _, err := readAll(t, objectstore.Seal(folder(t, path), ring(t, first)), "a/new"); !errors.Is(err, objectstore.ErrWrongKey) {
		t.Errorf("what the new key sealed, with the old key: %v", err)
	}
}

func TestManyProcessesMayBeginASealedStore(t *testing.T) {
	path, keys := t.TempDir(), ring(t, objectstore.NewKey())
	var wg sync.WaitGroup
	for i := range 8 {
		s := objectstore.Seal(folder(t, path), keys)
		wg.Go(func() {
			if err := s.Put(t.Context(), objectstore.Key(fmt.Sprintf("a/%d", i)), objectstore.BytesBody([]byte("x"))); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
}

func TestPlainAndSealedDoNotMix(t *testing.T) {
	path := t.TempDir()
	inner := folder(t, path)
	if is, err := objectstore.IsSealed(t.Context(), inner); is || err != nil {
		t.Errorf("an empty store is sealed: %v, %v", is, err)
	}
	storetest.MustPut(t, inner, "a/plain", []byte("plain"))
	s := objectstore.Seal(inner, ring(t, objectstore.NewKey()))
	if err := s.Check(t.Context()); !errors.Is(err, objectstore.ErrDenied) {
		t.Errorf("check of a store with plain objects: %v", err)
	}

	inner = folder(t, t.TempDir())
	s = objectstore.Seal(inner, ring(t, objectstore.NewKey()))
	storetest.MustPut(t, s, "a/sealed", []byte("sealed"))
	if is, err := objectstore.IsSealed(t.Context(), inner); !is || err != nil {
		t.Errorf("a sealed store is not: %v", err)
	}
	storetest.MustPut(t, inner, "a/slipped-in", bytes.Repeat([]byte("plain"), 100))
	if _, err := readAll(t, s, "a/slipped-in"); !errors.Is(err, objectstore.ErrCorrupt) {
		t.Errorf("an object that was slipped in: %v", err)
	}
	if err := s.Put(t.Context(), "seal/mine", objectstore.BytesBody(nil)); !errors.Is(err, objectstore.ErrInvalidKey) {
		t.Errorf("put of a reserved key: %v", err)
	}
}

var update = flag.Bool("update", false, "write the golden sealed object anew: only when a new version is added")

const (
	goldenKey  = objectstore.Key("originals/00/golden")
	goldenFile = "testdata/sealed-1.bin"
	goldenRing = "testdata/keyring-1.txt"
)

// TestGoldenStaysReadable opens an object that was sealed when form 1 was new.
func TestGoldenStaysReadable(t *testing.T) {
	content := storetest.Content(2026, 70_000)
	if *update {
		writeGolden(t, content)
	}
	keys, err := objectstore.LoadKeyring(goldenRing)
	if err != nil {
		t.Fatal(err)
	}
	golden, err := os.ReadFile(goldenFile)
	if err != nil {
		t.Fatal(err)
	}
	inner := folder(t, t.TempDir())
	storetest.MustPut(t, inner, goldenKey, golden)
	storetest.MustHold(t, objectstore.Seal(inner, keys), goldenKey, content)
}

func writeGolden(t *testing.T, content []byte) {
	t.Helper()
	key := objectstore.NewKey()
	path := t.TempDir()
	storetest.MustPut(t, objectstore.Seal(folder(t, path), ring(t, key)), goldenKey, content)
	b, err := os.ReadFile(filepath.Join(path, string(goldenKey)))
	if err == nil {
		err = os.WriteFile(goldenFile, b, 0o644)
	}
	if err == nil {
		err = os.WriteFile(goldenRing, []byte("# for tests only: the key of the golden sealed object\n"+key.Reveal()+"\n"), 0o644)
	}
	if err != nil {
		t.Fatal(err)
	}
}
