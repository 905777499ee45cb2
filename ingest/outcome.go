package ingest

import (
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"sync"
	"syscall"
	"time"

	"chartroom/catalog"
	"chartroom/objectstore"
	"chartroom/scan"
)

// What becomes of an error, in one table. The first row that fits decides; an
// error that fits none is tried again and, after giveUpAfter tries, rejected
// with the original kept.
type verdict int

const (
	verdictUnknown verdict = iota // try again, then reject
	verdictRetry                  // not the scan's fault: again later, without limit
	verdictReject                 // the scan cannot be read: aside, with a reason
	verdictHalt                   // an operator must act: nothing goes on until the store's probe succeeds
)

var outcomes = []struct {
	fits    func(error) bool
	verdict verdict
}{
	{is(objectstore.ErrDenied), verdictHalt},
	{is(objectstore.ErrWrongKey), verdictHalt},
	{is(objectstore.ErrUnavailable), verdictRetry},
	{is(objectstore.ErrFull), verdictRetry},
	{is(objectstore.ErrCorrupt), verdictRetry}, // what was stored is not what was sent: never let the source go
	{is(syscall.ENOSPC), verdictRetry},
	{is(syscall.EDQUOT), verdictRetry},
	{is(syscall.EMFILE), verdictRetry},
	{is(syscall.ENFILE), verdictRetry},
	{is(syscall.ENOMEM), verdictRetry},
	{is(syscall.ESTALE), verdictRetry},
	{is(syscall.EIO), verdictRetry},
	{is(syscall.EROFS), verdictRetry},
	{is(ErrNotReading), verdictRetry},
	{isNoStart, verdictRetry},
	{is(errRelease), verdictRetry},
	{is(catalog.ErrUnavailable), verdictRetry},
	{is(catalog.ErrDamaged), verdictHalt},
	{isReject, verdictReject},
	{is(ErrChanged), verdictReject},
	{is(objectstore.ErrChanged), verdictReject},
	{is(ErrGone), verdictReject},
}

// ErrNotReading is what a Recogniser wraps when no page can be read for a
// reason that lies with the machine, such as missing language data.
var ErrNotReading = errors.New("pages cannot be read on this machine")

// errRelease says that a scan has its end but its file could not be let go.
var errRelease = errors.New("let the dropped file go")

func is(target error) func(error) bool {
	return func(err error) bool { return errors.Is(err, target) }
}

func isReject(err error) bool {
	_, ok := errors.AsType[*scan.Reject](err)
	return ok
}

// isNoStart tells that a program that reads scans could not be started: it is
// being replaced, or the machine is out of processes.
func isNoStart(err error) bool {
	e, ok := errors.AsType[*fs.PathError](err)
	return ok && e.Op == "fork/exec"
}

func judge(err error) verdict {
	for _, row := range outcomes {
		if row.fits(err) {
			return row.verdict
		}
	}
	return verdictUnknown
}

func retryable(err error) bool {
	v := judge(err)
	return v == verdictRetry || v == verdictHalt
}

// giveUpAfter is how often an error that nobody foresaw is tried again.
const giveUpAfter = 5

const (
	retryWait = 20 * time.Second // between tries of a scan whose surroundings are at fault
	gateWait  = 10 * time.Second // while the store is known to be away
)

// outcome turns a job's error into what the catalog does with the job.
func (p *Pipeline) outcome(ctx context.Context, job catalog.Job, err error) error {
	if err == nil {
		p.stuck.Store(nil)
		return nil
	}
	if ctx.Err() != nil {
		return ctx.Err() // stopping: the job is given back
	}
	switch judge(err) {
	case verdictRetry, verdictHalt:
		p.gate.blame(err, p.Log)
		p.stuck.Store(&err)
		return catalog.Later(retryWait, err)
	case verdictReject:
		return p.rejectOr(ctx, job, reasonFor(err))
	}
	p.Log.Error("a scan met an unexpected error", "claim", job.Claim.ID, "document", job.Document, "attempt", job.Attempt, "error", err)
	if job.Attempt < giveUpAfter {
		return err
	}
	return p.rejectOr(ctx, job, "This scan could not be processed: an unexpected error came up again and again. The original is kept. Tell whoever runs Chartroom.")
}

// rejectOr rejects the scan, or has the job tried again where not even that
// is possible now.
func (p *Pipeline) rejectOr(ctx context.Context, job catalog.Job, reason string) error {
	err := p.Reject(ctx, job.Claim, reason)
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return ctx.Err()
	case retryable(err):
		p.gate.blame(err, p.Log)
	}
	return catalog.Later(retryWait, err)
}

func reasonFor(err error) string {
	if r, ok := errors.AsType[*scan.Reject](err); ok {
		return r.Reason
	}
	if errors.Is(err, ErrGone) {
		return "The file was gone before it could be kept. Give it again."
	}
	return "The file was changed after it was taken. What it holds now is taken as a new scan; if it came from the command line, give it again."
}

// gate keeps jobs from running into a store that is away: the first failure
// closes it, a probe that succeeds opens it.
type gate struct {
	mu    sync.Mutex
	why   error
	since time.Time
}

func (g *gate) closed() error {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.why
}

func (g *gate) blame(err error, log *slog.Logger) {
	if !errors.Is(err, objectstore.ErrUnavailable) && !errors.Is(err, objectstore.ErrDenied) && !errors.Is(err, objectstore.ErrWrongKey) && !errors.Is(err, objectstore.ErrFull) {
		return
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.why == nil {
		g.why, g.since = err, time.Now()
		log.Warn("the store is away; scans wait", "error", err)
	}
}

// probeEvery is how often a closed gate asks the store.
const probeEvery = 5 * time.Second

func (g *gate) run(ctx context.Context, store objectstore.Store, log *slog.Logger) error {
	tick := time.NewTicker(probeEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		if g.closed() == nil {
			continue
		}
		err := store.Check(ctx)
		if ctx.Err() != nil {
			return nil
		}
		g.mu.Lock()
		if err != nil { // an outage may end in a refusal, which somebody must mend
			g.why = err
			g.mu.Unlock()
			continue
		}
		log.Info("the store is back", "away", time.Since(g.since).Round(time.Second))
		g.why = nil
		g.mu.Unlock()
	}
}

// Trouble says why scans wait, whether for the store or for something else
// that does not lie with them, nil while they do not.
func (p *Pipeline) Trouble() error {
	if err := p.gate.closed(); err != nil {
		return err
	}
	if err := p.stuck.Load(); err != nil {
		return *err
	}
	return nil
}

// Halted says why scans wait for the store, nil while they do not.
func (p *Pipeline) Halted() error { return p.gate.closed() }
