package identify

import (
	"strings"

	"chartroom/record"
)

// kindGSRN is GS1's number of who receives or gives a service.
const kindGSRN record.Kind = "gsrn"

// fixedElements is how long the value of an application identifier is, by its
// first two digits, for those whose end nothing marks.
var fixedElements = map[string]int{"00": 18, "01": 14, "02": 14, "03": 14, "04": 16, "11": 6, "12": 6, "13": 6, "14": 6, "15": 6, "16": 6, "17": 6, "18": 6, "19": 6, "20": 2,
	"31": 6, "32": 6, "33": 6, "34": 6, "35": 6, "36": 6, "41": 13}

// elements reads a string of GS1's application identifiers: 8018 is the number
// of whom something is done to, 8017 of who does it. What is left to each
// company (91 to 99) may name its parts or be a bare record number of the site.
// It reports whether the whole could be read as such a string.
func (d *reader) elements(c *code, text string) bool {
	type element struct{ ai, value string }
	var all []element
	for text != "" {
		ai, value, rest, ok := nextElement(text)
		if !ok {
			return false
		}
		all = append(all, element{ai, value})
		text = rest
	}
	for _, e := range all {
		switch {
		case e.ai == "8018" || e.ai == "8017":
			role := record.RolePatient
			if e.ai == "8017" {
				role = record.RoleProvider
			}
			if len(e.value) == 18 && isAllDigits(e.value) {
				d.add(c, kindGSRN, role, e.value, "("+e.ai+")"+e.value, 1, verdict(validGS1(e.value)))
			}
		case e.ai[0] == '9' && len(e.ai) == 2 && e.ai != "90":
			if !d.parts(c, e.value) && d.isRecordNumber(canonicalNumber(e.value)) {
				d.add(c, record.KindMRN, record.RolePatient, canonicalNumber(e.value), "("+e.ai+")"+e.value, 0.95, record.CheckNone)
			}
		}
	}
	return len(all) > 0
}

// nextElement cuts one element off: written for people, with its identifier in
// brackets, or for machines.
func nextElement(s string) (ai, value, rest string, ok bool) {
	s = strings.TrimLeft(s, "\x1d")
	if after, found := strings.CutPrefix(s, "("); found {
		if ai, s, ok = strings.Cut(after, ")"); !ok || len(ai) < 2 || len(ai) > 4 || !isAllDigits(ai) {
			return "", "", "", false
		}
		if end := strings.IndexByte(s, '('); end >= 0 {
			return ai, s[:end], s[end:], end > 0
		}
		return ai, s, "", s != ""
	}
	n := 2
	switch {
	case len(s) < 4 || !isAllDigits(s[:2]):
		return "", "", "", false
	case s[0] == '8' || s[:2] == "70" || s[:2] == "71" || s[0] == '3' && s[1] != '0' && s[1] != '7':
		n = 4
	case s[:2] == "23" || s[:2] == "24" || s[:2] == "25" || s[0] == '4':
		n = 3
	}
	if !isAllDigits(s[:n]) {
		return "", "", "", false
	}
	length, fixed := fixedElements[s[:2]]
	if s[:n] == "8018" || s[:n] == "8017" {
		length, fixed = 18, true
	}
	if fixed {
		if len(s) < n+length {
			return "", "", "", false
		}
		return s[:n], s[n : n+length], strings.TrimPrefix(s[n+length:], "\x1d"), true
	}
	value, rest, _ = strings.Cut(s[n:], "\x1d")
	return s[:n], value, rest, value != "" && len(value) <= 90
}

// validGS1 checks the last digit: from the right, weights 3 and 1 in turn.
func validGS1(s string) bool {
	sum := 0
	for i := range len(s) - 1 {
		d := int(s[len(s)-2-i] - '0')
		if i%2 == 0 {
			d *= 3
		}
		sum += d
	}
	return isAllDigits(s) && (10-sum%10)%10 == int(s[len(s)-1]-'0')
}
