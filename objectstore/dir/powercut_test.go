package dir_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"
	"unsafe"
)

// disk is an ext4 file system in a file, from which the power can be cut.
type disk struct {
	image, path string
}

// newDisk makes a disk where the machine and the user allow it.
func newDisk(t *testing.T) *disk {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("mounting needs root")
	}
	d := &disk{filepath.Join(t.TempDir(), "image"), t.TempDir()}
	if err := os.WriteFile(d.image, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(d.image, 96<<20); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("mkfs.ext4", "-q", "-F", d.image).CombinedOutput(); err != nil {
		t.Skipf("no ext4 here: %v: %s", err, out)
	}
	if out, err := exec.Command("mount", "-o", "loop", d.image, d.path).CombinedOutput(); err != nil {
		t.Skipf("no mounting here: %v: %s", err, out)
	}
	t.Cleanup(func() { _ = syscall.Unmount(d.path, 0) })
	return d
}

// cutPower makes the file system forget all that has not reached the disk, as
// if the machine had lost its power: ext4's own way of testing that.
func (d *disk) cutPower(t *testing.T) {
	t.Helper()
	const (
		shutdown   = 0x8004587d // EXT4_IOC_SHUTDOWN
		noLogFlush = uint32(2)
	)
	f, err := os.Open(d.path)
	if err != nil {
		t.Error(err)
		return
	}
	defer f.Close()
	flag := noLogFlush
	if _, _, errno := syscall.Syscall(syscall.SYS_IOCTL, f.Fd(), shutdown, uintptr(unsafe.Pointer(&flag))); errno != 0 {
		t.Errorf("this kernel cannot cut the power: %v", errno)
	}
}

// restart mounts the disk as it was left.
func (d *disk) restart(t *testing.T) {
	t.Helper()
	for try := 0; ; try++ {
		err := syscall.Unmount(d.path, 0)
		if err == nil {
			break
		}
		if try == 100 {
			t.Fatalf("unmount: %v", err)
		}
		time.Sleep(10 * time.Millisecond)
	}
	if out, err := exec.Command("mount", "-o", "loop", d.image, d.path).CombinedOutput(); err != nil {
		t.Fatalf("mount after the power cut: %v: %s", err, out)
	}
}

func TestAPowerCutLosesNothingThatWasAcknowledged(t *testing.T) {
	d := newDisk(t)
	acknowledged := map[string]bool{}
	for round := range 8 {
		path := filepath.Join(d.path, "store")
		p := startPutting(t, path)
		p.after(time.Duration(20+40*round)*time.Millisecond, func() { d.cutPower(t) })
		for _, key := range p.wait(t) {
			acknowledged[key] = true
		}
		d.restart(t)
		s := open(t, path)
		held := wholeKeys(t, s)
		for key := range acknowledged {
			if !held[key] {
				t.Errorf("round %d: %s was acknowledged and is lost", round, key)
			}
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
	if len(acknowledged) < 16 {
		t.Errorf("only %d puts were acknowledged: the test proves little", len(acknowledged))
	}
	t.Logf("8 power cuts, %d acknowledged", len(acknowledged))
}
