package dir_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"chartroom/objectstore"
	"chartroom/objectstore/dir"
	"chartroom/objectstore/storetest"
)

const crashFolder = "CHARTROOM_TEST_CRASH_FOLDER"

// TestMain lets the test program be the process that is killed.
func TestMain(m *testing.M) {
	if path := os.Getenv(crashFolder); path != "" {
		putForEver(path)
	}
	if path := os.Getenv(onePutFolder); path != "" {
		putOnce(path)
	}
	os.Exit(m.Run())
}

// putForEver puts objects from a few goroutines and prints each key once its
// Put has returned nil.
func putForEver(path string) {
	s, err := dir.Open(dir.Config{Path: path})
	if err != nil {
		fmt.Println("broken:", err)
		os.Exit(1)
	}
	seed := uint64(os.Getpid())
	for g := range uint64(4) {
		go func() {
			for i := uint64(0); ; i++ {
				content := storetest.Content(seed<<8+g*61+i, int(i*37_000%300_000))
				key := storetest.Key(content)
				if err := s.Put(context.Background(), key, objectstore.BytesBody(content)); err != nil {
					fmt.Println("broken:", err)
					os.Exit(1)
				}
				os.Stdout.WriteString(string(key) + "\n")
			}
		}()
	}
	select {}
}

func TestKilledAtAnyMomentEveryKeyIsWholeOrAbsent(t *testing.T) {
	path := t.TempDir()
	acknowledged := map[string]bool{}
	for round := range 30 {
		p := startPutting(t, path)
		p.after(time.Duration(5+7*round)*time.Millisecond, nil)
		for _, key := range p.wait(t) {
			acknowledged[key] = true
		}
	}
	s := open(t, path)
	held := wholeKeys(t, s)
	for key := range acknowledged {
		if !held[key] {
			t.Errorf("%s was acknowledged and is lost", key)
		}
	}
	if names := temporary(t, path); len(names) > 0 {
		t.Errorf("left after the sweep: %q", names)
	}
	if len(acknowledged) < 30 {
		t.Errorf("only %d puts were acknowledged: the test proves little", len(acknowledged))
	}
	t.Logf("30 kills, %d acknowledged, %d held", len(acknowledged), len(held))
}

// wholeKeys reads every object, and fails the test where the bytes are not
// those that the key, which is made of their digest, asks for.
func wholeKeys(t *testing.T, s objectstore.Store) map[string]bool {
	t.Helper()
	held := map[string]bool{}
	for info, err := range s.List(t.Context(), "") {
		if err != nil {
			t.Fatal(err)
		}
		r, full, err := s.Open(t.Context(), info.Key)
		if err != nil {
			t.Fatal(err)
		}
		if err := objectstore.Compare(r, objectstore.NewBody(nil, full.Size, full.Digest)); err != nil {
			t.Errorf("%s is not whole: %v", info.Key, err)
		}
		if !strings.HasSuffix(string(info.Key), full.Digest.String()) {
			t.Errorf("%s holds %s", info.Key, full.Digest)
		}
		r.Close()
		held[string(info.Key)] = true
	}
	return held
}

// putter is the program at work on a folder.
type putter struct {
	cmd  *exec.Cmd
	out  *bufio.Scanner
	when time.Duration
	then func()
}

func startPutting(t *testing.T, path string) *putter {
	t.Helper()
	c := exec.CommandContext(t.Context(), os.Args[0])
	c.Env = append(os.Environ(), crashFolder+"="+path)
	out, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	return &putter{cmd: c, out: bufio.NewScanner(out)}
}

// after says what is to befall the program a while after its first put, before
// it is killed.
func (p *putter) after(when time.Duration, then func()) { p.when, p.then = when, then }

// wait gives the keys whose puts were acknowledged before the blow. It fails
// the test if a put failed before it.
func (p *putter) wait(t *testing.T) []string {
	t.Helper()
	var keys []string
	var struck atomic.Bool
	for p.out.Scan() {
		line := p.out.Text()
		if strings.HasPrefix(line, "broken") {
			if !struck.Load() {
				t.Errorf("put: %s", line)
			}
			continue
		}
		if keys = append(keys, line); len(keys) == 1 {
			time.AfterFunc(p.when, func() {
				struck.Store(true)
				if p.then != nil {
					p.then()
				}
				_ = p.cmd.Process.Kill()
			})
		}
	}
	if err := p.cmd.Wait(); err == nil || !errors.As(err, new(*exec.ExitError)) {
		t.Errorf("the program ended by itself: %v", err)
	}
	return keys
}
