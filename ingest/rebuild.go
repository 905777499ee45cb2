package ingest

import (
	"context"
	"crypto/sha256"
	"errors"
	"io"
	"iter"
	"path"
	"slices"
	"strings"

	"chartroom/catalog"
	"chartroom/objectstore"
	"chartroom/record"
)

// Rebuilt counts what Rebuild brought back.
type Rebuilt struct {
	Documents int `json:"documents"`
	Receipts  int `json:"receipts"`
	Patients  int `json:"patients"`
	Unread    int `json:"unread"`  // receipts whose scan had no record yet: they are read again
	Damaged   int `json:"damaged"` // objects that cannot be read; verify names them
}

// Rebuild empties the catalog and fills it again from the store alone: the
// registry's newest snapshot, every receipt, and the newest revision of every
// record. Scans that were stored but never read get a job. The index sees a
// new catalog and follows. progress is told the count of documents so far.
func Rebuild(ctx context.Context, store objectstore.Store, c *catalog.Catalog, progress func(Rebuilt)) (Rebuilt, error) {
	var done Rebuilt
	if err := c.Reset(ctx); err != nil {
		return done, err
	}
	if err := rebuildRegistry(ctx, store, c, &done); err != nil {
		return done, err
	}
	receipts, err := rebuildReceipts(ctx, store, c, &done)
	if err != nil {
		return done, err
	}
	if err := rebuildDocuments(ctx, store, c, receipts, &done, progress); err != nil {
		return done, err
	}
	for _, unread := range receipts {
		claim := catalog.Claim{ID: unread.ID, Folder: unread.From, Path: unread.Path, Mode: catalog.Again, Size: unread.Size}
		if _, err := c.Receive(ctx, claim, unread, catalog.Backlog); err != nil {
			return done, err
		}
		done.Unread++
	}
	return done, nil
}

// rebuildReceipts brings every receipt back and returns the first of each scan.
func rebuildReceipts(ctx context.Context, store objectstore.Store, c *catalog.Catalog, done *Rebuilt) (map[record.Digest]record.Receipt, error) {
	first := map[record.Digest]record.Receipt{}
	for info, err := range store.List(ctx, "receipts/") {
		if err != nil {
			return nil, err
		}
		b, err := readAll(ctx, store, info.Key)
		if fatal(err) {
			return nil, err
		}
		r, bad := record.UnmarshalReceipt(b)
		if err != nil || bad != nil {
			done.Damaged++
			continue
		}
		if err := c.SaveReceipt(ctx, *r); err != nil {
			return nil, err
		}
		if f, ok := first[r.Scan]; !ok || r.Received.Before(f.Received) {
			first[r.Scan] = *r
		}
		done.Receipts++
	}
	return first, nil
}

// rebuildDocuments brings the newest readable revision of every document
// back, and takes the scans it meets out of unread. Parts of a scan come before
// the whole, whose record says which of them count; without it the scan was not
// finished, and is read again.
func rebuildDocuments(ctx context.Context, store objectstore.Store, c *catalog.Catalog, unread map[record.Digest]record.Receipt, done *Rebuilt, progress func(Rebuilt)) error {
	var parts, backs []*record.Document
	fronts := map[record.Digest]*record.Document{} // by the backs' scan
	for keys, err := range revisions(ctx, store) {
		if err != nil {
			return err
		}
		d, err := newestReadable(ctx, store, keys)
		if err != nil {
			return err
		}
		if d == nil {
			done.Damaged++
			continue
		}
		if len(parts) > 0 && parts[0].Scan != d.Scan {
			parts = nil
		}
		if d.Part > 0 {
			parts = append(parts, d)
			continue
		}
		if d.Sides.Role == record.Fronts {
			fronts[d.Sides.Other] = d
		}
		if d.Sides.Role == record.Backs && d.Status != record.StatusSuperseded {
			backs = append(backs, d)
			continue
		}
		all := append(counted(parts, d), d)
		if _, err := c.SaveDocuments(ctx, all); err != nil {
			return err
		}
		delete(unread, d.Scan)
		done.Documents += len(live(all))
		progress(*done)
	}
	for _, d := range backs { // those whose fronts' record came to be written and their own did not
		if f := fronts[d.Scan]; f != nil {
			d = supersededBy(d, f)
		} else {
			done.Documents++
		}
		if _, err := c.SaveDocument(ctx, d); err != nil {
			return err
		}
		delete(unread, d.Scan)
	}
	return nil
}

// supersededBy is a document at its last revision as a superseded one, where
// another's record says that it is.
func supersededBy(d, whole *record.Document) *record.Document {
	parts := partsOf(whole)
	return &record.Document{ID: d.ID, Revision: d.Revision, Scan: d.Scan, Part: d.Part, ScanPages: d.ScanPages, Separators: d.Separators, Sides: d.Sides, Parts: parts,
		Received: d.Received, Decided: whole.Decided, DecidedBy: whole.DecidedBy, Status: record.StatusSuperseded, Reason: supersededReason(len(parts))}
}

// counted are the parts of a scan as the whole scan's record has them: those
// that it does not name are superseded, whether or not their own last revision
// came to be written.
func counted(parts []*record.Document, whole *record.Document) []*record.Document {
	for i, d := range parts {
		if d.Status == record.StatusSuperseded || slices.ContainsFunc(whole.Parts, func(p record.Part) bool { return p.ID == d.ID }) {
			continue
		}
		parts[i] = supersededBy(d, whole)
	}
	return parts
}

// partsOf names the documents that a whole scan's record stands for.
func partsOf(whole *record.Document) []record.Part {
	if whole.Status == record.StatusSuperseded {
		return whole.Parts
	}
	return []record.Part{{ID: whole.ID, Pages: spanOf(whole, len(whole.Pages))}}
}

// revisions yields the keys of one document's revisions after another, oldest
// first.
func revisions(ctx context.Context, store objectstore.Store) iter.Seq2[[]objectstore.Key, error] {
	return func(yield func([]objectstore.Key, error) bool) {
		var keys []objectstore.Key
		for info, err := range store.List(ctx, "records/") {
			if err != nil {
				yield(nil, err)
				return
			}
			if len(keys) > 0 && path.Dir(string(keys[0])) != path.Dir(string(info.Key)) {
				if !yield(keys, nil) {
					return
				}
				keys = nil
			}
			keys = append(keys, info.Key)
		}
		if len(keys) > 0 {
			yield(keys, nil)
		}
	}
}

// newestReadable returns nil where no revision can be read.
func newestReadable(ctx context.Context, store objectstore.Store, keys []objectstore.Key) (*record.Document, error) {
	for i := len(keys) - 1; i >= 0; i-- {
		d, err := ReadRecord(ctx, store, keys[i])
		if err == nil {
			return d, nil
		}
		if errors.Is(err, record.ErrNewerSchema) || fatal(err) {
			return nil, err
		}
	}
	return nil, nil
}

// fatal tells an error of the store from one of an object.
func fatal(err error) bool {
	return errors.Is(err, objectstore.ErrUnavailable) || errors.Is(err, objectstore.ErrDenied) || errors.Is(err, objectstore.ErrWrongKey) || errors.Is(err, context.Canceled)
}

// Finding is one thing that Verify found wrong. What is one of "changed",
// "missing" and "unexpected".
type Finding struct {
	What string          `json:"what"`
	Key  objectstore.Key `json:"key"`
	Why  string          `json:"why"`
}

// Verified counts what Verify read.
type Verified struct {
	Originals int   `json:"originals"`
	Records   int   `json:"records"`
	Receipts  int   `json:"receipts"`
	Others    int   `json:"others"`
	Bytes     int64 `json:"bytes"`
	Findings  int   `json:"findings"`
}

// Verify reads every object in the store: originals must hash to their name,
// records and receipts must be readable, and every document of the catalog must
// have its original and its record. Each finding is reported as it is met.
func Verify(ctx context.Context, store objectstore.Store, c *catalog.Catalog, progress func(Verified), report func(Finding)) (Verified, error) {
	v := verifier{store: store, seen: map[objectstore.Key]bool{}, progress: progress, report: report}
	for info, err := range store.List(ctx, "") {
		if err != nil {
			return v.count, err
		}
		if err := v.object(ctx, info); err != nil {
			return v.count, err
		}
	}
	for d, err := range c.Documents(ctx, catalog.Filter{All: true}) {
		if err != nil {
			return v.count, err
		}
		if err := v.document(ctx, d); err != nil {
			return v.count, err
		}
	}
	return v.count, nil
}

type verifier struct {
	store    objectstore.Store
	seen     map[objectstore.Key]bool
	count    Verified
	progress func(Verified)
	report   func(Finding)
}

func (v *verifier) found(what string, key objectstore.Key, why string) {
	v.count.Findings++
	v.report(Finding{what, key, why})
}

func (v *verifier) object(ctx context.Context, info objectstore.Info) error {
	v.seen[info.Key] = true
	var err error
	switch kind, _, _ := strings.Cut(string(info.Key), "/"); kind {
	case "originals":
		v.count.Originals++
		err = v.original(ctx, info.Key)
	case "records":
		v.count.Records++
		_, err = ReadRecord(ctx, v.store, info.Key)
	case "receipts":
		v.count.Receipts++
		var b []byte
		if b, err = readAll(ctx, v.store, info.Key); err == nil {
			_, err = record.UnmarshalReceipt(b)
		}
	case "pictures", "registry", "seal", "probe":
		v.count.Others++
		_, err = hashOf(ctx, v.store, info.Key)
	default:
		v.found("unexpected", info.Key, "nothing of chartroom's has such a name")
	}
	if fatal(err) {
		return err
	}
	if errors.Is(err, objectstore.ErrNotFound) {
		v.found("missing", info.Key, "listed, but gone")
	} else if err != nil {
		v.found("changed", info.Key, err.Error())
	}
	v.count.Bytes += info.Size
	v.progress(v.count)
	return nil
}

// hashOf reads an object to its end, which is what proves it whole.
func hashOf(ctx context.Context, store objectstore.Store, key objectstore.Key) (record.Digest, error) {
	r, _, err := store.Open(ctx, key)
	if err != nil {
		return record.Digest{}, err
	}
	defer r.Close()
	h := sha256.New()
	if _, err := io.Copy(h, r); err != nil {
		return record.Digest{}, err
	}
	return record.Digest(h.Sum(nil)), nil
}

func (v *verifier) original(ctx context.Context, key objectstore.Key) error {
	digest, err := hashOf(ctx, v.store, key)
	if err != nil {
		return err
	}
	if OriginalKey(digest) != key {
		return errors.New("its content is not what its name says")
	}
	return nil
}

// document looks for what a document needs. What came to the store after it was
// listed is asked for.
func (v *verifier) document(ctx context.Context, d *record.Document) error {
	if d.Revision == 0 {
		return nil
	}
	needed := []objectstore.Key{RecordKey(d.ID, d.Revision)}
	if d.Status != record.StatusRejected {
		needed = append(needed, OriginalKey(d.Scan))
	}
	for _, key := range needed {
		if v.seen[key] {
			continue
		}
		_, err := v.store.Stat(ctx, key)
		if fatal(err) {
			return err
		}
		if err != nil {
			v.found("missing", key, "the catalog's document "+string(d.ID)+" needs it")
		}
	}
	return nil
}
