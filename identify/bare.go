package identify

import (
	"strings"

	"chartroom/record"
)

// nameParts are the parts of a name that stand in fields of their own.
type nameParts struct {
	last, first, middle string
	tokens              []token
	row                 int
}

// partValue keeps a part of a name, and the name once its first and last are
// there. Parts that stand far apart are of different people.
func (d *reader) partValue(at *spot, tokens []token) bool {
	end := 1
	for end < len(tokens) && !tokens[end].starts && end < 3 {
		end++
	}
	var words []string
	for i := range tokens[:end] {
		w, _, ok := nameWord(strings.Trim(tokens[i].text, "()[]*_|"))
		if !ok {
			end = i
			break
		}
		words = append(words, w)
	}
	if len(words) == 0 {
		return false
	}
	role := at.people.roleOf(field{kind: record.KindName, role: at.label.role}, at.row, at.left())
	p := at.parts[role]
	if p == nil || at.row-p.row > 4 {
		p = &nameParts{}
		at.parts[role] = p
	}
	p.put(at.label.kind, strings.Join(words, " "), tokens[:end], at.row)
	if p.last != "" && p.first != "" && at.label.kind != partMiddle {
		d.keepParts(at, p, role)
	} else if p.last != "" && p.first != "" {
		d.dropLast(role)
		d.keepParts(at, p, role)
	}
	return true
}

func (p *nameParts) put(kind record.Kind, value string, tokens []token, row int) {
	switch kind {
	case partLast:
		p.last = value
	case partFirst:
		p.first = value
	case partMiddle:
		p.middle = value
	}
	p.tokens = append(p.tokens, tokens...)
	p.row = row
}

func (d *reader) keepParts(at *spot, p *nameParts, role record.Role) {
	at.people.named(role, at.row)
	value := record.CanonicalName(p.last, p.first, p.middle, "").Reveal()
	d.keep(at, record.KindName, role, value, p.tokens, confOf(p.tokens), record.CheckNone)
}

// dropLast takes back the name kept before its middle part was read.
func (d *reader) dropLast(role record.Role) {
	if n := len(d.found) - 1; n >= 0 && d.found[n].Kind == record.KindName && d.found[n].Role == role {
		d.found = d.found[:n]
	}
}

// bareNames looks for names without a label around the patient's numbers and
// birth dates: before the first label of the row, as in a running head, or in
// the row above, as on a stuck-on label.
func (d *reader) bareNames(at *spot) {
	tried := map[anchor]bool{}
	for _, a := range at.anchors {
		first := at.rows[a.row].labels[0].from
		if key := (anchor{a.row, -1}); first > 0 && !tried[key] {
			tried[key] = true
			d.bareName(at, at.rows[a.row].tokens[:first], a.row, false)
		}
		for up := a.row - 1; up >= 0 && up >= a.row-3; up-- {
			d.nameAbove(at, a, up, tried)
		}
	}
}

// nameAbove tries the cell of a row above that stands over the anchor.
func (d *reader) nameAbove(at *spot, a anchor, up int, tried map[anchor]bool) {
	r, above := &at.rows[a.row], &at.rows[up]
	if r.mid-above.mid > (a.row-up)*5*max(r.height, above.height)/2 {
		return
	}
	box := r.tokens[a.from].box
	for i := 0; i < len(above.tokens); {
		end := i + 1
		for end < len(above.tokens) && !above.tokens[end].starts {
			end++
		}
		cell := boxOf(above.tokens[i:end])
		key := anchor{up, i}
		if cell.Left <= box.Right()+2*r.height && cell.Right() >= box.Left-2*r.height && abs(cell.Left-box.Left) < 12*r.height && !tried[key] && !labelled(above, i, end) {
			tried[key] = true
			d.bareName(at, above.tokens[i:end], up, true)
		}
		i = end
	}
}

func labelled(r *row, from, to int) bool {
	for _, l := range r.labels {
		if l.from < to && l.to > from && (l.sure || l.from == from) {
			return true
		}
	}
	return false
}

// bareName keeps tokens that are a name and nothing else, written as names are
// on labels: LAST, FIRST or all in capitals, or with a title.
func (d *reader) bareName(at *spot, tokens []token, row int, above bool) {
	for len(tokens) > 0 && bare(tokens[len(tokens)-1].text) == "" {
		tokens = tokens[:len(tokens)-1]
	}
	n, ok := parseName(tokens)
	if !ok || !n.full() || n.credential || n.isPlace(tokens) || !agesOnly(tokens[n.used:]) {
		return
	}
	text := joinTokens(tokens[:n.used])
	capitals := strings.ToUpper(text) == text && len(n.first) > 1 && n.used <= 3 && !strings.ContainsAny(text, "()[]:")
	if !n.comma && !capitals && !titles[strings.ToLower(strings.Trim(tokens[0].text, "."))] || !n.comma && above && at.people.pat > 0 {
		return
	}
	at.label = label{}
	at.row = row
	d.keepName(at, n, record.RolePatient, tokens)
}

func agesOnly(tokens []token) bool {
	for i := range tokens {
		if !isAge(tokens[i].text) && sexWord(tokens[i].text) == "" {
			return false
		}
	}
	return true
}

// namedInProse reads the name that stands before "born" or a date of birth in
// running text. It reports whether somebody is named there, or was by a label
// of the same row or the row before.
func (d *reader) namedInProse(at *spot, role record.Role) bool {
	r := &at.rows[at.row]
	if at.people.lastRole == role && at.row-at.people.lastRow <= 1 {
		return true
	}
	from := at.label.from
	for from > 0 && at.label.from-from < 5 {
		word := strings.ToLower(strings.Trim(r.tokens[from-1].text, ".,()"))
		if _, _, ok := nameWord(r.tokens[from-1].text); !ok && !titles[word] {
			break
		}
		from--
	}
	n, ok := parseName(r.tokens[from:at.label.from])
	if !ok || !n.full() || n.credential {
		return false
	}
	at.people.named(role, at.row)
	d.keepName(at, n, role, r.tokens[from:at.label.from])
	return true
}
