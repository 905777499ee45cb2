package ocr

// #include <stdlib.h>
// #include "imagelib.h"
import "C"

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"unsafe"
)

// ErrUndecodable says that a picture cannot be decoded, or not within the
// bounds of time and memory that a page has.
var ErrUndecodable = errors.New("the picture cannot be decoded")

// The ways to code a page again: without loss, or, for a page that is a drawing
// anyway, without loss as long as that is small.
const (
	encodeExact = "exact"
	encodeDrawn = "drawn"
)

const (
	// drawnBytes is how large a drawn page may be without loss.
	drawnBytes = 1 << 20
	// maxEncoded bounds a page that is coded again.
	maxEncoded = 1 << 30
)

// coding is a page to be coded again, and where it goes.
type coding struct {
	drawn bool
	out   *os.File
	codec string // of what is in out
}

// Encode decodes a page's picture in a worker, sets it upright as img says, and
// writes it to out, which is empty: one-bit pictures as a TIFF in G4, others
// as a PNG, without loss but for samples of more than eight bits. A picture
// that was drawn may become a JPEG where it would be large. It gives the codec.
// A picture that cannot be had so is ErrUndecodable.
func (p *Pool) Encode(ctx context.Context, img Image, drawn bool, out *os.File) (codec string, err error) {
	c := &coding{drawn: drawn, out: out}
	ch := make(chan answer, 1)
	select {
	case p.jobs <- job{ctx: ctx, img: img, answer: ch, code: c}:
	case <-p.ended:
		return "", fmt.Errorf("encode page: %w", p.err)
	case <-ctx.Done():
		return "", fmt.Errorf("encode page: %w", ctx.Err())
	}
	if a := <-ch; a.err != nil {
		return "", fmt.Errorf("encode page: %w", a.err)
	}
	return c.codec, nil
}

// encode has a page coded again, if need be by a second worker.
func (s *slot) encode(ctx context.Context, img Image, c *coding) error {
	for attempt := 1; ; attempt++ {
		if err := s.start(ctx); err != nil {
			return err
		}
		w := s.process
		page, err := w.within(ctx, s.cfg.PageTimeout, func() (reply, error) { return w.encoded(img, c) })
		if err == nil {
			s.recycle()
			switch page.Encoded {
			case "tiff", "png", "jpeg":
				c.codec = page.Encoded
				return nil
			}
			return ErrUndecodable
		}
		s.stop()
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if errOut, ok := errors.AsType[*outError](err); ok {
			return errOut.err
		}
		s.pool.log.Warn("ocr worker ended on a page", "reason", plain(err), "attempt", attempt, "stderr_bytes", w.stderr.n.Load())
		if !errors.Is(err, errCrashed) || attempt == attempts {
			return fmt.Errorf("%w: %w", ErrUndecodable, err)
		}
	}
}

// outError is a failure to write what a worker sent: not the page's fault.
type outError struct{ err error }

func (e *outError) Error() string { return "write page: " + e.err.Error() }

// encoded asks the worker for a page coded again and takes it down.
func (p *process) encoded(img Image, c *coding) (reply, error) {
	req := request{Codec: img.Codec, Frame: img.Frame, Turn: img.Turn, Mirror: img.Mirror, Encode: encodeExact}
	if c.drawn {
		req.Encode = encodeDrawn
	}
	if err := sendFile(p.conn, req, img.File); err != nil {
		return reply{}, err
	}
	var page reply
	if err := receive(p.conn, &page); err != nil {
		return reply{}, err
	}
	var length [4]byte
	if _, err := io.ReadFull(p.conn, length[:]); err != nil {
		return reply{}, fmt.Errorf("receive page: %w", err)
	}
	n := int64(binary.BigEndian.Uint32(length[:]))
	if n > maxEncoded {
		return reply{}, fmt.Errorf("receive page of %d bytes: %w", n, errMessage)
	}
	if err := c.out.Truncate(0); err != nil {
		return reply{}, &outError{err}
	}
	w := &outWriter{f: c.out}
	if _, err := io.CopyN(w, p.conn, n); w.err != nil {
		return reply{}, &outError{w.err}
	} else if err != nil {
		return reply{}, fmt.Errorf("receive page: %w", err)
	}
	return page, nil
}

// outWriter writes from the file's start, whatever its offset, and keeps its
// error apart from the connection's.
type outWriter struct {
	f   *os.File
	at  int64
	err error
}

func (w *outWriter) Write(b []byte) (n int, err error) {
	n, w.err = w.f.WriteAt(b, w.at)
	w.at += int64(n)
	return n, w.err
}

// serveEncoded codes one page again.
func serveEncoded(conn *net.UnixConn, r *reader, f *os.File, req request) error {
	before := processorTime()
	answered := false
	err := mapped(f, func(data []byte) error {
		answered = true
		coded, codec, free, err := r.encode(data, req)
		defer free()
		if err != nil || len(coded) > maxEncoded {
			coded, codec = nil, ""
		}
		return sendEncoded(conn, reply{Encoded: codec, CPUMicros: processorTime() - before}, coded)
	})
	if !answered {
		return sendEncoded(conn, reply{}, nil)
	}
	return err
}

// sendEncoded sends without copying, for a page may be large.
func sendEncoded(conn *net.UnixConn, page reply, coded []byte) error {
	err := send(conn, page)
	if err == nil {
		_, err = conn.Write(binary.BigEndian.AppendUint32(nil, uint32(len(coded))))
	}
	if err == nil && len(coded) > 0 {
		_, err = conn.Write(coded)
	}
	if err != nil {
		return fmt.Errorf("send page: %w", err)
	}
	return nil
}

// encode decodes a picture as it is and codes it; free frees the bytes.
func (r *reader) encode(data []byte, req request) (b []byte, codec string, free func(), err error) {
	free = func() {}
	img, err := decodeAs(data, req.Codec, req.Frame, r.most, faithful)
	if err != nil {
		return nil, "", free, err
	}
	defer func() { img.close() }()
	if req.Mirror || req.Turn != 0 {
		if err := img.replace(img.turn(req.Mirror, req.Turn)); err != nil {
			return nil, "", free, err
		}
	}
	var p *C.uint8_t
	var n, most C.size_t
	if req.Encode == encodeDrawn {
		most = drawnBytes
	}
	codec = map[C.char]string{'t': "tiff", 'p': "png", 'j': "jpeg"}[C.cr_encode(img.pix, most, &p, &n)]
	if codec == "" {
		return nil, "", free, errImage
	}
	return unsafe.Slice((*byte)(unsafe.Pointer(p)), int(n)), codec, func() { C.lept_free(unsafe.Pointer(p)) }, nil
}

func faithful(pix *C.PIX) (*image, error) {
	if pix != nil {
		pix = C.cr_faithful(pix)
	}
	return newImage(pix, "decode image")
}
