package scan

import (
	"bytes"
	"encoding/binary"
	"errors"
)

// parseJPEG walks the segments up to the picture's end marker.
func parseJPEG(src *source) (header, error) {
	var fr frame
	var exif frame
	at := int64(2)
	for {
		marker, next, err := jpegMarker(src, at)
		if err != nil {
			return header{}, err
		}
		switch {
		case marker == 0xD9: // end of image
			return jpegHeader(fr, exif)
		case marker == 0x01 || marker >= 0xD0 && marker <= 0xD8: // without content
			at = next
			continue
		}
		n, err := src.u16(next, binary.BigEndian)
		if err != nil {
			return header{}, err
		}
		if n < 2 {
			return header{}, errors.New("its segments are wrong")
		}
		if err := jpegSegment(src, marker, next+2, n-2, &fr, &exif); err != nil {
			return header{}, err
		}
		if at = next + int64(n); marker == 0xDA { // the pixels follow
			if at, err = skipEntropy(src, at); err != nil {
				return header{}, err
			}
		}
	}
}

// jpegHeader puts together what the segments said. JFIF's resolution goes
// before EXIF's, which cameras fill with 72.
func jpegHeader(fr, exif frame) (header, error) {
	if fr.width == 0 || fr.height == 0 {
		return header{}, errors.New("it holds no picture")
	}
	fr.orientation = exif.orientation
	if fr.dpiX == 0 || fr.dpiY == 0 {
		fr.dpiX, fr.dpiY = exif.dpiX, exif.dpiY
	}
	return header{frames: []frame{fr}, complete: true}, nil
}

// jpegMarker finds the marker at a position, passing over fill bytes and what
// sloppy writers leave between segments, and where its content starts.
func jpegMarker(src *source, at int64) (marker byte, next int64, err error) {
	for {
		b, err := src.at(at, 2)
		if err != nil {
			return 0, 0, err
		}
		if b[0] == 0xFF && b[1] != 0xFF && b[1] != 0 {
			return b[1], at + 2, nil
		}
		at++
	}
}

// jpegSegment reads what a segment of n bytes says of the picture.
func jpegSegment(src *source, marker byte, at int64, n int, fr, exif *frame) error {
	b, err := src.at(at, n)
	if err != nil {
		return err
	}
	switch {
	case marker >= 0xC0 && marker <= 0xCF && marker != 0xC4 && marker != 0xC8 && marker != 0xCC: // start of frame
		if n < 6 {
			return errors.New("its header is wrong")
		}
		h, w := int(binary.BigEndian.Uint16(b[1:])), int(binary.BigEndian.Uint16(b[3:]))
		fr.width, fr.height = max(fr.width, w), max(fr.height, h)
	case marker == 0xE0 && n >= 12 && bytes.HasPrefix(b, []byte("JFIF\x00")):
		unit := map[byte]float64{1: 1, 2: 2.54}[b[7]]
		fr.dpiX = perInch(float64(binary.BigEndian.Uint16(b[8:])), unit)
		fr.dpiY = perInch(float64(binary.BigEndian.Uint16(b[10:])), unit)
	case marker == 0xE1 && bytes.HasPrefix(b, []byte("Exif\x00\x00")):
		*exif = parseEXIF(b[6:])
	}
	return nil
}

// skipEntropy finds the marker that ends a run of coded pixels.
func skipEntropy(src *source, at int64) (int64, error) {
	for {
		b, err := src.upTo(at, windowSize)
		if err != nil {
			return 0, err
		}
		if len(b) < 2 {
			return 0, errShort
		}
		i := bytes.IndexByte(b[:len(b)-1], 0xFF)
		if i < 0 {
			at += int64(len(b) - 1)
			continue
		}
		if m := b[i+1]; m != 0 && m != 0xFF && (m < 0xD0 || m > 0xD7) {
			return at + int64(i), nil
		}
		at += int64(i) + 1
	}
}

// parseEXIF reads orientation and resolution from EXIF data, which is a TIFF
// directory. Whatever is wrong with it, the picture can still be read.
func parseEXIF(b []byte) (fr frame) {
	own := bytes.Clone(b) // the window it lies in moves on
	t, at, err := openTIFF(newSource(bytes.NewReader(own), int64(len(own))))
	if err != nil {
		return fr
	}
	dir, _, err := t.directory(at)
	if err != nil && dir == nil {
		return fr
	}
	read, _ := t.frame(dir, 0)
	fr.orientation = read.orientation
	perUnit := 1.0
	if t.value(dir, tagResolutionUnit, 2) == 3 {
		perUnit = 2.54
	}
	fr.dpiX, fr.dpiY = perInch(t.rational(dir[tagXResolution]), perUnit), perInch(t.rational(dir[tagYResolution]), perUnit)
	return fr
}
