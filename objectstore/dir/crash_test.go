package dir_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
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
		for _, line := range runAndKill(t, path, time.Duration(5+7*round)*time.Millisecond) {
			if strings.HasPrefix(line, "broken") {
				t.Fatalf("round %d: %s", round, line)
			}
			acknowledged[line] = true
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

// runAndKill starts the program on the folder, kills it after it has worked
// for a while, and gives the lines it wrote.
func runAndKill(t *testing.T, path string, after time.Duration) []string {
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
	var lines []string
	for in := bufio.NewScanner(out); in.Scan(); {
		if lines = append(lines, in.Text()); len(lines) == 1 {
			time.AfterFunc(after, func() { _ = c.Process.Kill() })
		}
	}
	if err := c.Wait(); err == nil || !errors.As(err, new(*exec.ExitError)) {
		t.Fatalf("the program ended by itself: %v", err)
	}
	return lines
}
