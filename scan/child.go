package scan

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"strings"

	"chartroom/jail"
)

var (
	errTimedOut = errors.New("took too long")
	errOverflow = errors.New("too much output")
)

// outcome is how a jailed child ended. failure is what it choked on, nil if
// it ended well.
type outcome struct {
	out        []byte // standard output, where that was not a file
	complaints []byte // the start of its standard error
	failure    error
}

// finish runs a child under limited, a context with a deadline made of ctx,
// and tells whose fault an end is: the outcome's failure is the file's, the
// error is ctx's end or the machine's. Standard output is bounded by most.
func finish(ctx, limited context.Context, cmd *exec.Cmd, most int) (outcome, error) {
	stdout, stderr := &capped{most: most}, &capped{most: 4 << 10, lossy: true}
	if cmd.Stdout == nil {
		cmd.Stdout = stdout
	}
	cmd.Stderr = stderr
	err := cmd.Run()
	o := outcome{out: stdout.Bytes(), complaints: stderr.Bytes(), failure: err}
	exit, exited := errors.AsType[*exec.ExitError](err)
	switch {
	case ctx.Err() != nil:
		return o, ctx.Err()
	case limited.Err() != nil:
		o.failure = errTimedOut
	case stdout.over:
		o.failure = errOverflow
	case err != nil && (!exited || exit.ExitCode() == jail.ExitRefused):
		return o, fmt.Errorf("run child: %w: %s", err, strings.TrimSpace(stderr.String()))
	}
	return o, nil
}

// capped collects what a child writes, up to a bound. Beyond it a lossy one
// goes on and forgets; another fails, which ends the child.
type capped struct {
	bytes.Buffer
	most  int
	lossy bool
	over  bool
}

func (c *capped) Write(p []byte) (int, error) {
	room := c.most - c.Len()
	if len(p) <= room {
		return c.Buffer.Write(p)
	}
	c.over = true
	if !c.lossy {
		return 0, errOverflow
	}
	c.Buffer.Write(p[:max(0, room)])
	return len(p), nil
}
