package scan

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"

	"chartroom/record"
)

// Filter names how a Coded picture's bytes are to be decoded, as PDF has it.
type Filter string

// The filters of pictures that need no decoding to be copied.
const (
	FilterJPEG  Filter = "DCTDecode"
	FilterJP2   Filter = "JPXDecode"
	FilterFax   Filter = "CCITTFaxDecode"
	FilterFlate Filter = "FlateDecode"
	FilterJBIG2 Filter = "JBIG2Decode"
)

// ErrNotCoded says that a page's picture cannot be copied as it lies in the
// file: it must be decoded, or drawn, and coded again.
var ErrNotCoded = errors.New("the picture must be coded again")

// Coded is a page's picture as it lies in the file: bytes that may be copied
// into another file without decoding them, and what a decoder must know. A
// picture that is stored in strips is several pictures, one below the other.
// Turn and Mirror set it upright, as in Page. The caller closes it.
type Coded struct {
	Filter        Filter
	Width, Height int
	Bits, Samples int    // 0 for JP2, which says so itself
	Palette       []byte // red, green, blue for each value; nil for none
	Inverted      bool   // 0 is white (of the greys)
	Predictor     int    // Flate: 1 none, 2 TIFF's, 15 PNG's
	K             int    // fax: below 0 for G4, 0 for G3, above 0 for two-dimensional G3
	Aligned       bool   // fax: every row starts at a byte
	Ended         bool   // fax: every row starts with an end-of-line code
	PlainRGB      bool   // JPEG: the samples are red, green and blue
	Strips        []Strip
	Globals       *Strip     // JBIG2: segments that several pages share
	Place         [4]float64 // left, bottom, right and top of the picture on its upright page, as parts of 1
	Turn          int
	Mirror        bool

	files    []*os.File
	reversed bool // the lowest bit of a byte comes first
}

// Strip is a horizontal strip of a picture, Rows high.
type Strip struct {
	Rows  int
	spans []span
}

// span is a stretch of one of the files.
type span struct {
	file       int
	at, length int64
}

// Size is the number of the strip's bytes.
func (s Strip) Size() (n int64) {
	for _, p := range s.spans {
		n += p.length
	}
	return n
}

// Open reads the bytes of a strip.
func (c *Coded) Open(s Strip) io.Reader {
	var parts []io.Reader
	for _, p := range s.spans {
		parts = append(parts, io.NewSectionReader(c.files[p.file], p.at, p.length))
	}
	if c.reversed {
		return mirrored{io.MultiReader(parts...)}
	}
	return io.MultiReader(parts...)
}

// Close frees the files.
func (c *Coded) Close() (err error) {
	for _, f := range c.files {
		err = errors.Join(err, f.Close())
	}
	return err
}

// Bounds on strips: of one-bit pages, which scanners store so, and of others.
// A page cut finer is better coded again.
const (
	maxFaxStrips   = 256
	maxOtherStrips = 16
)

// Coded is the picture of page n, from 1, as it lies in the file, or
// ErrNotCoded. Other errors are as Image's.
func (s *Scan) Coded(ctx context.Context, n int) (*Coded, error) {
	p, err := s.page(n)
	if err != nil {
		return nil, err
	}
	img := &Image{}
	switch {
	case s.Format != PDF:
		img, err = s.original(p)
	case p.stream != nil:
		img, err = s.takeOut(ctx, p)
	case p.kept != nil:
		return s.copyKept(p)
	default:
		return nil, fmt.Errorf("copy picture of page %d: %w", n, ErrNotCoded)
	}
	if err != nil {
		return nil, err
	}
	c, err := codedIn(img.File, img.Codec, p.at)
	if err != nil {
		img.Close()
		return nil, fmt.Errorf("copy picture of page %d: %w", n, err)
	}
	c.Turn, c.Mirror = p.Turn, p.Mirror
	return c, nil
}

// copyKept is a picture that lies in a PDF in a coding that is drawn to be read.
func (s *Scan) copyKept(p *Page) (*Coded, error) {
	k := p.kept
	c := &Coded{Filter: FilterJBIG2, Width: k.Width, Height: k.Height, Bits: 1, Samples: 1, Inverted: k.Inverted, Place: k.Place, Turn: k.Turn, Mirror: k.Mirror}
	for _, f := range []*os.File{s.file, s.spool} {
		if f == nil {
			break
		}
		own, err := duplicate(f)
		if err != nil {
			c.Close()
			return nil, fmt.Errorf("copy picture of page %d: %w", p.Number, err)
		}
		c.files = append(c.files, own)
	}
	where := func(st *stream) []span {
		file := 0
		if st.Spooled {
			file = 1
		}
		return []span{{file, st.Offset, st.Length}}
	}
	c.Strips = []Strip{{c.Height, where(k)}}
	if k.Globals != nil {
		c.Globals = &Strip{0, where(k.Globals)}
	}
	return c, nil
}

// CodedFile is the only picture of a file as it lies in it, or ErrNotCoded. It
// takes the file over, unless there is an error.
func CodedFile(f *os.File, codec string) (*Coded, error) { return codedIn(f, codec, 0) }

// codedIn finds a picture in a file; at is the place of its directory in a
// TIFF, 0 for the first. The headers decide: whatever is out of the ordinary
// is not copied.
func codedIn(f *os.File, codec string, at int64) (*Coded, error) {
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	find, ok := coders[codec]
	if !ok {
		return nil, ErrNotCoded
	}
	src := newSource(f, info.Size())
	c, err := find(src, at)
	if src.err != nil {
		return nil, src.err
	}
	if err != nil || c.Width < 1 || c.Height < 1 {
		return nil, ErrNotCoded
	}
	c.files, c.Place = []*os.File{f}, [4]float64{0, 0, 1, 1}
	return c, nil
}

var coders = map[string]func(*source, int64) (*Coded, error){"jpeg": codedJPEG, "png": codedPNG, "jp2": codedJP2, "tiff": codedTIFF}

// codedJPEG is a whole JPEG file up to its end marker.
func codedJPEG(src *source, _ int64) (*Coded, error) {
	c, end, err := jpegAt(src, 0, src.size)
	if err != nil {
		return nil, err
	}
	c.Strips = []Strip{{c.Height, []span{{0, 0, end}}}}
	return c, nil
}

// jpegAt reads the headers of a JPEG between two places, and where it ends. It
// must be of the kinds that PDF knows: eight bits, Huffman-coded, grey or
// three colours.
func jpegAt(src *source, start, stop int64) (*Coded, int64, error) {
	c := &Coded{Filter: FilterJPEG, Bits: 8}
	var ids []byte
	jfif, adobe := false, -1
	for at := start + 2; ; {
		marker, next, err := jpegMarker(src, at)
		if err != nil || next > stop {
			return nil, 0, errors.Join(errShort, err)
		}
		if marker == 0xD9 {
			c.PlainRGB = len(ids) == 3 && !jfif && (adobe == 0 || adobe < 0 && string(ids) == "RGB")
			if c.Samples == 0 {
				return nil, 0, ErrNotCoded
			}
			return c, next, nil
		}
		if marker == 0x01 || marker >= 0xD0 && marker <= 0xD8 {
			at = next
			continue
		}
		n, err := src.u16(next, binary.BigEndian)
		if err != nil || n < 2 {
			return nil, 0, ErrNotCoded
		}
		b, err := src.at(next+2, n-2)
		if err != nil {
			return nil, 0, err
		}
		switch {
		case marker >= 0xC0 && marker <= 0xC2:
			if ids, err = c.jpegFrame(b); err != nil {
				return nil, 0, err
			}
		case marker > 0xC2 && marker <= 0xCF && marker != 0xC4: // lossless, arithmetic, in layers
			return nil, 0, ErrNotCoded
		case marker == 0xE0 && bytes.HasPrefix(b, []byte("JFIF\x00")):
			jfif = true
		case marker == 0xEE && len(b) >= 12 && bytes.HasPrefix(b, []byte("Adobe")):
			adobe = int(b[11])
		}
		if at = next + int64(n); marker == 0xDA {
			if at, err = skipEntropy(src, at); err != nil {
				return nil, 0, err
			}
		}
	}
}

// jpegFrame reads a start of frame and gives the names of the components.
func (c *Coded) jpegFrame(b []byte) (ids []byte, err error) {
	if len(b) < 6 || b[0] != 8 || b[5] != 1 && b[5] != 3 || len(b) < 6+3*int(b[5]) || c.Samples != 0 {
		return nil, ErrNotCoded
	}
	c.Height, c.Width, c.Samples = int(binary.BigEndian.Uint16(b[1:])), int(binary.BigEndian.Uint16(b[3:])), int(b[5])
	for i := range c.Samples {
		ids = append(ids, b[6+3*i])
	}
	return ids, nil
}

// maxChunks bounds the data chunks of a PNG.
const maxChunks = 1 << 20

// codedPNG is the data of a PNG without transparency, not interlaced: PDF has
// the same packing and the same predictors.
func codedPNG(src *source, _ int64) (*Coded, error) {
	c := &Coded{Filter: FilterFlate, Predictor: 15, Strips: make([]Strip, 1)}
	kind := byte(0)
	for at := int64(8); ; {
		b, err := src.at(at, 8)
		if err != nil {
			return nil, err
		}
		n, name := int64(binary.BigEndian.Uint32(b)), string(b[4:8])
		switch name {
		case "IHDR":
			if b, err = src.at(at+8, 13); err != nil {
				return nil, err
			}
			c.Width, c.Height = int(binary.BigEndian.Uint32(b)), int(binary.BigEndian.Uint32(b[4:]))
			c.Bits, kind = int(b[8]), b[9]
			if b[10] != 0 || b[11] != 0 || b[12] != 0 || kind != 0 && kind != 2 && kind != 3 {
				return nil, ErrNotCoded
			}
		case "PLTE":
			if b, err = src.at(at+8, int(n)); err != nil || n > 768 {
				return nil, ErrNotCoded
			}
			if kind == 3 {
				c.Palette = bytes.Clone(b)
			}
		case "tRNS":
			return nil, ErrNotCoded
		case "IDAT":
			if c.Strips[0].spans = append(c.Strips[0].spans, span{0, at + 8, n}); len(c.Strips[0].spans) > maxChunks {
				return nil, ErrNotCoded
			}
		case "IEND":
			c.Samples, c.Strips[0].Rows = 1, c.Height
			if kind == 2 {
				c.Samples = 3
			}
			if (kind == 3) != (c.Palette != nil) || c.Strips[0].Size() == 0 {
				return nil, ErrNotCoded
			}
			return c, nil
		}
		at += 12 + n
	}
}

// codedJP2 is a JPEG 2000 file of the kind that archives take: grey or three
// colours in a colour space that is spelled out, without palette or
// transparency, at most sixteen bits.
func codedJP2(src *source, _ int64) (*Coded, error) {
	if b, err := src.at(0, 12); err != nil || string(b[4:8]) != "jP  " {
		return nil, ErrNotCoded
	}
	c := &Coded{Filter: FilterJP2}
	channels, spaces, fine := 0, 0, true
	budget := maxBoxes
	header := func(kind string, at, end int64) error {
		b, err := src.upTo(at, int(min(end-at, 32)))
		if err != nil {
			return err
		}
		switch {
		case kind == "ihdr" && len(b) >= 14:
			c.Height, c.Width = int(binary.BigEndian.Uint32(b)), int(binary.BigEndian.Uint32(b[4:]))
			channels = int(binary.BigEndian.Uint16(b[8:]))
			fine = fine && b[10]&0x7F < 16 // 255: they differ
		case kind == "colr" && len(b) >= 7 && b[0] == 1:
			space := binary.BigEndian.Uint32(b[3:])
			spaces++
			fine = fine && (channels == 3 && (space == 16 || space == 18) || channels == 1 && space == 17)
		case kind == "colr":
			spaces++
			fine = fine && len(b) > 0 && b[0] == 2
		case kind == "pclr" || kind == "cdef" || kind == "cmap" || kind == "bpcc":
			fine = false
		}
		return nil
	}
	_, err := boxes(src, 12, src.size, &budget, func(kind string, at, end int64) error {
		if kind != "jp2h" {
			return nil
		}
		_, err := boxes(src, at, end, &budget, header)
		return err
	})
	if err != nil || !fine || spaces != 1 || channels != 1 && channels != 3 {
		return nil, ErrNotCoded
	}
	c.Strips = []Strip{{c.Height, []span{{0, 0, src.size}}}}
	return c, nil
}

// Tags that matter to who copies a picture.
const (
	tagFillOrder    = 266
	tagT6Options    = 293
	tagExtraSamples = 338
	tagSampleFormat = 339
	tagJPEGTables   = 347
)

// codedTIFF is the picture of one directory.
func codedTIFF(src *source, at int64) (*Coded, error) {
	t, first, err := openTIFF(src)
	if err != nil {
		return nil, err
	}
	if at == 0 {
		at = first
	}
	d, _, err := t.directory(at)
	if err != nil {
		return nil, err
	}
	c := &Coded{Width: int(t.value(d, tagImageWidth, 0)), Height: int(t.value(d, tagImageLength, 0)), Predictor: 1}
	c.Bits, c.Samples = int(t.value(d, tagBitsPerSample, 1)), int(t.value(d, tagSamplesPerPixel, 1))
	if c.Width < 1 || c.Height < 1 || d[tagExtraSamples].count > 0 || c.Samples > 1 && t.value(d, tagPlanar, 1) != 1 || t.value(d, tagSampleFormat, 1) != 1 {
		return nil, ErrNotCoded
	}
	for i := 1; i < c.Samples; i++ {
		if v, ok := t.number(d[tagBitsPerSample], int64(i)); !ok || int(v) != c.Bits {
			return nil, ErrNotCoded
		}
	}
	if err := t.strips(d, c); err != nil {
		return nil, err
	}
	switch t.value(d, tagCompression, 1) {
	case tiffRLE, tiffG3, tiffG4:
		err = t.codedFax(d, c)
	case 7:
		err = t.codedJPEG(d, c)
	case tiffDeflate, 32946:
		err = t.codedFlate(d, c)
	default:
		err = ErrNotCoded
	}
	if err != nil {
		return nil, err
	}
	return c, nil
}

// strips finds the strips of a picture, which must be all there.
func (t *tiffFile) strips(d directory, c *Coded) error {
	rows := int(min(t.value(d, tagRowsPerStrip, int64(c.Height)), int64(c.Height)))
	offsets, counts := d[tagStripOffsets], d[tagStripByteCounts]
	if rows < 1 || offsets.count != int64((c.Height+rows-1)/rows) || counts.count != offsets.count || offsets.count > maxFaxStrips {
		return ErrNotCoded
	}
	for i := range offsets.count {
		at, ok := t.number(offsets, i)
		n, ok2 := t.number(counts, i)
		if !ok || !ok2 || at < 0 || at >= t.size || n < 1 {
			return ErrNotCoded
		}
		c.Strips = append(c.Strips, Strip{min(rows, c.Height-int(i)*rows), []span{{0, at, min(n, t.size-at)}}})
	}
	return nil
}

// codedFax tells how fax-coded strips are coded.
func (t *tiffFile) codedFax(d directory, c *Coded) error {
	photo := t.value(d, tagPhotometric, whiteIsZero)
	if c.Bits != 1 || c.Samples != 1 || photo != whiteIsZero && photo != blackIsZero {
		return ErrNotCoded
	}
	c.Filter, c.Inverted = FilterFax, photo == whiteIsZero
	c.reversed = t.value(d, tagFillOrder, 1) == 2
	switch t.value(d, tagCompression, 1) {
	case tiffG4:
		if c.K = -1; t.value(d, tagT6Options, 0)&2 != 0 {
			return ErrNotCoded
		}
	case tiffRLE:
		c.Aligned = true
	case tiffG3:
		options := t.value(d, tagT4Options, 0)
		b, err := t.upTo(c.Strips[0].spans[0].at, 3)
		if err != nil || options&2 != 0 {
			return ErrNotCoded
		}
		b = bytes.Clone(b)
		if c.reversed {
			flip(b)
		}
		if c.Ended = startsWithEOL(b); !c.Ended && options&1 != 0 {
			return ErrNotCoded
		}
		c.K = int(options & t4TwoD)
	}
	return nil
}

// codedJPEG puts each strip's JPEG together with the tables that the strips
// share.
func (t *tiffFile) codedJPEG(d directory, c *Coded) error {
	photo := t.value(d, tagPhotometric, 6)
	if c.Bits != 8 || !(c.Samples == 1 && photo <= blackIsZero || c.Samples == 3 && (photo == photoRGB || photo == 6)) {
		return ErrNotCoded
	}
	c.Filter, c.Inverted, c.PlainRGB = FilterJPEG, photo == whiteIsZero, photo == photoRGB
	tables := d[tagJPEGTables]
	if tables.count > 0 && tables.count < 5 || tables.count > 1<<20 {
		return ErrNotCoded
	}
	for i := range c.Strips {
		s := &c.Strips[i]
		p := s.spans[0]
		got, end, err := jpegAt(t.source, p.at, p.at+p.length)
		if err != nil || got.Width != c.Width || got.Height != s.Rows || got.Samples != c.Samples {
			return ErrNotCoded
		}
		s.spans[0].length = end - p.at
		if tables.count > 0 { // start of image, the tables without theirs and without end, the rest
			s.spans = []span{{0, p.at, 2}, {0, tables.at + 2, tables.count - 4}, {0, p.at + 2, end - p.at - 2}}
		}
	}
	return nil
}

// codedFlate tells what deflated strips hold.
func (t *tiffFile) codedFlate(d directory, c *Coded) error {
	c.Filter = FilterFlate
	photo := t.value(d, tagPhotometric, blackIsZero)
	c.Predictor = int(t.value(d, tagPredictor, 1))
	if c.Bits > 8 || c.Predictor != 1 && (c.Predictor != 2 || c.Bits != 8) || len(c.Strips) > maxOtherStrips || t.value(d, tagFillOrder, 1) != 1 {
		return ErrNotCoded
	}
	switch {
	case photo == whiteIsZero && c.Samples == 1:
		c.Inverted = true
	case photo == blackIsZero && c.Samples == 1, photo == photoRGB && c.Samples == 3 && c.Bits == 8:
	case photo == photoPalette && c.Samples == 1:
		n := int64(1) << c.Bits
		for i := range n {
			for channel := range int64(3) {
				v, ok := t.number(d[tagColorMap], channel*n+i)
				if !ok {
					return ErrNotCoded
				}
				c.Palette = append(c.Palette, byte(v>>8))
			}
		}
	default:
		return ErrNotCoded
	}
	return nil
}

// mirrored turns the bits of every byte round.
type mirrored struct{ r io.Reader }

func (m mirrored) Read(b []byte) (int, error) {
	n, err := m.r.Read(b)
	flip(b[:n])
	return n, err
}

// flip turns the bits of every byte round.
func flip(b []byte) {
	for i, v := range b {
		v = v>>4 | v<<4
		v = v>>2&0x33 | v<<2&0xCC
		b[i] = v>>1&0x55 | v<<1&0xAA
	}
}

// Fits reports whether a page as it was read is this picture, turned and with
// its dots made square: and not, for instance, a drawing of the page that was
// read because the picture could not be.
func (c *Coded) Fits(p *record.Page) bool {
	if c.Filter == FilterJBIG2 {
		return true // the page was drawn in any case
	}
	w, h := float64(c.Width), float64(c.Height)
	if (c.Turn+p.Rotation)%180 == 90 {
		w, h = h, w
	}
	if p.Width == 0 || p.Height == 0 {
		return true
	}
	x, y := float64(p.Width)/w, float64(p.Height)/h
	const slack = 0.01
	return min(x, y) > 1-slack && min(x, y) < 1+slack
}
