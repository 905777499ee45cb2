package ocr

import (
	"strings"

	"chartroom/record"
)

// A text layer is believed where three things hold: its words stand on ink,
// the writing that the page shows is covered by its words, and a strip of the
// page, read by the engine, says the same. Hidden layers of other programs'
// reading, layers of another page, and layers in invisible boxes over a
// picture are common, and any one of the three finds most of them out.
const (
	minLayerWords = 10   // fewer are not worth believing: reading them costs little
	maxLayerWords = 5000 // more stand on no page
	onInk         = 0.95 // share of the words that must stand on ink
	covered       = 0.90 // share of the ink in the bands of writing that must lie under words
	agreeing      = 0.85 // share of the strip's words, either way, that must agree
)

// layer gives the text layer's words where they tell what the page shows.
func (r *reader) layer(s *sheet, words []record.Word) ([]record.Word, bool) {
	kept := words[:0:0]
	for _, w := range words {
		if w.Box = fit(w.Box, 1, s.img.width(), s.img.height()); !w.Box.Empty() && strings.TrimSpace(w.Text.Reveal()) != "" {
			kept = append(kept, w)
		}
	}
	if len(kept) < minLayerWords || len(kept) > maxLayerWords || len(kept) < len(words)*9/10 || !s.standsOnInk(kept) || !s.covers(kept) || !r.agrees(s, kept) {
		return nil, false
	}
	return kept, true
}

// standsOnInk reports whether nearly every word has ink in its box, and not
// so much that it is hidden under a picture.
func (s *sheet) standsOnInk(words []record.Word) bool {
	n := 0
	for i := range words {
		b := words[i].Box
		if share := float64(s.ink.inked(b.Left, b.Top, b.Width, b.Height)) / float64(b.Width*b.Height); share > 0.02 && share < 0.7 {
			n++
		}
	}
	return float64(n) >= onInk*float64(len(words))
}

// covers reports whether little ink is left when the words are wiped away.
// Whatever is left counts, be it writing or a picture: a page that shows much
// besides its words is read.
func (s *sheet) covers(words []record.Word) bool {
	rest, err := s.ink.copy()
	if err != nil {
		return false
	}
	defer rest.close()
	w, h := rest.width(), rest.height()
	all := rest.inked(0, 0, w, h)
	margin := max(s.dpi/60, 2)
	for i := range words {
		b := words[i].Box
		left, top := max(b.Left-margin, 0), max(b.Top-margin, 0)
		rest.clear(left, top, min(b.Width+2*margin, w-left), min(b.Height+2*margin, h-top))
	}
	return float64(rest.inked(0, 0, w, h)) <= (1-covered)*float64(all)
}

// agrees has the engine read the strip of the page with the most words, a
// tenth of its height, and compares.
func (r *reader) agrees(s *sheet, words []record.Word) bool {
	band := s.densest(words)
	img, err := s.img.clip(band.Left, band.Top, band.Width, band.Height)
	if err != nil {
		return false
	}
	strip, err := newSheet(img, s.dpi, s.dpi)
	if err != nil {
		return false
	}
	defer strip.close()
	strip.dpi = s.dpi // a strip has no credible size of paper to check it by
	read, err := r.words(strip)
	if err != nil {
		return false
	}
	var layer []string
	for i := range words {
		if middle := words[i].Box.Top + words[i].Box.Height/2; middle >= band.Top && middle < band.Bottom() {
			layer = append(layer, words[i].Text.Reveal())
		}
	}
	return alike(layer, texts(read)) >= agreeing
}

// densest is the band of a tenth of the page's height, cut between lines, in
// which most words stand.
func (s *sheet) densest(words []record.Word) record.Box {
	height := max(s.img.height()/10, min(s.dpi/2, s.img.height()))
	best, most := 0, -1
	for i := range words {
		top, n := words[i].Box.Top, 0
		for j := range words {
			if words[j].Box.Top >= top && words[j].Box.Bottom() <= top+height {
				n++
			}
		}
		if n > most {
			best, most = top, n
		}
	}
	margin := max(s.dpi/40, 4)
	top := max(best-margin, 0)
	bottom := best + height
	for i := range words { // no line is cut at the lower edge
		if b := words[i].Box; b.Top < bottom && b.Bottom() > bottom {
			bottom = min(bottom, b.Top-1)
		}
	}
	return record.Box{Left: 0, Top: top, Width: s.img.width(), Height: max(min(bottom+1, s.img.height())-top, 1)}
}

func texts(words []record.Word) []string {
	out := make([]string, len(words))
	for i := range words {
		out[i] = words[i].Text.Reveal()
	}
	return out
}

// alike is the harmonic mean of the shares of each list's letters that stand
// in words which the other has too, without regard to case and punctuation.
func alike(a, b []string) float64 {
	count := map[string]int{}
	na, nb, both := 0, 0, 0
	for _, s := range a {
		s = bare(s)
		count[s]++
		na += len(s)
	}
	for _, s := range b {
		s = bare(s)
		nb += len(s)
		if count[s] > 0 {
			count[s]--
			both += len(s)
		}
	}
	if na+nb == 0 {
		return 0
	}
	return 2 * float64(both) / float64(na+nb)
}

// bare is a word's letters and digits in lower case.
func bare(s string) string {
	return strings.Map(func(r rune) rune {
		if letters(string(r)) == 0 {
			return -1
		}
		return r
	}, strings.ToLower(s))
}
