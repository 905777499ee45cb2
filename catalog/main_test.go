package catalog

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// TestMain starts a real PostgreSQL, once for all tests: every promise of the
// catalog is tested on both databases. Without one the tests fail.
func TestMain(m *testing.M) {
	if path := os.Getenv(childEnv); path != "" {
		os.Exit(child(path))
	}
	var stop func()
	postgres.dir, stop, postgres.err = startPostgres()
	code := m.Run()
	if stop != nil {
		stop()
	}
	os.Exit(code)
}

var postgres struct {
	dir       string // of the socket
	err       error
	databases atomic.Int64
}

func postgresURL(database string) string {
	return "postgres:///" + database + "?user=chartroom&host=" + postgres.dir
}

// newPostgres makes a fresh database and gives its address.
func newPostgres(t testing.TB) string {
	t.Helper()
	if postgres.err != nil {
		t.Fatalf("these tests need PostgreSQL (apt-get install postgresql): %v", postgres.err)
	}
	name := fmt.Sprintf("test%d", postgres.databases.Add(1))
	conn, err := pgx.Connect(t.Context(), postgresURL("postgres"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	if _, err := conn.Exec(t.Context(), "CREATE DATABASE "+name); err != nil {
		t.Fatal(err)
	}
	return postgresURL(name)
}

// startPostgres runs Debian's newest PostgreSQL in a folder of its own, with a
// socket there and no port.
func startPostgres() (dir string, stop func(), err error) {
	bins, _ := filepath.Glob("/usr/lib/postgresql/*/bin")
	if len(bins) == 0 {
		return "", nil, errors.New("no /usr/lib/postgresql/*/bin")
	}
	bin := slices.MaxFunc(bins, func(a, b string) int { return postgresVersion(a) - postgresVersion(b) })
	if dir, err = os.MkdirTemp("", "chartroom-pg"); err != nil {
		return "", nil, err
	}
	as, err := ordinaryUser(dir)
	if err != nil {
		return "", nil, err
	}
	data := filepath.Join(dir, "data")
	initdb := exec.Command(filepath.Join(bin, "initdb"), "-D", data, "-U", "chartroom", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync")
	initdb.SysProcAttr, initdb.Dir = &syscall.SysProcAttr{Credential: as}, dir
	if out, err := initdb.CombinedOutput(); err != nil {
		return "", nil, fmt.Errorf("initdb: %w: %s", err, out)
	}
	server := exec.Command(filepath.Join(bin, "postgres"), "-D", data, "-k", dir, "-c", "listen_addresses=", "-c", "fsync=off")
	server.SysProcAttr, server.Dir = &syscall.SysProcAttr{Credential: as, Pdeathsig: syscall.SIGINT}, dir
	ended := make(chan error, 1)
	if err := startWithUs(server, ended); err != nil {
		return "", nil, err
	}
	stop = func() {
		_ = server.Process.Signal(syscall.SIGINT) // a fast shutdown
		<-ended
		_ = os.RemoveAll(dir)
	}
	return dir, stop, awaitPostgres(dir, ended)
}

func postgresVersion(bin string) int {
	n, _ := strconv.Atoi(filepath.Base(filepath.Dir(bin)))
	return n
}

// ordinaryUser finds whom to run as where we are root, which PostgreSQL
// refuses to be, and gives him the folder.
func ordinaryUser(dir string) (*syscall.Credential, error) {
	if os.Getuid() != 0 {
		return nil, nil
	}
	u, err := user.Lookup("postgres")
	if err != nil {
		if u, err = user.Lookup("nobody"); err != nil {
			return nil, err
		}
	}
	uid, _ := strconv.Atoi(u.Uid)
	gid, _ := strconv.Atoi(u.Gid)
	return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, os.Chown(dir, uid, gid)
}

// startWithUs starts a process that ends when we do, from a thread that lasts
// as long as the process: a child is told of its parent thread's death.
func startWithUs(cmd *exec.Cmd, ended chan<- error) error {
	started := make(chan error)
	go func() {
		runtime.LockOSThread()
		err := cmd.Start()
		started <- err
		if err == nil {
			ended <- cmd.Wait()
		}
	}()
	return <-started
}

func awaitPostgres(dir string, ended chan error) error {
	for range 300 {
		conn, err := pgx.Connect(context.Background(), "postgres:///postgres?user=chartroom&host="+dir)
		if err == nil {
			return conn.Close(context.Background())
		}
		select {
		case err := <-ended:
			ended <- err
			return fmt.Errorf("postgres ended: %w", err)
		case <-time.After(100 * time.Millisecond):
		}
	}
	return errors.New("postgres does not answer")
}

// bench is one database for one test, which can be opened again and again.
type bench struct{ cfg Config }

// everywhere runs a test on both databases.
func everywhere(t *testing.T, f func(t *testing.T, b bench)) {
	t.Run("sqlite", func(t *testing.T) { f(t, newSQLite(t)) })
	t.Run("postgres", func(t *testing.T) { f(t, bench{Config{URL: newPostgres(t), Owner: "here"}}) })
}

func newSQLite(t *testing.T) bench {
	return bench{Config{Path: filepath.Join(t.TempDir(), "catalog.db")}}
}

func (b bench) open(t *testing.T) *Catalog {
	t.Helper()
	c, err := Open(t.Context(), b.cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func got[T any](t *testing.T) func(T, error) T {
	t.Helper()
	return func(v T, err error) T {
		t.Helper()
		must(t, err)
		return v
	}
}
