// Package catalog keeps the working state: which dropped files are claimed,
// which scans were received, how far reading has come, what every document
// says, who the patients are, and the jobs still to do.
//
// It stands on SQLite in one file, or on PostgreSQL when there is more than
// one machine. One schema and one text of every statement serve both; what
// differs is in sqlite.go and postgres.go. Jobs are River's, in the same
// database, so that a document's row and its job are written in one
// transaction: there is never one without the other.
//
// For documents the catalog is a cache. What was recognised and decided lies
// in object storage, and `chartroom rebuild` fills an empty catalog from
// there. Only claims and jobs live here alone: a file that was claimed and is
// not yet through.
//
// Three habits run through the package. A claim row is written before its
// file is touched, so a crash leaves a trace. Every change of a document takes
// the next number of one sequence, and the search index follows that sequence.
// And a job ends when its claim is released, whatever the queue believes.
package catalog

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"
)

// What callers tell apart with errors.Is.
var (
	ErrNotFound    = errors.New("not in the catalog")
	ErrNewerSchema = errors.New("the catalog was written by a newer version of chartroom")
	ErrTooMany     = errors.New("more than the limit match")
	ErrWorking     = errors.New("jobs are being worked already")
	// ErrUnavailable: the database is away, its disk full or it cannot be
	// written now. What failed may succeed later.
	ErrUnavailable = errors.New("the catalog is unavailable")
	// ErrDamaged: the file is not, or no longer, a catalog. It can be set
	// aside and rebuilt from storage.
	ErrDamaged = errors.New("the catalog is damaged")
)

// Config says where the catalog lies. With a URL (postgres://…) it is
// PostgreSQL, otherwise SQLite at Path (default "catalog.db").
type Config struct {
	Path string
	URL  string
	// Owner names the place whose disk holds the claimed files, the same at
	// every start: with PostgreSQL each owner sees its own claims and works
	// its own jobs. SQLite has one owner and ignores it.
	Owner string
	// Log gets what goes wrong in the queue's background work; nil is silence.
	Log *slog.Logger
}

// Catalog is safe for use by several goroutines.
type Catalog struct {
	db      database
	place   string // the owner's name in claims and of its queue
	log     *slog.Logger
	working atomic.Bool

	importLock sync.Mutex   // held by an import of the registry
	importing  atomic.Int64 // its id
}

// Open opens the catalog, creates or upgrades its schema, and starts nothing.
// A schema written by a later program gives ErrNewerSchema.
func Open(ctx context.Context, cfg Config) (*Catalog, error) {
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	c := &Catalog{log: cfg.Log}
	var err error
	if cfg.URL != "" {
		c.db, c.place, err = openPostgres(ctx, cfg)
	} else {
		c.db, c.place, err = openSQLite(ctx, cfg)
	}
	if err != nil {
		return nil, fmt.Errorf("open catalog: %w", err)
	}
	err = c.ensureEpoch(ctx)
	if err == nil {
		err = c.carryOver(ctx)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open catalog: %w", err), c.db.close())
	}
	return c, nil
}

// Close closes the database. Work must have returned.
func (c *Catalog) Close() error { return c.db.close() }

// Check reports whether the catalog can be read and written.
func (c *Catalog) Check(ctx context.Context) error {
	err := c.db.update(ctx, func(tx transaction) error {
		if _, err := tx.exec(ctx, `INSERT INTO state (name, number, word) VALUES ('checked', 0, '') ON CONFLICT (name) DO NOTHING`); err != nil {
			return err
		}
		_, err := tx.exec(ctx, `UPDATE state SET number = $1 WHERE name = 'checked'`, time.Now().UnixMicro())
		return err
	})
	if err != nil {
		return fmt.Errorf("check catalog: %w", err)
	}
	return nil
}

// Epoch names this life of the catalog: it changes with Reset, and a new
// catalog has a new one. A watermark in the sequence means something only
// together with its epoch.
func (c *Catalog) Epoch(ctx context.Context) (string, error) {
	var epoch string
	err := c.db.view(ctx, func(s session) error {
		return one(ctx, s, []any{&epoch}, `SELECT word FROM state WHERE name = 'epoch'`)
	})
	if err != nil {
		return "", fmt.Errorf("read epoch: %w", err)
	}
	return epoch, nil
}

func (c *Catalog) ensureEpoch(ctx context.Context) error {
	return c.db.update(ctx, func(tx transaction) error {
		_, err := tx.exec(ctx, `UPDATE state SET word = $1 WHERE name = 'epoch' AND word = ''`, rand.Text())
		return err
	})
}

// Head is the newest number of the sequence.
func (c *Catalog) Head(ctx context.Context) (int64, error) {
	var seq int64
	err := c.db.view(ctx, func(s session) error {
		return one(ctx, s, []any{&seq}, `SELECT number FROM state WHERE name = 'seq'`)
	})
	if err != nil {
		return 0, fmt.Errorf("read head of the sequence: %w", err)
	}
	return seq, nil
}

// next takes the next number of the sequence. The row stays locked until the
// transaction ends: take it last.
func next(ctx context.Context, tx transaction) (seq int64, err error) {
	err = one(ctx, tx, []any{&seq}, `UPDATE state SET number = number + 1 WHERE name = 'seq' RETURNING number`)
	return seq, err
}
