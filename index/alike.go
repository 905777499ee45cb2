package index

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"unicode/utf8"

	api "github.com/blevesearch/bleve_index_api"
)

// A likeness stands for the words of a field's dictionary that resemble a term
// or begin with it.
type likeness struct {
	field, term string
	weight      float64 // of the closest
	edits       int     // 1 or 2; 0: those that begin with term
}

const (
	maxAlike    = 48    // misreadings taken, the closest first
	maxPrefixed = 128   // beginnings taken, the most frequent first
	maxScanned  = 20000 // dictionary entries looked at
)

// expand looks the likeness up in a shard's dictionary. cut is true if not
// every word was taken. One error may be anywhere; the second is looked for
// only behind the first two letters, which is several times cheaper.
func (l likeness) expand(ctx context.Context, r api.IndexReader) (picks []pick, cut bool, err error) {
	if l.edits == 0 {
		return l.expandPrefix(ctx, r)
	}
	if picks, err = l.within(ctx, r, 1, ""); err != nil {
		return nil, false, err
	}
	if l.edits > 1 {
		more, err := l.within(ctx, r, l.edits, firstLetters(l.term, 2))
		if err != nil {
			return nil, false, err
		}
		picks = distinct(append(picks, more...))
	}
	slices.SortStableFunc(picks, func(a, b pick) int { return cmp.Compare(b.weight, a.weight) })
	return picks[:min(len(picks), maxAlike)], false, nil
}

func firstLetters(s string, n int) string {
	for i := range s {
		if n--; n < 0 {
			return s[:i]
		}
	}
	return s
}

// within gives the words within so many edits that begin with prefix.
func (l likeness) within(ctx context.Context, r api.IndexReader, edits int, prefix string) (picks []pick, err error) {
	fuzzy, ok := r.(api.IndexReaderFuzzy)
	if !ok {
		return nil, nil
	}
	dict, err := fuzzy.FieldDictFuzzy(l.field, l.term, edits, prefix)
	if err != nil {
		return nil, err
	}
	defer dict.Close()
	_, err = scan(ctx, dict, func(e *api.DictEntry) {
		if cost := misreading(l.term, e.Term); e.Term != l.term && cost <= l.tolerance() {
			picks = append(picks, pick{field: l.field, term: e.Term, weight: l.weight / (1 + cost)})
		}
	})
	return picks, err
}

// tolerance is the cost up to which a word still resembles the term: of three
// letters only those that look alike may differ.
func (l likeness) tolerance() float64 {
	if utf8.RuneCountInString(l.term) <= 3 {
		return lookAlike
	}
	return float64(l.edits)
}

func (l likeness) expandPrefix(ctx context.Context, r api.IndexReader) ([]pick, bool, error) {
	dict, err := r.FieldDictPrefix(l.field, []byte(l.term))
	if err != nil {
		return nil, false, err
	}
	defer dict.Close()
	type word struct {
		term string
		n    uint64
	}
	var words []word
	cut, err := scan(ctx, dict, func(e *api.DictEntry) { words = append(words, word{e.Term, e.Count}) })
	if err != nil {
		return nil, false, err
	}
	slices.SortStableFunc(words, func(a, b word) int { return int(b.n) - int(a.n) })
	cut = cut || len(words) > maxPrefixed
	var picks []pick
	for _, w := range words[:min(len(words), maxPrefixed)] {
		picks = append(picks, pick{field: l.field, term: w.term, weight: l.weight, exact: true})
	}
	return picks, cut, nil
}

// scan calls do for the entries of a dictionary. It reports whether it stopped
// before the end because there were too many.
func scan(ctx context.Context, dict api.FieldDict, do func(*api.DictEntry)) (cut bool, err error) {
	for n := 0; ; n++ {
		if n%checkEvery == 0 && ctx.Err() != nil {
			return false, ctx.Err()
		}
		e, err := dict.Next()
		if err != nil || e == nil {
			return false, err
		}
		if n >= maxScanned {
			return true, nil
		}
		do(e)
	}
}

// lookAlike is what it costs to take one letter for another that looks like it
// in print; any other letter wrong, missing or too many costs 1.
const lookAlike = 0.3

// twins are the letters and groups of letters that a recogniser takes for each
// other, after folding.
var twins = [][2]string{
	{"0", "o"}, {"0", "d"}, {"0", "q"}, {"o", "q"}, {"o", "c"}, {"o", "e"}, {"c", "e"}, {"a", "o"},
	{"1", "l"}, {"1", "i"}, {"i", "l"}, {"i", "j"}, {"i", "t"}, {"l", "t"}, {"1", "7"}, {"1", "t"}, {"f", "t"},
	{"5", "s"}, {"8", "b"}, {"3", "8"}, {"6", "b"}, {"6", "g"}, {"9", "g"}, {"9", "q"}, {"2", "z"}, {"4", "a"},
	{"3", "5"}, {"5", "6"}, {"6", "8"}, {"0", "8"}, {"0", "6"}, {"u", "v"}, {"v", "y"}, {"n", "h"}, {"h", "b"},
	{"n", "r"}, {"u", "n"}, {"a", "e"}, {"a", "s"}, {"g", "q"},
	{"rn", "m"}, {"m", "nn"}, {"cl", "d"}, {"vv", "w"}, {"ii", "u"}, {"ri", "n"}, {"li", "h"}, {"ll", "u"}, {"lc", "k"},
}

// piece is one or two letters; the second may be 0.
type piece [2]rune

// twinned tells for two pieces whether they look alike.
var twinned = func() map[[2]piece]bool {
	m := make(map[[2]piece]bool, 2*len(twins))
	for _, t := range twins {
		a, b := pieceOf([]rune(t[0])), pieceOf([]rune(t[1]))
		m[[2]piece{a, b}], m[[2]piece{b, a}] = true, true
	}
	return m
}()

func pieceOf(letters []rune) (p piece) {
	copy(p[:], letters)
	return p
}

// misreading is the cost of reading term where a page says other, or the other
// way round: an edit distance in which what looks alike is nearer. Words whose
// lengths differ by more than three are far.
func misreading(term, other string) float64 {
	a, b := []rune(term), []rune(other)
	if d := len(a) - len(b); d > 3 || d < -3 {
		return far
	}
	cost := make([]float64, (len(a)+1)*(len(b)+1))
	g := grid{a, b, cost}
	for i := range len(a) + 1 {
		for j := range len(b) + 1 {
			cost[i*(len(b)+1)+j] = g.cheapest(i, j)
		}
	}
	return cost[len(cost)-1]
}

const far = 99

// grid holds the costs of reading the first i letters of a as the first j of b.
type grid struct {
	a, b []rune
	cost []float64
}

func (g grid) at(i, j int) float64 { return g.cost[i*(len(g.b)+1)+j] }

func (g grid) cheapest(i, j int) float64 {
	if i == 0 || j == 0 {
		return float64(i + j)
	}
	if i-j > 3 || j-i > 3 {
		return far
	}
	if g.a[i-1] == g.b[j-1] {
		return min(g.at(i-1, j-1), g.at(i-1, j)+1, g.at(i, j-1)+1)
	}
	least := min(g.at(i-1, j), g.at(i, j-1), g.at(i-1, j-1)) + 1
	for di := 1; di <= min(2, i); di++ {
		for dj := 1; dj <= min(2, j); dj++ {
			if before := g.at(i-di, j-dj) + lookAlike; before < least && twinned[[2]piece{pieceOf(g.a[i-di : i]), pieceOf(g.b[j-dj : j])}] {
				least = before
			}
		}
	}
	return least
}

// confusions are the words that term may have been read as where groups of
// letters look like another letter: modern as modem. One edit does not reach
// them, so they are looked up by themselves.
func confusions(term string) []string {
	var out []string
	for _, t := range twins {
		if len(t[0]) == len(t[1]) {
			continue
		}
		for _, way := range [][2]string{{t[0], t[1]}, {t[1], t[0]}} {
			for at := 0; ; {
				i := strings.Index(term[at:], way[0])
				if i < 0 || len(out) >= maxConfusions {
					break
				}
				at += i
				out = append(out, term[:at]+way[1]+term[at+len(way[0]):])
				at += len(way[0])
			}
		}
	}
	return out
}

const maxConfusions = 24

// changedOver are the words that come of typing two neighbouring letters in the
// wrong order, which is two edits and common. Digits are left in their order:
// that would be another number.
func changedOver(term string) []string {
	letters := []rune(term)
	if len(letters) < 4 || len(letters) > 16 || hasDigit(term) {
		return nil
	}
	var out []string
	for i := 1; i < len(letters); i++ {
		if letters[i-1] == letters[i] {
			continue
		}
		letters[i-1], letters[i] = letters[i], letters[i-1]
		out = append(out, string(letters))
		letters[i-1], letters[i] = letters[i], letters[i-1]
	}
	return out
}

// edits is how many letters of a word may be wrong, by its length.
func edits(term string, loose bool) int {
	n := utf8.RuneCountInString(term)
	if hasDigit(term) { // 6.1 is not 6.7
		if n < 6 {
			return 0
		}
		return 1
	}
	switch {
	case n <= 2:
		return 0
	case n <= 7 && !loose:
		return 1
	}
	return 2
}
