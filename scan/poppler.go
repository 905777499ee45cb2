package scan

import (
	"bufio"
	"bytes"
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"

	"chartroom/jail"
	"chartroom/record"
)

// handed is where a tool finds the PDF it was handed: an opening of its own,
// whose place in the file is shared with nobody.
const handed = "/proc/self/fd/3"

const (
	infoBytes = 4 << 20  // of pdfinfo's answer
	textBytes = 16 << 20 // of the text of a page with its boxes
	maxWords  = 50_000   // of a page
)

// tool is one of poppler's programs in its jail, about to read the PDF.
func (s *Scan) tool(ctx context.Context, output int64, argv ...string) *exec.Cmd {
	spec := jail.Spec{Read: []string{handed}, Memory: s.tools.Memory, FileSize: output, AllowUnjailed: s.tools.AllowUnjailed}
	cmd := jail.Command(ctx, s.tools.Self, spec, append(argv, handed)...)
	cmd.ExtraFiles = []*os.File{s.file}
	return cmd
}

// popplerPages finds out from poppler alone what pages a PDF has.
func (s *Scan) popplerPages(ctx context.Context) ([]planned, error) {
	limited, cancel := context.WithTimeout(ctx, s.tools.Timeout)
	defer cancel()
	cmd := s.tool(limited, infoBytes, "pdfinfo", "-f", "1", "-l", strconv.Itoa(s.limits.Pages+1))
	o, err := finish(ctx, limited, cmd, infoBytes)
	switch {
	case err != nil:
		return nil, fmt.Errorf("open scan: %w", err)
	case bytes.Contains(o.complaints, []byte("Incorrect password")):
		return nil, reject(CodePassword, "The PDF is protected with a password. Ask the sender for an open copy.")
	case errors.Is(o.failure, errTimedOut):
		return nil, reject(CodeDamaged, "The PDF takes too long to read. Print it to a new PDF, or scan the paper.")
	case o.failure != nil:
		return nil, reject(CodeDamaged, "The PDF is damaged and cannot be read. Scan or send it again.")
	}
	return parseInfo(o.out), nil
}

// parseInfo reads pdfinfo's list of pages. A page it says nothing of keeps
// its place, without a size.
func parseInfo(out []byte) []planned {
	var pages []planned
	lines := bufio.NewScanner(bytes.NewReader(out))
	for lines.Scan() {
		key, value, _ := strings.Cut(lines.Text(), ":")
		words := strings.Fields(key)
		if key == "Pages" {
			n, err := strconv.Atoi(strings.TrimSpace(value))
			if err == nil && n > 0 && n < maxNodes {
				pages = make([]planned, n)
			}
			continue
		}
		if len(words) != 3 || words[0] != "Page" {
			continue
		}
		n, err := strconv.Atoi(words[1])
		if err != nil || n < 1 || n > len(pages) {
			continue
		}
		pages[n-1].info(words[2], strings.Fields(value))
	}
	return pages
}

func (p *planned) info(what string, value []string) {
	switch {
	case what == "size" && len(value) >= 3:
		p.Width, _ = strconv.ParseFloat(value[0], 64)
		p.Height, _ = strconv.ParseFloat(value[2], 64)
	case what == "rot" && len(value) == 1 && (value[0] == "90" || value[0] == "270"):
		p.Width, p.Height = p.Height, p.Width
	}
}

// draw has poppler draw a page and read its text.
func (s *Scan) draw(ctx context.Context, p *Page) (*Image, error) {
	dpi := p.DPIX
	if p.stream != nil {
		dpi = s.drawnDPI(p.box[0], p.box[1])
	}
	if dpi < 1 {
		return nil, &PageError{Number: p.Number, Reason: "The page has no usable size."}
	}
	f, err := temporary(s.tools.Temp)
	if err != nil {
		return nil, fmt.Errorf("open page %d: %w", p.Number, err)
	}
	img := &Image{File: f, Codec: "pnm", Number: p.Number, DPIX: dpi, DPIY: dpi}
	if err := s.drawTo(ctx, img); err != nil {
		f.Close()
		return nil, err
	}
	if !p.hidden && p.stream == nil {
		if img.Words, err = s.words(ctx, img); err != nil {
			f.Close()
			return nil, err
		}
	}
	return img, nil
}

// drawTo fills img.File with the page. A white page that poppler complained
// of is not taken for a blank one.
func (s *Scan) drawTo(ctx context.Context, img *Image) error {
	limited, cancel := context.WithTimeout(ctx, s.tools.PageTimeout)
	defer cancel()
	n := strconv.Itoa(img.Number)
	cmd := s.tool(limited, 4*drawnPixels, "pdftoppm", "-f", n, "-l", n, "-r", strconv.Itoa(img.DPIX), "-cropbox")
	cmd.Stdout = img.File
	o, err := finish(ctx, limited, cmd, 0)
	switch {
	case err != nil:
		return fmt.Errorf("draw page %d: %w", img.Number, err)
	case errors.Is(o.failure, errTimedOut):
		return &PageError{img.Number, "The page takes too long to draw.", o.failure}
	}
	whole, white, err := inspectPNM(img.File)
	switch {
	case err != nil:
		return fmt.Errorf("draw page %d: %w", img.Number, err)
	case !whole:
		return &PageError{img.Number, "The page cannot be drawn.", o.failure}
	case white && bytes.Contains(o.complaints, []byte("Error")):
		return &PageError{img.Number, "The page cannot be drawn: parts of it are damaged.", nil}
	}
	return nil
}

// inspectPNM looks at a picture that pdftoppm wrote: whether it is whole, and
// whether it is white but for less than a thousandth.
func inspectPNM(f *os.File) (whole, white bool, err error) {
	info, err := f.Stat()
	if err != nil {
		return false, false, err
	}
	r := bufio.NewReaderSize(io.NewSectionReader(f, 0, info.Size()), 256<<10)
	var w, h, top int
	if _, err := fmt.Fscanf(r, "P6\n%d %d\n%d\n", &w, &h, &top); err != nil {
		return false, false, nil
	}
	all := 3 * int64(w) * int64(h)
	if w < 1 || h < 1 || top != 255 || all > info.Size() {
		return false, false, nil
	}
	var ink int64
	for left := all; left > 0 && ink*1000 < all; {
		b, err := r.Peek(int(min(left, 256<<10)))
		if err != nil {
			return false, false, nil
		}
		ink += int64(len(b) - bytes.Count(b, []byte{0xFF}))
		r.Discard(len(b))
		left -= int64(len(b))
	}
	return true, ink*1000 < all, nil
}

// words is the text layer of a drawn page. A page whose text cannot be had
// has none; it will be read from its picture.
func (s *Scan) words(ctx context.Context, img *Image) ([]record.Word, error) {
	limited, cancel := context.WithTimeout(ctx, s.tools.PageTimeout)
	defer cancel()
	n := strconv.Itoa(img.Number)
	cmd := s.tool(limited, textBytes, "pdftotext", "-q", "-f", n, "-l", n, "-cropbox", "-bbox-layout")
	cmd.Args = append(cmd.Args, "-")
	o, err := finish(ctx, limited, cmd, textBytes)
	if err != nil {
		return nil, fmt.Errorf("read text of page %d: %w", img.Number, err)
	}
	if o.failure != nil {
		return nil, nil
	}
	return parseWords(o.out, float64(img.DPIX)/72), nil
}

// parseWords reads pdftotext's boxes, in points, into words in pixels.
func parseWords(out []byte, scale float64) []record.Word {
	dec := xml.NewDecoder(bytes.NewReader(legible(out)))
	dec.Strict = false
	dec.AutoClose, dec.Entity = xml.HTMLAutoClose, xml.HTMLEntity
	var words []record.Word
	block, line := 0, 0
	for len(words) < maxWords {
		tok, err := dec.Token()
		if err != nil {
			break
		}
		el, ok := tok.(xml.StartElement)
		if !ok {
			continue
		}
		switch el.Name.Local {
		case "block":
			block, line = block+1, 0
		case "line":
			line++
		case "word":
			var text string
			if err := dec.DecodeElement(&text, &el); err != nil {
				return words
			}
			w := record.Word{Text: record.Hide(strings.TrimSpace(text)), Box: wordBox(el, scale), Confidence: 1, Block: max(1, block), Line: max(1, line)}
			if !w.Text.IsZero() && !w.Box.Empty() {
				words = append(words, w)
			}
		}
	}
	return words
}

// wordBox is a word's box, zero if it makes no sense.
func wordBox(el xml.StartElement, scale float64) record.Box {
	at := map[string]float64{}
	for _, a := range el.Attr {
		v, err := strconv.ParseFloat(a.Value, 64)
		if err != nil || !(v > -1e6 && v < 1e6) {
			return record.Box{}
		}
		at[a.Name.Local] = v * scale
	}
	l, t := int(at["xMin"]), int(at["yMin"])
	return record.Box{Left: l, Top: t, Width: int(at["xMax"]+0.999) - l, Height: int(at["yMax"]+0.999) - t}
}

// legible makes spaces of what XML may not hold.
func legible(b []byte) []byte {
	return bytes.Map(func(r rune) rune {
		if r < ' ' && r != '\n' && r != '\t' && r != '\r' || r == 0xFFFD || r == 0xFFFE || r == 0xFFFF {
			return ' '
		}
		return r
	}, b)
}
