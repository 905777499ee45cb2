package index

import (
	"context"

	blevemapping "github.com/blevesearch/bleve/v2/mapping"
	"github.com/blevesearch/bleve/v2/search"
	"github.com/blevesearch/bleve/v2/search/query"
	api "github.com/blevesearch/bleve_index_api"
)

// either finds what any of its queries find and scores by the best of them.
// Bleve's disjunction would halve the score of a page for which one of two
// ways to write the same thing was enough.
type either []query.Query

// Searcher makes the searcher of one shard; Bleve calls it.
func (q either) Searcher(ctx context.Context, r api.IndexReader, m blevemapping.IndexMapping, opt search.SearcherOptions) (search.Searcher, error) {
	s := &eitherSearcher{}
	for _, kid := range q {
		one, err := kid.Searcher(ctx, r, m, opt)
		if err != nil {
			s.Close()
			return nil, err
		}
		s.kids = append(s.kids, &eitherKid{Searcher: one})
	}
	return s, nil
}

type eitherSearcher struct {
	kids  []*eitherKid
	begun bool
}

// eitherKid is a searcher and the match it stands at, nil at the end.
type eitherKid struct {
	search.Searcher
	now *search.DocumentMatch
}

// Next gives the next page, nil at the end.
func (s *eitherSearcher) Next(c *search.SearchContext) (*search.DocumentMatch, error) {
	if !s.begun {
		s.begun = true
		for _, k := range s.kids {
			if err := k.next(c); err != nil {
				return nil, err
			}
		}
	}
	return s.take(c)
}

// Advance gives the first page that is not before id.
func (s *eitherSearcher) Advance(c *search.SearchContext, id api.IndexInternalID) (*search.DocumentMatch, error) {
	for _, k := range s.kids {
		if s.begun && (k.now == nil || k.now.IndexInternalID.Compare(id) >= 0) {
			continue
		}
		if k.now != nil {
			c.DocumentMatchPool.Put(k.now)
		}
		var err error
		if k.now, err = k.Advance(c, id); err != nil {
			return nil, err
		}
	}
	s.begun = true
	return s.take(c)
}

func (k *eitherKid) next(c *search.SearchContext) (err error) {
	k.now, err = k.Next(c)
	return err
}

// take gives the lowest page that any kid stands at, and steps over it.
func (s *eitherSearcher) take(c *search.SearchContext) (*search.DocumentMatch, error) {
	var low *search.DocumentMatch
	for _, k := range s.kids {
		if k.now != nil && (low == nil || k.now.IndexInternalID.Compare(low.IndexInternalID) < 0) {
			low = k.now
		}
	}
	if low == nil {
		return nil, nil
	}
	for _, k := range s.kids {
		if k.now == nil || !k.now.IndexInternalID.Equals(low.IndexInternalID) {
			continue
		}
		if k.now != low {
			low.Score = max(low.Score, k.now.Score)
			low.FieldTermLocations = append(low.FieldTermLocations, k.now.FieldTermLocations...)
			c.DocumentMatchPool.Put(k.now)
		}
		if err := k.next(c); err != nil {
			return nil, err
		}
	}
	return low, nil
}

// Close closes all.
func (s *eitherSearcher) Close() (err error) {
	for _, k := range s.kids {
		if e := k.Searcher.Close(); err == nil {
			err = e
		}
	}
	return err
}

// Count is the most pages that may come.
func (s *eitherSearcher) Count() (n uint64) {
	for _, k := range s.kids {
		n += k.Searcher.Count()
	}
	return n
}

// Weight is of no meaning here; scores are of one scale already.
func (s *eitherSearcher) Weight() float64 { return 1 }

// SetQueryNorm does nothing.
func (s *eitherSearcher) SetQueryNorm(float64) {}

// Min is the number of parts that must match.
func (s *eitherSearcher) Min() int { return 0 }

// Size is about the memory taken, in bytes.
func (s *eitherSearcher) Size() (n int) {
	for _, k := range s.kids {
		n += k.Searcher.Size()
	}
	return n
}

// DocumentMatchPoolSize is the number of matches held at once.
func (s *eitherSearcher) DocumentMatchPoolSize() int {
	n := len(s.kids)
	for _, k := range s.kids {
		n += k.Searcher.DocumentMatchPoolSize()
	}
	return n
}
