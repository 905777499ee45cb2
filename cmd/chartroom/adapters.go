package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"syscall"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"chartroom/catalog"
	"chartroom/index"
	"chartroom/ingest"
	"chartroom/objectstore"
	"chartroom/ocr"
	"chartroom/patient"
	"chartroom/record"
	"chartroom/scan"
	"chartroom/web"
)

// The rooms do not know each other. This file hands each what another has, in
// the form it asks for.

// recogniser is the OCR pool as the pipeline sees it.
type recogniser struct{ pool *ocr.Pool }

func (r recogniser) Reader(languages string) string { return r.pool.Reader(languages) }

func (r recogniser) Recognise(ctx context.Context, page int, languages string, img *scan.Image) (ingest.Reading, error) {
	got, err := r.pool.Recognise(ctx, ocr.Image{File: img.File, Codec: img.Codec, Frame: img.Frame, Turn: img.Turn, Mirror: img.Mirror,
		DPIX: img.DPIX, DPIY: img.DPIY, Words: img.Words, Languages: languages, Number: page})
	if err != nil {
		if ctx.Err() == nil {
			err = fmt.Errorf("%w: %w", ingest.ErrNotReading, err)
		}
		return ingest.Reading{}, err
	}
	got.Page.PictureWidth, got.Page.Cleaned = got.PictureWidth, got.Cleaned
	return ingest.Reading{Page: got.Page, Picture: got.Picture, PictureType: got.PictureType}, nil
}

// findable is the index as the pipeline sees it.
type findable struct{ index *index.Index }

// findableWithin is how long a scan waits to be found. The index is a cache: it
// follows by itself, and while a lost one is built again no scan is held up.
const findableWithin = 30 * time.Second

func (f findable) Wait(ctx context.Context, seq int64) error {
	f.index.Notify()
	within, cancel := context.WithTimeout(ctx, findableWithin)
	defer cancel()
	if err := f.index.Wait(within, seq); ctx.Err() != nil || !errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	return nil
}

// finder is the catalog's registry as the matcher sees it.
type finder struct{ catalog *catalog.Catalog }

func (f finder) FindPatients(ctx context.Context, q patient.Query) ([]record.Patient, error) {
	found, err := f.catalog.FindPatients(ctx, catalog.PatientQuery{MRN: record.Hide(q.MRN), DOB: record.Hide(q.DOB), Last: record.Hide(q.Last), SSN: record.Hide(q.SSN),
		MBI: record.Hide(q.MBI), NHS: record.Hide(q.NHS), Phone: record.Hide(q.Phone), Near: q.Near, Sounds: record.Hide(q.Sounds), Given: record.Hide(q.Given), Year: q.Year, Limit: q.Limit})
	if errors.Is(err, catalog.ErrTooMany) {
		err = fmt.Errorf("%w: %w", patient.ErrTooMany, err)
	}
	return found, err
}

// changes is the catalog as the index sees it.
type changes struct{ catalog *catalog.Catalog }

func (c changes) Head(ctx context.Context) (int64, error) { return c.catalog.Head(ctx) }

func (c changes) Epoch(ctx context.Context) (string, error) { return c.catalog.Epoch(ctx) }

func (c changes) Changed(ctx context.Context, after int64, limit int, maxBytes int64) ([]index.Change, error) {
	found, err := c.catalog.Changed(ctx, after, limit, maxBytes)
	out := make([]index.Change, len(found))
	for i, f := range found {
		out[i] = index.Change{Seq: f.Seq, Document: f.Document}
	}
	return out, err
}

// documents is the catalog as the pages see it.
type documents struct{ catalog *catalog.Catalog }

func (d documents) Head(ctx context.Context, id record.ID) (*record.Document, error) {
	doc, err := d.catalog.DocumentHead(ctx, id)
	return doc, absent(err)
}

func (d documents) Document(ctx context.Context, id record.ID) (*record.Document, error) {
	doc, err := d.catalog.Document(ctx, id)
	return doc, absent(err)
}

func (d documents) Page(ctx context.Context, id record.ID, n int) (*record.Page, error) {
	page, err := d.catalog.Page(ctx, id, n)
	return page, absent(err)
}

func (d documents) List(ctx context.Context, f web.Filter) iter.Seq2[*record.Document, error] {
	return d.catalog.Documents(ctx, catalog.Filter{Status: f.Status, Text: f.Text, Newest: f.Newest, After: f.After, Limit: f.Limit})
}

func (d documents) Retry(ctx context.Context, id record.ID) error {
	return absent(d.catalog.Retry(ctx, id))
}

// absent turns the rooms' own words for "there is none" into the pages'.
func absent(err error) error {
	if errors.Is(err, catalog.ErrNotFound) || errors.Is(err, objectstore.ErrNotFound) {
		return web.ErrNotFound
	}
	return err
}

// searcher is the index as the pages see it.
type searcher struct{ index *index.Index }

func (s searcher) Search(ctx context.Context, q web.Query) (web.Results, error) {
	query := index.Query{Text: q.Text, Limit: q.Limit, After: q.After, Document: q.Document, ByDocument: q.ByDocument}
	if q.Status != "" {
		query.Scope.Only = []index.Match{{Field: "status", Values: []string{string(q.Status)}}}
	}
	found, err := s.index.Search(ctx, query)
	if e, ok := errors.AsType[*index.QueryError](err); ok {
		return web.Results{}, &web.QueryError{Message: record.Hide(e.Problem)}
	}
	if errors.Is(err, index.ErrClosed) {
		return web.Results{}, web.ErrBusy
	}
	if err != nil {
		return web.Results{}, err
	}
	out := web.Results{Total: found.Total, Next: found.Next, Partial: found.Partial, Cut: found.Cut}
	for _, h := range found.Hits {
		out.Hits = append(out.Hits, web.Hit{ID: h.Document, Page: h.Page, Score: h.Score, Spans: h.Spans, Kinds: h.Kinds, More: h.More})
	}
	return out, nil
}

// files is the store as the pages see it.
type files struct{ store objectstore.Store }

func (f files) Original(ctx context.Context, d record.Digest) (io.ReadCloser, int64, error) {
	return f.open(ctx, ingest.OriginalKey(d))
}

func (f files) Picture(ctx context.Context, key string) (io.ReadCloser, int64, error) {
	return f.open(ctx, objectstore.Key(key))
}

func (f files) open(ctx context.Context, key objectstore.Key) (io.ReadCloser, int64, error) {
	r, info, err := f.store.Open(ctx, key)
	return r, info.Size, absent(err)
}

// system tells the pages how the program is doing.
type system struct{ app *app }

// shownFailures and shownWaiting bound what the status page lists.
const (
	shownFailures = 50
	shownWaiting  = 20
	rateOver      = 10 * time.Minute
)

func (s system) Status(ctx context.Context) (web.Status, error) {
	a := s.app
	counts, err := a.catalog.Counts(ctx)
	if err != nil {
		return web.Status{}, err
	}
	pages, err := a.catalog.Rate(ctx, rateOver)
	if err != nil {
		return web.Status{}, err
	}
	failures, err := a.catalog.Failures(ctx, shownFailures)
	if err != nil {
		return web.Status{}, err
	}
	over := min(rateOver, max(time.Since(a.started), time.Minute))
	out := web.Status{Started: a.started, Documents: counts.Documents, Pages: counts.Pages, Waiting: counts.Waiting + counts.Delayed, Working: counts.Running,
		PagesPerMinute: float64(pages) / over.Minutes(), FailuresTotal: max(len(failures), counts.Documents[record.StatusRejected]), Index: a.indexState()}
	for _, f := range failures {
		out.Failures = append(out.Failures, web.Failure{ID: f.Document, File: f.File, Reason: f.Reason, Attempts: f.Attempts, At: f.Since, Next: f.Next, Retry: f.Document != ""})
	}
	out.Folders, out.Outbox = a.folders(), a.outbox(ctx)
	return out, nil
}

func (a *app) indexState() web.Index {
	p := a.index.Progress()
	return web.Index{Indexed: p.Indexed, Head: p.Of, Rebuilding: p.Rebuilding, Documents: int64(a.index.Stats().Pages)}
}

func (a *app) folders() (out []web.Folder) {
	for _, f := range a.intake.State() {
		w := web.Folder{Name: f.Name, Path: f.Path, State: "ok", Reason: f.Reason, LastScan: f.LastScan, Held: f.WaitingTotal}
		if !f.OK {
			w.State = "degraded"
		}
		for _, x := range f.Waiting[:min(len(f.Waiting), shownWaiting)] {
			w.Waiting = append(w.Waiting, web.WaitingFile{File: x.Path, Why: x.Why, Since: x.Since})
		}
		out = append(out, w)
	}
	return out
}

// outbox is what is claimed and not yet safe in the store.
func (a *app) outbox(ctx context.Context) (out web.Outbox) {
	claims, err := a.catalog.Claims(ctx)
	if err != nil {
		return out
	}
	for _, c := range claims {
		out.Objects++
		out.Bytes += c.Size
		if out.Oldest.IsZero() || c.Begun.Before(out.Oldest) {
			out.Oldest = c.Begun
		}
	}
	return out
}

// Health probes store, catalog, index and disk, for as long as a person waits.
func (s system) Health(ctx context.Context) []web.Check {
	ctx, cancel := context.WithTimeout(ctx, 4*time.Second)
	defer cancel()
	a := s.app
	check := func(name, fine string, err error) web.Check {
		if err != nil {
			return web.Check{Name: name, Detail: err.Error()}
		}
		return web.Check{Name: name, OK: true, Detail: fine}
	}
	return []web.Check{
		check("store", a.cfg.Store.Kind, errors.Join(a.pipeline.Halted(), a.store.Check(ctx))),
		check("catalog", "answers", a.catalog.Check(ctx)),
		check("index", fmt.Sprintf("%d behind", a.indexState().Behind()), a.indexHealth()),
		check("disk", "room enough", a.diskHealth()),
	}
}

func (a *app) indexHealth() error {
	if p := a.index.Progress(); p.Down > 0 {
		return fmt.Errorf("%d shards are out of service", p.Down)
	}
	return nil
}

// diskHealth says whether the data folder has the room that intake asks for.
func (a *app) diskHealth() error {
	var st syscall.Statfs_t
	if err := syscall.Statfs(a.cfg.Data, &st); err != nil {
		return errors.New("the data folder cannot be asked for its free space")
	}
	free := int64(st.Bavail) * st.Bsize
	if least := int64(a.cfg.Limits.FreeMB) << 20; free < least {
		return fmt.Errorf("%d MB are free in the data folder; below %d MB nothing is claimed: make room", free>>20, least>>20)
	}
	return nil
}

// countsCollector shows the catalog's counts as metrics, asked for only when
// somebody looks.
type countsCollector struct{ catalog *catalog.Catalog }

var (
	documentsDesc = prometheus.NewDesc("chartroom_documents", "Documents by status.", []string{"status"}, nil)
	pagesDesc     = prometheus.NewDesc("chartroom_pages", "Pages by the state their reading ended in.", []string{"state"}, nil)
	jobsDesc      = prometheus.NewDesc("chartroom_jobs", "Jobs that wait, run or are put off.", []string{"state"}, nil)
)

func (c *countsCollector) Describe(ch chan<- *prometheus.Desc) {
	ch <- documentsDesc
	ch <- pagesDesc
	ch <- jobsDesc
}

func (c *countsCollector) Collect(ch chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	n, err := c.catalog.Counts(ctx)
	if err != nil {
		return
	}
	gauge := func(d *prometheus.Desc, v int, label string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, float64(v), label)
	}
	for status, v := range n.Documents {
		gauge(documentsDesc, v, string(status))
	}
	for state, v := range n.Pages {
		gauge(pagesDesc, v, string(state))
	}
	gauge(jobsDesc, n.Waiting, "waiting")
	gauge(jobsDesc, n.Running, "running")
	gauge(jobsDesc, n.Delayed, "delayed")
}
