package index

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Dates in the index are words: a day is found as 2014, 2014-03 and
// 2014-03-09. A range is covered by as few such words as hold it exactly, whole
// years and months first, so that ten years cost ten look-ups and no numeric
// index is needed.

// A span is a range of days, both ends included.
type span struct{ from, to time.Time }

// The years between which something typed is taken for a date.
const (
	firstYear = 1850
	lastYear  = 2150
)

func day(y int, m time.Month, d int) time.Time { return time.Date(y, m, d, 0, 0, 0, 0, time.UTC) }

// dateTerms are the words under which an ISO 8601 date, possibly without day
// or month, is found. What is no date gives none.
func dateTerms(iso string) []string {
	if i := strings.IndexByte(iso, 'T'); i > 0 {
		iso = iso[:i]
	}
	if _, ok := isoSpan(iso); !ok {
		return nil
	}
	terms := []string{iso[:4]}
	for _, n := range []int{7, 10} {
		if len(iso) >= n {
			terms = append(terms, iso[:n])
		}
	}
	return terms
}

// isoSpan reads 2014, 2014-03 and 2014-03-09.
func isoSpan(s string) (span, bool) {
	for _, layout := range []string{"2006", "2006-01", "2006-01-02"} {
		t, err := time.Parse(layout, s)
		if err != nil || t.Year() < firstYear || t.Year() > lastYear {
			continue
		}
		switch len(layout) {
		case 4:
			return span{t, t.AddDate(1, 0, -1)}, true
		case 7:
			return span{t, t.AddDate(0, 1, -1)}, true
		}
		return span{t, t}, true
	}
	return span{}, false
}

// term is the one word for a span that is a whole year, month or day, and ""
// for any other.
func (s span) term() string {
	if c := s.cover(); len(c) == 1 {
		return c[0]
	}
	return ""
}

// cover gives the words whose union is exactly the span.
func (s span) cover() []string {
	var terms []string
	for at := s.from; !at.After(s.to); {
		yearEnd, monthEnd := day(at.Year(), 12, 31), day(at.Year(), at.Month()+1, 0)
		switch {
		case at.YearDay() == 1 && !yearEnd.After(s.to):
			terms = append(terms, at.Format("2006"))
			at = yearEnd.AddDate(0, 0, 1)
		case at.Day() == 1 && !monthEnd.After(s.to):
			terms = append(terms, at.Format("2006-01"))
			at = monthEnd.AddDate(0, 0, 1)
		default:
			terms = append(terms, at.Format("2006-01-02"))
			at = at.AddDate(0, 0, 1)
		}
	}
	return terms
}

// parseDate reads a date as people type it: ISO 8601 whole or in part,
// 20140309, 3/14/1961, 3/14/61 and 14.3.1961, 14 Mar 1961, March 2014. Numbers
// that may be read both ways round give both spans, the site's own order first,
// and a year of two digits both centuries of each.
func parseDate(s string, dayFirst bool) []span {
	s = strings.TrimSpace(s)
	if sp, ok := isoSpan(s); ok {
		return []span{sp}
	}
	if t, err := time.Parse("20060102", s); err == nil && plausible(t.Year()) {
		return []span{{t, t}}
	}
	if spans := writtenDate(strings.FieldsFunc(s, func(r rune) bool { return strings.ContainsRune(" ,.-/", r) })); len(spans) > 0 {
		return spans
	}
	return numericDate(s, dayFirst)
}

func plausible(year int) bool { return year >= firstYear && year <= lastYear }

// numericDate reads day, month and year, or month and year, parted by a slash,
// a dot or a dash.
func numericDate(s string, dayFirst bool) []span {
	parts := strings.FieldsFunc(s, func(r rune) bool { return r == '/' || r == '.' || r == '-' })
	n := make([]int, len(parts))
	for i, p := range parts {
		v, err := strconv.Atoi(p)
		if err != nil || len(p) > 4 {
			return nil
		}
		n[i] = v
	}
	switch {
	case len(n) == 2 && len(parts[1]) == 4:
		return wholeDays(monthSpan(n[1], n[0]))
	case len(n) == 3 && len(parts[0]) == 4:
		return wholeDays(daySpan(n[0], n[1], n[2]))
	case len(n) == 3 && len(parts[2]) == 2:
		century := s[:len(s)-2]
		return append(numericDate(century+"19"+parts[2], dayFirst), numericDate(century+"20"+parts[2], dayFirst)...)
	case len(n) != 3 || len(parts[2]) != 4:
		return nil
	}
	a, b := wholeDays(daySpan(n[2], n[0], n[1])), wholeDays(daySpan(n[2], n[1], n[0]))
	if dayFirst {
		a, b = b, a
	}
	if len(a) > 0 && len(b) > 0 && a[0] == b[0] {
		return a
	}
	return append(a, b...)
}

func wholeDays(s span, ok bool) []span {
	if !ok {
		return nil
	}
	return []span{s}
}

func daySpan(y, m, d int) (span, bool) { return isoSpan(fmt.Sprintf("%04d-%02d-%02d", y, m, d)) }

func monthSpan(y, m int) (span, bool) { return isoSpan(fmt.Sprintf("%04d-%02d", y, m)) }

// centuries is the span of a date typed with a year of two digits in this and
// the last century; of any other date, the span.
func centuries(typed string, sp span) []span {
	words := strings.FieldsFunc(typed, func(r rune) bool { return strings.ContainsRune(" ,.-/", r) })
	if len(words) != 3 || len(words[2]) != 2 || strings.Contains(typed, "..") {
		return []span{sp}
	}
	other := span{sp.from.AddDate(100, 0, 0), sp.to.AddDate(100, 0, 0)}
	if sp.from.Month() != other.from.Month() { // 29 February
		return []span{sp}
	}
	return []span{sp, other}
}

// writtenDate reads the words of a date with a month's name: 14 March 1961,
// March 14 1961, 14 Mar 61, March 1961. It gives no span where they are none.
func writtenDate(words []string) []span {
	if len(words) < 2 || len(words) > 3 {
		return nil
	}
	last := words[len(words)-1]
	year, err := strconv.Atoi(last)
	if err != nil || len(words) == 2 && !plausible(year) {
		return nil
	}
	if len(words) == 2 {
		if m := monthNamed(words[0]); m > 0 {
			return wholeDays(monthSpan(year, m))
		}
		return nil
	}
	m, d := monthNamed(words[0]), words[1]
	if m == 0 {
		m, d = monthNamed(words[1]), words[0]
	}
	n, err := strconv.Atoi(strings.TrimRight(strings.ToLower(d), "sthndr"))
	switch {
	case m == 0 || err != nil:
		return nil
	case len(last) == 2:
		return append(wholeDays(daySpan(1900+year, m, n)), wholeDays(daySpan(2000+year, m, n))...)
	}
	return wholeDays(daySpan(year, m, n))
}

// monthNamed is the number of the month of that English name or abbreviation
// of three letters or more, 0 for any other word.
func monthNamed(word string) int {
	word = strings.ToLower(strings.Trim(word, ".,"))
	if len(word) < 3 {
		return 0
	}
	if word == "sept" {
		return 9
	}
	for m := time.January; m <= time.December; m++ {
		name := strings.ToLower(m.String())
		if word == name || word == name[:3] {
			return int(m)
		}
	}
	return 0
}

// parseRange reads what stands behind a date field: a date, from..to, from..
// and ..to. ok is false if it is neither.
func parseRange(s string, dayFirst bool) (span, bool) {
	from, to, isRange := strings.Cut(s, "..")
	if !isRange {
		spans := parseDate(s, dayFirst)
		if len(spans) == 0 {
			return span{}, false
		}
		return spans[0], true
	}
	out := span{day(firstYear, 1, 1), day(lastYear, 12, 31)}
	for i, end := range []string{from, to} {
		if end == "" {
			continue
		}
		spans := parseDate(end, dayFirst)
		if len(spans) == 0 {
			return span{}, false
		}
		if i == 0 {
			out.from = spans[0].from
		} else {
			out.to = spans[0].to
		}
	}
	return out, (from != "" || to != "") && !out.from.After(out.to)
}
