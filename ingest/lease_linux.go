package ingest

import (
	"os"

	"golang.org/x/sys/unix"
)

// writerHolds reports whether some program of this machine has the file open
// for writing. It asks for a read lease, which the kernel refuses while there
// is a writer, and gives it back at once. Where the question cannot be asked
// (another user's file without CAP_LEASE, a file system without leases) the
// answer is no, and the other gates must do.
func writerHolds(f *os.File) bool {
	_, err := unix.FcntlInt(f.Fd(), unix.F_SETLEASE, unix.F_RDLCK)
	if err != nil {
		return err == unix.EAGAIN
	}
	unix.FcntlInt(f.Fd(), unix.F_SETLEASE, unix.F_UNLCK)
	return false
}
