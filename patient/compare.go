package patient

import (
	"strings"
	"unicode"

	"chartroom/record"
)

// compare holds one finding against a patient: the best of what the patient's
// numbers and names, of now and before, come to.
func compare(id record.Identifier, p *record.Patient) Level {
	value := id.Value.Reveal()
	switch id.Kind {
	case record.KindMRN:
		return compareOwn(id, p, p.MRN, func(known string) Level { return compareNumber(value, known, true) })
	case record.KindSSN:
		return compareOwn(id, p, p.SSN, func(known string) Level { return compareChecked(id, known) })
	case record.KindMBI:
		return compareOwn(id, p, p.MBI, func(known string) Level { return compareChecked(id, known) })
	case record.KindNHS:
		return compareOwn(id, p, p.NHS, func(known string) Level { return compareChecked(id, known) })
	case record.KindDOB:
		return compareDate(value, p.DOB.Reveal())
	case record.KindName:
		return compareNames(value, p)
	case record.KindSex:
		return compareSex(value, p.Sex.Reveal())
	case record.KindPhone:
		return sameOrSilent(lastTen(value), lastTen(digitsAndCapitals(p.Phone.Reveal())))
	case record.KindAddress:
		return sameOrSilent(letters(firstPart(value)), letters(firstPart(p.Street.Reveal())))
	}
	return Silent
}

// compareOwn compares a number with each that a patient has of its kind.
func compareOwn(id record.Identifier, p *record.Patient, own record.Private, compare func(known string) Level) Level {
	best := compare(digitsAndCapitals(own.Reveal()))
	for _, n := range p.Numbers {
		if n.Kind == id.Kind {
			best = better(best, compare(digitsAndCapitals(n.Value.Reveal())))
		}
	}
	return best
}

// better is the better of two levels; silence is no better than a difference.
func better(a, b Level) Level {
	for _, l := range []Level{Same, Close, Differs} {
		if a == l || b == l {
			return l
		}
	}
	return Silent
}

// compareNames compares a name with each that a patient goes or went by.
func compareNames(found string, p *record.Patient) Level {
	best := compareName(found, p)
	for _, n := range p.Names {
		best = better(best, compareName(found, &record.Patient{Last: n.Last, First: n.First, Middle: n.Middle, Suffix: n.Suffix}))
	}
	return best
}

func firstPart(s string) string {
	s, _, _ = strings.Cut(s, ",")
	return s
}

func sameOrSilent(a, b string) Level {
	if a != "" && a == b {
		return Same
	}
	return Silent
}

func lastTen(s string) string { return s[max(0, len(s)-10):] }

// compareNumber holds two numbers against each other. Leading zeros are part
// of a number, but paper often leaves them out.
func compareNumber(found, known string, zeros bool) Level {
	switch {
	case found == "" || known == "":
		return Silent
	case found == known, onlyDigits(known) && asDigits(found) == known:
		return Same
	case zeros && strings.TrimLeft(found, "0") == strings.TrimLeft(known, "0"):
		return Close
	case edits(found, known) <= 1:
		return Close
	}
	return Differs
}

var digitLookAlikes = strings.NewReplacer("O", "0", "Q", "0", "D", "0", "I", "1", "L", "1", "S", "5", "Z", "2", "B", "8", "G", "6", "T", "7", "A", "4")

// asDigits takes letters for the digits they look like. Where a number can only
// hold digits, that is how it was meant.
func asDigits(s string) string { return digitLookAlikes.Replace(s) }

func onlyDigits(s string) bool { return s != "" && strings.Trim(s, "0123456789") == "" }

// compareChecked is compareNumber for numbers with a rule of their own: one
// that breaks the rule was misread and cannot contradict.
func compareChecked(id record.Identifier, known string) Level {
	l := compareNumber(id.Value.Reveal(), known, false)
	if l == Differs && id.Check == record.CheckBad {
		return Silent
	}
	return l
}

// compareDate holds two ISO dates against each other: close are one digit
// misread and day and month changed over.
func compareDate(found, known string) Level {
	switch {
	case len(found) != 10 || len(known) != 10:
		return Silent
	case found == known:
		return Same
	case edits(found, known) <= 1:
		return Close
	case found[:4] == known[:4] && found[5:7] == known[8:] && found[8:] == known[5:7]:
		return Close
	}
	return Differs
}

func compareSex(found, known string) Level {
	if !definite(found) || !definite(known) {
		return Silent
	}
	if found == known {
		return Same
	}
	return Differs
}

func definite(sex string) bool { return sex == "M" || sex == "F" }

// compareName holds LAST, FIRST MIDDLE SUFFIX against a patient. A middle name
// or suffix that only one side has says nothing; one that both have and that
// disagrees is another person's.
func compareName(found string, p *record.Patient) Level {
	last, rest, _ := strings.Cut(found, ", ")
	given := strings.Fields(rest)
	suffix := ""
	if n := len(given) - 1; n > 0 && isSuffix(given[n]) {
		suffix, given = given[n], given[:n]
	}
	first := strings.Join(given, "")
	knownFirst, knownMiddle := letters(p.First.Reveal()), letters(p.Middle.Reveal())
	if s := letters(p.Suffix.Reveal()); s != "" && suffix != "" && s != suffix {
		return Differs
	}
	level := worse(part(letters(last), letters(p.Last.Reveal())), givenNames(given, letters(first), knownFirst, knownMiddle))
	if level == Differs && len(given) > 0 && letters(last) == knownFirst && letters(given[0]) == letters(p.Last.Reveal()) {
		return Close // first and last name changed over
	}
	return level
}

// givenNames compares first and middle names, however they are parted.
func givenNames(given []string, joined, first, middle string) Level {
	if len(given) == 0 {
		return Differs
	}
	if joined == first || joined == first+middle {
		return Same
	}
	level := part(letters(given[0]), first)
	rest := letters(strings.Join(given[1:], ""))
	if strings.HasPrefix(joined, first) && len(first) > len(letters(given[0])) { // a first name of two words
		level, rest = Same, joined[len(first):]
	}
	if rest == "" || middle == "" || rest[0] == middle[0] && (len(rest) == 1 || len(middle) == 1 || edits(rest, middle) <= 1) {
		return level
	}
	return Differs
}

func worse(a, b Level) Level {
	switch {
	case a == Differs || b == Differs:
		return Differs
	case a == Close || b == Close:
		return Close
	}
	return Same
}

// part compares one part of a name: close is one letter in four or more, or a
// difference that look-alike letters explain.
func part(found, known string) Level {
	switch {
	case found == "" || known == "":
		return Differs
	case found == known:
		return Same
	case lookAlike(found) == lookAlike(known):
		return Close
	case len(known) >= 4 && edits(found, known) <= 1:
		return Close
	}
	return Differs
}

var alike = strings.NewReplacer("RN", "M", "VV", "W", "CL", "D", "LI", "H", "I", "L", "1", "L", "0", "O", "Q", "O", "5", "S", "8", "B")

func lookAlike(s string) string { return alike.Replace(s) }

func isSuffix(s string) bool {
	switch s {
	case "JR", "SR", "II", "III", "IV":
		return true
	}
	return false
}

var accents = strings.NewReplacer("À", "A", "Á", "A", "Â", "A", "Ã", "A", "Ä", "A", "Å", "A", "Ç", "C", "È", "E", "É", "E", "Ê", "E", "Ë", "E", "Ì", "I", "Í", "I", "Î", "I", "Ï", "I",
	"Ñ", "N", "Ò", "O", "Ó", "O", "Ô", "O", "Õ", "O", "Ö", "O", "Ø", "O", "Ù", "U", "Ú", "U", "Û", "U", "Ü", "U", "Ý", "Y", "ß", "SS", "Æ", "AE", "Œ", "OE", "Š", "S", "Ž", "Z", "Ł", "L")

// letters is a text's letters and digits in capitals, without accents.
func letters(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) || unicode.IsDigit(r) {
			return r
		}
		return -1
	}, accents.Replace(strings.ToUpper(s)))
}

func digitsAndCapitals(s string) string { return letters(s) }

// edits is the number of characters to change, add or drop to come from a to
// b; adjacent ones that changed places count one.
func edits(a, b string) int {
	if d := len(a) - len(b); d > 2 || d < -2 {
		return 3
	}
	two, one, cur := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range one {
		one[j] = j
	}
	for i := 1; i <= len(a); i++ {
		cur[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			cur[j] = min(one[j]+1, cur[j-1]+1, one[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				cur[j] = min(cur[j], two[j-2]+1)
			}
		}
		two, one, cur = one, cur, two
	}
	return one[len(b)]
}
