package jail

import (
	"fmt"
	"os"
	"unsafe"

	seccomp "github.com/elastic/go-seccomp-bpf"
	"github.com/elastic/go-seccomp-bpf/arch"
	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"
)

// forbidden are the system calls that neither profile needs and that lead out:
// to the network, to other processes, to other names of the file system, to
// rarely used corners of the kernel, or out of what the parent holds the child
// by (its group and its limits).
var forbidden = []string{
	"socket", "socketpair", "connect", "bind", "listen", "accept", "accept4",
	"fork", "vfork", "ptrace", "process_vm_readv", "process_vm_writev", "process_madvise", "process_mrelease", "kcmp",
	"pidfd_open", "pidfd_getfd", "pidfd_send_signal", "rt_sigqueueinfo", "rt_tgsigqueueinfo", "tkill",
	"unshare", "setns", "chroot", "pivot_root", "mount", "umount2", "mount_setattr", "open_tree", "move_mount", "fsopen", "fsconfig", "fsmount", "fspick",
	"open_by_handle_at", "name_to_handle_at", "fanotify_init", "quotactl", "quotactl_fd", "swapon", "swapoff", "acct",
	"io_uring_setup", "io_uring_enter", "io_uring_register", "bpf", "perf_event_open", "userfaultfd", "memfd_create", "memfd_secret",
	"keyctl", "add_key", "request_key", "init_module", "finit_module", "delete_module", "kexec_load", "kexec_file_load", "reboot",
	"mknod", "mknodat", "chmod", "fchmod", "fchmodat", "fchmodat2", "chown", "fchown", "lchown", "fchownat", "setxattr", "lsetxattr", "fsetxattr",
	"settimeofday", "clock_settime", "adjtimex", "clock_adjtime", "sethostname", "setdomainname", "syslog", "iopl", "ioperm", "modify_ldt",
	"setpgid", "setsid", "setrlimit", "msgget", "semget", "shmget", "mq_open", "lookup_dcookie", "vhangup",
}

// filter has the kernel refuse the forbidden calls with "operation not
// permitted", in all threads.
func filter(s Spec) error {
	names, conditions := s.refusals()
	known, err := arch.GetInfo("")
	if err != nil {
		return fmt.Errorf("filter system calls: %w", err)
	}
	group := seccomp.SyscallGroup{Action: seccomp.ActionErrno}
	for _, name := range names {
		if _, ok := known.SyscallNames[name]; ok {
			group.Names = append(group.Names, name)
		}
	}
	for _, c := range conditions {
		if _, ok := known.SyscallNames[c.Name]; ok {
			group.NamesWithCondtions = append(group.NamesWithCondtions, c)
		}
	}
	// Glibc makes a thread by clone3 and, where that does not exist, by clone,
	// whose flags a filter can see.
	absent := seccomp.SyscallGroup{Names: []string{"clone3"}, Action: seccomp.ActionErrno | seccomp.Action(unix.ENOSYS)}
	policy := seccomp.Policy{DefaultAction: seccomp.ActionAllow, Syscalls: []seccomp.SyscallGroup{group, absent}}
	if err := seccomp.LoadFilter(seccomp.Filter{NoNewPrivs: true, Flag: seccomp.FilterFlagTSync, Policy: policy}); err != nil {
		return fmt.Errorf("filter system calls: %w", err)
	}
	return nativeOnly(uint32(known.ID))
}

// refusals are the calls to refuse always, and those to refuse by their
// arguments: clone that makes a process rather than a thread, signals to
// anybody else, new limits, and outliving the parent.
func (s Spec) refusals() ([]string, []seccomp.NameWithConditions) {
	names := forbidden
	if s.Program == "" {
		names = append(append([]string{}, names...), "execve", "execveat")
	} else {
		names = append(append([]string{}, names...), "execveat")
	}
	when := func(name string, arg uint32, op seccomp.Operation, value uint64) seccomp.NameWithConditions {
		return seccomp.NameWithConditions{Name: name, Conditions: seccomp.ArgumentConditions{{Argument: arg, Operation: op, Value: value}}}
	}
	self := uint64(os.Getpid())
	return names, []seccomp.NameWithConditions{
		when("clone", 0, seccomp.BitsNotSet, unix.CLONE_THREAD),
		when("kill", 0, seccomp.NotEqual, self),
		when("tgkill", 0, seccomp.NotEqual, self),
		when("prlimit64", 2, seccomp.NotEqual, 0),
		when("prctl", 0, seccomp.Equal, unix.PR_SET_PDEATHSIG),
	}
}

// nativeOnly kills the process when it makes a call through another
// architecture's door, such as 32-bit calls on a 64-bit machine: they have
// other numbers, and the filter above lets them pass.
func nativeOnly(auditArch uint32) error {
	program, err := bpf.Assemble([]bpf.Instruction{
		bpf.LoadAbsolute{Off: 4, Size: 4}, // the architecture in struct seccomp_data
		bpf.JumpIf{Cond: bpf.JumpEqual, Val: auditArch, SkipTrue: 1},
		bpf.RetConstant{Val: unix.SECCOMP_RET_KILL_PROCESS},
		bpf.RetConstant{Val: unix.SECCOMP_RET_ALLOW},
	})
	if err != nil {
		return fmt.Errorf("assemble filter: %w", err)
	}
	filters := make([]unix.SockFilter, len(program))
	for i, p := range program {
		filters[i] = unix.SockFilter{Code: p.Op, Jt: p.Jt, Jf: p.Jf, K: p.K}
	}
	prog := unix.SockFprog{Len: uint16(len(filters)), Filter: &filters[0]}
	_, _, errno := unix.Syscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, unix.SECCOMP_FILTER_FLAG_TSYNC, uintptr(unsafe.Pointer(&prog)))
	if errno != 0 {
		return fmt.Errorf("filter foreign system calls: %w", errno)
	}
	return nil
}
