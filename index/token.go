package index

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/blevesearch/bleve/v2/analysis"
	"golang.org/x/text/unicode/norm"
)

// A token is one searchable form of a word: its folded term, the bytes
// [start, end) of the text it came from, and its position, from 1, which is
// what a phrase counts. One word may give several forms at one position: a
// number with dashes also stands there without them.
type token struct {
	term       string
	start, end int
	pos        int
}

// longestTerm is the length in bytes beyond which a "word" is taken for noise
// and left out: OCR makes such strings of table rules and underlines, and they
// would be most of the dictionary.
const longestTerm = 64

// tokenize cuts a text into tokens whose offsets are true byte offsets.
//
// Words are runs of letters and digits. An apostrophe within a word belongs to
// it and is dropped. Numbers keep what binds them (6.1, 120/80, 12:30, 1,000),
// and with dashes they give the number without dashes too (00-48-29-13 also as
// 00482913). Words bound by a dash are found whole and in parts (x-ray as xray, x,
// ray). Ideographs are words one by one.
func tokenize(text string) []token {
	var c cutter
	c.out = make([]token, 0, len(text)/5)
	for at := 0; at < len(text); {
		r, n := utf8.DecodeRuneInString(text[at:])
		switch {
		case isIdeograph(r):
			c.emit(text, at, at+n)
			c.next()
			at += n
		case isWordRune(r):
			end := compoundEnd(text, at)
			c.compound(text, at, end)
			at = end
		default:
			at += n
		}
	}
	return c.out
}

// cutter collects tokens; pos is the position of the last finished word.
type cutter struct {
	out []token
	pos int
}

func (c *cutter) next() { c.pos++ }

func (c *cutter) emit(text string, start, end int) { c.add(fold(text[start:end]), start, end) }

func (c *cutter) add(term string, start, end int) {
	if term == "" || len(term) > longestTerm {
		return
	}
	for i := len(c.out) - 1; i >= 0 && c.out[i].pos == c.pos+1; i-- {
		if c.out[i].term == term {
			return
		}
	}
	c.out = append(c.out, token{term: term, start: start, end: end, pos: c.pos + 1})
}

// compound emits the forms of text[start:end], which is words bound together.
func (c *cutter) compound(text string, start, end int) {
	word := text[start:end]
	parts := splitCompound(word)
	if len(parts) == 1 {
		c.emit(text, start, end)
		c.next()
		return
	}
	if hasDigit(word) {
		c.emit(text, start, end)
	}
	if binder := strings.IndexFunc(word, isDecimal); binder < 0 {
		c.add(squash(word), start, end)
	}
	if onlyDigits(parts, word) {
		c.next()
		return
	}
	for _, p := range parts {
		c.emit(text, start+p[0], start+p[1])
		c.next()
	}
}

// isDecimal reports whether a rune between digits carries meaning, so that
// 6.1 is not 61 and 120/80 is not 12080.
func isDecimal(r rune) bool { return r == '.' || r == ',' || r == '/' || r == ':' }

// compoundEnd returns where the compound that starts at a word rune ends.
func compoundEnd(text string, start int) int {
	at := start
	var last rune
	for at < len(text) {
		r, n := utf8.DecodeRuneInString(text[at:])
		if isWordRune(r) && !isIdeograph(r) {
			last, at = r, at+n
			continue
		}
		next, _ := utf8.DecodeRuneInString(text[at+n:])
		if at+n >= len(text) || isIdeograph(next) || !binds(last, r, next) {
			return at
		}
		at += n
	}
	return at
}

// binds reports whether r holds the runes on both sides together as one word.
func binds(before, r, after rune) bool {
	if !isWordRune(after) || unicode.Is(unicode.Mn, after) {
		return false
	}
	switch r {
	case '-', '\u2010', '\u2011', '\'', '\u2019':
		return true // also between letters
	case '.', ',', '/', ':':
		return unicode.IsDigit(before) && unicode.IsDigit(after)
	}
	return false
}

// splitCompound returns the byte ranges of a compound's parts between dashes.
func splitCompound(word string) [][2]int {
	var parts [][2]int
	start := 0
	for i, r := range word {
		if !isDash(r) {
			continue
		}
		parts = append(parts, [2]int{start, i})
		start = i + utf8.RuneLen(r)
	}
	return append(parts, [2]int{start, len(word)})
}

func onlyDigits(parts [][2]int, word string) bool {
	for _, p := range parts {
		if strings.IndexFunc(word[p[0]:p[1]], func(r rune) bool { return !unicode.IsDigit(r) }) >= 0 {
			return false
		}
	}
	return true
}

func isDash(r rune) bool { return r == '-' || r == '\u2010' || r == '\u2011' }

func isApostrophe(r rune) bool { return r == '\'' || r == '\u2019' }

func isWordRune(r rune) bool {
	if r < utf8.RuneSelf {
		return 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9'
	}
	return r != utf8.RuneError && (unicode.IsLetter(r) || unicode.IsDigit(r) || unicode.Is(unicode.Mn, r))
}

func isIdeograph(r rune) bool {
	return r > 0x2E7F && unicode.In(r, unicode.Han, unicode.Hiragana, unicode.Katakana)
}

func hasDigit(s string) bool { return strings.IndexFunc(s, unicode.IsDigit) >= 0 }

// fold gives the form under which a word is found: lower case, without
// accents and apostrophes, ligatures and full-width forms resolved.
func fold(s string) string {
	if plainASCII(s) {
		return strings.ReplaceAll(strings.ToLower(s), "'", "")
	}
	var b strings.Builder
	for _, r := range norm.NFKD.String(s) {
		switch {
		case unicode.Is(unicode.Mn, r), isApostrophe(r):
		case r == utf8.RuneError:
		default:
			b.WriteString(foldRune(unicode.ToLower(r)))
		}
	}
	return b.String()
}

// foldRune spells out the letters that no decomposition resolves.
func foldRune(r rune) string {
	switch r {
	case 'ß':
		return "ss"
	case 'æ':
		return "ae"
	case 'œ':
		return "oe"
	case 'ø':
		return "o"
	case 'ł':
		return "l"
	case 'đ', 'ð':
		return "d"
	case 'þ':
		return "th"
	case 'ı':
		return "i"
	case '\u2010', '\u2011':
		return "-"
	}
	return string(r)
}

func plainASCII(s string) bool {
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

// squash gives the form under which an identifier is found: folded, letters
// and digits only.
func squash(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) || unicode.IsDigit(r) {
			return r
		}
		return -1
	}, fold(s))
}

// unpadded is an identifier without the leading zeros that people leave out.
func unpadded(s string) string {
	if t := strings.TrimLeft(s, "0"); t != "" {
		return t
	}
	return s
}

// textAnalyzer lets Bleve cut a page's text with tokenize.
type textAnalyzer struct{}

func (textAnalyzer) Analyze(text []byte) analysis.TokenStream {
	tokens := tokenize(string(text))
	backing := make([]analysis.Token, len(tokens))
	out := make(analysis.TokenStream, len(tokens))
	for i, t := range tokens {
		backing[i] = analysis.Token{Term: []byte(t.term), Start: t.start, End: t.end, Position: t.pos}
		out[i] = &backing[i]
	}
	return out
}

// termAnalyzer takes a field's value for ready-made terms, parted by termBreak.
type termAnalyzer struct{}

const termBreak = "\x1f"

func (termAnalyzer) Analyze(text []byte) analysis.TokenStream {
	var out analysis.TokenStream
	for term := range strings.SplitSeq(string(text), termBreak) {
		out = append(out, &analysis.Token{Term: []byte(term), Position: len(out) + 1})
	}
	return out
}
