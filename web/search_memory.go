package web

import (
	"crypto/rand"
	"sync"
	"time"

	"chartroom/record"
)

const (
	searchLife = 12 * time.Hour // a shift, so that Back works all day
	searchMost = 4096           // searches remembered
)

// searches remembers what was searched for under random tokens, so that an
// address can name a search without saying what was sought. It is bounded in
// number and in time, and lives in memory alone.
type searches struct {
	now func() time.Time

	mu    sync.Mutex
	known map[string]*remembered
}

type remembered struct {
	query record.Private
	used  time.Time
}

func newSearches(now func() time.Time) *searches {
	return &searches{now: now, known: map[string]*remembered{}}
}

// keep remembers a query and gives its token.
func (s *searches) keep(query record.Private) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.forget()
	token := rand.Text()
	s.known[token] = &remembered{query, s.now()}
	return token
}

// query gives back what keep was told, and false if it is forgotten.
func (s *searches) query(token string) (record.Private, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r, ok := s.known[token]
	if !ok || s.now().Sub(r.used) > searchLife {
		return record.Private{}, false
	}
	r.used = s.now()
	return r.query, true
}

// forget drops what is too old, and the oldest when there is no room.
func (s *searches) forget() {
	oldest := ""
	for token, r := range s.known {
		if s.now().Sub(r.used) > searchLife {
			delete(s.known, token)
		} else if oldest == "" || r.used.Before(s.known[oldest].used) {
			oldest = token
		}
	}
	if len(s.known) >= searchMost {
		delete(s.known, oldest)
	}
}
