package catalog

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"sync"
	"time"

	"chartroom/record"

	"github.com/riverqueue/river"
	"github.com/riverqueue/river/rivertype"
)

// Lane says how soon a job's turn comes.
type Lane int

// The lanes. Within a lane, first come is first served.
const (
	Urgent  Lane = 1 // a clerk waits for it
	Backlog Lane = 3
)

// Job is a claim whose turn has come. Claim.Receipt is set. Attempt is 1 on
// the first try; a killed process, a stop and Later do not count.
type Job struct {
	Claim    Claim
	Document record.ID
	Attempt  int
}

// later is the outcome of a try that was not the job's fault.
type later struct {
	after time.Duration
	err   error
}

func (e *later) Error() string { return e.err.Error() }
func (e *later) Unwrap() error { return e.err }

// Later is what a job returns when it is to be tried again after a while
// through no fault of its own, for instance while the store is away.
func Later(after time.Duration, err error) error { return &later{max(0, after), err} }

// WorkConfig tunes Work; its zero value works one job at a time.
type WorkConfig struct {
	Concurrency int
	// Poll is how often the queue looks for new jobs. Default: 100 ms with
	// SQLite; with PostgreSQL 1 s, and at once when told of one.
	Poll time.Duration
	// Backoff is the wait after the attempt-th counted failure.
	Backoff func(attempt int) time.Duration

	sweep time.Duration // how often to look for lost jobs
}

func (cfg WorkConfig) withDefaults(db database) WorkConfig {
	if cfg.Concurrency <= 0 {
		cfg.Concurrency = 1
	}
	if cfg.Poll <= 0 {
		cfg.Poll = db.poll()
	}
	if cfg.Backoff == nil {
		cfg.Backoff = backoff
	}
	if cfg.sweep <= 0 {
		cfg.sweep = time.Minute
	}
	return cfg
}

// backoff is 5 s, 30 s, 2 min, then 10 min for ever.
func backoff(attempt int) time.Duration {
	waits := []time.Duration{5 * time.Second, 30 * time.Second, 2 * time.Minute, 10 * time.Minute}
	return waits[min(max(attempt, 1), len(waits))-1]
}

// Work hands jobs to do, the urgent lane first, until ctx ends; then the
// contexts of the work in hand end, and when do has returned, its jobs are
// ready again for the next process and Work returns nil.
//
// It begins by taking back what this owner's last process left running when
// it died. That try is not counted: a process's death is not the page's fault.
//
// do returns nil when the claim has been released; Later when it is to be
// called again without blame; any other error counts an attempt, and the job
// comes again after Backoff, for ever: to give up is the caller's decision,
// made by Job.Attempt. A panic is such an error. A job whose claim is released
// already is over without do being called.
func (c *Catalog) Work(ctx context.Context, cfg WorkConfig, do func(context.Context, Job) error) error {
	if !c.working.CompareAndSwap(false, true) {
		return ErrWorking
	}
	defer c.working.Store(false)
	cfg = cfg.withDefaults(c.db)
	if err := c.takeBack(ctx); err != nil {
		if ctx.Err() != nil {
			return nil
		}
		return fmt.Errorf("take back jobs: %w", err)
	}
	w := &worker{catalog: c, cfg: cfg, do: do, hand: map[int64]bool{}}
	workers := river.NewWorkers()
	if err := river.AddWorkerSafely(workers, w); err != nil {
		return fmt.Errorf("work: %w", err)
	}
	sweeping, stop := context.WithCancel(ctx)
	var sweeper sync.WaitGroup
	sweeper.Go(func() { w.sweep(sweeping) })
	err := c.db.work(ctx, c.riverConfig(cfg, workers))
	stop()
	sweeper.Wait()
	if err != nil {
		return fmt.Errorf("work: %w", err)
	}
	return nil
}

// riverConfig sets what River's defaults would do wrong here: a document may
// take hours, and no job of a living process is ever stuck.
func (c *Catalog) riverConfig(cfg WorkConfig, workers *river.Workers) *river.Config {
	return &river.Config{
		ID:                          c.place,
		Queues:                      map[string]river.QueueConfig{c.place: {MaxWorkers: cfg.Concurrency}},
		Workers:                     workers,
		Logger:                      quiet(c.log),
		FetchPollInterval:           cfg.Poll,
		FetchCooldown:               min(cfg.Poll, 20*time.Millisecond),
		JobTimeout:                  -1,
		RescueStuckJobsAfter:        24 * time.Hour,
		CompletedJobRetentionPeriod: 4 * time.Hour,
		RetryPolicy:                 retrySoon{},
	}
}

// retrySoon serves the one error that River itself counts: the catalog could
// not be read or written around a job.
type retrySoon struct{}

func (retrySoon) NextRetry(*rivertype.JobRow) time.Time { return time.Now().Add(5 * time.Second) }

// takeBack frees the jobs that a dead process of this owner left running,
// gives a job to every received claim that has none, and forgets that process
// as the queue's leader.
func (c *Catalog) takeBack(ctx context.Context) error {
	return c.db.update(ctx, func(tx transaction) error {
		for _, sql := range []string{
			`UPDATE river_job SET state = 'available', attempt = CASE WHEN attempt > 0 THEN attempt - 1 ELSE 0 END WHERE state = 'running' AND queue = $1`,
			`DELETE FROM river_leader WHERE leader_id = $1`,
		} {
			if _, err := tx.exec(ctx, sql, c.place); err != nil {
				return err
			}
		}
		if _, err := tx.exec(ctx, `DELETE FROM minutes WHERE minute < $1`, time.Now().Add(-7*24*time.Hour).Unix()/60); err != nil {
			return err
		}
		return c.adoptOrphans(ctx, tx)
	})
}

func (c *Catalog) adoptOrphans(ctx context.Context, tx transaction) error {
	var orphans []string
	err := each(ctx, tx, func(r rows) error {
		orphans = append(orphans, "")
		return r.Scan(&orphans[len(orphans)-1])
	}, `SELECT id FROM claims WHERE place = $1 AND released = 0 AND receipt <> '' AND NOT EXISTS (
		SELECT 1 FROM river_job WHERE river_job.id = claims.job AND state IN ('available', 'running', 'scheduled', 'retryable', 'pending')) ORDER BY id`, c.place)
	if err != nil {
		return err
	}
	for _, id := range orphans {
		if err := c.startJob(ctx, tx, id, Backlog); err != nil {
			return err
		}
	}
	return nil
}

// startJob gives a claim a new job.
func (c *Catalog) startJob(ctx context.Context, tx transaction, claim string, lane Lane) error {
	job, err := tx.insertJob(ctx, claim, &river.InsertOpts{Queue: c.place, Priority: int(lane)})
	if err != nil {
		return err
	}
	_, err = tx.exec(ctx, `UPDATE claims SET job = $1 WHERE id = $2`, job, claim)
	return err
}

// worker is what River calls.
type worker struct {
	river.WorkerDefaults[takeIn]
	catalog *Catalog
	cfg     WorkConfig
	do      func(context.Context, Job) error

	mu   sync.Mutex
	hand map[int64]bool // the jobs in hand, by River's numbers
}

// Work turns the outcome of a job into River's words. Every failure is a
// snooze, so that River counts none; the claim does.
func (w *worker) Work(ctx context.Context, job *river.Job[takeIn]) error {
	w.hold(job.ID, true)
	defer w.hold(job.ID, false)
	claim, err := w.catalog.Claim(ctx, job.Args.Claim)
	switch {
	case errors.Is(err, ErrNotFound) || err == nil && !claim.Released.IsZero():
		return nil
	case ctx.Err() != nil:
		return river.JobSnooze(0)
	case err != nil:
		return err
	}
	err = w.call(ctx, Job{claim, record.DocumentID(claim.Receipt.Scan, 0), claim.Attempts + 1})
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return river.JobSnooze(0) // given back
	}
	wait, err := w.catalog.note(ctx, claim, err, w.cfg.Backoff)
	if err != nil {
		return err
	}
	return river.JobSnooze(wait)
}

// call runs do and makes an error of a panic, without the panic's value: it
// may hold anything.
func (w *worker) call(ctx context.Context, j Job) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("work on claim %s: panic (%T)", j.Claim.ID, p)
			w.catalog.log.ErrorContext(ctx, "a job panicked", "claim", j.Claim.ID, "type", fmt.Sprintf("%T", p), "stack", string(debug.Stack()))
		}
	}()
	return w.do(ctx, j)
}

// note writes the failure of a try into the claim and says when the next one
// is.
func (c *Catalog) note(ctx context.Context, claim Claim, failure error, backoff func(int) time.Duration) (time.Duration, error) {
	attempts, delays := claim.Attempts, claim.Delays
	var wait time.Duration
	if l, ok := errors.AsType[*later](failure); ok {
		delays++
		wait = l.after
	} else {
		attempts++
		wait = max(0, backoff(attempts))
	}
	now := time.Now()
	err := c.db.update(ctx, func(tx transaction) error {
		_, err := tx.exec(ctx, `UPDATE claims SET attempts = $1, delays = $2, reason = $3, failed = $4, next = $5 WHERE id = $6 AND released = 0`,
			attempts, delays, clean(failure.Error()), micros(now), micros(now.Add(wait)), claim.ID)
		return err
	})
	return wait, err
}
