// Package scan knows the files that scanners, fax servers, phones and vendors
// drop: their format, their limits and their pages.
//
// [Open] tells the format from the content, never from the name; reads the
// headers in Go; and holds them against [Limits] before any decoder written in
// C may see the file. What cannot become pages becomes a [Reject] with a
// reason that a clerk understands. [Scan.Image] then hands out one page at a
// time as something the reader can decode: the original file and a frame
// number, or a temporary file.
//
// Picture files keep their pixels: nothing here decodes or re-encodes one. A
// TIFF is walked directory by directory. A PDF takes more, for it is a program
// that draws pages. Its structure is read by pdfcpu in a jailed child
// ([Worker]), which follows each page's drawing instructions. A page that is
// nothing but one scanned picture is taken out as it is: the picture's bytes
// are copied out of the PDF behind a small header (a TIFF's or a PNG's) and
// never decoded. Every other page is drawn by poppler's pdftoppm, jailed too,
// and its text, where it is more than somebody's hidden guess, is offered
// beside the picture. What pdfcpu cannot read poppler may still: the more
// tolerant reader wins, and every page either comes out or fails by name.
package scan

import (
	"context"
	"errors"
	"fmt"
	"os"
	"syscall"
	"time"

	"chartroom/record"
)

// Format is what a file is, by its content.
type Format string

// The formats of scans.
const (
	TIFF Format = "tiff"
	PDF  Format = "pdf"
	JPEG Format = "jpeg"
	PNG  Format = "png"
	GIF  Format = "gif"
	BMP  Format = "bmp"
	WebP Format = "webp"
	HEIF Format = "heif"
	JP2  Format = "jp2"
)

// Limits is what a scan may be. A zero field takes its default.
type Limits struct {
	Bytes  int64 // size of the file; default 512 MiB
	Pages  int   // default 2000
	Pixels int64 // of one page; default 150 million
}

func (l Limits) withDefaults() Limits {
	if l.Bytes <= 0 {
		l.Bytes = 512 << 20
	}
	if l.Pages <= 0 {
		l.Pages = 2000
	}
	if l.Pixels <= 0 {
		l.Pixels = 150e6
	}
	return l
}

// Tools says how the jailed children that read PDFs are started. The zero
// value opens every other format; a PDF needs Self.
type Tools struct {
	Self          []string      // command line of our own binary; "scan-worker" or "jailed" is appended
	Temp          string        // folder for temporary files, which have no name there; default os.TempDir()
	Timeout       time.Duration // for reading the structure of a PDF; default 1 minute
	PageTimeout   time.Duration // for drawing one page or reading its text; default 1 minute
	Memory        int64         // bytes that a child may use; default 2 GiB
	DPI           int           // resolution of drawn pages, lowered where Limits.Pixels asks; default 300
	AllowUnjailed bool          // go on where the machine cannot jail a child
}

func (t Tools) withDefaults() Tools {
	if t.Temp == "" {
		t.Temp = os.TempDir()
	}
	if t.Timeout <= 0 {
		t.Timeout = time.Minute
	}
	if t.PageTimeout <= 0 {
		t.PageTimeout = time.Minute
	}
	if t.Memory <= 0 {
		t.Memory = 2 << 30
	}
	if t.DPI <= 0 {
		t.DPI = 300
	}
	return t
}

// Scan is a file that can be read, and its pages in order.
type Scan struct {
	Format  Format
	Size    int64 // bytes
	Pages   []Page
	Remarks []string // what a clerk should know of the file beside its pages; nothing of its content

	file   *os.File
	tools  Tools
	limits Limits
	spool  *os.File // streams that the PDF worker unpacked; nil for other formats
}

// Page is one page as the file describes it. Width, Height, DPIX and DPIY are
// those of the stored pixels, and as true as the file is; 0 is unknown. To
// stand upright they are mirrored left to right first, where Mirror says so,
// and then turned clockwise by Turn degrees (0, 90, 180, 270). For a drawn
// page of a PDF they are those of the page as it is drawn.
type Page struct {
	Number        int // from 1
	Frame         int // the TIFF directory, from 0
	Width, Height int
	DPIX, DPIY    int
	Turn          int
	Mirror        bool
	Rendered      bool // Image draws it

	at     int64      // TIFF: where its directory lies
	bad    string     // why it cannot be read though others can; empty if it can
	box    [2]float64 // PDF: width and height in points as shown
	stream *stream    // PDF: its one picture
	kept   *stream    // PDF: the one picture of a page that is drawn to be read
	hidden bool       // PDF: has text that does not show
}

// Image is one page for the reader: a regular file with a descriptor of its
// own, to be read by position (its offset may be shared), how to decode it,
// and how to turn what the decoder gives. Turn and Mirror leave out what the
// decoder does by itself: libtiff's and libheif's readers follow the file's
// own orientation. Words is the text layer of a drawn page, a candidate to be
// checked against the picture, its boxes in pixels of this picture.
type Image struct {
	File       *os.File
	Codec      string // tiff, jpeg, png, webp, bmp, gif, heif, pnm, jp2
	Number     int    // of the page, from 1
	Frame      int    // TIFF directory, from 0
	Turn       int
	Mirror     bool
	DPIX, DPIY int
	Words      []record.Word
}

// Close frees the page's descriptor and with it a temporary file.
func (i *Image) Close() error { return i.File.Close() }

// Open looks at a file and says what its pages are. The file stays the
// caller's and must stay open until the last Image was made. The error is a
// *Reject where the file is at fault, which is final; any other is the
// context's end or the machine's fault, and another try may succeed.
func Open(ctx context.Context, tools Tools, f *os.File, limits Limits) (*Scan, error) {
	info, err := f.Stat()
	if err != nil {
		return nil, fmt.Errorf("open scan: %w", err)
	}
	s := &Scan{Size: info.Size(), file: f, tools: tools.withDefaults(), limits: limits.withDefaults()}
	if s.Size > s.limits.Bytes {
		return nil, reject(CodeTooLarge, "The file is larger (%d MB) than a scan may be here (%d MB).", s.Size>>20, s.limits.Bytes>>20)
	}
	src := newSource(f, s.Size)
	s.Format, err = sniff(src)
	if err != nil {
		return nil, err
	}
	if s.Format == PDF {
		err = s.openPDF(ctx, src)
	} else {
		err = s.openPicture(src)
	}
	if err == nil {
		err = s.check()
	}
	if err != nil {
		s.Close()
		return nil, err
	}
	return s, nil
}

// Close frees what the scan itself holds. Images made from it stay good.
func (s *Scan) Close() error {
	if s.spool == nil {
		return nil
	}
	return s.spool.Close()
}

// openPicture reads the headers of every format but PDF.
func (s *Scan) openPicture(src *source) error {
	h, err := parsers[s.Format](src)
	switch {
	case src.err != nil:
		return fmt.Errorf("open scan: %w", src.err)
	case errors.Is(err, errShort):
		return rejectTruncated(s.Format)
	case err != nil:
		return reject(CodeDamaged, "The %s file is damaged: %s.", name(s.Format), err)
	case !h.complete:
		return rejectTruncated(s.Format)
	}
	s.Remarks = h.remarks
	for i, fr := range h.frames {
		s.Pages = append(s.Pages, fr.page(i+1))
	}
	return nil
}

// check holds the pages against the limits.
func (s *Scan) check() error {
	if len(s.Pages) == 0 {
		return reject(CodeNoPages, "The %s file has no pages.", name(s.Format))
	}
	if len(s.Pages) > s.limits.Pages {
		return reject(CodeTooManyPages, "The file has more pages than a scan may have here (%d).", s.limits.Pages)
	}
	bad := 0
	for i := range s.Pages {
		p := &s.Pages[i]
		if n := int64(p.Width) * int64(p.Height); n > s.limits.Pixels {
			return reject(CodeTooManyPixels, "Page %d is larger (%d megapixels) than a page may be here (%d).", p.Number, n/1e6, s.limits.Pixels/1e6)
		}
		if p.bad != "" {
			bad++
		}
	}
	if bad == len(s.Pages) {
		return reject(CodeDamaged, "The %s file is damaged: %s.", name(s.Format), s.Pages[0].bad)
	}
	return nil
}

// Image makes page n, from 1, ready for the reader. The caller closes it. It
// may be called for several pages at once. The error is a *PageError where
// the page is at fault; any other is the context's end or the machine's.
func (s *Scan) Image(ctx context.Context, n int) (*Image, error) {
	p, err := s.page(n)
	if err != nil {
		return nil, err
	}
	switch {
	case s.Format != PDF:
		return s.original(p)
	case p.stream != nil:
		return s.takeOut(ctx, p)
	default:
		return s.draw(ctx, p)
	}
}

// Render draws page n of a PDF although Image would take its picture out: the
// second way, for a page whose picture turned out not to decode. Pages of
// other formats have no second way, and the error is a *PageError.
func (s *Scan) Render(ctx context.Context, n int) (*Image, error) {
	p, err := s.page(n)
	if err != nil {
		return nil, err
	}
	if s.Format != PDF {
		return nil, &PageError{Number: n, Reason: "The picture cannot be decoded."}
	}
	return s.draw(ctx, p)
}

func (s *Scan) page(n int) (*Page, error) {
	if n < 1 || n > len(s.Pages) {
		return nil, &PageError{Number: n, Reason: "The scan has no such page."}
	}
	p := &s.Pages[n-1]
	if p.bad != "" {
		return nil, &PageError{Number: n, Reason: "The page is damaged: " + p.bad + "."}
	}
	return p, nil
}

// original is a page of a picture file: the file itself.
func (s *Scan) original(p *Page) (*Image, error) {
	f, err := duplicate(s.file)
	if err != nil {
		return nil, fmt.Errorf("open page %d: %w", p.Number, err)
	}
	img := &Image{File: f, Codec: string(s.Format), Number: p.Number, Frame: p.Frame, Turn: p.Turn, Mirror: p.Mirror, DPIX: p.DPIX, DPIY: p.DPIY}
	if s.Format == TIFF || s.Format == HEIF { // their readers turn by themselves
		if p.Turn%180 == 90 {
			img.DPIX, img.DPIY = p.DPIY, p.DPIX
		}
		img.Turn, img.Mirror = 0, false
	}
	return img, nil
}

// duplicate gives a file a second descriptor.
func duplicate(f *os.File) (*os.File, error) {
	raw, err := f.SyscallConn()
	if err != nil {
		return nil, fmt.Errorf("duplicate descriptor: %w", err)
	}
	var fd int
	var dupErr error
	err = raw.Control(func(old uintptr) {
		syscall.ForkLock.RLock()
		defer syscall.ForkLock.RUnlock()
		if fd, dupErr = syscall.Dup(int(old)); dupErr == nil {
			syscall.CloseOnExec(fd)
		}
	})
	if err = errors.Join(err, dupErr); err != nil {
		return nil, fmt.Errorf("duplicate descriptor: %w", err)
	}
	return os.NewFile(uintptr(fd), "scan"), nil
}

// temporary is a file of the folder that has no name in it: gone when closed,
// and after a crash.
func temporary(folder string) (*os.File, error) {
	f, err := os.CreateTemp(folder, "chartroom-page-")
	if err != nil {
		return nil, fmt.Errorf("create temporary file: %w", err)
	}
	if err := os.Remove(f.Name()); err != nil {
		f.Close()
		return nil, fmt.Errorf("unlink temporary file: %w", err)
	}
	return f, nil
}
