package scan

import (
	"encoding/binary"
	"errors"
)

// HEIF and JPEG 2000 files are trees of boxes: a length, a kind, content.

// maxBoxes bounds what walking a file of boxes may cost.
const maxBoxes = 100_000

// boxes calls do for every box from at to end, with its kind and where its
// content lies, and reports whether the last one ends where it should.
func boxes(src *source, at, end int64, budget *int, do func(kind string, at, end int64) error) (complete bool, err error) {
	for at < end {
		if *budget--; *budget < 0 {
			return false, errors.New("it has too many parts")
		}
		kind, start, stop, err := box(src, at, end)
		if err != nil {
			return false, err
		}
		if err := do(kind, start, min(stop, src.size)); err != nil {
			return false, err
		}
		if stop > end {
			return false, nil
		}
		at = stop
	}
	return true, nil
}

// box reads the head of the box at a position.
func box(src *source, at, end int64) (kind string, start, stop int64, err error) {
	b, err := src.at(at, 8)
	if err != nil {
		return "", 0, 0, err
	}
	n, kind := int64(binary.BigEndian.Uint32(b)), string(b[4:8])
	start = at + 8
	switch {
	case n == 0: // to the end
		return kind, start, end, nil
	case n == 1:
		if n, err = src.u64(start, binary.BigEndian); err != nil {
			return "", 0, 0, err
		}
		start += 8
	}
	if n < start-at {
		return "", 0, 0, errors.New("its parts are wrong")
	}
	return kind, start, at + n, nil
}

// parseHEIF takes the largest picture the file speaks of for the page: a
// photograph is stored as tiles of it, and has thumbnails.
func parseHEIF(src *source) (header, error) {
	var fr frame
	budget := maxBoxes
	found := false
	var walk func(kind string, at, end int64) error
	walk = func(kind string, at, end int64) error {
		switch kind {
		case "meta":
			at += 4 // version and flags
		case "iprp", "ipco":
		case "ispe":
			return heifExtent(src, at, &fr)
		case "mdat":
			found = true
			return nil
		default:
			return nil
		}
		_, err := boxes(src, at, end, &budget, walk)
		return err
	}
	complete, err := boxes(src, 0, src.size, &budget, walk)
	switch {
	case err != nil:
		return header{}, err
	case !complete:
		return header{}, errShort
	case fr.width == 0 || !found:
		return header{}, errors.New("it holds no picture")
	}
	return header{frames: []frame{fr}, complete: true}, nil
}

func heifExtent(src *source, at int64, fr *frame) error {
	b, err := src.at(at, 12)
	if err != nil {
		return err
	}
	w, h := int64(binary.BigEndian.Uint32(b[4:])), int64(binary.BigEndian.Uint32(b[8:]))
	if w > 1<<24 || h > 1<<24 {
		return errors.New("its size is wrong")
	}
	if w*h > int64(fr.width)*int64(fr.height) {
		fr.width, fr.height = int(w), int(h)
	}
	return nil
}

// parseJP2 reads a JPEG 2000 file, or the bare code stream of one.
func parseJP2(src *source) (header, error) {
	var fr frame
	if b, err := src.at(0, 4); err == nil && string(b) == codeStream {
		return jp2Stream(src, 0, src.size, fr)
	}
	var h header
	budget := maxBoxes
	var walk func(kind string, at, end int64) error
	walk = func(kind string, at, end int64) (err error) {
		switch kind {
		case "jp2h", "res ":
			_, err = boxes(src, at, end, &budget, walk)
		case "resc", "resd":
			err = jp2Resolution(src, at, &fr)
		case "jp2c":
			h, err = jp2Stream(src, at, end, fr)
		}
		return err
	}
	complete, err := boxes(src, 0, src.size, &budget, walk)
	switch {
	case err != nil:
		return header{}, err
	case len(h.frames) == 0 && complete:
		return header{}, errors.New("it holds no picture")
	}
	h.complete = complete
	return h, nil
}

const codeStream = "\xFF\x4F\xFF\x51" // start of code stream, size

// jp2Stream reads the size of a code stream. It is complete when its end
// marker stands at its end, but for zeros.
func jp2Stream(src *source, at, end int64, fr frame) (header, error) {
	b, err := src.at(at, 24)
	if err != nil {
		return header{}, err
	}
	be := binary.BigEndian
	w, h := int64(be.Uint32(b[8:]))-int64(be.Uint32(b[16:])), int64(be.Uint32(b[12:]))-int64(be.Uint32(b[20:]))
	if string(b[:4]) != codeStream || w <= 0 || h <= 0 || w > 1<<31 || h > 1<<31 {
		return header{}, errors.New("its header is wrong")
	}
	fr.width, fr.height = int(w), int(h)
	tail, err := trimmedEnd(src, end, 2)
	if err != nil {
		return header{}, err
	}
	return header{frames: []frame{fr}, complete: string(tail) == "\xFF\xD9"}, nil
}

// jp2Resolution reads dots a metre, down (first) and across.
func jp2Resolution(src *source, at int64, fr *frame) error {
	b, err := src.at(at, 10)
	if err != nil {
		return err
	}
	dots := func(i int, exponent int8) int {
		v := float64(binary.BigEndian.Uint16(b[i:])) / float64(max(1, binary.BigEndian.Uint16(b[i+2:])))
		for ; exponent > 0; exponent-- {
			v *= 10
		}
		for ; exponent < 0; exponent++ {
			v /= 10
		}
		return perInch(v, 0.0254)
	}
	fr.dpiY, fr.dpiX = dots(0, int8(b[8])), dots(4, int8(b[9]))
	return nil
}

// trimmedEnd is the last n bytes before end, not counting zeros after them.
func trimmedEnd(src *source, end int64, n int) ([]byte, error) {
	from := max(0, end-windowSize)
	b, err := src.at(from, int(end-from))
	if err != nil {
		return nil, err
	}
	for len(b) > 0 && b[len(b)-1] == 0 {
		b = b[:len(b)-1]
	}
	return b[max(0, len(b)-n):], nil
}
