package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"chartroom/ingest"
	"chartroom/ocr"
	"chartroom/pdf"
	"chartroom/record"
	"chartroom/scan"
)

// exporter makes PDFs of documents for the pages: it brings the original back,
// opens it as the pipeline did, and has pictures coded again by the workers.
type exporter struct {
	app  *app
	turn chan struct{} // holds one for each export under way
}

// exportsAtOnce bounds the exports under way: each holds a copy of an original.
const exportsAtOnce = 4

func newExporter(a *app) *exporter { return &exporter{a, make(chan struct{}, exportsAtOnce)} }

func (e *exporter) PDF(ctx context.Context, w io.Writer, head *record.Document) error {
	select {
	case e.turn <- struct{}{}:
		defer func() { <-e.turn }()
	case <-ctx.Done():
		return ctx.Err()
	}
	s, closed, err := e.open(ctx, head.Scan)
	if err != nil {
		return err
	}
	defer closed()
	var other *scan.Scan
	if head.Sides.Role == record.Fronts && !head.Sides.Other.IsZero() {
		if other, closed, err = e.open(ctx, head.Sides.Other); err != nil {
			return err
		}
		defer closed()
	}
	coder := &coder{app: e.app}
	defer coder.close()
	return pdf.Document(ctx, w, pdf.Source{Document: head, Scan: s, Other: other, Code: coder.code, Program: "Chartroom " + version,
		Page: func(ctx context.Context, n int) (*record.Page, error) { return e.app.catalog.Page(ctx, head.ID, n) }})
}

// open brings an original back and opens it.
func (e *exporter) open(ctx context.Context, digest record.Digest) (s *scan.Scan, closed func(), err error) {
	original, err := e.fetch(ctx, digest)
	if err != nil {
		return nil, nil, err
	}
	if s, err = scan.Open(ctx, e.app.tools, original, e.app.limits); err != nil {
		original.Close()
		return nil, nil, err
	}
	return s, func() { s.Close(); original.Close() }, nil
}

// fetch brings an original into a file without a name.
func (e *exporter) fetch(ctx context.Context, digest record.Digest) (*os.File, error) {
	stored, _, err := e.app.store.Open(ctx, ingest.OriginalKey(digest))
	if err != nil {
		return nil, fmt.Errorf("fetch original: %w", absent(err))
	}
	defer stored.Close()
	f, err := nameless(e.app.tools.Temp)
	if err != nil {
		return nil, fmt.Errorf("fetch original: %w", err)
	}
	if _, err := io.Copy(f, stored); err != nil {
		f.Close()
		return nil, fmt.Errorf("fetch original: %w", err)
	}
	return f, nil
}

// nameless makes a file in a folder that is gone when it is closed.
func nameless(folder string) (*os.File, error) {
	f, err := os.CreateTemp(folder, "export-*")
	if err != nil {
		return nil, err
	}
	if err := os.Remove(f.Name()); err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

// coder has pictures coded again: by the pool where it runs, and by a worker of
// its own in a command that reads no pages.
type coder struct {
	app  *app
	pool *ocr.Pool
	stop func()
}

func (c *coder) code(ctx context.Context, img *scan.Image) (*os.File, string, error) {
	out, err := nameless(c.app.tools.Temp)
	if err != nil {
		return nil, "", fmt.Errorf("encode page: %w", err)
	}
	codec, err := c.workers().Encode(ctx, ocr.Image{File: img.File, Codec: img.Codec, Frame: img.Frame, Turn: img.Turn, Mirror: img.Mirror, Number: img.Number},
		img.Codec == "pnm", out)
	if errors.Is(err, ocr.ErrUndecodable) {
		err = fmt.Errorf("%w: %w", pdf.ErrUndecodable, err)
	}
	if err != nil {
		out.Close()
		return nil, "", err
	}
	return out, codec, nil
}

// workers is the pool that runs, started where none does.
func (c *coder) workers() *ocr.Pool {
	if c.app.need >= needWork {
		return c.app.pool
	}
	if c.pool == nil {
		cfg := c.app.reading
		cfg.Workers = 1
		c.pool = ocr.NewPool(cfg, c.app.log)
		ctx, cancel := context.WithCancel(c.app.life)
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			c.pool.Run(ctx) // its error is that of whoever waits for a page
		}()
		c.stop = func() { cancel(); <-ended }
	}
	return c.pool
}

func (c *coder) close() {
	if c.stop != nil {
		c.stop()
	}
}

// exports are the forms that export knows, and where the owner has them.
var exports = map[string]string{"original": "/original", "pdf": "/pdf", "text": "/text", "hocr": "/hocr"}
