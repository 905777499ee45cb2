package index

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// A QueryError says what is wrong with a query and where, in words for the
// clerk who typed it. It holds nothing of the query itself.
type QueryError struct {
	Offset  int // byte of the query where the trouble starts
	Problem string
}

func (e *QueryError) Error() string {
	return fmt.Sprintf("read query at character %d: %s", e.Offset+1, e.Problem)
}

// The limits of a query. They bound what one person can make the server do.
const (
	maxQueryBytes  = 4096
	maxQueryTerms  = 64 // words, phrases and field values
	maxQueryDepth  = 8  // brackets within brackets
	minTextPrefix  = 3  // letters before a * in plain words
	minFieldPrefix = 2  // and in a field
)

type clauseKind int

const (
	clauseWord clauseKind = iota
	clausePhrase
	clausePrefix // word*
	clauseField
	clauseNot // of kids[0]
	clauseAll // every kid
	clauseAny // one of the kids
)

// A clause is a piece of a query as it was typed: words, phrases and prefixes
// are leaves with their text, fields have one leaf, the rest have kids.
type clause struct {
	kind   clauseKind
	field  string // of a clauseField: the field's canonical name
	text   string
	loose  bool // word~
	offset int
	kids   []*clause
}

// queryFields are the fields that may be named in a query, with the names
// under which people may know them.
var queryFields = map[string]string{
	"name": fieldName, "patient": fieldName,
	"mrn": fieldMRN, "dob": fieldDOB, "born": fieldDOB,
	"number": fieldIdent, "type": fieldType, "date": fieldDate, "received": fieldReceived,
	"facility": fieldFacility, "batch": fieldBatch, "box": fieldBox, "place": fieldBox,
	"file": fieldFile, "status": fieldStatus, "state": fieldState, "page": fieldPage,
	"id": fieldDocument, "text": fieldText,
}

// parser reads a query once, from left to right.
type parser struct {
	in    string
	at    int
	terms int
}

// parse reads a query. An empty one gives a clauseAll without kids. All errors
// are *QueryError.
func parse(query string) (*clause, error) {
	if len(query) > maxQueryBytes {
		return nil, &QueryError{maxQueryBytes, fmt.Sprintf("the query is longer than %d characters", maxQueryBytes)}
	}
	p := &parser{in: query}
	c, err := p.sequence(0)
	if err != nil {
		return nil, err
	}
	if p.at < len(p.in) {
		return nil, p.fail("a ) closes nothing")
	}
	return c, nil
}

func (p *parser) fail(format string, args ...any) error {
	return &QueryError{p.at, fmt.Sprintf(format, args...)}
}

func (p *parser) space() {
	for p.at < len(p.in) {
		r, n := utf8.DecodeRuneInString(p.in[p.at:])
		if !unicode.IsSpace(r) && !unicode.IsControl(r) {
			return
		}
		p.at += n
	}
}

func (p *parser) done() bool { return p.at >= len(p.in) || p.in[p.at] == ')' }

// sequence reads clauses up to the end or a closing bracket: all must hold.
func (p *parser) sequence(depth int) (*clause, error) {
	all := &clause{kind: clauseAll, offset: p.at}
	for p.space(); !p.done(); p.space() {
		c, err := p.alternatives(depth)
		if err != nil {
			return nil, err
		}
		if c != nil {
			all.kids = append(all.kids, c)
		}
	}
	return all, nil
}

// alternatives reads clauses bound by OR. OR with nothing on one side is taken
// for the word.
func (p *parser) alternatives(depth int) (*clause, error) {
	c, err := p.clause(depth)
	if err != nil || c == nil {
		return c, err
	}
	any := &clause{kind: clauseAny, offset: c.offset, kids: []*clause{c}}
	for p.or() {
		next, err := p.clause(depth)
		if err != nil {
			return nil, err
		}
		if next != nil {
			any.kids = append(any.kids, next)
		}
	}
	if len(any.kids) == 1 {
		return c, nil
	}
	return any, nil
}

// or steps over an OR that something follows.
func (p *parser) or() bool {
	p.space()
	rest, found := strings.CutPrefix(p.in[p.at:], "OR")
	if !found || strings.TrimLeftFunc(rest, unicode.IsSpace) == rest {
		return false
	}
	if rest = strings.TrimLeftFunc(rest, unicode.IsSpace); rest == "" || rest[0] == ')' {
		return false
	}
	p.at = len(p.in) - len(rest)
	return true
}

// clause reads one clause, nil for a sign that means nothing alone.
func (p *parser) clause(depth int) (*clause, error) {
	start := p.at
	if p.in[p.at] == '-' {
		p.at++
		if p.at >= len(p.in) || strings.ContainsRune(" \t\n-)", rune(p.in[p.at])) {
			return nil, nil
		}
		kid, err := p.clause(depth)
		if err != nil || kid == nil {
			return nil, err
		}
		return &clause{kind: clauseNot, offset: start, kids: []*clause{kid}}, nil
	}
	if p.in[p.at] == '(' {
		return p.bracket(depth)
	}
	if field := p.field(); field != "" {
		return p.fieldValue(field, start)
	}
	return p.leaf(minTextPrefix)
}

func (p *parser) bracket(depth int) (*clause, error) {
	start := p.at
	if depth >= maxQueryDepth {
		return nil, p.fail("too many brackets within brackets")
	}
	p.at++
	c, err := p.sequence(depth + 1)
	if err != nil {
		return nil, err
	}
	if p.at >= len(p.in) {
		p.at = start
		return nil, p.fail("this ( is never closed")
	}
	p.at++
	switch len(c.kids) {
	case 0:
		return nil, nil
	case 1:
		return c.kids[0], nil
	}
	return c, nil
}

// field steps over a known field's name and its colon. Other words with a
// colon are words: pages are full of them.
func (p *parser) field() string {
	colon := strings.IndexByte(p.in[p.at:], ':')
	if colon <= 0 || colon > 16 {
		return ""
	}
	field := queryFields[strings.ToLower(p.in[p.at:p.at+colon])]
	if field != "" {
		p.at += colon + 1
	}
	return field
}

func (p *parser) fieldValue(field string, start int) (*clause, error) {
	colon := p.at
	if p.space(); p.done() { // "MRN: 00482913", as forms have it
		p.at = colon
		return nil, p.fail("a value is missing after the colon")
	}
	if p.in[p.at] == '(' {
		return nil, p.fail("put the value in quotes instead of brackets")
	}
	leaf, err := p.leaf(minFieldPrefix)
	if err != nil {
		return nil, err
	}
	return &clause{kind: clauseField, field: field, offset: start, kids: []*clause{leaf}}, nil
}

// leaf reads a phrase, a word or a prefix.
func (p *parser) leaf(minPrefix int) (*clause, error) {
	if p.in[p.at] == '"' {
		return p.quoted()
	}
	c := &clause{kind: clauseWord, offset: p.at}
	end := strings.IndexFunc(p.in[p.at:], func(r rune) bool {
		return unicode.IsSpace(r) || r == '"' || r == '(' || r == ')'
	})
	if end < 0 {
		end = len(p.in) - p.at
	}
	c.text = p.in[p.at : p.at+end]
	if err := p.suffix(c, minPrefix); err != nil {
		return nil, err
	}
	if err := p.count(c.text); err != nil {
		return nil, err
	}
	p.at += end
	return c, nil
}

// count adds up the words of the query, of which there may be so many.
func (p *parser) count(text string) error {
	p.terms++
	if tokens := tokenize(text); len(tokens) > 0 {
		p.terms += tokens[len(tokens)-1].pos - 1
	}
	if p.terms > maxQueryTerms {
		return p.fail("more than %d words", maxQueryTerms)
	}
	return nil
}

// suffix takes a * or ~ off the end of a word and refuses a * elsewhere.
func (p *parser) suffix(c *clause, minPrefix int) error {
	if star := strings.IndexByte(c.text, '*'); star >= 0 {
		c.kind, c.text = clausePrefix, strings.TrimRight(c.text, "*")
		if strings.Contains(c.text, "*") {
			p.at += star
			return p.fail("a * can only stand at the end of a word")
		}
		if n := utf8.RuneCountInString(squash(c.text)); n < minPrefix {
			return p.fail("at least %d letters or digits must stand before a *", minPrefix)
		}
		return nil
	}
	if t, found := strings.CutSuffix(c.text, "~"); found && t != "" {
		c.text, c.loose = t, true
	}
	return nil
}

func (p *parser) quoted() (*clause, error) {
	end := strings.IndexByte(p.in[p.at+1:], '"')
	if end < 0 {
		return nil, p.fail(`this " is never closed`)
	}
	c := &clause{kind: clausePhrase, offset: p.at, text: p.in[p.at+1 : p.at+1+end]}
	if err := p.count(c.text); err != nil {
		return nil, err
	}
	p.at += end + 2
	return c, nil
}
