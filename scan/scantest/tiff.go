package scantest

import (
	"bytes"
	"cmp"
	"compress/zlib"
	"encoding/binary"
	"image"
	"io"

	"github.com/pdfcpu/pdfcpu/pkg/filter"
)

// Frame is one directory of a TIFF to be.
type Frame struct {
	Picture     *image.Gray
	Compression int // 1 none, 3 and 4 fax, 5 LZW, 7 JPEG, 8 deflate, 32773 PackBits
	Bits        int // 1 or 8
	Color       bool
	WhiteIsZero bool
	DPIX, DPIY  int
	Centimetres bool // the resolution is stored per centimetre
	Orientation int  // stored as is; the picture is not turned
	Reduced     bool // marked as a thumbnail
	Strips      int  // default 1
	Quality     int  // of JPEG, 1 to 100; default 60
}

// TIFF codes frames into a file: classic or BigTIFF, of either byte order.
func TIFF(order binary.AppendByteOrder, big bool, frames ...Frame) []byte {
	t := &tiff{order: order, big: big}
	t.raw([]byte{'M', 'M'})
	if order.String() == "LittleEndian" {
		t.b = []byte{'I', 'I'}
	}
	if big {
		t.u16(43)
		t.u16(8)
		t.u16(0)
	} else {
		t.u16(42)
	}
	link := len(t.b)
	t.word(0)
	for _, f := range frames {
		t.patch(link, len(t.b))
		link = t.frame(f)
	}
	return t.b
}

type tiff struct {
	order binary.AppendByteOrder
	big   bool
	b     []byte
}

func (t *tiff) raw(b []byte) { t.b = append(t.b, b...) }
func (t *tiff) u16(v int)    { t.b = t.order.AppendUint16(t.b, uint16(v)) }

// word is a number as wide as positions are.
func (t *tiff) word(v int) {
	if t.big {
		t.b = t.order.AppendUint64(t.b, uint64(v))
	} else {
		t.b = t.order.AppendUint32(t.b, uint32(v))
	}
}

func (t *tiff) patch(at, v int) {
	tail := t.b[at:]
	t.b = t.b[:at]
	t.word(v)
	t.b = append(t.b, tail[len(t.b)-at:]...)
}

type entry struct{ tag, kind, count, value int }

// frame writes a directory and what it points to, and gives the place of the
// link to the next.
func (t *tiff) frame(f Frame) int {
	entries := f.entries()
	n, size, room := 2, 12, 4
	if t.big {
		n, size, room = 8, 20, 8
	}
	data := len(t.b) + n + len(entries)*size + room
	var extra []byte
	if t.big {
		t.word(len(entries))
	} else {
		t.u16(len(entries))
	}
	strips := f.strips()
	for _, e := range entries {
		t.u16(e.tag)
		t.u16(e.kind)
		t.word(e.count)
		start := len(t.b)
		if long := t.content(f, e, strips, data); len(long) <= room {
			t.raw(long)
		} else {
			t.word(data + totalLen(strips) + len(extra))
			extra = append(extra, long...)
		}
		t.raw(make([]byte, start+room-len(t.b)))
	}
	link := len(t.b)
	t.word(0)
	t.raw(bytes.Join(strips, nil))
	t.raw(extra)
	return link
}

// content is the coded values of an entry.
func (t *tiff) content(f Frame, e entry, strips [][]byte, data int) (out []byte) {
	switch e.tag {
	case 273, 279:
		for _, s := range strips {
			v := len(s)
			if e.tag == 273 {
				v = data
			}
			out = t.order.AppendUint32(out, uint32(v))
			data += len(s)
		}
		return out
	case 282, 283:
		return t.order.AppendUint32(t.order.AppendUint32(nil, uint32(e.value)), 100)
	}
	for range e.count {
		if e.kind == 3 {
			out = t.order.AppendUint16(out, uint16(e.value))
		} else {
			out = t.order.AppendUint32(out, uint32(e.value))
		}
	}
	return out
}

func (f Frame) entries() []entry {
	unit, scale := 2, 100.0
	if f.Centimetres {
		unit, scale = 3, 100/2.54
	}
	samples, photometric := 1, 1
	if f.Color {
		samples, photometric = 3, 2
	} else if f.WhiteIsZero {
		photometric = 0
	}
	h := f.Picture.Rect.Dy()
	strips := max(1, f.Strips)
	list := []entry{
		{256, 4, 1, f.Picture.Rect.Dx()}, {257, 4, 1, h}, {258, 3, samples, f.Bits}, {259, 3, 1, f.Compression}, {262, 3, 1, photometric},
		{273, 4, strips, 0}, {277, 3, 1, samples}, {278, 4, 1, (h + strips - 1) / strips}, {279, 4, strips, 0},
		{282, 5, 1, int(float64(f.DPIX)*scale + 0.5)}, {283, 5, 1, int(float64(f.DPIY)*scale + 0.5)}, {296, 3, 1, unit},
	}
	if f.Orientation > 0 {
		list = append(list[:6], append([]entry{{274, 3, 1, f.Orientation}}, list[6:]...)...)
	}
	if f.Reduced {
		list = append([]entry{{254, 4, 1, 1}}, list...)
	}
	return list
}

// strips codes the picture in bands of rows.
func (f Frame) strips() (out [][]byte) {
	h := f.Picture.Rect.Dy()
	n := max(1, f.Strips)
	rows := (h + n - 1) / n
	for y := 0; y < h; y += rows {
		band := f.Picture.SubImage(image.Rect(0, y, f.Picture.Rect.Dx(), min(h, y+rows))).(*image.Gray)
		whole := &image.Gray{Pix: band.Pix, Stride: band.Stride, Rect: image.Rect(0, 0, band.Rect.Dx(), band.Rect.Dy())}
		out = append(out, f.code(whole))
	}
	return out
}

func (f Frame) code(m *image.Gray) []byte {
	switch f.Compression {
	case 3:
		return G3(m)
	case 4:
		return G4(m)
	case 7:
		return JPEGOf(m, 0, 0, cmp.Or(f.Quality, 60))
	}
	samples := m.Pix[:m.Stride*m.Rect.Dy()]
	if f.Color {
		samples = rgb(m)
	} else if f.Bits == 1 {
		samples = bilevel(m, !f.WhiteIsZero)
	}
	switch f.Compression {
	case 5:
		return LZW(samples)
	case 8:
		return Deflate(samples)
	case 32773:
		return packBits(samples)
	}
	return samples
}

// LZW packs bytes as TIFF and PDF do.
func LZW(b []byte) []byte {
	l, err := filter.NewFilter(filter.LZW, map[string]int{"EarlyChange": 1})
	if err != nil {
		panic(err)
	}
	r, err := l.Encode(bytes.NewReader(b))
	if err != nil {
		panic(err)
	}
	out, err := io.ReadAll(r)
	if err != nil {
		panic(err)
	}
	return out
}

// Deflate packs bytes as zlib does.
func Deflate(b []byte) []byte {
	var out bytes.Buffer
	w, err := zlib.NewWriterLevel(&out, zlib.BestCompression)
	if err != nil {
		panic(err)
	}
	w.Write(b)
	w.Close()
	return out.Bytes()
}

// packBits codes runs of equal bytes, and all else as it is.
func packBits(b []byte) (out []byte) {
	for len(b) > 0 {
		n := 1
		for n < len(b) && n < 128 && b[n] == b[0] {
			n++
		}
		if n > 1 {
			out = append(out, byte(1-n), b[0])
		} else {
			out = append(out, 0, b[0])
		}
		b = b[n:]
	}
	return out
}

func totalLen(parts [][]byte) (n int) {
	for _, p := range parts {
		n += len(p)
	}
	return n
}
