package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"net/http"
	"slices"
	"sync"
	"time"

	"chartroom/ingest"
	"chartroom/record"
)

// What only the owner's own user may ask for, through the socket: long
// commands that answer with lines of progress and end with a result.

// control adds the long commands to a mux.
func (a *app) control(mux *http.ServeMux) {
	handle(a, mux, "ingest", a.ingestPaths)
	handle(a, mux, "patients", a.importPatients)
	handle(a, mux, "rematch", a.rematch)
	handle(a, mux, "verify", a.verify)
	handle(a, mux, "reindex", a.reindex)
	handle(a, mux, "rebuild", a.rebuild)
	handle(a, mux, "doctor", a.doctor)
}

// handle serves one long command: the request's body is its JSON, the answer
// is one message a line. It ends early when the program's work does.
func handle[Request, Progress, Result any](a *app, mux *http.ServeMux, name string, run func(context.Context, Request, func(Progress)) (Result, error)) {
	mux.HandleFunc("POST /control/"+name, func(w http.ResponseWriter, r *http.Request) {
		var request Request
		if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, 1<<20)).Decode(&request); err != nil {
			http.Error(w, `{"error":"the request cannot be read"}`, http.StatusBadRequest)
			return
		}
		rc := http.NewResponseController(w)
		rc.SetReadDeadline(time.Time{})
		rc.SetWriteDeadline(time.Time{})
		var mu sync.Mutex
		send := func(m message) {
			b, err := json.Marshal(m)
			if err != nil {
				return
			}
			mu.Lock()
			defer mu.Unlock()
			w.Write(append(b, '\n'))
			rc.Flush()
		}
		ctx, end := context.WithCancelCause(r.Context())
		defer context.AfterFunc(a.life, func() { end(context.Cause(a.life)) })()
		result, err := run(ctx, request, func(p Progress) { send(message{Progress: mustJSON(p)}) })
		if cause := context.Cause(a.life); err != nil && cause != nil {
			err = cause // why the work could not go on, rather than that it was stopped
		}
		if err != nil {
			send(message{Error: err.Error()})
			return
		}
		send(message{Result: mustJSON(result)})
	})
}

// mustJSON encodes the progress and results of this package, which are plain
// structs.
func mustJSON(v any) json.RawMessage {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return b
}

// nothing is the request or progress of a command that has none.
type nothing struct{}

type ingestRequest struct {
	Paths    [][]byte `json:"paths"` // absolute; bytes, for names need not be UTF-8
	Move     bool     `json:"move"`
	Index    string   `json:"index"`
	Pattern  string   `json:"pattern"`
	Facility string   `json:"facility"`
	Batch    string   `json:"batch"`
	Place    string   `json:"box"`
}

// ingestProgress is how far an ingest is. Total is 0 until it is known.
type ingestProgress struct {
	Total   int    `json:"total"`
	Taken   int    `json:"taken"`
	Ended   int    `json:"ended"`
	Pages   int    `json:"pages"`
	Trouble string `json:"trouble,omitempty"`
}

// ingestSummary is what became of the files that were given.
type ingestSummary struct {
	Files      int            `json:"files"`
	Repeated   int            `json:"repeated"` // the same bytes were known already
	Skipped    map[string]int `json:"skipped"`  // not regular files and the like, by why
	Status     map[string]int `json:"status"`
	Pages      int            `json:"pages"`      // of the documents given, read now or before
	Read       int            `json:"read"`       // pages read now
	Split      int            `json:"split"`      // files that are several documents
	Separators int            `json:"separators"` // sheets that are in no document
	Failed     []string       `json:"failed"`
	Problems   []string       `json:"problems"` // of the delivered index
	Seconds    float64        `json:"seconds"`
	IndexRows  int            `json:"index_rows"`
	HasMissing bool           `json:"has_missing"`
}

// ingestPaths takes files and folders through the whole journey and returns
// when each has its end.
func (a *app) ingestPaths(ctx context.Context, r ingestRequest, progress func(ingestProgress)) (ingestSummary, error) {
	if a.need < needWork {
		return ingestSummary{}, errors.New("this process does not read pages")
	}
	opt, err := a.collectOptions(r)
	if err != nil {
		return ingestSummary{}, err
	}
	t := newTally(progress)
	opt.Found = t.found
	defer a.pipeline.Watch(t.hear)()
	stop := t.report(a.pipeline.Trouble)
	defer stop()
	paths := make([]string, len(r.Paths))
	for i, p := range r.Paths {
		paths[i] = string(p)
	}
	if err := t.take(a.intake.Collect(ctx, paths, opt)); err != nil {
		return ingestSummary{}, err
	}
	if err := t.wait(ctx); err != nil {
		return ingestSummary{}, err
	}
	return t.summary(opt.Index), nil
}

func (a *app) collectOptions(r ingestRequest) (ingest.CollectOptions, error) {
	opt := ingest.CollectOptions{Move: r.Move, Facility: r.Facility, Batch: r.Batch, Place: r.Place, Pattern: r.Pattern, Backlog: true, Watched: a.need >= needWatch}
	if r.Index == "" {
		return opt, nil
	}
	given, err := ingest.LoadGiven(r.Index)
	opt.Index = given
	return opt, err
}

// tally counts what becomes of the claims of one ingest. Claims may end before
// it has been told that they are its own, so all that end are remembered.
type tally struct {
	mu       sync.Mutex
	started  time.Time
	progress func(ingestProgress)
	now      ingestProgress
	sum      ingestSummary
	ended    map[string][]*record.Document
	mine     map[string]bool // claims not ended yet
	changed  chan struct{}
}

func newTally(progress func(ingestProgress)) *tally {
	return &tally{started: time.Now(), progress: progress, ended: map[string][]*record.Document{}, mine: map[string]bool{}, changed: make(chan struct{}, 1),
		sum: ingestSummary{Skipped: map[string]int{}, Status: map[string]int{}}}
}

func (t *tally) found(files int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.now.Total = files
}

func (t *tally) hear(e ingest.Event) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.sum.Read += e.Pages
	t.now.Pages += e.Pages
	if e.Claim == "" {
		return
	}
	if t.mine[e.Claim] {
		t.end(e.Claim, e.Documents)
	} else {
		t.ended[e.Claim] = e.Documents
	}
	select {
	case t.changed <- struct{}{}:
	default:
	}
}

func (t *tally) end(claim string, documents []*record.Document) {
	delete(t.mine, claim)
	t.now.Ended++
	if len(documents) > 1 {
		t.sum.Split++
	}
	for _, d := range documents {
		t.sum.Status[string(d.Status)]++
		t.sum.Pages += len(d.Pages)
		t.sum.Separators += len(slices.DeleteFunc(slices.Clone(d.Separators), func(s record.Separator) bool { return s.Kept }))
	}
}

// take counts what is collected.
func (t *tally) take(arrivals iter.Seq2[ingest.Arrival, error]) error {
	for arrival, err := range arrivals {
		t.mu.Lock()
		if skipped, ok := errors.AsType[*ingest.Skipped](err); ok {
			t.sum.Skipped[skipped.Why]++
			if skipped.Failed {
				t.sum.Failed = append(t.sum.Failed, skipped.Why)
			}
		} else if err != nil {
			if errors.Is(err, context.Canceled) {
				t.mu.Unlock()
				return err
			}
			t.sum.Failed = append(t.sum.Failed, err.Error())
		} else {
			t.add(arrival)
		}
		t.mu.Unlock()
	}
	return nil
}

func (t *tally) add(arrival ingest.Arrival) {
	id := arrival.Claim.ID
	t.sum.Files++
	t.now.Taken++
	if !arrival.Created {
		t.sum.Repeated++
	}
	t.mine[id] = true
	if documents, ok := t.ended[id]; ok {
		delete(t.ended, id)
		t.end(id, documents)
	}
}

// wait returns when every claim has its end.
func (t *tally) wait(ctx context.Context) error {
	for {
		t.mu.Lock()
		left := len(t.mine)
		t.mu.Unlock()
		if left == 0 {
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-t.changed:
		}
	}
}

// report sends progress a few times a second until stopped.
func (t *tally) report(trouble func() error) (stop func()) {
	done := make(chan struct{})
	var sending sync.WaitGroup
	sending.Go(func() {
		tick := time.NewTicker(200 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-done:
				return
			case <-tick.C:
			}
			t.mu.Lock()
			now := t.now
			t.mu.Unlock()
			if err := trouble(); err != nil {
				now.Trouble = err.Error()
			}
			t.progress(now)
		}
	})
	return func() { close(done); sending.Wait() }
}

func (t *tally) summary(index *ingest.Delivery) ingestSummary {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.sum.Seconds = time.Since(t.started).Seconds()
	if index != nil {
		t.sum.IndexRows = index.Rows()
		for _, p := range index.Problems() {
			t.sum.Problems = append(t.sum.Problems, fmt.Sprintf("line %d: %s", p.Line, p.What))
		}
	}
	return t.sum
}

// verifyProgress is how far a verification is, or something it found.
type verifyProgress struct {
	Count   *ingest.Verified `json:"count,omitempty"`
	Finding *ingest.Finding  `json:"finding,omitempty"`
}

func (a *app) verify(ctx context.Context, _ nothing, progress func(verifyProgress)) (ingest.Verified, error) {
	var last time.Time
	count := func(v ingest.Verified) {
		if time.Since(last) > 200*time.Millisecond {
			last = time.Now()
			progress(verifyProgress{Count: &v})
		}
	}
	done, err := ingest.Verify(ctx, a.store, a.catalog, count, func(f ingest.Finding) { progress(verifyProgress{Finding: &f}) })
	if err != nil {
		return done, err
	}
	if err := a.index.Check(ctx); err != nil {
		done.Findings++
		progress(verifyProgress{Finding: &ingest.Finding{What: "changed", Key: "index", Why: err.Error() + "; run chartroom reindex"}})
	}
	return done, nil
}

// reindexResult is what a new index holds.
type reindexResult struct {
	Pages int64 `json:"pages"`
}

func (a *app) reindex(ctx context.Context, _ nothing, progress func(ingestProgress)) (reindexResult, error) {
	if err := a.index.Rebuild(ctx, changes{a.catalog}); err != nil {
		return reindexResult{}, err
	}
	return reindexResult{int64(a.index.Stats().Pages)}, nil
}

func (a *app) rebuild(ctx context.Context, _ nothing, progress func(ingest.Rebuilt)) (ingest.Rebuilt, error) {
	done, err := a.fill(ctx, progress)
	if err != nil {
		return done, err
	}
	head, err := a.catalog.Head(ctx)
	if err != nil {
		return done, err
	}
	a.index.Notify()
	return done, a.index.Wait(ctx, head)
}

// fill fills the catalog from the store.
func (a *app) fill(ctx context.Context, progress func(ingest.Rebuilt)) (ingest.Rebuilt, error) {
	var last time.Time
	return ingest.Rebuild(ctx, a.store, a.catalog, func(r ingest.Rebuilt) {
		if time.Since(last) > 200*time.Millisecond {
			last = time.Now()
			progress(r)
		}
	})
}
