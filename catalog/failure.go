package catalog

import (
	"errors"
	"fmt"
	"io"
	"net"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"
	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

// plain makes of a database's error one that may be shown and told apart:
// values that it quotes are gone, and ErrUnavailable or ErrDamaged stands in
// it where that is what it means.
func plain(err error) error {
	if pg, ok := errors.AsType[*pgconn.PgError](err); ok {
		err = &databaseError{code: pg.Code, where: strings.TrimSpace(pg.TableName + " " + pg.ConstraintName)}
		return mark(err, meaningOfState(pg.Code))
	}
	if lite, ok := errors.AsType[*sqlite.Error](err); ok {
		return mark(err, meaningOfCode(lite.Code()&0xff))
	}
	if disconnected(err) {
		return mark(err, ErrUnavailable)
	}
	return err
}

func mark(err, meaning error) error {
	if meaning == nil || errors.Is(err, meaning) {
		return err
	}
	return fmt.Errorf("%w: %w", meaning, err)
}

// databaseError is what may be shown of an error of PostgreSQL, whose messages
// and details quote values.
type databaseError struct{ code, where string }

func (e *databaseError) Error() string {
	if e.where == "" {
		return "postgres: SQLSTATE " + e.code
	}
	return "postgres: SQLSTATE " + e.code + " at " + e.where
}

// meaningOfState reads PostgreSQL's SQLSTATE.
func meaningOfState(state string) error {
	switch {
	case strings.HasPrefix(state, "08"), // connection
		strings.HasPrefix(state, "53"),  // disk full, out of memory, too many connections
		strings.HasPrefix(state, "57P"), // shut down, starting up
		strings.HasPrefix(state, "58"),  // input or output
		state == "25006",                // read-only, as a standby is
		state == "40001", state == "40P01", state == "55P03":
		return ErrUnavailable
	case strings.HasPrefix(state, "XX"):
		return ErrDamaged
	}
	return nil
}

// meaningOfCode reads SQLite's primary result code.
func meaningOfCode(code int) error {
	switch code {
	case sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_NOMEM, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_IOERR,
		sqlite3.SQLITE_FULL, sqlite3.SQLITE_CANTOPEN:
		return ErrUnavailable
	case sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB:
		return ErrDamaged
	}
	return nil
}

// disconnected reports whether the server could not be reached, or the
// connection broke.
func disconnected(err error) bool {
	_, dial := errors.AsType[*pgconn.ConnectError](err)
	_, broken := errors.AsType[*net.OpError](err)
	return dial || broken || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || err != nil && pgconn.SafeToRetry(err)
}
