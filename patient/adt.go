package patient

import (
	"fmt"
	"io"
	"iter"
	"slices"
	"strings"

	"chartroom/record"
)

// What messages of admission, discharge and transfer (ADT) say of who a
// patient is. Their fields mean: empty, nothing is said; "", it is no more.

// adtUpdates are the events whose messages carry who a patient is; adtMerges
// those that say that one record is another's; unmergeEvent takes that back.
var (
	adtUpdates = strings.Fields("A01 A02 A03 A04 A05 A06 A07 A08 A09 A10 A12 A14 A15 A16 A25 A26 A27 A28 A31")
	adtMerges  = strings.Fields("A18 A34 A36 A39 A40")
)

const unmergeEvent = "A37"

// readHL7 gives what the ADT messages of a file change.
func (r Reader) readHL7(in io.Reader) iter.Seq2[record.PatientChange, error] {
	return func(yield func(record.PatientChange, error) bool) {
		for m, err := range messages(in) {
			if err != nil {
				yield(record.PatientChange{}, fmt.Errorf("read registry: %w", err))
				return
			}
			changes, err := r.adt(&m)
			if err != nil {
				if !yield(record.PatientChange{Line: m.line}, err) {
					return
				}
				continue
			}
			for _, ch := range changes {
				ch.Line, ch.Correction = m.line, true
				if !yield(ch, nil) {
					return
				}
			}
		}
	}
}

// adt is what one message changes: all of it or, with an error, nothing.
func (r Reader) adt(m *message) ([]record.PatientChange, error) {
	if m.broken != "" {
		return nil, &RowError{m.line, m.broken}
	}
	kind, event := m.kind()
	switch {
	case kind != "ADT" && kind != "":
		return nil, &Skipped{m.line, "no ADT message"}
	case event == "":
		return nil, &RowError{m.line, "the message does not say which event it tells of"}
	case slices.Contains(adtUpdates, event):
		return r.adtUpdate(m)
	case slices.Contains(adtMerges, event):
		return r.adtMerge(m)
	case event == unmergeEvent:
		return r.adtUnmerge(m)
	}
	return nil, &Skipped{m.line, "an event that says nothing of who a patient is"}
}

// kind is the message's type and event: what the header says, or else the
// event's own segment.
func (m *message) kind() (kind, event string) {
	for _, s := range m.segments {
		switch s.name() {
		case "MSH":
			kind, event = s.field(9).first().text(1), s.field(9).first().text(2)
		case "EVN":
			if event == "" {
				event = s.field(1).first().text(1)
			}
		}
	}
	return strings.ToUpper(kind), strings.ToUpper(event)
}

// group is a PID with what follows it up to the next.
type group []segment

func (m *message) groups() (all []group) {
	for _, s := range m.segments {
		if s.name() == "PID" {
			all = append(all, group{})
		}
		if len(all) > 0 {
			all[len(all)-1] = append(all[len(all)-1], s)
		}
	}
	return all
}

// merged are the MRG segments of a group.
func (g group) merged() (all []segment) {
	for _, s := range g {
		if s.name() == "MRG" {
			all = append(all, s)
		}
	}
	return all
}

func (r Reader) adtUpdate(m *message) ([]record.PatientChange, error) {
	groups := m.groups()
	if len(groups) == 0 {
		return nil, &RowError{m.line, "the message has no PID segment"}
	}
	ch, err := r.adtPatient(m.line, groups[0])
	if err != nil {
		return nil, err
	}
	return []record.PatientChange{ch}, nil
}

func (r Reader) adtMerge(m *message) (changes []record.PatientChange, err error) {
	for _, g := range m.groups() {
		ch, err := r.adtPatient(m.line, g)
		if err != nil {
			return nil, err
		}
		ch.Kind = record.ChangeMerge
		for _, mrg := range g.merged() {
			prior, _ := r.adtNumbers(mrg.field(1))
			if len(prior) == 0 {
				prior, _ = r.adtNumbers(mrg.field(4))
			}
			for _, n := range prior {
				one := ch
				one.Other = record.PatientKey{Authority: n.Authority, MRN: n.Value}
				one.Patient.Numbers = slices.DeleteFunc(slices.Clone(ch.Patient.Numbers), func(o record.PatientNumber) bool {
					return o.Kind == record.KindMRN && o.Authority == n.Authority && o.Value.Equal(n.Value)
				})
				changes = append(changes, one)
			}
		}
	}
	if len(changes) == 0 {
		return nil, &RowError{m.line, "the message does not name which record is merged into which"}
	}
	return changes, nil
}

func (r Reader) adtUnmerge(m *message) ([]record.PatientChange, error) {
	var keys []record.PatientKey
	for _, g := range m.groups() {
		ch, err := r.adtPatient(m.line, g)
		if err != nil {
			return nil, err
		}
		keys = append(keys, ch.Patient.Key())
	}
	if len(keys) != 2 {
		return nil, &RowError{m.line, "the message does not name the two records that are parted"}
	}
	return []record.PatientChange{{Kind: record.ChangeUnmerge, Patient: record.Patient{Authority: keys[0].Authority, MRN: keys[0].MRN}, Other: keys[1]}}, nil
}

// adtPatient reads who a patient is from a PID and the segments after it.
func (r Reader) adtPatient(line int, g group) (record.PatientChange, error) {
	pid := g[0]
	ch := record.PatientChange{Kind: record.ChangePart, Line: line}
	p := &ch.Patient
	own, others := r.adtNumbers(pid.field(3))
	if len(own) == 0 {
		own, others = r.adtNumbers(pid.field(2))
	}
	if len(own) == 0 {
		return ch, &RowError{line, "no record number"}
	}
	first := max(0, slices.IndexFunc(own, func(n record.PatientNumber) bool { return n.Authority == "" }))
	p.Authority, p.MRN = own[first].Authority, own[first].Value
	p.Numbers = slices.Delete(own, first, first+1)
	for _, n := range others {
		if to := numberField(p, n.Kind); to.IsZero() {
			*to = n.Value
		}
	}
	if p.SSN.IsZero() {
		if reason := number(&p.SSN, pid.field(19).first().text(1), 11, "the social security number"); reason != "" {
			return ch, &RowError{line, reason}
		}
	}
	adtNames(p, pid, r.Today)
	adtPlace(p, pid)
	if reason := adtDates(&ch, pid); reason != "" {
		return ch, &RowError{line, reason}
	}
	adtSex(p, pid)
	adtGuard(&ch, g)
	return ch, nil
}

// adtNumbers reads identifiers (CX): the record numbers, and the others of use.
func (r Reader) adtNumbers(f hl7Field) (own, others []record.PatientNumber) {
	for _, cx := range f.repetitions() {
		var value record.Private
		if number(&value, cx.text(1), 36, "") != "" || value.IsZero() {
			continue
		}
		authority := cx.part(4, 1)
		if authority == "" {
			authority = cx.part(4, 2)
		}
		kind := numberKind(cx.text(5), authority)
		if kind == "" {
			continue
		}
		n := record.PatientNumber{Kind: kind, Value: value}
		if kind == record.KindMRN {
			n.Authority = r.authority(authority)
			own = append(own, n)
		} else {
			others = append(others, n)
		}
	}
	return own, others
}

// numberKind is what an identifier's type (table 0203) and authority make it,
// "" where it is of no use.
func numberKind(kind, authority string) record.Kind {
	authority = strings.ToUpper(authority)
	switch strings.ToUpper(kind) {
	case "SS":
		return record.KindSSN
	case "MC":
		return record.KindMBI
	case "NHS", "NH":
		if strings.Contains(authority, "NHS") || strings.EqualFold(kind, "NHS") {
			return record.KindNHS
		}
		return ""
	case "MR", "MRN", "PI", "PT", "PATIENT", "U", "EPI":
		return record.KindMRN
	case "":
		switch {
		case authority == "NHS":
			return record.KindNHS
		case authority == "SSA" || authority == "USSSA":
			return record.KindSSN
		}
		return record.KindMRN
	}
	return ""
}

// numberField is the field that a patient has for a kind of number.
func numberField(p *record.Patient, kind record.Kind) *record.Private {
	switch kind {
	case record.KindSSN:
		return &p.SSN
	case record.KindMBI:
		return &p.MBI
	}
	return &p.NHS
}

// adtNames takes the legal name, or the first, as the official one.
func adtNames(p *record.Patient, pid segment, today string) {
	all := pid.field(5).repetitions()
	official := max(0, slices.IndexFunc(all, func(n repetition) bool { return strings.EqualFold(n.text(7), "L") }))
	for i, xpn := range all {
		name := adtName(xpn)
		if i == official {
			p.Last, p.First, p.Middle, p.Suffix = name.Last, name.First, name.Middle, name.Suffix
			continue
		}
		if ended, _ := date(xpn.text(13)); ended != "" && ended < today {
			name.Kind = record.NameFormer
		}
		addPatientName(p, name)
	}
	for _, xpn := range pid.field(9).repetitions() {
		addPatientName(p, adtName(xpn))
	}
}

func adtName(xpn repetition) record.PatientName {
	n := record.PatientName{Kind: record.NameAlias, Last: bounded(xpn.text(1)), First: bounded(xpn.text(2)), Middle: bounded(xpn.text(3)), Suffix: bounded(xpn.text(4))}
	switch strings.ToUpper(xpn.text(7)) {
	case "M", "B": // maiden, birth
		n.Kind = record.NameFormer
	}
	return n
}

// bounded keeps a field's first 200 bytes.
func bounded(s string) record.Private {
	return record.Hide(strings.ToValidUTF8(s[:min(len(s), 200)], ""))
}

func addPatientName(p *record.Patient, n record.PatientName) {
	if !n.Last.IsZero() || !n.First.IsZero() {
		p.Names = append(p.Names, n)
	}
}

func adtPlace(p *record.Patient, pid segment) {
	erase := func(f hl7Field, to ...*record.Private) {
		if f.null() {
			for _, t := range to {
				*t = record.Hide(record.Erase)
			}
		}
	}
	address := pid.field(11).first()
	p.Street, p.City, p.State, p.Zip = bounded(address.text(1)), bounded(address.text(3)), bounded(address.text(4)), bounded(address.text(5))
	erase(pid.field(11), &p.Street, &p.City, &p.State, &p.Zip)
	for _, xtn := range pid.field(13).repetitions() {
		if use := strings.ToUpper(xtn.text(3)); use == "INTERNET" || use == "FX" || use == "BP" {
			if xtn.text(6) == "" && xtn.text(7) == "" {
				continue
			}
		}
		said := xtn.text(1)
		if strings.Trim(letters(said), "0123456789") != "" || len(letters(said)) < 7 {
			said = xtn.text(6) + xtn.text(7)
		}
		if number(&p.Phone, said, 20, "") == "" && !p.Phone.IsZero() {
			break
		}
	}
	erase(pid.field(13), &p.Phone)
}

// adtDates reads birth and death, and says what is wrong with them.
func adtDates(ch *record.PatientChange, pid segment) string {
	p := &ch.Patient
	dob, ok := date(pid.field(7).first().text(1))
	if !ok {
		return "the birth date is not a date"
	}
	if p.DOB = record.Hide(dob); pid.field(7).null() {
		p.DOB = record.Hide(record.Erase)
	}
	death, ok := date(pid.field(29).first().text(1))
	if !ok {
		return "the date of death is not a date"
	}
	p.DeathDate = record.Hide(death)
	indicator := strings.ToUpper(pid.field(30).first().text(1))
	p.Deceased = indicator == "Y" || death != ""
	ch.Alive = indicator == "N" || pid.field(29).null() && indicator != "Y"
	if ch.Alive {
		p.Deceased, p.DeathDate = false, record.Private{}
	}
	return ""
}

func adtSex(p *record.Patient, pid segment) {
	switch strings.ToUpper(pid.field(8).first().text(1)) {
	case "M", "MALE":
		p.Sex = record.Hide("M")
	case "F", "FEMALE":
		p.Sex = record.Hide("F")
	case "O", "A", "X":
		p.Sex = record.Hide("O")
	case "U", "N", "UNK":
		p.Sex = record.Hide("U")
	}
}

// adtGuard reads whether only named people may see the chart: the protection
// indicator, a VIP's visit, or an access restriction.
func adtGuard(ch *record.PatientChange, g group) {
	for _, s := range g {
		switch s.name() {
		case "PD1":
			said := strings.ToUpper(s.field(12).first().text(1))
			ch.Patient.Restricted = ch.Patient.Restricted || said == "Y"
			ch.Unguarded = said == "N"
		case "PV1":
			vip := strings.ToUpper(s.field(16).first().text(1))
			ch.Patient.Restricted = ch.Patient.Restricted || vip != "" && vip != "N" && vip != "0"
		case "ARV":
			if action := strings.ToUpper(s.field(2).first().text(1)); action == "A" || action == "U" {
				ch.Patient.Restricted = true
			}
		}
	}
	ch.Unguarded = ch.Unguarded && !ch.Patient.Restricted
}
