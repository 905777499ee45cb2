package scan

import (
	"bytes"
	"fmt"
	"image/color"
	"image/jpeg"
	"io"

	"github.com/pdfcpu/pdfcpu/pkg/filter"
	"github.com/pdfcpu/pdfcpu/pkg/pdfcpu/types"
)

// spoolLimit is how much a PDF's streams may come to when unpacked.
const spoolLimit = 1 << 30

// spool collects the streams whose bytes do not stand in the PDF as they are
// needed: encrypted ones, and ones packed twice.
type spool struct {
	w io.Writer
	n int64
}

func (s *spool) add(b []byte) (offset int64, err error) {
	if s.n+int64(len(b)) > spoolLimit {
		return 0, fmt.Errorf("spool stream: more than %d bytes", int64(spoolLimit))
	}
	offset = s.n
	n, err := s.w.Write(b)
	s.n += int64(n)
	return offset, err
}

// TIFF's numbers for what a stream may hold.
const (
	tiffNone     = 1
	tiffRLE      = 2
	tiffG3       = 3
	tiffG4       = 4
	tiffLZW      = 5
	tiffDeflate  = 8
	whiteIsZero  = 0
	blackIsZero  = 1
	photoRGB     = 2
	photoPalette = 3
	t4TwoD       = 1
)

// shape is how a picture's samples are to be understood.
type shape struct {
	width, height int
	bits, samples int
	palette       []byte // of an indexed picture
	inverted      bool   // 0 is white
}

// stream tells how a picture's bytes become a file that decoders know,
// without decoding them. ok is false where that cannot be or where the
// picture does not look as its samples say: masks, odd colours.
func (d *document) stream(img raster) (*stream, bool) {
	sh, ok := d.shape(img)
	if !ok {
		return nil, false
	}
	coded, last, parms, ok := d.coded(img.StreamDict)
	if !ok {
		return nil, false
	}
	s := &stream{Width: sh.width, Height: sh.height, Bits: sh.bits, Samples: sh.samples, Predictor: 1}
	switch last {
	case filter.DCT:
		ok = s.jpeg(coded, sh, d, parms)
	case filter.JPX:
		ok = s.jp2(coded, sh, d, img)
	case filter.CCITTFax:
		ok = s.fax(coded, sh, d, parms)
	case filter.Flate, filter.LZW, "":
		ok = s.plain(last, sh, d, parms)
	default:
		ok = false
	}
	if !ok {
		return nil, false
	}
	return s, d.locate(s, img.StreamDict, coded)
}

// kept is a picture that readers have drawn, for none of them knows its
// coding, and that can be copied all the same: JBIG2, with what its pages
// share.
func (d *document) kept(img raster) (*stream, bool) {
	sh, ok := d.shape(img)
	if !ok || sh.bits > 1 || sh.samples != 1 || sh.palette != nil {
		return nil, false
	}
	coded, last, parms, ok := d.coded(img.StreamDict)
	if !ok || last != filter.JBIG2 {
		return nil, false
	}
	s := &stream{Codec: "jbig2", Width: sh.width, Height: sh.height, Bits: 1, Samples: 1, Inverted: sh.inverted}
	if o, found := parms.Find("JBIG2Globals"); found {
		sd, _, err := d.DereferenceStreamDict(o)
		if err != nil || sd == nil || sd.DecodeWithLimit(maxContent) != nil {
			return nil, false
		}
		s.Globals = &stream{Width: 1, Height: 1}
		if !d.locate(s.Globals, sd, sd.Content) {
			return nil, false
		}
	}
	return s, d.locate(s, img.StreamDict, coded)
}

// shape reads a picture's dictionary.
func (d *document) shape(img raster) (sh shape, ok bool) {
	for _, key := range []string{"SMask", "Mask"} {
		if d.find(img.Dict, key) != nil {
			return sh, false
		}
	}
	sh.width, _ = d.integer(img.Dict, "Width", "W")
	sh.height, _ = d.integer(img.Dict, "Height", "H")
	if sh.width < 1 || sh.height < 1 || int64(sh.width)*int64(sh.height) > d.limits.Pixels {
		return sh, false
	}
	sh.bits, _ = d.integer(img.Dict, "BitsPerComponent", "BPC")
	if img.mask {
		sh.bits, sh.samples = 1, 1
	} else if space, found := d.space(d.find(img.Dict, "ColorSpace", "CS")); found {
		sh.samples, sh.palette = space.samples, space.palette
	}
	return d.decoded(img, sh)
}

// decoded applies the Decode array, of which only the usual one and its
// reverse are known.
func (d *document) decoded(img raster, sh shape) (shape, bool) {
	n, ok := d.numbers(d.find(img.Dict, "Decode", "D"))
	if !ok {
		return sh, true
	}
	high := 1.0
	if sh.palette != nil {
		high = float64(int(1)<<sh.bits - 1)
	}
	usual, reverse := true, true
	for i, v := range n {
		usual = usual && v == float64(i%2)*high
		reverse = reverse && v == float64(1-i%2)*high
	}
	sh.inverted = reverse && sh.samples == 1 && sh.palette == nil
	return sh, usual || sh.inverted
}

// colorSpace is what a sample stands for.
type colorSpace struct {
	samples int
	palette []byte
}

// space knows grey, red-green-blue, and palettes of these.
func (d *document) space(o types.Object) (colorSpace, bool) {
	switch v := o.(type) {
	case types.Name:
		return deviceSpace(v.Value())
	case types.Array:
		return d.arraySpace(v)
	}
	return colorSpace{}, false
}

func deviceSpace(name string) (colorSpace, bool) {
	switch name {
	case "DeviceGray", "G", "CalGray":
		return colorSpace{samples: 1}, true
	case "DeviceRGB", "RGB", "CalRGB":
		return colorSpace{samples: 3}, true
	}
	return colorSpace{}, false
}

func (d *document) arraySpace(a types.Array) (colorSpace, bool) {
	if len(a) == 0 {
		return colorSpace{}, false
	}
	first, err := d.Dereference(a[0])
	kind, ok := first.(types.Name)
	if err != nil || !ok {
		return colorSpace{}, false
	}
	switch kind.Value() {
	case "ICCBased":
		if len(a) < 2 {
			return colorSpace{}, false
		}
		profile, _, err := d.DereferenceStreamDict(a[1])
		if err != nil || profile == nil {
			return colorSpace{}, false
		}
		n, _ := d.integer(profile.Dict, "N")
		return colorSpace{samples: n}, n == 1 || n == 3
	case "Indexed", "I":
		return d.indexed(a)
	}
	return deviceSpace(kind.Value())
}

// indexed reads a palette into red, green, blue.
func (d *document) indexed(a types.Array) (colorSpace, bool) {
	if len(a) < 4 {
		return colorSpace{}, false
	}
	baseObject, err := d.Dereference(a[1])
	if err != nil {
		return colorSpace{}, false
	}
	base, ok := d.space(baseObject)
	if !ok || base.palette != nil {
		return colorSpace{}, false
	}
	table, ok := d.table(a[3])
	if !ok || len(table) < base.samples {
		return colorSpace{}, false
	}
	cs := colorSpace{samples: 1}
	for i := 0; i+base.samples <= len(table) && len(cs.palette) < 3*256; i += base.samples {
		cs.palette = append(cs.palette, table[i], table[i+base.samples/2], table[i+base.samples-1])
	}
	return cs, true
}

// table is the bytes of a string or a stream.
func (d *document) table(o types.Object) ([]byte, bool) {
	v, err := d.Dereference(o)
	if err != nil {
		return nil, false
	}
	switch v := v.(type) {
	case types.StringLiteral:
		b, err := types.Unescape(v.Value())
		return b, err == nil
	case types.HexLiteral:
		b, err := v.Bytes()
		return b, err == nil
	case types.StreamDict:
		b, err := d.unpacked(o)
		return b, err == nil
	}
	return nil, false
}

// coded is a picture's bytes with only the last filter still to be undone,
// and that filter.
func (d *document) coded(sd *types.StreamDict) (b []byte, last string, parms types.Dict, ok bool) {
	n := len(sd.FilterPipeline)
	if n == 0 {
		return sd.Raw, "", nil, len(sd.Raw) > 0
	}
	if n > 1 {
		outer := *sd
		outer.FilterPipeline, outer.Content = sd.FilterPipeline[:n-1], nil
		if err := outer.DecodeWithLimit(spoolLimit / 4); err != nil {
			return nil, "", nil, false
		}
		b = outer.Content
	} else {
		b = sd.Raw
	}
	return b, sd.FilterPipeline[n-1].Name, d.parms(sd.Dict, n), len(b) > 0
}

// parms is the parameters of the last of n filters, empty for none.
func (d *document) parms(dict types.Dict, n int) types.Dict {
	o := d.find(dict, "DecodeParms", "DP")
	if a, ok := o.(types.Array); ok {
		if len(a) < n {
			return types.Dict{}
		}
		o, _ = d.Dereference(a[n-1])
	}
	p, ok := o.(types.Dict)
	if !ok {
		return types.Dict{}
	}
	return p
}

// locate finds the bytes in the PDF itself, or spools them.
func (d *document) locate(s *stream, sd *types.StreamDict, coded []byte) bool {
	s.Length = int64(len(coded))
	same := make([]byte, len(coded))
	if n, _ := d.file.ReadAt(same, sd.StreamOffset); n == len(same) && bytes.Equal(same, coded) {
		s.Offset = sd.StreamOffset
		return true
	}
	var err error
	s.Offset, err = d.spool.add(coded)
	s.Spooled = true
	return err == nil
}

// jpeg is a JPEG as it is, if it is grey or coloured in the usual way.
func (s *stream) jpeg(coded []byte, sh shape, d *document, parms types.Dict) bool {
	conf, err := jpeg.DecodeConfig(bytes.NewReader(coded))
	if err != nil || conf.Width != sh.width || conf.Height != sh.height || sh.inverted || sh.palette != nil {
		return false
	}
	samples := 3
	if conf.ColorModel == color.GrayModel {
		samples = 1
	} else if conf.ColorModel != color.YCbCrModel {
		return false
	}
	s.Codec = "jpeg"
	return samples == sh.samples && d.find(parms, "ColorTransform") == nil
}

// jp2 is a JPEG 2000 picture with its own boxes.
func (s *stream) jp2(coded []byte, sh shape, d *document, img raster) bool {
	alpha, _ := d.integer(img.Dict, "SMaskInData")
	if alpha != 0 || sh.inverted || sh.palette != nil || magic(coded) != JP2 || string(coded[:4]) == codeStream {
		return false
	}
	h, err := parseJP2(newSource(bytes.NewReader(coded), int64(len(coded))))
	s.Codec = "jp2"
	return err == nil && h.frames[0].width == sh.width && h.frames[0].height == sh.height
}

// fax is a fax-coded picture as a TIFF. TIFF knows G4, G3 whose lines end in
// an end-of-line code, and G3 whose lines end in whole bytes.
func (s *stream) fax(coded []byte, sh shape, d *document, parms types.Dict) bool {
	k, _ := d.integer(parms, "K")
	columns, ok := d.integer(parms, "Columns")
	if !ok {
		columns = 1728
	}
	aligned := d.boolean(parms, "EncodedByteAlign")
	switch ended := startsWithEOL(coded); {
	case k < 0 && !aligned:
		s.Compression = tiffG4
	case k > 0 && ended && !aligned:
		s.Compression, s.FaxOptions = tiffG3, t4TwoD
	case k == 0 && ended && !aligned:
		s.Compression = tiffG3
	case k == 0 && aligned && !ended:
		s.Compression = tiffRLE
	default:
		return false
	}
	if columns != sh.width || sh.bits > 1 || sh.samples > 1 {
		return false
	}
	black := d.boolean(parms, "BlackIs1") != sh.inverted
	if sh.palette != nil {
		dark, ok := darkFirst(sh.palette)
		if !ok {
			return false
		}
		black = black == dark
	}
	s.Codec, s.Bits, s.Samples, s.Photometric = "tiff", 1, 1, whiteIsZero
	if black {
		s.Photometric = blackIsZero
	}
	return true
}

// darkFirst reports whether a palette is black, then white; ok is false if it
// is neither that nor the reverse.
func darkFirst(palette []byte) (dark, ok bool) {
	if len(palette) < 6 {
		return false, false
	}
	first, second := palette[0], palette[3]
	return first < second, max(first, second) == 255 && min(first, second) == 0
}

// startsWithEOL reports whether fax data start with an end-of-line code:
// eleven zeros or more, and a one.
func startsWithEOL(b []byte) bool {
	return len(b) > 2 && b[0] == 0 && b[1] < 0x20 && b[1]|b[2] != 0
}

// plain is a picture whose samples are packed or not at all. What was packed
// with PNG's predictors is a PNG but for the header; all else is a TIFF.
func (s *stream) plain(last string, sh shape, d *document, parms types.Dict) bool {
	if sh.bits < 1 || sh.bits > 8 || sh.samples == 3 && sh.bits != 8 || sh.samples != 1 && sh.samples != 3 {
		return false
	}
	predictor, ok := d.integer(parms, "Predictor")
	if !ok {
		predictor = 1
	}
	if predictor > 1 && !d.predicts(parms, sh) {
		return false
	}
	switch {
	case last == filter.Flate && predictor >= 10:
		return s.png(sh)
	case last == filter.Flate && predictor <= 2:
		s.Compression = tiffDeflate
	case last == filter.LZW && predictor <= 2:
		s.Compression = tiffLZW
		if early, ok := d.integer(parms, "EarlyChange"); ok && early != 1 {
			return false
		}
	case last == "":
		s.Compression, predictor = tiffNone, 1
	default:
		return false
	}
	if predictor == 2 && sh.bits != 8 {
		return false
	}
	s.Codec, s.Predictor = "tiff", max(1, predictor)
	s.colored(sh)
	return true
}

// predicts reports whether the predictor's idea of the picture is the
// picture's own.
func (d *document) predicts(parms types.Dict, sh shape) bool {
	for key, want := range map[string][2]int{"Colors": {sh.samples, 1}, "BitsPerComponent": {sh.bits, 8}, "Columns": {sh.width, 1}} {
		got, ok := d.integer(parms, key)
		if !ok {
			got = want[1]
		}
		if got != want[0] {
			return false
		}
	}
	return true
}

// png is a PNG; one whose 0 is white takes a palette to say so.
func (s *stream) png(sh shape) bool {
	s.Codec, s.Palette = "png", sh.palette
	if sh.inverted {
		top := 1<<sh.bits - 1
		for i := 0; i <= top; i++ {
			v := byte(255 * (top - i) / top)
			s.Palette = append(s.Palette, v, v, v)
		}
	}
	if n := 3 << sh.bits; len(s.Palette) > n {
		s.Palette = s.Palette[:n]
	}
	return true
}

// colored fills in a TIFF's photometric interpretation.
func (s *stream) colored(sh shape) {
	switch {
	case sh.palette != nil:
		s.Photometric, s.Palette = photoPalette, sh.palette
	case sh.samples == 3:
		s.Photometric = photoRGB
	case sh.inverted:
		s.Photometric = whiteIsZero
	default:
		s.Photometric = blackIsZero
	}
}
