package identify

import (
	"strings"

	"chartroom/record"
)

// loose keeps numbers of the same length as the record numbers that were found,
// or of the site's pattern, which no label explains, in the role unclear. They
// prove nothing about the patient; but one that is somebody else's in the
// registry is reason to ask a person.
func (d *reader) loose(s *sheet) {
	lengths := map[int]bool{}
	for _, id := range d.found {
		if v := id.Value.Reveal(); id.Kind == record.KindMRN && id.Role != record.RoleUnclear && isAllDigits(v) {
			lengths[len(v)] = true
		}
	}
	for i := range s.rows {
		for j := range s.rows[i].tokens {
			t := &s.rows[i].tokens[j]
			v := strings.Trim(t.text, ".,;:()[]*#")
			if len(v) < 6 || !isAllDigits(v) || !lengths[len(v)] && !d.site(v) || d.holds(s.page.Number, t.box) || explained(&s.rows[i], j) {
				continue
			}
			d.found = append(d.found, record.Identifier{Kind: record.KindMRN, Role: record.RoleUnclear, Value: record.Hide(v), Raw: record.Hide(t.text),
				Page: s.page.Number, Box: t.box, Confidence: 0.3 * t.conf, Source: record.SourceText, Check: record.CheckNone})
		}
	}
}

func (d *reader) site(v string) bool {
	for _, p := range d.opt.SiteMRN {
		if p.match(v) {
			return true
		}
	}
	return false
}

// holds says whether something was found at a place already.
func (d *reader) holds(page int, box record.Box) bool {
	for i := range d.found {
		b := d.found[i].Box
		if d.found[i].Page == page && box.Left < b.Right() && box.Right() > b.Left && box.Top < b.Bottom() && box.Bottom() > b.Top {
			return true
		}
	}
	return false
}

// explained says whether a label gives the token at j another meaning.
func explained(r *row, j int) bool {
	for _, l := range r.labels {
		if l.to <= j && j <= l.to+1 && l.kind == passOver || l.from <= j && j < l.to {
			return true
		}
	}
	return false
}
