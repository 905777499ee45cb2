package patient

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"slices"
	"strings"

	"chartroom/record"
)

// FHIR R4 as systems deliver it: a Bundle of any type, one resource a line, or
// a single resource. Of the resources, only Patient is of use.

// longestResource bounds one resource, and one line.
const longestResource = 16 << 20

var errLongResource = errors.New("a resource of more than 16 MB")

// readFHIR gives the patients of a file; opening is how it begins.
func (r Reader) readFHIR(in *bufio.Reader, opening []byte) iter.Seq2[record.PatientChange, error] {
	return func(yield func(record.PatientChange, error) bool) {
		if mark, _ := in.Peek(3); bytes.Equal(mark, []byte("\xEF\xBB\xBF")) {
			in.Discard(3)
		}
		if oneALine(opening) {
			r.fhirLines(in, yield)
			return
		}
		counted := &countedReader{in: in, left: longestResource}
		w := fhirWalk{r: r, in: counted, d: json.NewDecoder(counted), yield: yield}
		if err := w.values(); err != nil && !w.stopped {
			yield(record.PatientChange{}, fmt.Errorf("read registry: line %d: %w", w.line(), jsonError(err)))
		}
	}
}

// oneALine says whether a file has a JSON object on its first line, and
// nothing or another on its second.
func oneALine(opening []byte) bool {
	text := bytes.TrimLeft(bytes.TrimPrefix(opening, []byte("\xEF\xBB\xBF")), " \t\r\n")
	first, rest, found := bytes.Cut(text, []byte("\n"))
	first, rest = bytes.TrimSpace(first), bytes.TrimLeft(rest, " \t\r\n")
	return found && len(first) > 2 && first[0] == '{' && first[len(first)-1] == '}' && (len(rest) == 0 || rest[0] == '{')
}

// fhirLines reads a resource a line: a broken line is one broken line.
func (r Reader) fhirLines(in *bufio.Reader, yield func(record.PatientChange, error) bool) {
	for line := 1; ; line++ {
		raw, err := readLine(in, longestResource)
		if errors.Is(err, errLongResource) {
			if !yield(record.PatientChange{Line: line}, &RowError{line, errLongResource.Error()}) {
				return
			}
			continue
		}
		if err != nil && !errors.Is(err, io.EOF) {
			yield(record.PatientChange{}, fmt.Errorf("read registry: %w", err))
			return
		}
		if len(bytes.TrimSpace(raw)) > 0 && !r.fhirResource(raw, line, "", yield) {
			return
		}
		if err != nil {
			return
		}
	}
}

// readLine reads a line of bounded length.
func readLine(in *bufio.Reader, most int) (line []byte, err error) {
	long := false
	for {
		piece, err := in.ReadSlice('\n')
		if long = long || len(line)+len(piece) > most; !long {
			line = append(line, piece...)
		}
		if errors.Is(err, bufio.ErrBufferFull) {
			continue
		}
		if long && (err == nil || errors.Is(err, io.EOF)) {
			return nil, errLongResource
		}
		return line, err
	}
}

// fhirWalk walks through JSON values without holding more than one resource.
type fhirWalk struct {
	r       Reader
	in      *countedReader
	d       *json.Decoder
	yield   func(record.PatientChange, error) bool
	entry   int
	stopped bool
}

func (w *fhirWalk) line() int { return w.in.lineAt(w.d.InputOffset()) }

// values reads one value after another: objects that are resources, or arrays
// of them.
func (w *fhirWalk) values() error {
	for !w.stopped {
		w.in.left = longestResource
		token, err := w.d.Token()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		switch token {
		case json.Delim('{'):
			err = w.object()
		case json.Delim('['):
			err = w.array(func() error { return w.resource(false) })
		default:
			err = errors.New("neither a resource nor a bundle")
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// object reads an object whose brace is read. A bundle's entries are read one
// by one; the members of any other are put together again.
func (w *fhirWalk) object() error {
	members := map[string]json.RawMessage{}
	line, size := w.line(), 0
	for w.d.More() && !w.stopped {
		token, err := w.d.Token()
		if err != nil {
			return err
		}
		name, _ := token.(string)
		if name == "entry" {
			if token, err = w.d.Token(); err != nil {
				return err
			}
			if token != json.Delim('[') {
				return errors.New("entry is no list")
			}
			if err := w.array(func() error { return w.resource(true) }); err != nil {
				return err
			}
			continue
		}
		var value json.RawMessage
		w.in.left = longestResource
		if err := w.d.Decode(&value); err != nil {
			return err
		}
		if size += len(value); size > longestResource {
			return errLongResource
		}
		members[name] = value
	}
	if w.stopped {
		return nil
	}
	if _, err := w.d.Token(); err != nil {
		return err
	}
	if string(members["resourceType"]) == `"Bundle"` || w.entry > 0 {
		return nil
	}
	raw, err := json.Marshal(members)
	if err != nil {
		return err
	}
	w.stopped = !w.r.fhirResource(raw, line, "", w.yield)
	return nil
}

func (w *fhirWalk) array(element func() error) error {
	for w.d.More() && !w.stopped {
		w.in.left = longestResource
		if err := element(); err != nil {
			return err
		}
	}
	if w.stopped {
		return nil
	}
	_, err := w.d.Token()
	return err
}

// resource reads an element of a list: a bundle's entry, or a resource itself.
func (w *fhirWalk) resource(entry bool) error {
	w.entry++
	var raw json.RawMessage
	if err := w.d.Decode(&raw); err != nil {
		return err
	}
	line := w.line() - bytes.Count(raw, []byte("\n"))
	where := fmt.Sprintf("entry %d: ", w.entry)
	if entry {
		var e struct{ Resource json.RawMessage }
		if err := json.Unmarshal(raw, &e); err != nil || len(e.Resource) == 0 {
			w.stopped = !w.yield(record.PatientChange{Line: line}, &Skipped{line, where + "no resource"})
			return nil
		}
		raw = e.Resource
	}
	w.stopped = !w.r.fhirResource(raw, line, where, w.yield)
	return nil
}

// fhirResource hands on the patient that a resource is, or why it is none. It
// returns false when nothing more is wanted.
func (r Reader) fhirResource(raw []byte, line int, where string, yield func(record.PatientChange, error) bool) bool {
	var kind struct {
		ResourceType string
		Entry        []json.RawMessage
	}
	if err := json.Unmarshal(raw, &kind); err != nil {
		return yield(record.PatientChange{Line: line}, &RowError{line, where + jsonError(err).Error()})
	}
	if kind.ResourceType == "Bundle" { // on a line of its own
		for i, e := range kind.Entry {
			var entry struct{ Resource json.RawMessage }
			if json.Unmarshal(e, &entry) == nil && len(entry.Resource) > 0 && !r.fhirResource(entry.Resource, line, fmt.Sprintf("%sentry %d: ", where, i+1), yield) {
				return false
			}
		}
		return true
	}
	if kind.ResourceType != "Patient" {
		return yield(record.PatientChange{Line: line}, &Skipped{line, where + "no Patient"})
	}
	var p fhirPatient
	if err := json.Unmarshal(raw, &p); err != nil {
		return yield(record.PatientChange{Line: line}, &RowError{line, where + jsonError(err).Error()})
	}
	changes, reason := p.changes(r, line)
	if reason != "" {
		return yield(record.PatientChange{Line: line}, &RowError{line, where + reason})
	}
	for _, ch := range changes {
		ch.Correction = r.Replace
		if !yield(ch, nil) {
			return false
		}
	}
	return true
}

// The parts of a Patient that are of use.
type (
	fhirPatient struct {
		Meta struct {
			Security []fhirCoding `json:"security"`
		} `json:"meta"`
		Identifier []fhirIdentifier `json:"identifier"`
		Name       []struct {
			Use    string     `json:"use"`
			Text   string     `json:"text"`
			Family string     `json:"family"`
			Given  []string   `json:"given"`
			Suffix []string   `json:"suffix"`
			Period fhirPeriod `json:"period"`
		} `json:"name"`
		Telecom []struct {
			System string     `json:"system"`
			Value  string     `json:"value"`
			Use    string     `json:"use"`
			Period fhirPeriod `json:"period"`
		} `json:"telecom"`
		Gender           string `json:"gender"`
		BirthDate        string `json:"birthDate"`
		DeceasedBoolean  *bool  `json:"deceasedBoolean"`
		DeceasedDateTime string `json:"deceasedDateTime"`
		Address          []struct {
			Use        string     `json:"use"`
			Line       []string   `json:"line"`
			City       string     `json:"city"`
			State      string     `json:"state"`
			PostalCode string     `json:"postalCode"`
			Period     fhirPeriod `json:"period"`
		} `json:"address"`
		Link []struct {
			Type  string `json:"type"`
			Other struct {
				Reference  string          `json:"reference"`
				Identifier *fhirIdentifier `json:"identifier"`
			} `json:"other"`
		} `json:"link"`
	}
	fhirCoding struct {
		System string `json:"system"`
		Code   string `json:"code"`
	}
	fhirPeriod struct {
		End string `json:"end"`
	}
	fhirIdentifier struct {
		Use  string `json:"use"`
		Type struct {
			Coding []fhirCoding `json:"coding"`
		} `json:"type"`
		System string     `json:"system"`
		Value  string     `json:"value"`
		Period fhirPeriod `json:"period"`
	}
)

// over says whether something ended before today.
func (p fhirPeriod) over(today string) bool {
	end, _ := date(p.End)
	return end != "" && end < today
}

// changes makes of a resource what it changes, or says why it cannot.
func (f *fhirPatient) changes(r Reader, line int) ([]record.PatientChange, string) {
	ch := record.PatientChange{Kind: record.ChangeWhole, Line: line}
	p := &ch.Patient
	for _, set := range []func(Reader, *record.PatientChange) string{f.numbers, f.names, f.contact, f.dates, f.guard} {
		if reason := set(r, &ch); reason != "" {
			return nil, reason
		}
	}
	if p.MRN.IsZero() {
		return nil, "no record number"
	}
	links, reason := f.links(r, line, p)
	return append([]record.PatientChange{ch}, links...), reason
}

// numbers takes as record number the first of its type, or, where there is
// none, the first without a type; those in use come before old ones.
func (f *fhirPatient) numbers(r Reader, ch *record.PatientChange) string {
	p := &ch.Patient
	var own []record.PatientNumber
	untyped := -1
	ids := slices.Clone(f.Identifier)
	slices.SortStableFunc(ids, func(a, b fhirIdentifier) int { return a.age(r) - b.age(r) })
	for i, id := range ids {
		kind := id.kind()
		if kind == "" {
			if len(id.Type.Coding) == 0 && untyped < 0 {
				untyped = i
			}
			continue
		}
		var value record.Private
		if reason := number(&value, id.Value, 36, "an identifier"); reason != "" || value.IsZero() {
			return reason
		}
		if kind == record.KindMRN {
			own = append(own, record.PatientNumber{Kind: kind, Authority: r.authority(id.System), Value: value})
		} else if to := numberField(p, kind); to.IsZero() {
			*to = value
		}
	}
	if len(own) == 0 && untyped >= 0 {
		id := ids[untyped]
		var value record.Private
		if reason := number(&value, id.Value, 36, "an identifier"); reason != "" {
			return reason
		}
		if !value.IsZero() {
			own = append(own, record.PatientNumber{Kind: record.KindMRN, Authority: r.authority(id.System), Value: value})
		}
	}
	if len(own) == 0 {
		return ""
	}
	first := max(0, slices.IndexFunc(own, func(n record.PatientNumber) bool { return n.Authority == "" }))
	p.Authority, p.MRN = own[first].Authority, own[first].Value
	if p.Numbers = slices.Delete(own, first, first+1); len(p.Numbers) == 0 {
		p.Numbers = nil
	}
	return ""
}

// age puts identifiers that are no longer used behind the others.
func (id fhirIdentifier) age(r Reader) int {
	if id.Use == "old" || id.Period.over(r.Today) {
		return 1
	}
	return 0
}

// kind is what an identifier's type and system make it, "" for one that says
// nothing or is of no use.
func (id fhirIdentifier) kind() record.Kind {
	system := strings.ToLower(id.System)
	switch {
	case strings.HasSuffix(system, "/us-ssn") || strings.HasSuffix(system, "2.16.840.1.113883.4.1"):
		return record.KindSSN
	case strings.HasSuffix(system, "/us-mbi") || strings.HasSuffix(system, "/us-medicare"):
		return record.KindMBI
	case strings.HasSuffix(system, "/nhs-number"):
		return record.KindNHS
	}
	for _, c := range id.Type.Coding {
		if k := numberKind(c.Code, ""); c.Code != "" && k != "" {
			return k
		}
	}
	return ""
}

func (f *fhirPatient) names(r Reader, ch *record.PatientChange) string {
	p := &ch.Patient
	rank := map[string]int{"official": 0, "usual": 1, "": 2, "temp": 3}
	official, best := -1, 9
	for i, n := range f.Name {
		if k, ok := rank[n.Use]; ok && k < best && !n.Period.over(r.Today) {
			official, best = i, k
		}
	}
	if official < 0 && len(f.Name) > 0 {
		official = 0
	}
	for i, n := range f.Name {
		if i > 20 {
			break
		}
		var whole record.Patient
		if n.Family == "" && len(n.Given) == 0 {
			wholeName(CSV{}, &whole, n.Text)
		} else {
			given := strings.Fields(strings.Join(n.Given, " "))
			whole.Last, whole.Suffix = bounded(n.Family), bounded(strings.Join(n.Suffix, " "))
			if len(n.Given) > 0 {
				whole.First, whole.Middle = bounded(n.Given[0]), bounded(strings.Join(n.Given[1:], " "))
			} else if len(given) > 0 {
				whole.First = bounded(given[0])
			}
		}
		if i == official {
			p.Last, p.First, p.Middle, p.Suffix = whole.Last, whole.First, whole.Middle, whole.Suffix
			continue
		}
		name := record.PatientName{Kind: record.NameAlias, Last: whole.Last, First: whole.First, Middle: whole.Middle, Suffix: whole.Suffix}
		if n.Use == "old" || n.Use == "maiden" || n.Period.over(r.Today) {
			name.Kind = record.NameFormer
		}
		if name.Last.IsZero() {
			name.Last = p.Last
		}
		if name.First.IsZero() {
			name.First = p.First
		}
		addPatientName(p, name)
	}
	return ""
}

func (f *fhirPatient) contact(r Reader, ch *record.PatientChange) string {
	p := &ch.Patient
	for _, t := range f.Telecom {
		if t.System == "phone" && t.Use != "old" && t.Use != "work" && !t.Period.over(r.Today) && p.Phone.IsZero() {
			_ = number(&p.Phone, t.Value, 20, "") // one that cannot be read is none
		}
	}
	for _, a := range f.Address {
		if a.Use == "old" || a.Use == "billing" || a.Period.over(r.Today) || !p.Street.IsZero() {
			continue
		}
		if len(a.Line) > 0 {
			p.Street = bounded(a.Line[0])
		}
		p.City, p.State, p.Zip = bounded(a.City), bounded(a.State), bounded(a.PostalCode)
	}
	p.Sex = record.Hide(map[string]string{"male": "M", "female": "F", "other": "O", "unknown": "U"}[f.Gender])
	return ""
}

func (f *fhirPatient) dates(_ Reader, ch *record.PatientChange) string {
	dob, ok := date(f.BirthDate)
	if !ok {
		return "the birth date is not a date"
	}
	death, ok := date(f.DeceasedDateTime)
	if !ok {
		return "the date of death is not a date"
	}
	p := &ch.Patient
	p.DOB, p.DeathDate = record.Hide(dob), record.Hide(death)
	p.Deceased = f.DeceasedDateTime != "" || f.DeceasedBoolean != nil && *f.DeceasedBoolean
	ch.Alive = f.DeceasedBoolean != nil && !*f.DeceasedBoolean
	return ""
}

// guard reads the security labels: restricted and very restricted charts are
// for named people only, and so are those of celebrities and employees.
func (f *fhirPatient) guard(_ Reader, ch *record.PatientChange) string {
	for _, c := range f.Meta.Security {
		switch c.Code {
		case "R", "V", "CEL", "VIP", "EMP", "PRS":
			ch.Patient.Restricted = true
		case "N", "L", "M", "U":
			ch.Unguarded = true
		}
	}
	ch.Unguarded = ch.Unguarded && !ch.Patient.Restricted
	return ""
}

// links are the merges that a patient's links to others tell of. A link must
// name the other's record number: what a server calls its resources says
// nothing of who they are.
func (f *fhirPatient) links(r Reader, line int, p *record.Patient) (changes []record.PatientChange, reason string) {
	for _, l := range f.Link {
		if l.Type != "replaced-by" && l.Type != "replaces" {
			continue
		}
		id := l.Other.Identifier
		if id == nil {
			return nil, "a link to another patient that does not give that patient's record number"
		}
		var value record.Private
		if reason := number(&value, id.Value, 36, "an identifier"); reason != "" {
			return nil, reason
		}
		if value.IsZero() {
			return nil, "a link to another patient that does not give that patient's record number"
		}
		other := record.PatientKey{Authority: r.authority(id.System), MRN: value}
		ch := record.PatientChange{Kind: record.ChangeMerge, Line: line, Patient: record.Patient{Authority: p.Authority, MRN: p.MRN}, Other: other}
		if l.Type == "replaced-by" {
			ch.Patient, ch.Other = record.Patient{Authority: other.Authority, MRN: other.MRN}, p.Key()
		}
		changes = append(changes, ch)
	}
	return changes, ""
}

// jsonError keeps what stood in a file, which may be patient data, out of an
// error.
func jsonError(err error) error {
	if e, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		return fmt.Errorf("a %s where there should be none", e.Value)
	}
	if _, ok := errors.AsType[*json.SyntaxError](err); ok {
		return errors.New("not JSON")
	}
	if errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) {
		return errors.New("the file ends in the middle")
	}
	return err
}

// countedReader bounds what is read for one value, and knows on which line a
// byte stands.
type countedReader struct {
	in     io.Reader
	left   int
	offset int64
	line   int     // lines before those that follow
	ends   []int64 // offsets of line feeds not passed yet
}

func (c *countedReader) Read(p []byte) (int, error) {
	if c.left <= 0 {
		return 0, errLongResource
	}
	n, err := c.in.Read(p)
	c.left -= n
	for i, b := range p[:n] {
		if b == '\n' {
			c.ends = append(c.ends, c.offset+int64(i))
		}
	}
	c.offset += int64(n)
	return n, err
}

// lineAt is the line of a byte; earlier ones are not asked for again.
func (c *countedReader) lineAt(offset int64) int {
	passed := 0
	for passed < len(c.ends) && c.ends[passed] < offset {
		passed++
	}
	c.line += passed
	c.ends = c.ends[passed:]
	return c.line + 1
}
