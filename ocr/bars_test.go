package ocr

import (
	"testing"

	"chartroom/record"
)

func TestBarBeforeASentenceIsThePronounAndABorderStaysABar(t *testing.T) {
	word := func(text string, left, top, width, height int) record.Word {
		return record.Word{Text: record.Hide(text), Block: 1, Line: 1, Box: record.Box{Left: left, Top: top, Width: width, Height: height}}
	}
	for name, c := range map[string]struct {
		bar, next record.Word
		want      string
	}{
		"pronoun":            {word("|", 100, 50, 5, 30), word("understand", 118, 50, 200, 30), "I"},
		"before a number":    {word("|", 100, 50, 5, 30), word("12", 118, 50, 40, 30), "|"},
		"before a name":      {word("|", 100, 50, 5, 30), word("Smith", 118, 50, 90, 30), "|"},
		"border of a cell":   {word("|", 100, 20, 5, 90), word("understand", 118, 50, 200, 30), "|"},
		"far from the words": {word("|", 100, 50, 5, 30), word("understand", 160, 50, 200, 30), "|"},
		"another word":       {word("a", 100, 50, 5, 30), word("understand", 118, 50, 200, 30), "a"},
	} {
		words := []record.Word{c.bar, c.next}
		if pronouns(words); words[0].Text.Reveal() != c.want || words[1].Text.Reveal() != c.next.Text.Reveal() {
			t.Errorf("%s: %q", name, words[0].Text.Reveal())
		}
	}
	elsewhere := []record.Word{word("|", 100, 50, 5, 30), word("understand", 118, 50, 200, 30)}
	elsewhere[1].Line = 2
	if pronouns(elsewhere); elsewhere[0].Text.Reveal() != "|" {
		t.Error("a bar at the end of a line was changed")
	}
}
