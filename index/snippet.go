package index

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"chartroom/record"
)

// Excerpt is a piece of a page's text with the hits in it: Marks are byte
// ranges of Text, in order. The text is as it was read, a hostile input like
// any other, but on one line and without control characters.
type Excerpt struct {
	Text  record.Private
	Marks [][2]int
}

// Snippet takes the piece of a text, about width runes long, that shows most
// of the spans, whole words only. Without spans it is the beginning. Spans
// that do not fit the text are left out.
func Snippet(text string, spans [][2]int, width int) Excerpt {
	spans = within(text, spans)
	if width <= 0 {
		width = 200
	}
	from, to := window(text, spans, width)
	var e Excerpt
	for _, s := range spans {
		if s[0] >= from && s[1] <= to {
			e.Marks = append(e.Marks, [2]int{s[0] - from, s[1] - from})
		}
	}
	e.Text, e.Marks = oneLine(text[from:to], e.Marks)
	return e
}

// within keeps the spans that lie in the text on the borders of runes.
func within(text string, spans [][2]int) [][2]int {
	return slices.DeleteFunc(tidy(spans), func(s [2]int) bool {
		return s[0] < 0 || s[1] > len(text) || s[0] >= s[1] || !runeBorder(text, s[0]) || !runeBorder(text, s[1])
	})
}

func runeBorder(text string, at int) bool { return at == len(text) || utf8.RuneStart(text[at]) }

// window chooses the bytes [from, to) to show: it begins a little before the
// span from which most spans fit, on the borders of words.
func window(text string, spans [][2]int, width int) (from, to int) {
	first, most := -1, 0
	for i, s := range spans {
		end := forward(text, s[0], width*3/4)
		n := 0
		for _, t := range spans[i:] {
			if t[1] > end {
				break
			}
			n++
		}
		if n > most {
			first, most = s[0], n
		}
	}
	switch {
	case first >= 0:
		from = wordStart(text, backward(text, first, width/4), first)
	case len(spans) > 0:
		from = spans[0][0] // longer than the window: its beginning
	}
	to = forward(text, from, width)
	if end := wordEnd(text, from, to); end > from {
		to = end
	}
	return from, to
}

func forward(text string, at, runes int) int {
	for ; runes > 0 && at < len(text); runes-- {
		_, n := utf8.DecodeRuneInString(text[at:])
		at += n
	}
	return at
}

func backward(text string, at, runes int) int {
	for ; runes > 0 && at > 0; runes-- {
		_, n := utf8.DecodeLastRuneInString(text[:at])
		at -= n
	}
	return at
}

// wordStart moves at forward to the start of a word, not beyond limit.
func wordStart(text string, at, limit int) int {
	if at == 0 {
		return 0
	}
	space := strings.IndexFunc(text[at:limit], unicode.IsSpace)
	if space < 0 {
		return at
	}
	at += space
	return at + len(text[at:limit]) - len(strings.TrimLeftFunc(text[at:limit], unicode.IsSpace))
}

// wordEnd moves to back to the end of a word.
func wordEnd(text string, from, to int) int {
	if to == len(text) {
		return to
	}
	space := strings.LastIndexFunc(text[from:to], unicode.IsSpace)
	if space < 0 {
		return to
	}
	return from + len(strings.TrimRightFunc(text[from:from+space], unicode.IsSpace))
}

// oneLine makes spaces of line ends and control characters, each byte for
// byte, and moves no mark.
func oneLine(s string, marks [][2]int) (record.Private, [][2]int) {
	var b strings.Builder
	for i, r := range s {
		n := utf8.RuneLen(r)
		switch {
		case r == utf8.RuneError && !strings.HasPrefix(s[i:], string(utf8.RuneError)):
			b.WriteByte('?')
		case unicode.IsControl(r) || unicode.Is(unicode.Cf, r) || unicode.Is(unicode.Zl, r) || unicode.Is(unicode.Zp, r):
			b.WriteString(strings.Repeat(" ", n))
		default:
			b.WriteRune(r)
		}
	}
	return record.Hide(b.String()), marks
}

// Boxes gives the boxes on the page of byte ranges of its text: one for each
// range and line it touches, around the words it touches.
func Boxes(p *record.Page, spans [][2]int) []record.Box {
	_, words := p.TextSpans()
	var boxes []record.Box
	for _, s := range tidy(spans) {
		first, _ := slices.BinarySearchFunc(words, s[0], func(w [2]int, at int) int { return w[1] - at - 1 })
		last := -1 // the word before, if it is of this span
		for i := first; i < len(words) && words[i][0] < s[1]; i++ {
			w := &p.Words[i]
			if last >= 0 && p.Words[last].Line == w.Line && p.Words[last].Block == w.Block {
				boxes[len(boxes)-1] = boxes[len(boxes)-1].Union(w.Box)
			} else {
				boxes = append(boxes, w.Box)
			}
			last = i
		}
	}
	return boxes
}

// Evidence gives the boxes, on the page of a hit, of the identifiers of the
// kinds that made it one. The words of the document are not needed.
func Evidence(d *record.Document, h Hit) []record.Box {
	var boxes []record.Box
	for _, id := range d.Identifiers {
		if id.Page == h.Page && !id.Box.Empty() && slices.Contains(h.Kinds, id.Kind) {
			boxes = append(boxes, id.Box)
		}
	}
	return boxes
}
