package ocr

import (
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"syscall"
	"time"

	"chartroom/jail"
)

// misbehave is a worker that goes wrong on its pages.
func misbehave(how string, args []string) error {
	switch how {
	case "dies once": // in the middle of its first page, and is well after that
		if _, err := os.Stat(filepath.Join(args[0], "died")); err != nil {
			if err := os.WriteFile(filepath.Join(args[0], "died"), nil, 0o600); err != nil {
				return err
			}
			return pretend(func(*net.UnixConn) { syscall.Kill(os.Getpid(), syscall.SIGKILL) })
		}
		return Worker(context.Background())
	case "dies":
		return pretend(func(*net.UnixConn) { syscall.Kill(os.Getpid(), syscall.SIGSEGV); time.Sleep(time.Minute) })
	case "hangs":
		return pretend(func(*net.UnixConn) { select {} })
	case "gorges":
		return pretend(func(*net.UnixConn) { gorge() })
	case "lies":
		return pretend(func(c *net.UnixConn) { c.Write([]byte{0xff, 0xff, 0xff, 0xff, 'x'}) })
	case "babbles":
		return pretend(func(c *net.UnixConn) { sendBytes(c, []byte(`{"Words":"CANARY"}`)) })
	case "does not start":
		return errors.New("no")
	}
	return errors.New("unknown misbehaviour")
}

func gorge() {
	var kept [][]byte
	for range 400 {
		b := make([]byte, 10<<20)
		for i := 0; i < len(b); i += 4096 {
			b[i] = 1
		}
		kept = append(kept, b)
		time.Sleep(5 * time.Millisecond)
	}
	runtime.KeepAlive(kept)
}

// pretend says that it is ready and calls f on every page.
func pretend(f func(*net.UnixConn)) error {
	c, err := net.FileConn(os.NewFile(workerSocket, "pool"))
	if err != nil {
		return err
	}
	conn := c.(*net.UnixConn)
	var s setup
	if err := receive(conn, &s); err != nil {
		return err
	}
	if err := send(conn, ready{Jail: jail.Report{}}); err != nil {
		return err
	}
	for {
		var req request
		file, err := receiveFile(conn, &req)
		if err != nil {
			return nil
		}
		f(conn)
		file.Close()
	}
}
