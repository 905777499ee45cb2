package objectstore

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"
)

// Probe does the work of Check for an implementation: it stores a small object
// under a fresh key, reads it back, sees that it cannot be overwritten, finds
// it in a listing, and takes it away with remove (whose error is only reported
// if everything else went well; nil if the place cannot remove).
func Probe(ctx context.Context, s Store, remove func(context.Context, Key) error) error {
	key := Key(fmt.Sprintf("probe/%s-%s", time.Now().UTC().Format("20060102t150405"), strings.ToLower(rand.Text()[:10])))
	content := []byte("chartroom writes this to see that it can, and removes it: " + string(key) + "\n")
	err := probe(ctx, s, key, content)
	if remove != nil {
		err = errors.Join(err, remove(context.WithoutCancel(ctx), key))
	}
	return err
}

func probe(ctx context.Context, s Store, key Key, content []byte) error {
	if err := s.Put(ctx, key, BytesBody(content)); err != nil {
		return fmt.Errorf("check writing: %w", err)
	}
	if err := readProbe(ctx, s, key, content); err != nil {
		return fmt.Errorf("check reading: %w", err)
	}
	switch err := s.Put(ctx, key, BytesBody([]byte("other"))); {
	case err == nil:
		return fmt.Errorf("check overwriting: %w: the store let another content replace an object", ErrDenied)
	case !errors.Is(err, ErrExists):
		return fmt.Errorf("check overwriting: %w", err)
	}
	return listed(ctx, s, key)
}

func readProbe(ctx context.Context, s Store, key Key, content []byte) error {
	r, info, err := s.Open(ctx, key)
	if err != nil {
		return err
	}
	defer r.Close()
	got, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	if string(got) != string(content) || info.Size != int64(len(content)) {
		return ErrCorrupt
	}
	return nil
}

func listed(ctx context.Context, s Store, key Key) error {
	for info, err := range s.List(ctx, string(key)) {
		if err != nil {
			return fmt.Errorf("check listing: %w", err)
		}
		if info.Key == key {
			return nil
		}
	}
	return fmt.Errorf("check listing: %w: a new object is not in the list", ErrUnavailable)
}
