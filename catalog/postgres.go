package catalog

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
)

// server is PostgreSQL, shared by any number of machines.
type server struct {
	pool  *pgxpool.Pool
	queue queue[pgx.Tx]
}

// connections is the size of the pool where the URL does not say: work in
// hand, River's own, and what the pages need.
const connections = 12

func openPostgres(ctx context.Context, cfg Config) (database, string, error) {
	pool, err := connectPostgres(ctx, cfg.URL)
	if err != nil {
		return nil, "", err
	}
	db := &server{pool: pool}
	if db.queue, err = newQueue(riverpgxv5.New(pool), cfg.Log); err == nil {
		err = db.alone(ctx, func() error {
			if err := migrate(ctx, db); err != nil {
				return err
			}
			return db.queue.migrate(ctx, cfg.Log)
		})
	}
	if err != nil {
		return nil, "", errors.Join(err, db.close())
	}
	return db, fmt.Sprintf("place-%x", sha256.Sum256([]byte(cfg.Owner)))[:22], nil
}

func connectPostgres(ctx context.Context, address string) (*pgxpool.Pool, error) {
	cfg, err := pgxpool.ParseConfig(address)
	if err != nil {
		return nil, errors.New("read the database's address: want postgres://user:password@host:port/database")
	}
	if !strings.Contains(address, "pool_max_conns") {
		cfg.MaxConns = connections
	}
	pool, err := pgxpool.NewWithConfig(ctx, cfg)
	if err != nil {
		return nil, plain(err)
	}
	if err := pool.Ping(ctx); err != nil {
		pool.Close()
		return nil, fmt.Errorf("reach the database: %w", plain(err))
	}
	return pool, nil
}

// alone runs f while no other process runs it on this database: machines that
// start together upgrade the schema one after the other.
func (db *server) alone(ctx context.Context, f func() error) error {
	conn, err := db.pool.Acquire(ctx)
	if err != nil {
		return plain(err)
	}
	defer conn.Release()
	const key = 0x636861727472 // "chartr"
	if _, err := conn.Exec(ctx, `SELECT pg_advisory_lock($1)`, key); err != nil {
		return plain(err)
	}
	err = f()
	if _, unlockErr := conn.Exec(context.WithoutCancel(ctx), `SELECT pg_advisory_unlock($1)`, key); unlockErr != nil {
		err = errors.Join(err, plain(unlockErr))
	}
	return err
}

func (db *server) view(ctx context.Context, read func(session) error) error {
	opts := pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}
	return plain(pgx.BeginTxFunc(ctx, db.pool, opts, func(tx pgx.Tx) error { return read(serverTx{tx: tx}) }))
}

func (db *server) update(ctx context.Context, change func(transaction) error) (err error) {
	for range 5 {
		err = pgx.BeginFunc(ctx, db.pool, func(tx pgx.Tx) error { return change(serverTx{tx, &db.queue}) })
		if !broken(err) {
			break
		}
	}
	return plain(err)
}

// broken reports whether the database gave up a transaction that may succeed
// when it is run again: a deadlock, a failed serialisation.
func broken(err error) bool {
	pg, ok := errors.AsType[*pgconn.PgError](err)
	return ok && (pg.Code == "40P01" || pg.Code == "40001")
}

func (db *server) work(ctx context.Context, cfg *river.Config) error { return db.queue.run(ctx, cfg) }

func (db *server) poll() time.Duration { return time.Second } // and LISTEN in between

func (db *server) close() error {
	db.pool.Close()
	return nil
}

type serverTx struct {
	tx    pgx.Tx
	queue *queue[pgx.Tx]
}

func (t serverTx) exec(ctx context.Context, sql string, args ...any) (int64, error) {
	tag, err := t.tx.Exec(ctx, sql, args...)
	return tag.RowsAffected(), err
}

func (t serverTx) query(ctx context.Context, sql string, args ...any) (rows, error) {
	return t.tx.Query(ctx, sql, args...)
}

func (t serverTx) insertJob(ctx context.Context, claim string, opts *river.InsertOpts) (int64, error) {
	return t.queue.insert(ctx, t.tx, claim, opts)
}

func (t serverTx) retryJob(ctx context.Context, id int64) error { return t.queue.retry(ctx, t.tx, id) }
