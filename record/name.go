package record

import "strings"

// CanonicalName writes a name as LAST, FIRST MIDDLE SUFFIX, in capitals, with
// single spaces and without what is missing: the form in which names are
// shown, stored and compared.
func CanonicalName(last, first, middle, suffix string) Private {
	last = squeeze(last)
	rest := squeeze(strings.Join([]string{first, middle, suffix}, " "))
	switch {
	case last == "":
		return Hide(rest)
	case rest == "":
		return Hide(last)
	}
	return Hide(last + ", " + rest)
}

func squeeze(s string) string { return strings.ToUpper(strings.Join(strings.Fields(s), " ")) }
