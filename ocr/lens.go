package ocr

// #include <stdlib.h>
// #include <tesseract/capi.h>
import "C"

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"unsafe"

	"chartroom/record"
)

// lens is the engine a second time, for a closer look at parts of a page: it
// speaks to the library's own C interface, which gives out, character by
// character, what else was thought of. It is loaded when first needed.
type lens struct {
	tessdata, languages string
	api                 *C.TessBaseAPI
}

// look is how to look: the layout to expect, and the characters that there may
// be, all if empty.
type look struct {
	mode     C.TessPageSegMode
	alphabet string
}

// The layouts to expect.
const (
	oneBlock = C.PSM_SINGLE_BLOCK
	oneLine  = C.PSM_SINGLE_LINE
	scraps   = C.PSM_SPARSE_TEXT
)

func (l *lens) open() error {
	if l.api != nil {
		return nil
	}
	dir, languages := C.CString(l.tessdata), C.CString(l.languages)
	defer C.free(unsafe.Pointer(dir))
	defer C.free(unsafe.Pointer(languages))
	api := C.TessBaseAPICreate()
	if C.TessBaseAPIInit3(api, dir, languages) != 0 {
		C.TessBaseAPIDelete(api)
		return errors.New("load languages for second looks: the engine refuses them")
	}
	l.api = api
	l.set("debug_file", "/dev/null")
	// Other readings of each character, from the network's own probabilities.
	l.set("lstm_choice_mode", "2")
	l.set("lstm_choice_iterations", "2")
	return nil
}

func (l *lens) close() {
	if l.api != nil {
		C.TessBaseAPIDelete(l.api)
		l.api = nil
	}
}

func (l *lens) set(name, value string) {
	n, v := C.CString(name), C.CString(value)
	C.TessBaseAPISetVariable(l.api, n, v)
	C.free(unsafe.Pointer(n))
	C.free(unsafe.Pointer(v))
}

// read reads an image. The words have alternatives where there are any.
func (l *lens) read(m *image, dpi int, how look) ([]record.Word, error) {
	if err := l.open(); err != nil {
		return nil, err
	}
	l.set("tessedit_char_whitelist", how.alphabet)
	C.TessBaseAPISetPageSegMode(l.api, how.mode)
	C.TessBaseAPISetImage2(l.api, m.pix)
	C.TessBaseAPISetSourceResolution(l.api, C.int(dpi))
	defer C.TessBaseAPIClear(l.api)
	if C.TessBaseAPIRecognize(l.api, nil) != 0 {
		return nil, fmt.Errorf("look again: %w", errImage)
	}
	it := C.TessBaseAPIGetIterator(l.api)
	if it == nil {
		return nil, nil
	}
	defer C.TessResultIteratorDelete(it)
	return wordsOf(it), nil
}

// wordsOf walks over what was recognised.
func wordsOf(it *C.TessResultIterator) []record.Word {
	page := C.TessResultIteratorGetPageIterator(it)
	var words []record.Word
	block, line := 0, 0
	for {
		if C.TessPageIteratorIsAtBeginningOf(page, C.RIL_BLOCK) != 0 {
			block, line = block+1, 0
		}
		if C.TessPageIteratorIsAtBeginningOf(page, C.RIL_TEXTLINE) != 0 {
			line++
		}
		w, more := wordAt(it, page)
		if !w.Text.IsZero() {
			w.Block, w.Line = block, line
			words = append(words, w)
		}
		if !more {
			return words
		}
	}
}

// wordAt is the word at the iterator's place, which moves on to the next word.
func wordAt(it *C.TessResultIterator, page *C.TessPageIterator) (w record.Word, more bool) {
	text := strings.TrimSpace(takeText(C.TessResultIteratorGetUTF8Text(it, C.RIL_WORD)))
	w.Confidence = min(max(float64(C.TessResultIteratorConfidence(it, C.RIL_WORD))/100, 0), 1)
	var left, top, right, bottom C.int
	if text == "" || C.TessPageIteratorBoundingBox(page, C.RIL_WORD, &left, &top, &right, &bottom) == 0 {
		return record.Word{}, C.TessResultIteratorNext(it, C.RIL_WORD) != 0
	}
	w.Text = record.Hide(text)
	w.Box = record.Box{Left: int(left), Top: int(top), Width: int(right - left), Height: int(bottom - top)}
	var characters [][]choice
	for {
		characters = append(characters, choicesAt(it))
		last := C.TessPageIteratorIsAtFinalElement(page, C.RIL_WORD, C.RIL_SYMBOL) != 0
		more = C.TessResultIteratorNext(it, C.RIL_SYMBOL) != 0
		if last || !more {
			break
		}
	}
	w.Alternatives = variants(text, characters)
	return w, more
}

// choice is a character that may stand at a place of a word.
type choice struct {
	text       string
	confidence float64
}

// choicesAt lists what may stand at the iterator's place, the likeliest first.
func choicesAt(it *C.TessResultIterator) []choice {
	c := C.TessResultIteratorGetChoiceIterator(it)
	if c == nil {
		return nil
	}
	defer C.TessChoiceIteratorDelete(c)
	var all []choice
	for {
		// The text is the iterator's own.
		text := strings.ToValidUTF8(C.GoString(C.TessChoiceIteratorGetUTF8Text(c)), "�")
		all = append(all, choice{text, float64(C.TessChoiceIteratorConfidence(c)) / 100})
		if C.TessChoiceIteratorNext(c) == 0 {
			break
		}
	}
	slices.SortStableFunc(all, func(a, b choice) int {
		switch {
		case a.confidence > b.confidence:
			return -1
		case a.confidence < b.confidence:
			return 1
		}
		return 0
	})
	return all
}

// maxAlternatives is how many other readings of a word are kept.
const maxAlternatives = 4

// variants are other readings of a word: one character exchanged for what else
// was thought of in its place, the likeliest first.
func variants(text string, characters [][]choice) []record.Alternative {
	var best strings.Builder
	for _, c := range characters {
		if len(c) == 0 {
			return nil
		}
		best.WriteString(c[0].text)
	}
	var found []record.Alternative
	add := func(s string, confidence float64) {
		if s != text && s != "" && !slices.ContainsFunc(found, func(a record.Alternative) bool { return a.Text.Reveal() == s }) {
			found = append(found, record.Alternative{Text: record.Hide(s), Confidence: min(max(confidence, 0), 1)})
		}
	}
	add(strings.TrimSpace(best.String()), 0.5)
	for i, c := range characters {
		for _, other := range c[1:] {
			var b strings.Builder
			for j, d := range characters {
				if i == j {
					b.WriteString(other.text)
				} else {
					b.WriteString(d[0].text)
				}
			}
			add(strings.TrimSpace(b.String()), other.confidence)
		}
	}
	slices.SortStableFunc(found, func(a, b record.Alternative) int {
		switch {
		case a.Confidence > b.Confidence:
			return -1
		case a.Confidence < b.Confidence:
			return 1
		}
		return 0
	})
	return found[:min(len(found), maxAlternatives)]
}

// takeText is the engine's text, which is freed.
func takeText(p *C.char) string {
	if p == nil {
		return ""
	}
	defer C.TessDeleteText(p)
	return strings.ToValidUTF8(C.GoString(p), "�")
}
