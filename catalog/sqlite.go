package catalog

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"time"

	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riversqlite"
	_ "modernc.org/sqlite" // the driver "sqlite"
)

// embedded is SQLite in one file. All writes, River's too, go through one
// connection, so that writers wait for each other in Go and never fail with
// "database is locked"; readers have their own and never wait.
type embedded struct {
	writer  *sql.DB
	readers *sql.DB
	queue   queue[*sql.Tx]
}

// embeddedPlace is the only owner of an embedded catalog: whoever holds the
// data folder's lock.
const embeddedPlace = "embedded"

func openSQLite(ctx context.Context, cfg Config) (database, string, error) {
	path := cfg.Path
	if path == "" {
		path = "catalog.db"
	}
	if err := createPrivate(path); err != nil {
		return nil, "", err
	}
	db, err := connectSQLite(path)
	if err != nil {
		return nil, "", err
	}
	if db.queue, err = newQueue(riversqlite.New(db.writer), cfg.Log); err == nil {
		err = migrate(ctx, db)
	}
	if err == nil {
		err = db.queue.migrate(ctx, cfg.Log)
	}
	if err != nil {
		return nil, "", errors.Join(plain(err), db.close())
	}
	return db, embeddedPlace, nil
}

// createPrivate makes the file readable to its owner alone before SQLite
// sees it; the log beside it takes over the mode.
func createPrivate(path string) error {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	return f.Close()
}

func connectSQLite(path string) (*embedded, error) {
	abs, err := filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	const shared = "_pragma=busy_timeout(10000)&_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)&_pragma=cache_size(-16000)"
	file := (&url.URL{Scheme: "file", Path: abs}).String()
	db := &embedded{}
	if db.writer, err = sql.Open("sqlite", file+"?"+shared+"&_txlock=immediate"); err != nil {
		return nil, err
	}
	db.writer.SetMaxOpenConns(1)
	if db.readers, err = sql.Open("sqlite", file+"?"+shared+"&_pragma=query_only(1)"); err != nil {
		return nil, errors.Join(err, db.writer.Close())
	}
	db.readers.SetMaxOpenConns(4)
	db.readers.SetMaxIdleConns(4)
	return db, nil
}

func (db *embedded) view(ctx context.Context, read func(session) error) error {
	tx, err := db.readers.BeginTx(ctx, nil)
	if err != nil {
		return plain(err)
	}
	defer tx.Rollback()
	return plain(read(embeddedTx{tx: tx}))
}

func (db *embedded) update(ctx context.Context, change func(transaction) error) error {
	tx, err := db.writer.BeginTx(ctx, nil)
	if err != nil {
		return plain(err)
	}
	defer tx.Rollback()
	if err := change(embeddedTx{tx, &db.queue}); err != nil {
		return plain(err)
	}
	if err := tx.Commit(); err != nil {
		return fmt.Errorf("commit: %w", plain(err))
	}
	return nil
}

func (db *embedded) work(ctx context.Context, cfg *river.Config) error {
	cfg.PollOnly = true // nobody else writes this file
	return db.queue.run(ctx, cfg)
}

func (db *embedded) poll() time.Duration { return 100 * time.Millisecond }

func (db *embedded) close() error { return errors.Join(db.readers.Close(), db.writer.Close()) }

type embeddedTx struct {
	tx    *sql.Tx
	queue *queue[*sql.Tx]
}

func (t embeddedTx) exec(ctx context.Context, sql string, args ...any) (int64, error) {
	res, err := t.tx.ExecContext(ctx, sql, args...)
	if err != nil {
		return 0, err
	}
	return res.RowsAffected()
}

func (t embeddedTx) query(ctx context.Context, sql string, args ...any) (rows, error) {
	r, err := t.tx.QueryContext(ctx, sql, args...)
	if err != nil {
		return nil, err
	}
	return embeddedRows{r}, nil
}

func (t embeddedTx) insertJob(ctx context.Context, claim string, opts *river.InsertOpts) (int64, error) {
	return t.queue.insert(ctx, t.tx, claim, opts)
}

func (t embeddedTx) retryJob(ctx context.Context, id int64) error {
	return t.queue.retry(ctx, t.tx, id)
}

type embeddedRows struct{ *sql.Rows }

// Close drops the error of closing: Err has told it.
func (r embeddedRows) Close() { _ = r.Rows.Close() }
