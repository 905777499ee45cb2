package dir_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"chartroom/objectstore"
	"chartroom/objectstore/dir"
	"chartroom/objectstore/storetest"
)

const onePutFolder = "CHARTROOM_TEST_ONE_PUT_FOLDER"

var onePutContent = storetest.Content(9, 100_000)

// putOnce puts one object, on one thread so that its calls can be counted, and
// prints what came of it by its kind.
func putOnce(path string) {
	runtime.LockOSThread()
	s, err := dir.Open(dir.Config{Path: path})
	if err == nil {
		err = s.Put(context.Background(), "a/b/one", objectstore.BytesBody(onePutContent))
	}
	kind := "unnamed"
	for name, sentinel := range map[string]error{"full": objectstore.ErrFull, "unavailable": objectstore.ErrUnavailable} {
		if errors.Is(err, sentinel) {
			kind = name
		}
	}
	if err == nil {
		kind = "stored"
	}
	fmt.Println(kind, err)
	os.Exit(0)
}

// TestAFaultInAnyCallLosesNothing makes every single system call of a put fail,
// or the process die in it, one after the other.
func TestAFaultInAnyCallLosesNothing(t *testing.T) {
	if _, err := exec.LookPath("strace"); err != nil {
		t.Fatal("strace is not installed: apt-get install strace, or make test-packages")
	}
	total := 0
	for _, call := range []string{"write", "fsync", "linkat", "mkdirat", "unlinkat"} {
		for fault, kind := range map[string]string{"error=EIO": "unavailable", "error=ENOSPC": "full", "signal=SIGKILL": ""} {
			n := 1
			for ; faulted(t, call, fault, kind, n); n++ {
			}
			total += n - 1
			if n == 1 {
				t.Errorf("no %s was met with %s: the test proves nothing", call, fault)
			}
		}
	}
	t.Logf("%d faults", total)
}

// faulted runs a put whose n-th call of a kind meets a fault, and reports
// whether there was an n-th call. What the put said must be true.
func faulted(t *testing.T, call, fault, kind string, n int) bool {
	t.Helper()
	path, log := t.TempDir(), filepath.Join(t.TempDir(), "strace")
	open(t, path).Close()
	c := exec.CommandContext(t.Context(), "strace", "-f", "-qq", "-o", log, "-e", "trace="+call, "-e", fmt.Sprintf("inject=%s:%s:when=%d", call, fault, n), os.Args[0])
	c.Env = append(os.Environ(), onePutFolder+"="+path)
	said, _ := c.Output()
	trace, err := os.ReadFile(log)
	if err != nil {
		t.Skipf("strace does not work here: %v", err)
	}
	if !bytes.Contains(trace, []byte("INJECTED")) && !bytes.Contains(trace, []byte("killed by SIGKILL")) {
		return false
	}
	where := fmt.Sprintf("%s %d with %s", call, n, fault)
	s := open(t, path)
	_, err = s.Stat(t.Context(), "a/b/one")
	switch word, _, _ := strings.Cut(string(said), " "); {
	case word == "stored" && err != nil:
		t.Errorf("%s: it said stored, and lost it: %v", where, err)
	case word == "stored" && call == "unlinkat": // a temporary name that stays does no harm
	case word != "" && word != kind:
		t.Errorf("%s: it said %s", where, said)
	}
	if err == nil {
		storetest.MustHold(t, s, "a/b/one", onePutContent)
	}
	storetest.MustPut(t, s, "a/b/one", onePutContent)
	if names := temporary(t, path); len(names) > 0 {
		t.Errorf("%s: left %q", where, names)
	}
	return true
}
