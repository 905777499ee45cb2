package ocr

import (
	"cmp"
	"slices"
	"strings"

	"chartroom/record"
)

// sort puts the words of a ruled page where the cells have them: a word that
// spans a border between cells is two, and the characters of a comb, one to a
// cell, are one word. A nil form leaves the words as they are.
func (f *form) sort(words []record.Word, dpi int) []record.Word {
	if f == nil || len(f.down) == 0 {
		return words
	}
	combs := f.combs(dpi)
	words = withoutSigns(words)
	var out []record.Word
	for i, w := range words {
		if i+1 < len(words) {
			w.Box.Width = min(w.Box.Width, room(w, words[i+1]))
		}
		for _, part := range f.split(w, combs) {
			if n := len(out); n > 0 && joins(combs, out[n-1], part) {
				out[n-1] = joined(out[n-1], part)
				continue
			}
			out = append(out, part)
		}
	}
	return numbered(out)
}

// ruleSigns are what rules and corners of boxes are read as.
// fragments is those of them that are taken off the ends of words, too.
const ruleSigns, fragments = "|_[]{}~¦", "|_¦"

// withoutSigns leaves out words that are nothing but such signs, and fragments
// of rules before and after others.
func withoutSigns(words []record.Word) []record.Word {
	out := make([]record.Word, 0, len(words))
	for _, w := range words {
		text := w.Text.Reveal()
		if strings.Trim(text, ruleSigns) == "" {
			continue
		}
		if kept := strings.Trim(text, fragments); kept != text {
			w.Text = record.Hide(kept)
		}
		out = append(out, w)
	}
	return out
}

// room is how wide a word can be, the next standing where it does: the engine
// makes boxes of widely spaced characters too wide.
func room(w, next record.Word) int {
	if w.Block != next.Block || w.Line != next.Line || next.Box.Left <= w.Box.Left {
		return w.Box.Width
	}
	return next.Box.Left - w.Box.Left
}

// comb is a row of cells for a character each: evenly spaced ticks, from left
// to right, and how far up and down they reach.
type comb struct {
	left, step  float64
	cells       int
	top, bottom int
}

// The sizes of combs, in fractions of an inch: how far apart and how high the
// ticks are at most. What is higher is the columns of a table.
const widestCell, highestTick = 0.34, 0.5

// combs finds the rows of evenly spaced ticks: at least four of a height.
func (f *form) combs(dpi int) []comb {
	ticks := slices.DeleteFunc(slices.Clone(f.down), func(b record.Box) bool { return float64(b.Height) > highestTick*float64(dpi) })
	slices.SortFunc(ticks, func(a, b record.Box) int {
		if level(a, b, dpi) {
			return cmp.Compare(a.Left, b.Left)
		}
		return cmp.Compare(a.Bottom(), b.Bottom())
	})
	var found []comb
	for i := 0; i+3 < len(ticks); {
		n := even(ticks[i:], dpi)
		if n >= 4 {
			first, last := ticks[i], ticks[i+n-1]
			left, right := float64(first.Left)+float64(first.Width)/2, float64(last.Left)+float64(last.Width)/2
			found = append(found, comb{left, (right - left) / float64(n-1), n - 1, first.Top, first.Bottom()})
			i += n
			continue
		}
		i++
	}
	return found
}

// level reports whether two ticks stand on the same line.
func level(a, b record.Box, dpi int) bool {
	d := a.Bottom() - b.Bottom()
	return max(d, -d) <= max(dpi/60, 2)
}

// even is how many of the ticks, from the first, are a comb's.
func even(ticks []record.Box, dpi int) int {
	step := ticks[1].Left - ticks[0].Left
	if step < dpi/12 || float64(step) > widestCell*float64(dpi) {
		return 1
	}
	n := 1
	for ; n < len(ticks); n++ {
		a, b := ticks[n-1], ticks[n]
		if off := b.Left - a.Left - step; !level(a, b, dpi) || max(off, -off) > max(step/8, 2) {
			break
		}
	}
	return n
}

// holds reports whether a word stands in the comb, a character to a cell.
func (c comb) holds(w record.Word) bool {
	middle, first, last := w.Box.Top+w.Box.Height/2, c.cell(w.Box.Left), c.cell(w.Box.Right()-1)
	if middle < c.top-(c.bottom-c.top) || middle > c.bottom || first < 0 || last >= c.cells {
		return false
	}
	off := last - first + 1 - len([]rune(w.Text.Reveal()))
	return max(off, -off) <= 1
}

// cell is the number of the cell at a column of the page, from 0.
func (c comb) cell(x int) int {
	if float64(x) < c.left {
		return -1
	}
	return int((float64(x) - c.left) / c.step)
}

// joins reports whether b goes on in the comb where a ends, with no empty cell
// between.
func joins(combs []comb, a, b record.Word) bool {
	if a.Block != b.Block || a.Line != b.Line {
		return false
	}
	for _, c := range combs {
		if c.holds(a) && c.holds(b) {
			gap := c.cell(b.Box.Left) - c.cell(a.Box.Right()-1)
			return gap == 0 || gap == 1
		}
	}
	return false
}

// joined is two words as one, as sure as its letters are in the mean.
func joined(a, b record.Word) record.Word {
	ta, tb := a.Text.Reveal(), b.Text.Reveal()
	na, nb := float64(len([]rune(ta))), float64(len([]rune(tb)))
	a.Confidence = (a.Confidence*na + b.Confidence*nb) / (na + nb)
	a.Text, a.Box = record.Hide(ta+tb), a.Box.Union(b.Box)
	return a
}

// split parts a word at the borders that run through it, unless they are a
// comb's.
func (f *form) split(w record.Word, combs []comb) []record.Word {
	for _, c := range combs {
		if c.holds(w) {
			return []record.Word{w}
		}
	}
	for _, b := range f.down {
		x := b.Left + b.Width/2
		margin := w.Box.Height / 3
		if x <= w.Box.Left+margin || x >= w.Box.Right()-margin || min(b.Bottom(), w.Box.Bottom())-max(b.Top, w.Box.Top) < w.Box.Height*3/4 {
			continue
		}
		if left, right, ok := cut(w, x); ok {
			return append(f.split(left, combs), f.split(right, combs)...)
		}
	}
	return []record.Word{w}
}

// cut parts a word at a column of the page, between the characters that stand
// there by their usual widths.
func cut(w record.Word, x int) (left, right record.Word, ok bool) {
	runes := []rune(w.Text.Reveal())
	var all, here float64
	for _, r := range runes {
		all += breadth(r)
	}
	at := 0
	for want := float64(x-w.Box.Left) / float64(w.Box.Width) * all; at < len(runes) && here+breadth(runes[at])/2 < want; at++ {
		here += breadth(runes[at])
	}
	if at == 0 || at == len(runes) {
		return w, w, false
	}
	left, right = w, w
	left.Text, right.Text = record.Hide(string(runes[:at])), record.Hide(string(runes[at:]))
	left.Box.Width = x - w.Box.Left
	right.Box.Left, right.Box.Width = x, w.Box.Right()-x
	return left, right, true
}

// breadth is about how broad a character is beside others.
func breadth(r rune) float64 {
	switch {
	case strings.ContainsRune("ijlI1.,:;'|!()[]-/", r):
		return 0.6
	case strings.ContainsRune("mwMW@%", r):
		return 1.5
	}
	return 1
}
