package catalog

import (
	"context"
	"time"
)

// River writes the end of a job after the job has ended. Where the database
// cannot be written for more than some seconds, for instance because its disk
// is full, it gives up, and the job would count as running until the process
// ends. The sweep finds such jobs: running in the database, but in nobody's
// hand, twice in a row, since the same moment.

// hold notes that a job is in hand, or no longer.
func (w *worker) hold(job int64, held bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if held {
		w.hand[job] = true
	} else {
		delete(w.hand, job)
	}
}

func (w *worker) held(job int64) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.hand[job]
}

// sweep frees lost jobs until ctx ends.
func (w *worker) sweep(ctx context.Context) {
	tick := time.NewTicker(w.cfg.sweep)
	defer tick.Stop()
	suspects := map[int64]string{}
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		running, err := w.catalog.running(ctx)
		if err != nil {
			continue // the next one will do
		}
		for job, since := range running {
			switch {
			case w.held(job):
				delete(running, job)
			case suspects[job] == since:
				w.catalog.free(ctx, job, since)
			}
		}
		suspects = running
	}
}

// running lists the jobs that the database takes for running here, with the
// moment since when.
func (c *Catalog) running(ctx context.Context) (map[int64]string, error) {
	jobs := map[int64]string{}
	err := c.db.view(ctx, func(s session) error {
		return each(ctx, s, func(r rows) error {
			var job int64
			var since string
			err := r.Scan(&job, &since)
			jobs[job] = since
			return err
		}, `SELECT id, CAST(attempted_at AS TEXT) FROM river_job WHERE state = 'running' AND queue = $1`, c.place)
	})
	return jobs, err
}

func (c *Catalog) free(ctx context.Context, job int64, since string) {
	err := c.db.update(ctx, func(tx transaction) error {
		_, err := tx.exec(ctx, `UPDATE river_job SET state = 'available', attempt = CASE WHEN attempt > 0 THEN attempt - 1 ELSE 0 END
			WHERE id = $1 AND state = 'running' AND CAST(attempted_at AS TEXT) = $2`, job, since)
		return err
	})
	if err == nil {
		c.log.WarnContext(ctx, "a job that nobody works any more was taken back", "job", job)
	}
}
