package index

import (
	"cmp"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"chartroom/record"
	"github.com/blevesearch/bleve/v2"
	"github.com/blevesearch/bleve/v2/search"
	"github.com/blevesearch/bleve/v2/search/query"
	api "github.com/blevesearch/bleve_index_api"
)

// Query is a search. Text is in the query language of doc/query.md; an empty
// one finds nothing.
type Query struct {
	Text       record.Private
	Limit      int       // 20; at most 1000
	Offset     int       // at most 10000
	After      string    // Results.Next of the page before, instead of Offset
	ByDocument bool      // one hit a document: its best page
	Document   record.ID // only this document's pages, in their order
	Scope      Scope     // what the person who asks may see
}

// Scope narrows a search inside the index, so that neither a hit nor a count
// tells anything of what lies outside: a page is seen if it matches all of
// Only and none of Never. The zero Scope sees everything.
type Scope struct{ Only, Never []Match }

// Match holds for pages whose field has one of the values. Fields are
// facility, type, status, mrn, batch, box and id; any other matches nothing.
type Match struct {
	Field  string
	Values []string
}

// Results is the answer to a search. Partial says that more may match than the
// index knows of at this time: it is being built, or a part of it is out of
// service or late. Whoever shows the results must say so.
type Results struct {
	Hits     []Hit
	Total    int    // pages that match
	Next     string // for Query.After; "" after the last
	Partial  bool
	Progress Progress
	Cut      bool // a prefix stood for too many words; the most frequent were searched
	Took     time.Duration
}

// Hit is a page that matches, or a document without pages, whose Page is 0.
// Spans are the byte ranges [start, end) of record.Page.Text() that match, in
// order and apart. Kinds are what matched beside the text; Evidence finds their
// boxes.
type Hit struct {
	Document record.ID
	Page     int
	Score    float64
	Spans    [][2]int
	Kinds    []record.Kind
	More     int // with ByDocument: further pages of it among those looked at
}

const (
	defaultLimit = 20
	maxLimit     = 1000
	maxOffset    = 10000
)

// Search answers a query. A query that cannot be read gives a *QueryError, one
// that takes longer than the deadline the context's error. If only a part of
// the index answers, so does Search, and says that it is partial.
func (x *Index) Search(ctx context.Context, q Query) (Results, error) {
	began := time.Now()
	ctx, cancel := context.WithTimeout(ctx, x.cfg.Deadline)
	defer cancel()
	q.Limit = min(cmp.Or(max(q.Limit, 0), defaultLimit), maxLimit)
	for attempt := 0; ; attempt++ {
		s, err := x.newSearcher(q)
		if err != nil {
			return Results{}, err
		}
		if s.asked != nil {
			err = s.find(ctx)
		}
		if errors.Is(err, bleve.ErrorIndexClosed) && attempt == 0 {
			continue // a rebuilt index took the place of this one just now
		}
		if err != nil {
			return Results{}, err
		}
		s.res.Took = time.Since(began)
		return s.res, nil
	}
}

// searcher is one search on its way through a generation.
type searcher struct {
	x     *Index
	g     *generation
	q     Query
	plan  *planner
	asked query.Query // nil: asks for nothing
	res   Results
}

// newSearcher parses and plans.
func (x *Index) newSearcher(q Query) (*searcher, error) {
	x.mu.RLock()
	g, closed := x.now, x.closed
	x.mu.RUnlock()
	if closed {
		return nil, ErrClosed
	}
	s := &searcher{x: x, g: g, q: q, plan: &planner{dayFirst: x.cfg.DayFirst}}
	s.res.Progress = x.Progress()
	s.res.Partial = s.res.Progress.Rebuilding || s.res.Progress.Down > 0
	c, err := parse(q.Text.Reveal())
	if err != nil {
		return nil, err
	}
	asked, err := s.plan.plan(c, false)
	if err != nil || asked == nil {
		return s, err
	}
	must, not := []query.Query{asked}, []query.Query(nil)
	for _, m := range q.Scope.Only {
		must = append(must, m.leaf())
	}
	for _, m := range q.Scope.Never {
		not = append(not, m.leaf())
	}
	if q.Document != "" {
		must = append(must, oneOf(fieldDocument, []string{string(q.Document)}))
	}
	s.asked = combine(must, not)
	return s, nil
}

func (m Match) leaf() query.Query {
	b := oneOf("", nil)
	for _, v := range m.Values {
		switch m.Field {
		case fieldType:
			b.picks = append(b.picks, oneOf(fieldTypeWhole, []string{squash(v)}).picks...)
		case fieldFacility, fieldBatch, fieldBox, fieldMRN:
			b.picks = append(b.picks, oneOf(m.Field, []string{squash(v)}).picks...)
		case fieldStatus, fieldDocument:
			b.picks = append(b.picks, oneOf(m.Field, []string{v}).picks...)
		}
	}
	return b
}

// find runs the query twice: once over everything for the best pages, without
// looking where the words stand, and once over those pages only, for where.
func (s *searcher) find(ctx context.Context) error {
	req := bleve.NewSearchRequestOptions(s.asked, s.q.Limit, min(max(s.q.Offset, 0), maxOffset), false)
	req.Sort = search.SortOrder{&search.SortScore{Desc: true}, &search.SortDocID{}}
	if s.q.Document != "" {
		req.Sort = search.SortOrder{&search.SortDocID{}}
	}
	if s.q.ByDocument {
		req.Size = min(max(s.q.Limit*8, 200), maxLimit*2)
	}
	rarities, err := s.place(ctx, req)
	if err != nil {
		return err
	}
	found, err := s.run(ctx, req)
	if err != nil {
		return err
	}
	s.res.Total = int(found.Total)
	last := s.res.take(found.Hits, s.q)
	if last != nil && (len(found.Hits) == req.Size || last != found.Hits[len(found.Hits)-1]) {
		s.res.Next = cursor{rarities, last.Score, last.ID}.String()
	}
	for _, leaf := range s.plan.leaves {
		s.res.Cut = s.res.Cut || leaf.wasCut()
	}
	return s.locate(ctx)
}

// place weighs the words, as they are now or as they were when the first page
// of the answer was made, and moves the request to where the last page ended.
func (s *searcher) place(ctx context.Context, req *bleve.SearchRequest) ([]float64, error) {
	if s.q.After == "" {
		return s.weigh(ctx)
	}
	c, err := readCursor(s.q.After)
	if err != nil || len(c.rarities) != len(s.plan.weighed) {
		return nil, &QueryError{0, "the place to go on from is not one that this query gave out"}
	}
	for i, w := range s.plan.weighed {
		w.weigh(c.rarities[i])
	}
	req.From, req.SearchAfter = 0, []string{c.id}
	if len(req.Sort) == 2 {
		req.SearchAfter = []string{formatScore(c.score), c.id}
	}
	return c.rarities, nil
}

// weigh counts over all shards how rare the words are.
func (s *searcher) weigh(ctx context.Context) ([]float64, error) {
	sums, total := make([][2]uint64, len(s.plan.weighed)), uint64(0)
	for _, shard := range s.g.list() {
		counts := make(chan [][2]uint64, 1) // its own: a shard that is late may still answer
		err := shard.read(ctx, func(ctx context.Context, r api.IndexReader) error {
			n, err := s.census(ctx, r)
			counts <- n
			return err
		})
		if err := s.excuse(err); err != nil {
			return nil, err
		}
		if err != nil {
			continue
		}
		n := <-counts
		for i := range sums {
			sums[i][0] += n[i][0]
			sums[i][1] += n[i][1]
		}
		total += n[len(sums)][0]
	}
	rarities := make([]float64, len(sums))
	for i, w := range s.plan.weighed {
		rarities[i] = rarity(total, cmp.Or(sums[i][0], sums[i][1]))
		w.weigh(rarities[i])
	}
	return rarities, nil
}

// census counts, for every part of the plan, the pages of a shard that have
// it; the last count is of all pages.
func (s *searcher) census(ctx context.Context, r api.IndexReader) ([][2]uint64, error) {
	counts := make([][2]uint64, 0, len(s.plan.weighed)+1)
	for _, w := range s.plan.weighed {
		exact, alike, err := w.count(ctx, r)
		if err != nil {
			return nil, err
		}
		counts = append(counts, [2]uint64{exact, alike})
	}
	total, err := r.DocCount()
	return append(counts, [2]uint64{total}), err
}

// run asks all shards.
func (s *searcher) run(ctx context.Context, req *bleve.SearchRequest) (*bleve.SearchResult, error) {
	found, err := s.g.alias.SearchInContext(ctx, req)
	if err := s.excuse(err); err != nil {
		return nil, err
	}
	if err != nil {
		return &bleve.SearchResult{}, nil
	}
	if st := found.Status; st != nil && len(st.Errors) > 0 {
		s.res.Partial = true
		if st.Successful == 0 && ctx.Err() != nil {
			return nil, fmt.Errorf("search: %w", ctx.Err())
		}
	}
	return found, nil
}

// excuse decides what a shard's error means: the end of the search, or an
// answer without that shard, which is partial.
func (s *searcher) excuse(err error) error {
	switch {
	case err == nil, errors.Is(err, bleve.ErrorIndexClosed):
		return err
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		return fmt.Errorf("search: %w", err)
	}
	s.x.log.Warn("search failed in a shard", "reason", kindOf(err))
	s.res.Partial = true
	return nil
}

// kindOf is what may be logged of an error in a search: Bleve's own words
// might quote the query.
func kindOf(err error) error {
	for _, known := range []error{errBroken, errTimeout, ErrClosed, bleve.ErrorIndexClosed} {
		if errors.Is(err, known) {
			return known
		}
	}
	return errors.New("the engine refused the query")
}

// take makes hits of matches, one a document if so asked, up to the limit. It
// returns the match after which the next answer begins.
func (r *Results) take(matches search.DocumentMatchCollection, q Query) (last *search.DocumentMatch) {
	at := map[record.ID]int{}
	for _, m := range matches {
		id, page := parseEntryID(m.ID)
		if i, seen := at[id]; seen && q.ByDocument {
			r.Hits[i].More++
			last = m
			continue
		}
		if len(r.Hits) == q.Limit {
			return last
		}
		at[id] = len(r.Hits)
		r.Hits = append(r.Hits, Hit{Document: id, Page: page, Score: m.Score})
		last = m
	}
	return last
}

// A cursor is where an answer ended: the score and name of the last match, and
// how rare the words were, so that the rest is scored alike whatever has been
// added since.
type cursor struct {
	rarities []float64
	score    float64
	id       string
}

func (c cursor) String() string {
	parts := []string{c.id, formatScore(c.score)}
	for _, r := range c.rarities {
		parts = append(parts, formatScore(r))
	}
	return base64.RawURLEncoding.EncodeToString([]byte(strings.Join(parts, " ")))
}

func formatScore(f float64) string { return strconv.FormatFloat(f, 'g', -1, 64) }

func readCursor(s string) (cursor, error) {
	b, err := base64.RawURLEncoding.DecodeString(s)
	if err != nil {
		return cursor{}, err
	}
	parts := strings.Split(string(b), " ")
	c := cursor{id: parts[0]}
	for i, p := range parts[1:] {
		f, err := strconv.ParseFloat(p, 64)
		if err != nil {
			return cursor{}, err
		}
		if i == 0 {
			c.score = f
		} else {
			c.rarities = append(c.rarities, f)
		}
	}
	return c, nil
}

// locate finds where on the pages of the hits the words stand. If that fails
// the hits are shown without.
func (s *searcher) locate(ctx context.Context) error {
	res := &s.res
	if len(res.Hits) == 0 {
		return nil
	}
	at, ids := map[string]*Hit{}, make([]string, len(res.Hits))
	for i := range res.Hits {
		ids[i] = entryID(res.Hits[i].Document, res.Hits[i].Page)
		at[ids[i]] = &res.Hits[i]
	}
	only := query.NewConjunctionQuery([]query.Query{query.NewDocIDQuery(ids), s.asked})
	req := bleve.NewSearchRequestOptions(only, len(ids), 0, false)
	req.IncludeLocations = true
	found, err := s.run(ctx, req)
	if err != nil {
		return err
	}
	for _, m := range found.Hits {
		if h := at[m.ID]; h != nil {
			h.Spans, h.Kinds = spansOf(m), kindsOf(m)
		}
	}
	return nil
}

// spansOf gives the places of the matched words in the text, in order, those
// that overlap made one.
func spansOf(m *search.DocumentMatch) [][2]int {
	var spans [][2]int
	for _, places := range m.Locations[fieldText] {
		for _, l := range places {
			spans = append(spans, [2]int{int(l.Start), int(l.End)})
		}
	}
	return tidy(spans)
}

// tidy sorts spans and joins those that overlap.
func tidy(spans [][2]int) [][2]int {
	spans = slices.Clone(spans)
	slices.SortFunc(spans, func(a, b [2]int) int { return cmp.Or(a[0]-b[0], a[1]-b[1]) })
	out := spans[:0]
	for _, s := range spans {
		if n := len(out); n > 0 && s[0] < out[n-1][1] {
			out[n-1][1] = max(out[n-1][1], s[1])
			continue
		}
		out = append(out, s)
	}
	return out
}

// kindsOf tells what matched beside the text. Any number of a person stands
// for all kinds of numbers.
func kindsOf(m *search.DocumentMatch) []record.Kind {
	var kinds []record.Kind
	for field := range m.Locations {
		switch field {
		case fieldName:
			kinds = append(kinds, record.KindName)
		case fieldDOB:
			kinds = append(kinds, record.KindDOB)
		case fieldMRN:
			kinds = append(kinds, record.KindMRN)
		case fieldIdent:
			kinds = append(kinds, numberKinds...)
		}
	}
	slices.Sort(kinds)
	return slices.Compact(kinds)
}

var numberKinds = []record.Kind{record.KindMRN, record.KindAccount, record.KindAccession, record.KindSSN,
	record.KindMBI, record.KindNHS, record.KindNPI, record.KindPhone}
