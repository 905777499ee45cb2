package ocr

// #cgo pkg-config: lept libheif libwebp
// #cgo CFLAGS: -O2
// #cgo LDFLAGS: -l:libtiff.so.6
// #include <stdlib.h>
// #include "imagelib.h"
import "C"

import (
	"errors"
	"fmt"
	"unsafe"
)

// image is a decoded image in C's memory: one-bit (1 is ink), grey or colour.
// Whoever makes one closes it.
type image struct{ pix *C.PIX }

// bounds is how large a decoded image may be.
type bounds struct{ pixels, bytes int64 }

// errTooLarge says that an image is beyond its bounds.
var errTooLarge = errors.New("the image is too large")

// errImage says that Leptonica could not do its work on an image.
var errImage = errors.New("the image library gave up")

func newImage(pix *C.PIX, what string) (*image, error) {
	if pix == nil {
		return nil, fmt.Errorf("%s: %w", what, errImage)
	}
	return &image{pix}, nil
}

// close frees the image; twice does no harm.
func (m *image) close() {
	if m != nil && m.pix != nil {
		C.pixDestroy(&m.pix)
	}
}

func (m *image) width() int  { return int(C.pixGetWidth(m.pix)) }
func (m *image) height() int { return int(C.pixGetHeight(m.pix)) }

// size is an image's, in pixels.
type size struct{ width, height int }

func (m *image) size() size { return size{m.width(), m.height()} }
func (m *image) depth() int { return int(C.pixGetDepth(m.pix)) }

// resolution is what the file says, in dots per inch; 0 where it is silent.
func (m *image) resolution() (x, y int) {
	return int(C.pixGetXRes(m.pix)), int(C.pixGetYRes(m.pix))
}

// silence keeps Leptonica's messages, which may quote a scan, off stderr.
func silence() { C.cr_silence() }

// decode reads the image out of the file's bytes. A frame counts from 0 and
// means something for TIFF only. What is larger than the bounds is refused from
// its header where the library can read that apart, and for HEIF; the others
// were measured by whoever handed them over, and the process's memory is
// bounded.
func decode(data []byte, codec string, frame int, most bounds) (*image, error) {
	return decodeAs(data, codec, frame, most, normal)
}

// decodeAs decodes and brings the image into a form, which takes it over.
func decodeAs(data []byte, codec string, frame int, most bounds, form func(*C.PIX) (*image, error)) (*image, error) {
	if len(data) == 0 {
		return nil, fmt.Errorf("decode image: empty: %w", errImage)
	}
	p, n := (*C.uint8_t)(unsafe.Pointer(unsafe.SliceData(data))), C.size_t(len(data))
	if codec == "heif" {
		return form(C.cr_decode_heif(p, n, C.int64_t(min(most.pixels, most.bytes/8))))
	}
	tiff := C.int(-1)
	if codec == "tiff" {
		tiff = C.int(frame)
	}
	var size C.cr_size
	if C.cr_header(p, n, tiff, &size) == 0 {
		pixels := int64(size.width) * int64(size.height)
		if pixels > most.pixels || pixels*int64(size.depth)/8 > most.bytes {
			return nil, fmt.Errorf("decode image: %w", errTooLarge)
		}
	}
	pix := C.cr_decode(p, n, tiff)
	if pix == nil && codec == "tiff" {
		pix = C.cr_decode_tiff_rgba(p, n, tiff, C.int64_t(min(most.pixels*4, most.bytes/2)))
	}
	return form(pix)
}

func normal(pix *C.PIX) (*image, error) {
	if pix != nil {
		pix = C.cr_normal(pix)
	}
	return newImage(pix, "decode image")
}

// turn mirrors the image left to right, if asked to, then turns it clockwise.
func (m *image) turn(mirror bool, degrees int) (*image, error) {
	flip := C.int(0)
	if mirror {
		flip = 1
	}
	return newImage(C.cr_turn(m.pix, flip, C.int(degrees/90)), "turn image")
}

func (m *image) scale(x, y float64) (*image, error) {
	return newImage(C.cr_scale(m.pix, C.float(x), C.float(y)), "scale image")
}

// ink is a one-bit image of what is clearly darker than the paper.
func (m *image) ink() (*image, error) { return newImage(C.cr_ink(m.pix), "find ink") }

// stripes reports how much the ink of a one-bit image changes from row to row
// and from column to column. Lines of upright writing change the rows.
func (m *image) stripes() (rows, columns float64, err error) {
	var r, c C.double
	if C.cr_stripes(m.pix, &r, &c) != 0 {
		return 0, 0, fmt.Errorf("measure stripes: %w", errImage)
	}
	return float64(r), float64(c), nil
}

// marks measures a one-bit image within its margins: the share of ink, from 0
// to 1, and the number of connected marks at least size pixels wide or high.
func (m *image) marks(size int) (share float64, marks int, err error) {
	var f C.double
	var n C.int
	if C.cr_marks(m.pix, C.int(size), &f, &n) != 0 {
		return 0, 0, fmt.Errorf("measure ink: %w", errImage)
	}
	return float64(f), int(n), nil
}

// inked is the number of ink pixels of a one-bit image within a rectangle.
func (m *image) inked(left, top, width, height int) int {
	box := C.boxCreate(C.int(left), C.int(top), C.int(width), C.int(height))
	if box == nil {
		return 0
	}
	defer C.boxDestroy(&box)
	var n C.l_int32
	C.pixCountPixelsInRect(m.pix, box, &n, nil)
	return int(n)
}

// clear wipes a rectangle of a one-bit image.
func (m *image) clear(left, top, width, height int) {
	if box := C.boxCreate(C.int(left), C.int(top), C.int(width), C.int(height)); box != nil {
		C.pixClearInRect(m.pix, box)
		C.boxDestroy(&box)
	}
}

// clip is a copy of a rectangle of the image.
func (m *image) clip(left, top, width, height int) (*image, error) {
	box := C.boxCreate(C.int(left), C.int(top), C.int(width), C.int(height))
	if box == nil {
		return nil, fmt.Errorf("clip image: %w", errImage)
	}
	defer C.boxDestroy(&box)
	return newImage(C.pixClipRectangle(m.pix, box, nil), "clip image")
}

// copy is a copy of the image, to be changed.
func (m *image) copy() (*image, error) { return newImage(C.pixCopy(nil, m.pix), "copy image") }

// clone is the same image under a second owner.
func (m *image) clone() *image { return &image{C.pixClone(m.pix)} }

// pictureQuality is WebP's, from 0 to 100: writing stays readable, noise goes.
const pictureQuality = 50

// picture encodes the page for a screen, at most maxHeight rows high: PNG for
// one-bit pages, WebP for the others. It returns the encoded bytes, their type
// and their width in pixels.
func (m *image) picture(maxHeight int) (data []byte, mediaType string, width int, err error) {
	pix := C.cr_picture(m.pix, C.int(maxHeight))
	if pix == nil {
		return nil, "", 0, fmt.Errorf("make picture: %w", errImage)
	}
	defer C.pixDestroy(&pix)
	encode := encodeWebP
	if mediaType = "image/webp"; m.depth() == 1 {
		mediaType, encode = "image/png", encodePNG
	}
	data, err = encode(pix)
	return data, mediaType, int(C.pixGetWidth(pix)), err
}

func encodePNG(pix *C.PIX) ([]byte, error) {
	var p *C.l_uint8
	var n C.size_t
	if C.pixWriteMemPng(&p, &n, pix, 0) != 0 || p == nil {
		return nil, fmt.Errorf("encode picture: %w", errImage)
	}
	defer C.lept_free(unsafe.Pointer(p))
	return C.GoBytes(unsafe.Pointer(p), C.int(n)), nil
}

func encodeWebP(pix *C.PIX) ([]byte, error) {
	var p *C.uint8_t
	var n C.size_t
	if C.cr_webp(pix, pictureQuality, &p, &n) != 0 || p == nil {
		return nil, fmt.Errorf("encode picture: %w", errImage)
	}
	defer C.cr_free_webp(p)
	return C.GoBytes(unsafe.Pointer(p), C.int(n)), nil
}

// linesUncompressed reports whether the engine's lines stay what they are on
// their way through its own memory (handover.c).
func linesUncompressed() bool { return C.cr_lines_uncompressed() != 0 }

// serialized lends the image to f in Leptonica's own uncompressed form, in C's
// memory: how an image reaches gosseract without being encoded.
func (m *image) serialized(f func([]byte) error) error {
	var p *C.l_uint32
	var n C.size_t
	if C.pixSerializeToMemory(m.pix, &p, &n) != 0 || p == nil {
		return fmt.Errorf("hand image over: %w", errImage)
	}
	defer C.lept_free(unsafe.Pointer(p))
	return f(unsafe.Slice((*byte)(unsafe.Pointer(p)), int(n)))
}
