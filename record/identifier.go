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
// is M, F, O or U, numbers stand without separators. Last, First, Middle and
// Suffix are the official name; Names are others the patient goes or went by,
// Numbers those of which one field is not enough.
type Patient struct {
	Authority                   string
	MRN                         Private
	Last, First, Middle, Suffix Private
	DOB                         Private
	Sex                         Private
	SSN, MBI, NHS               Private
	Phone                       Private
	Street, City, State, Zip    Private
	Names                       []PatientName
	Numbers                     []PatientNumber
	MergedInto                  *PatientKey // whom this record's patient turned out to be
	Deceased                    bool
	DeathDate                   Private // empty where it is not known
	Restricted                  bool    // only named people may see the chart
}

// PatientName is a name beside the official one.
type PatientName struct {
	Kind                        NameKind
	Last, First, Middle, Suffix Private
}

// NameKind says what a name beside the official one is.
type NameKind string

// The kinds of names.
const (
	NameAlias  NameKind = "alias"  // also goes by: a nickname, a pen name
	NameFormer NameKind = "former" // went by: before a marriage, before a change
)

// PatientNumber is a number beside those that a patient has fields for: a
// record number that another authority gave, or an old one.
type PatientNumber struct {
	Kind      Kind
	Authority string
	Value     Private
}

// PatientKey is what a patient's record goes by in the registry.
type PatientKey struct {
	Authority string
	MRN       Private
}

// Key is what the patient's record goes by.
func (p *Patient) Key() PatientKey { return PatientKey{p.Authority, p.MRN} }

// ChangeKind is what a registry's file says of a patient.
type ChangeKind string

// The kinds of changes.
const (
	ChangeWhole   ChangeKind = "whole"   // the patient as a whole: what is not given is not known
	ChangePart    ChangeKind = "part"    // what is given; the rest stays as it is
	ChangeMerge   ChangeKind = "merge"   // Other turned out to be Patient; Patient's fields are as for ChangePart
	ChangeUnmerge ChangeKind = "unmerge" // Patient and Other are two people after all
)

// PatientChange is what one place of a registry's file says. In a part, a
// field that holds Erase is emptied.
type PatientChange struct {
	Kind       ChangeKind
	Line       int // of the file, from 1
	Patient    Patient
	Other      PatientKey
	Alive      bool // a part says that the patient is not deceased
	Unguarded  bool // a part says that the chart is not restricted
	Correction bool // the file may put another person under a known number
}

// Erase, as the text of a field, empties the field: HL7's way of saying so.
const Erase = `""`

// Name is the patient's name as LAST, FIRST MIDDLE SUFFIX, in capitals.
func (p *Patient) Name() Private {
	return CanonicalName(p.Last.Reveal(), p.First.Reveal(), p.Middle.Reveal(), p.Suffix.Reveal())
}

// Ref is how a document names the patient it is filed to.
func (p *Patient) Ref() *PatientRef {
	return &PatientRef{MRN: p.MRN, Name: p.Name(), DOB: p.DOB, Authority: p.Authority}
}

// String keeps a patient out of a log line.
func (p Patient) String() string { return hidden }

// String keeps a patient's name out of a log line.
func (n PatientName) String() string { return hidden }
