package scan

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os"

	"chartroom/jail"
)

// drawnPixels bounds a page that poppler draws: at 300 dpi, a sheet of A2.
const drawnPixels = 64e6

// planBytes bounds a plan: what 2000 pages with palettes take, and more.
const planBytes = 64 << 20

var errNoSelf = errors.New("no program given that reads PDFs")

// openPDF finds the pages of a PDF: by pdfcpu's plan, or by poppler's count
// where there is no plan or it does not agree with the file's own count.
func (s *Scan) openPDF(ctx context.Context, src *source) error {
	ended, err := pdfEnded(src)
	if err != nil {
		return fmt.Errorf("open scan: %w", err)
	}
	if !ended {
		return rejectTruncated(PDF)
	}
	if len(s.tools.Self) == 0 {
		return fmt.Errorf("open scan: %w", errNoSelf)
	}
	p, err := s.survey(ctx)
	if err != nil {
		return fmt.Errorf("open scan: %w", err)
	}
	if p.Failure != "" || len(p.Pages) == 0 || len(p.Pages) != p.Count && len(p.Pages) <= s.limits.Pages {
		if p.Pages, err = s.popplerPages(ctx); err != nil {
			return preferred(err, p)
		}
	}
	if p.Attached {
		s.Remarks = append(s.Remarks, "The PDF carries other files, which were not read.")
	}
	for i, pg := range p.Pages {
		s.Pages = append(s.Pages, s.pdfPage(i+1, pg))
	}
	return s.dropSpool()
}

// dropSpool closes the spool where no page needs it, which is the rule.
func (s *Scan) dropSpool() error {
	for i := range s.Pages {
		for _, st := range []*stream{s.Pages[i].stream, s.Pages[i].kept} {
			if st != nil && (st.Spooled || st.Globals != nil && st.Globals.Spooled) {
				return nil
			}
		}
	}
	err := s.Close()
	s.spool = nil
	return err
}

// preferred is what to say of a PDF that poppler could not read: where pdfcpu
// could, and found no pages, that it has none.
func preferred(err error, p plan) error {
	if r, ok := errors.AsType[*Reject](err); ok && r.Code == CodeDamaged && p.Failure == "" && len(p.Pages) == 0 {
		return reject(CodeNoPages, "The PDF file has no pages.")
	}
	return err
}

// survey has a jailed worker plan the pages. What goes wrong in the worker is
// a failure of the plan; the error is the machine's or the context's.
func (s *Scan) survey(ctx context.Context) (plan, error) {
	var err error
	if s.spool, err = temporary(s.tools.Temp); err != nil {
		return plan{}, err
	}
	t := task{Size: s.Size, Pages: int64(s.limits.Pages), Pixels: s.limits.Pixels, Memory: s.tools.Memory, AllowUnjailed: s.tools.AllowUnjailed}
	request, err := json.Marshal(t)
	if err != nil {
		return plan{}, fmt.Errorf("survey PDF: %w", err)
	}
	limited, cancel := context.WithTimeout(ctx, s.tools.Timeout)
	defer cancel()
	cmd := jail.Child(limited, append(append([]string{}, s.tools.Self...), "scan-worker")...)
	cmd.Stdin = bytes.NewReader(request)
	cmd.ExtraFiles = []*os.File{s.file, s.spool}
	o, err := finish(ctx, limited, cmd, planBytes)
	if err != nil {
		return plan{}, err
	}
	var p plan
	if o.failure != nil || json.Unmarshal(o.out, &p) != nil {
		return plan{Failure: "the worker ended without a plan"}, nil
	}
	return p, nil
}

// pdfPage believes of the plan what can be checked.
func (s *Scan) pdfPage(number int, pg planned) Page {
	p := Page{Number: number, hidden: pg.Hidden, box: [2]float64{pg.Width, pg.Height}}
	st := pg.Stream
	if st != nil && s.sound(st) {
		p.stream = st
		p.Width, p.Height, p.DPIX, p.DPIY, p.Turn, p.Mirror = st.Width, st.Height, st.DPIX, st.DPIY, st.Turn, st.Mirror
		return p
	}
	if k := pg.Kept; k != nil && k.Codec == "jbig2" && s.sound(k) && (k.Globals == nil || s.sound(k.Globals)) && onPage(k.Place) {
		p.kept = k
	}
	p.Rendered = true
	dpi := s.drawnDPI(pg.Width, pg.Height)
	if dpi < 1 {
		p.bad = "its size is wrong"
		return p
	}
	p.DPIX, p.DPIY = dpi, dpi
	p.Width, p.Height = int(math.Ceil(pg.Width*float64(dpi)/72)), int(math.Ceil(pg.Height*float64(dpi)/72))
	return p
}

// onPage reports whether a picture's place on its page makes sense.
func onPage(p [4]float64) bool {
	const slack = 0.5
	return p[0] > -slack && p[1] > -slack && p[0] < p[2] && p[1] < p[3] && p[2] < 1+slack && p[3] < 1+slack
}

// drawnDPI is the resolution to draw a page of w by h points at, 0 where none
// will do.
func (s *Scan) drawnDPI(w, h float64) int {
	if !(w > 0 && h > 0 && w < 1e7 && h < 1e7) {
		return 0
	}
	most := math.Sqrt(min(drawnPixels, float64(s.limits.Pixels)) / (w * h) * 72 * 72)
	return int(min(float64(s.tools.DPI), most))
}

// sound holds what the worker says of a stream against what can be true.
func (s *Scan) sound(st *stream) bool {
	file := s.Size
	if st.Spooled {
		info, err := s.spool.Stat()
		if err != nil {
			return false
		}
		file = info.Size()
	}
	return st.Offset >= 0 && st.Length > 0 && st.Offset <= file && st.Length <= file-st.Offset && st.Length < 1<<31 &&
		st.Width > 0 && st.Height > 0 && st.Width < 1<<24 && st.Height < 1<<24 && int64(st.Width)*int64(st.Height) <= s.limits.Pixels &&
		st.Bits >= 0 && st.Bits <= 8 && st.Samples >= 0 && st.Samples <= 3 && len(st.Palette) <= 3*256 &&
		st.Turn >= 0 && st.Turn < 360 && st.Turn%90 == 0
}

// takeOut makes a file of the page's one picture. A picture that is not whole
// is left to poppler, which may still draw some of it.
func (s *Scan) takeOut(ctx context.Context, p *Page) (*Image, error) {
	f, err := temporary(s.tools.Temp)
	if err != nil {
		return nil, fmt.Errorf("open page %d: %w", p.Number, err)
	}
	from := s.file
	if p.stream.Spooled {
		from = s.spool
	}
	if err := p.stream.wrap(f, io.NewSectionReader(from, p.stream.Offset, p.stream.Length)); err != nil {
		f.Close()
		return nil, fmt.Errorf("take out page %d: %w", p.Number, err)
	}
	if !s.whole(f, p.stream) {
		f.Close()
		return s.draw(ctx, p)
	}
	img := &Image{File: f, Codec: p.stream.Codec, Number: p.Number, Turn: p.Turn, Mirror: p.Mirror, DPIX: p.DPIX, DPIY: p.DPIY}
	if img.Codec == "tiff" { // its tag says so
		if p.Turn%180 == 90 {
			img.DPIX, img.DPIY = p.DPIY, p.DPIX
		}
		img.Turn, img.Mirror = 0, false
	}
	return img, nil
}

// whole looks at a file made from a stream as at any other picture.
func (s *Scan) whole(f *os.File, st *stream) bool {
	info, err := f.Stat()
	if err != nil {
		return false
	}
	h, err := parsers[Format(st.Codec)](newSource(f, info.Size()))
	return err == nil && h.complete && len(h.frames) == 1 && h.frames[0].bad == "" &&
		h.frames[0].width == st.Width && h.frames[0].height == st.Height
}
