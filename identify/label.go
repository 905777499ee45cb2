package identify

import (
	"strings"

	"chartroom/record"
)

// A label is a field's name where it stands in a row: tokens [from, to).
type label struct {
	field
	from, to int
	sure     bool // a colon, a cell of its own, or words that are nothing else
}

// maxLabel is the most words a label may have.
const maxLabel = 8

// fold brings words that mean the same label to one form: small letters and
// digits only, with the characters that recognition mixes up taken for one.
func fold(s string) string {
	var b strings.Builder
	for i := range len(s) {
		switch c := s[i]; {
		case c >= 'A' && c <= 'Z':
			b.WriteByte(foldLetter(c + 'a' - 'A'))
		case c >= 'a' && c <= 'z' || isDigit(c):
			b.WriteByte(foldLetter(c))
		case c == '#':
			b.WriteString("no")
		case c == '|' || c == '!':
			b.WriteByte('l')
		}
	}
	return b.String()
}

func foldLetter(c byte) byte {
	switch c {
	case '0':
		return 'o'
	case '1', 'i':
		return 'l'
	case '5':
		return 's'
	case '8':
		return 'b'
	}
	return c
}

func isLabel(folded string) bool {
	_, ok := words().labels[folded]
	return ok
}

// findLabels finds the labels of a row, from left to right, the longest at
// each place.
func findLabels(r *row) []label {
	var found []label
	for i := 0; i < len(r.tokens); i++ {
		if l, ok := labelAt(r, i); ok {
			found = append(found, l)
			i = l.to - 1
		}
	}
	return found
}

// labelAt is the longest label that begins at a token. A weak one counts only
// where its place says that it is a label.
func labelAt(r *row, from int) (label, bool) {
	best := label{from: from}
	var key strings.Builder
	for to := from; to < len(r.tokens) && to < from+maxLabel; to++ {
		t := &r.tokens[to]
		if to > from && t.starts && t.gap > 2*r.height {
			break
		}
		key.WriteString(t.folded)
		if key.Len() > 48 || !r.tokens[from].starts && !words().opens(key.String()) {
			break
		}
		f, ok := words().labels[key.String()]
		if !ok && (endsLabel(t.text) || lastOfCell(r, to)) && r.tokens[from].starts {
			f, ok = nearLabel(key.String())
		}
		if ok {
			best.field, best.to = f, to+1
		}
		if endsLabel(t.text) {
			break
		}
	}
	if best.to == 0 {
		return shortLabel(r, from)
	}
	return settle(r, best)
}

// shortLabel knows MRN and DOB with one letter misread where what follows can
// hardly be anything else.
func shortLabel(r *row, from int) (label, bool) {
	word := strings.Trim(r.tokens[from].text, ":.;")
	if len(word) == 2 && strings.HasSuffix(r.tokens[from].text, ":") {
		return shortDOB(r, from, word)
	}
	if len(word) != 3 || from+1 == len(r.tokens) || word != strings.ToUpper(word) || word == "MRI" {
		return label{}, false
	}
	next := r.tokens[from+1 : from+2]
	number := bare(next[0].text)
	switch {
	case distance("mrn", fold(word), 1) == 1 && isAllDigits(number) && len(number) >= 6 && len(number) <= 10 && !looksLikeDate(next[0].text):
		return label{field{kind: "mrn"}, from, from + 1, false}, true
	case distance("dob", fold(word), 1) == 1 && looksLikeDate(next[0].text):
		return label{field{kind: "dob"}, from, from + 1, false}, true
	}
	return label{}, false
}

// shortDOB knows DOB with a letter lost, where a colon and a date follow.
func shortDOB(r *row, from int, word string) (label, bool) {
	if from+1 == len(r.tokens) || word != strings.ToUpper(word) || distance("dob", fold(word), 1) != 1 || !looksLikeDate(r.tokens[from+1].text) {
		return label{}, false
	}
	return label{field{kind: "dob"}, from, from + 1, false}, true
}

// settle decides whether words that read like a label are one here.
func settle(r *row, l label) (label, bool) {
	last := r.tokens[l.to-1].text
	colon := endsLabel(last) || strings.Contains(last, "#")
	if l.to < len(r.tokens) && (r.tokens[l.to].text == ":" || r.tokens[l.to].text == "#" || r.tokens[l.to].text == "-") {
		colon = true
		l.to++
	}
	starts := r.tokens[l.from].starts
	alone := starts && (l.to == len(r.tokens) || r.tokens[l.to].starts)
	l.sure = colon || alone || !l.weak
	if !starts && l.role == "" && strangers[strings.ToLower(strings.Trim(r.tokens[l.from-1].text, ".,()'’"))] {
		l.role = record.RoleUnclear
	}
	return l, l.sure || starts
}

// strangers are words that, before "name", "MRN" and the like, say that it is
// not the patient's, or not the one of this house.
var strangers = wordSet("donor donor's donors other outside external previous prior former old recipient sibling twin contact relative relatives relative's friend roommate neighbor neighbour informant informant's requester requestor " +
	"requester's attorney attorney's lawyer companion visitor visitor's drug medication brand generic trade company school group plan product procedure user file agency bank event program programme team study trial device vendor manufacturer " +
	"test facility hospital clinic practice pharmacy laboratory employer employer's staff owner pet form document printer server system")

func endsLabel(s string) bool {
	return strings.HasSuffix(s, ":") || strings.HasSuffix(s, ";") && len(s) > 2
}

func lastOfCell(r *row, i int) bool { return i+1 == len(r.tokens) || r.tokens[i+1].starts }

// nearLabel is the label that differs from the key in one letter, or in two
// where it is long: the nearest, if all as near mean the same.
func nearLabel(key string) (field, bool) {
	if len(key) < 6 {
		return field{}, false
	}
	limit := 1
	if len(key) >= 10 {
		limit = 2
	}
	var best field
	nearest, several := limit+1, false
	for n := len(key) - limit; n <= len(key)+limit; n++ {
		for _, k := range words().fuzzy[n] {
			if k[0] != key[0] && k[len(k)-1] != key[len(key)-1] {
				continue
			}
			d := distance(k, key, limit)
			if f := words().labels[k]; d < nearest {
				best, nearest, several = f, d, false
			} else if d == nearest && d <= limit && (f.kind != best.kind || f.role != best.role) {
				several = true
			}
		}
	}
	return best, nearest <= limit && !several
}

// distance is the number of letters to change, add or drop to come from a to
// b, or more than limit as soon as that is certain.
func distance(a, b string, limit int) int {
	if abs(len(a)-len(b)) > limit {
		return limit + 1
	}
	var rows [2][64]int
	prev, cur := rows[0][:len(b)+1], rows[1][:len(b)+1]
	for j := range prev {
		prev[j] = j
	}
	for i := range len(a) {
		cur[0] = i + 1
		least := cur[0]
		for j := range len(b) {
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			cur[j+1] = min(prev[j]+cost, prev[j+1]+1, cur[j]+1)
			least = min(least, cur[j+1])
		}
		if least > limit {
			return limit + 1
		}
		prev, cur = cur, prev
	}
	return prev[len(b)]
}
