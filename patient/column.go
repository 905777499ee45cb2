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
	{mrnNames, func(_ CSV, p *record.Patient, s string) string { return number(&p.MRN, s, 36, "the record number") }},
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
	{[]string{"STATE", "PROVINCE"}, text(func(p *record.Patient) *record.Private { return &p.State })},
	{[]string{"ZIP", "ZIPCODE", "POSTCODE", "POSTALCODE"}, text(func(p *record.Patient) *record.Private { return &p.Zip })},
	{[]string{"ALIAS", "ALIASES", "ALSOKNOWNAS", "AKA", "NICKNAME", "PREFERREDNAME"}, otherNames(record.NameAlias)},
	{[]string{"FORMERNAME", "FORMERNAMES", "MAIDEN", "MAIDENNAME", "PREVIOUSNAME", "BIRTHNAME", "FORMERLASTNAME"}, otherNames(record.NameFormer)},
	{[]string{"OTHERMRN", "OTHERMRNS", "FORMERMRN", "FORMERMRNS", "OLDMRN", "PREVIOUSMRN"}, otherNumbers},
	{deathNames[:3], deceased},
	{deathNames[3:], deathDate},
	{guardNames, restricted},
}

// deathNames are the columns that say whether, and then those that say when, a
// patient died; guardNames those that say whether a chart is restricted.
var (
	deathNames = []string{"DECEASED", "DEAD", "DECEASEDINDICATOR", "DEATHDATE", "DATEOFDEATH", "DECEASEDDATE", "DOD"}
	guardNames = []string{"RESTRICTED", "CONFIDENTIAL", "VIP", "PROTECTED"}
)

// otherNames takes names, parted by semicolons: LAST, FIRST or FIRST LAST; a
// single word is a first name where it is an alias, or else a last one.
func otherNames(kind record.NameKind) column {
	return func(_ CSV, p *record.Patient, s string) string {
		if len(s) > 1000 {
			return "a field of more than 1000 bytes"
		}
		for one := range strings.SplitSeq(s, ";") {
			one = strings.TrimSpace(one)
			if one == "" {
				continue
			}
			if len(p.Names) == 20 {
				return "more than 20 other names"
			}
			n := record.PatientName{Kind: kind}
			switch words := strings.Fields(one); {
			case !strings.Contains(one, ",") && len(words) == 1 && kind == record.NameAlias:
				n.First = record.Hide(one)
			case !strings.Contains(one, ",") && len(words) == 1:
				n.Last = record.Hide(one)
			default:
				var whole record.Patient
				wholeName(CSV{}, &whole, one)
				n.Last, n.First, n.Middle, n.Suffix = whole.Last, whole.First, whole.Middle, whole.Suffix
			}
			p.Names = append(p.Names, n)
		}
		return ""
	}
}

// completeName gives a name that was half given the rest of the official one.
func completeName(n *record.PatientName, p *record.Patient) {
	if n.Last.IsZero() {
		n.Last = p.Last
	}
	if n.First.IsZero() {
		n.First = p.First
	}
}

// otherNumbers takes record numbers, parted by semicolons; AUTHORITY:NUMBER
// names whose one is.
func otherNumbers(_ CSV, p *record.Patient, s string) string {
	for one := range strings.SplitSeq(s, ";") {
		authority, value := "", one
		if i := strings.LastIndexByte(one, ':'); i >= 0 {
			authority, value = strings.TrimSpace(one[:i]), one[i+1:]
		}
		n := record.PatientNumber{Kind: record.KindMRN, Authority: authority}
		if reason := number(&n.Value, value, 36, "another record number"); reason != "" {
			return reason
		}
		if n.Value.IsZero() {
			continue
		}
		if len(p.Numbers) == 20 {
			return "more than 20 other record numbers"
		}
		p.Numbers = append(p.Numbers, n)
	}
	return ""
}

// yes reads a sign that something is so; ok is false where it is none.
func yes(s string) (is, ok bool) {
	switch letters(s) {
	case "", "N", "NO", "0", "FALSE", "F":
		return false, true
	case "Y", "YES", "1", "TRUE", "T", "X":
		return true, true
	}
	return false, false
}

func deceased(c CSV, p *record.Patient, s string) string {
	is, ok := yes(s)
	if !ok {
		return deathDate(c, p, s)
	}
	p.Deceased = p.Deceased || is
	return ""
}

func deathDate(c CSV, p *record.Patient, s string) string {
	var died record.Patient
	if birthDate(c, &died, s) != "" {
		return "the date of death is not a date"
	}
	if !died.DOB.IsZero() {
		p.Deceased, p.DeathDate = true, died.DOB
	}
	return ""
}

func restricted(_ CSV, p *record.Patient, s string) string {
	is, ok := yes(s)
	if !ok {
		return "a sign of restriction that is neither yes nor no"
	}
	p.Restricted = is
	return ""
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
