package identify

import (
	"strings"

	"chartroom/record"
)

// A reader gathers what the sheets of one document say.
type reader struct {
	opt    Options
	order  DateOrder
	found  []record.Identifier
	births []birth
	dates  []dated
}

// A birth is a date of birth as written; its readings are settled when the
// whole document is read.
type birth struct {
	written
	record.Identifier
}

// A dated is a date that is not a birth, with its meaning.
type dated struct {
	written
	meaning record.Kind
	page    int
	row     int
	conf    float64
}

// A spot is where the reading stands: a label of a row of a sheet, and what
// the sheet said before.
type spot struct {
	*sheet
	row     int
	label   label
	people  people
	kin     [][2]int // rows, both ends included, in which somebody's relationship to the patient is told
	parts   map[record.Role]*nameParts
	anchors []anchor
}

// An anchor is a place that holds a patient's number or birth date; a name
// without a label is looked for around it.
type anchor struct{ row, from int }

// read finds all that one sheet says.
func (d *reader) read(s *sheet) {
	at := spot{sheet: s, parts: map[record.Role]*nameParts{}, kin: kinRows(s)}
	for i := range s.rows {
		at.row = i
		at.people.enter(&s.rows[i])
		for n := range s.rows[i].labels {
			at.label = s.rows[i].labels[n]
			d.readField(&at, n)
		}
	}
	d.bareNames(&at)
}

// readField reads the value that goes with a label: right of it, or where
// nothing stands there, below it.
func (d *reader) readField(at *spot, n int) {
	right := at.rightOf(n)
	signs := at.label.kind == passOver && strings.Contains(fold(joinTokens(at.rows[at.row].tokens[at.label.from:at.label.to])), fold("signature"))
	if role := at.label.role; (at.label.kind == record.KindName && at.label.sure || signs) && role != "" && role != record.RolePatient {
		at.people.named(role, at.row) // though the name may be unreadable
	}
	if len(right) > 0 && d.value(at, right) {
		return
	}
	if len(right) > 0 {
		d.unread(at, right)
	}
	if !at.label.sure || len(right) > 0 && !right[0].starts {
		return
	}
	if below, row := at.below(n, at.row); len(below) > 0 && d.value(at, below) {
		d.list(at, n, row, below)
	}
}

// list reads on down a column of record numbers or birth dates: a list of
// patients is about several people, and whoever files it should know.
func (d *reader) list(at *spot, n, row int, first []token) {
	if at.role() != record.RolePatient {
		return
	}
	same := func(tokens []token) bool { return false }
	switch at.label.kind {
	case record.KindDOB:
		same = func(tokens []token) bool { _, ok := parseDate(tokens, d.order); return ok }
	case record.KindMRN:
		head, _ := recordNumber(first, d.opt.SiteMRN)
		same = func(tokens []token) bool {
			next, ok := recordNumber(tokens, d.opt.SiteMRN)
			return ok && len(next.value) == len(head.value)
		}
	}
	for {
		tokens, next := at.below(n, row)
		if next != row+1 || !same(tokens) {
			return
		}
		d.value(at, tokens)
		row = next
	}
}

// unread keeps a field that is surely for the patient's name, number or birth
// date and holds something that cannot be read as one: in the role unclear,
// its check bad. Whoever files the document should know that the form names
// somebody, though not whom.
func (d *reader) unread(at *spot, tokens []token) {
	words := at.rows[at.row].tokens[at.label.from:at.label.to]
	if !words[0].starts && !endsLabel(words[len(words)-1].text) {
		return
	}
	if kind := at.label.kind; !at.label.sure || kind != record.KindName && kind != record.KindMRN && kind != record.KindDOB || at.role() != record.RolePatient {
		return
	}
	if at.label.kind == record.KindName && !strings.Contains(fold(joinTokens(words)), fold("name")) {
		return
	}
	if _, ok := otherNumber(tokens); ok && at.label.kind == record.KindMRN && len(d.opt.SiteMRN) > 0 {
		return // the number of another place
	}
	end := 1
	for end < len(tokens) && !tokens[end].starts && end < 6 {
		end++
	}
	if text := joinTokens(tokens[:end]); countLetters(text)+countDigits(text) >= 4 {
		d.keep(at, at.label.kind, record.RoleUnclear, strings.ToUpper(text), tokens[:end], 0.05, record.CheckBad)
	}
}

// rightOf is what stands between the label and the next one of its row.
func (at *spot) rightOf(n int) []token {
	r := &at.rows[at.row]
	end := len(r.tokens)
	for _, next := range r.labels[n+1:] {
		if next.sure || at.label.kind != record.KindName {
			end = next.from
			break
		}
	}
	return r.tokens[at.label.to:end]
}

// left is where the label begins, role whom its field speaks of.
func (at *spot) left() int { return at.rows[at.row].tokens[at.label.from].box.Left }

func (at *spot) role() record.Role {
	role := at.people.roleOf(at.label.field, at.row, at.left())
	if role == record.RolePatient && at.label.role == "" && (at.label.kind == record.KindName || personal(at.label.kind)) && within(at.kin, at.row) {
		return record.RoleUnclear
	}
	return role
}

// below is what stands under the label in its column, one row down from a row
// or, where the next row holds nothing there, two; and in which row.
func (at *spot) below(n, above int) ([]token, int) {
	r := &at.rows[at.row]
	cell := at.label.from
	for cell > 0 && !r.tokens[cell].starts && (n == 0 || cell > r.labels[n-1].to) {
		cell--
	}
	left, right := r.tokens[cell].box.Left-r.height, at.width+1
	if at.label.kind == record.KindSex { // its two boxes stand around the label's middle
		left -= 7 * r.height
	}
	for i := at.label.to; i < len(r.tokens); i++ {
		if r.tokens[i].starts {
			right = r.tokens[i].box.Left - r.height/2
			break
		}
	}
	from := at.rows[above].mid
	for i := above + 1; i < len(at.rows) && i <= above+2; i++ {
		next := &at.rows[i]
		if next.mid-from > 4*max(r.height, at.typical) {
			break
		}
		if column := next.column(left, right); len(column) > 0 {
			return column, i
		}
	}
	return nil, above
}

// column is the tokens of a row whose middle lies in [left, right), up to the
// first label; nothing where a label opens it.
func (r *row) column(left, right int) []token {
	from, to := -1, -1
	for i := range r.tokens {
		if mid := r.tokens[i].box.Left + r.tokens[i].box.Width/2; mid < left || mid >= right {
			continue
		}
		if from < 0 {
			from = i
		}
		to = i + 1
	}
	if from < 0 {
		return nil
	}
	for _, l := range r.labels {
		if l.from <= from && from < l.to {
			return nil
		}
		if l.from > from && l.from < to {
			to = l.from
		}
	}
	return r.tokens[from:to]
}

// value reads tokens as the label's field says and keeps what it finds.
func (d *reader) value(at *spot, tokens []token) bool {
	switch kind := at.label.kind; {
	case kind == passOver:
		return false
	case isDate(kind):
		return d.dateValue(at, tokens)
	case kind == record.KindName:
		return d.nameValue(at, tokens)
	case kind == partLast || kind == partFirst || kind == partMiddle:
		return d.partValue(at, tokens)
	case kind == record.KindDOB:
		return d.birthValue(at, tokens)
	case kind == record.KindSex:
		return d.sexValue(at, tokens)
	case kind == record.KindAddress:
		return d.addressValue(at, tokens)
	}
	return d.numberValue(at, tokens)
}

func (d *reader) dateValue(at *spot, tokens []token) bool {
	w, ok := parseDate(tokens, d.order)
	if ok {
		d.dates = append(d.dates, dated{w, at.label.kind, at.page.Number, at.row, confOf(tokens[:w.used])})
	}
	return ok
}

func (d *reader) nameValue(at *spot, tokens []token) bool {
	n, ok := parseName(tokens)
	if !ok || !n.full() || !at.label.sure && !n.stands(tokens) || n.isPlace(tokens) {
		return false
	}
	role := at.role()
	if n.credential && (at.label.weak || at.label.role == "") && role == record.RolePatient {
		role = record.RoleProvider
	}
	at.people.named(role, at.row)
	d.keepName(at, n, role, tokens)
	return true
}

// stands says whether a name fills its cell, as it must where no colon says
// that the words before it are a label.
func (n *name) stands(tokens []token) bool {
	rest := tokens[n.used:]
	return len(rest) == 0 || rest[0].starts || n.credential || isDigit(rest[0].text[0])
}

// isPlace spares "Mercy Hospital" and "Anders Street" from being people.
func (n *name) isPlace(tokens []token) bool {
	if n.used >= len(tokens) || tokens[n.used].starts {
		return false
	}
	return places[strings.ToLower(strings.Trim(tokens[n.used].text, ".,"))]
}

var places = wordSet("hospital hospitals center centre clinic health medical healthcare surgery practice street road avenue drive lane laboratory laboratories pharmacy university trust memorial regional department ward insurance university general group associates community")

func (d *reader) keepName(at *spot, n name, role record.Role, tokens []token) {
	used := trimTokens(tokens[:n.used])
	conf := confOf(used) * at.trust()
	if n.masked {
		conf *= 0.7
	}
	if !n.comma && n.suffix == "" && n.middle == "" && !n.credential {
		conf *= 0.98
	}
	d.keep(at, record.KindName, role, n.canonical().Reveal(), used, conf, record.CheckNone)
}

// trimTokens drops what stands around a value and is no letter or digit.
func trimTokens(tokens []token) []token {
	for len(tokens) > 1 && bare(tokens[len(tokens)-1].text) == "" {
		tokens = tokens[:len(tokens)-1]
	}
	return tokens
}

// trust is how far a label may be believed.
func (at *spot) trust() float64 {
	if at.label.sure {
		return 1
	}
	return 0.85
}

func (d *reader) keep(at *spot, kind record.Kind, role record.Role, value string, from []token, conf float64, check record.Check) {
	d.found = append(d.found, record.Identifier{Kind: kind, Role: role, Value: record.Hide(value), Raw: record.Hide(joinTokens(from)),
		Page: at.page.Number, Box: boxOf(from), Confidence: min(conf, 1), Source: record.SourceText, Check: check})
}

func (d *reader) birthValue(at *spot, tokens []token) bool {
	w, ok := parseDate(tokens, d.order)
	if !ok {
		d.sexBeside(at, tokens)
		return false
	}
	r := &at.rows[at.row]
	role := at.role()
	if strings.HasPrefix(fold(r.tokens[at.label.from].text), "born") && !d.namedInProse(at, role) {
		return false
	}
	d.keepBirth(at, w, role, tokens)
	at.people.has(record.KindDOB, role)
	if role == record.RolePatient {
		at.anchors = append(at.anchors, anchor{at.row, at.label.from})
	}
	d.keepSex(at, role, tokens[w.used:])
	return true
}

// sexBeside reads the sex that stands behind a birth date that could not be
// read.
func (d *reader) sexBeside(at *spot, tokens []token) {
	if countDigits(tokens[0].text) < 4 || !strings.ContainsAny(tokens[0].text, "/-.") {
		return
	}
	d.keepSex(at, at.role(), tokens[1:])
}

func (d *reader) keepSex(at *spot, role record.Role, tokens []token) {
	if sex, used := sexAfter(tokens); sex != "" {
		d.keep(at, record.KindSex, role, sex, used, confOf(used)*0.95, record.CheckNone)
	}
}

func (d *reader) keepBirth(at *spot, w written, role record.Role, tokens []token) {
	used := tokens[:w.used]
	conf := confOf(used) * at.trust()
	if w.masked {
		conf *= 0.7
	}
	if w.short {
		conf *= 0.9
	}
	d.births = append(d.births, birth{w, record.Identifier{Kind: record.KindDOB, Role: role, Raw: record.Hide(joinTokens(used)),
		Page: at.page.Number, Box: boxOf(used), Confidence: conf, Source: record.SourceText, Check: record.CheckNone}})
}

// numberValue reads what is written in digits, with or without letters.
func (d *reader) numberValue(at *spot, tokens []token) bool {
	kind := at.label.kind
	var n number
	var ok bool
	switch kind {
	case record.KindMRN:
		n, ok = recordNumber(tokens, d.opt.SiteMRN)
	case record.KindAccount, record.KindAccession:
		n, ok = otherNumber(tokens)
	case record.KindPhone:
		n, ok = phoneNumber(tokens)
	default:
		n, ok = checkedNumber(kind, tokens)
	}
	if !ok {
		return false
	}
	role := at.role()
	if kind == record.KindPhone {
		role = at.people.phoneRole(at.label, at.row, &at.rows[at.row])
	}
	at.people.has(kind, role)
	if role == record.RolePatient && kind != record.KindPhone && kind != record.KindAccession {
		at.anchors = append(at.anchors, anchor{at.row, at.label.from})
	}
	d.keep(at, kind, role, n.value, tokens[:n.used], n.confidence(tokens, at.trust()), n.check)
	return true
}

func (n *number) confidence(tokens []token, trust float64) float64 {
	conf := confOf(tokens[:n.used]) * trust
	if n.masked {
		conf *= 0.7
	}
	if n.check == record.CheckBad {
		conf *= 0.4
	}
	return conf
}

// addressValue takes the street line: what stands beside the label up to the
// end of its cell. It must hold a letter and a digit.
func (d *reader) addressValue(at *spot, tokens []token) bool {
	end := 1
	for end < len(tokens) && !tokens[end].starts && end < 10 {
		end++
	}
	text := strings.Trim(joinTokens(tokens[:end]), " ,.;")
	if countLetters(text) < 3 || !isStreet(tokens[:end]) {
		return false
	}
	role := at.role()
	at.people.has(record.KindAddress, role)
	d.keep(at, record.KindAddress, role, text, tokens[:end], confOf(tokens[:end])*at.trust(), record.CheckNone)
	return true
}

// isStreet knows a street line by its house number: a word that opens with a
// digit, among words that are no form's.
func isStreet(tokens []token) bool {
	house := false
	for _, t := range tokens {
		word := strings.ToLower(strings.Trim(t.text, ".,;:'()"))
		if formWords[word] {
			return false
		}
		house = house || word != "" && isDigit(word[0]) && !strings.HasSuffix(t.text, ".") && !looksLikeDate(t.text)
	}
	return house
}

var formWords = wordSet("patient patients insured insureds relationship status name birth number telephone phone date signature condition employer")

func (d *reader) sexValue(at *spot, tokens []token) bool {
	sex, used := sexOf(tokens)
	if sex == "" {
		return false
	}
	role := at.role()
	at.people.has(record.KindSex, role)
	d.keep(at, record.KindSex, role, sex, used, confOf(used)*at.trust(), record.CheckNone)
	return true
}
