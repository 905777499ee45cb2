package ocr

// #include "imagelib.h"
import "C"

import (
	"fmt"
	"unsafe"

	"chartroom/record"
)

// form is what is known of a ruled page: its rules across and down, in pixels
// of the image that is read.
type form struct{ across, down []record.Box }

// maxRules bounds how many rules a page is believed to have, of each kind:
// what shows more is a screen or a photograph.
const maxRules = 3000

// unrule takes the rules off an image that stands straight and was enlarged by
// f, keeping the strokes that touch or cross them. The form is nil, and the
// image as it was, where there are none.
func unrule(img *image, dpi int, f float64) (*form, error) {
	ink, err := img.ink()
	if err != nil {
		return nil, err
	}
	defer ink.close()
	var a, d *C.PIX
	if C.cr_rules(ink.pix, C.int(dpi), &a, &d) != 0 {
		return nil, fmt.Errorf("find rules: %w", errImage)
	}
	if a == nil {
		return nil, nil
	}
	across, down := &image{a}, &image{d}
	defer across.close()
	defer down.close()
	found := &form{across.boxes(maxRules), down.boxes(maxRules)}
	if len(found.across) == maxRules || len(found.down) == maxRules {
		return nil, nil
	}
	mask, err := newImage(C.cr_rule_mask(ink.pix, a, d, C.int(dpi), C.int(max(dpi/100, int(f+1)))), "find rules")
	if err != nil {
		return nil, err
	}
	defer mask.close()
	return found, img.replace(newImage(C.cr_fill(img.pix, mask.pix), "take rules away"))
}

// boxes are the bounding boxes of a one-bit image's connected marks, at most
// so many.
func (m *image) boxes(most int) []record.Box {
	out := make([]C.int, 4*most)
	n := int(C.cr_boxes(m.pix, (*C.int)(unsafe.Pointer(unsafe.SliceData(out))), C.int(most)))
	boxes := make([]record.Box, n)
	for i := range boxes {
		b := out[4*i:]
		boxes[i] = record.Box{Left: int(b[0]), Top: int(b[1]), Width: int(b[2]), Height: int(b[3])}
	}
	return boxes
}
