package scan

import (
	"encoding/binary"
	"errors"
)

// parseGIF walks the blocks. The picture is the first frame; the rest of an
// animation is no page, and said. A file whose blocks all end may lack the
// trailer, as some writers' do.
func parseGIF(src *source) (header, error) {
	b, err := src.at(0, 13)
	if err != nil {
		return header{}, err
	}
	fr := frame{width: int(binary.LittleEndian.Uint16(b[6:])), height: int(binary.LittleEndian.Uint16(b[8:]))}
	pictures := 0
	for at := 13 + colors(b[10]); ; {
		b, err := src.at(at, 1)
		switch {
		case errors.Is(err, errShort) && at == src.size && pictures > 0:
			return gifHeader(fr, pictures)
		case err != nil:
			return header{}, err
		}
		switch b[0] {
		case 0x3B: // trailer
			return gifHeader(fr, pictures)
		case 0x21: // extension
			at += 2
		case 0x2C: // picture
			pictures++
			if at, err = gifPicture(src, at, &fr); err != nil {
				return header{}, err
			}
		default:
			return header{}, errors.New("its blocks are wrong")
		}
		if at, err = subBlocks(src, at); err != nil {
			return header{}, err
		}
	}
}

func gifHeader(fr frame, pictures int) (header, error) {
	if pictures == 0 || fr.width == 0 || fr.height == 0 {
		return header{}, errors.New("it holds no picture")
	}
	h := header{frames: []frame{fr}, complete: true}
	if pictures > 1 {
		h.remarks = []string{"The file is an animation; only its first picture is read."}
	}
	return h, nil
}

// gifPicture reads a picture's descriptor and gives where its data start.
func gifPicture(src *source, at int64, fr *frame) (int64, error) {
	b, err := src.at(at, 10)
	if err != nil {
		return 0, err
	}
	fr.width = max(fr.width, int(binary.LittleEndian.Uint16(b[5:])))
	fr.height = max(fr.height, int(binary.LittleEndian.Uint16(b[7:])))
	return at + 10 + colors(b[9]) + 1, nil
}

// colors is the size of the colour table that flags announce.
func colors(flags byte) int64 {
	if flags&0x80 == 0 {
		return 0
	}
	return 3 << (flags&7 + 1)
}

// subBlocks passes over a chain of sub-blocks and its empty last one.
func subBlocks(src *source, at int64) (int64, error) {
	for {
		b, err := src.at(at, 1)
		if err != nil {
			return 0, err
		}
		n := int64(b[0])
		if at += 1 + n; n == 0 {
			return at, nil
		}
	}
}
