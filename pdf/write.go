package pdf

import (
	"bytes"
	"compress/zlib"
	"errors"
	"fmt"
	"io"
	"strconv"
	"unicode/utf16"
)

// objects writes the objects of a PDF one after another and remembers where
// each lies.
type objects struct {
	w       io.Writer
	at      int64
	offsets []int64 // of object i+1; 0 for one not written
	err     error
}

// maxOffset is how far a classic table of objects reaches.
const maxOffset = 9_999_999_999

var errShortPicture = errors.New("a picture is shorter than it says")

// Write counts and keeps the first error.
func (o *objects) Write(b []byte) (int, error) {
	if o.err != nil {
		return 0, o.err
	}
	n, err := o.w.Write(b)
	o.at += int64(n)
	o.err = err
	return n, err
}

func (o *objects) puts(s string) { io.WriteString(o, s) }

// reserve gives the number of an object to be written later.
func (o *objects) reserve() int {
	o.offsets = append(o.offsets, 0)
	return len(o.offsets)
}

func (o *objects) begin(n int) {
	o.offsets[n-1] = o.at
	o.puts(strconv.Itoa(n) + " 0 obj\n")
}

// object writes object n.
func (o *objects) object(n int, body string) {
	o.begin(n)
	o.puts(body + "\nendobj\n")
}

// stream writes object n, a stream of known length.
func (o *objects) stream(n int, dict string, length int64, r io.Reader) {
	o.begin(n)
	o.puts(fmt.Sprintf("<<%s/Length %d>>\nstream\n", dict, length))
	if o.err != nil {
		return
	}
	switch copied, err := io.Copy(o, io.LimitReader(r, length)); {
	case o.err != nil:
	case err != nil:
		o.err = err
	case copied != length:
		o.err = errShortPicture
	}
	o.puts("\nendstream\nendobj\n")
}

// packed writes object n, a stream that is deflated.
func (o *objects) packed(n int, dict string, content []byte) {
	var b bytes.Buffer
	z := zlib.NewWriter(&b)
	z.Write(content)
	z.Close()
	o.stream(n, dict+"/Filter/FlateDecode", int64(b.Len()), &b)
}

// finish writes the table of objects and the trailer.
func (o *objects) finish(catalog, info int, id string) {
	start := o.at
	if start > maxOffset {
		o.err = errors.Join(o.err, errors.New("the PDF is too large"))
	}
	o.puts(fmt.Sprintf("xref\n0 %d\n0000000000 65535 f \n", len(o.offsets)+1))
	for _, at := range o.offsets {
		o.puts(fmt.Sprintf("%010d 00000 n \n", at))
	}
	o.puts(fmt.Sprintf("trailer\n<</Size %d/Root %d 0 R/Info %d 0 R/ID[<%s><%s>]>>\nstartxref\n%d\n%%%%EOF\n", len(o.offsets)+1, catalog, info, id, id, start))
}

// num is a number as short as a PDF may have it: no exponent, five digits
// behind the point at most.
func num(v float64) string {
	s := strconv.FormatFloat(v, 'f', 5, 64)
	for s[len(s)-1] == '0' {
		s = s[:len(s)-1]
	}
	if s[len(s)-1] == '.' {
		s = s[:len(s)-1]
	}
	if s == "-0" || s == "" {
		return "0"
	}
	return s
}

func utf16be(s string) (b []byte) {
	for _, u := range utf16.Encode([]rune(s)) {
		b = append(b, byte(u>>8), byte(u))
	}
	return b
}
