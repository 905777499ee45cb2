package objectstore_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"chartroom/objectstore"
	"chartroom/objectstore/storetest"
)

func TestSecretsDoNotPrint(t *testing.T) {
	key := objectstore.NewKey()
	keys := ring(t, key)
	holder := struct {
		Key  objectstore.Secret
		Ring *objectstore.Keyring
	}{key, keys}
	asJSON, err := json.Marshal(holder)
	if err != nil {
		t.Fatal(err)
	}
	printed := fmt.Sprintf("%v %+v %#v %s %q %x %d", holder, holder, holder, key, key, key, key) + string(asJSON) + fmt.Sprint(keys, *keys)
	hidden := strings.TrimPrefix(key.Reveal(), "chartroom-key-1-")
	if strings.Contains(printed, hidden[:8]) || strings.Contains(printed, fmt.Sprintf("%x", hidden[:8])) {
		t.Errorf("a secret is seen in %s", printed)
	}
	if !strings.Contains(printed, "[secret]") {
		t.Errorf("nothing says that there is a secret: %s", printed)
	}
}

func TestSecretsAreReadFromText(t *testing.T) {
	var s objectstore.Secret
	if err := s.UnmarshalText([]byte("open sesame")); err != nil || s.Reveal() != "open sesame" || s.IsZero() {
		t.Errorf("%v, zero %v", err, s.IsZero())
	}
	if !objectstore.NewSecret("").IsZero() {
		t.Error("an empty secret is one")
	}
}

func TestAKeyringIsReadAsWritten(t *testing.T) {
	a, b := objectstore.NewKey().Reveal(), objectstore.NewKey().Reveal()
	first := ring(t, objectstore.NewSecret(a)).Current()
	second := ring(t, objectstore.NewSecret(b)).Current()
	for name, text := range map[string]string{
		"lines and comments": "# mine\n\n" + a + " # in use\r\n" + b + "\n",
		"commas":             a + "," + b,
		"spaces":             " " + a + " " + b + " ",
	} {
		path := filepath.Join(t.TempDir(), "keyring")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		k, err := objectstore.LoadKeyring(path)
		if err != nil || k.Current() != first || !k.Has(second) || k.Has("0011223344556677") {
			t.Errorf("%s: %v, %v", name, k, err)
		}
	}
}

func TestASlipInAKeyringIsNamedWithoutRepeatingIt(t *testing.T) {
	good := objectstore.NewKey().Reveal()
	swapped := []byte(good)
	swapped[30] ^= 1
	for name, text := range map[string]string{
		"empty":         "",
		"only comments": "# nothing\n",
		"twice":         good + "\n" + good,
		"cut":           good[:len(good)-1],
		"changed":       string(swapped),
		"other form":    "chartroom-key-9-" + good[16:],
		"a password":    "correct-horse-battery",
	} {
		_, err := objectstore.ParseKeyring(objectstore.NewSecret(text))
		if err == nil {
			t.Errorf("%s: taken", name)
		} else if strings.Contains(err.Error(), good[20:30]) || strings.Contains(err.Error(), "horse") {
			t.Errorf("%s: the error repeats it: %v", name, err)
		}
	}
}

func TestFileBodyIsTheFilesContent(t *testing.T) {
	content := storetest.Content(1, 100_000)
	path := filepath.Join(t.TempDir(), "scan")
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	b, err := objectstore.FileBody(f)
	if want := objectstore.BytesBody(content); err != nil || b.Size() != want.Size() || b.Digest() != want.Digest() {
		t.Fatalf("%+v, %v", b, err)
	}
	if at, err := f.Seek(0, io.SeekCurrent); at != 0 || err != nil {
		t.Errorf("the file's offset moved to %d, %v", at, err)
	}
	if err := objectstore.Intact(b); err != nil {
		t.Error(err)
	}
	if err := os.WriteFile(path, content[1:], 0o600); err != nil {
		t.Fatal(err)
	}
	if err := objectstore.Intact(b); !errors.Is(err, objectstore.ErrChanged) {
		t.Errorf("after the file changed: %v", err)
	}
}

func TestVerifiedWatchesSizeAndDigest(t *testing.T) {
	content := storetest.Content(1, 1000)
	right, other := objectstore.BytesBody(content).Digest(), objectstore.Digest{1}
	for name, c := range map[string]struct {
		size    int64
		digests []objectstore.Digest
		whole   bool
	}{
		"right":               {1000, []objectstore.Digest{right}, true},
		"one of two right":    {1000, []objectstore.Digest{other, right}, true},
		"wrong digest":        {1000, []objectstore.Digest{other}, false},
		"unknown digest":      {1000, nil, true},
		"shorter than it was": {1001, nil, false},
		"longer than it was":  {999, nil, false},
	} {
		r := objectstore.Verified(io.NopCloser(bytes.NewReader(content)), c.size, c.digests...)
		_, err := io.Copy(io.Discard, r)
		if c.whole != (err == nil) || !c.whole && !errors.Is(err, objectstore.ErrCorrupt) {
			t.Errorf("%s: %v", name, err)
		}
		if _, again := r.Read(make([]byte, 1)); !c.whole && !errors.Is(again, objectstore.ErrCorrupt) {
			t.Errorf("%s: read once more: %v", name, again)
		}
	}
}

// liar is a store that says yes to everything and keeps what it likes.
type liar struct {
	objectstore.Store
	overwrites, hides bool
}

func TestProbeFindsOutWhatAStoreCannotDo(t *testing.T) {
	inner := folder(t, t.TempDir())
	if err := objectstore.Probe(t.Context(), inner, nil); err != nil {
		t.Fatalf("a good store: %v", err)
	}
	if err := objectstore.Probe(t.Context(), liar{Store: inner, overwrites: true}, nil); !errors.Is(err, objectstore.ErrDenied) {
		t.Errorf("a store that overwrites: %v", err)
	}
	if err := objectstore.Probe(t.Context(), liar{Store: inner, hides: true}, nil); !errors.Is(err, objectstore.ErrUnavailable) {
		t.Errorf("a store whose list is not complete: %v", err)
	}
}

func (l liar) Put(ctx context.Context, key objectstore.Key, body objectstore.Body) error {
	err := l.Store.Put(ctx, key, body)
	if l.overwrites && errors.Is(err, objectstore.ErrExists) {
		return nil
	}
	return err
}

func (l liar) List(ctx context.Context, prefix string) iter.Seq2[objectstore.Info, error] {
	if l.hides {
		prefix = "none"
	}
	return l.Store.List(ctx, prefix)
}
