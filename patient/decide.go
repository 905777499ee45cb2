package patient

import (
	"fmt"
	"slices"
	"strings"
	"unicode"

	"chartroom/record"
)

// numbers are the kinds that name one person only.
var numbers = []record.Kind{record.KindMRN, record.KindSSN, record.KindMBI, record.KindNHS}

// decide applies the rules of filing to the candidates, best first.
func decide(candidates []Candidate, found []record.Identifier, e Evidence) Decision {
	if len(candidates) == 0 {
		return review(noCandidate(found, e.Pages))
	}
	best := &candidates[0]
	if reason := contradiction(candidates, found, e.Date); reason != "" {
		return Decision{Status: record.StatusHold, Reason: reason}
	}
	if reason := doubt(best, candidates[1:], found, e); reason != "" {
		return review(reason)
	}
	if best.Patient.Restricted {
		return review("the patient's chart is restricted: a person files to it")
	}
	patient := best.Patient
	return Decision{Status: record.StatusFiled, Patient: &patient}
}

func review(reason string) Decision { return Decision{Status: record.StatusReview, Reason: reason} }

func noCandidate(found []record.Identifier, pages int) string {
	switch {
	case len(found) == 0 && pages == 1:
		return "the page names no patient that could be read"
	case len(found) == 0:
		return "no page names a patient that could be read"
	}
	return "nobody in the registry has the " + list(kindsOf(found)) + " read on the pages"
}

// contradiction says what on the pages cannot all be true, or "".
func contradiction(candidates []Candidate, found []record.Identifier, date string) string {
	best := &candidates[0]
	if id, ok := twoOwners(candidates, found); ok {
		return otherNumber(id)
	}
	if !supported(best) {
		return ""
	}
	if kind := anothers(best, candidates[1:]); kind != "" {
		return "the " + word(kind) + " is another patient's than the name and birth date"
	}
	if best.best(record.KindName) != Same && slices.ContainsFunc(candidates[1:], namedAndBorn) {
		return "the name and birth date are another patient's than the number"
	}
	if dob := best.Patient.DOB.Reveal(); date != "" && dob > date {
		return "the document is older than the patient"
	}
	for _, f := range best.Facts {
		if f.Level != Differs || best.readsBothWays(f) {
			continue
		}
		if f.Source == record.SourceGiven || f.Source == record.SourceBarcode {
			return fmt.Sprintf("the %s on the %s is not that of the patient on the pages", word(f.Kind), f.Source)
		}
		return fmt.Sprintf("the %s on page %d is not that of the patient whom the rest names", word(f.Kind), f.Page)
	}
	return ""
}

// anothers is the kind of a number that is exactly somebody else's while the
// best candidate's own is not on the pages, or "".
func anothers(best *Candidate, others []Candidate) record.Kind {
	if best.best(numbers...) == Same {
		return ""
	}
	for _, c := range others {
		for _, f := range c.Facts {
			if f.Level == Same && slices.Contains(numbers, f.Kind) {
				return f.Kind
			}
		}
	}
	return ""
}

// namedAndBorn says whether name and birth date are exactly a candidate's, as
// a twin's are beside the other's number.
func namedAndBorn(c Candidate) bool {
	return c.best(record.KindName) == Same && c.best(record.KindDOB) == Same
}

// otherNumber says that a number is another patient's. A barcode is named: it
// may be a wrong cover sheet or label, which looks right to who reads the page.
// What stands on no page is a cover sheet's that was left out, or was given.
func otherNumber(id record.Identifier) string {
	switch {
	case id.Source == record.SourceBarcode && id.Page == 0:
		return "the barcode on the cover sheet carries the number of another patient"
	case id.Source == record.SourceBarcode:
		return fmt.Sprintf("the barcode on page %d carries the number of another patient", id.Page)
	case id.Page == 0:
		return "the number given with the scan is another patient's"
	}
	return fmt.Sprintf("page %d carries the number of another patient", id.Page)
}

// supported says whether enough speaks for a candidate that what speaks
// against it is a contradiction and not just another person.
func supported(c *Candidate) bool {
	agreeing := 0
	for _, kinds := range [][]record.Kind{numbers, {record.KindName}, {record.KindDOB}} {
		if c.best(kinds...) == Same {
			agreeing++
		}
	}
	return agreeing >= 2 || c.best(numbers...) == Same
}

// twoOwners is a number that belongs to a patient other than the one another
// number belongs to; of the two the one in a barcode, if only one is.
func twoOwners(candidates []Candidate, found []record.Identifier) (record.Identifier, bool) {
	owner, first := -1, record.Identifier{}
	for _, id := range found {
		if !slices.Contains(numbers, id.Kind) {
			continue
		}
		for i := range candidates {
			if compare(id, &candidates[i].Patient) != Same {
				continue
			}
			if owner >= 0 && owner != i {
				if first.Source == record.SourceBarcode && id.Source != record.SourceBarcode {
					return first, true
				}
				return id, true
			}
			owner, first = i, id
		}
	}
	return record.Identifier{}, false
}

// readsBothWays says whether a birth date that differs is the other reading of
// one, at the same place, that is the patient's.
func (c *Candidate) readsBothWays(f Fact) bool {
	return f.Kind == record.KindDOB && slices.ContainsFunc(c.Facts, func(o Fact) bool {
		return o.Kind == record.KindDOB && o.Level == Same && o.Page == f.Page && o.Box == f.Box
	})
}

// doubt says why a person should look, or "" where the document can be filed.
func doubt(best *Candidate, others []Candidate, found []record.Identifier, e Evidence) string {
	number, name, dob := best.best(numbers...), best.best(record.KindName), best.best(record.KindDOB)
	switch {
	case newborn(e.Identifiers):
		return "a newborn's page may carry the mother's numbers"
	case number == Close:
		return "a number is not quite that of the patient whom name and birth date suggest"
	case number != Same && name == Same && dob == Same && !third(best):
		return "name and birth date alone are not enough"
	case number != Same && !third(best):
		return "no number on the pages is in the registry"
	case name == Close && dob != Same, dob == Close:
		return "the " + closeKind(name, dob) + " is not quite that of the patient whom the number names"
	case name != Same && dob != Same:
		return "only one fact names the patient"
	case number != Same && (name != Same || dob != Same):
		return "only one fact names the patient"
	}
	if died := best.Patient.DeathDate.Reveal(); died != "" && e.Date > died {
		return "the document is dated after the patient's death"
	}
	if dob != Same && name == Same && !officially(best) {
		return "the name is not the patient's official one, and no birth date supports it"
	}
	if page := unlike(best, e.Identifiers); page > 0 && dob != Same {
		return fmt.Sprintf("the birth date on page %d cannot be read, and may be another", page)
	}
	if kind, page := elsewhere(found, e.Identifiers); page > 0 {
		return fmt.Sprintf("the %s in a field for it on page %d cannot be read, and stands elsewhere", word(kind), page)
	}
	if page := otherwiseNamed(best, e.Identifiers); page > 0 {
		return fmt.Sprintf("whom the number names stands on page %d, but not as the patient", page)
	}
	if misread(best) {
		return "a number that is not quite the patient's stands on another page"
	}
	if rival(best, others) {
		return "more than one patient fits"
	}
	return ""
}

// officially says whether one of the names found is the patient's official one.
func officially(c *Candidate) bool {
	return slices.ContainsFunc(c.Facts, func(f Fact) bool {
		return f.Kind == record.KindName && compareName(f.found.Value.Reveal(), &c.Patient) == Same
	})
}

func closeKind(name, dob Level) string {
	if dob == Close {
		return word(record.KindDOB)
	}
	return word(record.KindName)
}

// unlike is the page of a birth date that could not be read and is more than
// one misread character away from the candidate's, however it is written, or 0.
func unlike(c *Candidate, all []record.Identifier) int {
	dob := c.Patient.DOB.Reveal()
	if len(dob) != 10 {
		return 0
	}
	year, month, day := dob[:4], dob[5:7], dob[8:]
	forms := []string{month + day + year, day + month + year, year + month + day, month + day + year[2:], day + month + year[2:]}
	for _, id := range all {
		if id.Kind != record.KindDOB || id.Role != record.RoleUnclear || id.Check != record.CheckBad {
			continue
		}
		read, likely := asDigits(letters(id.Value.Reveal())), forms
		if wholeYear(id.Value.Reveal()) {
			likely = forms[:3]
		}
		if !slices.ContainsFunc(likely, func(form string) bool {
			return edits(read[:min(len(read), len(form)+1)], form) <= 1 || edits(read[:min(len(read), len(form))], form) <= 1
		}) {
			return id.Page
		}
	}
	return 0
}

// wholeYear reports whether one of the parts of a date has four characters, as
// a year written in full has.
func wholeYear(date string) bool {
	parts := strings.FieldsFunc(date, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) })
	return len(parts) > 1 && slices.ContainsFunc(parts, func(p string) bool { return len(p) == 4 })
}

// elsewhere is the kind and page of a field for the patient's name, number or
// birth date that could not be read, while another place of the page gives
// one: a label of somebody else's may be stuck on a form filled in by hand.
func elsewhere(found, all []record.Identifier) (record.Kind, int) {
	for _, id := range all {
		if id.Role == record.RoleUnclear && id.Check == record.CheckBad && slices.ContainsFunc(found, func(o record.Identifier) bool { return o.Kind == id.Kind && o.Page == id.Page }) {
			return id.Kind, id.Page
		}
	}
	return "", 0
}

// otherwiseNamed is the page on which the candidate is named as somebody other
// than the patient, such as the guarantor, while no patient of that name is
// named, or 0: the numbers may be the guarantor's own.
func otherwiseNamed(c *Candidate, all []record.Identifier) int {
	if c.best(record.KindName) == Same {
		return 0
	}
	for _, id := range all {
		if id.Kind != record.KindName || id.Role == record.RolePatient {
			continue
		}
		if l := compare(id, &c.Patient); l == Same || l == Close {
			return id.Page
		}
	}
	return 0
}

// third says whether a telephone or street agrees besides name and birth date.
func third(c *Candidate) bool {
	return c.best(record.KindPhone) == Same || c.best(record.KindAddress) == Same
}

// misread says whether a number stands on the pages that is nearly, but not
// quite the patient's, and none of its kind on the same page is.
func misread(c *Candidate) bool {
	return slices.ContainsFunc(c.Facts, func(f Fact) bool {
		return f.Level == Close && slices.Contains(numbers, f.Kind) && !slices.ContainsFunc(c.Facts, func(o Fact) bool { return o.Kind == f.Kind && o.Level == Same })
	})
}

// rival says whether somebody else fits all that was found, if misread
// characters are granted. Where number, name and birth date are exactly the
// best candidate's, only somebody of the same name and birth date does.
func rival(best *Candidate, others []Candidate) bool {
	certain := best.best(numbers...) == Same && best.best(record.KindName) == Same && best.best(record.KindDOB) == Same
	return slices.ContainsFunc(others, func(c Candidate) bool {
		number, name, dob := c.best(numbers...), c.best(record.KindName), c.best(record.KindDOB)
		switch {
		case number == Differs || name == Differs || dob == Differs:
			return false
		case certain:
			return name == Same && dob == Same
		case best.best(record.KindName) == Silent:
			return dob == Same || dob == Close
		}
		return (name == Same || name == Close) && (dob == Same || dob == Close || number == Close || number == Same)
	})
}

func newborn(ids []record.Identifier) bool {
	return slices.ContainsFunc(ids, func(id record.Identifier) bool {
		v := id.Value.Reveal()
		return id.Role == record.RoleMother || id.Role == record.RolePatient && id.Kind == record.KindName &&
			(strings.Contains(v, ", BABY") || strings.HasPrefix(v, "BABY") || strings.Contains(v, ", INFANT") || strings.Contains(v, ", NEWBORN"))
	})
}

func kindsOf(ids []record.Identifier) []string {
	var words []string
	for _, id := range ids {
		if w := word(id.Kind); !slices.Contains(words, w) && queryFor(id) != (Query{}) || id.Kind == record.KindName && !slices.Contains(words, w) {
			words = append(words, w)
		}
	}
	return words
}

func list(words []string) string {
	switch len(words) {
	case 0:
		return "facts"
	case 1:
		return words[0]
	}
	return strings.Join(words[:len(words)-1], ", ") + " or " + words[len(words)-1]
}

// word is a kind as a clerk calls it.
func word(k record.Kind) string {
	switch k {
	case record.KindDOB:
		return "birth date"
	case record.KindMRN:
		return "record number"
	case record.KindSSN:
		return "social security number"
	case record.KindMBI:
		return "Medicare number"
	case record.KindNHS:
		return "NHS number"
	}
	return string(k)
}
