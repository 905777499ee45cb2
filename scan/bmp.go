package scan

import (
	"encoding/binary"
	"errors"
)

// parseBMP reads the one header a bitmap has. It is complete when the pixels
// that the header announces lie in the file; the file size it names is often
// wrong and not looked at.
func parseBMP(src *source) (header, error) {
	b, err := src.at(0, 26)
	if err != nil {
		return header{}, err
	}
	le := binary.LittleEndian
	pixels, size := int64(le.Uint32(b[10:])), le.Uint32(b[14:])
	if size == 12 { // OS/2
		w, h, bits := int64(le.Uint16(b[18:])), int64(le.Uint16(b[20:])), int64(le.Uint16(b[24:]))
		return bmpHeader(src, frame{width: int(w), height: int(h)}, pixels, bmpBytes(w, h, bits))
	}
	if b, err = src.at(0, 54); err != nil {
		return header{}, err
	}
	w, h := int64(int32(le.Uint32(b[18:]))), int64(int32(le.Uint32(b[22:])))
	fr := frame{width: int(w), height: int(max(h, -h))}
	fr.dpiX, fr.dpiY = perInch(float64(le.Uint32(b[38:])), 0.0254), perInch(float64(le.Uint32(b[42:])), 0.0254)
	need := bmpBytes(w, max(h, -h), int64(le.Uint16(b[28:])))
	if c := le.Uint32(b[30:]); c == 1 || c == 2 || c == 4 || c == 5 { // compressed: its size is told
		need = int64(le.Uint32(b[34:]))
	}
	return bmpHeader(src, fr, pixels, need)
}

func bmpHeader(src *source, fr frame, pixels, need int64) (header, error) {
	if fr.width <= 0 || fr.height <= 0 {
		return header{}, errors.New("its picture has no size")
	}
	return header{frames: []frame{fr}, complete: pixels <= src.size && need <= src.size-pixels}, nil
}

// bmpBytes is what uncompressed pixels take: rows of whole 32-bit words.
func bmpBytes(w, h, bits int64) int64 {
	if w <= 0 || h <= 0 {
		return 0
	}
	return (w*bits + 31) / 32 * 4 * h
}
