package pdf

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"chartroom/record"
	"chartroom/scan"
)

// Source is what a searchable PDF is made of.
type Source struct {
	// Document says what the document is; the words of its pages are not looked at.
	Document *record.Document
	// Page is a page of the document with its words, by its number.
	Page func(ctx context.Context, number int) (*record.Page, error)
	// Scan is the original, opened; Other that of the other sides, where fronts
	// and backs are two scans.
	Scan, Other *scan.Scan
	// Code decodes a picture, sets it upright as img says, and codes it as a
	// JPEG, a PNG or a TIFF, into a file that is closed by who asked. A picture
	// that cannot be decoded is ErrUndecodable.
	Code func(ctx context.Context, img *scan.Image) (f *os.File, codec string, err error)
	// Program is the name and version of who makes the PDF.
	Program string
}

// ErrUndecodable says that a picture cannot be decoded.
var ErrUndecodable = errors.New("the picture cannot be decoded")

// Document writes a document as a searchable PDF/A-2b, page by page. Every page
// of the document is a page of the PDF: one that has no picture says so.
func Document(ctx context.Context, w io.Writer, src Source) error {
	d := src.Document
	if len(d.Pages) == 0 {
		return fmt.Errorf("make PDF: %w", errNoPages)
	}
	p := NewWriter(w, about(d, src.Program))
	for i := range d.Pages {
		if err := ctx.Err(); err != nil {
			return fmt.Errorf("make PDF: %w", err)
		}
		page, err := src.Page(ctx, d.Pages[i].Number)
		if err == nil {
			from, n := src.at(i + 1)
			err = p.add(ctx, from, page, n)
		}
		if err != nil {
			return fmt.Errorf("make page %d of PDF: %w", i+1, err)
		}
	}
	return p.Close()
}

// at is the source of a page of the document, and the page's number in its scan.
func (src Source) at(page int) (Source, int) {
	others := 0
	if src.Other != nil {
		others = len(src.Other.Pages)
	}
	n, other := src.Document.ScanPage(page, others)
	if other {
		src.Scan = src.Other
	}
	return src, n
}

// about is what the PDF says of itself. The title is what a clerk knows a
// document by that does not name the patient: titles are shown by window bars,
// print queues and lists of recent files.
func about(d *record.Document, program string) Info {
	title := d.DocType
	if title == "" || title == "other" {
		title = "document"
	}
	title = strings.ToUpper(title[:1]) + title[1:]
	if d.Date != "" {
		title += " of " + d.Date
	}
	subject := fmt.Sprintf("Document %s, revision %d; scan received %s", d.ID, d.Revision, d.Received.UTC().Format("2006-01-02"))
	created := d.Decided
	if created.IsZero() {
		created = d.Received
	}
	return Info{Title: title, Subject: subject, Producer: program, Created: created,
		Identity: fmt.Sprintf("%s %s %d", d.Scan, d.ID, d.Revision)}
}

// add adds a page; n is its number in the scan.
func (p *Writer) add(ctx context.Context, src Source, page *record.Page, n int) error {
	if page.State == record.PageFailed {
		return p.notice(src.Scan, page, n)
	}
	c, err := src.picture(ctx, page, n)
	if _, bad := errors.AsType[*scan.PageError](err); bad || errors.Is(err, ErrUndecodable) {
		return p.notice(src.Scan, page, n)
	}
	if err != nil {
		return err
	}
	defer c.Close()
	if page.Width < 1 || page.Height < 1 {
		page = measured(page, c, src.Scan, n)
	}
	return p.Picture(c, page)
}

// picture is a page's picture: as it lies in the scan if PDF has its coding,
// otherwise coded again.
func (src Source) picture(ctx context.Context, page *record.Page, n int) (*scan.Coded, error) {
	image := src.Scan.Image
	c, err := src.Scan.Coded(ctx, n)
	switch {
	case err == nil && c.Fits(page):
		return c, nil
	case err == nil:
		c.Close()
		if src.Scan.Format == scan.PDF { // what was read is a drawing of the page
			image = src.Scan.Render
		}
	case !errors.Is(err, scan.ErrNotCoded):
		return nil, err
	}
	img, err := image(ctx, n)
	if err != nil {
		return nil, err
	}
	defer img.Close()
	f, codec, err := src.Code(ctx, img)
	if err != nil {
		return nil, err
	}
	if c, err = scan.CodedFile(f, codec); err != nil {
		f.Close()
		return nil, err
	}
	return c, nil
}

// measured gives a page that was not read its size from its picture.
func measured(page *record.Page, c *scan.Coded, s *scan.Scan, n int) *record.Page {
	m := *page
	w, h := s.Pages[n-1].DPIX, s.Pages[n-1].DPIY
	m.Words, m.Rotation, m.DPI = nil, 0, max(w, h, 0)
	m.Width, m.Height = c.Width, c.Height
	if w > 0 && h > 0 && m.DPI > 0 {
		m.Width, m.Height = c.Width*m.DPI/w, c.Height*m.DPI/h
	}
	if c.Turn%180 == 90 {
		m.Width, m.Height = m.Height, m.Width
	}
	return &m
}

// notice adds a page in place of one that has no picture.
func (p *Writer) notice(s *scan.Scan, page *record.Page, n int) error {
	paper := size{612, 792}
	if n >= 1 && n <= len(s.Pages) {
		if q := s.Pages[n-1]; q.Width > 0 && q.Height > 0 && q.DPIX > 0 && q.DPIY > 0 {
			paper = size{float64(q.Width) * 72 / float64(q.DPIX), float64(q.Height) * 72 / float64(q.DPIY)}
			if q.Turn%180 == 90 {
				paper.w, paper.h = paper.h, paper.w
			}
		}
	}
	if paper.w < 200 || paper.h < 100 || paper.w > 2000 || paper.h > 2000 {
		paper = size{612, 792}
	}
	sheet := p.Sheet(paper.w, paper.h)
	y := sheet.paragraph(paper.h/4, 18, true, fmt.Sprintf("Page %d could not be shown.", page.Number))
	if page.Reason != "" {
		y = sheet.paragraph(y+8, 12, false, page.Reason)
	}
	sheet.paragraph(y+8, 12, false, "This sheet stands in its place. The original is kept as it was received.")
	return sheet.End()
}

// paragraph sets a text in lines within margins, from y down, and gives where
// it ends.
func (s *Sheet) paragraph(y, size float64, bold bool, text string) float64 {
	margin := s.size.w / 10
	line := ""
	flush := func() {
		y += size * 1.25
		s.Text(margin, y, size, bold, line)
	}
	for _, word := range strings.Fields(text) {
		longer := strings.TrimSpace(line + " " + word)
		if line != "" && TextWidth(size, bold, longer) > s.size.w-2*margin {
			flush()
			longer = word
		}
		line = longer
	}
	if line != "" {
		flush()
	}
	return y
}
