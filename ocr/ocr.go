// Package ocr turns the image of a page into words with their boxes. It is the
// one room where Tesseract, Leptonica, ZXing and libheif live.
//
// Those libraries parse hostile bytes in C: they can crash, hang, eat memory or
// be broken into, and a Go program cannot recover from any of it. So they never
// run in the process that calls this package. [Pool] starts worker processes,
// one for each core, of our own binary; each enters a jail before it sees a
// scan, is handed one open file at a time, and answers with words, numbers and
// a picture for the screen. What goes wrong in it ends in a named state of that
// one page, and a fresh worker takes the next.
//
// The reading itself is in read.go, which goes from the file to the page in one
// function; the pool's side is in pool.go and process.go; what passes between
// them is in wire.go.
//
// An upright page is read once. Risers and tails of the letters tell the way
// to try first; the orientation data is asked only where they do not, or where
// the reading is doubtful. A turn counts only if the page reads better for it:
// a wrong turn is worse than none.
//
// Black edges, punch holes, shade, ragged strokes, fanning lines and skew are
// taken from a copy of the page before it is read (clean.go), each where it is
// found, never from the picture or the original.
//
// Barcodes are read first (barcode.go), by ZXing's C++ port; its exceptions end
// in barcode.cpp.
//
// What the engine calls a word's confidence is compared within this room only;
// a word leaves it with the probability that it is right, as measured on pages
// with their truth (calibration.go).
//
// The binding, gosseract, is used for recognition alone and with care: it
// writes up to 8 KiB of the engine's messages into a buffer of 512 bytes when
// initialization fails, so that missing language data is found out before; it
// leaks the text of every word, so that workers are recycled; and it hands out
// nothing where the engine gives no result, so that ink decides whether a page
// without words is blank.
package ocr

// #cgo pkg-config: tesseract
// #include <tesseract/capi.h>
import "C"

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"chartroom/record"
)

// ErrLanguage says that the data of a language is not installed.
var ErrLanguage = errors.New("language data is missing")

// ErrStart says that a worker process cannot be started.
var ErrStart = errors.New("the OCR worker does not start")

// ErrEnded says that the pool has ended or was told to.
var ErrEnded = errors.New("the OCR pool has ended")

// settings counts the versions of how pages are read: whoever changes it so
// that words come out otherwise counts up.
const settings = 7

// orientation is the name of the data that tells how a page is turned.
const orientation = "osd"

// Image is a page image to be read.
type Image struct {
	// File holds the image. It must be a regular file; its offset is neither
	// used nor changed, so that one file may serve several pages at once.
	File *os.File
	// Codec is "tiff", "jpeg", "png", "webp", "bmp", "gif", "heif", "pnm" or "jp2".
	Codec string
	// Frame is the directory of a TIFF to read, from 0.
	Frame int
	// Mirror (left to right) and Turn (degrees clockwise, applied after) are
	// what remains to be done to the image that the library decodes. It has
	// followed the orientation tag of a TIFF, and HEIF's, by itself.
	Turn   int
	Mirror bool
	// DPIX and DPIY are dots per inch across and down, 0 for unknown.
	DPIX, DPIY int
	// Words is a text layer that came with the page, if one did, in pixels
	// of the image at its resolution after Turn and Mirror. It is used only
	// where it agrees with what the page shows.
	Words []record.Word
	// Languages are codes joined by "+", of those that the pool was told of;
	// "" for the usual ones.
	Languages string
	// Number is the page's number in its scan, from 1.
	Number int

	withoutCodes bool // barcodes are not looked for: a worker broke down on the page
}

// Result is what became of a page.
type Result struct {
	// Page has its state, words and measures. Picture is empty.
	Page record.Page
	// Picture is the page for a screen, of type PictureType ("image/webp" or
	// "image/png") and PictureWidth pixels wide; nil where there is none.
	Picture      []byte
	PictureType  string
	PictureWidth int
	// Cleaned says what was done to a copy of the page before it was read, for
	// a person; "" where it was read as it is.
	Cleaned string
	// CPU is the processor time that reading took, in all attempts.
	CPU time.Duration
}

// Version is that of the Tesseract library, "5.3.0".
func Version() string { return C.GoString(C.TessVersion()) }

// Languages names the installed language data in folder tessdata; "" is the
// default folder. Orientation data is not a language and not among them.
func Languages(tessdata string) ([]string, error) {
	dir, err := dataFolder(tessdata)
	if err != nil {
		return nil, err
	}
	files, err := filepath.Glob(filepath.Join(dir, "*"+dataSuffix))
	if err != nil {
		return nil, fmt.Errorf("list languages: %w", err)
	}
	var names []string
	for _, f := range files {
		if name := strings.TrimSuffix(filepath.Base(f), dataSuffix); name != orientation {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names, nil
}

const dataSuffix = ".traineddata"

// dataFolder is where language data lies: the one given, the one that the
// environment names, or the first that exists of where Debian and the
// library's own build put it.
func dataFolder(given string) (string, error) {
	candidates := []string{given}
	if given == "" {
		prefix := os.Getenv("TESSDATA_PREFIX")
		candidates = []string{prefix, filepath.Join(prefix, "tessdata"), "/usr/share/tesseract-ocr/5/tessdata", "/usr/share/tessdata", "/usr/local/share/tessdata"}
	}
	for _, dir := range candidates {
		if found, err := filepath.Glob(filepath.Join(dir, "*"+dataSuffix)); dir != "" && err == nil && len(found) > 0 {
			return dir, nil
		}
	}
	return "", fmt.Errorf("find language data: %w: none in %s", ErrLanguage, strings.Join(slices.DeleteFunc(candidates, func(s string) bool { return s == "" }), ", "))
}

// checkLanguages finds out whether all of "eng+deu", for each of several such
// sets, and the orientation data are installed, before the engine is asked for
// them. The error names Debian's package of what is missing.
func checkLanguages(tessdata string, sets ...string) error {
	installed, err := Languages(tessdata)
	if err != nil {
		return err
	}
	dir, err := dataFolder(tessdata)
	if err != nil {
		return err
	}
	for name := range strings.SplitSeq(strings.Join(sets, "+"), "+") {
		if !slices.Contains(installed, name) {
			return fmt.Errorf("check languages: %w: %q is not among the installed: %s; install Debian's tesseract-ocr-%s, or choose another", ErrLanguage, name,
				strings.Join(installed, ", "), strings.ReplaceAll(strings.ToLower(name), "_", "-"))
		}
	}
	if _, err := os.Stat(filepath.Join(dir, orientation+dataSuffix)); err != nil {
		return fmt.Errorf("check languages: %w: orientation data %s%s is not installed", ErrLanguage, orientation, dataSuffix)
	}
	return nil
}
