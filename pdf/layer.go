package pdf

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"unicode"

	"golang.org/x/text/unicode/bidi"

	"chartroom/record"
)

// The text layer. Its unit is the pixel of the upright page, counted from the
// lower left corner.

// maxLetters bounds the text of a page: far more than can stand on paper, for
// what was read of a page is not trusted to be sensible.
const maxLetters = 1_000_000

// layer writes the words of a page as text that does not show.
func (g *glyphless) layer(p *record.Page) []byte {
	var b bytes.Buffer
	l := line{g: g, out: &b, height: float64(p.Height)}
	letters := 0
	for start := 0; start < len(p.Words); {
		end := start + 1
		for end < len(p.Words) && p.Words[end].Block == p.Words[start].Block && p.Words[end].Line == p.Words[start].Line {
			end++
		}
		for i := start; i < end; i++ {
			letters += len(p.Words[i].Text.Reveal())
		}
		if letters > maxLetters {
			break
		}
		l.write(p.Words[start:end])
		start = end
	}
	if b.Len() == 0 {
		return nil
	}
	return append(append([]byte("BT\n3 Tr\n"), b.Bytes()...), "ET\n"...)
}

// line writes lines of text. A word's type is as high as its box, and its
// baseline is the bottom of the box: so the words of a line that is not level
// follow it, each on its own print. Type that is tilted itself would follow it
// even closer, but readers of PDFs take tilted words apart.
type line struct {
	g      *glyphless
	out    *bytes.Buffer
	height float64 // of the page
	size   int     // of the type, as last set
}

// write writes the words of one line, each where its box is, with a space
// between two that is as wide as what is between their boxes.
func (l *line) write(words []record.Word) {
	words = slices.DeleteFunc(slices.Clone(words), func(w record.Word) bool {
		return w.Box.Empty() || strings.TrimSpace(w.Text.Reveal()) == ""
	})
	for i := range words {
		gap := 0
		if i+1 < len(words) {
			gap = words[i+1].Box.Left - words[i].Box.Right()
		}
		l.word(&words[i], gap)
	}
}

// word writes a word and the space behind it.
func (l *line) word(w *record.Word, gap int) {
	codes := l.codes(w.Text.Reveal())
	fmt.Fprintf(l.out, "1 0 0 1 %d %s Tm", w.Box.Left, num(l.height-float64(w.Box.Bottom())))
	if w.Box.Height != l.size {
		l.size = w.Box.Height
		fmt.Fprintf(l.out, " /F %d Tf", l.size)
	}
	fmt.Fprintf(l.out, " %s Tz <%s> Tj %s Tz <%04X> Tj\n", l.stretch(w.Box.Width, len(codes)/4), codes, l.stretch(max(gap, 1), 1), l.g.code(' '))
}

// stretch is the horizontal scaling in percent that makes n letters w wide.
func (l *line) stretch(w, n int) string {
	return num(max(0.01, 100*float64(w)/(float64(n*l.size)*glyphWidth/1000)))
}

// codes is a word in the font's codes, in the order in which the letters
// stand on paper from left to right: readers of PDFs turn words of scripts
// that run the other way round again.
func (l *line) codes(s string) string {
	letters := []rune(clean(s))
	if rightToLeft(letters) {
		slices.Reverse(letters)
	}
	var b strings.Builder
	for _, r := range letters {
		fmt.Fprintf(&b, "%04X", l.g.code(r))
	}
	return b.String()
}

// clean takes out what no text should hold, and keeps a word one word.
func clean(s string) string {
	s = strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r):
			return '\u00A0'
		case unicode.IsControl(r), r == '\uFEFF', r == '\uFFFE', r == '\uFFFF':
			return -1
		}
		return r
	}, s)
	if s == "" {
		return "\uFFFD"
	}
	return s
}

// rightToLeft reports whether the letters are of a script that runs so.
func rightToLeft(letters []rune) bool {
	left, right := 0, 0
	for _, r := range letters {
		p, _ := bidi.LookupRune(r)
		switch p.Class() {
		case bidi.L, bidi.EN, bidi.AN:
			left++
		case bidi.R, bidi.AL:
			right++
		}
	}
	return right > 0 && left == 0
}
