// Package ingest takes a scan on its journey, from the drop folder to the
// index.
//
// The journey has two halves. The intake (Intake) finds files in drop folders,
// waits until they stand still, claims them and enters them in the catalog:
// from then on a file is a receipt with a job. The pipeline (Pipeline) works
// the jobs: Process is the whole way of a scan, a step a line.
//
// Nothing here may lose paper. Three habits see to that: what a step has
// written, it can write again with no effect, so that every step may be killed
// anywhere and run again; the dropped file goes away last; and errors become
// one of four outcomes in one table (outcome.go), none of which drops a scan.
package ingest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"chartroom/catalog"
	"chartroom/identify"
	"chartroom/objectstore"
	"chartroom/patient"
	"chartroom/record"
	"chartroom/scan"
)

// Recogniser reads page images. It never fails for a page's sake: a page that
// cannot be read is a page in a named state. An error means that nothing can
// be read at the moment.
type Recogniser interface {
	Recognise(ctx context.Context, page int, languages string, img *scan.Image) (Reading, error)
	// Reader names engine, languages and settings: readings of one name are
	// alike. No languages are the usual ones.
	Reader(languages string) string
}

// Reading is one page as it was read, and its picture for the screen.
type Reading struct {
	Page        record.Page
	Picture     []byte // none where the page could not be decoded
	PictureType string // "image/png" or "image/webp"
}

// Index makes documents findable. Wait returns when everything up to the
// catalog's sequence number can be found.
type Index interface {
	Wait(ctx context.Context, seq int64) error
}

// PipelineConfig is what a Pipeline works with; all of it but Patterns and
// Program must be given.
type PipelineConfig struct {
	Store    objectstore.Store
	Catalog  *catalog.Catalog
	Intake   *Intake
	Reader   Recogniser
	Index    Index
	Patients patient.Finder
	Tools    scan.Tools
	Limits   scan.Limits
	Site     identify.Options
	General  Rules            // of scans that come from no drop folder named in Folders
	Folders  map[string]Rules // by the drop folder's name
	Temp     string           // folder for originals fetched back from the store
	Parallel int              // pages of one scan recognised at once; default 2
	Scans    int              // scans worked on at once; default 4
	Program  string           // who decides, in records: the program's name and version
	Log      *slog.Logger
}

// Pipeline works the jobs of received scans.
type Pipeline struct {
	PipelineConfig
	gate   gate
	events broadcast
	busy   keyed
	stuck  atomic.Pointer[error] // why the newest scan that was put off waits
}

// NewPipeline makes a pipeline; Run starts it.
func NewPipeline(c PipelineConfig) *Pipeline {
	c.Parallel = max(c.Parallel, 1)
	if c.Scans < 1 {
		c.Scans = 4
	}
	return &Pipeline{PipelineConfig: c}
}

// Run works jobs until ctx ends, then gives back what is in hand.
func (p *Pipeline) Run(ctx context.Context) error {
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return p.gate.run(ctx, p.Store, p.Log) })
	group.Go(func() error { return p.rematchDue(ctx) })
	group.Go(func() error { return p.Catalog.Work(ctx, catalog.WorkConfig{Concurrency: p.Scans}, p.work) })
	return group.Wait()
}

// Process takes a scan the whole way. It may be stopped anywhere and called
// again with the same claim.
func (p *Pipeline) Process(ctx context.Context, claim catalog.Claim) error {
	original, err := p.keep(ctx, claim)
	if err != nil {
		return fmt.Errorf("keep original: %w", err)
	}
	defer original.Close()
	pages, err := p.open(ctx, original)
	if err != nil {
		return fmt.Errorf("open scan: %w", err)
	}
	defer pages.Close()
	reading, err := p.recognise(ctx, claim.Receipt, pages)
	if err != nil {
		return fmt.Errorf("recognise: %w", err)
	}
	sheaf, err := p.collate(ctx, claim, reading)
	if err != nil {
		return fmt.Errorf("collate: %w", err)
	}
	sections, err := p.divide(ctx, claim, sheaf)
	if err != nil {
		return fmt.Errorf("divide: %w", err)
	}
	documents := make([]*record.Document, len(sections))
	for i, section := range sections {
		found := p.identify(section, claim.Receipt)
		filing, err := p.match(ctx, section, found, claim.Receipt)
		if err != nil {
			return fmt.Errorf("match patient: %w", err)
		}
		documents[i] = p.decided(claim, section, found, filing)
	}
	written, err := p.write(ctx, sheaf, documents)
	if err != nil {
		return fmt.Errorf("write record: %w", err)
	}
	if err := p.index(ctx, written); err != nil {
		return fmt.Errorf("index: %w", err)
	}
	return p.release(ctx, claim, written)
}

// Repeat takes a second receipt of a scan that has been read: its original is
// compared with what is stored, and nothing else is done again.
func (p *Pipeline) Repeat(ctx context.Context, claim catalog.Claim, documents []*record.Document) error {
	original, err := p.keep(ctx, claim)
	if err != nil {
		return fmt.Errorf("keep original: %w", err)
	}
	defer original.Close()
	if err := p.index(ctx, documents); err != nil {
		return fmt.Errorf("index: %w", err)
	}
	return p.release(ctx, claim, documents)
}

// Reject gives a receipt whose scan cannot be read its end: a record with the
// reason, and the file moved aside. A document that was read before, from
// another receipt, stays as it is: nothing is wrong with it.
func (p *Pipeline) Reject(ctx context.Context, claim catalog.Claim, reason string) error {
	if err := p.putReceipt(ctx, claim); err != nil {
		return fmt.Errorf("keep receipt: %w", err)
	}
	head, err := p.Catalog.DocumentHead(ctx, record.DocumentID(claim.Receipt.Scan, 0))
	if err != nil {
		return fmt.Errorf("look the document up: %w", err)
	}
	said := p.rejected(claim, reason)
	document := head
	if head.Revision == 0 || head.Status == record.StatusRejected && head.Reason != reason {
		if document, err = p.writeOne(ctx, said); err != nil {
			return fmt.Errorf("write record: %w", err)
		}
	}
	if err := p.index(ctx, []*record.Document{document}); err != nil {
		return fmt.Errorf("index: %w", err)
	}
	return p.release(ctx, claim, []*record.Document{said})
}

// work is one job: a scan's way, and what becomes of an error on it. Two
// receipts of one scan wait for each other.
func (p *Pipeline) work(ctx context.Context, job catalog.Job) error {
	if pile, ok := p.pile(job.Claim.Receipt); ok {
		defer p.busy.lock(pile)()
	}
	defer p.busy.lock(job.Claim.Receipt.Scan)()
	if err := p.gate.closed(); err != nil {
		return catalog.Later(gateWait, err)
	}
	documents, err := p.known(ctx, job)
	switch {
	case err != nil:
	case documents != nil:
		err = p.Repeat(ctx, job.Claim, documents)
	default:
		err = p.Process(ctx, job.Claim)
	}
	return p.outcome(ctx, job, err)
}

// known returns what an earlier job made of the scan, nil where that is
// nothing, where it was rejected (what stood in the way may be gone), or where
// reading it again is what the job is for. The whole scan's record tells: it
// is written last.
func (p *Pipeline) known(ctx context.Context, job catalog.Job) ([]*record.Document, error) {
	d, err := p.Catalog.DocumentHead(ctx, job.Document)
	if err != nil {
		return nil, fmt.Errorf("look the document up: %w", err)
	}
	again := job.Claim.Mode == catalog.Again && d.Decided.Before(job.Claim.Begun)
	if d.Revision == 0 || d.Status == record.StatusRejected || again {
		return nil, nil
	}
	if d.Status != record.StatusSuperseded {
		return []*record.Document{d}, nil
	}
	if d.Sides.Role == record.Backs {
		return p.documents(ctx, d.Sides.Other)
	}
	return p.documents(ctx, d.Scan)
}

// keep stores the original and its receipt, reads both back, and returns the
// original for reading.
func (p *Pipeline) keep(ctx context.Context, claim catalog.Claim) (*os.File, error) {
	if claim.Mode == catalog.Again {
		return p.fetch(ctx, claim.Receipt.Scan)
	}
	f, err := p.Intake.OpenClaim(claim)
	if errors.Is(err, ErrGone) {
		return p.fetch(ctx, claim.Receipt.Scan)
	}
	if err != nil {
		return nil, err
	}
	if err := p.store(ctx, claim, f); err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

// store puts an original and its receipt. Where the store holds the scan
// already it does not read the file, whose bytes are therefore looked at first:
// the file goes away in the end.
func (p *Pipeline) store(ctx context.Context, claim catalog.Claim, f *os.File) error {
	body := objectstore.NewBody(f, claim.Receipt.Size, objectstore.Digest(claim.Receipt.Scan))
	if err := objectstore.Intact(body); err != nil {
		return err
	}
	if err := p.Store.Put(ctx, OriginalKey(claim.Receipt.Scan), body); err != nil {
		return err
	}
	return p.putReceipt(ctx, claim)
}

// putReceipt stores the receipt of a claim; that of a scan taken in again is
// stored already.
func (p *Pipeline) putReceipt(ctx context.Context, claim catalog.Claim) error {
	if claim.Mode == catalog.Again {
		return nil
	}
	b, err := record.MarshalReceipt(claim.Receipt)
	if err != nil {
		return err
	}
	return p.Store.Put(ctx, ReceiptKey(claim.Receipt), objectstore.BytesBody(b))
}

// fetch brings an original back from the store into a file without a name,
// which is gone when it is closed.
func (p *Pipeline) fetch(ctx context.Context, digest record.Digest) (*os.File, error) {
	stored, _, err := p.Store.Open(ctx, OriginalKey(digest))
	if errors.Is(err, objectstore.ErrNotFound) {
		return nil, fmt.Errorf("%w, and it was not stored before: give it again", ErrGone)
	}
	if err != nil {
		return nil, err
	}
	defer stored.Close()
	f, err := os.CreateTemp(p.Temp, "original-*")
	if err != nil {
		return nil, fmt.Errorf("fetch original: %w", err)
	}
	if err := os.Remove(f.Name()); err != nil {
		f.Close()
		return nil, fmt.Errorf("fetch original: %w", err)
	}
	if _, err := io.Copy(f, stored); err != nil {
		f.Close()
		return nil, fmt.Errorf("fetch original: %w", err)
	}
	return f, nil
}

func (p *Pipeline) open(ctx context.Context, original *os.File) (*scan.Scan, error) {
	return scan.Open(ctx, p.Tools, original, p.Limits)
}

// recognise reads every page of the scan that the page ledger does not hold
// yet, several at once.
func (p *Pipeline) recognise(ctx context.Context, r *record.Receipt, s *scan.Scan) ([]record.Page, error) {
	languages := p.rules(r).Languages
	done, err := p.Catalog.Pages(ctx, r.Scan, p.Reader.Reader(languages))
	if err != nil {
		return nil, err
	}
	pages := make([]record.Page, len(s.Pages))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(p.Parallel)
	for i := range s.Pages {
		n := s.Pages[i].Number
		if page := done[n]; page != nil {
			pages[i] = *page
			continue
		}
		group.Go(func() error {
			page, err := p.page(ctx, r.Scan, languages, s, n)
			if err != nil {
				return fmt.Errorf("page %d: %w", n, err)
			}
			pages[i] = *page
			return nil
		})
	}
	return pages, group.Wait()
}

// page reads one page, keeps its picture, and enters it in the ledger.
func (p *Pipeline) page(ctx context.Context, digest record.Digest, languages string, s *scan.Scan, n int) (*record.Page, error) {
	reading, err := p.readPage(ctx, languages, s, n)
	if err != nil {
		return nil, err
	}
	page := reading.Page
	page.Number = n
	if len(reading.Picture) > 0 {
		body := objectstore.BytesBody(reading.Picture)
		key := pictureKey(digest, n, body.Digest(), reading.PictureType)
		if err := p.Store.Put(ctx, key, body); err != nil {
			return nil, fmt.Errorf("keep picture: %w", err)
		}
		page.Picture = string(key)
	}
	if err := p.Catalog.SavePage(ctx, digest, p.Reader.Reader(languages), &page); err != nil {
		return nil, err
	}
	p.events.send(Event{Pages: 1})
	return &page, nil
}

// readPage has a page's image recognised. A page of a PDF whose picture cannot
// be decoded is drawn instead; a page that cannot be had at all is a failed
// page, and its document goes on.
func (p *Pipeline) readPage(ctx context.Context, languages string, s *scan.Scan, n int) (Reading, error) {
	reading, err := p.readImage(ctx, languages, n, s.Image)
	if err == nil && reading.Page.State == record.PageFailed && s.Format == scan.PDF && !s.Pages[n-1].Rendered {
		if drawn, err := p.readImage(ctx, languages, n, s.Render); err == nil {
			return drawn, nil
		}
	}
	if bad, ok := errors.AsType[*scan.PageError](err); ok {
		return Reading{Page: record.Page{State: record.PageFailed, Reason: bad.Reason}}, nil
	}
	return reading, err
}

func (p *Pipeline) readImage(ctx context.Context, languages string, n int, image func(context.Context, int) (*scan.Image, error)) (Reading, error) {
	img, err := image(ctx, n)
	if err != nil {
		return Reading{}, err
	}
	defer img.Close()
	return p.Reader.Recognise(ctx, n, languages, img)
}

// identify finds the identifiers on a section's own pages, and on the cover
// sheet before them. Nothing on paper is dated later than the day it arrived.
func (p *Pipeline) identify(s section, r *record.Receipt) identify.Findings {
	site := p.Site
	site.Latest = r.Received.Format(time.DateOnly)
	return s.evidence(identify.Find(s.content(), s.given(r), site))
}

func (p *Pipeline) match(ctx context.Context, s section, found identify.Findings, r *record.Receipt) (patient.Decision, error) {
	filing, err := p.matchWhole(ctx, patient.Evidence{Identifiers: found.Identifiers, Date: found.Date, Pages: len(s.content())})
	return s.doubt(filing, r), err
}

// decided makes the document of what was read, found and decided.
func (p *Pipeline) decided(claim catalog.Claim, s section, found identify.Findings, filing patient.Decision) *record.Document {
	d := p.draft(claim)
	d.ID, d.Scan, d.Sides, d.Received = record.DocumentID(s.sheaf.scan, 0), s.sheaf.scan, s.sheaf.sides, s.sheaf.received
	d.Pages, d.Separators, d.Identifiers, d.DocType, d.Date = s.pages, s.separators, filing.Identifiers, found.DocType, found.Date
	if !s.whole {
		d.ScanPages = s.span
	}
	d.Status, d.Reason = filing.Status, filing.Reason
	if filing.Status == record.StatusFiled {
		d.FiledBy, d.Patient = record.FiledByAuto, filing.Patient.Ref()
	}
	return d
}

func (p *Pipeline) rejected(claim catalog.Claim, reason string) *record.Document {
	d := p.draft(claim)
	d.Status, d.Reason = record.StatusRejected, reason
	return d
}

func (p *Pipeline) draft(claim catalog.Claim) *record.Document {
	return &record.Document{ID: record.DocumentID(claim.Receipt.Scan, 0), Revision: 1, Scan: claim.Receipt.Scan,
		Received: claim.Receipt.Received, Decided: time.Now().UTC(), DecidedBy: p.Program}
}

// newest reads the last revision that the store holds of a document.
func (p *Pipeline) newest(ctx context.Context, id record.ID) (*record.Document, error) {
	var last objectstore.Key
	for info, err := range p.Store.List(ctx, "records/"+string(id)+"/") {
		if err != nil {
			return nil, err
		}
		last = info.Key
	}
	return ReadRecord(ctx, p.Store, last)
}

// index enters what a scan became in the catalog, all at once, and waits until
// it can be found.
func (p *Pipeline) index(ctx context.Context, documents []*record.Document) error {
	seq, err := p.Catalog.SaveDocuments(ctx, documents)
	if err != nil {
		return err
	}
	return p.Index.Wait(ctx, seq)
}

// release lets the dropped file go: away, or aside where it was rejected.
func (p *Pipeline) release(ctx context.Context, claim catalog.Claim, documents []*record.Document) error {
	documents = live(documents)
	var err error
	if d := documents[0]; d.Status == record.StatusRejected {
		err = p.Intake.Reject(ctx, claim, d.Reason)
	} else {
		err = p.Intake.Release(ctx, claim)
	}
	if err != nil {
		return fmt.Errorf("%w: %w", errRelease, err)
	}
	if err := p.Catalog.Release(ctx, claim.ID); err != nil {
		return fmt.Errorf("%w: %w", errRelease, err)
	}
	p.events.send(Event{Claim: claim.ID, Documents: documents})
	return nil
}

// OriginalKey is where the bytes of a scan are kept.
func OriginalKey(d record.Digest) objectstore.Key {
	s := d.String()
	return objectstore.Key("originals/" + s[:2] + "/" + s)
}

// ReceiptKey is where a receipt is kept.
func ReceiptKey(r *record.Receipt) objectstore.Key {
	return objectstore.Key("receipts/" + r.Scan.String() + "/" + strings.ToLower(r.ID) + ".json.gz")
}

// RecordKey is where a revision of a document is kept.
func RecordKey(id record.ID, revision int) objectstore.Key {
	return objectstore.Key(fmt.Sprintf("records/%s/%06d.json.gz", id, revision))
}

// pictureKey is where a page's picture is kept. It names the picture's own
// digest too: another reader may draw another picture of the same page.
func pictureKey(scan record.Digest, page int, picture objectstore.Digest, kind string) objectstore.Key {
	s := scan.String()
	return objectstore.Key(fmt.Sprintf("pictures/%s/%s/%d-%x.%s", s[:2], s, page, picture[:4], strings.TrimPrefix(kind, "image/")))
}

// ReadRecord reads a stored revision of a document.
func ReadRecord(ctx context.Context, store objectstore.Store, key objectstore.Key) (*record.Document, error) {
	b, err := readAll(ctx, store, key)
	if err != nil {
		return nil, err
	}
	return record.UnmarshalDocument(b)
}

func readAll(ctx context.Context, store objectstore.Store, key objectstore.Key) ([]byte, error) {
	r, info, err := store.Open(ctx, key)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	var b bytes.Buffer
	b.Grow(int(min(info.Size, 1<<20)))
	if _, err := b.ReadFrom(r); err != nil {
		return nil, fmt.Errorf("read %s: %w", key, err)
	}
	return b.Bytes(), nil
}

// Event tells of progress: pages read, or a claim that has its end (with the
// documents it became).
type Event struct {
	Pages     int
	Claim     string
	Documents []*record.Document
}

// Watch calls hear for every event from now on until the returned function is
// called. hear must be quick.
func (p *Pipeline) Watch(hear func(Event)) (stop func()) { return p.events.add(hear) }

type broadcast struct {
	mu    sync.Mutex
	next  int
	hears map[int]func(Event)
}

func (b *broadcast) add(hear func(Event)) func() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.hears == nil {
		b.hears = map[int]func(Event){}
	}
	id := b.next
	b.next++
	b.hears[id] = hear
	return func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		delete(b.hears, id)
	}
}

func (b *broadcast) send(e Event) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, hear := range b.hears {
		hear(e)
	}
}

// keyed holds one lock a scan, so that the same bytes dropped twice at once
// are read once.
type keyed struct {
	mu   sync.Mutex
	held map[record.Digest]*hold
}

type hold struct {
	mu    sync.Mutex
	users int
}

func (k *keyed) lock(d record.Digest) (unlock func()) {
	k.mu.Lock()
	if k.held == nil {
		k.held = map[record.Digest]*hold{}
	}
	h := k.held[d]
	if h == nil {
		h = &hold{}
		k.held[d] = h
	}
	h.users++
	k.mu.Unlock()
	h.mu.Lock()
	return func() {
		h.mu.Unlock()
		k.mu.Lock()
		defer k.mu.Unlock()
		if h.users--; h.users == 0 {
			delete(k.held, d)
		}
	}
}
