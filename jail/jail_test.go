package jail

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// The test binary plays the child: "jailed" as the real program does, and
// "try" for a worker that attempts one thing and prints what came of it.
func TestMain(m *testing.M) {
	if len(os.Args) > 2 {
		switch os.Args[1] {
		case "jailed":
			Exit(Main(os.Args[2:]))
		case "try":
			Exit(try(os.Args[2], os.Args[3:]))
		}
	}
	os.Exit(m.Run())
}

func self(t *testing.T) []string {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return []string{exe}
}

// attempts are what a broken-into worker might do. Each returns nil when it
// managed to.
var attempts = map[string]func(args []string) error{
	"nothing": func([]string) error { return nil },
	"read":    func(a []string) error { _, err := os.ReadFile(a[0]); return err },
	"list":    func(a []string) error { _, err := os.ReadDir(a[0]); return err },
	"write":   func(a []string) error { return os.WriteFile(a[0], []byte("x"), 0o600) },
	"dial": func(a []string) error {
		c, err := net.DialTimeout("tcp", a[0], 2*time.Second)
		if err == nil {
			c.Close()
		}
		return err
	},
	"exec":      func(a []string) error { return exec.Command("/bin/true").Run() },
	"replace":   func(a []string) error { return syscall.Exec("/bin/true", []string{"true"}, nil) },
	"kill":      func(a []string) error { return syscall.Kill(os.Getppid(), syscall.SIGKILL) },
	"killgroup": func(a []string) error { return syscall.Kill(0, 0) },
	"unlimit": func([]string) error {
		return unix.Prlimit(0, unix.RLIMIT_DATA, &unix.Rlimit{Cur: unix.RLIM_INFINITY, Max: unix.RLIM_INFINITY}, nil)
	},
	"outlive": func([]string) error { return unix.Prctl(unix.PR_SET_PDEATHSIG, 0, 0, 0, 0) },
	"unshare": func([]string) error { return unix.Unshare(unix.CLONE_NEWNS) },
	"big": func(a []string) error {
		return os.WriteFile(a[0], make([]byte, 2<<20), 0o600)
	},
	"other thread": func(a []string) error {
		done := make(chan error)
		for range 20 {
			go func() { _, err := os.ReadFile("/etc/passwd"); done <- err }()
		}
		var errs []error
		for range 20 {
			errs = append(errs, <-done)
		}
		for _, err := range errs {
			if err == nil {
				return nil
			}
		}
		return errs[0]
	},
	"memory": func([]string) error {
		var kept [][]byte
		for range 40 {
			b := make([]byte, 100<<20)
			for i := 0; i < len(b); i += 4096 {
				b[i] = 1
			}
			kept = append(kept, b)
		}
		return fmt.Errorf("%d blocks", len(kept))
	},
}

type trial struct {
	Spec    Spec
	Attempt string
	Args    []string
}

func try(text string, _ []string) error {
	var tr trial
	if err := json.Unmarshal([]byte(text), &tr); err != nil {
		return err
	}
	started := make(chan struct{}) // a thread that exists before the jail does
	go func() { close(started); time.Sleep(time.Hour) }()
	<-started
	if _, err := Enter(tr.Spec); err != nil {
		return err
	}
	err := attempts[tr.Attempt](tr.Args)
	fmt.Println(err)
	return nil
}

// attempt runs one attempt in a worker and returns what it printed.
func attempt(t *testing.T, s Spec, name string, args ...string) (string, error) {
	t.Helper()
	text, err := json.Marshal(trial{s, name, args})
	if err != nil {
		t.Fatal(err)
	}
	cmd := Child(t.Context(), append(self(t), "try", string(text))...)
	var out, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &stderr
	err = cmd.Run()
	if err != nil {
		err = fmt.Errorf("%w: %.300s", err, stderr.String())
	}
	return strings.TrimSpace(out.String()), err
}

func TestThisMachineHoldsTheJail(t *testing.T) {
	r, err := Probe(t.Context(), self(t))
	if err != nil || !r.Holds() {
		t.Fatalf("%s, error %v", r, err)
	}
	t.Log(r)
}

func TestWorkerCanDoNothingOutside(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	dir := t.TempDir()
	for _, c := range []struct {
		attempt string
		args    []string
	}{
		{"read", []string{"/etc/passwd"}}, {"list", []string{"/"}}, {"write", []string{filepath.Join(dir, "new")}}, {"dial", []string{l.Addr().String()}},
		{"exec", nil}, {"replace", nil}, {"kill", nil}, {"killgroup", nil}, {"unlimit", nil}, {"outlive", nil}, {"unshare", nil}, {"other thread", nil},
	} {
		t.Run(c.attempt, func(t *testing.T) {
			got, err := attempt(t, Spec{}, c.attempt, c.args...)
			if err != nil || !strings.Contains(got, "permi") && !strings.Contains(got, "denied") {
				t.Errorf("got %q, error %v; want it refused", got, err)
			}
		})
	}
	if left, _ := os.ReadDir(dir); len(left) > 0 {
		t.Error("a file was written")
	}
}

func TestWorkerCanDoWhatItWasGranted(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "in")
	if err := os.WriteFile(file, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	out := t.TempDir()
	spec := Spec{Read: []string{file, filepath.Join(dir, "missing")}, Write: []string{out, "/dev/null"}, FileSize: 1 << 20}
	for _, c := range []struct{ attempt, arg, want string }{
		{"read", file, "<nil>"}, {"list", dir, "denied"}, {"write", filepath.Join(out, "new"), "<nil>"}, {"write", "/dev/null", "<nil>"}, {"big", filepath.Join(out, "big"), "too large"},
	} {
		got, err := attempt(t, spec, c.attempt, c.arg)
		if err != nil || !strings.Contains(got, c.want) {
			t.Errorf("%s %s: got %q, error %v", c.attempt, filepath.Base(c.arg), got, err)
		}
	}
}

func TestMemoryBombDiesAlone(t *testing.T) {
	if got, err := attempt(t, Spec{Memory: 1 << 30}, "memory"); err == nil {
		t.Errorf("a process within 1 GiB wrote to %s of 100 MiB", got)
	}
	if got, err := attempt(t, Spec{}, "nothing"); err != nil || got != "<nil>" {
		t.Errorf("the next child: %q, error %v", got, err)
	}
}

func TestToolRunsOneProgramAndNothingElse(t *testing.T) {
	out := t.TempDir()
	script := `import os, socket, sys
def attempt(name, f):
    try:
        f(); print(name, "managed")
    except OSError as e:
        print(name, "refused", e.errno)
attempt("read", lambda: open("/etc/passwd").read())
attempt("own", lambda: open(os.environ["TMPDIR"] + "/x", "w").write("x"))
attempt("socket", lambda: socket.socket())
attempt("fork", lambda: os.fork() or os._exit(0))
attempt("exec", lambda: os.execv("/bin/true", ["true"]))
`
	cmd := Command(t.Context(), self(t), Spec{Write: []string{out}}, "/usr/bin/python3", "-c", script)
	b, err := cmd.CombinedOutput()
	want := "read refused 13\nown managed\nsocket refused 1\nfork refused 1\nexec refused 13\n"
	if err != nil || string(b) != want {
		t.Errorf("got %s, error %v; want %s", b, err, want)
	}
}

func TestToolReadsWhatItIsHanded(t *testing.T) {
	file := filepath.Join(t.TempDir(), "in")
	if err := os.WriteFile(file, []byte("handed over"), 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	cmd := Command(t.Context(), self(t), Spec{}, "cat")
	cmd.Stdin = f
	if b, err := cmd.CombinedOutput(); err != nil || string(b) != "handed over" {
		t.Errorf("got %q, error %v", b, err)
	}
	if b, err := Command(t.Context(), self(t), Spec{}, "cat", file).CombinedOutput(); err == nil {
		t.Errorf("read %q without being allowed", b)
	}
	if b, err := Command(t.Context(), self(t), Spec{Read: []string{file}}, "cat", file).CombinedOutput(); err != nil {
		t.Errorf("could not read what it may: %s, %v", b, err)
	}
}

func TestRefusalHasItsOwnStatus(t *testing.T) {
	for _, args := range [][]string{{"jailed", "no JSON", "--", "true"}, {"jailed", "{}", "--", "true"}, {"jailed", "x"}} {
		err := Child(t.Context(), append(self(t), args...)...).Run()
		if e, ok := errors.AsType[*exec.ExitError](err); !ok || e.ExitCode() != ExitRefused {
			t.Errorf("%v: error %v", args, err)
		}
	}
	if err := Command(t.Context(), self(t), Spec{}, "no-such-program").Run(); !errors.Is(err, exec.ErrNotFound) {
		t.Errorf("a missing program gives %v", err)
	}
}

func TestSelfTestSeesThatThereIsNoJail(t *testing.T) {
	r := prove(Spec{}.withDefaults())
	if r.Holds() || len(r.Escapes) < 5 {
		t.Errorf("outside any jail: %s", r)
	}
}

func TestChildDiesWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cmd := Child(ctx, "/bin/sh", "-c", "sleep 100 & sleep 100")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	cancel()
	cmd.Wait()
	for range 100 {
		if !groupRuns(t, cmd.Process.Pid) {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Error("the group lives on")
}

// groupRuns reports whether a process of the group is alive. One that has died
// and whose new parent has not heard of it yet is not.
func groupRuns(t *testing.T, group int) bool {
	t.Helper()
	stats, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range stats {
		b, err := os.ReadFile(path)
		if err != nil {
			continue // it ended meanwhile
		}
		// Behind the name in brackets: state, parent, group.
		_, rest, _ := strings.Cut(string(b), ") ")
		fields := strings.Fields(rest)
		if len(fields) > 2 && fields[2] == strconv.Itoa(group) && fields[0] != "Z" && fields[0] != "X" {
			return true
		}
	}
	return false
}
