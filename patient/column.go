package patient

import (
	"slices"
	"strings"
	"time"

	"chartroom/record"
)

// A column puts a field's text into a patient. It returns why it cannot, or
// "".
type column func(c CSV, p *record.Patient, text string) string

// columnNames are the names by which columns go, in capitals and digits only.
var columnNames = []struct {
	names []string
	set   column
}{
	{mrnNames, func(_ CSV, p *record.Patient, s string) string { return number(&p.MRN, s, 32, "the record number") }},
	{[]string{"AUTHORITY", "ASSIGNINGAUTHORITY", "FACILITY", "SITE"}, func(_ CSV, p *record.Patient, s string) string { p.Authority = s; return "" }},
	{[]string{"LAST", "LASTNAME", "SURNAME", "FAMILYNAME", "FAMILY", "PATIENTLASTNAME", "LNAME"}, text(func(p *record.Patient) *record.Private { return &p.Last })},
	{[]string{"FIRST", "FIRSTNAME", "GIVENNAME", "GIVEN", "FORENAME", "FORENAMES", "PATIENTFIRSTNAME", "FNAME"}, text(func(p *record.Patient) *record.Private { return &p.First })},
	{[]string{"MIDDLE", "MIDDLENAME", "MIDDLEINITIAL", "MI", "MNAME"}, text(func(p *record.Patient) *record.Private { return &p.Middle })},
	{[]string{"SUFFIX", "NAMESUFFIX", "GENERATION"}, text(func(p *record.Patient) *record.Private { return &p.Suffix })},
	{[]string{"NAME", "FULLNAME", "PATIENTNAME", "PATIENT"}, wholeName},
	{[]string{"DOB", "DATEOFBIRTH", "BIRTHDATE", "BIRTHDAY", "BIRTHDT", "DOBDATE"}, birthDate},
	{[]string{"SEX", "GENDER", "LEGALSEX", "ADMINISTRATIVEGENDER"}, sex},
	{[]string{"SSN", "SOCIALSECURITYNUMBER", "SOCIALSECURITY"}, func(_ CSV, p *record.Patient, s string) string {
		return number(&p.SSN, s, 11, "the social security number")
	}},
	{[]string{"MBI", "MEDICARE", "MEDICAREID", "MEDICARENUMBER", "MEDICAREBENEFICIARYIDENTIFIER"}, func(_ CSV, p *record.Patient, s string) string { return number(&p.MBI, s, 12, "the Medicare number") }},
	{[]string{"NHS", "NHSNUMBER", "NHSNO"}, func(_ CSV, p *record.Patient, s string) string { return number(&p.NHS, s, 10, "the NHS number") }},
	{[]string{"PHONE", "TELEPHONE", "HOMEPHONE", "PHONENUMBER", "TEL", "MOBILE"}, func(_ CSV, p *record.Patient, s string) string {
		return number(&p.Phone, s, 20, "the telephone number")
	}},
	{[]string{"STREET", "ADDRESS", "ADDRESS1", "ADDRESSLINE1", "STREETADDRESS"}, text(func(p *record.Patient) *record.Private { return &p.Street })},
	{[]string{"CITY", "TOWN"}, text(func(p *record.Patient) *record.Private { return &p.City })},
	{[]string{"STATE", "PROVINCE", "COUNTY"}, text(func(p *record.Patient) *record.Private { return &p.State })},
	{[]string{"ZIP", "ZIPCODE", "POSTCODE", "POSTALCODE"}, text(func(p *record.Patient) *record.Private { return &p.Zip })},
}

var mrnNames = []string{"MRN", "MEDICALRECORDNUMBER", "MEDICALRECORDNO", "RECORDNUMBER", "PATIENTID", "PATIENTNUMBER", "HOSPITALNUMBER", "UNITNUMBER", "CHARTNUMBER", "PATIENTMRN", "MRNUMBER", "PATID"}

func isMRNColumn(key string) bool { return slices.Contains(mrnNames, key) }

// columnNamed is what to do with a column, nil where nothing.
func columnNamed(key string) column {
	for _, c := range columnNames {
		if slices.Contains(c.names, key) {
			return c.set
		}
	}
	return nil
}

func text(field func(*record.Patient) *record.Private) column {
	return func(_ CSV, p *record.Patient, s string) string {
		if len(s) > 200 {
			return "a field of more than 200 bytes"
		}
		*field(p) = record.Hide(s)
		return ""
	}
}

// number keeps capitals and digits.
func number(to *record.Private, s string, most int, what string) string {
	n := letters(s)
	if len(n) > most {
		return what + " is too long"
	}
	*to = record.Hide(n)
	return ""
}

// wholeName takes LAST, FIRST MIDDLE or FIRST MIDDLE LAST apart, where the
// parts have no columns of their own.
func wholeName(_ CSV, p *record.Patient, s string) string {
	last, rest, comma := strings.Cut(s, ",")
	given := strings.Fields(rest)
	if !comma {
		words := strings.Fields(s)
		if len(words) < 2 {
			p.Last = record.Hide(s)
			return ""
		}
		last, given = words[len(words)-1], words[:len(words)-1]
	}
	p.Last = record.Hide(strings.TrimSpace(last))
	if n := len(given) - 1; n > 0 && isSuffix(letters(given[n])) {
		p.Suffix, given = record.Hide(letters(given[n])), given[:n]
	}
	if len(given) > 0 {
		p.First, p.Middle = record.Hide(given[0]), record.Hide(strings.Join(given[1:], " "))
	}
	return ""
}

func sex(_ CSV, p *record.Patient, s string) string {
	switch letters(s) {
	case "":
		return ""
	case "M", "MALE", "1":
		p.Sex = record.Hide("M")
	case "F", "FEMALE", "2", "W":
		p.Sex = record.Hide("F")
	case "O", "OTHER", "X", "9":
		p.Sex = record.Hide("O")
	case "U", "UNKNOWN", "UN", "UNK", "0":
		p.Sex = record.Hide("U")
	default:
		return "a sex that is none of M, F, O and U"
	}
	return ""
}

var dateForms = []string{"2006-01-02", "20060102", "2006/01/02", "2006-01-02T15:04:05", "2006-01-02 15:04:05", "2 Jan 2006", "02-Jan-2006", "January 2, 2006"}

// birthDate reads a date of birth; in numbers with the year last the order is
// the reader's, unless only one is a date.
func birthDate(c CSV, p *record.Patient, s string) string {
	if s == "" {
		return ""
	}
	forms := append(slices.Clone(dateForms), "1/2/2006", "1-2-2006", "2/1/2006", "2-1-2006", "2.1.2006")
	if c.DayFirst {
		forms = append(slices.Clone(dateForms), "2/1/2006", "2-1-2006", "2.1.2006", "1/2/2006", "1-2-2006")
	}
	for _, form := range forms {
		if t, err := time.Parse(form, s); err == nil && t.Year() >= 1850 && t.Year() <= 2200 {
			p.DOB = record.Hide(t.Format(time.DateOnly))
			return ""
		}
	}
	return "the birth date is not a date"
}
