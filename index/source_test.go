package index

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"chartroom/record"
)

// fakeCatalog keeps documents in the order of their changes, as the catalog
// promises to: each at its latest number only.
type fakeCatalog struct {
	mu    sync.Mutex
	epoch string
	seq   int64
	rows  []Change
	fail  error
}

func newFakeCatalog() *fakeCatalog { return &fakeCatalog{epoch: "first"} }

func (c *fakeCatalog) save(d *record.Document) int64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.seq++
	c.rows = slices.DeleteFunc(c.rows, func(r Change) bool { return r.Document.ID == d.ID })
	c.rows = append(c.rows, Change{c.seq, d})
	return c.seq
}

func (c *fakeCatalog) Epoch(context.Context) (string, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.epoch, c.fail
}

func (c *fakeCatalog) Head(context.Context) (int64, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.seq, c.fail
}

func (c *fakeCatalog) Changed(_ context.Context, after int64, limit int, maxBytes int64) ([]Change, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.fail != nil {
		return nil, c.fail
	}
	at, _ := slices.BinarySearchFunc(c.rows, after, func(r Change, a int64) int { return int(r.Seq - a - 1) })
	rest := c.rows[at:]
	return slices.Clone(rest[:min(limit, len(rest))]), nil
}

// pageOf makes a page of a text: a line of words a line, boxes 10 pixels a
// letter.
func pageOf(number int, text string) record.Page {
	p := record.Page{Number: number, State: record.PageText, Width: 2550, Height: 3300, DPI: 300}
	for l, line := range strings.Split(text, "\n") {
		left := 100
		for w := range strings.FieldsSeq(line) {
			p.Words = append(p.Words, record.Word{Text: record.Hide(w), Confidence: 0.9, Block: 1, Line: l + 1,
				Box: record.Box{Left: left, Top: 100 + 50*l, Width: 10 * len(w), Height: 30}})
			left += 10 * (len(w) + 1)
		}
	}
	if text == "" {
		p.State = record.PageBlank
	}
	return p
}

// documentOf makes a document of pages, named after a number.
func documentOf(n int, texts ...string) *record.Document {
	var scan record.Digest
	copy(scan[:], fmt.Sprintf("%010d", n))
	d := &record.Document{ID: record.DocumentID(scan, 0), Scan: scan, Revision: 1, Status: record.StatusReview,
		Received: time.Date(2026, 11, 20, 10, 0, 0, 0, time.UTC)}
	for i, text := range texts {
		d.Pages = append(d.Pages, pageOf(i+1, text))
	}
	return d
}

// filed files a document to a patient.
func filed(d *record.Document, mrn, name, dob string) *record.Document {
	d.Status, d.FiledBy = record.StatusFiled, record.FiledByAuto
	d.Patient = &record.PatientRef{MRN: record.Hide(mrn), Name: record.Hide(name), DOB: record.Hide(dob)}
	return d
}

func openIndex(t testing.TB, cfg Config) *Index {
	t.Helper()
	if cfg.Dir == "" {
		cfg.Dir = t.TempDir()
	}
	x, err := Open(t.Context(), cfg, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { x.Close() })
	return x
}

// indexed opens an index that holds what a catalog holds.
func indexed(t testing.TB, c *fakeCatalog, cfg Config) *Index {
	t.Helper()
	x := openIndex(t, cfg)
	if err := x.CatchUp(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	return x
}

func find(t testing.TB, x *Index, text string) Results {
	t.Helper()
	res, err := x.Search(t.Context(), Query{Text: record.Hide(text)})
	if err != nil {
		t.Fatalf("search %s: %v", text, err)
	}
	return res
}
