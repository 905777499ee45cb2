package jail

import (
	"fmt"
	"time"

	"golang.org/x/sys/unix"
)

// addressSpace is what a Go process reserves, without using it, beyond the
// memory it writes to: reservations count against RLIMIT_AS, and a tight bound
// kills the runtime at a fraction of it.
const addressSpace = 4 << 30

// limits are the process's bounds by the number of the resource. The bound
// that bites is RLIMIT_DATA, which counts writable memory only. The number of
// processes is not bounded here: RLIMIT_NPROC counts all that the user runs,
// and the filter forbids new ones anyway.
func (s Spec) limits() map[int]uint64 {
	m := map[int]uint64{
		unix.RLIMIT_CORE:   0,
		unix.RLIMIT_DATA:   uint64(s.Memory),
		unix.RLIMIT_AS:     uint64(s.Memory + addressSpace),
		unix.RLIMIT_FSIZE:  uint64(s.FileSize),
		unix.RLIMIT_NOFILE: uint64(s.OpenFiles),
	}
	if s.CPU > 0 {
		m[unix.RLIMIT_CPU] = uint64((s.CPU + time.Second - 1) / time.Second)
	}
	return m
}

// limit sets the bounds, never above what the process already has.
func limit(s Spec) error {
	for resource, most := range s.limits() {
		var now unix.Rlimit
		if err := unix.Getrlimit(resource, &now); err != nil {
			return fmt.Errorf("read resource limit %d: %w", resource, err)
		}
		most = min(most, now.Max)
		if err := unix.Setrlimit(resource, &unix.Rlimit{Cur: most, Max: most}); err != nil {
			return fmt.Errorf("set resource limit %d: %w", resource, err)
		}
	}
	return nil
}

// limited reports whether the bounds are in force.
func limited(s Spec) bool {
	for resource, most := range s.limits() {
		var now unix.Rlimit
		if unix.Getrlimit(resource, &now) != nil || now.Cur > most || now.Max > most {
			return false
		}
	}
	return true
}
