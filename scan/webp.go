package scan

import (
	"encoding/binary"
	"errors"
)

// parseWebP walks the chunks of the RIFF file.
func parseWebP(src *source) (header, error) {
	size, err := src.u32(4, binary.LittleEndian)
	if err != nil {
		return header{}, err
	}
	h := header{complete: size+8 <= src.size}
	var fr frame
	for at := int64(12); at+8 <= min(size+8, src.size); {
		b, err := src.at(at, 8)
		if err != nil {
			return header{}, err
		}
		kind, n := string(b[:4]), int64(binary.LittleEndian.Uint32(b[4:]))
		if err := webpChunk(src, kind, at+8, n, &fr); err != nil {
			return header{}, err
		}
		at += 8 + n + n%2
	}
	if fr.width == 0 || fr.height == 0 {
		if !h.complete {
			return h, errShort
		}
		return h, errors.New("it holds no picture")
	}
	h.frames = []frame{fr}
	return h, nil
}

func webpChunk(src *source, kind string, at, n int64, fr *frame) error {
	var w, h int
	switch kind {
	case "VP8X":
		b, err := src.at(at, 10)
		if err != nil {
			return err
		}
		w, h = 1+uint24(b[4:]), 1+uint24(b[7:])
	case "VP8 ":
		b, err := src.at(at, 10)
		if err != nil {
			return err
		}
		w, h = int(binary.LittleEndian.Uint16(b[6:])&0x3FFF), int(binary.LittleEndian.Uint16(b[8:])&0x3FFF)
	case "VP8L":
		b, err := src.at(at, 5)
		if err != nil {
			return err
		}
		bits := binary.LittleEndian.Uint32(b[1:])
		w, h = 1+int(bits&0x3FFF), 1+int(bits>>14&0x3FFF)
	case "EXIF":
		return webpEXIF(src, at, n, fr)
	}
	fr.width, fr.height = max(fr.width, w), max(fr.height, h)
	return nil
}

func webpEXIF(src *source, at, n int64, fr *frame) error {
	b, err := src.upTo(at, int(min(n, 1<<20)))
	if err != nil {
		return err
	}
	if len(b) > 6 && string(b[:4]) == "Exif" {
		b = b[6:]
	}
	exif := parseEXIF(b)
	fr.orientation, fr.dpiX, fr.dpiY = exif.orientation, exif.dpiX, exif.dpiY
	return nil
}

func uint24(b []byte) int { return int(b[0]) | int(b[1])<<8 | int(b[2])<<16 }
