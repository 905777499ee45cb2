// Package index finds documents by what stands on their pages and by whom they
// belong to. Bleve lives here, alone.
//
// The index is a cache and is treated as one: everything in it follows from
// the catalog, and whenever there is doubt about it (it will not open, a
// checksum is wrong, its version is old, the catalog is another one) it is set
// aside and built again, while searches are answered from what there is and
// say that they are partial. An empty answer is never given as the truth
// unless it is.
//
// A page is one entry, named after its document and number, and carries
// everything known of the document, so that a page is found under its patient
// however badly it was read (page.go). What was typed is parsed (parse.go),
// planned (plan.go) and looked up, exact first, then what resembles it
// (best.go, alike.go). Each batch of pages is written together with the number
// of the last change it holds (shard.go), and [Index.Run] follows the catalog
// from there (follow.go).
package index

import (
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"

	"chartroom/record"
	"github.com/blevesearch/bleve/v2"
)

// Config says where the index lies and what it may take. All but Dir has
// defaults.
type Config struct {
	Dir          string        // made if missing
	Shards       int           // 1; more only pay on many cores, or to rebuild in pieces
	DayFirst     bool          // 3/4/2011 in a query is 3 April
	Deadline     time.Duration // of one search: 5 s
	OpenTimeout  time.Duration // of opening one shard: 60 s
	BatchTimeout time.Duration // of writing one batch: 2 min
	BatchPages   int           // 1000
	BatchBytes   int64         // of page text: 16 MiB
	Poll         time.Duration // how often the catalog is asked without Notify: 2 s
	ScrubEvery   time.Duration // how often all checksums are compared: 24 h
	ScrubAtOpen  int64         // up to this size that is done at opening: 512 MiB
}

func (c Config) withDefaults() Config {
	setDefault(&c.Shards, 1)
	setDefault(&c.Deadline, 5*time.Second)
	setDefault(&c.OpenTimeout, time.Minute)
	setDefault(&c.BatchTimeout, 2*time.Minute)
	setDefault(&c.BatchPages, 1000)
	setDefault(&c.BatchBytes, 16<<20)
	setDefault(&c.Poll, 2*time.Second)
	setDefault(&c.ScrubEvery, 24*time.Hour)
	setDefault(&c.ScrubAtOpen, 512<<20)
	return c
}

func setDefault[T int | int64 | time.Duration](v *T, to T) {
	if *v <= 0 {
		*v = to
	}
}

// Change is a document as it is after the change of that number.
type Change struct {
	Seq      int64
	Document *record.Document
}

// Source is what the index follows: the catalog. Changed gives whole documents
// in the order of their numbers, each at its latest only, and at least one if
// there is one. Epoch names the life of the catalog in which numbers mean
// anything: another epoch means another catalog.
type Source interface {
	Epoch(ctx context.Context) (string, error)
	Head(ctx context.Context) (int64, error)
	Changed(ctx context.Context, after int64, limit int, maxBytes int64) ([]Change, error)
}

// Progress is how far the index has followed the catalog. Indexed and Of are
// numbers of changes. Rebuilding holds from opening or from damage until the
// index has caught up.
type Progress struct {
	Rebuilding  bool
	Indexed, Of int64
	Down        int // shards out of service
}

// Stats are for metrics and the status page.
type Stats struct {
	Pages     uint64
	Bytes     int64 // on disk
	Shards    int
	Watermark int64
	Progress  Progress
}

// Index is an open index. All its methods may be called at once.
type Index struct {
	cfg  Config
	log  *slog.Logger
	wake chan struct{} // Notify, and a shard that broke

	work     sync.Mutex // held by the one that follows the catalog
	requests chan rebuildRequest

	mu      sync.RWMutex
	now     *generation
	closed  bool
	changed chan struct{} // closed and replaced when the watermark moves
	low     int64         // all changes up to here can be found
	head    int64         // of the catalog, when last asked
	caught  bool          // the index has caught up since it was opened or damaged
	running bool          // Run runs
	begun   int           // looks at the catalog
	ended   int           // the last of them that is over
}

// Open opens the index of a folder. What is damaged or of another version is
// set aside and replaced by an empty one, which Run fills. It returns ErrBusy
// if another process has the index open. Nothing runs yet, but Bleve's own
// background work.
func Open(ctx context.Context, cfg Config, log *slog.Logger) (*Index, error) {
	cfg = cfg.withDefaults()
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	if cfg.Dir == "" {
		return nil, errors.New("open index: no folder given")
	}
	x := &Index{cfg: cfg, log: log, wake: make(chan struct{}, 1), changed: make(chan struct{}), requests: make(chan rebuildRequest)}
	g, err := x.openCurrent(ctx)
	if err != nil {
		return nil, err
	}
	x.now, x.low = g, g.low()
	return x, nil
}

// Close ends the index. Call it after Run has returned.
func (x *Index) Close() error {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.closed {
		return nil
	}
	x.closed = true
	close(x.changed)
	return x.now.close()
}

// Notify says that the catalog has something new. It never blocks.
func (x *Index) Notify() {
	select {
	case x.wake <- struct{}{}:
	default:
	}
}

// Watermark is the number of the change up to which everything can be found.
// It falls back when a damaged shard is replaced.
func (x *Index) Watermark() int64 {
	x.mu.RLock()
	defer x.mu.RUnlock()
	return x.low
}

// Wait returns when everything up to a change can be found, or with the
// context's error. It also waits for a look at the catalog by Run or CatchUp,
// so that numbers of a catalog that is gone are not taken for those of this
// one. During a rebuild of a damaged index it may take as long as the rebuild.
func (x *Index) Wait(ctx context.Context, seq int64) error {
	look := 1
	for first := true; ; first = false {
		x.mu.RLock()
		if first && x.running {
			look = x.begun + 1
		}
		there, changed, closed := x.low >= seq && x.ended >= look, x.changed, x.closed
		x.mu.RUnlock()
		if closed {
			return ErrClosed
		}
		if there {
			return nil
		}
		x.Notify()
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// look counts a look at the catalog; the function it returns ends it.
func (x *Index) look() (end func()) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.begun++
	n := x.begun
	return func() {
		x.mu.Lock()
		defer x.mu.Unlock()
		x.ended = n
		x.tell()
	}
}

// tell wakes all that wait; the caller holds the lock.
func (x *Index) tell() {
	if !x.closed {
		close(x.changed)
		x.changed = make(chan struct{})
	}
}

func (x *Index) setRunning(yes bool) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.running = yes
}

// Progress tells how far the index is.
func (x *Index) Progress() Progress {
	x.mu.RLock()
	defer x.mu.RUnlock()
	p := Progress{Rebuilding: !x.caught, Indexed: x.low, Of: max(x.head, x.low)}
	for _, s := range x.now.list() {
		if s.isBroken() {
			p.Down++
		}
	}
	return p
}

// Check compares every segment with its checksum. A shard that fails is taken
// out of service and rebuilt by Run.
func (x *Index) Check(ctx context.Context) error {
	var errs []error
	for _, s := range x.generation().list() {
		if s.isBroken() {
			errs = append(errs, errBroken)
			continue
		}
		err := s.scrub(ctx)
		if err != nil && ctx.Err() == nil && !errors.Is(err, bleve.ErrorIndexClosed) {
			s.fail(err)
		}
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// Stats tells the size of the index.
func (x *Index) Stats() Stats {
	g := x.generation()
	st := Stats{Shards: len(g.list()), Watermark: x.Watermark(), Progress: x.Progress(), Bytes: treeSize(g.dir)}
	for _, s := range g.list() {
		if n, err := s.bleveIndex.DocCount(); err == nil {
			st.Pages += n
		}
	}
	return st
}

func (x *Index) generation() *generation {
	x.mu.RLock()
	defer x.mu.RUnlock()
	return x.now
}

// treeSize is the size of all files below a folder, as far as it can be seen.
func treeSize(dir string) (n int64) {
	_ = filepath.WalkDir(dir, func(_ string, e fs.DirEntry, err error) error {
		if err != nil {
			return nil
		}
		if info, err := e.Info(); err == nil && info.Mode().IsRegular() {
			n += info.Size()
		}
		return nil
	})
	return n
}

// makePrivate makes a folder that only its owner may enter.
func makePrivate(dir string) error { return os.MkdirAll(dir, 0o700) }
