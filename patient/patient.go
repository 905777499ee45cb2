// Package patient knows who is in the registry, and decides whom a document
// belongs to.
//
// Match is where filing happens. It weighs what identify found on the pages
// against the patients that the registry offers, and ends in one of three
// ways: filed, review or hold. It files by itself only where two facts that do
// not hang together, one of them a number, are exactly a patient's and nothing
// on any page speaks against it; whoever is in doubt asks a person. A document
// in the wrong chart is the worst that can happen here, so every rule errs
// towards asking.
//
// ReadCSV reads a registry as other systems deliver it.
package patient

import (
	"context"
	"errors"

	"chartroom/record"
)

// Query asks for the patients that equal in any of the fields set, by what
// they are called now or were before: numbers without separators in capitals,
// DOB in ISO 8601, Last without regard to capitals. At most Limit are wanted
// (0 is 1000).
//
// The last fields ask for those whom a misreading hides: Near for numbers that
// differ by one character, too; Sounds (LAST, FIRST) for last names that sound
// alike with the same first letter of the first name; Given (LAST, FIRST) with
// Year for first names of the same three first letters and year of birth.
type Query struct {
	MRN, SSN, MBI, NHS string
	Phone              string
	DOB, Last          string
	Near               bool
	Sounds             string
	Given, Year        string
	Limit              int
}

// ErrTooMany is what a Finder may answer where more patients fit than it will
// give. Match then files nothing that rests on that question.
var ErrTooMany = errors.New("too many patients fit")

// Finder is the registry as Match needs it.
type Finder interface {
	FindPatients(ctx context.Context, q Query) ([]record.Patient, error)
}

// Evidence is what is known of a document: what was found on its pages or
// given with it, its date in ISO 8601 ("" where it is not known), and how many
// pages it has.
type Evidence struct {
	Identifiers []record.Identifier
	Date        string
	Pages       int
}

// Decision is how filing ended. Reason tells a clerk why it did not end in a
// chart; it names kinds of identifiers and pages, never values. Candidates,
// best first, are what a person would choose from. Identifiers is what the
// record should hold: what was found, less the readings of an ambiguous birth
// date that the registry has ruled out.
type Decision struct {
	Status      record.Status
	Patient     *record.Patient // only when filed
	Reason      string
	Candidates  []Candidate
	Identifiers []record.Identifier
}

// Candidate is a patient whom a document may belong to, with everything that
// speaks for or against it. Score orders candidates; it is a sum of weights,
// higher for more likely.
type Candidate struct {
	Patient record.Patient
	Score   float64
	Facts   []Fact
}

// Fact is one comparison of something found with what the registry says.
type Fact struct {
	Kind   record.Kind
	Level  Level
	Page   int
	Box    record.Box
	Source record.Source

	found record.Identifier
}

// Level is how far two values agree.
type Level string

// The levels. Close means what a misreading explains: one character, two that
// look alike, day and month changed over. Silent means that the comparison
// says nothing either way.
const (
	Same    Level = "same"
	Close   Level = "nearly the same"
	Silent  Level = "says nothing"
	Differs Level = "differs"
)

// Agrees says whether the fact speaks for the candidate.
func (f Fact) Agrees() bool { return f.Level == Same || f.Level == Close }

// maxCandidates is how many patients a review screen is offered: one for each
// of the keys 1 to 9.
const maxCandidates = 9

// maxValues is how many different values found on the pages are held against
// the registry. No one patient's chart holds so many.
const maxValues = 200

// maxLookups bounds how often a document's evidence asks the registry.
const maxLookups = 24
