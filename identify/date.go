package identify

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"
)

// A day is a date of the calendar.
type day struct{ year, month, day int }

func (d day) iso() string { return fmt.Sprintf("%04d-%02d-%02d", d.year, d.month, d.day) }

func (d day) valid() bool {
	if d.year < 1850 || d.year > 2200 || d.month < 1 || d.month > 12 || d.day < 1 {
		return false
	}
	return d.day <= time.Date(d.year, time.Month(d.month)+1, 0, 0, 0, 0, 0, time.UTC).Day()
}

// A written date is what stands on the paper: its readings, and whether its
// year had two digits, so that the century is still to be settled.
type written struct {
	readings []day
	short    bool // two-digit year; readings are of the twentieth century
	masked   bool // letters were taken for digits
	used     int  // tokens
	proves   DateOrder
}

// readDate gives the readings of a text that is nothing but a date.
func readDate(s string, order DateOrder) []day {
	w, _ := parseDate([]token{{text: s}}, order)
	return w.readings
}

// maxDateTokens is the most words one date may be read as.
const maxDateTokens = 6

// parseDate reads a date at the start of tokens: in numbers, in any order of
// the parts that the site's order allows, or with the month in words.
func parseDate(tokens []token, order DateOrder) (written, bool) {
	var text strings.Builder
	var best written
	for i := 0; i < len(tokens) && i < maxDateTokens; i++ {
		if i > 0 {
			text.WriteByte(' ')
		}
		text.WriteString(tokens[i].text)
		if w, ok := parseDateText(text.String(), order); ok {
			w.used = i + 1
			best = w
		} else if best.used > 0 {
			break
		}
	}
	return best, best.used > 0
}

// parseDateText reads a text that is nothing but a date, with a weekday or a
// comma here and there.
func parseDateText(s string, order DateOrder) (written, bool) {
	parts, separators := dateParts(s)
	if len(parts) > 0 && isWeekday(parts[0]) {
		parts, separators = parts[1:], separators[1:]
	}
	switch {
	case len(parts) == 3:
		return threeParts(parts, separators, order)
	case len(parts) == 1 && len(parts[0]) == 8 && isAllDigits(parts[0]):
		return eightDigits(parts[0], order)
	}
	return written{}, false
}

// dateParts splits at everything that parts a date; separators[i] is what
// stood before part i.
func dateParts(s string) (parts, separators []string) {
	s = strings.Trim(s, " .,;:()[]*'\"")
	start, sep := 0, ""
	cut := func(end int) {
		if end > start {
			parts, separators = append(parts, s[start:end]), append(separators, sep)
			sep = ""
		}
	}
	for i := 0; i < len(s); i++ {
		c := s[i]
		boundary := i > start && isDigit(c) != isDigit(s[i-1]) && isLetterByte(c) != isLetterByte(s[i-1]) && !maskable(s[start:i+1])
		if strings.IndexByte(" -/.,\\^", c) >= 0 {
			cut(i)
			sep += string(c)
			start = i + 1
		} else if boundary && isOrdinal(s[i:]) {
			cut(i)
			start = i + 2
			i++
		} else if boundary && len(s)-i >= 3 {
			cut(i)
			start = i
		}
	}
	cut(len(s))
	return parts, separators
}

func isLetterByte(c byte) bool { return c|0x20 >= 'a' && c|0x20 <= 'z' }

func isOrdinal(s string) bool {
	if len(s) < 2 || len(s) > 2 && isLetterByte(s[2]) {
		return false
	}
	switch strings.ToLower(s[:2]) {
	case "st", "nd", "rd", "th":
		return true
	}
	return false
}

// maskable says whether a text can be digits with some misread.
func maskable(s string) bool {
	digits, _ := maskDigits(s)
	return isAllDigits(digits)
}

func threeParts(p, sep []string, order DateOrder) (written, bool) {
	if m := monthNamed(p[1]); m > 0 { // 14 March 1961
		return wordDate(p[0], m, p[2])
	}
	if m := monthNamed(p[0]); m > 0 { // March 14, 1961
		return wordDate(p[1], m, p[2])
	}
	if !sameSeparator(sep[1], sep[2]) {
		return written{}, false
	}
	var n [3]int
	w := written{}
	for i := range p {
		digits, masked := maskDigits(p[i])
		if !isAllDigits(digits) || len(digits) > 4 {
			return written{}, false
		}
		w.masked = w.masked || masked
		n[i], p[i] = atoi(digits), digits
	}
	return numericDate(w, p, n, order)
}

func sameSeparator(a, b string) bool {
	a, b = strings.TrimSpace(a), strings.TrimSpace(b)
	return a == b && !strings.Contains(a, ",") && len(a) <= 1
}

func numericDate(w written, p []string, n [3]int, order DateOrder) (written, bool) {
	if len(p[0]) == 4 && len(p[1]) <= 2 && len(p[2]) <= 2 { // 1961-03-14
		w.add(day{n[0], n[1], n[2]})
		return w, len(w.readings) > 0
	}
	if len(p[0]) > 2 || len(p[1]) > 2 || len(p[2]) == 1 || len(p[2]) == 3 {
		return written{}, false
	}
	year := n[2]
	if len(p[2]) == 2 {
		w.short = true
		year += 1900
	}
	w.readEither(n[0], n[1], year, order)
	return w, len(w.readings) > 0
}

// readEither adds the readings of two numbers and a year: one where the order
// is known or only one is a date, else both.
func (w *written) readEither(a, b, year int, order DateOrder) {
	monthFirst, dayFirst := day{year, a, b}, day{year, b, a}
	switch {
	case !monthFirst.valid() && dayFirst.valid():
		w.proves = DayFirst
		w.add(dayFirst)
	case monthFirst.valid() && !dayFirst.valid():
		w.proves = MonthFirst
		w.add(monthFirst)
	case order == DayFirst:
		w.add(dayFirst)
	case order == MonthFirst || a == b:
		w.add(monthFirst)
	default:
		w.add(monthFirst)
		w.add(dayFirst)
	}
}

func (w *written) add(d day) {
	if d.valid() {
		w.readings = append(w.readings, d)
	}
}

func wordDate(dayText string, month int, yearText string) (written, bool) {
	d, masked := maskDigits(dayText)
	y, alsoMasked := maskDigits(yearText)
	if !isAllDigits(d) || !isAllDigits(y) || len(d) > 2 || len(y) != 2 && len(y) != 4 {
		return written{}, false
	}
	w := written{masked: masked || alsoMasked, short: len(y) == 2}
	year := atoi(y)
	if w.short {
		year += 1900
	}
	w.add(day{year, month, atoi(d)})
	return w, len(w.readings) > 0
}

// eightDigits reads 19610314, 03141961 and 14031961.
func eightDigits(s string, order DateOrder) (written, bool) {
	w := written{}
	if d := (day{atoi(s[:4]), atoi(s[4:6]), atoi(s[6:])}); d.valid() && d.year >= 1900 && d.year < 2100 {
		w.add(d)
		return w, true
	}
	if year := atoi(s[4:]); year >= 1900 && year < 2100 {
		w.readEither(atoi(s[:2]), atoi(s[2:4]), year, order)
	}
	return w, len(w.readings) > 0
}

var months = []string{"january", "february", "march", "april", "may", "june", "july", "august", "september", "october", "november", "december"}

// monthNamed is the number of a month written in full or shortened to three or
// more letters, 0 for anything else.
func monthNamed(s string) int {
	s = strings.ToLower(strings.Trim(s, ".,"))
	if len(s) < 3 {
		return 0
	}
	if s == "sept" {
		return 9
	}
	for i, m := range months {
		if s == m || s == m[:3] || len(s) > 4 && len(m) > 5 && distance(m, s, 1) <= 1 {
			return i + 1
		}
	}
	return 0
}

func isWeekday(s string) bool {
	s = strings.ToLower(s)
	for _, d := range []string{"monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"} {
		if s == d || s == d[:3] {
			return true
		}
	}
	return false
}

// dateOrder tells how the pages write dates in numbers: as the site says, as
// dates on the pages that allow only one order prove, or as the country's
// ways of writing other things suggest.
func dateOrder(sheets []sheet, opt Options) DateOrder {
	if opt.DateOrder != AnyOrder {
		return opt.DateOrder
	}
	votes := map[DateOrder]int{}
	for i := range sheets {
		for j := range sheets[i].rows {
			r := &sheets[i].rows[j]
			votes[rowOrder(r)] += 4
			votes[rowCountry(r)]++
		}
	}
	switch opt.Country {
	case "US":
		votes[MonthFirst] += 3
	case "GB", "IE", "AU", "NZ", "IN", "DE", "FR", "ES", "IT", "NL", "ZA":
		votes[DayFirst] += 3
	}
	switch c := cmp.Compare(votes[MonthFirst], votes[DayFirst]); {
	case c > 0:
		return MonthFirst
	case c < 0:
		return DayFirst
	}
	return AnyOrder
}

// rowOrder is the order that a date of the row proves.
func rowOrder(r *row) DateOrder {
	for i := range r.tokens {
		if c := r.tokens[i].text[0]; isDigit(c) || c == '(' {
			if w, ok := parseDate(r.tokens[i:min(i+1, len(r.tokens))], AnyOrder); ok && w.proves != AnyOrder {
				return w.proves
			}
		}
	}
	return AnyOrder
}

// rowCountry is the order that goes with what else a row shows: a telephone
// number as (207) 555-0100 and a ZIP code after a state with the month first,
// an NHS number and a British postcode with the day.
func rowCountry(r *row) DateOrder {
	for i, t := range r.tokens {
		s := strings.Trim(t.text, ".,;:")
		if len(s) == 5 && s[0] == '(' && s[4] == ')' && isAllDigits(s[1:4]) && s[1] != '0' && i+1 < len(r.tokens) && len(r.tokens[i+1].text) >= 8 && r.tokens[i+1].text[3] == '-' {
			return MonthFirst
		}
		if i+1 < len(r.tokens) && isPostcode(s, strings.Trim(r.tokens[i+1].text, ".,;")) || strings.EqualFold(s, "NHS") {
			return DayFirst
		}
		if i > 0 && isZIP(s) && isState(r.tokens[i-1].text) {
			return MonthFirst
		}
	}
	return AnyOrder
}

// isPostcode knows a British postcode in two words: LS1 4AB.
func isPostcode(out, in string) bool {
	return len(in) == 3 && isDigit(in[0]) && isUpper(in[1]) && isUpper(in[2]) && len(out) >= 2 && len(out) <= 4 && isUpper(out[0]) &&
		strings.ContainsAny(out, "0123456789") && !strings.ContainsFunc(out, func(r rune) bool { return r < '0' || r > 'Z' })
}

func isUpper(c byte) bool { return c >= 'A' && c <= 'Z' }

func isZIP(s string) bool {
	return len(s) == 5 && isAllDigits(s) || len(s) == 10 && s[5] == '-' && isAllDigits(s[:5]) && isAllDigits(s[6:])
}

const states = " AL AK AZ AR CA CO CT DE FL GA HI ID IL IN IA KS KY LA ME MD MA MI MN MS MO MT NE NV NH NJ NM NY NC ND OH OK OR PA RI SC SD TN TX UT VT VA WA WV WI WY DC "

func isState(s string) bool {
	s = strings.Trim(s, ".,")
	return len(s) == 2 && strings.Contains(states, " "+s+" ")
}

// settleCentury gives two-digit years their century: a birth lies before the
// document and less than 110 years ago, everything else near to it.
func settleCentury(readings []day, latest string, birth bool) []day {
	pivot := 2030
	if len(latest) >= 4 {
		pivot = atoi(latest[:4])
	}
	out := slices.Clone(readings)
	for i := range out {
		if out[i].year+100 <= pivot {
			out[i].year += 100
		}
		if birth && latest != "" && out[i].iso() > latest {
			out[i].year -= 100
		}
	}
	return out
}
