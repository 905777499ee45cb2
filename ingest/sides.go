package ingest

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"
	"time"

	"chartroom/catalog"
	"chartroom/record"
)

// Fronts and backs that were scanned in two passes are two scans and one pile
// of paper. Whichever is read second puts the pages of both in order, and the
// documents of the fronts' scan hold them; the backs' scan is superseded by
// them. Until then each is a document of its own, for review. Two scans belong
// together only if they came to one drop folder, by one operator, within a
// while, and no third could be meant: anything else is a person's question.

// Sides say how fronts and backs are told apart, by a name on the way from the
// drop folder to the file: a subfolder's, or the file's own. In a pattern *
// stands for anything; the names of the two must be the same in its place. What
// else is on the way is the operator's. The zero value collates nothing.
type Sides struct {
	Fronts, Backs string
	Reversed      bool          // the pile was turned over: the backs come last sheet first
	Within        time.Duration // between the two
}

// side is what a file is by its name. Two files of one pile have the same pile.
type side struct {
	role record.Side
	pile record.Digest
}

// of tells what side a receipt's scan holds; ok is false where it is both.
func (s Sides) of(r *record.Receipt) (side, bool) {
	for _, is := range []struct {
		role    record.Side
		pattern string
	}{{record.Fronts, s.Fronts}, {record.Backs, s.Backs}} {
		if pile, ok := pileOf(r.Path.Reveal(), is.pattern); ok {
			return side{is.role, record.Digest(sha256.Sum256([]byte(r.From + "\x00" + pile)))}, true
		}
	}
	return side{}, false
}

// pileOf takes the name that matches the pattern out of a path. Where it is a
// subfolder's, the file's own name says nothing.
func pileOf(place, pattern string) (pile string, ok bool) {
	if pattern == "" {
		return "", false
	}
	expr := regexp.MustCompile("(?is)^" + strings.ReplaceAll(regexp.QuoteMeta(pattern), `\*`, "(.*)") + "$")
	names := strings.Split(place, "/")
	for i, name := range names {
		m := expr.FindStringSubmatch(name)
		if m == nil {
			continue
		}
		rest := slices.Concat(names[:i], []string{"\x01"}, names[min(i+1, len(names)):max(i+1, len(names)-1)])
		return path.Join(rest...) + "\x00" + strings.Join(m[1:], "\x00"), true
	}
	return "", false
}

// sheaf is what is divided into documents: the pages of a scan, or of two that
// are the sides of one pile, with the scan whose documents hold them.
type sheaf struct {
	scan     record.Digest
	received time.Time
	pages    []record.Page
	sides    record.Sides
	other    *record.Document // what is superseded by the documents: the backs' own
	doubt    string           // why a person must look
}

// waits reports whether the other sides are still to come.
func (s sheaf) waits() bool { return s.sides.Role != "" && s.other == nil }

// collate puts the pages just read together with those of the other sides.
func (p *Pipeline) collate(ctx context.Context, claim catalog.Claim, pages []record.Page) (sheaf, error) {
	alone := sheaf{scan: claim.Receipt.Scan, received: claim.Receipt.Received, pages: pages}
	own, err := p.Catalog.DocumentHead(ctx, record.DocumentID(claim.Receipt.Scan, 0))
	if err != nil {
		return alone, err
	}
	rules := p.rules(claim.Receipt).Sides
	is, ok := rules.of(claim.Receipt)
	if !own.Sides.Other.IsZero() { // it was collated before
		is.role, rules.Reversed = own.Sides.Role, own.Sides.Reversed
		other, err := p.Catalog.DocumentHead(ctx, record.DocumentID(own.Sides.Other, 0))
		if err != nil {
			return alone, err
		}
		return p.together(ctx, alone, is.role, other, rules.Reversed)
	}
	if !ok {
		return alone, nil
	}
	alone.sides.Role = is.role
	others, open, err := p.otherSides(ctx, own, is, rules)
	switch {
	case err != nil:
		return alone, err
	case len(others) == 0:
		alone.doubt = fmt.Sprintf("the %s of these sheets have not come", is.role.Other())
	case len(others) > 1 || between(open, own, others[0]):
		alone.doubt = fmt.Sprintf("more than one scan could hold the %s of these sheets", is.role.Other())
	case others[0].Sides.Other.IsZero() && !fit(is.role, len(pages), len(others[0].Pages)):
		alone.doubt = fmt.Sprintf("the scan of the %s has %d pages, this one %d", is.role.Other(), len(others[0].Pages), len(pages))
	default:
		return p.together(ctx, alone, is.role, others[0], rules.Reversed)
	}
	return alone, nil
}

// fit reports whether scans of so many pages can be the sides of one pile. The
// back of the last sheet may be missing.
func fit(role record.Side, own, other int) bool {
	if role == record.Backs {
		own, other = other, own
	}
	return own == other || own == other+1
}

// otherSides are the documents that wait for this side; one that has it already
// is the only one. open are the scans of the pile beside those that have no
// other sides: of this side, or not read yet.
func (p *Pipeline) otherSides(ctx context.Context, own *record.Document, is side, rules Sides) (found, open []*record.Document, err error) {
	f := catalog.Filter{Since: own.Received.Add(-rules.Within), Until: own.Received.Add(rules.Within), All: true}
	for d, err := range p.Catalog.Documents(ctx, f) {
		if err != nil {
			return nil, nil, err
		}
		if d.Sides.Other == own.Scan && d.Part == 0 && d.Sides.Role == is.role.Other() {
			return []*record.Document{d}, nil, nil
		}
		role, ok := rules.roleIn(is.pile, d)
		switch {
		case !ok || d.Part > 0 || d.Scan == own.Scan || !d.Sides.Other.IsZero():
		case d.Revision == 0, d.Sides.Role == role && role == is.role:
			open = append(open, d)
		case d.Sides.Role == role:
			found = append(found, d)
		}
	}
	return found, open, nil
}

// roleIn is the side of a pile that a document's scan is by one of its receipts.
func (s Sides) roleIn(pile record.Digest, d *record.Document) (record.Side, bool) {
	for i := range d.Receipts {
		if is, ok := s.of(&d.Receipts[i]); ok && is.pile == pile {
			return is.role, true
		}
	}
	return "", false
}

// between reports whether one of the open scans of a pile came before the later
// of two that could belong together: it could be meant as well as one of them,
// in whatever order they are read.
func between(open []*record.Document, a, b *record.Document) bool {
	later := a.Received
	if b.Received.After(later) {
		later = b.Received
	}
	return slices.ContainsFunc(open, func(d *record.Document) bool { return !d.Received.After(later) })
}

// together puts the pages of two scans in the order of the paper.
func (p *Pipeline) together(ctx context.Context, own sheaf, role record.Side, other *record.Document, reversed bool) (sheaf, error) {
	pages, err := p.pagesOf(ctx, other)
	if err != nil {
		return own, fmt.Errorf("the other sides: %w", err)
	}
	s := sheaf{scan: own.scan, received: own.received, other: other, sides: record.Sides{Role: record.Fronts, Other: other.Scan, Reversed: reversed}}
	fronts, backs := own.pages, pages
	if role == record.Backs {
		fronts, backs = pages, own.pages
		s.scan, s.received, s.sides.Other = other.Scan, other.Received, own.scan
		if s.other, err = p.Catalog.DocumentHead(ctx, record.DocumentID(own.scan, 0)); err != nil {
			return own, err
		}
	}
	s.pages = interleaved(fronts, backs, reversed)
	if len(fronts) != len(backs) {
		s.sides.Uneven, s.doubt = true, unevenReason
	}
	return s, nil
}

const unevenReason = "fewer backs were scanned than fronts: see whether they belong together"

// sheafOf is what a document was divided from, as far as its record tells: what
// made a person look at its sides still does.
func sheafOf(d *record.Document) *sheaf {
	s := &sheaf{scan: d.Scan, received: d.Received, sides: d.Sides}
	if d.Sides.Role != "" && (d.Sides.Other.IsZero() || d.Sides.Uneven) {
		if s.doubt = unevenReason; d.Sides.Other.IsZero() && d.Status == record.StatusReview {
			s.doubt = d.Reason
		}
	}
	return s
}

// interleaved are the sides of a pile in order. Where backs are missing they
// are those of the last sheets.
func interleaved(fronts, backs []record.Page, reversed bool) []record.Page {
	backs = slices.Clone(backs)
	if reversed {
		slices.Reverse(backs)
	}
	var pages []record.Page
	for i := range fronts {
		pages = append(pages, fronts[i])
		if i < len(backs) {
			pages = append(pages, backs[i])
		}
	}
	for i := range pages {
		pages[i].Number = i + 1
	}
	return pages
}

// pagesOf are the pages of a scan whose job is over: from its document while it
// has them all, else read once more.
func (p *Pipeline) pagesOf(ctx context.Context, head *record.Document) ([]record.Page, error) {
	if head.Revision > 0 && head.Status != record.StatusSuperseded && head.Sides.Other.IsZero() && head.ScanPages == [2]int{} {
		d, err := p.Catalog.Document(ctx, head.ID)
		if err != nil {
			return nil, err
		}
		return d.Pages, nil
	}
	if len(head.Receipts) == 0 {
		return nil, errors.New("nothing is known of where they came from")
	}
	original, err := p.fetch(ctx, head.Scan)
	if err != nil {
		return nil, err
	}
	defer original.Close()
	scan, err := p.open(ctx, original)
	if err != nil {
		return nil, err
	}
	defer scan.Close()
	return p.recognise(ctx, &head.Receipts[0], scan)
}

// collated is the record of a scan whose pages are in the documents of another.
func (p *Pipeline) collated(s sheaf, documents []*record.Document) *record.Document {
	d := p.superseded(documents[0], s.other.ID, documents)
	d.Scan, d.Received, d.Separators = s.other.Scan, s.other.Received, nil
	d.Sides = record.Sides{Role: record.Backs, Other: s.scan, Reversed: s.sides.Reversed}
	d.Reason = "its pages are the backs of another scan's"
	return d
}

// pile names the pile that a scan belongs to, so that the jobs of its two sides
// wait for each other.
func (p *Pipeline) pile(r *record.Receipt) (record.Digest, bool) {
	is, ok := p.rules(r).Sides.of(r)
	return is.pile, ok
}
