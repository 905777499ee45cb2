package objectstore_test

import (
	"errors"
	"testing"

	"chartroom/objectstore"
	"chartroom/objectstore/dir"
	"chartroom/objectstore/storetest"
)

func TestNothingPlainIsPutAmongSealedObjects(t *testing.T) {
	inner, err := dir.Open(dir.Config{Path: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	keys, err := objectstore.ParseKeyring(objectstore.NewKey())
	if err != nil {
		t.Fatal(err)
	}
	storetest.MustPut(t, objectstore.Seal(inner, keys), "a/1", []byte("one"))
	forgotten := objectstore.Plain(inner)
	if err := forgotten.Put(t.Context(), "a/2", objectstore.BytesBody([]byte("two"))); !errors.Is(err, objectstore.ErrWrongKey) {
		t.Errorf("put gives %v, want ErrWrongKey", err)
	}
	if err := forgotten.Check(t.Context()); !errors.Is(err, objectstore.ErrWrongKey) {
		t.Errorf("check gives %v, want ErrWrongKey", err)
	}
	storetest.MustLack(t, inner, "a/2")
}

func TestAPlainStoreKeepsTheContract(t *testing.T) {
	storetest.Test(t, func(t *testing.T) objectstore.Store {
		inner, err := dir.Open(dir.Config{Path: t.TempDir()})
		if err != nil {
			t.Fatal(err)
		}
		return objectstore.Plain(inner)
	})
}
