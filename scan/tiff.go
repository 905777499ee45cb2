package scan

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// Tags of a TIFF directory that tell of pages.
const (
	tagNewSubfileType  = 254
	tagSubfileType     = 255
	tagImageWidth      = 256
	tagImageLength     = 257
	tagBitsPerSample   = 258
	tagCompression     = 259
	tagPhotometric     = 262
	tagStripOffsets    = 273
	tagOrientation     = 274
	tagSamplesPerPixel = 277
	tagRowsPerStrip    = 278
	tagStripByteCounts = 279
	tagXResolution     = 282
	tagYResolution     = 283
	tagPlanar          = 284
	tagT4Options       = 292
	tagResolutionUnit  = 296
	tagPredictor       = 317
	tagColorMap        = 320
	tagTileOffsets     = 324
	tagTileByteCounts  = 325
	tagJPEGOffset      = 513
	tagJPEGLength      = 514
)

// Bounds on what a directory may claim.
const (
	maxEntries     = 4096    // tags of a directory
	maxDirectories = 100_000 // of a file; far above any limit on pages
	maxStrips      = 4 << 20 // of a page
	stripSlack     = 8       // bytes that may be missing of the last strip: padding
)

// tiffFile walks the directories of a TIFF or BigTIFF of either byte order.
type tiffFile struct {
	*source
	order binary.ByteOrder
	big   bool
}

// field is one entry of a directory: count values of a type, at a position.
type field struct {
	kind  int
	count int64
	at    int64
}

type directory map[int]field

// parseTIFF walks the chain of directories. Each is a page, but for reduced
// pictures and masks of pages. The file is complete when the chain ends in it
// and every page's data lies in it.
func parseTIFF(src *source) (header, error) {
	t, at, err := openTIFF(src)
	if err != nil {
		return header{}, err
	}
	h := header{complete: true}
	var reduced []frame
	seen := map[int64]bool{}
	for i := 0; at != 0; i++ {
		if seen[at] {
			h.remarks = append(h.remarks, fmt.Sprintf("The file's list of pages runs in a circle after page %d.", len(h.frames)))
			break
		}
		if seen[at] = true; i >= maxDirectories {
			return h, errors.New("its list of pages has no end")
		}
		dir, next, err := t.directory(at)
		if err != nil {
			return h, err
		}
		fr, inside := t.frame(dir, i)
		fr.at = at
		h.complete = h.complete && inside
		if t.reduced(dir) {
			reduced = append(reduced, fr)
		} else {
			h.frames = append(h.frames, fr)
		}
		at = next
	}
	if len(h.frames) == 0 { // all called reduced: then they are what there is
		h.frames, reduced = reduced, nil
	}
	if n := len(reduced); n > 0 {
		h.remarks = append(h.remarks, fmt.Sprintf("%d reduced pictures in the file were left out.", n))
	}
	return h, nil
}

// openTIFF reads the header and gives the position of the first directory.
func openTIFF(src *source) (*tiffFile, int64, error) {
	b, err := src.at(0, 8)
	if err != nil {
		return nil, 0, err
	}
	t := &tiffFile{source: src, order: binary.LittleEndian}
	if b[0] == 'M' {
		t.order = binary.BigEndian
	}
	var at int64
	switch t.order.Uint16(b[2:]) {
	case 42:
		at = int64(t.order.Uint32(b[4:]))
	case 43:
		t.big = true
		if at, err = src.u64(8, t.order); err != nil {
			return nil, 0, err
		}
	default:
		return nil, 0, errors.New("its header is wrong")
	}
	if at == 0 { // written last by most programs
		return nil, 0, errShort
	}
	return t, at, nil
}

// directory reads the entries at a position and where the next directory is,
// 0 for none.
func (t *tiffFile) directory(at int64) (directory, int64, error) {
	n, start, size, err := t.entries(at)
	if err != nil {
		return nil, 0, err
	}
	if n > maxEntries {
		return nil, 0, errors.New("a page has too many tags")
	}
	dir := make(directory, n)
	for i := range n {
		tag, f, err := t.entry(start + i*size)
		if err != nil {
			return nil, 0, err
		}
		if _, twice := dir[tag]; !twice {
			dir[tag] = f
		}
	}
	next, err := t.offset(start + n*size)
	return dir, next, err
}

// entries gives the number of entries of a directory, where they start and
// how many bytes each takes.
func (t *tiffFile) entries(at int64) (n, start, size int64, err error) {
	if t.big {
		n, err = t.u64(at, t.order)
		return n, at + 8, 20, err
	}
	small, err := t.u16(at, t.order)
	return int64(small), at + 2, 12, err
}

// offset reads a file position as wide as the file's kind has them.
func (t *tiffFile) offset(at int64) (int64, error) {
	if t.big {
		return t.u64(at, t.order)
	}
	return t.u32(at, t.order)
}

// kindSize is the bytes a value of each TIFF type takes.
var kindSize = [...]int64{1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8, 17: 8, 18: 8}

func (t *tiffFile) entry(at int64) (tag int, f field, err error) {
	b, err := t.at(at, 4)
	if err != nil {
		return 0, field{}, err
	}
	tag, f.kind = int(t.order.Uint16(b)), int(t.order.Uint16(b[2:]))
	room := int64(4)
	if t.big {
		room = 8
	}
	if f.count, err = t.offset(at + 4); err != nil {
		return 0, field{}, err
	}
	if f.kind >= len(kindSize) || kindSize[f.kind] == 0 || f.count > 1<<40 {
		return tag, field{}, nil // a type from the future
	}
	f.at = at + 4 + room
	if f.count*kindSize[f.kind] > room {
		f.at, err = t.offset(f.at)
	}
	return tag, f, err
}

// number is value i of a field as an integer, ok if there is one.
func (t *tiffFile) number(f field, i int64) (int64, bool) {
	if i >= f.count {
		return 0, false
	}
	at := f.at + i*kindSize[f.kind]
	var v int64
	var err error
	switch f.kind {
	case 1, 6, 7:
		var b []byte
		if b, err = t.at(at, 1); err == nil {
			v = int64(b[0])
		}
	case 3, 8:
		var small int
		small, err = t.u16(at, t.order)
		v = int64(small)
	case 4, 9, 13:
		v, err = t.u32(at, t.order)
	case 16, 17, 18:
		v, err = t.u64(at, t.order)
	default:
		return 0, false
	}
	return v, err == nil
}

// value is the first value of a tag, or what it is where the tag is missing.
func (t *tiffFile) value(d directory, tag int, otherwise int64) int64 {
	if v, ok := t.number(d[tag], 0); ok {
		return v
	}
	return otherwise
}

// frame reads a page, and whether its data lie in the file.
func (t *tiffFile) frame(d directory, index int) (frame, bool) {
	w, h := t.value(d, tagImageWidth, 0), t.value(d, tagImageLength, 0)
	fr := frame{index: index, orientation: int(t.value(d, tagOrientation, 0))}
	if w <= 0 || h <= 0 || w > 1<<31 || h > 1<<31 {
		fr.bad = "a page has no size"
		return fr, true
	}
	fr.width, fr.height = int(w), int(h)
	perUnit := 1.0
	if t.value(d, tagResolutionUnit, 2) == 3 { // centimetres
		perUnit = 2.54
	}
	fr.dpiX = perInch(t.rational(d[tagXResolution]), perUnit)
	fr.dpiY = perInch(t.rational(d[tagYResolution]), perUnit)
	inside, any := t.inside(d, h)
	if !any {
		fr.bad = "a page has no picture"
	}
	return fr, inside
}

// rational is the first value of a field of fractions, 0 if it is none.
func (t *tiffFile) rational(f field) float64 {
	if f.kind != 5 || f.count < 1 {
		return 0
	}
	n, err1 := t.u32(f.at, t.order)
	d, err2 := t.u32(f.at+4, t.order)
	if err1 != nil || err2 != nil || d == 0 {
		return 0
	}
	return float64(n) / float64(d)
}

// reduced reports whether a directory is a thumbnail or a mask of a page.
func (t *tiffFile) reduced(d directory) bool {
	return t.value(d, tagNewSubfileType, 0)&(1|4) != 0 || t.value(d, tagSubfileType, 1) == 2
}

// inside reports whether all strips or tiles of a page lie in the file, and
// whether it has any. Uncompressed strips are held to what their rows need,
// for some writers count the last one as full.
func (t *tiffFile) inside(d directory, height int64) (inside, any bool) {
	offsets, counts := d[tagStripOffsets], d[tagStripByteCounts]
	if offsets.count == 0 {
		offsets, counts = d[tagTileOffsets], d[tagTileByteCounts]
	}
	if offsets.count == 0 {
		at, ok := t.number(d[tagJPEGOffset], 0)
		return !ok || at+t.value(d, tagJPEGLength, 0) <= t.size, ok
	}
	need := t.need(d, height)
	for i := range min(offsets.count, maxStrips) {
		at, ok := t.number(offsets, i)
		if !ok {
			return false, true
		}
		n, _ := t.number(counts, i)
		if limit := need(i); limit >= 0 {
			n = min(n, limit)
		}
		if at > t.size || n > t.size-at+stripSlack {
			return false, true
		}
	}
	return true, true
}

// need gives the bytes that strip i takes at most, -1 where compression keeps
// that from being known.
func (t *tiffFile) need(d directory, height int64) func(strip int64) int64 {
	rows := t.value(d, tagRowsPerStrip, height)
	if t.value(d, tagCompression, 1) != 1 || d[tagStripOffsets].count == 0 || t.value(d, tagPlanar, 1) != 1 || rows <= 0 {
		return func(int64) int64 { return -1 }
	}
	bits := t.value(d, tagImageWidth, 0) * t.value(d, tagBitsPerSample, 1) * t.value(d, tagSamplesPerPixel, 1)
	return func(i int64) int64 { return max(0, min(rows, height-i*rows)) * ((bits + 7) / 8) }
}
