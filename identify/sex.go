package identify

import (
	"strings"
	"unicode"
)

var sexWords = map[string]string{"m": "M", "f": "F", "male": "M", "female": "F", "man": "M", "woman": "F", "boy": "M", "girl": "F", "unknown": "U", "other": "O"}

func sexWord(s string) string { return sexWords[strings.ToLower(strings.Trim(s, "()[].,;:/"))] }

// sexOf reads what stands beside the label of a sex: one word, or two with a
// cross before the one that holds.
func sexOf(tokens []token) (string, []token) {
	var crossed, only string
	var at, count int
	cross := false
	for i := 0; i < len(tokens) && i < 6; i++ {
		text := strings.Trim(tokens[i].text, "()[]|.,;")
		sex := sexWord(text)
		switch {
		case strings.EqualFold(text, "x") || text == "☒" || text == "☑" || text == "✓":
			cross = true
		case sex != "" && cross && crossed == "":
			crossed, at, count, cross = sex, i, count+1, false
		case sex != "":
			if count == 0 {
				only, at = sex, i
			}
			count++
		case len(tokens[i].text) > 2 && i == 0:
			return "", nil
		}
	}
	switch {
	case crossed != "":
		return crossed, tokens[at : at+1]
	case count == 1:
		return only, tokens[at : at+1]
	}
	return "", nil
}

// sexAfter reads a sex that follows a date of birth: "M", "(48Y F)", "48 yrs /
// F", "35F".
func sexAfter(tokens []token) (string, []token) {
	for i := 0; i < len(tokens) && i < 5 && !(tokens[i].starts && i > 1); i++ {
		for _, part := range strings.FieldsFunc(tokens[i].text, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) }) {
			if sex := sexWord(part); sex != "" && sex != "O" && sex != "U" {
				return sex, tokens[i : i+1]
			}
			if n := len(part); n >= 3 && n <= 4 && isAllDigits(part[:n-1]) && (part[n-1] == 'M' || part[n-1] == 'F') {
				return part[n-1:], tokens[i : i+1]
			}
			if !isAge(part) {
				return "", nil
			}
		}
	}
	return "", nil
}

// isAge knows "48", "48Y", "48yrs", "years", "old", "age" and what parts them.
func isAge(s string) bool {
	s = strings.ToLower(strings.Trim(s, "()[].,;:-"))
	if len(s) > 1 && s[0] == 'o' && s[1] == 'y' { // 0Y
		s = s[1:]
	}
	rest := strings.TrimLeft(s, "0123456789")
	if len(s)-len(rest) > 3 {
		return false
	}
	switch rest {
	case "", "y", "yo", "yr", "yrs", "year", "years", "m", "mo", "d", "wk", "old", "age", "aged", "sex", "gender", "y.o":
		return true
	}
	return false
}
