package ingest

import (
	"bytes"
	"context"
	"errors"
	"image"
	"image/png"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"chartroom/catalog"
	"chartroom/identify"
	"chartroom/objectstore"
	"chartroom/objectstore/dir"
	"chartroom/patient"
	"chartroom/record"
	"chartroom/scan"
)

// room is a pipeline on a real catalog and store, whose reader finds one word
// on every page.
type room struct {
	t     *testing.T
	dir   string
	store objectstore.Store
	*Pipeline
}

type oneWord struct{}

func (oneWord) Reader(string) string { return "one word" }

func (oneWord) Recognise(_ context.Context, n int, _ string, _ *scan.Image) (Reading, error) {
	return Reading{Page: record.Page{Number: n, State: record.PageText}}, nil
}

type noIndex struct{}

func (noIndex) Wait(context.Context, int64) error { return nil }

type nobody struct{}

func (nobody) FindPatients(context.Context, patient.Query) ([]record.Patient, error) { return nil, nil }

func newRoom(t *testing.T) *room {
	t.Helper()
	r := &room{t: t, dir: t.TempDir()}
	log := slog.New(slog.DiscardHandler)
	c, err := catalog.Open(t.Context(), catalog.Config{Path: filepath.Join(r.dir, "catalog.db")})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	store, err := dir.Open(dir.Config{Path: filepath.Join(r.dir, "store")})
	if err != nil {
		t.Fatal(err)
	}
	in, err := NewIntake(IntakeConfig{Rejected: filepath.Join(r.dir, "rejected"), MinFree: -1}, c, nil, log)
	if err != nil {
		t.Fatal(err)
	}
	r.store = store
	r.Pipeline = NewPipeline(PipelineConfig{Store: store, Catalog: c, Intake: in, Reader: oneWord{}, Index: noIndex{}, Patients: nobody{},
		Site: identify.Options{}, Temp: r.dir, Program: "test", Log: log})
	return r
}

// give writes a file and takes it in as the ingest command does, up to its
// receipt.
func (r *room) give(name string, content []byte, move bool) catalog.Claim {
	r.t.Helper()
	path := filepath.Join(r.dir, name)
	if err := os.WriteFile(path, content, 0o600); err != nil {
		r.t.Fatal(err)
	}
	for a, err := range r.Intake.Collect(r.t.Context(), []string{path}, CollectOptions{Move: move}) {
		if err != nil {
			r.t.Fatal(err)
		}
		return a.Claim
	}
	r.t.Fatal("nothing was collected")
	return catalog.Claim{}
}

// finish works the job of a claim as often as it is asked to.
func (r *room) finish(claim catalog.Claim) *record.Document {
	r.t.Helper()
	id := record.DocumentID(claim.Receipt.Scan, 0)
	if err := r.work(r.t.Context(), catalog.Job{Claim: claim, Document: id, Attempt: 1}); err != nil {
		r.t.Fatal(err)
	}
	d, err := r.Catalog.Document(r.t.Context(), id)
	if err != nil {
		r.t.Fatal(err)
	}
	return d
}

// dot is a picture like no other.
func dot(n int) []byte {
	img := image.NewGray(image.Rect(0, 0, 100, 100))
	img.Pix[n] = 255
	var b bytes.Buffer
	if err := png.Encode(&b, img); err != nil {
		panic(err)
	}
	return b.Bytes()
}

// spoil changes a file's bytes and nothing else that is seen of it.
func (r *room) spoil(claim catalog.Claim) {
	r.t.Helper()
	f, err := os.OpenFile(claim.Held.Reveal(), os.O_WRONLY, 0)
	if err == nil {
		_, err = f.WriteAt([]byte("spoiled"), 20)
		f.Close()
	}
	if err == nil {
		err = os.Chtimes(claim.Held.Reveal(), time.Time{}, claim.Mtime)
	}
	if err != nil {
		r.t.Fatal(err)
	}
}

func TestScanThatWasGoneIsReadWhenItIsGivenAgain(t *testing.T) {
	for name, lose := range map[string]func(*room, catalog.Claim){
		"removed": func(r *room, c catalog.Claim) { os.Remove(c.Held.Reveal()) },
		"changed": func(r *room, c catalog.Claim) { os.WriteFile(c.Held.Reveal(), []byte("other"), 0o600) },
		"spoiled": (*room).spoil,
	} {
		t.Run(name, func(t *testing.T) {
			r := newRoom(t)
			claim := r.give("a.png", dot(1), false)
			lose(r, claim)
			if d := r.finish(claim); d.Status != record.StatusRejected {
				t.Fatalf("a scan that is nowhere is %s", d.Status)
			}
			d := r.finish(r.give("a.png", dot(1), false))
			if d.Status == record.StatusRejected || len(d.Pages) != 1 || len(d.Receipts) != 2 {
				t.Errorf("given again it is %s with %d pages and %d receipts: %s", d.Status, len(d.Pages), len(d.Receipts), d.Reason)
			}
			r.sameAfterRebuild(d)
		})
	}
}

func TestAnotherReceiptNeverTakesAReadingAway(t *testing.T) {
	for name, lose := range map[string]func(*room, catalog.Claim){
		"changed": func(r *room, c catalog.Claim) { os.WriteFile(c.Held.Reveal(), []byte("other"), 0o600) },
		"spoiled": (*room).spoil,
	} {
		t.Run(name, func(t *testing.T) {
			r := newRoom(t)
			first := r.finish(r.give("a.png", dot(1), true))
			claim := r.give("b.png", dot(1), true)
			lose(r, claim)
			d := r.finish(claim)
			if d.Revision != first.Revision || d.Status != first.Status || len(d.Pages) != 1 {
				t.Errorf("revision %d, %s, %d pages", d.Revision, d.Status, len(d.Pages))
			}
			aside, _ := filepath.Glob(filepath.Join(r.dir, "rejected", CommandLine, "b.png"))
			if !exists(claim.Held.Reveal()) && len(aside) != 1 {
				t.Error("bytes that were never stored are gone")
			}
			r.sameAfterRebuild(d)
		})
	}
}

func TestRejectedScanGivenAgainIsNoNewRevision(t *testing.T) {
	r := newRoom(t)
	for range 3 {
		if d := r.finish(r.give("a.tif", []byte("II*\x00\x08\x00\x00\x00"), false)); d.Status != record.StatusRejected || d.Revision != 1 {
			t.Errorf("%s, revision %d: %s", d.Status, d.Revision, d.Reason)
		}
	}
}

// sameAfterRebuild rebuilds the catalog and compares a document with what it was.
func (r *room) sameAfterRebuild(want *record.Document) {
	r.t.Helper()
	if _, err := Rebuild(r.t.Context(), r.store, r.Catalog, func(Rebuilt) {}); err != nil {
		r.t.Fatal(err)
	}
	got, err := r.Catalog.Document(r.t.Context(), want.ID)
	if err != nil {
		r.t.Fatal(err)
	}
	if got.Revision != want.Revision || got.Status != want.Status || len(got.Receipts) != len(want.Receipts) || len(got.Pages) != len(want.Pages) {
		r.t.Errorf("rebuilt: revision %d, %s, %d receipts, %d pages; before: %d, %s, %d, %d", got.Revision, got.Status, len(got.Receipts), len(got.Pages),
			want.Revision, want.Status, len(want.Receipts), len(want.Pages))
	}
}

func TestVerifyBesideWorkFindsNothingWrong(t *testing.T) {
	r := newRoom(t)
	r.finish(r.give("a.png", dot(1), false))
	worked := false
	beside := func(v Verified) {
		if v.Records > 0 && !worked {
			worked = true
			r.finish(r.give("b.png", dot(2), false))
		}
	}
	v, err := Verify(t.Context(), r.store, r.Catalog, beside, func(f Finding) { t.Errorf("%s: %s: %s", f.What, f.Key, f.Why) })
	if err != nil || v.Findings != 0 {
		t.Errorf("%d findings, %v", v.Findings, err)
	}
}

// deaf is a reader on a machine that cannot read now.
type deaf struct{ oneWord }

func (deaf) Recognise(context.Context, int, string, *scan.Image) (Reading, error) {
	return Reading{}, ErrNotReading
}

func TestWaitingSaysWhy(t *testing.T) {
	r := newRoom(t)
	r.Reader = deaf{}
	claim := r.give("a.png", dot(1), false)
	if err := r.work(t.Context(), catalog.Job{Claim: claim, Document: record.DocumentID(claim.Receipt.Scan, 0), Attempt: 1}); err == nil || !errors.Is(r.Trouble(), ErrNotReading) {
		t.Errorf("the job ends with %v, the trouble is %v", err, r.Trouble())
	}
	r.Reader = oneWord{}
	r.finish(claim)
	if err := r.Trouble(); err != nil {
		t.Errorf("trouble after all is read: %v", err)
	}
}
