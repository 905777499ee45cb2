package scan

import (
	"encoding/binary"
	"errors"
)

// parsePNG walks the chunks to IEND.
func parsePNG(src *source) (header, error) {
	var fr frame
	for at := int64(8); ; {
		b, err := src.at(at, 8)
		if err != nil {
			return header{}, err
		}
		n, kind := int64(binary.BigEndian.Uint32(b)), string(b[4:8])
		if n > 1<<31 || at == 8 && (kind != "IHDR" || n != 13) {
			return header{}, errors.New("its header is wrong")
		}
		if kind == "IEND" {
			return header{frames: []frame{fr}, complete: true}, nil
		}
		if err := pngChunk(src, kind, at+8, int(n), &fr); err != nil {
			return header{}, err
		}
		at += 12 + n // length, kind, content, checksum
	}
}

func pngChunk(src *source, kind string, at int64, n int, fr *frame) error {
	switch kind {
	case "IHDR", "pHYs", "eXIf":
	default:
		return nil
	}
	b, err := src.at(at, n)
	if err != nil {
		return err
	}
	switch {
	case kind == "IHDR":
		w, h := binary.BigEndian.Uint32(b), binary.BigEndian.Uint32(b[4:])
		if w == 0 || h == 0 || w > 1<<31 || h > 1<<31 {
			return errors.New("its picture has no size")
		}
		fr.width, fr.height = int(w), int(h)
	case kind == "pHYs" && n == 9 && b[8] == 1: // dots a metre
		fr.dpiX = perInch(float64(binary.BigEndian.Uint32(b)), 0.0254)
		fr.dpiY = perInch(float64(binary.BigEndian.Uint32(b[4:])), 0.0254)
	case kind == "eXIf":
		fr.orientation = parseEXIF(b).orientation
	}
	return nil
}
