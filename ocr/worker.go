package ocr

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"syscall"

	"golang.org/x/sys/unix"

	"chartroom/jail"
)

// workerSocket is the descriptor on which a worker finds the pool.
const workerSocket = 3

// Worker is the body of the hidden command that the pool starts: it enters the
// jail, loads the languages, and reads pages until the pool hangs up. What
// keeps it from starting it tells the pool; the error is for the exit status.
func Worker(ctx context.Context) error {
	f := os.NewFile(workerSocket, "pool")
	if f == nil {
		return errors.New("start OCR worker: it is started by chartroom itself")
	}
	c, err := net.FileConn(f)
	f.Close()
	if err != nil {
		return fmt.Errorf("start OCR worker: it is started by chartroom itself: %w", err)
	}
	conn, ok := c.(*net.UnixConn)
	if !ok {
		return errors.New("start OCR worker: descriptor 3 is not the pool's")
	}
	defer conn.Close()
	stop := context.AfterFunc(ctx, func() { conn.Close() })
	defer stop()
	return work(conn)
}

// work is a worker's life.
func work(conn *net.UnixConn) error {
	var s setup
	if err := receive(conn, &s); err != nil {
		return err
	}
	silence()
	library := loadedEngine()
	report, err := jail.Enter(jail.Spec{Read: []string{s.Tessdata}, Write: []string{"/dev/null"}, Memory: s.Memory, FileSize: 1, AllowUnjailed: s.AllowUnjailed})
	var r *reader
	if err == nil {
		r, err = newReader(s)
	}
	if err != nil {
		return errors.Join(err, send(conn, ready{Problem: err.Error(), Jail: report, Library: library}))
	}
	defer r.close()
	if err := send(conn, ready{Jail: report, Library: library}); err != nil {
		return err
	}
	for {
		if err := serve(conn, r); err != nil {
			if errors.Is(err, io.EOF) {
				return nil
			}
			return err
		}
	}
}

// serve reads one page.
func serve(conn *net.UnixConn, r *reader) error {
	var req request
	f, err := receiveFile(conn, &req)
	if err != nil {
		return err
	}
	before := processorTime()
	if req.Encode != "" {
		return serveEncoded(conn, r, f, req)
	}
	page, picture := readFile(r, f, req)
	page.CPUMicros = processorTime() - before
	if err := send(conn, page); err != nil {
		return err
	}
	return sendBytes(conn, picture)
}

// readFile maps the file into memory, so that its offset, which the pool's
// other pages may share, stays where it is.
func readFile(r *reader, f *os.File, req request) (page reply, picture []byte) {
	err := mapped(f, func(data []byte) (err error) {
		if err := r.speak(req.Languages); err != nil {
			return err
		}
		page, picture, err = r.read(data, req)
		return err
	})
	if err != nil {
		return failed(err), nil
	}
	return page, picture
}

// mapped lends the bytes of a file, and closes it.
func mapped(f *os.File, do func([]byte) error) error {
	defer f.Close()
	info, err := f.Stat()
	if err != nil || !info.Mode().IsRegular() || info.Size() == 0 {
		return errImage
	}
	data, err := unix.Mmap(int(f.Fd()), 0, int(info.Size()), unix.PROT_READ, unix.MAP_PRIVATE)
	if err != nil {
		return errImage
	}
	defer unix.Munmap(data)
	return do(data)
}

// processorTime is this process's, in microseconds.
func processorTime() int64 {
	var u syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &u) != nil {
		return 0
	}
	return (u.Utime.Sec+u.Stime.Sec)*1e6 + u.Utime.Usec + u.Stime.Usec
}
