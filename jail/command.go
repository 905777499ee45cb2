package jail

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"
)

// ExitRefused is the exit status of a child that was not let go on, because
// the jail does not hold or the command line is wrong. Nothing was run.
const ExitRefused = 125

// toolReads is what any program needs to start and to draw text.
var toolReads = []string{"/usr", "/lib", "/lib64", "/etc/ld.so.cache", "/etc/ld.so.preload", "/etc/fonts", "/var/cache/fontconfig", "/dev/urandom", "/dev/zero"}

// Child is the command argv, our own binary, for a process that will call
// Enter itself. It gets a bare environment and a process group of its own; it
// is killed when the thread that started it ends, which in a program that
// does not end its threads is when the parent ends; and when ctx ends the
// whole group is killed. The caller sets files and starts it.
func Child(ctx context.Context, argv ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	cmd.Env = []string{"PATH=/usr/bin:/bin", "LANG=C.UTF-8", "OMP_THREAD_LIMIT=1"}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	cmd.Cancel = func() error { return Kill(cmd) }
	cmd.WaitDelay = 2 * time.Second
	return cmd
}

// Kill ends a started child and whatever it may have started.
func Kill(cmd *exec.Cmd) error {
	if cmd.Process == nil {
		return os.ErrProcessDone
	}
	if err := syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL); err != nil {
		return cmd.Process.Kill()
	}
	return nil
}

// Command is a foreign program in the tool profile: self, which names our own
// binary, is started as "self jailed SPEC -- argv...", enters the jail and
// becomes argv[0], looked up in the PATH of the caller. Beside what spec
// grants it may read the system's programs, libraries and fonts. The first
// folder of spec.Write is its home and its place for temporary files.
func Command(ctx context.Context, self []string, spec Spec, argv ...string) *exec.Cmd {
	program, lookErr := exec.LookPath(argv[0])
	if lookErr == nil {
		program, lookErr = filepath.EvalSymlinks(program)
	}
	spec.Program = program
	text, err := json.Marshal(spec)
	args := append(append([]string{}, self...), "jailed", string(text), "--")
	cmd := Child(ctx, append(args, argv...)...)
	cmd.Err = errors.Join(cmd.Err, lookErr, err)
	if len(spec.Write) > 0 {
		cmd.Env = append(cmd.Env, "HOME="+spec.Write[0], "TMPDIR="+spec.Write[0])
	}
	return cmd
}

// Main is the body of the hidden command "jailed": args are SPEC -- PROGRAM
// ARGUMENTS. It becomes the program, and so returns only where that fails.
// With the one argument "--probe" it enters the worker's jail as far as the
// machine allows and prints the report.
func Main(args []string) error {
	if len(args) == 1 && args[0] == "--probe" {
		return probe()
	}
	var spec Spec
	if len(args) < 3 || args[1] != "--" || json.Unmarshal([]byte(args[0]), &spec) != nil || spec.Program == "" {
		return errors.New("jailed: want SPEC -- PROGRAM and its arguments")
	}
	spec.Read = append(spec.Read, toolReads...)
	spec.Write = append(spec.Write, "/dev/null")
	if _, err := Enter(spec); err != nil {
		return err
	}
	if err := syscall.Exec(spec.Program, args[2:], os.Environ()); err != nil {
		return fmt.Errorf("execute program: %w", err)
	}
	return nil
}

// Exit ends a child's process: with status 0, or with ExitRefused and the
// error on standard error.
func Exit(err error) {
	if err == nil {
		os.Exit(0)
	}
	fmt.Fprintln(os.Stderr, err)
	os.Exit(ExitRefused)
}

// Probe finds out what holds on this machine by a child of self that enters
// the worker's jail.
func Probe(ctx context.Context, self []string) (Report, error) {
	var out bytes.Buffer
	cmd := Child(ctx, append(append([]string{}, self...), "jailed", "--probe")...)
	cmd.Stdout = &out
	if err := cmd.Run(); err != nil {
		return Report{}, fmt.Errorf("probe jail: %w", err)
	}
	var r Report
	if err := json.Unmarshal(out.Bytes(), &r); err != nil {
		return Report{}, fmt.Errorf("probe jail: %w", err)
	}
	return r, nil
}

func probe() error {
	r, err := Enter(Spec{AllowUnjailed: true})
	if err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(r)
}
