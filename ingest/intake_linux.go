package ingest

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// stamp is what must stand still before a file is taken: comparable, and taken
// from one stat. Times are nanoseconds since 1970 and are only ever compared
// with each other, never with the clock: a scanner's clock may be years off.
type stamp struct {
	dev, ino     uint64
	size         int64
	mtime, ctime int64
}

// entry is one directory entry: its stamp, its type and how many names it has.
type entry struct {
	stamp
	mode  uint32
	links uint64
}

func (e entry) regular() bool { return e.mode&unix.S_IFMT == unix.S_IFREG }
func (e entry) folder() bool  { return e.mode&unix.S_IFMT == unix.S_IFDIR }

// kind says what an entry that is no regular file is.
func (e entry) kind() string {
	switch e.mode & unix.S_IFMT {
	case unix.S_IFLNK:
		return "a link, never followed"
	case unix.S_IFIFO:
		return "a pipe, not a file"
	case unix.S_IFSOCK:
		return "a socket, not a file"
	case unix.S_IFBLK, unix.S_IFCHR:
		return "a device, not a file"
	case unix.S_IFDIR:
		return "a folder"
	}
	return "not a regular file"
}

func entryOf(st *unix.Stat_t) entry {
	return entry{
		stamp: stamp{uint64(st.Dev), st.Ino, st.Size, unix.TimespecToNsec(st.Mtim), unix.TimespecToNsec(st.Ctim)},
		mode:  st.Mode, links: uint64(st.Nlink),
	}
}

// statAt looks at a name in dir without following a link and without opening:
// a pipe or a device is never touched.
func statAt(dir *os.File, name string) (entry, error) {
	var st unix.Stat_t
	err := restart(func() error { return unix.Fstatat(int(dir.Fd()), name, &st, unix.AT_SYMLINK_NOFOLLOW) })
	return entryOf(&st), err
}

func statFile(f *os.File) (entry, error) {
	var st unix.Stat_t
	err := restart(func() error { return unix.Fstat(int(f.Fd()), &st) })
	return entryOf(&st), err
}

// restart repeats a system call that a signal interrupted.
func restart(call func() error) error {
	for {
		if err := call(); err != unix.EINTR {
			return err
		}
	}
}

// openFolder opens a folder that the configuration names, following links in
// its path: those are the administrator's.
func openFolder(name string) (*os.File, error) {
	var fd int
	err := restart(func() (err error) {
		fd, err = unix.Open(name, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
		return err
	})
	if err != nil {
		return nil, err
	}
	return os.NewFile(uintptr(fd), "folder"), nil
}

// openBeneath opens rel below dir. No link on the way is followed and nothing
// outside is reached, whatever rel says and whoever renames folders meanwhile;
// O_NONBLOCK keeps a pipe from holding us. The file's name in errors is "file":
// names are patient data.
func openBeneath(dir *os.File, rel string, flags int, mode uint32) (*os.File, error) {
	flags |= unix.O_CLOEXEC | unix.O_NONBLOCK
	how := unix.OpenHow{Flags: uint64(flags), Mode: uint64(mode), Resolve: unix.RESOLVE_BENEATH | unix.RESOLVE_NO_SYMLINKS | unix.RESOLVE_NO_MAGICLINKS}
	var fd int
	err := restart(func() (err error) {
		fd, err = unix.Openat2(int(dir.Fd()), rel, &how)
		return err
	})
	switch {
	case err == unix.ENOSYS || err == unix.EPERM:
		return openStepwise(dir, rel, flags, mode)
	case err != nil:
		return nil, err
	}
	return os.NewFile(uintptr(fd), "file"), nil
}

// openStepwise is openBeneath where the kernel or a container's filter has no
// openat2: one folder at a time, none through a link.
func openStepwise(dir *os.File, rel string, flags int, mode uint32) (*os.File, error) {
	parts := strings.Split(rel, "/")
	at := dir
	for i, part := range parts {
		if part == ".." {
			return nil, unix.EXDEV
		}
		f := unix.O_RDONLY | unix.O_DIRECTORY | unix.O_CLOEXEC
		if i == len(parts)-1 {
			f = flags
		}
		var fd int
		err := restart(func() (err error) {
			fd, err = unix.Openat(int(at.Fd()), part, f|unix.O_NOFOLLOW, mode)
			return err
		})
		if at != dir {
			at.Close()
		}
		if err != nil {
			return nil, err
		}
		at = os.NewFile(uintptr(fd), "file")
	}
	return at, nil
}

// openRegular opens rel below dir for reading and makes sure, on the opened
// file, that it is a regular one.
func openRegular(dir *os.File, rel string) (*os.File, entry, error) {
	f, err := openBeneath(dir, rel, unix.O_RDONLY|unix.O_NOCTTY, 0)
	if err != nil {
		return nil, entry{}, err
	}
	e, err := statFile(f)
	if err == nil && !e.regular() {
		err = unix.EINVAL
	}
	if err != nil {
		f.Close()
		return nil, entry{}, err
	}
	return f, e, nil
}

// openSub opens a folder below dir; rel "" or "." is dir itself, opened anew.
func openSub(dir *os.File, rel string) (*os.File, error) {
	if rel == "" {
		rel = "."
	}
	return openBeneath(dir, rel, unix.O_RDONLY|unix.O_DIRECTORY, 0)
}

// makeFolders makes the folders of rel below dir that are not there, private,
// each of them durable in its parent, and opens the last.
func makeFolders(dir *os.File, rel string) (*os.File, error) {
	at, err := openSub(dir, ".")
	if err != nil {
		return nil, err
	}
	for part := range strings.SplitSeq(rel, "/") {
		err := restart(func() error { return unix.Mkdirat(int(at.Fd()), part, 0o700) })
		if err == nil {
			err = syncFolder(at)
		} else if err == unix.EEXIST {
			err = nil
		}
		var next *os.File
		if err == nil {
			next, err = openSub(at, part)
		}
		at.Close()
		if err != nil {
			return nil, err
		}
		at = next
	}
	return at, nil
}

// moveNew renames a name of one folder into another and never replaces what is
// there.
func moveNew(from *os.File, name string, to *os.File, newName string) error {
	err := restart(func() error {
		return unix.Renameat2(int(from.Fd()), name, int(to.Fd()), newName, unix.RENAME_NOREPLACE)
	})
	if err != unix.EINVAL && err != unix.ENOSYS {
		return err
	}
	// Some network file systems cannot do it in one step. The folders that are
	// moved into are ours alone.
	if _, err := statAt(to, newName); err != unix.ENOENT {
		return cmpErr(err, unix.EEXIST)
	}
	return restart(func() error { return unix.Renameat(int(from.Fd()), name, int(to.Fd()), newName) })
}

func cmpErr(err, otherwise error) error {
	if err != nil {
		return err
	}
	return otherwise
}

// syncFolder makes the names in a folder durable; syncFile a file's bytes. A
// file system that knows no such thing for folders or read-only handles, as
// some network ones, is left to its own promises.
func syncFolder(dir *os.File) error { return unsupported(dir.Sync()) }

func syncFile(f *os.File) error { return unsupported(f.Sync()) }

func unsupported(err error) error {
	if errors.Is(err, unix.EINVAL) || errors.Is(err, unix.ENOTSUP) || errors.Is(err, unix.EBADF) {
		return nil
	}
	return err
}

// removeFile and removeFolder take a name out of dir; gone already is fine.
func removeFile(dir *os.File, name string) error { return removeAt(dir, name, 0) }

func removeFolder(dir *os.File, name string) error { return removeAt(dir, name, unix.AT_REMOVEDIR) }

func removeAt(dir *os.File, name string, flags int) error {
	err := restart(func() error { return unix.Unlinkat(int(dir.Fd()), name, flags) })
	if err == unix.ENOENT {
		return nil
	}
	return err
}

// lockFolder takes the one lock on a folder, for as long as dir stays open.
// Where there are no locks on folders (some network file systems) it is taken
// as given. False means that another process has it.
func lockFolder(dir *os.File) bool {
	err := restart(func() error { return unix.Flock(int(dir.Fd()), unix.LOCK_EX|unix.LOCK_NB) })
	return err != unix.EWOULDBLOCK
}

// mountPoint is the place where the file system that holds name is mounted.
func mountPoint(name string) (string, error) {
	name, err := filepath.EvalSymlinks(name)
	if err != nil {
		return "", plainError(err)
	}
	for ; name != "/"; name = path.Dir(name) {
		var st unix.Statx_t
		err := restart(func() error { return unix.Statx(unix.AT_FDCWD, name, unix.AT_SYMLINK_NOFOLLOW, unix.STATX_INO, &st) })
		if err != nil {
			return "", err
		}
		if st.Attributes&unix.STATX_ATTR_MOUNT_ROOT != 0 {
			return name, nil
		}
	}
	return "/", nil
}

// fileSystems names the file systems that a drop folder may lie on; those
// whose other side can write without this kernel hearing of it are network.
var fileSystems = map[int64]struct {
	name    string
	network bool
}{
	unix.EXT4_SUPER_MAGIC: {"ext4", false}, unix.XFS_SUPER_MAGIC: {"xfs", false}, unix.BTRFS_SUPER_MAGIC: {"btrfs", false},
	unix.TMPFS_MAGIC: {"tmpfs", false}, unix.F2FS_SUPER_MAGIC: {"f2fs", false}, unix.OVERLAYFS_SUPER_MAGIC: {"overlay", false},
	0x2fc12fc1: {"zfs", false}, unix.MSDOS_SUPER_MAGIC: {"fat", false}, unix.EXFAT_SUPER_MAGIC: {"exfat", false}, 0x5346544e: {"ntfs", false},
	unix.NFS_SUPER_MAGIC: {"nfs", true}, unix.CIFS_SUPER_MAGIC: {"cifs", true}, unix.SMB_SUPER_MAGIC: {"smb", true}, unix.SMB2_SUPER_MAGIC: {"smb", true},
	unix.FUSE_SUPER_MAGIC: {"fuse", true}, unix.V9FS_MAGIC: {"9p", true}, unix.CEPH_SUPER_MAGIC: {"ceph", true}, unix.AFS_SUPER_MAGIC: {"afs", true},
	unix.CODA_SUPER_MAGIC: {"coda", true}, unix.NCP_SUPER_MAGIC: {"ncp", true}, 0x786f4256: {"vboxsf", true}, 0x0bd00bd0: {"lustre", true},
	0x01161970: {"gfs2", true}, unix.OCFS2_SUPER_MAGIC: {"ocfs2", true}, 0x47504653: {"gpfs", true},
}

// fileSystem names the file system that dir lies on and says whether it is a
// network share.
func fileSystem(dir *os.File) (name string, network bool) {
	var st unix.Statfs_t
	if err := restart(func() error { return unix.Fstatfs(int(dir.Fd()), &st) }); err != nil {
		return "unknown", true
	}
	if k, ok := fileSystems[int64(st.Type)]; ok {
		return k.name, k.network
	}
	return fmt.Sprintf("type %#x", uint32(st.Type)), false
}

// freeBytes is how much an ordinary user may still write below name. Folders
// that do not exist yet are asked by their parent.
func freeBytes(name string) (int64, error) {
	var st unix.Statfs_t
	for {
		err := restart(func() error { return unix.Statfs(name, &st) })
		if err == unix.ENOENT && name != "/" && name != "." {
			name = filepath.Dir(name)
			continue
		}
		return int64(st.Bavail) * st.Bsize, err
	}
}

// plainError is an error of the file system without the path that os puts into
// it: file names are patient data.
func plainError(err error) error {
	if e, ok := errors.AsType[*fs.PathError](err); ok {
		return fmt.Errorf("%s: %w", e.Op, e.Err)
	}
	if e, ok := errors.AsType[*os.LinkError](err); ok {
		return fmt.Errorf("%s: %w", e.Op, e.Err)
	}
	if e, ok := errors.AsType[*os.SyscallError](err); ok {
		return fmt.Errorf("%s: %w", e.Syscall, e.Err)
	}
	return err
}

// explain says in a clerk's words why the file system refused.
func explain(err error) string {
	switch {
	case errors.Is(err, unix.EACCES), errors.Is(err, unix.EPERM):
		return "no permission"
	case errors.Is(err, unix.EBUSY), errors.Is(err, unix.EAGAIN), errors.Is(err, unix.ETXTBSY), errors.Is(err, unix.EDEADLK):
		return "busy: another program holds it"
	case errors.Is(err, unix.ENOSPC), errors.Is(err, unix.EDQUOT):
		return "the disk is full"
	case errors.Is(err, unix.EROFS):
		return "the disk is read-only"
	case errors.Is(err, unix.EIO):
		return "the disk reports an error"
	case errors.Is(err, unix.ESTALE), errors.Is(err, unix.ETIMEDOUT), errors.Is(err, unix.EHOSTDOWN), errors.Is(err, unix.ENOTCONN), errors.Is(err, unix.EHOSTUNREACH):
		return "the network share does not answer"
	case errors.Is(err, unix.ENAMETOOLONG):
		return "its path is too long"
	case errors.Is(err, unix.ELOOP):
		return "a link, never followed"
	}
	if e, ok := errors.AsType[syscall.Errno](err); ok {
		return e.Error()
	}
	return plainError(err).Error()
}
