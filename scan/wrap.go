package scan

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"io"
)

// wrap writes the file that a stream's bytes become, without looking at them.
func (s *stream) wrap(w io.Writer, coded io.Reader) error {
	switch s.Codec {
	case "png":
		return s.wrapPNG(w, coded)
	case "tiff":
		if _, err := w.Write(s.tiffHead()); err != nil {
			return err
		}
	}
	_, err := io.Copy(w, coded)
	return err
}

// wrapPNG writes a PNG whose one data chunk is the stream.
func (s *stream) wrapPNG(w io.Writer, coded io.Reader) error {
	kind := byte(0) // grey
	if s.Samples == 3 {
		kind = 2
	} else if len(s.Palette) > 0 {
		kind = 3
	}
	head := append([]byte("\x89PNG\r\n\x1A\n"), chunk("IHDR", be32(s.Width, s.Height), []byte{byte(s.Bits), kind, 0, 0, 0})...)
	if len(s.Palette) > 0 {
		head = append(head, chunk("PLTE", s.Palette)...)
	}
	head = append(append(head, be32(int(s.Length))...), "IDAT"...)
	if _, err := w.Write(head); err != nil {
		return err
	}
	sum := crc32.NewIEEE()
	io.WriteString(sum, "IDAT")
	if _, err := io.Copy(io.MultiWriter(w, sum), coded); err != nil {
		return err
	}
	_, err := w.Write(append(be32(int(sum.Sum32())), chunk("IEND")...))
	return err
}

// chunk is a PNG chunk: length, kind, content, checksum.
func chunk(kind string, content ...[]byte) []byte {
	all := append([]byte(kind), bytes.Join(content, nil)...)
	return append(append(be32(len(all)-4), all...), be32(int(crc32.ChecksumIEEE(all)))...)
}

func be32(values ...int) (b []byte) {
	for _, v := range values {
		b = binary.BigEndian.AppendUint32(b, uint32(v))
	}
	return b
}

// tiffHead is everything of a TIFF that stands before its one strip. The
// page's orientation is in its tag, which TIFF readers follow.
func (s *stream) tiffHead() []byte {
	var t tiffWriter
	t.long(tagImageWidth, s.Width)
	t.long(tagImageLength, s.Height)
	bits := make([]int, s.Samples)
	for i := range bits {
		bits[i] = s.Bits
	}
	t.short(tagBitsPerSample, bits...)
	t.short(tagCompression, s.Compression)
	t.short(tagPhotometric, s.Photometric)
	t.long(tagStripOffsets, 0) // filled in by bytes
	t.short(tagOrientation, oriented(s.Turn, s.Mirror))
	t.short(tagSamplesPerPixel, s.Samples)
	t.long(tagRowsPerStrip, s.Height)
	t.long(tagStripByteCounts, int(s.Length))
	t.ratio(tagXResolution, s.DPIX)
	t.ratio(tagYResolution, s.DPIY)
	if s.Compression == tiffG3 {
		t.long(tagT4Options, s.FaxOptions)
	}
	t.short(tagResolutionUnit, 2)
	if s.Predictor > 1 {
		t.short(tagPredictor, s.Predictor)
	}
	if s.Photometric == photoPalette {
		t.short(tagColorMap, s.colorMap()...)
	}
	return t.bytes()
}

// colorMap is the palette as TIFF has it: all reds, all greens, all blues, in
// 16 bits, for as many colours as the bits can say.
func (s *stream) colorMap() []int {
	n := 1 << s.Bits
	out := make([]int, 3*n)
	for i := 0; i < n && 3*i+2 < len(s.Palette); i++ {
		for c := range 3 {
			out[c*n+i] = int(s.Palette[3*i+c]) * 0x101
		}
	}
	return out
}

// tiffWriter collects the entries of a directory, in order of their tags.
type tiffWriter struct{ entries []tiffEntry }

type tiffEntry struct {
	tag, kind, count int
	content          []byte
}

func (t *tiffWriter) short(tag int, values ...int) {
	var b []byte
	for _, v := range values {
		b = binary.LittleEndian.AppendUint16(b, uint16(v))
	}
	t.entries = append(t.entries, tiffEntry{tag, 3, len(values), b})
}

func (t *tiffWriter) long(tag int, v int) {
	t.entries = append(t.entries, tiffEntry{tag, 4, 1, binary.LittleEndian.AppendUint32(nil, uint32(v))})
}

func (t *tiffWriter) ratio(tag, v int) {
	b := binary.LittleEndian.AppendUint32(nil, uint32(v))
	t.entries = append(t.entries, tiffEntry{tag, 5, 1, binary.LittleEndian.AppendUint32(b, 1)})
}

// bytes is header, directory and long contents; what follows is the strip.
func (t *tiffWriter) bytes() []byte {
	le := binary.LittleEndian
	end := 8 + 2 + 12*len(t.entries) + 4
	var extra []byte
	head := append([]byte("II*\x00\x08\x00\x00\x00"), le.AppendUint16(nil, uint16(len(t.entries)))...)
	strip := end
	for _, e := range t.entries {
		if len(e.content) > 4 {
			strip += len(e.content)
		}
	}
	for _, e := range t.entries {
		head = le.AppendUint32(le.AppendUint16(le.AppendUint16(head, uint16(e.tag)), uint16(e.kind)), uint32(e.count))
		switch {
		case e.tag == tagStripOffsets:
			head = le.AppendUint32(head, uint32(strip))
		case len(e.content) > 4:
			head = le.AppendUint32(head, uint32(end+len(extra)))
			extra = append(extra, e.content...)
		default:
			head = append(append(head, e.content...), make([]byte, 4-len(e.content))...)
		}
	}
	return append(append(head, 0, 0, 0, 0), extra...)
}
