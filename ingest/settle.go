package ingest

import (
	"os"
	"path"
	"time"
)

// sighting is what we know of a file that is not claimed: how it looked last,
// and since when, by our own monotonic clock, it has looked so.
type sighting struct {
	stamp   stamp
	first   time.Time // first seen at all
	since   time.Time // has stood still since
	why     string    // why it waits
	endless bool      // stands still, but its format's end is missing
	tries   int       // failed attempts to take it
	next    time.Time // not tried before
	taken   bool      // taken by copy, as it is now
}

const (
	endlessSettles = 10             // settle times after which a file is taken without its end
	stuckAfter     = 24 * time.Hour // when a waiting file is shown as stuck
	slowestRetry   = 5 * time.Minute
)

// sightings are files by their path relative to the drop folder.
type sightings map[string]*sighting

// sight enters a look at a file and returns what is known of it.
func (m sightings) sight(rel string, s stamp, now time.Time) *sighting {
	known := m[rel]
	switch {
	case known == nil:
		known = &sighting{stamp: s, first: now, since: now}
		m[rel] = known
	case known.stamp != s:
		*known = sighting{stamp: s, first: known.first, since: now}
	}
	return known
}

// settled reports whether the file may be tried now. If not it says why, and
// after how long it is worth another look (0: at the next poll).
func (d *drop) settled(rel string, e entry, s *sighting, now time.Time) (ok bool, why string, wait time.Duration) {
	if why := temporary(path.Base(rel)); why != "" {
		return false, why, 0
	}
	if e.links > 1 {
		return false, "it has another name elsewhere (hard link): copy it here instead", 0
	}
	still := now.Sub(s.since)
	switch {
	case still < d.Settle:
		return false, "must stand still a little longer", d.Settle - still
	case s.endless && still < endlessSettles*d.Settle:
		return false, "its end is missing: still being written, or cut off", endlessSettles*d.Settle - still
	case now.Before(s.next):
		return false, s.why, s.next.Sub(now)
	}
	return true, "", 0
}

// postpone has a file tried again later, each time twice as late.
func (d *drop) postpone(s *sighting, why string, now time.Time) {
	wait := slowestRetry
	if s.tries < 16 {
		wait = min(max(d.Settle, time.Second)<<s.tries, slowestRetry)
	}
	s.why, s.tries, s.next = why, s.tries+1, now.Add(wait)
}

// complete reports whether the end of an opened file is there. An empty file
// is one whose content has not come yet: many scanners create the file first.
func (in *Intake) complete(f *os.File, size int64) bool {
	if size == 0 {
		return false
	}
	if in.ended == nil {
		return true
	}
	complete, known := in.ended(f, size)
	return complete || !known
}
