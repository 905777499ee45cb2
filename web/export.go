package web

import (
	"context"
	"fmt"
	"io"
	"net/http"

	"chartroom/record"
)

// exportText is the text of all pages, each ended by a form feed.
func (s *site) exportText(w http.ResponseWriter, r *http.Request) error {
	return s.export(w, r, "text/plain; charset=utf-8", "txt", func(ctx context.Context, out io.Writer, head *record.Document) error {
		return s.eachPage(ctx, head, func(p *record.Page) error {
			_, err := fmt.Fprintf(out, "%s\n\f", p.Text())
			return err
		})
	})
}

// exportHOCR is the words of all pages with their boxes.
func (s *site) exportHOCR(w http.ResponseWriter, r *http.Request) error {
	return s.export(w, r, "text/html; charset=utf-8", "hocr", func(ctx context.Context, out io.Writer, head *record.Document) error {
		h := newHOCR(out, head, s.deps.Version)
		err := s.eachPage(ctx, head, func(p *record.Page) error {
			h.page(p)
			return h.err
		})
		if err != nil {
			return err
		}
		return h.close()
	})
}

// exportPDF is the document as a searchable PDF.
func (s *site) exportPDF(w http.ResponseWriter, r *http.Request) error {
	if s.deps.Exports == nil {
		return ErrNotFound
	}
	return s.export(w, r, "application/pdf", "pdf", s.deps.Exports.PDF)
}

// eachPage reads a document's pages one after another, so that a long one
// needs no memory of its own.
func (s *site) eachPage(ctx context.Context, head *record.Document, do func(*record.Page) error) error {
	for i := range head.Pages {
		p, err := s.deps.Documents.Page(ctx, head.ID, head.Pages[i].Number)
		if err == nil {
			err = do(p)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// export sends a document in another form, to be saved and not shown: it is
// made of what stood on the paper. What is sent is of one revision: one that
// is replaced meanwhile breaks off.
func (s *site) export(w http.ResponseWriter, r *http.Request, kind, ending string, write func(context.Context, io.Writer, *record.Document) error) error {
	id, err := documentID(r)
	if err != nil {
		return err
	}
	head, err := s.deps.Documents.Head(r.Context(), id)
	if err != nil {
		return fmt.Errorf("open document %s: %w", id, err)
	}
	if err := exportable(head); err != nil {
		return err
	}
	attach(w.Header(), id, ending)
	out := newStream(w, kind)
	err = write(r.Context(), out, head)
	if err == nil {
		err = s.unchanged(r.Context(), head)
	}
	if err != nil {
		return s.broken(out, r, fmt.Errorf("export document %s: %w", id, err))
	}
	return s.broken(out, r, out.close())
}

// exportable says why a document cannot be exported but as its original.
func exportable(head *record.Document) error {
	switch {
	case head.Status == record.StatusWaiting:
		return &answer{http.StatusConflict, "this document is waiting to be read; only its original can be had yet"}
	case head.Status == record.StatusRejected:
		return &answer{http.StatusConflict, "this document was rejected because it cannot be read; only its original can be had"}
	case head.Status == record.StatusSuperseded:
		return &answer{http.StatusConflict, "this scan was split into several documents; take those, or its original"}
	case len(head.Pages) == 0:
		return &answer{http.StatusConflict, "this document has no pages; only its original can be had"}
	}
	return nil
}

// unchanged finds out whether a document is still of the revision whose pages
// were read.
func (s *site) unchanged(ctx context.Context, head *record.Document) error {
	now, err := s.deps.Documents.Head(ctx, head.ID)
	if err != nil {
		return err
	}
	if now.Revision != head.Revision {
		return &answer{http.StatusConflict, "this document was changed meanwhile; ask again"}
	}
	return nil
}

// attach has a browser save the answer under a name that says nothing of a
// patient.
func attach(h http.Header, id record.ID, ending string) {
	h.Set("Content-Security-Policy", policySandbox)
	h.Set("Content-Disposition", fmt.Sprintf(`attachment; filename="%s.%s"`, id, ending))
}
