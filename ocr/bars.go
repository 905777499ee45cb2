package ocr

import (
	"unicode"
	"unicode/utf8"

	"chartroom/record"
)

// pronouns mends what the engine makes of the English pronoun: where a face
// draws the capital I as a mere stroke, it is read as a bar. A bar that stands
// in a line of writing, as high as the word that follows and as near as words
// of one sentence are, with a small letter next, is the pronoun; the border of
// a cell is higher, or farther away, or has no sentence behind it.
func pronouns(words []record.Word) {
	for i := range len(words) - 1 {
		bar, next := &words[i], &words[i+1]
		if bar.Text.Reveal() == "|" && bar.Block == next.Block && bar.Line == next.Line && startsSmall(next.Text.Reveal()) && beside(bar.Box, next.Box) {
			bar.Text = record.Hide("I")
		}
	}
}

func startsSmall(s string) bool {
	r, _ := utf8.DecodeRuneInString(s)
	return unicode.IsLower(r) && letters(s) >= 2
}

// beside reports whether the box stands before the next one as a word does.
func beside(b, next record.Box) bool {
	gap := next.Left - b.Right()
	return gap >= 0 && gap <= next.Height && b.Height*3 >= next.Height*2 && b.Height*2 <= next.Height*3 && b.Width*2 <= b.Height
}
