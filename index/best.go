package index

import (
	"context"
	"math"
	"sync"

	blevemapping "github.com/blevesearch/bleve/v2/mapping"
	"github.com/blevesearch/bleve/v2/search"
	"github.com/blevesearch/bleve/v2/search/query"
	api "github.com/blevesearch/bleve_index_api"
)

// A pick is one term in one field, and how much finding it is worth: 1 for
// the word itself on the page, less for something that only resembles it.
type pick struct {
	field, term string
	weight      float64
	exact       bool // what was typed, not something like it
}

// best finds the pages on which any of its picks stand and scores each by the
// best of them. Bleve's own disjunction adds scores up and weighs every term by
// its rarity, so that a rare misreading beats the word that was asked for. Here
// all picks share the rarity of the word as typed, and a page's score is
//
//	rarity × weight of its best pick × (0.6 to 1, by frequency and length)
//
// so that nothing of less than 0.6 of the weight can come before an exact hit.
// Further exact picks (the word in the name and on the page) add a little.
type best struct {
	picks   []pick
	like    []likeness // further picks, found in the dictionary when it runs
	neutral bool       // finds, but is worth nothing: a filter

	rarity float64 // of the word among all pages; set before it runs

	mu    sync.Mutex
	found map[string][]pick // what like came to, by shard: the second phase need not look again
	cut   bool              // a likeness stood for more words than were taken
}

// shardKey carries the name of the shard in a search's context.
type shardKey struct{}

// wasCut reports whether not every word that fits was searched.
func (q *best) wasCut() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.cut
}

// Searcher makes the searcher of one shard; Bleve calls it.
func (q *best) Searcher(ctx context.Context, r api.IndexReader, _ blevemapping.IndexMapping, opt search.SearcherOptions) (search.Searcher, error) {
	picks, err := q.resolve(ctx, r)
	if err != nil {
		return nil, err
	}
	s := &bestSearcher{ctx: ctx, rarity: q.rarity, neutral: q.neutral, locating: opt.IncludeTermVectors}
	for _, p := range picks {
		if err := s.open(ctx, r, p, opt.IncludeTermVectors); err != nil {
			s.Close()
			return nil, err
		}
	}
	return s, nil
}

// count tells on how many pages of a shard the word stands: the most frequent
// of what was typed or, if that is nowhere, everything that resembles it.
func (q *best) count(ctx context.Context, r api.IndexReader) (exact, alike uint64, err error) {
	picks, err := q.resolve(ctx, r)
	if err != nil || q.neutral {
		return 0, 0, err
	}
	for _, asked := range []bool{true, false} {
		for _, p := range picks {
			if p.exact != asked {
				continue
			}
			n, err := frequency(ctx, r, p.field, p.term)
			if err != nil {
				return 0, 0, err
			}
			if alike += n; asked {
				exact = max(exact, n)
			}
		}
		if exact > 0 {
			return exact, 0, nil
		}
	}
	return 0, alike, nil
}

func (q *best) weigh(rarity float64) { q.rarity = rarity }

func frequency(ctx context.Context, r api.IndexReader, field, term string) (uint64, error) {
	list, err := r.TermFieldReader(ctx, []byte(term), field, false, false, false)
	if err != nil {
		return 0, err
	}
	n := list.Count()
	return n, list.Close()
}

// resolve gives the picks together with those found in the shard's dictionary.
func (q *best) resolve(ctx context.Context, r api.IndexReader) ([]pick, error) {
	if len(q.like) == 0 {
		return q.picks, nil
	}
	shard, _ := ctx.Value(shardKey{}).(string)
	q.mu.Lock()
	defer q.mu.Unlock()
	if picks, ok := q.found[shard]; ok {
		return picks, nil
	}
	picks := append([]pick(nil), q.picks...)
	for _, l := range q.like {
		more, cut, err := l.expand(ctx, r)
		if err != nil {
			return nil, err
		}
		picks, q.cut = append(picks, more...), q.cut || cut
	}
	picks = distinct(picks)
	if q.found == nil {
		q.found = map[string][]pick{}
	}
	q.found[shard] = picks
	return picks, nil
}

// distinct keeps the weightiest of equal picks.
func distinct(picks []pick) []pick {
	type key struct{ field, term string }
	at := map[key]int{}
	out := picks[:0:0]
	for _, p := range picks {
		k := key{p.field, p.term}
		if i, ok := at[k]; ok {
			if p.weight > out[i].weight {
				out[i] = p
			}
			continue
		}
		at[k] = len(out)
		out = append(out, p)
	}
	return out
}

// rarity is how much a word says that stands on df of total pages, in steps
// that a cursor can carry.
func rarity(total, df uint64) float64 {
	df = min(df, total)
	return math.Round(1e4*math.Log(1+(float64(total-df)+0.5)/(float64(df)+0.5))) / 1e4
}

// bestSearcher walks the postings of all picks side by side, page by page:
// heap holds those that are not at their end, the lowest page first.
type bestSearcher struct {
	ctx      context.Context
	lists    []*postings
	heap     []*postings
	begun    bool
	rarity   float64
	neutral  bool
	locating bool // note where on the page the picks stand
	steps    int
}

// postings is one pick's list of pages; now is the page it stands at and at
// its number within the shard.
type postings struct {
	pick
	reader api.TermFieldReader
	buffer api.TermFieldDoc
	now    *api.TermFieldDoc
	at     uint64
}

func (s *bestSearcher) open(ctx context.Context, r api.IndexReader, p pick, locate bool) error {
	inText := p.field == fieldText
	reader, err := r.TermFieldReader(ctx, []byte(p.term), p.field, inText, inText, locate && inText)
	if err != nil {
		return err
	}
	if reader.Count() == 0 {
		return reader.Close()
	}
	s.lists = append(s.lists, &postings{pick: p, reader: reader})
	return nil
}

// next steps to the next page; more is false at the end.
func (l *postings) next() (more bool, err error) {
	l.now, err = l.reader.Next(l.buffer.Reset())
	return l.arrived(), err
}

// advance steps to the first page that is not before id.
func (l *postings) advance(id api.IndexInternalID) (more bool, err error) {
	l.now, err = l.reader.Advance(id, l.buffer.Reset())
	return l.arrived(), err
}

func (l *postings) arrived() bool {
	if l.now == nil {
		return false
	}
	l.at = l.now.ID.Value()
	return true
}

// checkEvery is the number of pages between two looks at the deadline.
const checkEvery = 1024

// Next gives the next page, nil at the end.
func (s *bestSearcher) Next(c *search.SearchContext) (*search.DocumentMatch, error) {
	if s.steps++; s.steps%checkEvery == 0 && s.ctx.Err() != nil {
		return nil, s.ctx.Err()
	}
	if !s.begun {
		if err := s.start((*postings).next); err != nil {
			return nil, err
		}
	}
	return s.take(c)
}

// Advance gives the first page that is not before id.
func (s *bestSearcher) Advance(c *search.SearchContext, id api.IndexInternalID) (*search.DocumentMatch, error) {
	step := func(l *postings) (bool, error) { return l.advance(id) }
	if !s.begun {
		if err := s.start(step); err != nil {
			return nil, err
		}
	}
	for wanted := id.Value(); len(s.heap) > 0 && s.heap[0].at < wanted; {
		if err := s.step(step); err != nil {
			return nil, err
		}
	}
	return s.take(c)
}

// start takes the first step in every list.
func (s *bestSearcher) start(step func(*postings) (bool, error)) error {
	s.begun = true
	for _, l := range s.lists {
		more, err := step(l)
		if err != nil {
			return err
		}
		if more {
			s.heap = append(s.heap, l)
		}
	}
	for i := len(s.heap)/2 - 1; i >= 0; i-- {
		s.sink(i)
	}
	return nil
}

// step moves the list that stands lowest, and drops it at its end.
func (s *bestSearcher) step(step func(*postings) (bool, error)) error {
	more, err := step(s.heap[0])
	if err != nil {
		return err
	}
	if !more {
		last := len(s.heap) - 1
		s.heap[0] = s.heap[last]
		s.heap = s.heap[:last]
	}
	s.sink(0)
	return nil
}

// sink restores the order of the heap below i.
func (s *bestSearcher) sink(i int) {
	for {
		low := i
		for child := 2*i + 1; child <= 2*i+2 && child < len(s.heap); child++ {
			if s.heap[child].at < s.heap[low].at {
				low = child
			}
		}
		if low == i {
			return
		}
		s.heap[i], s.heap[low] = s.heap[low], s.heap[i]
		i = low
	}
}

// take scores the lowest page that any list stands at, and steps over it.
func (s *bestSearcher) take(c *search.SearchContext) (*search.DocumentMatch, error) {
	if len(s.heap) == 0 {
		return nil, nil
	}
	page := s.heap[0].at
	m := c.DocumentMatchPool.Get()
	m.IndexInternalID = api.NewIndexInternalIDFrom(m.IndexInternalID, s.heap[0].now.ID)
	var top, exact float64
	var topExact bool
	for len(s.heap) > 0 && s.heap[0].at == page {
		l := s.heap[0]
		worth := l.worth()
		if l.exact {
			exact += worth
		}
		if worth > top {
			top, topExact = worth, l.exact
		}
		l.locate(m, s.locating)
		if err := s.step((*postings).next); err != nil {
			return nil, err
		}
	}
	if topExact {
		exact -= top
	}
	if !s.neutral {
		m.Score = s.rarity * (top + 0.1*exact)
	}
	return m, nil
}

// usualLength is the number of words of an ordinary page, saturation and
// lengthEffect the constants of BM25.
const (
	usualLength  = 300
	saturation   = 1.2
	lengthEffect = 0.75
)

// worth is the pick's weight times 0.6 to 1.
func (l *postings) worth() float64 {
	if l.field != fieldText {
		return l.weight * 0.8
	}
	length := float64(usualLength)
	if n := l.now.Norm; n > 0 {
		length = 1 / (n * n)
	}
	tf := float64(l.now.Freq)
	return l.weight * (0.6 + 0.4*tf/(tf+saturation*(1-lengthEffect+lengthEffect*length/usualLength)))
}

// locate notes where on the page the pick stands, if that was asked for; a
// pick that stands beside the page's text is noted by its field alone.
func (l *postings) locate(m *search.DocumentMatch, wanted bool) {
	if !wanted {
		return
	}
	if l.field != fieldText {
		m.FieldTermLocations = append(m.FieldTermLocations, search.FieldTermLocation{Field: l.field, Term: l.term})
	}
	for _, v := range l.now.Vectors {
		m.FieldTermLocations = append(m.FieldTermLocations, search.FieldTermLocation{
			Field: l.field, Term: l.term,
			Location: search.Location{Pos: v.Pos, Start: v.Start, End: v.End},
		})
	}
}

// Close gives the lists back.
func (s *bestSearcher) Close() (err error) {
	for _, l := range s.lists {
		if e := l.reader.Close(); err == nil {
			err = e
		}
	}
	s.lists = nil
	return err
}

// Count is the most pages that may come.
func (s *bestSearcher) Count() (n uint64) {
	for _, l := range s.lists {
		n += l.reader.Count()
	}
	return n
}

// Weight and SetQueryNorm are Bleve's way to make scores of different queries
// comparable; scores here are of one scale already.
func (s *bestSearcher) Weight() float64 { return 1 }

// SetQueryNorm does nothing.
func (s *bestSearcher) SetQueryNorm(float64) {}

// Min is the number of parts that must match.
func (s *bestSearcher) Min() int { return 0 }

// Size is about the memory taken, in bytes.
func (s *bestSearcher) Size() int { return 256 + 512*len(s.lists) }

// DocumentMatchPoolSize is the number of matches held at once.
func (s *bestSearcher) DocumentMatchPoolSize() int { return 1 }

// phrase finds words that stand side by side, each given by the terms that may
// stand for it. It scores like as many words as it has, of the rarest's rarity.
type phrase struct {
	positions [][]string
	rarity    float64
}

func (q *phrase) weigh(rarity float64) { q.rarity = rarity }

// count takes the pages of the rarest word for those of the phrase.
func (q *phrase) count(ctx context.Context, r api.IndexReader) (exact, alike uint64, err error) {
	for i, terms := range q.positions {
		var sum uint64
		for _, t := range terms {
			n, err := frequency(ctx, r, fieldText, t)
			if err != nil {
				return 0, 0, err
			}
			sum += n
		}
		if i == 0 || sum < exact {
			exact = sum
		}
	}
	return exact, exact, nil
}

// Searcher makes the searcher of one shard; Bleve calls it.
func (q *phrase) Searcher(ctx context.Context, r api.IndexReader, m blevemapping.IndexMapping, opt search.SearcherOptions) (search.Searcher, error) {
	s, err := query.NewMultiPhraseQuery(q.positions, fieldText).Searcher(ctx, r, m, opt)
	if err != nil {
		return nil, err
	}
	return &phraseSearcher{Searcher: s, score: q.rarity * float64(len(q.positions))}, nil
}

type phraseSearcher struct {
	search.Searcher
	score float64
}

func (s *phraseSearcher) Next(c *search.SearchContext) (*search.DocumentMatch, error) {
	m, err := s.Searcher.Next(c)
	if m != nil {
		m.Score = s.score
	}
	return m, err
}

func (s *phraseSearcher) Advance(c *search.SearchContext, id api.IndexInternalID) (*search.DocumentMatch, error) {
	m, err := s.Searcher.Advance(c, id)
	if m != nil {
		m.Score = s.score
	}
	return m, err
}
