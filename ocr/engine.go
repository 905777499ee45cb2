package ocr

import (
	"fmt"
	"strconv"
	"strings"
	"unicode"

	"github.com/otiai10/gosseract/v2"

	"chartroom/record"
)

// engine is Tesseract with its language data loaded, for one page at a time.
type engine struct {
	client *gosseract.Client
	lens   *lens // the same languages, for second looks
}

// openEngine loads the languages, which must exist, and proves by an empty
// page that they work.
func openEngine(tessdata, languages string) (*engine, error) {
	c := gosseract.NewClient()
	e := &engine{c, &lens{tessdata: tessdata, languages: languages}}
	steps := []error{
		c.SetTessdataPrefix(tessdata),
		c.SetLanguage(strings.Split(languages, "+")...),
		c.SetVariable("debug_file", "/dev/null"),
		// A plain image of 32 by 32 pixels, portable graymap.
		c.SetImageFromBytes([]byte("P5 32 32 255\n" + strings.Repeat("\xff", 32*32))),
	}
	for _, err := range steps {
		if err != nil {
			return nil, fmt.Errorf("load languages: %w", err)
		}
	}
	if _, err := c.GetBoundingBoxesVerbose(); err != nil {
		return nil, fmt.Errorf("load languages: %w", err)
	}
	// Not before: loading puts the mode back to a single block of text.
	if err := c.SetPageSegMode(gosseract.PSM_AUTO); err != nil {
		return nil, fmt.Errorf("set layout mode: %w", err)
	}
	return e, nil
}

func (e *engine) close() {
	e.client.Close()
	e.lens.close()
}

// words reads an image at its resolution. The words stand in reading order,
// their boxes in pixels of the image.
func (e *engine) words(m *image, dpi int) ([]record.Word, error) {
	var found []gosseract.BoundingBox
	err := m.serialized(func(b []byte) error {
		if err := e.client.SetImageFromBytes(b); err != nil {
			return err
		}
		if err := e.client.SetVariable("user_defined_dpi", strconv.Itoa(dpi)); err != nil {
			return err
		}
		var err error
		found, err = e.client.GetBoundingBoxesVerbose()
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("recognise: %w", err)
	}
	return toWords(found), nil
}

// toWords gives the engine's words our form. Its lines count anew in every
// paragraph, ours through the block.
func toWords(found []gosseract.BoundingBox) []record.Word {
	words := make([]record.Word, 0, len(found))
	line, last := 0, [3]int{}
	for _, f := range found {
		here := [3]int{f.BlockNum, f.ParNum, f.LineNum}
		switch {
		case here[0] != last[0]:
			line = 1
		case here != last:
			line++
		}
		last = here
		text := strings.TrimSpace(strings.ToValidUTF8(f.Word, "�"))
		if text == "" {
			continue
		}
		words = append(words, record.Word{Text: record.Hide(text), Confidence: min(max(f.Confidence/100, 0), 1), Block: here[0], Line: line,
			Box: record.Box{Left: f.Box.Min.X, Top: f.Box.Min.Y, Width: f.Box.Dx(), Height: f.Box.Dy()}})
	}
	return words
}

// quality sums up a reading: letters is the number of letters and digits, and
// mean their mean confidence, from 0 to 1.
type quality struct {
	letters int
	mean    float64
}

// score grows with every letter read surely, and falls for guesses.
func (q quality) score() float64 { return float64(q.letters) * (q.mean - 0.5) }

func qualityOf(words []record.Word) quality {
	var q quality
	var sum float64
	for i := range words {
		n := letters(words[i].Text.Reveal())
		q.letters += n
		sum += float64(n) * words[i].Confidence
	}
	if q.letters > 0 {
		q.mean = sum / float64(q.letters)
	}
	return q
}

func letters(s string) int {
	n := 0
	for _, r := range s {
		if unicode.IsLetter(r) || unicode.IsDigit(r) {
			n++
		}
	}
	return n
}

// sideways reports whether most longer words stand on end: writing that runs
// up or down the page.
func sideways(words []record.Word) bool {
	tall, wide := 0, 0
	for i := range words {
		if b := words[i].Box; letters(words[i].Text.Reveal()) >= 4 {
			if b.Height > b.Width {
				tall++
			} else {
				wide++
			}
		}
	}
	return tall > wide
}
