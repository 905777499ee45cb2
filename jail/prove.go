package jail

import (
	"crypto/rand"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"unsafe"

	ll "github.com/landlock-lsm/go-landlock/landlock/syscall"
	"golang.org/x/sys/unix"
)

// prove tries the ways out and reports which are open. Every attempt is
// harmless where it succeeds.
func prove(s Spec) Report {
	r := Report{Kernel: kernel()}
	if abi, err := ll.LandlockGetABIVersion(); err == nil {
		r.LandlockABI = abi
	}
	r.Landlock = r.note(readsOutside(s), "reads files outside") && r.note(writesOutside(s), "writes files outside")
	r.Seccomp = r.note(dials(), "reaches the network")
	r.Seccomp = r.note(signals(), "signals its parent") && r.Seccomp
	r.Seccomp = r.note(unshares(), "makes namespaces") && r.Seccomp
	r.Seccomp = r.note(s.Program == "" && executes(), "executes programs") && r.Seccomp
	nnp, err := unix.PrctlRetInt(unix.PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0)
	r.NoNewPrivs = r.note(err != nil || nnp != 1, "can gain privileges")
	r.Rlimits = r.note(!limited(s), "has no resource limits")
	return r
}

// note writes an escape down, and reports whether there was none.
func (r *Report) note(escaped bool, what string) bool {
	if escaped {
		r.Escapes = append(r.Escapes, what)
	}
	return !escaped
}

// readsOutside tries things every machine has and no jail grants.
func readsOutside(s Spec) bool {
	for _, path := range []string{"/", "/etc/passwd", "/proc/self/environ"} {
		if within(path, s.Read) {
			continue
		}
		if f, err := os.Open(path); err == nil {
			f.Close()
			return true
		}
	}
	return false
}

func writesOutside(s Spec) bool {
	for _, dir := range []string{"/", os.TempDir(), "/tmp", "/var/tmp", "/dev/shm", "."} {
		abs, err := filepath.Abs(dir)
		if err != nil || within(abs, s.Write) {
			continue
		}
		path := filepath.Join(abs, ".chartroom-jail-"+rand.Text())
		if f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600); err == nil {
			f.Close()
			os.Remove(path)
			return true
		}
	}
	return false
}

func dials() bool {
	for _, domain := range []int{unix.AF_INET, unix.AF_INET6, unix.AF_UNIX, unix.AF_NETLINK} {
		if fd, err := unix.Socket(domain, unix.SOCK_DGRAM, 0); err == nil {
			unix.Close(fd)
			return true
		}
	}
	return false
}

// signals sends its parent the signal 0, which only asks whether it may.
func signals() bool { return unix.Kill(os.Getppid(), 0) == nil }

// unshares asks for no new namespace at all, which anybody may.
func unshares() bool { return unix.Unshare(0) == nil }

// executes asks for a program that does not exist: a process that may execute
// nothing is told so before anybody looks.
func executes() bool {
	path := []byte("/nonexistent/" + rand.Text() + "\x00")
	argv := []*byte{&path[0], nil}
	_, _, errno := unix.RawSyscall(unix.SYS_EXECVE, uintptr(unsafe.Pointer(&path[0])), uintptr(unsafe.Pointer(&argv[0])), 0)
	return !errors.Is(errno, fs.ErrPermission)
}

// within reports whether path is one of the granted ones or lies below one.
func within(path string, granted []string) bool {
	for _, g := range granted {
		g = filepath.Clean(g)
		if path == g || strings.HasPrefix(path, strings.TrimSuffix(g, "/")+"/") {
			return true
		}
	}
	return false
}

func kernel() string {
	var u unix.Utsname
	if unix.Uname(&u) != nil {
		return "unknown"
	}
	return unix.ByteSliceToString(u.Release[:])
}
