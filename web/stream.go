package web

import (
	"bufio"
	"errors"
	"io"
	"net/http"
	"time"
)

// stream is an answer of unknown length. As long as its reader takes what is
// sent, it may run longer than other answers: each chunk renews the deadline.
type stream struct {
	buffer *bufio.Writer
	chunks *chunks
}

func newStream(w http.ResponseWriter, kind string) *stream {
	w.Header().Set("Content-Type", kind)
	c := &chunks{w: w, control: http.NewResponseController(w)}
	return &stream{buffer: bufio.NewWriterSize(c, 64<<10), chunks: c}
}

func (s *stream) Write(b []byte) (int, error) { return s.buffer.Write(b) }

// close sends what is still held back.
func (s *stream) close() error { return s.buffer.Flush() }

// chunks is the connection under a stream.
type chunks struct {
	w       http.ResponseWriter
	control *http.ResponseController
	sent    bool
}

func (c *chunks) Write(b []byte) (int, error) {
	c.sent = true
	c.control.SetWriteDeadline(time.Now().Add(answerTime)) // not every writer has one
	return c.w.Write(b)
}

// broken ends a stream on an error: as an ordinary answer while nothing is
// sent, by cutting the connection afterwards.
func (s *site) broken(out *stream, r *http.Request, err error) error {
	if err == nil || !out.chunks.sent {
		return err
	}
	if _, log := toAnswer(err); log && r.Context().Err() == nil {
		s.log.Error("answer request", "route", r.Pattern, "error", err)
	}
	panic(http.ErrAbortHandler)
}

// copyVerified copies a body that ends in an error when it is not what was
// stored, and holds the last chunk back until the end is known to be good: a
// reader must not get all bytes of a damaged original with a good ending.
func copyVerified(w io.Writer, body io.Reader) error {
	held, next := make([]byte, 0, 64<<10), make([]byte, 64<<10)
	for {
		n, err := body.Read(next)
		if err != nil && !errors.Is(err, io.EOF) {
			return err
		}
		if n > 0 {
			if _, werr := w.Write(held); werr != nil {
				return werr
			}
			held = append(held[:0], next[:n]...)
		}
		if err != nil {
			_, werr := w.Write(held)
			return werr
		}
	}
}
