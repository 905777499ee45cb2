package catalog

import (
	"context"
	"embed"
	"fmt"
	"io/fs"
	"strings"
	"time"

	"github.com/riverqueue/river"
)

// database is one of the two databases. Statements are written once, with $1
// for the first argument, in the SQL both understand.
type database interface {
	// view runs read in a transaction that sees one moment of the database.
	view(ctx context.Context, read func(session) error) error
	// update runs change in a transaction and commits it if change returns
	// nil. It may run change again after the database broke a deadlock.
	update(ctx context.Context, change func(transaction) error) error
	// work runs a River client until ctx ends and its jobs have returned.
	work(ctx context.Context, cfg *river.Config) error
	// poll is how often the queue looks for jobs by itself.
	poll() time.Duration
	close() error
}

// session runs statements.
type session interface {
	exec(ctx context.Context, sql string, args ...any) (changed int64, err error)
	query(ctx context.Context, sql string, args ...any) (rows, error)
}

// transaction is a session whose writes become visible together, jobs
// included.
type transaction interface {
	session
	insertJob(ctx context.Context, claim string, opts *river.InsertOpts) (int64, error)
	// retryJob makes a job available at once, whatever its state but running.
	// A job the queue has forgotten gives ErrNotFound.
	retryJob(ctx context.Context, id int64) error
}

type rows interface {
	Next() bool
	Scan(dest ...any) error
	Err() error
	Close()
}

// one reads the single row of a query, or gives ErrNotFound.
func one(ctx context.Context, s session, dest []any, sql string, args ...any) error {
	found := false
	err := each(ctx, s, func(r rows) error {
		found = true
		return r.Scan(dest...)
	}, sql, args...)
	if err == nil && !found {
		return ErrNotFound
	}
	return err
}

// each calls read for every row of a query.
func each(ctx context.Context, s session, read func(rows) error, sql string, args ...any) error {
	r, err := s.query(ctx, sql, args...)
	if err != nil {
		return err
	}
	defer r.Close()
	for r.Next() {
		if err := read(r); err != nil {
			return err
		}
	}
	return r.Err()
}

// insertChunk bounds the arguments of one statement: the SQLite driver takes
// time by the square of their number, and longer statements gain little.
const insertChunk = 200

// insertMany inserts rows of values with as few statements as may be. into
// ends before VALUES, then follows the rows. It returns how many were changed.
func insertMany(ctx context.Context, s session, into, then string, rows [][]any) (int64, error) {
	var changed int64
	for len(rows) > 0 {
		n := min(len(rows), max(1, insertChunk/len(rows[0])))
		var args []any
		tuples := make([]string, n)
		for i, row := range rows[:n] {
			tuples[i] = "(" + holders(len(args), len(row)) + ")"
			args = append(args, row...)
		}
		k, err := s.exec(ctx, into+" VALUES "+strings.Join(tuples, ", ")+" "+then, args...)
		if err != nil {
			return changed, err
		}
		changed += k
		rows = rows[n:]
	}
	return changed, nil
}

// holders is "$4, $5" for the 2 arguments after the third.
func holders(after, n int) string {
	var b strings.Builder
	for i := range n {
		if i > 0 {
			b.WriteString(", ")
		}
		fmt.Fprintf(&b, "$%d", after+i+1)
	}
	return b.String()
}

//go:embed schema/*.sql
var schemaFS embed.FS

// migrate brings the schema up to the newest version this program knows, each
// version in its own transaction.
func migrate(ctx context.Context, db database) error {
	files, err := fs.Glob(schemaFS, "schema/*.sql") // in order
	if err != nil {
		return err
	}
	have, err := schemaVersion(ctx, db)
	if err != nil {
		return err
	}
	if have > len(files) {
		return fmt.Errorf("schema %d, this program knows %d: %w", have, len(files), ErrNewerSchema)
	}
	for i, name := range files[have:] {
		if err := upgrade(ctx, db, name, have+i+1); err != nil {
			return fmt.Errorf("upgrade schema to version %d: %w", have+i+1, err)
		}
	}
	return nil
}

func schemaVersion(ctx context.Context, db database) (version int, err error) {
	err = db.update(ctx, func(tx transaction) error {
		if _, err := tx.exec(ctx, `CREATE TABLE IF NOT EXISTS chartroom_schema (version BIGINT PRIMARY KEY, applied BIGINT NOT NULL)`); err != nil {
			return err
		}
		return one(ctx, tx, []any{&version}, `SELECT COALESCE(MAX(version), 0) FROM chartroom_schema`)
	})
	if err != nil {
		return 0, fmt.Errorf("read schema version: %w", err)
	}
	return version, nil
}

func upgrade(ctx context.Context, db database, name string, version int) error {
	script, err := fs.ReadFile(schemaFS, name)
	if err != nil {
		return err
	}
	return db.update(ctx, func(tx transaction) error {
		if _, err := tx.exec(ctx, string(script)); err != nil {
			return err
		}
		_, err := tx.exec(ctx, `INSERT INTO chartroom_schema (version, applied) VALUES ($1, $2)`, version, time.Now().UnixMicro())
		return err
	})
}

// micros and fromMicros are a time as a number in a column; the zero time is 0.
func micros(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMicro()
}

func fromMicros(n int64) time.Time {
	if n == 0 {
		return time.Time{}
	}
	return time.UnixMicro(n).UTC()
}

// clean makes a string fit for a TEXT column: PostgreSQL takes neither NUL nor
// what is not UTF-8.
func clean(s string) string {
	return strings.ToValidUTF8(strings.ReplaceAll(s, "\x00", ""), "\uFFFD")
}
