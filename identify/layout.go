package identify

import (
	"cmp"
	"slices"
	"strings"
	"unicode"

	"chartroom/record"
)

// A sheet is a page as a person sees it: rows of tokens from top to bottom,
// tokens from left to right, whatever blocks the recogniser made of them.
type sheet struct {
	page          *record.Page
	rows          []row
	width, height int
	typical       int // usual height of a row of text, in pixels
}

// A row is what stands on one level of the page. Its labels are found once.
type row struct {
	tokens []token
	mid    int // middle, in pixels, with the page's slant taken out
	height int
	labels []label
}

// A token is a word, or a part of one where label and value were read as one.
type token struct {
	text   string
	folded string // see fold
	box    record.Box
	conf   float64
	gap    int  // pixels between the token before and this one
	starts bool // begins a cell: first in its row, or after a wide gap or a rule
}

// text is a row's words with single spaces.
func (r *row) text() string { return joinTokens(r.tokens) }

func joinTokens(tokens []token) string {
	var b strings.Builder
	for i := range tokens {
		if i > 0 {
			b.WriteByte(' ')
		}
		b.WriteString(tokens[i].text)
	}
	return b.String()
}

// boxOf is the box around tokens, confOf the mean of their confidences.
func boxOf(tokens []token) (b record.Box) {
	for i := range tokens {
		b = b.Union(tokens[i].box)
	}
	return b
}

func confOf(tokens []token) float64 {
	if len(tokens) == 0 {
		return 0
	}
	var sum float64
	for i := range tokens {
		sum += tokens[i].conf
	}
	return sum / float64(len(tokens))
}

// layOut makes a sheet of a page.
func layOut(p *record.Page) sheet {
	lines := engineLines(p.Words)
	slant := slantOf(lines)
	s := sheet{page: p, width: p.Width, height: p.Height, typical: typicalHeight(lines)}
	for i := range lines {
		lines[i].level(slant)
		s.width, s.height = max(s.width, lines[i].box.Right()), max(s.height, lines[i].box.Bottom())
	}
	slices.SortStableFunc(lines, func(a, b line) int { return cmp.Compare(a.mid, b.mid) })
	for _, group := range together(lines) {
		if r := makeRow(group); len(r.tokens) > 0 {
			r.labels = findLabels(&r)
			s.rows = append(s.rows, r)
		}
	}
	return s
}

// A line is what the recogniser took for one, or the part of it that runs
// without a jump.
type line struct {
	words  []record.Word
	box    record.Box
	mid    int
	height int
}

// engineLines parts words where the recogniser began a line, leaving out what
// is neither letter nor digit, such as read specks and rules; a bar stays as
// the edge of a cell.
func engineLines(words []record.Word) []line {
	var lines []line
	var block, number int
	for _, w := range words {
		text := w.Text.Reveal()
		if w.Box.Empty() || !meaningful(text) {
			continue
		}
		if len(lines) == 0 || w.Block != block || w.Line != number {
			lines = append(lines, line{})
			block, number = w.Block, w.Line
		}
		l := &lines[len(lines)-1]
		l.words = append(l.words, w)
	}
	return lines
}

func meaningful(s string) bool {
	return strings.ContainsFunc(s, func(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) }) || s == "#" || s == ":" || s == "/" || s == "-" || isRule(s)
}

func isRule(s string) bool { return s != "" && strings.Trim(s, "|[]") == "" }

// slantOf is how far the page's lines fall to the right, as a fraction: the
// rise of all long lines over their run.
func slantOf(lines []line) float64 {
	var rise, run float64
	for _, l := range lines {
		if len(l.words) < 3 {
			continue
		}
		a, b := l.words[0].Box, l.words[len(l.words)-1].Box
		dx := b.Left - a.Left
		if dy := middle(b) - middle(a); dx > 8*a.Height && abs(dy)*5 < dx {
			rise, run = rise+float64(dy), run+float64(dx)
		}
	}
	if run == 0 {
		return 0
	}
	return rise / run
}

func middle(b record.Box) int { return b.Top + b.Height/2 }

func abs(n int) int { return max(n, -n) }

// level gives a line its middle and height with the slant taken out.
func (l *line) level(slant float64) {
	mids, heights := make([]int, len(l.words)), make([]int, len(l.words))
	for i := range l.words {
		b := l.words[i].Box
		mids[i] = middle(b) - int(slant*float64(b.Left+b.Width/2))
		heights[i] = b.Height
		l.box = l.box.Union(b)
	}
	slices.Sort(mids)
	slices.Sort(heights)
	l.mid, l.height = mids[len(mids)/2], max(heights[len(heights)/2], 1)
}

func typicalHeight(lines []line) int {
	var heights []int
	for _, l := range lines {
		for _, w := range l.words {
			heights = append(heights, w.Box.Height)
		}
	}
	if len(heights) == 0 {
		return 1
	}
	slices.Sort(heights)
	return max(heights[len(heights)/2], 1)
}

// together gathers lines, sorted by their middle, that stand on one level
// beside each other.
func together(lines []line) [][]line {
	var groups [][]line
	for _, l := range lines {
		if n := len(groups); n > 0 && besides(groups[n-1], l) {
			groups[n-1] = append(groups[n-1], l)
			continue
		}
		groups = append(groups, []line{l})
	}
	return groups
}

func besides(group []line, l line) bool {
	for _, g := range group {
		if abs(g.mid-l.mid)*2 > min(g.height, l.height) && abs(g.mid-l.mid)*3 > max(g.height, l.height) {
			return false
		}
		if min(g.box.Right(), l.box.Right())-max(g.box.Left, l.box.Left) > l.height/2 {
			return false
		}
	}
	return true
}

// makeRow puts the words of a group in order, splits those that hold label and
// value in one, and marks where cells begin.
func makeRow(group []line) row {
	var words []record.Word
	r := row{}
	for _, l := range group {
		words = append(words, l.words...)
		r.mid += l.mid
		r.height = max(r.height, l.height)
	}
	r.mid /= len(group)
	slices.SortStableFunc(words, func(a, b record.Word) int { return cmp.Compare(a.Box.Left, b.Box.Left) })
	ruled, right := true, 0
	for _, w := range words {
		text := w.Text.Reveal()
		if isRule(text) {
			ruled, right = true, w.Box.Right()
			continue
		}
		for i, t := range splitGlued(token{text: text, box: w.Box, conf: w.Confidence}) {
			if len(r.tokens) > 0 {
				t.gap = max(t.box.Left-right, 0)
			}
			t.starts = i == 0 && (ruled || len(r.tokens) == 0 || t.gap*2 > 3*r.height)
			t.folded = fold(t.text)
			ruled, right = false, t.box.Right()
			r.tokens = append(r.tokens, t)
		}
	}
	return r
}

// splitGlued parts "MRN:02460232", "DOB04/17/1943" and "NHSNumber943…" into
// label and value; other words stay whole.
func splitGlued(t token) []token {
	at := gluedAt(t.text)
	if at <= 0 || at >= len(t.text) {
		return []token{t}
	}
	a, b := t, t
	a.text, b.text = t.text[:at], t.text[at:]
	a.box.Width = t.box.Width * at / len(t.text)
	b.box.Left, b.box.Width = a.box.Right(), t.box.Width-a.box.Width
	return []token{a, b}
}

// gluedAt is the byte at which the value begins in a word that opens with a
// label, or -1.
func gluedAt(s string) int {
	if i := strings.IndexAny(s, ":;"); i > 0 && i < len(s)-1 && onlyLetters(s[:i]) {
		if i > 1 || isLabel(fold(s[:i])) {
			return i + 1
		}
	}
	for i := len(s) - 1; i > 1; i-- {
		if isDigit(s[i]) && !isDigit(s[i-1]) && isLabel(fold(s[:i])) {
			return i
		}
	}
	return -1
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

func onlyLetters(s string) bool {
	return s != "" && !strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsLetter(r) && !strings.ContainsRune("#./'’()", r) })
}
