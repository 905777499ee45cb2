package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// program is the real binary, built once: its workers are children of itself,
// so nothing less will do.
var program string

func TestMain(m *testing.M) {
	os.Exit(func() int {
		dir, err := os.MkdirTemp("", "chartroom-test-")
		if err != nil {
			panic(err)
		}
		defer os.RemoveAll(dir)
		program = filepath.Join(dir, "chartroom")
		if out, err := exec.Command("go", "build", "-o", program, ".").CombinedOutput(); err != nil {
			fmt.Fprintf(os.Stderr, "build chartroom: %v\n%s", err, out)
			return 1
		}
		return m.Run()
	}())
}

// The command line, as people and scripts use it.
func TestCommands(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script",
		Setup: func(e *testscript.Env) error {
			e.Setenv("PATH", filepath.Dir(program)+string(os.PathListSeparator)+e.Getenv("PATH"))
			e.Setenv("OMP_THREAD_LIMIT", "1")
			e.Setenv("CHARTROOM_LOG_LEVEL", "error")
			scans := filepath.Join(e.WorkDir, "scans")
			if err := os.MkdirAll(scans, 0o755); err != nil {
				return err
			}
			batches := filepath.Join(e.WorkDir, "batches")
			if err := os.MkdirAll(batches, 0o755); err != nil {
				return err
			}
			return errors.Join(
				os.WriteFile(filepath.Join(batches, "batch.tif"), batchOf(13, 1, 2), 0o644),
				os.WriteFile(filepath.Join(scans, "garcia.png"), sheet("LABORATORY REPORT", "Patient: GARCIA, MARIA L", "MRN: 00482913", "DOB: 03/14/1961", "Collected: 02/09/2011", "Potassium 6.1 mmol/L"), 0o644),
				os.WriteFile(filepath.Join(scans, "stranger.png"), sheet("PROGRESS NOTE", "Patient: OKAFOR, DANIEL", "MRN: 77120034", "DOB: 07/02/1950", "Walked with a giraffe"), 0o644),
				os.WriteFile(filepath.Join(scans, "broken.tiff"), []byte("II*\x00\x08\x00\x00\x00"), 0o644),
			)
		},
	})
}

// running is a chartroom serve in a process of its own.
type running struct {
	cmd    *exec.Cmd
	pages  string
	stderr *bytes.Buffer
}

// start runs serve and waits until it is ready.
func start(t *testing.T, data string, args ...string) *running {
	t.Helper()
	r := &running{cmd: exec.Command(program, append([]string{"serve", "--data", data}, args...)...), stderr: &bytes.Buffer{}}
	r.cmd.Env = append(os.Environ(), "OMP_THREAD_LIMIT=1")
	r.cmd.Stderr = r.stderr
	r.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	out, err := r.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := r.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.kill)
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		if address, ok := strings.CutPrefix(lines.Text(), "pages: "); ok {
			r.pages = address
			go io.Copy(io.Discard, out)
			return r
		}
	}
	r.cmd.Wait()
	t.Fatalf("serve did not become ready: %s", r.stderr)
	return nil
}

// kill ends serve and its workers as a power cut would.
func (r *running) kill() {
	if r.cmd.Process != nil {
		syscall.Kill(-r.cmd.Process.Pid, syscall.SIGKILL)
		r.cmd.Wait()
	}
}

// stop asks serve to end and returns its exit status.
func (r *running) stop(t *testing.T) int {
	t.Helper()
	r.cmd.Process.Signal(syscall.SIGINT)
	done := make(chan struct{})
	go func() { r.cmd.Wait(); close(done) }()
	select {
	case <-done:
	case <-time.After(20 * time.Second):
		t.Fatal("serve did not stop within 20 seconds")
	}
	return r.cmd.ProcessState.ExitCode()
}

// chartroom runs a command to its end and returns standard output and the
// exit status.
func chartroom(t *testing.T, data string, args ...string) (string, int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, program, append(args, "--data", data)...)
	cmd.Env = append(os.Environ(), "OMP_THREAD_LIMIT=1")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if _, ok := errors.AsType[*exec.ExitError](err); err != nil && !ok {
		t.Fatalf("chartroom %s: %v", args[0], err)
	}
	if stderr.Len() > 0 {
		t.Logf("chartroom %s: %s", args[0], stderr.String())
	}
	return string(out), cmd.ProcessState.ExitCode()
}

// documentJSON is what the tests look at of INTERFACE's document line.
type documentJSON struct {
	ID, File, Status, Reason string
	FiledBy                  string `json:"filed_by"`
	Patient                  *struct{ MRN, Name, DOB string }
	Pages                    []struct {
		Page  int
		State string
		Text  string
	}
	Receipts    []struct{ Name, From string }
	ScanPages   *[2]int `json:"scan_pages"`
	Identifiers []struct{ Kind, Value, Source string }
}

func list(t *testing.T, data string) []documentJSON {
	t.Helper()
	out, status := chartroom(t, data, "documents", "--json", "--text")
	if status != 0 {
		t.Fatalf("documents ends with status %d", status)
	}
	var docs []documentJSON
	for line := range strings.Lines(out) {
		var d documentJSON
		if err := json.Unmarshal([]byte(line), &d); err != nil {
			t.Fatalf("%v in %s", err, line)
		}
		docs = append(docs, d)
	}
	return docs
}

// eventually waits until what is promised holds.
func eventually(t *testing.T, within time.Duration, what string, holds func() bool) {
	t.Helper()
	for end := time.Now().Add(within); time.Now().Before(end); time.Sleep(200 * time.Millisecond) {
		if holds() {
			return
		}
	}
	t.Fatalf("not within %s: %s", within, what)
}
