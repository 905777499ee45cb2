package ocr

// #include "imagelib.h"
import "C"

import (
	"cmp"
	"slices"
	"strings"
	"unicode"
	"unsafe"

	"chartroom/record"
)

// Second looks are taken where the first reading is in doubt, and only there:
// at a page whose ink contradicts its text, at writing that no word covers, and
// at words that were not read surely. What they cost is bounded by the reader's
// budget, but for the one look at a whole page. A second reading takes the place
// of the first only if it is clearly better; the one that loses is at most an
// alternative.

// again takes second looks. What goes wrong with them leaves the first reading
// as it was.
func (r *reader) again(v *sight) {
	if r.budget <= 0 {
		return
	}
	left := int(r.budget*float64(max(qualityOf(v.words).letters, leastLetters)) + 0.5)
	if needy(v.words) || v.form != nil {
		rest := v.unread()
		if v.contradicted(rest) && r.whole(v) {
			rest = v.unread()
		}
		left = r.unseen(v, rest, left)
	}
	r.doubtful(v, left)
}

const (
	// leastLetters is how many letters a page is taken to have at least.
	leastLetters = 150
	// sureWord is the confidence from which a word is not looked at again.
	sureWord = 0.8
	// maxUnread bounds the places looked at.
	maxUnread = 400
)

// needy reports whether a page has so few words, or such doubtful ones, that
// its ink is looked at.
func needy(words []record.Word) bool {
	q := qualityOf(words)
	return q.letters < 200 || q.mean < 0.85
}

// unread is where the image shows writing that no word covers.
func (v *sight) unread() []record.Box {
	rest, err := v.loose(0)
	if err != nil {
		return nil
	}
	defer rest.close()
	out := make([]C.int, 4*maxUnread)
	n := int(C.cr_unread(rest.pix, C.int(v.dpi), (*C.int)(unsafe.Pointer(unsafe.SliceData(out))), maxUnread))
	var boxes []record.Box
	for i := 0; i < n; i++ {
		b := out[4*i:]
		boxes = append(boxes, record.Box{Left: int(b[0]), Top: int(b[1]), Width: int(b[2]), Height: int(b[3])})
	}
	return boxes
}

// loose is the ink that lies under no word read at least so surely.
func (v *sight) loose(confidence float64) (*image, error) {
	ink, err := v.img.ink()
	if err != nil {
		return nil, err
	}
	defer ink.close()
	rest, err := ink.copy()
	if err != nil {
		return nil, err
	}
	margin := max(v.dpi/50, 2)
	for i := range v.words {
		if w := v.words[i]; w.Confidence >= confidence {
			b := around(w.Box, margin, rest)
			rest.clear(b.Left, b.Top, b.Width, b.Height)
		}
	}
	return rest, nil
}

// around is a box with a margin, within the image.
func around(b record.Box, margin int, m *image) record.Box {
	left, top := max(b.Left-margin, 0), max(b.Top-margin, 0)
	return record.Box{Left: left, Top: top, Width: max(min(b.Right()+margin, m.width())-left, 1), Height: max(min(b.Bottom()+margin, m.height())-top, 1)}
}

// contradicted reports whether the page shows more writing without words than
// with them.
func (v *sight) contradicted(rest []record.Box) bool {
	unread, read := 0, 0
	for _, b := range rest {
		unread += b.Width * b.Height
	}
	for _, w := range v.words {
		if w.Confidence > 0.5 {
			read += w.Box.Width * w.Box.Height
		}
	}
	return len(rest) >= 3 && unread > read
}

// whole reads the page again as scraps of text in no order, and reports whether
// that reading was kept.
func (r *reader) whole(v *sight) bool {
	words, err := r.engine.lens.read(v.img, v.dpi, look{mode: scraps})
	if err != nil {
		return false
	}
	words = v.form.sort(inOrder(slices.DeleteFunc(words, func(w record.Word) bool { return !sane(w) })), v.dpi)
	if !clearlyBetter(words, v.words) {
		return false
	}
	v.words = words
	v.did.again++
	return true
}

// clearlyBetter reports whether a second reading is to take the place of the
// first: it must score a fifth more, and by no less than a short word.
func clearlyBetter(second, first []record.Word) bool {
	return qualityOf(second).score() > max(qualityOf(first).score(), 0)*1.2+2
}

// sane reports whether a word looks like one: read not too badly, most of it
// letters and digits, and not the same sign over and over, as noise and rules
// are read.
func sane(w record.Word) bool {
	text := w.Text.Reveal()
	runes := []rune(text)
	n := letters(text)
	kinds := map[rune]bool{}
	for _, r := range runes {
		kinds[unicode.ToLower(r)] = true
	}
	switch {
	case n == 0 || 2*n < len(runes), len(runes) > 3 && len(kinds) < 3 && !digits(text):
		return false
	case len(runes) == 1:
		return w.Confidence >= 0.85
	case len(runes) == 2:
		return w.Confidence >= 0.7
	}
	return w.Confidence >= 0.5
}

// digits reports whether a text is digits but for punctuation.
func digits(s string) bool {
	n := 0
	for _, r := range s {
		switch {
		case r >= '0' && r <= '9':
			n++
		case unicode.IsLetter(r):
			return false
		}
	}
	return n > 0
}

// unseen reads places where there is writing without words, the widest first,
// for as long as letters are left of the budget, and returns what is left.
func (r *reader) unseen(v *sight, rest []record.Box, left int) int {
	slices.SortFunc(rest, func(a, b record.Box) int { return cmp.Compare(b.Width*a.Height, a.Width*b.Height) })
	for _, b := range rest {
		cost := max(b.Width*2/max(b.Height, 1), 1)
		if cost > left {
			continue
		}
		left -= cost
		words, err := r.closer(v, b, look{mode: oneLine})
		if err != nil {
			continue
		}
		if words = slices.DeleteFunc(words, func(w record.Word) bool { return !sane(w) || w.Confidence < 0.6 }); qualityOf(words).score() >= 0.6 {
			v.words = insert(v.words, words)
			v.did.again++
		}
	}
	return left
}

// likedHeight is how high the engine likes letters to be, in pixels.
const likedHeight = 48

// closer reads a place on the image, enlarged if it is low. The boxes are in
// pixels of the image.
func (r *reader) closer(v *sight, b record.Box, how look) ([]record.Word, error) {
	at := around(b, max(b.Height/3, 6), v.img)
	part, err := v.img.clip(at.Left, at.Top, at.Width, at.Height)
	if err != nil {
		return nil, err
	}
	defer part.close()
	f := min(max(likedHeight/float64(max(b.Height, 1)), 1), 3)
	if f > 1.2 {
		if err := part.replace(part.scale(f, f)); err != nil {
			return nil, err
		}
	} else {
		f = 1
	}
	words, err := r.engine.lens.read(part, int(float64(v.dpi)*f+0.5), how)
	for i := range words {
		w := fit(words[i].Box, 1/f, at.Width, at.Height)
		w.Left, w.Top = w.Left+at.Left, w.Top+at.Top
		words[i].Box = w
	}
	return words, err
}

// doubtful reads words that were not read surely again, those with digits
// first, for as long as letters are left.
func (r *reader) doubtful(v *sight, left int) {
	var order []int
	for i, w := range v.words {
		if w.Confidence < sureWord && letters(w.Text.Reveal()) >= 2 && len(w.Alternatives) == 0 {
			order = append(order, i)
		}
	}
	slices.SortStableFunc(order, func(a, b int) int {
		return cmp.Compare(urgency(v.words[b]), urgency(v.words[a]))
	})
	for _, i := range order {
		w := &v.words[i]
		cost := len([]rune(w.Text.Reveal())) + 2
		if cost > left {
			continue
		}
		left -= cost
		words, err := r.closer(v, w.Box, look{mode: oneLine, alphabet: alphabet(w.Text.Reveal())})
		if err != nil || len(words) == 0 {
			continue
		}
		was := w.Text.Reveal()
		if *w = settle(*w, oneWord(words)); w.Text.Reveal() != was {
			v.did.again++
		}
	}
}

// urgency grows with the digits of a word and with doubt.
func urgency(w record.Word) float64 {
	n, all := 0, 0
	for _, r := range w.Text.Reveal() {
		if all++; unicode.IsDigit(r) {
			n++
		}
	}
	return float64(n)/float64(max(all, 1)) + 1 - w.Confidence
}

// alphabet is what may stand in a field such as this word: digits and what
// parts them for a word that is made of them and of letters mistaken for them,
// else anything.
func alphabet(text string) string {
	n := 0
	for _, r := range text {
		switch {
		case r >= '0' && r <= '9':
			n++
		case !strings.ContainsRune("OoIlSBZ|/-.,:()#", r):
			return ""
		}
	}
	if n >= 3 && 3*n >= 2*len([]rune(text)) {
		return "0123456789/-.,:()#"
	}
	return ""
}

// oneWord is several words read in the place of one.
func oneWord(words []record.Word) record.Word {
	w := words[0]
	for _, next := range words[1:] {
		w = joined(w, next)
		w.Alternatives = nil
	}
	return w
}

// settle decides between two readings of a word. The second wins if it is
// clearly surer and no poorer in letters; otherwise the first stays, and the
// second is an alternative.
func settle(first, second record.Word) record.Word {
	a, b := first.Text.Reveal(), second.Text.Reveal()
	kept, other := first, second
	if a != b && sane(second) && second.Confidence >= first.Confidence+0.15 && letters(b) >= letters(a) {
		kept.Text, kept.Confidence, other = second.Text, second.Confidence, first
	}
	kept.Alternatives = nil
	if a != b && strings.TrimSpace(other.Text.Reveal()) != "" {
		kept.Alternatives = append(kept.Alternatives, record.Alternative{Text: other.Text, Confidence: other.Confidence})
	}
	for _, c := range second.Alternatives {
		if s := c.Text.Reveal(); len(kept.Alternatives) < maxAlternatives && s != kept.Text.Reveal() && s != other.Text.Reveal() {
			kept.Alternatives = append(kept.Alternatives, c)
		}
	}
	return kept
}
