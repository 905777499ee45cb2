package record

// Kind is what an identifier is.
type Kind string

// The kinds of identifiers. INTERFACE words; more may follow.
const (
	KindName      Kind = "name"
	KindDOB       Kind = "dob"
	KindSex       Kind = "sex"
	KindMRN       Kind = "mrn"
	KindAccount   Kind = "account"
	KindAccession Kind = "accession"
	KindSSN       Kind = "ssn"
	KindMBI       Kind = "mbi"
	KindNHS       Kind = "nhs"
	KindNPI       Kind = "npi"
	KindPhone     Kind = "phone"
	KindAddress   Kind = "address"
)

// Role is whom an identifier names.
type Role string

// The roles. RoleUnclear never counts as the patient's.
const (
	RolePatient   Role = "patient"
	RoleProvider  Role = "provider"
	RoleGuarantor Role = "guarantor"
	RoleInsured   Role = "insured"
	RoleNextOfKin Role = "next-of-kin"
	RoleMother    Role = "mother"
	RoleWitness   Role = "witness"
	RoleFacility  Role = "facility"
	RoleUnclear   Role = "unclear"
)

// Source is where an identifier was read.
type Source string

// The sources.
const (
	SourceText    Source = "text"
	SourceBarcode Source = "barcode"
	SourceGiven   Source = "given" // a delivered index or a folder's name
)

// Check is the result of an identifier's check digit, or of its structure
// where that is all it has.
type Check string

// The results of a check.
const (
	CheckOK   Check = "ok"
	CheckBad  Check = "bad"
	CheckNone Check = "none"
)

// Identifier is a value on the paper that names somebody, with its evidence.
// Value is canonical (names LAST, FIRST MIDDLE SUFFIX; dates ISO 8601; numbers
// without separators and with their leading zeros), Raw what was read. Page
// and Box say where; Confidence, from 0 to 1, how probable it is that this
// value, in this role, stands there.
type Identifier struct {
	Kind       Kind
	Role       Role
	Value      Private
	Raw        Private
	Page       int
	Box        Box
	Confidence float64
	Source     Source
	Check      Check
}

// Patient is somebody in the registry. MRN is unique within Authority (the
// site that assigned it; empty for the site's own). Dates are ISO 8601, Sex
// is M, F, O or U, numbers stand without separators.
type Patient struct {
	Authority                   string
	MRN                         Private
	Last, First, Middle, Suffix Private
	DOB                         Private
	Sex                         Private
	SSN, MBI, NHS               Private
	Phone                       Private
	Street, City, State, Zip    Private
}

// Name is the patient's name as LAST, FIRST MIDDLE SUFFIX, in capitals.
func (p *Patient) Name() Private {
	return CanonicalName(p.Last.Reveal(), p.First.Reveal(), p.Middle.Reveal(), p.Suffix.Reveal())
}

// Ref is how a document names the patient it is filed to.
func (p *Patient) Ref() *PatientRef {
	return &PatientRef{MRN: p.MRN, Name: p.Name(), DOB: p.DOB}
}

// String keeps a patient out of a log line.
func (p Patient) String() string { return hidden }
