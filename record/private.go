package record

import (
	"fmt"
	"log/slog"
)

// Private holds a string that could name a patient: a name, a number, a file
// name, a word of a page, what a clerk searched for. Every ordinary way of
// printing it (fmt with any verb, slog, encoding/json, templates) gives
// "[private]". Reveal is the one way out; to find all places where patient
// data leaves, search for it.
//
// The string lies behind a pointer, so that even a dump of the struct by
// reflection shows an address. Two Privates are compared with Equal, not ==.
type Private struct{ s *string }

const hidden = "[private]"

// Hide makes a Private of s. The empty string gives the zero Private.
func Hide(s string) Private {
	if s == "" {
		return Private{}
	}
	return Private{&s}
}

// Reveal returns the string.
func (p Private) Reveal() string {
	if p.s == nil {
		return ""
	}
	return *p.s
}

// IsZero reports whether there is nothing to hide.
func (p Private) IsZero() bool { return p.s == nil }

// Equal reports whether both hold the same string.
func (p Private) Equal(o Private) bool { return p.Reveal() == o.Reveal() }

// Format prints "[private]" for every verb and flag.
func (p Private) Format(f fmt.State, _ rune) { fmt.Fprint(f, hidden) }

// String prints "[private]".
func (p Private) String() string { return hidden }

// GoString prints "[private]".
func (p Private) GoString() string { return hidden }

// LogValue prints "[private]".
func (p Private) LogValue() slog.Value { return slog.StringValue(hidden) }

// MarshalText prints "[private]", in JSON too. Records are written by
// [MarshalDocument], which reveals on purpose.
func (p Private) MarshalText() ([]byte, error) { return []byte(hidden), nil }
