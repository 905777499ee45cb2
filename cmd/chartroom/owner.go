package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// A data folder has one owner at a time: the process that holds the lock in
// it. Commands that find an owner talk to it through its socket; commands that
// find none become the owner themselves for as long as they run.

// errOwned says that another process owns the data folder.
var errOwned = errors.New("the data folder is in use")

type lock struct{ f *os.File }

// takeLock makes this process the owner of the data folder, or returns
// errOwned with the number of the process that is.
func takeLock(data string) (*lock, error) {
	f, err := os.OpenFile(filepath.Join(data, "lock"), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("lock the data folder: %w", err)
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		defer f.Close()
		if !errors.Is(err, syscall.EWOULDBLOCK) {
			return nil, fmt.Errorf("lock the data folder: %w", err)
		}
		return nil, fmt.Errorf("%w by process %s", errOwned, holder(f))
	}
	err = f.Truncate(0)
	if err == nil {
		_, err = f.WriteAt([]byte(strconv.Itoa(os.Getpid())+"\n"), 0)
	}
	if err != nil {
		f.Close()
		return nil, fmt.Errorf("lock the data folder: %w", err)
	}
	return &lock{f}, nil
}

func holder(f *os.File) string {
	b := make([]byte, 32)
	n, _ := f.ReadAt(b, 0)
	if s := strings.TrimSpace(string(b[:n])); s != "" {
		return s
	}
	return "unknown"
}

func (l *lock) release() { l.f.Close() }

// ownerID is the name by which the catalog knows the jobs of this data folder.
func ownerID(data string) (string, error) {
	path := filepath.Join(data, "owner")
	b, err := os.ReadFile(path)
	if err == nil && len(strings.TrimSpace(string(b))) > 0 {
		return strings.TrimSpace(string(b)), nil
	}
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return "", fmt.Errorf("read the owner's name: %w", err)
	}
	id := strings.ToLower(rand.Text())
	if err := os.WriteFile(path, []byte(id+"\n"), 0o600); err != nil {
		return "", fmt.Errorf("write the owner's name: %w", err)
	}
	return id, nil
}

const socketName = "chartroom.sock"

// viaFolder calls use with a short path to the socket in dir: socket addresses
// end after 108 bytes, and data folders can lie deep.
func viaFolder(dir string, use func(path string) error) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	return use(fmt.Sprintf("/proc/self/fd/%d/%s", d.Fd(), socketName))
}

// listenSocket makes the owner's socket, in place of one that a killed owner
// left. Only this user can connect.
func listenSocket(data string) (l net.Listener, err error) {
	err = viaFolder(data, func(path string) error {
		if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
		old := syscall.Umask(0o177)
		defer syscall.Umask(old)
		l, err = net.Listen("unix", path)
		if u, ok := l.(*net.UnixListener); ok {
			u.SetUnlinkOnClose(false) // its path names a file descriptor that is closed by then
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("open the socket: %w", err)
	}
	return l, nil
}

func dialSocket(ctx context.Context, data string) (c net.Conn, err error) {
	err = viaFolder(data, func(path string) error {
		c, err = (&net.Dialer{Timeout: 2 * time.Second}).DialContext(ctx, "unix", path)
		return err
	})
	return c, err
}

// socketClient speaks to the owner of the data folder. ok is false where
// nobody listens.
func socketClient(ctx context.Context, data string) (client *http.Client, ok bool) {
	conn, err := dialSocket(ctx, data)
	if err != nil {
		return nil, false
	}
	conn.Close()
	dial := func(ctx context.Context, _, _ string) (net.Conn, error) { return dialSocket(ctx, data) }
	return &http.Client{Transport: &http.Transport{DialContext: dial}}, true
}
