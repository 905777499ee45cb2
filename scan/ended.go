package scan

import (
	"bytes"
	"os"
	"strconv"
)

// Ended reports whether the end of the file's format is there, so that a
// scanner that writes page by page is not interrupted. known is false where
// the content does not tell: another format, or a damaged one. size is what
// the file has now. What real devices append after the end is tolerated.
func Ended(f *os.File, size int64) (complete, known bool) {
	if size == 0 {
		return false, true
	}
	src := newSource(f, size)
	format, err := sniff(src)
	if err != nil {
		return false, zeros(src)
	}
	if format == PDF {
		complete, err = pdfEnded(src)
		return complete, err == nil
	}
	h, err := parsers[format](src)
	switch {
	case src.err != nil:
		return false, false
	case err == nil:
		return h.complete, true
	}
	return false, err == errShort
}

// zeros reports whether the file starts with nothing but zeros: space that
// was reserved and not written yet.
func zeros(src *source) bool {
	b, err := src.upTo(0, sniffed)
	return err == nil && len(b) > 0 && len(bytes.Trim(b, "\x00")) == 0
}

// pdfTail is how far from the end a PDF's end mark is looked for.
const pdfTail = 64 << 10

// pdfEnded reports whether a PDF's last end mark, %%EOF after startxref, is
// followed by nothing that belongs to a PDF; and, of a file laid out for the
// web, which carries such a mark near its start too, whether it is as long as
// it says.
func pdfEnded(src *source) (bool, error) {
	b, err := src.upTo(0, sniffed)
	if err != nil {
		return false, err
	}
	if n, ok := linearLength(b); ok && n > src.size {
		return false, nil
	}
	from := max(0, src.size-pdfTail)
	if b, err = src.at(from, int(src.size-from)); err != nil {
		return false, err
	}
	i := bytes.LastIndex(b, []byte("%%EOF"))
	if i < 0 { // some writers leave out the mark, or its last bytes
		if i = bytes.LastIndex(b, []byte("startxref")); i < 0 {
			return false, nil
		}
		rest := bytes.TrimSpace(b[i+len("startxref"):])
		digits := bytes.TrimRight(rest, "%EO\r\n \x00")
		_, err := strconv.Atoi(string(digits))
		return err == nil && len(digits) < len(rest), nil
	}
	return !bytes.Contains(b[i:], []byte(" obj")), nil
}

// linearLength is the length that a linearized PDF's first object tells.
func linearLength(b []byte) (int64, bool) {
	i := bytes.Index(b, []byte("/Linearized"))
	if i < 0 {
		return 0, false
	}
	b = b[i:]
	if end := bytes.Index(b, []byte(">>")); end >= 0 {
		b = b[:end]
	}
	i = bytes.Index(b, []byte("/L "))
	if i < 0 {
		return 0, false
	}
	b = bytes.TrimLeft(b[i+2:], " \r\n\t")
	end := 0
	for end < len(b) && b[end] >= '0' && b[end] <= '9' {
		end++
	}
	n, err := strconv.ParseInt(string(b[:end]), 10, 64)
	return n, err == nil
}
