package ingest

import (
	"bufio"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"strings"
	"time"

	"chartroom/catalog"
	"chartroom/objectstore"
	"chartroom/record"
)

// The registry lies in the store as snapshots of the whole of it, and of what
// changed after the last of those: an ADT feed changes a few patients of a
// million every minute.

const (
	wholeEnding   = ".jsonl.gz"
	changesEnding = ".changes.jsonl.gz"
)

// wholeEvery is how old the last snapshot of the whole registry may be before
// changes are written as another, so that no rebuild reads thousands.
const wholeEvery = 24 * time.Hour

// SaveRegistry writes to the store what it does not have of the registry yet,
// which Rebuild reads. temp is a folder for the snapshot while it is made.
func SaveRegistry(ctx context.Context, store objectstore.Store, c *catalog.Catalog, temp string) error {
	now, err := c.Registry(ctx)
	if err != nil {
		return fmt.Errorf("save registry: %w", err)
	}
	have, err := c.RegistryStored(ctx)
	if err != nil || have.Version >= now.Version {
		return err
	}
	total, err := c.PatientCount(ctx)
	if err != nil {
		return fmt.Errorf("save registry: %w", err)
	}
	changed, err := c.ChangedCount(ctx, have.Version)
	if err != nil {
		return fmt.Errorf("save registry: %w", err)
	}
	patients, ending := c.PatientsSince(ctx, have.Version), changesEnding
	if 4*changed > total || time.Since(have.Whole) > wholeEvery {
		patients, ending, have.Whole = c.AllPatients(ctx), wholeEnding, time.Now()
	}
	if err := putRegistry(ctx, store, patients, ending, temp); err != nil {
		return fmt.Errorf("save registry: %w", err)
	}
	have.Version = now.Version
	return c.SetRegistryStored(ctx, have)
}

// putRegistry writes patients to the store, through a file that has no name:
// a registry may be larger than the memory.
func putRegistry(ctx context.Context, store objectstore.Store, patients iter.Seq2[record.Patient, error], ending, temp string) error {
	f, err := os.CreateTemp(temp, "registry-*")
	if err != nil {
		return err
	}
	defer f.Close()
	if err := os.Remove(f.Name()); err != nil {
		return err
	}
	hash := sha256.New()
	out := bufio.NewWriterSize(io.MultiWriter(f, hash), 1<<16)
	z := gzip.NewWriter(out)
	for p, err := range patients {
		if err != nil {
			return err
		}
		line, err := record.MarshalPatientLine(&p)
		if err != nil {
			return err
		}
		if _, err := z.Write(line); err != nil {
			return err
		}
	}
	if err := errors.Join(z.Close(), out.Flush()); err != nil {
		return err
	}
	size, err := f.Seek(0, io.SeekCurrent)
	if err != nil {
		return err
	}
	digest := objectstore.Digest(hash.Sum(nil))
	key := objectstore.Key(fmt.Sprintf("registry/%s-%x%s", time.Now().UTC().Format("20060102t150405.000000000z"), digest[:6], ending))
	return store.Put(ctx, key, objectstore.NewBody(f, size, digest))
}

// rebuildRegistry brings back the newest snapshot of the whole registry and
// what was written after it.
func rebuildRegistry(ctx context.Context, store objectstore.Store, c *catalog.Catalog, done *Rebuilt) error {
	var keys []objectstore.Key
	for info, err := range store.List(ctx, "registry/") {
		if err != nil {
			return err
		}
		if !strings.HasSuffix(string(info.Key), changesEnding) {
			keys = keys[:0]
		}
		keys = append(keys, info.Key)
	}
	sum, err := c.Import(ctx, catalog.ImportOptions{Exact: true}, func(yield func(record.PatientChange, error) bool) {
		for _, key := range keys {
			for p, err := range registryLines(ctx, store, key) {
				if !yield(record.PatientChange{Kind: record.ChangeWhole, Patient: p}, err) {
					return
				}
			}
		}
	})
	if err != nil {
		return err
	}
	if done.Patients, err = c.PatientCount(ctx); err != nil || len(keys) == 0 {
		return err
	}
	return c.SetRegistryStored(ctx, catalog.Stored{Version: sum.Version, Whole: time.Now()})
}

// registryLines yields the patients of a snapshot, and the error that stops it
// short.
func registryLines(ctx context.Context, store objectstore.Store, key objectstore.Key) iter.Seq2[record.Patient, error] {
	return func(yield func(record.Patient, error) bool) {
		stored, _, err := store.Open(ctx, key)
		if err != nil {
			yield(record.Patient{}, err)
			return
		}
		defer stored.Close()
		z, err := gzip.NewReader(stored)
		if err != nil {
			yield(record.Patient{}, fmt.Errorf("read %s: %w", key, err))
			return
		}
		lines := bufio.NewScanner(z)
		lines.Buffer(nil, 1<<20)
		for lines.Scan() {
			p, err := record.UnmarshalPatientLine(lines.Bytes())
			if err != nil {
				yield(record.Patient{}, fmt.Errorf("read %s: %w", key, err))
				return
			}
			if !yield(*p, nil) {
				return
			}
		}
		if err := lines.Err(); err != nil {
			yield(record.Patient{}, fmt.Errorf("read %s: %w", key, err))
		}
	}
}
