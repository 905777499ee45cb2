package patient

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"chartroom/record"
)

// Match decides whom a document belongs to. The only error is the Finder's.
func Match(ctx context.Context, registry Finder, e Evidence) (Decision, error) {
	found := patientsOwn(e.Identifiers)
	values := distinct(found)
	if len(values) > maxValues {
		d := review("the pages name too many people to tell whose they are")
		d.Identifiers = e.Identifiers
		return d, nil
	}
	patients, err := lookUp(ctx, registry, values)
	crowded := errors.Is(err, ErrTooMany)
	if err != nil && !crowded {
		return Decision{}, fmt.Errorf("look up candidates: %w", err)
	}
	candidates := make([]Candidate, len(patients))
	for i := range patients {
		candidates[i] = weigh(patients[i], values)
	}
	slices.SortStableFunc(candidates, func(a, b Candidate) int {
		return cmp.Or(-cmp.Compare(a.Score, b.Score), cmp.Compare(a.Patient.Authority, b.Patient.Authority), cmp.Compare(a.Patient.MRN.Reveal(), b.Patient.MRN.Reveal()))
	})
	d := decide(candidates, found, e)
	if d.Status == record.StatusFiled && crowded {
		d = review("too many patients share what was read to compare them all")
	}
	if d.Status == record.StatusFiled && candidates[0].best(record.KindDOB) != Same {
		if d, err = withoutBirthDate(ctx, registry, d, values); err != nil {
			return Decision{}, err
		}
	}
	if d.Status == record.StatusFiled {
		if d, err = withoutStrangers(ctx, registry, d, e.Identifiers); err != nil {
			return Decision{}, fmt.Errorf("look up a number: %w", err)
		}
	}
	d.Candidates = candidates[:min(len(candidates), maxCandidates)]
	d.Identifiers = e.Identifiers
	if d.Status == record.StatusFiled {
		d.Identifiers = settled(e.Identifiers, d.Patient)
	}
	return d, nil
}

// maxNamesakes is how many people of one last name are looked at before filing
// without a birth date.
const maxNamesakes = 20_000

// withoutBirthDate looks once more where a document would be filed by number
// and name alone: a namesake whose number is one misread character away, such
// as a father's beside his son's, makes it a question.
func withoutBirthDate(ctx context.Context, registry Finder, d Decision, found []record.Identifier) (Decision, error) {
	namesakes, err := registry.FindPatients(ctx, Query{Last: d.Patient.Last.Reveal(), Limit: maxNamesakes})
	if ctx.Err() != nil {
		return Decision{}, fmt.Errorf("look up namesakes: %w", ctx.Err())
	}
	if err != nil {
		return review("no birth date could be read, and the last name is too common to file without it"), nil
	}
	best := weigh(*d.Patient, found)
	for _, p := range namesakes {
		if p.Authority == d.Patient.Authority && p.MRN.Equal(d.Patient.MRN) {
			continue
		}
		if c := weigh(p, found); rival(&best, []Candidate{c}) {
			return review("more than one patient fits"), nil
		}
	}
	return d, nil
}

// withoutStrangers looks up the numbers without a clear role: one that the
// registry knows as another patient's makes it a hold.
func withoutStrangers(ctx context.Context, registry Finder, d Decision, ids []record.Identifier) (Decision, error) {
	asked := map[Query]bool{}
	for _, id := range ids {
		if id.Role != record.RoleUnclear || id.Check == record.CheckBad || !slices.Contains(numbers, id.Kind) || compare(id, d.Patient) == Same || asked[queryFor(id)] {
			continue
		}
		if len(asked) == maxValues {
			return review("the pages hold too many numbers to tell whose they are"), nil
		}
		asked[queryFor(id)] = true
		others, err := registry.FindPatients(ctx, queryFor(id))
		if err != nil {
			return Decision{}, err
		}
		if len(others) > 0 {
			return Decision{Status: record.StatusHold, Reason: otherNumber(id)}, nil
		}
	}
	return d, nil
}

// distinct is what was found with each value once, where it stands first: a
// chart of a thousand pages says the same on each. Readings of one date belong
// together.
func distinct(found []record.Identifier) []record.Identifier {
	type place struct {
		page int
		box  record.Box
	}
	type key struct {
		kind          record.Kind
		source        record.Source
		check         record.Check
		value, beside string
	}
	readings := map[place]string{}
	for _, id := range found {
		if id.Kind == record.KindDOB {
			readings[place{id.Page, id.Box}] += id.Value.Reveal()
		}
	}
	seen := map[key]bool{}
	return slices.DeleteFunc(slices.Clone(found), func(id record.Identifier) bool {
		k := key{id.Kind, id.Source, id.Check, id.Value.Reveal(), ""}
		if id.Kind == record.KindDOB {
			k.beside = readings[place{id.Page, id.Box}]
		}
		was := seen[k]
		seen[k] = true
		return was
	})
}

// patientsOwn is what was found in the patient's role.
func patientsOwn(ids []record.Identifier) []record.Identifier {
	return slices.DeleteFunc(slices.Clone(ids), func(id record.Identifier) bool { return id.Role != record.RolePatient })
}

// lookUp asks the registry for everybody whom something found points to. The
// last name alone is asked for only where nothing else leads to anybody of
// that name.
//
// It returns what it has with ErrTooMany where a question had too many answers.
func lookUp(ctx context.Context, registry Finder, found []record.Identifier) (patients []record.Patient, crowded error) {
	asked := map[Query]bool{}
	ask := func(q Query) error {
		if q == (Query{}) || asked[q] || len(asked) >= maxLookups {
			return nil
		}
		asked[q] = true
		more, err := registry.FindPatients(ctx, q)
		patients = appendNew(patients, more)
		if errors.Is(err, ErrTooMany) {
			crowded, err = ErrTooMany, nil
		}
		return err
	}
	for _, id := range found {
		if err := errors.Join(ask(queryFor(id)), ask(queryForDigits(id))); err != nil {
			return nil, err
		}
	}
	names := 0
	for _, id := range found {
		if id.Kind != record.KindName || names == maxLookups || slices.ContainsFunc(patients, func(p record.Patient) bool { return compare(id, &p) != Differs }) {
			continue
		}
		names++
		// A last name that too many share is no help, and offers only more to
		// choose from: filing never rests on it, so an error here is none.
		more, err := registry.FindPatients(ctx, Query{Last: lastName(id.Value.Reveal())})
		if err != nil && ctx.Err() != nil {
			return nil, err
		}
		patients = appendNew(patients, more)
	}
	more, err := lookAround(ctx, registry, found, patients)
	if err != nil {
		return nil, err
	}
	return appendNew(patients, more), crowded
}

// The most questions about misread keys, and the most answers to each that are
// of any help.
const (
	maxAround       = 12
	maxAroundAnswer = 100
)

// lookAround asks for the patients whom a misreading hides, where nobody found
// so far agrees in two things: by numbers one character away, by how the name
// sounds, by first name and year of birth. Filing never rests on whom it finds
// alone, so where too many fit that is no help and no error.
func lookAround(ctx context.Context, registry Finder, found []record.Identifier, patients []record.Patient) (more []record.Patient, err error) {
	if slices.ContainsFunc(patients, func(p record.Patient) bool { return agreeing(&p, found) >= 2 }) {
		return nil, nil
	}
	asked := map[Query]bool{}
	ask := func(q Query) {
		q.Limit = maxAroundAnswer
		if err != nil || asked[q] || len(asked) == maxAround {
			return
		}
		asked[q] = true
		answer, problem := registry.FindPatients(ctx, q)
		if problem != nil && !errors.Is(problem, ErrTooMany) {
			err = problem
		}
		more = append(more, answer...)
	}
	for _, id := range found {
		q := queryFor(id)
		switch {
		case slices.Contains(numbers, id.Kind):
			q.Near = true
			ask(q)
		case id.Kind == record.KindName:
			ask(Query{Sounds: id.Value.Reveal()})
			for _, dob := range found {
				if v := dob.Value.Reveal(); dob.Kind == record.KindDOB && len(v) >= 4 {
					ask(Query{Given: id.Value.Reveal(), Year: v[:4]})
				}
			}
		}
	}
	return more, err
}

// agreeing counts the kinds of things found that are exactly the patient's.
func agreeing(p *record.Patient, found []record.Identifier) (n int) {
	var kinds []record.Kind
	for _, id := range found {
		kind := id.Kind
		if slices.Contains(numbers, kind) {
			kind = record.KindMRN
		}
		if kind != record.KindSex && !slices.Contains(kinds, kind) && compare(id, p) == Same {
			kinds = append(kinds, kind)
		}
	}
	return len(kinds)
}

// queryForDigits asks for a record number with digits where letters that look
// like them were read.
func queryForDigits(id record.Identifier) Query {
	if v := asDigits(id.Value.Reveal()); id.Kind == record.KindMRN && onlyDigits(v) {
		return Query{MRN: v}
	}
	return Query{}
}

func appendNew(have, more []record.Patient) []record.Patient {
	known := make(map[[2]string]bool, len(have))
	key := func(p *record.Patient) [2]string { return [2]string{p.Authority, p.MRN.Reveal()} }
	for i := range have {
		known[key(&have[i])] = true
	}
	for i := range more {
		if k := key(&more[i]); !known[k] {
			known[k], have = true, append(have, more[i])
		}
	}
	return have
}

func queryFor(id record.Identifier) Query {
	v := id.Value.Reveal()
	switch id.Kind {
	case record.KindMRN:
		return Query{MRN: v}
	case record.KindSSN:
		return Query{SSN: v}
	case record.KindMBI:
		return Query{MBI: v}
	case record.KindNHS:
		return Query{NHS: v}
	case record.KindDOB:
		return Query{DOB: v}
	}
	return Query{}
}

// weights of what agrees or differs, as rough logarithms to base 2 of how much
// more often it is so for the right patient than for another.
var weights = map[record.Kind]map[Level]float64{
	record.KindMRN:     {Same: 20, Close: 8, Differs: -6},
	record.KindSSN:     {Same: 20, Close: 8, Differs: -6},
	record.KindMBI:     {Same: 20, Close: 8, Differs: -6},
	record.KindNHS:     {Same: 20, Close: 8, Differs: -6},
	record.KindDOB:     {Same: 13, Close: 5, Differs: -6},
	record.KindName:    {Same: 12, Close: 8, Differs: -5},
	record.KindSex:     {Same: 1, Differs: -5},
	record.KindPhone:   {Same: 12},
	record.KindAddress: {Same: 9},
}

// weigh compares everything found with one patient. What was found several
// times counts once, at its best.
func weigh(p record.Patient, found []record.Identifier) Candidate {
	c := Candidate{Patient: p}
	best := map[record.Kind]Level{}
	for _, id := range found {
		level := compare(id, &p)
		if level == Silent {
			continue
		}
		c.Facts = append(c.Facts, Fact{id.Kind, level, id.Page, id.Box, id.Source, id})
		if have, ok := best[id.Kind]; !ok || rank(level) < rank(have) {
			best[id.Kind] = level
		}
	}
	for kind, level := range best {
		c.Score += weights[kind][level]
	}
	return c
}

func rank(l Level) int { return slices.Index([]Level{Same, Close, Silent, Differs}, l) }

// best is the best level of a kind, Silent where nothing was found.
func (c *Candidate) best(kinds ...record.Kind) Level {
	best := Level("")
	for _, f := range c.Facts {
		if slices.Contains(kinds, f.Kind) && (best == "" || rank(f.Level) < rank(best)) {
			best = f.Level
		}
	}
	if best == "" {
		return Silent
	}
	return best
}

// settled is what the record of a filed document should hold: without the
// readings of ambiguous birth dates that are not the patient's where another
// reading of the same place is, and with digits where letters that look like
// them were read in the record number.
func settled(ids []record.Identifier, p *record.Patient) []record.Identifier {
	right := func(id record.Identifier) bool { return id.Kind == record.KindDOB && id.Value.Equal(p.DOB) }
	out := slices.DeleteFunc(slices.Clone(ids), func(id record.Identifier) bool {
		return id.Kind == record.KindDOB && id.Role == record.RolePatient && !right(id) && slices.ContainsFunc(ids, func(o record.Identifier) bool {
			return right(o) && o.Page == id.Page && o.Box == id.Box
		})
	})
	for i := range out {
		if out[i].Kind == record.KindMRN && out[i].Role == record.RolePatient && asDigits(out[i].Value.Reveal()) == p.MRN.Reveal() {
			out[i].Value = p.MRN
		}
	}
	return out
}

func lastName(s string) string {
	for i := range len(s) {
		if s[i] == ',' {
			return s[:i]
		}
	}
	return s
}
