package identify

import (
	"strings"

	"chartroom/record"
)

// lookAlikes are letters read where a digit stood, commonest first; see
// maskDigits.
const lookAlikes = "OoQDlILi|!SsZzBGgqTA"
const lookDigits = "00001111115522869974"

// maskDigits takes letters for the digits they look like and says whether any
// was. What looks like no digit stays.
func maskDigits(s string) (string, bool) {
	if isAllDigits(s) {
		return s, false
	}
	b := []byte(s)
	masked := false
	for i, c := range b {
		if at := strings.IndexByte(lookAlikes, c); at >= 0 {
			b[i], masked = lookDigits[at], true
		}
	}
	return string(b), masked
}

func isAllDigits(s string) bool {
	return s != "" && strings.Trim(s, "0123456789") == ""
}

func atoi(s string) int {
	n := 0
	for i := range len(s) {
		n = n*10 + int(s[i]-'0')
	}
	return n
}

// canonicalNumber is a number without separators, in capitals. A dollar sign at
// its head is an S.
func canonicalNumber(s string) string {
	var b strings.Builder
	if len(s) > 1 && s[0] == '$' && isDigit(s[1]) {
		b.WriteByte('S')
	}
	for i := range len(s) {
		switch c := s[i]; {
		case isDigit(c) || isUpper(c):
			b.WriteByte(c)
		case c >= 'a' && c <= 'z':
			b.WriteByte(c + 'A' - 'a')
		}
	}
	return b.String()
}

// A number is a value read from tokens.
type number struct {
	value  string
	used   int
	masked bool
	check  record.Check
}

// numberAt gathers a number of exactly n digits, in one word or several, at
// the start of tokens. Letters that look like digits count as such.
func numberAt(tokens []token, n int) (number, bool) {
	var out number
	for i := 0; i < len(tokens) && i < 5; i++ {
		if i > 0 && (tokens[i].starts || tokens[i].gap > 2*tokens[i].box.Height) {
			break
		}
		part, masked := maskDigits(bare(tokens[i].text))
		if !isAllDigits(part) && part != "" || strings.Trim(part, "0123456789") == "" && masked && !strings.ContainsAny(tokens[i].text, "0123456789") && len(part) > 3 {
			break
		}
		out.value += part
		out.masked = out.masked || masked
		out.used = i + 1
		if len(out.value) >= n {
			break
		}
	}
	return out, len(out.value) == n
}

// bare is a word without what parts digits or frames a number.
func bare(s string) string {
	return strings.Map(func(r rune) rune {
		if strings.ContainsRune(" -–—./()#:;,*'\"[]", r) {
			return -1
		}
		return r
	}, s)
}

// recordNumber reads a record number: what the site's patterns say, else 5 to
// 12 letters and digits of which at least half, and four, are digits.
func recordNumber(tokens []token, patterns []MRNPattern) (number, bool) {
	if len(tokens) == 0 {
		return number{}, false
	}
	if len(patterns) > 0 {
		return siteNumber(tokens, patterns)
	}
	n := number{value: canonicalNumber(tokens[0].text), used: 1, check: record.CheckNone}
	for i := 1; i < len(tokens) && i < 4 && continuesNumber(tokens, i, len(n.value)); i++ {
		n.value += canonicalNumber(tokens[i].text)
		n.used = i + 1
	}
	if looksLikeDate(tokens[0].text) {
		return number{}, false
	}
	n.value, n.masked = maskMostly(n.value)
	digits := countDigits(n.value)
	return n, len(n.value) >= 5 && len(n.value) <= 12 && digits >= 4 && digits*2 >= len(n.value) && wellFormed(n.value) && !strange(tokens[0].text)
}

// wellFormed says whether letters stand as they do in record numbers: as a
// prefix of at most four, or one at the end.
func wellFormed(s string) bool {
	from, to := 0, len(s)
	for from < to && !isDigit(s[from]) {
		from++
	}
	if to > 0 && !isDigit(s[to-1]) {
		to--
	}
	return from <= 4 && from < to && isAllDigits(s[from:to])
}

// strange says whether a word holds signs that no number does: it was misread.
func strange(s string) bool {
	return strings.ContainsAny(s, ",@%+=") || strings.ContainsFunc(s, func(r rune) bool { return r > '~' && !strings.ContainsRune("–—’‘", r) })
}

// continuesNumber says whether the word at i belongs to the number before it:
// digits close by, or a short prefix of letters before them.
func continuesNumber(tokens []token, i, have int) bool {
	t := &tokens[i]
	if t.starts || t.gap > t.box.Height || !isAllDigits(bare(t.text)) || have+len(bare(t.text)) > 12 || looksLikeDate(t.text) {
		return false
	}
	before := bare(tokens[i-1].text)
	return isAllDigits(before) && len(before) <= 4 || len(before) <= 3 && onlyLetters(before)
}

func siteNumber(tokens []token, patterns []MRNPattern) (number, bool) {
	value := ""
	for i := 0; i < len(tokens) && i < 4; i++ {
		value += canonicalNumber(tokens[i].text)
		if value == "" {
			continue
		}
		masked, changed := maskDigits(value)
		for _, p := range patterns {
			if p.match(value) {
				return number{value, i + 1, false, record.CheckNone}, true
			}
			if changed && p.match(masked) {
				return number{masked, i + 1, true, record.CheckNone}, true
			}
		}
	}
	return number{}, false
}

// maskMostly takes letters for digits only where nearly all else is digits and
// a letter could hardly stand: inside or at the end of the number, or an O at
// its head.
func maskMostly(s string) (string, bool) {
	if digits := countDigits(s); digits == len(s) || digits*3 < 2*len(s) || digits < 4 {
		return s, false
	}
	prefix := 0
	for prefix < len(s) && !isDigit(s[prefix]) {
		prefix++
	}
	if prefix == 1 && (s[0] == 'O' || s[0] == 'Q' || s[0] == 'I') {
		prefix = 0
	}
	masked, changed := maskDigits(s[prefix:])
	if !isAllDigits(masked) || !changed {
		return s, false
	}
	return s[:prefix] + masked, true
}

func countDigits(s string) int {
	n := 0
	for i := range len(s) {
		if isDigit(s[i]) {
			n++
		}
	}
	return n
}

// looksLikeDate spares a date from being taken for a number.
func looksLikeDate(s string) bool {
	if !strings.ContainsAny(s, "/.-") {
		return false
	}
	parts, separators := dateParts(s)
	if len(parts) != 3 {
		return false
	}
	_, ok := threeParts(parts, separators, AnyOrder)
	return ok && (strings.Contains(s, "/") || len(parts[0]) == 4 || len(parts[2]) == 4)
}

// otherNumber reads an account or accession number: 4 to 16 letters and digits
// with at least three digits.
func otherNumber(tokens []token) (number, bool) {
	if len(tokens) == 0 || looksLikeDate(tokens[0].text) {
		return number{}, false
	}
	n := number{value: canonicalNumber(tokens[0].text), used: 1, check: record.CheckNone}
	if len(tokens) > 1 && continuesNumber(tokens, 1, len(n.value)) {
		n.value += canonicalNumber(tokens[1].text)
		n.used = 2
	}
	n.value, n.masked = maskMostly(n.value)
	return n, len(n.value) >= 4 && len(n.value) <= 16 && countDigits(n.value) >= 3 && !strange(tokens[0].text)
}

// phoneNumber reads a telephone number of 10 or 11 digits (a North American
// one loses its leading 1), in up to four words.
func phoneNumber(tokens []token) (number, bool) {
	var n number
	for i := 0; i < len(tokens) && i < 5; i++ {
		part := strings.TrimPrefix(bare(tokens[i].text), "+")
		if masked, changed := maskDigits(part); changed && countDigits(part)*2 > len(part) {
			part, n.masked = masked, true
		}
		if !isAllDigits(part) || i > 0 && tokens[i].starts {
			if part == "" {
				continue
			}
			break
		}
		n.value += part
		n.used = i + 1
		if len(n.value) >= 10 {
			break
		}
	}
	if len(n.value) == 11 && n.value[0] == '1' {
		n.value = n.value[1:]
	}
	n.check = record.CheckNone
	return n, len(n.value) == 10 || len(n.value) == 11 && n.value[0] == '0' || len(n.value) == 12 && strings.HasPrefix(n.value, "44")
}

// checkedNumber reads the numbers whose form is laid down.
func checkedNumber(kind record.Kind, tokens []token) (number, bool) {
	switch kind {
	case record.KindSSN:
		n, ok := numberAt(tokens, 9)
		n.check = verdict(validSSN(n.value))
		return n, ok
	case record.KindNHS:
		n, ok := numberAt(tokens, 10)
		n.check = verdict(ok && validNHS(n.value))
		return n, ok
	case kindCHI:
		n, ok := numberAt(tokens, 10)
		n.check = verdict(ok && validCHI(n.value))
		return n, ok
	case record.KindNPI:
		n, ok := numberAt(tokens, 10)
		n.check = verdict(ok && validNPI(n.value))
		return n, ok
	case record.KindMBI:
		return shaped(tokens, 11, maskMBI, validMBI)
	case kindNHI:
		return shaped(tokens, 7, func(s string) (string, bool) { return s, false }, validNHI)
	}
	return number{}, false
}

// shaped reads a number of n letters and digits that a mask and a rule know.
// One that does not have the form is none.
func shaped(tokens []token, n int, mask func(string) (string, bool), valid func(string) bool) (number, bool) {
	value := ""
	for i := 0; i < len(tokens) && i < 4 && len(value) < n; i++ {
		value += canonicalNumber(tokens[i].text)
		if len(value) != n {
			continue
		}
		masked, changed := mask(value)
		return number{masked, i + 1, changed, verdict(valid(masked))}, valid(masked)
	}
	return number{}, false
}

func verdict(ok bool) record.Check {
	if ok {
		return record.CheckOK
	}
	return record.CheckBad
}
