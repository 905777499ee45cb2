package ocr

// #include <stdlib.h>
// #include <tesseract/capi.h>
import "C"

import (
	"errors"
	"fmt"
	"unsafe"
)

// compass finds out how a page is turned, by Tesseract's orientation data,
// through the library's own C interface: the binding has no way to it.
type compass struct{ api *C.TessBaseAPI }

// openCompass loads the orientation data, which must exist in the folder.
func openCompass(tessdata string) (*compass, error) {
	dir, language := C.CString(tessdata), C.CString(orientation)
	quiet, null := C.CString("debug_file"), C.CString("/dev/null")
	defer func() {
		for _, p := range []*C.char{dir, language, quiet, null} {
			C.free(unsafe.Pointer(p))
		}
	}()
	c := &compass{C.TessBaseAPICreate()}
	if C.TessBaseAPIInit3(c.api, dir, language) != 0 {
		c.close()
		return nil, errors.New("load orientation data: the engine refuses it")
	}
	C.TessBaseAPISetVariable(c.api, quiet, null)
	return c, nil
}

func (c *compass) close() { C.TessBaseAPIDelete(c.api) }

// turn is the degrees clockwise (0, 90, 180, 270) by which the image must be
// turned to stand upright, and how sure that is (above 2 is usually right).
// A page with too little writing gives an error.
func (c *compass) turn(m *image, dpi int) (degrees int, confidence float64, err error) {
	C.TessBaseAPISetPageSegMode(c.api, C.PSM_OSD_ONLY)
	C.TessBaseAPISetImage2(c.api, m.pix)
	C.TessBaseAPISetSourceResolution(c.api, C.int(dpi))
	defer C.TessBaseAPIClear(c.api)
	var turned C.int
	var sure, scriptSure C.float
	var script *C.char
	if C.TessBaseAPIDetectOrientationScript(c.api, &turned, &sure, &script, &scriptSure) == 0 {
		return 0, 0, fmt.Errorf("find orientation: too little writing")
	}
	return (360 - int(turned)) % 360, float64(sure), nil
}
