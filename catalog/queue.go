package catalog

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver"
	"github.com/riverqueue/river/rivermigrate"
)

// queue is River on one of its drivers; T is the driver's transaction. No
// type of River leaves this package, and no fact is kept with River that the
// claim does not hold too: River knows when to run which claim, nothing more.
type queue[T any] struct {
	driver riverdriver.Driver[T]
	client *river.Client[T] // inserts only
}

// takeIn is the job of taking in one claim.
type takeIn struct {
	Claim string `json:"claim"`
}

// Kind names the job in the database: never change it.
func (takeIn) Kind() string { return "take-in" }

// endless is River's own limit of attempts. It must not be reached: when to
// give up is decided above, by counting in the claim.
const endless = 10_000

func newQueue[T any](driver riverdriver.Driver[T], log *slog.Logger) (queue[T], error) {
	client, err := river.NewClient(driver, &river.Config{Logger: quiet(log)})
	return queue[T]{driver, client}, err
}

func (q *queue[T]) migrate(ctx context.Context, log *slog.Logger) error {
	m, err := rivermigrate.New(q.driver, &rivermigrate.Config{Logger: quiet(log)})
	if err != nil {
		return err
	}
	if _, err := m.Migrate(ctx, rivermigrate.DirectionUp, nil); err != nil {
		return fmt.Errorf("upgrade the job queue's schema: %w", plain(err))
	}
	return nil
}

func (q *queue[T]) insert(ctx context.Context, tx T, claim string, opts *river.InsertOpts) (int64, error) {
	opts.MaxAttempts = endless
	res, err := q.client.InsertTx(ctx, tx, takeIn{claim}, opts)
	if err != nil {
		return 0, err
	}
	return res.Job.ID, nil
}

func (q *queue[T]) retry(ctx context.Context, tx T, id int64) error {
	_, err := q.client.JobRetryTx(ctx, tx, id)
	if errors.Is(err, river.ErrNotFound) {
		return ErrNotFound
	}
	return err
}

// run works jobs until ctx ends, then cancels the work in hand and returns
// when it has been given back.
func (q *queue[T]) run(ctx context.Context, cfg *river.Config) error {
	client, err := river.NewClient(q.driver, cfg)
	if err != nil {
		return err
	}
	// River must not see ctx end: it would wait for the work in hand.
	if err := client.Start(context.WithoutCancel(ctx)); err != nil {
		return plain(err)
	}
	select {
	case <-ctx.Done():
		return client.StopAndCancel(context.WithoutCancel(ctx))
	case <-client.Stopped():
		return errors.New("the job queue stopped by itself")
	}
}

// quiet lets through River's warnings and errors alone.
func quiet(log *slog.Logger) *slog.Logger { return slog.New(warnings{log.Handler()}) }

type warnings struct{ slog.Handler }

func (h warnings) Enabled(ctx context.Context, level slog.Level) bool {
	return level >= slog.LevelWarn && h.Handler.Enabled(ctx, level)
}

func (h warnings) WithAttrs(attrs []slog.Attr) slog.Handler {
	return warnings{h.Handler.WithAttrs(attrs)}
}

func (h warnings) WithGroup(name string) slog.Handler { return warnings{h.Handler.WithGroup(name)} }
