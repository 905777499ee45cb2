package catalog

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"chartroom/record"
)

func TestAFullDiskIsAReasonToWait(t *testing.T) {
	c := newSQLite(t).open(t)
	execSQL(t, c, `PRAGMA max_page_count = 1`) // SQLite takes the present size
	big := record.Page{Number: 1}
	for range 50_000 {
		big.Words = append(big.Words, record.Word{Text: record.Hide("filling")})
	}
	var err error
	for n := 0; n < 50 && err == nil; n++ {
		err = c.SavePage(t.Context(), digest(n), "reader", &big)
	}
	if !errors.Is(err, ErrUnavailable) {
		t.Errorf("the disk is full: %v", err)
	}
}

func TestADatabaseThatIsAwayIsAReasonToWait(t *testing.T) {
	c := (bench{Config{URL: newPostgres(t)}}).open(t)
	err := c.db.update(t.Context(), func(tx transaction) error {
		_, err := tx.exec(t.Context(), `SELECT pg_terminate_backend(pg_backend_pid())`)
		return err
	})
	if !errors.Is(err, ErrUnavailable) {
		t.Errorf("the connection was cut: %v", err)
	}
	must(t, c.Check(t.Context()))
	if _, err := Open(t.Context(), Config{URL: "postgres:///x?host=" + t.TempDir()}); !errors.Is(err, ErrUnavailable) {
		t.Errorf("nobody listens: %v", err)
	}
	c.Close()
	if err := c.Check(t.Context()); err == nil {
		t.Error("a closed catalog checks well")
	}
}

func TestADamagedFileIsToldFromANewOne(t *testing.T) {
	path := filepath.Join(t.TempDir(), "catalog.db")
	must(t, os.WriteFile(path, bytes.Repeat([]byte("not a database "), 1000), 0o600))
	if _, err := Open(t.Context(), Config{Path: path}); !errors.Is(err, ErrDamaged) {
		t.Errorf("opened garbage: %v", err)
	}
}

func TestAWrongAddressIsNotRepeated(t *testing.T) {
	_, err := Open(t.Context(), Config{URL: "postgres://u:secret@host:port/x"})
	if err == nil || bytes.Contains([]byte(err.Error()), []byte("secret")) {
		t.Errorf("error: %v", err)
	}
}
