package ocr

import (
	"strings"
	"unicode"

	"chartroom/record"
)

// The engine's confidences are not probabilities: of the words to which it
// gives 0.9, far more than nine in ten are right, and of short ones with 0.3
// hardly any. A word that leaves this room says how probable it is that it is
// right, by curves that were measured on made-up pages with their truth (make
// calibrate). Within the room, where readings of the same page are compared,
// the engine's own numbers count.

// wordKind is what of a word, beside the engine's confidence, tells whether it
// is right.
type wordKind int

// The kinds of words that have a curve of their own.
const (
	longWord  wordKind = iota // of three letters or more
	shortWord                 // one letter or two
	number                    // with a digit in it
	mark                      // neither letter nor digit
	wordKinds
)

func kindOf(text string) wordKind {
	letters := 0
	for _, r := range text {
		switch {
		case unicode.IsDigit(r):
			return number
		case unicode.IsLetter(r):
			letters++
		}
	}
	switch {
	case letters == 0:
		return mark
	case letters <= 2:
		return shortWord
	}
	return longWord
}

// knot is a point of a curve: of the words to which the engine gives the one,
// the other share is right.
type knot struct{ given, right float64 }

// curve is a measured relation; it never falls. Between its knots it is straight.
type curve []knot

func (c curve) at(given float64) float64 {
	for i, k := range c {
		if given > k.given {
			continue
		}
		if i == 0 {
			return k.right
		}
		before := c[i-1]
		return before.right + (k.right-before.right)*(given-before.given)/(k.given-before.given)
	}
	return c[len(c)-1].right
}

// calibrate turns the engine's confidences into probabilities.
func calibrate(words []record.Word) {
	for i := range words {
		words[i].Confidence = curves[kindOf(strings.TrimSpace(words[i].Text.Reveal()))].at(words[i].Confidence)
	}
}
