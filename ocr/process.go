package ocr

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"chartroom/jail"
)

// The ways in which a worker leaves a page unread.
var (
	errTimedOut = errors.New("the page took too long")
	errMemory   = errors.New("the page took too much memory")
	errCrashed  = errors.New("the worker ended")
)

// startTimeout bounds how long a worker may take to become ready.
const startTimeout = 60 * time.Second

// process is a running worker, in the hands of one goroutine.
type process struct {
	cmd    *exec.Cmd
	conn   *net.UnixConn
	stderr counter
	jail   jail.Report
	memory int64
	pages  int
	spent  time.Duration // processor time of the pages it has answered
	fat    atomic.Bool   // it was ended for its memory
}

// counter takes what a worker writes to standard error, which may quote a
// scan, and keeps its length only.
type counter struct{ n atomic.Int64 }

func (c *counter) Write(b []byte) (int, error) {
	c.n.Add(int64(len(b)))
	return len(b), nil
}

// startProcess starts a worker and waits until it is ready. The worker dies
// with the calling thread.
func startProcess(ctx context.Context, cfg Config) (*process, error) {
	ours, theirs, err := socketPair()
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrStart, err)
	}
	p := &process{cmd: jail.Child(context.WithoutCancel(ctx), cfg.Command...), conn: ours, memory: cfg.MemoryLimit}
	p.cmd.ExtraFiles = []*os.File{theirs}
	p.cmd.Stderr = &p.stderr
	if cfg.engine.Folder != "" {
		p.cmd.Env = append(p.cmd.Env, "LD_LIBRARY_PATH="+cfg.engine.Folder)
	}
	err = p.cmd.Start()
	theirs.Close()
	if err != nil {
		ours.Close()
		return nil, fmt.Errorf("%w: %w", ErrStart, err)
	}
	if err := p.begin(ctx, cfg); err != nil {
		p.stop()
		return nil, fmt.Errorf("%w: %w", ErrStart, err)
	}
	return p, nil
}

// begin sends the setup and hears whether the worker is ready.
func (p *process) begin(ctx context.Context, cfg Config) error {
	stop := context.AfterFunc(ctx, func() { p.conn.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	p.conn.SetDeadline(time.Now().Add(startTimeout))
	if err := send(p.conn, setup{cfg.Languages, cfg.Tessdata, cfg.MaxPixels, cfg.MemoryLimit, cfg.AllowUnjailed, max(cfg.SecondLooks, 0)}); err != nil {
		return err
	}
	var r ready
	if err := receive(p.conn, &r); err != nil {
		return fmt.Errorf("%w (it wrote %d bytes of messages)", err, p.stderr.n.Load())
	}
	if cfg.engine.Folder != "" && cfg.engine.Folder != filepath.Dir(r.Library) {
		return fmt.Errorf("the loader passes over the engine in %s", cfg.engine.Folder)
	}
	if p.jail = r.Jail; r.Problem == "" {
		return nil
	}
	if !r.Jail.Holds() && !cfg.AllowUnjailed {
		return fmt.Errorf("%w: %s", jail.ErrUnjailed, r.Problem)
	}
	return errors.New(r.Problem)
}

// read has one page read. After an error the process must be stopped.
func (p *process) read(ctx context.Context, img Image, limit time.Duration) (page reply, picture []byte, err error) {
	page, err = p.within(ctx, limit, func() (answer reply, err error) {
		answer, picture, err = p.exchange(img)
		return answer, err
	})
	return page, picture, err
}

// within has the worker do one thing for at most limit.
func (p *process) within(ctx context.Context, limit time.Duration, exchange func() (reply, error)) (reply, error) {
	stop := context.AfterFunc(ctx, func() { jail.Kill(p.cmd) })
	defer stop()
	watched, done := context.WithCancel(ctx)
	defer done()
	go p.watch(watched)
	p.conn.SetDeadline(time.Now().Add(limit))
	page, err := exchange()
	if err == nil {
		p.pages++
		p.spent += time.Duration(page.CPUMicros) * time.Microsecond
		return page, nil
	}
	switch {
	case ctx.Err() != nil:
		return reply{}, ctx.Err()
	case p.fat.Load():
		return reply{}, errMemory
	case errors.Is(err, os.ErrDeadlineExceeded):
		return reply{}, errTimedOut
	}
	return reply{}, fmt.Errorf("%w: %w", errCrashed, err)
}

func (p *process) exchange(img Image) (reply, []byte, error) {
	err := sendFile(p.conn, request{Codec: img.Codec, Frame: img.Frame, Turn: img.Turn, Mirror: img.Mirror, DPIX: img.DPIX, DPIY: img.DPIY, Languages: img.Languages, Words: toWire(img.Words), WithoutCodes: img.withoutCodes}, img.File)
	if err != nil {
		return reply{}, nil, err
	}
	var page reply
	if err := receive(p.conn, &page); err != nil {
		return reply{}, nil, err
	}
	picture, err := receiveBytes(p.conn, maxPicture)
	return page, picture, err
}

// watchEvery is how often a worker's memory is looked at.
const watchEvery = 250 * time.Millisecond

// watch ends the worker if its memory grows past the limit. The kernel bounds
// what it may write to; this bounds what it holds in all.
func (p *process) watch(ctx context.Context) {
	tick := time.NewTicker(watchEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			if p.resident() > p.memory {
				p.fat.Store(true)
				jail.Kill(p.cmd)
				return
			}
		}
	}
}

// resident is the worker's memory in bytes, 0 where it cannot be seen.
func (p *process) resident() int64 {
	b, err := os.ReadFile("/proc/" + strconv.Itoa(p.cmd.Process.Pid) + "/statm")
	if err != nil {
		return 0
	}
	_, rest, _ := strings.Cut(string(b), " ")
	pages, _, _ := strings.Cut(rest, " ")
	n, err := strconv.ParseInt(pages, 10, 64)
	if err != nil {
		return 0
	}
	return n * int64(os.Getpagesize())
}

// stop ends the worker and returns the processor time it spent beyond the
// pages it answered: that of the page it was stopped at. An idle worker that
// sees the pool hang up needs no killing, but nothing is left to its goodwill.
func (p *process) stop() time.Duration {
	p.conn.Close()
	jail.Kill(p.cmd)
	p.cmd.Wait()
	if s := p.cmd.ProcessState; s != nil {
		return max(s.UserTime()+s.SystemTime()-p.spent, 0)
	}
	return 0
}

// gorged reports, after stop, whether the worker died near its bound of
// memory, where the library's allocations fail and it aborts.
func (p *process) gorged() bool {
	u, ok := p.cmd.ProcessState.SysUsage().(*syscall.Rusage)
	return ok && u.Maxrss*1024 > p.memory*3/4
}

// socketPair makes the connection between the pool and a worker.
func socketPair() (*net.UnixConn, *os.File, error) {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, nil, fmt.Errorf("connect worker: %w", err)
	}
	ours, theirs := os.NewFile(uintptr(fds[0]), "worker"), os.NewFile(uintptr(fds[1]), "pool")
	c, err := net.FileConn(ours)
	ours.Close()
	if err == nil {
		if conn, ok := c.(*net.UnixConn); ok {
			return conn, theirs, nil
		}
		c.Close()
		err = io.ErrUnexpectedEOF
	}
	theirs.Close()
	return nil, nil, fmt.Errorf("connect worker: %w", err)
}
