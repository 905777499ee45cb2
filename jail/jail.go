// Package jail locks the calling process in before it touches bytes that
// somebody hostile may have made.
//
// Image and PDF libraries written in C are broken into by the files they read;
// dozens of such holes become known every year. Chartroom therefore never
// parses a scan in the process that holds the keys. It starts a child, the
// child calls [Enter], and from then on the kernel answers no to whatever the
// child does not need: other files (Landlock), the network, other programs,
// other processes (seccomp), more memory or processor time than its share
// (rlimits), and any privilege regained through a set-uid program
// (no_new_privs). None of it can be undone by the child.
//
// There are two profiles. A worker is our own code, which is handed open files
// and never executes anything. A tool is a foreign program, such as poppler's
// pdftoppm: our own binary, started again by [Command], enters the jail and
// becomes that one program; it cannot start another.
//
// A jail that is believed in and does not hold is worse than none. So Enter
// ends by trying to break out, and says what it managed to do; a process that
// managed anything refuses to go on unless its owner has allowed that.
//
// What a parent must know of its children (their own process group, death with
// the parent, a bare environment) is in [Child].
package jail

import (
	"errors"
	"fmt"
	"runtime"
	"strings"
	"time"
)

// ErrUnjailed says that the machine does not hold the jail: the process could
// still do something it must not.
var ErrUnjailed = errors.New("the jail does not hold")

// Spec says what a jailed process may still do. The zero value is a worker:
// its open files and nothing else, within the default limits.
type Spec struct {
	// Read names files and folders it may read. What does not exist is passed over.
	Read []string
	// Write names folders in which it may create, read, write and remove
	// files, or single files (a device, say) it may write.
	Write []string
	// Program is the absolute path of the one program it may execute: the
	// tool profile. Empty means none: the worker profile.
	Program string
	// Memory bounds its writable memory in bytes; default 2 GiB.
	Memory int64
	// CPU bounds the processor time of its whole life; 0 is no bound.
	CPU time.Duration
	// FileSize bounds each file it writes, in bytes; default 1 GiB.
	FileSize int64
	// OpenFiles bounds its open files; default 64.
	OpenFiles int
	// AllowUnjailed lets it go on where the machine cannot hold it.
	AllowUnjailed bool
}

// Report says what holds, found by trying and not by asking.
type Report struct {
	Kernel      string   // the kernel's release
	LandlockABI int      // the version of Landlock the kernel has, 0 for none
	Landlock    bool     // files outside cannot be opened
	Seccomp     bool     // the forbidden system calls are refused
	NoNewPrivs  bool     // set-uid programs give nothing
	Rlimits     bool     // the limits are in force
	Escapes     []string // what the process managed to do and must not, in words
}

// Holds reports whether no way out was found.
func (r Report) Holds() bool {
	return r.Landlock && r.Seccomp && r.NoNewPrivs && r.Rlimits && len(r.Escapes) == 0
}

// String says in one line what holds.
func (r Report) String() string {
	if r.Holds() {
		return fmt.Sprintf("holds (Landlock ABI %d, seccomp, no_new_privs, rlimits; kernel %s)", r.LandlockABI, r.Kernel)
	}
	return fmt.Sprintf("does not hold (kernel %s, Landlock ABI %d): a jailed process %s", r.Kernel, r.LandlockABI, strings.Join(r.Escapes, ", "))
}

// Enter puts the whole calling process, with all its threads, into the jail
// for the rest of its life, and then proves that it holds. The error wraps
// ErrUnjailed where it does not; with AllowUnjailed there is no error, and
// the report tells the truth.
func Enter(s Spec) (Report, error) {
	s = s.withDefaults()
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	var problems []string
	for _, step := range []func(Spec) error{limit, fence, filter} {
		if err := step(s); err != nil {
			problems = append(problems, err.Error())
		}
	}
	r := prove(s)
	if r.Holds() && len(problems) == 0 || s.AllowUnjailed {
		return r, nil
	}
	return r, fmt.Errorf("enter jail: %w: %s", ErrUnjailed, strings.Join(append(problems, r.Escapes...), "; "))
}

func (s Spec) withDefaults() Spec {
	if s.Memory <= 0 {
		s.Memory = 2 << 30
	}
	if s.FileSize <= 0 {
		s.FileSize = 1 << 30
	}
	if s.OpenFiles <= 0 {
		s.OpenFiles = 64
	}
	return s
}
