package patient_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"chartroom/identify"
	"chartroom/patient"
	"chartroom/record"
)

// drawn makes a page of text drawn with a typewriter: a column is 20 pixels
// wide, a row 50 high.
func drawn(number int, text string) record.Page {
	p := record.Page{Number: number, State: record.PageText, Width: 2550, Height: 3300, DPI: 300}
	for row, line := range strings.Split(strings.Trim(text, "\n"), "\n") {
		for at := 0; at < len(line); {
			if line[at] == ' ' {
				at++
				continue
			}
			end := at + strings.IndexByte(line[at:]+" ", ' ')
			p.Words = append(p.Words, record.Word{Text: record.Hide(line[at:end]), Confidence: 0.95, Block: row + 1, Line: 1,
				Box: record.Box{Left: 100 + 20*at, Top: 100 + 50*row, Width: 20*(end-at) - 4, Height: 30}})
			at = end
		}
	}
	return p
}

// household is a registry of people who are easily taken for each other.
func household() *memory {
	robert := person("00555555", "BROWN", "ROBERT", "", "1955-06-07", "M")
	robert.SSN, robert.Phone, robert.Street = record.Hide("536904399"), record.Hide("2075550142"), record.Hide("12 ELM STREET")
	return newMemory(robert,
		person("00666666", "BROWN", "TIMOTHY", "", "2005-08-09", "M"),
		person("00482913", "GARCIA", "MARIA", "L", "1961-03-14", "F"),
		person("00333333", "WELBY", "MARCUS", "", "1940-01-22", "M"),
		person("00444441", "JONES", "ANNA", "", "2001-02-23", "F"),
		person("00912077", "JONES", "ANNE", "", "2001-02-23", "F"),
		person("00111111", "SMITH", "JOHN", "", "1980-05-25", "M"),
		person("00222222", "SMITH", "JOHN", "", "1950-05-25", "M"))
}

// TestNobodyElsesPaperIsFiled draws papers on which somebody of the registry
// is named who is not surely the one the paper is about.
func TestNobodyElsesPaperIsFiled(t *testing.T) {
	for _, c := range strangers {
		t.Run(c.name, func(t *testing.T) {
			var pages []record.Page
			for i, text := range strings.Split(c.pages, "\f") {
				pages = append(pages, drawn(i+1, text))
			}
			found := identify.Find(pages, record.Given{MRN: record.Hide(c.given)}, identify.Options{Latest: "2026-11-23"})
			got, err := patient.Match(t.Context(), household(), patient.Evidence{Identifiers: found.Identifiers, Date: found.Date, Pages: len(pages)})
			if err != nil {
				t.Fatal(err)
			}
			mrn := ""
			if got.Status == record.StatusFiled {
				mrn = got.Patient.MRN.Reveal()
			}
			if mrn != c.filed {
				t.Errorf("%s to %q, want %q: %s", got.Status, mrn, c.filed, got.Reason)
				for _, id := range found.Identifiers {
					t.Logf("%s %s %s %s page %d", id.Kind, id.Role, id.Value.Reveal(), id.Check, id.Page)
				}
			}
		})
	}
}

// TestALongChartIsDecidedAtOnce holds filing to a time that does not grow with
// the square of the pages: each of them repeats whom it is about, and a hostile
// one names everybody.
func TestALongChartIsDecidedAtOnce(t *testing.T) {
	first := func(n int) string {
		return "A" + string([]byte{'A' + byte(n/676), 'A' + byte(n/26%26), 'A' + byte(n%26)})
	}
	var everybody []record.Patient
	for n := range 2000 {
		everybody = append(everybody, person(fmt.Sprintf("%08d", n), "SMITH", first(n), "", "1950-04-03", "M"))
	}
	registry := newMemory(everybody...)
	for _, c := range []struct {
		name string
		page func(n int) string
		want record.Status
	}{
		{"the same patient on every page", func(int) string { return "Patient: SMITH, AAAM   MRN: 00000012   DOB: 04/03/1950" }, record.StatusFiled},
		{"a date that is clear on one page", func(n int) string {
			return "Patient: SMITH, AAAM   MRN: 00000012   DOB: " + []string{"April 3, 1950", "04/03/1950"}[n%2]
		}, record.StatusFiled},
		{"another patient on every page", func(n int) string { return fmt.Sprintf("Patient: SMITH, %s   MRN: %08d", first(n), n) }, record.StatusReview},
	} {
		var pages []record.Page
		for n := range 1500 {
			pages = append(pages, drawn(n+1, c.page(n)))
		}
		found := identify.Find(pages, record.Given{}, identify.Options{})
		start := time.Now()
		got, err := patient.Match(t.Context(), registry, patient.Evidence{Identifiers: found.Identifiers, Pages: len(pages)})
		if err != nil {
			t.Fatal(err)
		}
		if took := time.Since(start); got.Status != c.want || took > 20*time.Second {
			t.Errorf("%s: %s (%s) after %v, want %s at once", c.name, got.Status, got.Reason, took, c.want)
		}
	}
}

var strangers = []struct{ name, given, pages, filed string }{
	{name: "plain page", filed: "00482913", pages: `
Patient: GARCIA, MARIA L      MRN: 00482913
DOB: 03/14/1961               Sex: F`},
	{name: "guarantor with birth date and SSN below", pages: `
CLINIC REGISTRATION
Patient:
Guarantor: BROWN, ROBERT
DOB: 06/07/1955
SSN: 536-90-4399`},
	{name: "guarantor whose name was misread", pages: `
CLINIC REGISTRATION
Patient:
Guarantor: BRQVWM, RCBEKT
DOB: 06/07/1955
SSN: 536-90-4399`},
	{name: "guarantor whose name cannot be read", pages: `
CLINIC REGISTRATION
Patient:
Guarantor: ~~
DOB: 06/07/1955
SSN: 536-90-4399`},
	{name: "contact's name", pages: `
Contact name: BROWN, ROBERT
DOB: 06/07/1955
SSN: 536-90-4399`},
	{name: "guarantor of a child whose line is read", pages: `
Patient: BROWN, TIMOTHY     DOB: 08/09/2005
Guarantor: BROWN, ROBERT
SSN: 536-90-4399`},
	{name: "emergency contact with number", pages: `
Emergency contact: BROWN, ROBERT
Date of birth: 06/07/1955
MRN: 00555555`},
	{name: "guarantor's record number", pages: `
Guarantor: BROWN, ROBERT   Guarantor MRN: 00555555   Guarantor DOB: 06/07/1955`},
	{name: "responsible party section", pages: `
RESPONSIBLE PARTY INFORMATION
Name: BROWN, ROBERT      DOB: 06/07/1955
MRN: 00555555            SSN: 536-90-4399`},
	{name: "twins mixed", pages: `
Patient: JONES, ANNE    DOB: 02/23/2001
MRN: 00444441`},
	{name: "organ donor", pages: `
TRANSPLANT OPERATIVE NOTE
Recipient: unreadable
Donor Name: GARCIA, MARIA L   DOB: 03/14/1961
Donor MRN: 00482913`},
	{name: "donor section", pages: `
DONOR INFORMATION
Name: GARCIA, MARIA L   DOB: 03/14/1961
MRN: 00482913`},
	{name: "list of patients", pages: `
WARD CENSUS 11/20/2026
Patient Name            MRN            DOB            Room
GARCIA, MARIA L         00482913       03/14/1961     12
JONES, ANNA             00444441       02/23/2001     13
SMITH, JOHN             00111111       05/25/1980     14`},
	{name: "list of patients, the others unknown", pages: `
WARD CENSUS 11/20/2026
Patient Name            MRN            DOB            Room
GARCIA, MARIA L         00482913       03/14/1961     12
PETERS, ANNA            00700001       02/22/2001     13
MILLER, JOHN            00700002       05/21/1980     14`},
	{name: "list without numbers", pages: `
APPOINTMENTS
MRN: 00482913
Patient Name            DOB            Time
GARCIA, MARIA L         03/14/1961     12:00
PETERS, ANNA            02/22/2001     13:00
MILLER, JOHN            05/21/1980     14:00`},
	{name: "sibling of the patient", pages: `
Patient: handwritten
Sister: JONES, ANNA   DOB: 02/23/2001   MRN: 00444441`},
	{name: "copy to", pages: `
Copy to: GARCIA, MARIA L
DOB: 03/14/1961
MRN: 00482913`},
	{name: "provider who is a patient", pages: `
Patient: 
Attending: WELBY, MARCUS MD     MRN: 00333333`},
	{name: "provider's line and a number", pages: `
Ordering physician: WELBY, MARCUS
MRN: 00333333`},
	{name: "second page another's name and birth date", pages: "Patient: GARCIA, MARIA L   MRN: 00482913   DOB: 03/14/1961\fPatient: JONES, ANNA     DOB: 02/23/2001"},
	{name: "second page another's, unlabelled name", pages: "Patient: GARCIA, MARIA L   MRN: 00482913   DOB: 03/14/1961\fJONES, ANNA\nDOB: 02/23/2001"},
	{name: "second page an unregistered one's", pages: "Patient: GARCIA, MARIA L   MRN: 00482913   DOB: 03/14/1961\fPatient: PETERS, PAUL\nage 44"},
	{name: "second page only a strange number", pages: "Patient: GARCIA, MARIA L   MRN: 00482913   DOB: 03/14/1961\fMRN: 00912077"},
	{name: "second page only an unlabelled strange number", pages: "Patient: GARCIA, MARIA L   MRN: 00482913   DOB: 03/14/1961\fpage of labs 00912077"},
	{name: "given number of another", given: "00444441", pages: `
Patient: GARCIA, MARIA L      MRN: 00482913
DOB: 03/14/1961`},
	{name: "given number and only the name of a namesake", given: "00111111", pages: `
Patient: SMITH, JOHN     DOB: 05/25/1950`},
	{name: "given number, birth date of somebody", given: "00555555", pages: `
Guarantor: BROWN, ROBERT
DOB: 06/07/1955`},
	{name: "given number, name on the page only as guarantor", given: "00555555", pages: `
Patient name: 
Responsible party: BROWN, ROBERT`},
	{name: "previous number", pages: `
Patient: SMITH, JOHN
Previous MRN: 00111111   DOB: 05/25/1950`},
	{name: "account labelled patient no", pages: `
Patient: SMITH, JOHN
Patient account no: 00111111   DOB: 05/25/1950`},
	{name: "newborn", pages: `
BABY GIRL JONES      MRN: 00444441
Mother: JONES, ANNA  DOB: 02/23/2001`},
	{name: "newborn named by of", pages: `
Patient: JONES, GIRL OF ANNA      MRN: 00444441
DOB: 02/23/2001`},
	{name: "twin a", pages: `
Patient: JONES, TWIN A      MRN: 00444441
DOB: 02/23/2001`},
	{name: "other hospital's number", pages: `
Patient: SMITH, JOHN
Outside MRN: 00111111`},
	{name: "policy holder below the patient", pages: `
Patient:
Policy holder: BROWN, ROBERT
Date of birth: 06/07/1955
Social Security Number: 536-90-4399
Address: 12 ELM STREET`},
	{name: "insured's column", pages: `
INSURED'S NAME                      PATIENT'S NAME
BROWN, ROBERT                       
INSURED'S DATE OF BIRTH   INSURED'S ID
06/07/1955                536904399`},
	{name: "spouse of the patient in prose", pages: `
The patient's husband, Robert Brown (DOB 06/07/1955, MRN 00555555),
was present at the visit.`},
	{name: "prose about the father", pages: `
Father: Robert Brown, born 06/07/1955, SSN 536-90-4399`},
	{name: "wife with phone and address", pages: `
Next of kin: BROWN, ROBERT
Phone: (207) 555-0142
Address: 12 ELM STREET
DOB: 06/07/1955`},
	{name: "employee health", pages: `
Injured employee: GARCIA, MARIA L
Witness: BROWN, ROBERT   DOB: 06/07/1955   SSN: 536-90-4399`},
	{name: "two labels on one page", pages: `
GARCIA, MARIA L                         JONES, ANNA
MRN: 00482913                           MRN: 00444441
DOB: 03/14/1961                         DOB: 02/23/2001`},
	{name: "two labels, the other unknown", pages: `
GARCIA, MARIA L                         PETERS, PAUL
MRN: 00482913                           MRN: 00700001
DOB: 03/14/1961                         DOB: 02/22/2001`},
	{name: "two name labels", pages: `
Patient: GARCIA, MARIA L      MRN: 00482913
Patient: PETERS, PAUL`},
	{name: "wrong sex", pages: `
Patient: GARCIA, MARIA L      MRN: 00482913    Sex: M
DOB: 03/14/1961`},
	{name: "name and birth date of two people", pages: `
Patient: SMITH, JOHN      MRN: 00111111
DOB: 05/25/1950`},
	{name: "number of one letter off", pages: `
Patient: SMITH, JOHN      MRN: 00111112
DOB: 05/25/1980`},
	{name: "initial only", pages: `
Patient: SMITH, J      MRN: 00111111`},
	{name: "sender of a fax", pages: `
FROM: MARIA GARCIA   MRN 00482913`},
	{name: "authorisation by a representative", pages: `
I, ROBERT BROWN, authorize release of my child's records.
Personal representative: BROWN, ROBERT
DOB: 06/07/1955     SSN: 536-90-4399`},
	{name: "parent's name", pages: `
Child's name: 
Parent's name: ROBERT BROWN
DOB: 06/07/1955
MRN: 00555555`},
	{name: "deceased older document", pages: `
Patient: JONES, ANNA      MRN: 00444441
Date of service: 01/05/1999`},
	{name: "caregiver heading", pages: `
CAREGIVER
Name: BROWN, ROBERT
DOB: 06/07/1955
SSN: 536-90-4399`},
	{name: "applicant and employee", pages: `
Employer: CITY HOSPITAL
Employee: GARCIA, MARIA L
DOB: 03/14/1961
MRN: 00482913`},
	{name: "a father in brackets", pages: `
Name: BROWN, ROBERT (father)   DOB: 06/07/1955
SSN: 536-90-4399`},
	{name: "relationship beside the name", pages: `
Patient:
Name: BROWN, ROBERT     Relationship to patient: father
DOB: 06/07/1955         SSN: 536-90-4399`},
	{name: "relationship below the name", pages: `
Patient:
Print name: BROWN, ROBERT
Relationship to patient: parent
DOB: 06/07/1955         SSN: 536-90-4399`},
	{name: "signed by a parent", pages: `
Signature of parent or guardian: Robert Brown
Date of birth: 06/07/1955
SSN: 536-90-4399`},
	{name: "patient is self", filed: "00555555", pages: `
Name: BROWN, ROBERT     Relationship to patient: self
DOB: 06/07/1955         SSN: 536-90-4399`},
	{name: "patient is the guarantor", filed: "00555555", pages: `
Patient: BROWN, ROBERT   DOB: 06/07/1955   MRN: 00555555
Guarantor: BROWN, ROBERT`},
	{name: "patient with a doctor and a next of kin", filed: "00482913", pages: `
Patient: GARCIA, MARIA L     MRN: 00482913
DOB: 03/14/1961
Attending: WELBY, MARCUS MD
Emergency contact: BROWN, ROBERT    Phone: (207) 555-0142`},
}
