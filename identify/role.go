package identify

import (
	"cmp"
	"slices"
	"strings"

	"chartroom/record"
)

// people keeps track, down a sheet, of whom the form speaks: the headings of
// its parts, the person named last, and what the patient already has.
type people struct {
	sections []section
	headed   int // middle of the row of the last heading
	lastRole record.Role
	lastRow  int
	seen     map[record.Kind]bool
	pat      int // row of the last thing known to be the patient's, plus one
}

// A section is a heading and the column it opens.
type section struct {
	left int
	role record.Role
}

// enter looks for headings in a row before its fields are read.
func (p *people) enter(r *row) {
	var heads []section
	for i := 0; i < len(r.tokens); {
		end := i + 1
		for end < len(r.tokens) && !r.tokens[end].starts {
			end++
		}
		if role, ok := words().headings[fold(joinTokens(r.tokens[i:end]))]; ok && !endsLabel(r.tokens[end-1].text) && alone(r, i, end) {
			heads = append(heads, section{r.tokens[i].box.Left, role})
		}
		i = end
	}
	if len(heads) == 0 {
		return
	}
	if r.mid-p.headed > 2*r.height { // a heading of the next column may stand a little lower
		p.sections = nil
	}
	p.sections, p.headed = append(p.sections, heads...), r.mid
	slices.SortStableFunc(p.sections, func(a, b section) int { return cmp.Compare(a.left, b.left) })
}

// alone says whether a cell has nothing but headings beside it, so that
// "Mother   Jane Doe" is a field and "Mother" a heading.
func alone(r *row, from, to int) bool {
	for i := 0; i < len(r.tokens); {
		end := i + 1
		for end < len(r.tokens) && !r.tokens[end].starts {
			end++
		}
		if _, ok := words().headings[fold(joinTokens(r.tokens[i:end]))]; !ok && (i < from || i >= to) {
			return false
		}
		i = end
	}
	return true
}

// section is the role of the part of the form that a place belongs to, or "".
func (p *people) section(left int) record.Role {
	var role record.Role
	for _, s := range p.sections {
		if role == "" || s.left <= left+20 {
			role = s.role
		}
	}
	return role
}

// named notes who was named, has what is known of the patient.
func (p *people) named(role record.Role, row int) {
	p.lastRole, p.lastRow = role, row
	if role == record.RolePatient {
		p.pat = row + 1
	}
}

func (p *people) has(kind record.Kind, role record.Role) {
	if p.seen == nil {
		p.seen = map[record.Kind]bool{}
	}
	if role == record.RolePatient {
		p.seen[kind] = true
	}
}

// roleOf is whom a field speaks of. The label's own word comes first, then the
// heading above it. Beside or under somebody else's name, what people have
// once is that person's if the patient has one already or it stands in the
// same row, and otherwise nobody's for certain; a record number stays the
// patient's.
func (p *people) roleOf(f field, row, left int) record.Role {
	if f.role != "" {
		return f.role
	}
	if role := p.section(left); role != "" {
		return role
	}
	if !personal(f.kind) || p.lastRole == "" || p.lastRole == record.RolePatient {
		return record.RolePatient
	}
	if p.lastRole == record.RoleProvider && f.kind != record.KindAddress {
		return record.RolePatient
	}
	if p.lastRow == row || p.seen[f.kind] && row-p.lastRow <= 4 {
		return p.lastRole
	}
	if row-p.lastRow <= 3 {
		return record.RoleUnclear
	}
	return record.RolePatient
}

// personal kinds are those that forms ask of everybody.
func personal(k record.Kind) bool {
	switch k {
	case record.KindDOB, record.KindSex, record.KindSSN, record.KindAddress, record.KindPhone:
		return true
	}
	return false
}

// phoneRole is whose telephone it is: the label's or the heading's person, a
// person's named just before, else the letterhead's.
func (p *people) phoneRole(l label, row int, r *row) record.Role {
	left := r.tokens[l.from].box.Left
	if l.role != "" {
		return l.role
	}
	if role := p.section(left); role != "" {
		return role
	}
	switch fold(joinTokens(r.tokens[l.from:l.to])) {
	case fold("home phone"), fold("cell phone"), fold("home telephone"), fold("mobile phone"), fold("patient phone"), fold("work phone"), fold("home tel"), fold("patients phone"), fold("daytime phone"):
		if p.lastRole == "" || p.lastRole == record.RoleProvider {
			return record.RolePatient
		}
		return p.lastRole
	}
	switch {
	case p.lastRole == "":
		return record.RoleFacility
	case row-p.lastRow <= 6:
		return p.lastRole
	}
	return record.RoleUnclear
}

// kinsmen are the words of a relationship to the patient. "Self" is none.
var kinsmen = wordSet("father mother parent guardian spouse wife husband partner son daughter brother sister sibling grandmother grandfather grandparent aunt uncle cousin caregiver representative friend relative poa attorney")

// kinRows are the rows around a name of nobody in particular that is followed,
// beside or below it, by the relationship of its bearer to the patient.
func kinRows(s *sheet) (rows [][2]int) {
	for i := range s.rows {
		if !tellsKin(&s.rows[i]) {
			continue
		}
		for j := i; j >= max(0, i-2); j-- {
			if slices.ContainsFunc(s.rows[j].labels, func(l label) bool { return l.kind == record.KindName && l.role == "" }) {
				rows = append(rows, [2]int{j, i + 2})
				break
			}
		}
	}
	return rows
}

// tellsKin reports whether a row says "Relationship: father" or "(father)".
func tellsKin(r *row) bool {
	for _, l := range r.labels {
		key := fold(joinTokens(r.tokens[l.from:l.to]))
		if (key == fold("relationship") || key == fold("relationship to patient")) && l.to < len(r.tokens) && kinsmen[strings.ToLower(bare(r.tokens[l.to].text))] {
			return true
		}
	}
	return slices.ContainsFunc(r.tokens, func(t token) bool { return t.text[0] == '(' && kinsmen[strings.ToLower(bare(t.text))] })
}

func within(ranges [][2]int, n int) bool {
	return slices.ContainsFunc(ranges, func(r [2]int) bool { return r[0] <= n && n <= r[1] })
}
