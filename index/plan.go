package index

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"chartroom/record"
	"github.com/blevesearch/bleve/v2/search/query"
	api "github.com/blevesearch/bleve_index_api"
)

// What a hit is worth, by how the typed word was found. A misread word is
// worth less than 0.6, the least that an exact one is worth; see best.
const (
	worthText   = 1.0
	worthName   = 1.25
	worthIdent  = 1.5
	worthBorn   = 1.4
	worthDate   = 1.2
	worthYear   = 0.9
	worthType   = 1.1
	worthLabel  = 0.9
	worthAlike  = 0.5  // a word on the page, misread
	worthNamely = 0.55 // a name, misread
	worthNearly = 0.6  // a number, misread
)

// planner turns what was typed into what the index is asked. leaves are all
// the word look-ups of the plan.
type planner struct {
	dayFirst bool
	leaves   []*best
	weighed  []weighable
}

// weighable is a part of a plan whose score depends on how rare it is. count
// is asked of every shard, weigh called before the search, so that a page
// scores the same whichever shard it lies in.
type weighable interface {
	count(ctx context.Context, r api.IndexReader) (exact, alike uint64, err error)
	weigh(rarity float64)
}

// plan gives the query for a parsed clause, nil if it asks for nothing.
func (p *planner) plan(c *clause, exact bool) (query.Query, error) {
	switch c.kind {
	case clauseWord:
		return p.words([][]*clause{{c}}, exact), nil
	case clausePhrase:
		return p.phrase(c.text, allFields), nil
	case clausePrefix:
		return p.prefix(c.text, []string{fieldText, fieldName, fieldIdent, fieldType}), nil
	case clauseField:
		return p.field(c, exact)
	case clauseAny:
		return p.any(c, exact)
	}
	return p.all(c, exact)
}

func (p *planner) leaf(b *best) query.Query {
	p.leaves = append(p.leaves, b)
	p.weighed = append(p.weighed, b)
	return b
}

func (p *planner) any(c *clause, exact bool) (query.Query, error) {
	var kids either
	for _, k := range c.kids {
		q, err := p.plan(k, exact)
		if err != nil {
			return nil, err
		}
		if q != nil {
			kids = append(kids, q)
		}
	}
	if len(kids) == 0 {
		return nil, nil
	}
	return kids, nil
}

// all plans clauses that must hold together. Plain words standing side by side
// are planned together, for they may be a date or a number.
func (p *planner) all(c *clause, exact bool) (query.Query, error) {
	kids := c.kids
	if c.kind == clauseNot {
		kids = []*clause{c}
	}
	var runs [][]*clause
	var must, not []query.Query
	for i, k := range kids {
		if k.kind == clauseWord {
			if i == 0 || kids[i-1].kind != clauseWord {
				runs = append(runs, nil)
			}
			runs[len(runs)-1] = append(runs[len(runs)-1], k)
			continue
		}
		list, inner, strict := &must, k, exact
		if k.kind == clauseNot {
			list, inner, strict = &not, k.kids[0], true
		}
		q, err := p.plan(inner, strict)
		if err != nil {
			return nil, err
		}
		if q != nil {
			*list = append(*list, q)
		}
	}
	if q := p.words(runs, exact); q != nil {
		must = append(must, q)
	}
	return combine(must, not), nil
}

// combine asks for all of must and none of not.
func combine(must, not []query.Query) query.Query {
	switch {
	case len(not) > 0:
		return query.NewBooleanQuery(must, nil, not)
	case len(must) == 1:
		return must[0]
	case len(must) == 0:
		return nil
	}
	return query.NewConjunctionQuery(must)
}

// words plans plain words: of one or two all must be there, of more at least
// half, and the more the better. Words like "of" are welcome, not demanded.
func (p *planner) words(runs [][]*clause, exact bool) query.Query {
	var units, fillers []query.Query
	for _, run := range runs {
		for len(run) > 0 {
			q, n := p.unit(run, exact)
			switch {
			case q == nil:
			case n == 1 && (fillWords[strings.ToLower(run[0].text)] || labelsNumber(run)):
				fillers = append(fillers, q)
			default:
				units = append(units, q)
			}
			run = run[n:]
		}
	}
	if len(units) == 0 {
		units, fillers = fillers, nil
	}
	var q query.Query
	if len(units) > 2 {
		some := query.NewDisjunctionQuery(units)
		some.SetMin(float64((len(units) + 1) / 2))
		q = some
	} else if q = combine(units, nil); q == nil {
		return nil
	}
	if len(fillers) > 0 {
		return query.NewBooleanQuery([]query.Query{q}, fillers, nil)
	}
	return q
}

var fillWords = map[string]bool{
	"a": true, "an": true, "and": true, "at": true, "by": true, "for": true, "from": true, "in": true,
	"is": true, "of": true, "on": true, "or": true, "the": true, "to": true, "was": true, "with": true,
}

// labelsNumber reports whether a run opens with words that only say what the
// number or date behind them is, as MRN 00482913. The page may say it otherwise.
func labelsNumber(run []*clause) bool {
	for i, c := range run {
		if word := squash(c.text); !labelWords[word] {
			return i > 0 && (len(word) >= 4 && hasDigit(word) || groupedNumber(run[i:]) > 1)
		}
	}
	return false
}

var labelWords = map[string]bool{
	"mrn": true, "medical": true, "record": true, "hospital": true, "unit": true, "chart": true, "patient": true, "number": true, "no": true, "nr": true, "num": true, "id": true,
	"dob": true, "date": true, "of": true, "birth": true, "born": true, "ssn": true, "social": true, "security": true, "nhs": true, "mbi": true, "medicare": true, "npi": true,
	"phone": true, "telephone": true, "tel": true, "fax": true, "mobile": true, "account": true, "acct": true, "visit": true, "accession": true,
}

// unit plans the first words of a run that mean one thing: a date (March
// 2014), a number written in groups (943 476 5870) or a word. n is how many
// words it took.
func (p *planner) unit(run []*clause, exact bool) (q query.Query, n int) {
	for n := min(3, len(run)); n >= 2; n-- {
		if spans := writtenDate(texts(run[:n])); len(spans) > 0 {
			written := p.singly(run[:n], exact)
			return either{p.leaf(&best{picks: datePicks(spans)}), written}, n
		}
	}
	if n := groupedNumber(run); n >= 2 {
		number := &best{}
		addNumber(number, strings.Join(texts(run[:n]), ""), exact)
		return either{p.leaf(number), p.singly(run[:n], exact)}, n
	}
	return p.word(run[0].text, allFields, exact, run[0].loose), 1
}

// singly asks for all of some words, each by itself.
func (p *planner) singly(run []*clause, exact bool) query.Query {
	var must []query.Query
	for _, c := range run {
		if q := p.word(c.text, allFields, exact, c.loose); q != nil {
			must = append(must, q)
		}
	}
	return combine(must, nil)
}

func texts(run []*clause) []string {
	out := make([]string, len(run))
	for i, c := range run {
		out[i] = strings.Trim(c.text, ",.;")
	}
	return out
}

// groupedNumber is how many of the first words are groups of one number of 7
// to 16 digits, 0 if they are not.
func groupedNumber(run []*clause) int {
	digits, n := 0, 0
	for n < len(run) && n < 5 {
		s := squash(run[n].text)
		isGroup := s != "" && strings.IndexFunc(s, func(r rune) bool { return !unicode.IsDigit(r) }) < 0
		if !isGroup || strings.IndexFunc(run[n].text, isDecimal) >= 0 || digits+len(s) > 16 {
			break
		}
		digits += len(s)
		n++
	}
	if digits < 7 {
		return 0
	}
	return n
}

// allFields are where a plain word is looked for. Their worth is fieldWorth.
var allFields = []string{fieldText, fieldName, fieldIdent, fieldDate, fieldType, fieldFacility, fieldBatch, fieldBox, fieldFile}

func fieldWorth(field string) float64 {
	switch field {
	case fieldText:
		return worthText
	case fieldName:
		return worthName
	case fieldIdent, fieldMRN:
		return worthIdent
	case fieldType:
		return worthType
	}
	return worthLabel
}

// word plans one word as typed. A word of several parts (Smith-Jones) may
// stand on the page as one or as its parts.
func (p *planner) word(text string, fields []string, exact, loose bool) query.Query {
	whole, parts := wordForms(text)
	if len(whole) == 0 && len(parts) == 0 {
		return nil
	}
	b := &best{}
	for _, term := range whole {
		addWord(b, term, fields, exact, loose)
	}
	if slices.Contains(fields, fieldIdent) {
		addNumber(b, text, exact)
	}
	if slices.Contains(fields, fieldDate) {
		b.picks = append(b.picks, datePicks(parseDate(text, p.dayFirst))...)
	}
	alternatives := either{p.leaf(b)}
	if len(parts) > 1 {
		var must []query.Query
		for _, term := range parts {
			one := &best{}
			addWord(one, term, fields, exact, loose)
			must = append(must, p.leaf(one))
		}
		alternatives = append(alternatives, combine(must, nil))
	}
	if len(alternatives) == 1 {
		return alternatives[0]
	}
	return alternatives
}

// wordForms gives the terms under which the whole of a word stands in the
// index, and the terms of its parts if it has several.
func wordForms(text string) (whole, parts []string) {
	tokens := tokenize(text)
	if len(tokens) == 0 {
		return nil, nil
	}
	first, last := tokens[0].start, tokens[len(tokens)-1].end
	for _, t := range tokens {
		if t.start == first && t.end >= last {
			whole = append(whole, t.term)
		} else {
			parts = append(parts, t.term)
		}
	}
	return whole, parts
}

// addWord adds a term in the fields, and unless exact what it may have been
// misread as.
func addWord(b *best, term string, fields []string, exact, loose bool) {
	for _, field := range fields {
		if field == fieldIdent || field == fieldDate {
			continue
		}
		b.picks = append(b.picks, pick{field: field, term: term, weight: fieldWorth(field), exact: true})
		if exact || field != fieldText && field != fieldName {
			continue
		}
		worth := worthAlike
		if field == fieldName {
			worth = worthNamely
		}
		if n := edits(term, loose); n > 0 {
			b.like = append(b.like, likeness{field: field, term: term, weight: worth, edits: n})
			for _, other := range confusions(term) {
				b.picks = append(b.picks, pick{field: field, term: other, weight: worth / (1 + lookAlike)})
			}
			for _, other := range changedOver(term) {
				b.picks = append(b.picks, pick{field: field, term: other, weight: worth / 2})
			}
		}
	}
}

// addNumber adds what looks like the number of a person or a case: at least
// four letters and digits with a digit among them.
func addNumber(b *best, text string, exact bool) {
	s := squash(text)
	if len(s) < 4 || !hasDigit(s) || strings.ContainsAny(text, ".,:") {
		return
	}
	addNumberIn(b, fieldIdent, s, exact)
}

func addNumberIn(b *best, field, s string, exact bool) {
	b.picks = append(b.picks, pick{field: field, term: s, weight: worthIdent, exact: true})
	if u := unpadded(s); u != s {
		b.picks = append(b.picks, pick{field: field, term: u, weight: worthIdent, exact: true})
	}
	if !exact && len(s) >= 5 {
		b.like = append(b.like, likeness{field: field, term: s, weight: worthNearly, edits: 1})
	}
}

// datePicks are the look-ups of a date as birth date and as document date. A
// year alone is no birth date.
func datePicks(spans []span) []pick {
	var picks []pick
	for _, sp := range spans {
		term := sp.term()
		switch len(term) {
		case 0:
		case 4:
			picks = append(picks, pick{field: fieldDate, term: term, weight: worthYear, exact: true})
		default:
			picks = append(picks, pick{field: fieldDOB, term: term, weight: worthBorn, exact: true},
				pick{field: fieldDate, term: term, weight: worthDate, exact: true})
		}
	}
	return picks
}

// phrase plans words that must stand on the page as they were typed, side by
// side. A single word may also stand in the other fields.
func (p *planner) phrase(text string, fields []string) query.Query {
	positions := positions(tokenize(text))
	switch len(positions) {
	case 0:
		return nil
	case 1:
		return p.word(text, fields, true, false)
	}
	q := &phrase{positions: positions}
	p.weighed = append(p.weighed, q)
	return q
}

// positions groups the terms of tokens by their position.
func positions(tokens []token) [][]string {
	var out [][]string
	last := 0
	for _, t := range tokens {
		if t.pos != last {
			out, last = append(out, nil), t.pos
		}
		out[len(out)-1] = append(out[len(out)-1], t.term)
	}
	return out
}

// prefix plans a word of which the beginning was typed.
func (p *planner) prefix(text string, fields []string) query.Query {
	term := fold(text)
	if hasDigit(term) {
		term = squash(text)
	}
	b := &best{}
	for _, field := range fields {
		b.like = append(b.like, likeness{field: field, term: term, weight: fieldWorth(field)})
	}
	return p.leaf(b)
}

// field plans field:value.
func (p *planner) field(c *clause, exact bool) (query.Query, error) {
	value := c.kids[0]
	exact = exact || value.kind == clausePhrase
	switch c.field {
	case fieldDate, fieldReceived, fieldDOB:
		return p.dates(c, value)
	case fieldStatus, fieldState, fieldPage, fieldDocument:
		return p.keyword(c, value)
	}
	if value.kind == clausePrefix {
		return p.prefix(value.text, []string{c.field}), nil
	}
	switch c.field {
	case fieldText:
		if value.kind == clausePhrase {
			return p.phrase(value.text, []string{fieldText}), nil
		}
		return p.word(value.text, []string{fieldText}, exact, value.loose), nil
	case fieldMRN, fieldIdent:
		b := &best{}
		addNumberIn(b, c.field, squash(value.text), exact)
		return p.leaf(b), nil
	}
	return p.label(c.field, value, exact), nil
}

// label plans the words of a name, a type or a label, in any order; a label
// also as it is written without signs and spaces.
func (p *planner) label(field string, value *clause, exact bool) query.Query {
	terms := labelTerms(value.text)
	whole := terms[len(terms)-1]
	if field == fieldName || field == fieldType {
		terms = wordTerms(value.text)
	} else {
		terms = terms[:len(terms)-1]
	}
	var must []query.Query
	for _, t := range terms {
		b := &best{neutral: field != fieldName}
		addWord(b, t, []string{field}, exact, value.loose)
		must = append(must, p.leaf(b))
	}
	all := combine(must, nil)
	if all == nil || len(must) == 1 || whole == "" {
		return all
	}
	return either{all, p.leaf(&best{neutral: field != fieldName, picks: []pick{{field: field, term: whole, weight: fieldWorth(field), exact: true}}})}
}

// dates plans a field that holds days. A birth date counts for the rank, the
// others only choose.
func (p *planner) dates(c, value *clause) (query.Query, error) {
	sp, ok := parseRange(value.text, p.dayFirst)
	if !ok || value.kind == clausePrefix {
		return nil, &QueryError{value.offset, "this is no date; write 2014, 2014-03, 2014-03-09 or 2010..2014"}
	}
	b := &best{neutral: c.field != fieldDOB}
	for _, sp := range centuries(value.text, sp) {
		for _, term := range sp.cover() {
			b.picks = append(b.picks, pick{field: c.field, term: term, weight: worthBorn, exact: true})
		}
	}
	return p.leaf(b), nil
}

// The values that status: and state: know.
var (
	statuses = []string{string(record.StatusWaiting), string(record.StatusFiled), string(record.StatusReview),
		string(record.StatusHold), string(record.StatusRejected)}
	states = []string{string(record.PageText), string(record.PageBlank), string(record.PageLowConfidence),
		string(record.PageFailed), string(record.PageTimedOut)}
)

// keyword plans a field that holds one of a few words, or a number.
func (p *planner) keyword(c, value *clause) (query.Query, error) {
	text := strings.ToLower(strings.TrimSpace(value.text))
	terms := []string{text}
	switch {
	case c.field == fieldStatus && text == "unfiled":
		terms = []string{string(record.StatusWaiting), string(record.StatusReview), string(record.StatusHold)}
	case c.field == fieldStatus && !slices.Contains(statuses, text):
		return nil, &QueryError{value.offset, "status is one of " + strings.Join(statuses, ", ") + ", unfiled"}
	case c.field == fieldState && !slices.Contains(states, text):
		return nil, &QueryError{value.offset, "state is one of " + strings.Join(states, ", ")}
	case c.field == fieldPage:
		n, err := strconv.Atoi(text)
		if err != nil || n < 0 {
			return nil, &QueryError{value.offset, "page is a number"}
		}
		terms = []string{strconv.Itoa(n)}
	}
	return p.leaf(oneOf(c.field, terms)), nil
}

// oneOf chooses the pages on which one of the terms stands in a field.
func oneOf(field string, terms []string) *best {
	b := &best{neutral: true}
	for _, t := range terms {
		b.picks = append(b.picks, pick{field: field, term: t, weight: 1, exact: true})
	}
	return b
}
