package identify

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"chartroom/record"
)

// paper makes a page of text drawn with a typewriter: a column is 20 pixels
// wide, a row 50 high, words are parted by spaces, and an empty row parts
// blocks.
func paper(text string) record.Page {
	p := record.Page{Number: 1, State: record.PageText, Width: 2550, Height: 3300, DPI: 300}
	block := 1
	for row, line := range strings.Split(strings.Trim(text, "\n"), "\n") {
		if strings.TrimSpace(line) == "" {
			block++
		}
		for at := 0; at < len(line); {
			if line[at] == ' ' {
				at++
				continue
			}
			end := at + strings.IndexByte(line[at:]+" ", ' ')
			p.Words = append(p.Words, record.Word{Text: record.Hide(line[at:end]), Confidence: 0.95, Block: block, Line: row + 1,
				Box: record.Box{Left: 100 + 20*at, Top: 100 + 50*row, Width: 20*(end-at) - 4, Height: 30}})
			at = end
		}
	}
	return p
}

// told is what was found, as "kind role value", sorted.
func told(f Findings) []string {
	var out []string
	for _, id := range f.Identifiers {
		if s := fmt.Sprintf("%s %s %s", id.Kind, id.Role, id.Value.Reveal()); !slices.Contains(out, s) {
			out = append(out, s)
		}
	}
	slices.Sort(out)
	return out
}

var layouts = []struct {
	name string
	page string
	want string // one finding a line; "!" before what must not be there
	kind string
	date string
	opt  Options
}{
	{name: "face sheet with people in parts", page: `
                    LAKESIDE COMMUNITY HOSPITAL
                       PATIENT REGISTRATION

PATIENT INFORMATION
Last Name: Okafor          First Name: Chidi        MI: B
Date of Birth: 07/19/1984  Sex: M                   SSN: 219-44-8821
Address: 18 Quarry Lane    Home Phone: (413) 555-0182
Medical Record No: 7741902         Account No: V00381772

GUARANTOR INFORMATION
Name: OKAFOR, NGOZI        Date of Birth: 02/03/1955
Phone: (413) 555-0199      SSN: 318-22-9010

EMERGENCY CONTACT
Name: Adaeze Okafor        Phone: 413-555-0147

Attending Physician: Lena Voss, MD    Admission Date: 11/23/2019
`, want: `name patient OKAFOR, CHIDI B
dob patient 1984-07-19
sex patient M
ssn patient 219448821
address patient 18 Quarry Lane
phone patient 4135550182
mrn patient 7741902
account patient V00381772
name guarantor OKAFOR, NGOZI
dob guarantor 1955-02-03
ssn guarantor 318229010
name next-of-kin OKAFOR, ADAEZE
name provider VOSS, LENA`, kind: "registration", date: "2019-11-23"},

	{name: "claim form, values below their labels", page: `
                       HEALTH INSURANCE CLAIM FORM

2. PATIENT'S NAME (Last, First)     3. PATIENT'S BIRTH DATE     SEX
PRITCHARD, OWEN T                   04 17 1971                  M
4. INSURED'S NAME                   1a. INSURED'S I.D. NUMBER
PRITCHARD, DELIA                    883201774A
11a. INSURED'S DATE OF BIRTH        11. INSURED'S POLICY GROUP OR FECA NUMBER
09 30 1969                          44710925
24. DATE OF SERVICE
03/28/2016
`, want: `name patient PRITCHARD, OWEN T
dob patient 1971-04-17
name insured PRITCHARD, DELIA
dob insured 1969-09-30
!mrn patient 44710925
!mrn patient 883201774`, kind: "insurance claim", date: "2016-03-28"},

	{name: "UK clinic letter", page: `
Northmoor NHS Foundation Trust
Department of Cardiology

Dr S Ahmed                                Clinic date: 03/04/2018
Harbour Surgery                           NHS No: 943 476 5919
12 High Street                            Hospital No: RX4471902
Leeds LS1 4AB

Dear Dr Ahmed

Re: Mrs Margaret HOLLOWAY, DOB: 05/06/1947
9 Mill Row, Leeds, LS8 2QT

I reviewed this lady in my clinic today.
Yours sincerely
Dr P Quill
Consultant Cardiologist
`, want: `name patient HOLLOWAY, MARGARET
dob patient 1947-06-05
nhs patient 9434765919
mrn patient RX4471902`, kind: "clinic letter", date: "2018-04-03"},

	{name: "letter in prose", page: `
                         April 2, 2009

RE: Maria L. Garcia, born March 14, 1961

To whom it may concern:
I have been treating the above named patient since 2004. Her record number here
is on file. Sincerely,
Harold Stone, MD
`, want: `name patient GARCIA, MARIA L
dob patient 1961-03-14`, kind: "correspondence", date: "2009-04-02"},

	{name: "stuck-on label", page: `
Lakeside Community Hospital                         NAKAMURA, REI T
PROGRESS NOTES                                      DOB 11/28/1990  F
                                                    MRN 20447193

06/30/2015  Seen for follow up. Doing well.
`, want: `name patient NAKAMURA, REI T
dob patient 1990-11-28
sex patient F
mrn patient 20447193`, kind: "progress note", date: "2015-06-30"},

	{name: "two labels on one sheet give both patients", page: `
PROGRESS NOTES                                      NAKAMURA, REI T
                                                    DOB 11/28/1990  F
                                                    MRN 20447193

06/30/2015  Seen for follow up. Doing well.

                              LINDQVIST, ASTRID
                              DOB 01/30/1951  MRN 20998131
`, want: `mrn patient 20447193
mrn patient 20998131
name patient LINDQVIST, ASTRID
name patient NAKAMURA, REI T`, kind: "progress note", date: "2015-06-30"},

	{name: "laboratory report with numbers of others", page: `
              QUILL CLINICAL LABORATORY   CLIA# 05D0642827   Fax (413) 555-0100
                            LABORATORY REPORT
Patient: ABARA, JOY        MRN: 5500172      DOB: 12/31/1979
Ordering Provider: Sam Reed, MD   NPI: 1234567893   Accession: H4471920
Order No: 77120934         Sex: F            Specimen ID: 99120345
Collected: 05/20/2012 08:15                  Reported: 05/21/2012
Printed: 05/30/2012
TEST          RESULT      FLAG     UNITS      REFERENCE RANGE
Glucose       118         H        mg/dL      70-99
`, want: `name patient ABARA, JOY
mrn patient 5500172
dob patient 1979-12-31
sex patient F
accession patient H4471920
name provider REED, SAM
npi provider 1234567893
!mrn patient 77120934
!mrn patient 99120345`, kind: "laboratory", date: "2012-05-20"},

	{name: "label and value glued, colons lost", page: `
DISCHARGE SUMMARY
PatientName:Sorokin,Ilya
NHSNumber9434765919
DOB04/25/1958      MRN00447120
Date of Discharge 10/30/2014
`, want: `nhs patient 9434765919
dob patient 1958-04-25
mrn patient 00447120`, kind: "discharge summary", date: "2014-10-30"},

	{name: "table header over values", page: `
CONSENT FOR TREATMENT
Name                  MRN          DOB            Date
Bianca Rossi          8812045      08/21/1993     02/27/2020

Signature of patient _______________  Witness: Karl Maier
`, want: `name patient ROSSI, BIANCA
mrn patient 8812045
dob patient 1993-08-21
name witness MAIER, KARL`, kind: "consent", date: "2020-02-27"},

	{name: "newborn with mother's label", page: `
NEWBORN RECORD
Patient: BABY GIRL FERRARO     MRN: 6610294
DOB: 01/15/2022                Sex: F
Mother: FERRARO, LUCIA         Mother's MRN: 5503311
`, want: `name patient FERRARO, BABY GIRL
mrn patient 6610294
name mother FERRARO, LUCIA
mrn mother 5503311
!mrn patient 5503311`},

	{name: "running head", page: `
GARCIA, MARIA L        MRN 00482913        DOB 03/14/1961        Page 2 of 3

Patient tolerated the procedure well. Phone 00482914 was called.
`, want: `name patient GARCIA, MARIA L
mrn patient 00482913
dob patient 1961-03-14
!mrn patient 00482914`},

	{name: "medicare card", page: `
HEALTH INSURANCE
Name: JANE Q EVANS
Medicare Number: 1EG4-TE5-MK73
`, want: `name patient EVANS, JANE Q
mbi patient 1EG4TE5MK73`},

	{name: "both readings of a date that nothing settles", page: `
CONSULTATION
Name: Elif Demir      DOB: 03/04/1961
`, want: `dob patient 1961-03-04
dob patient 1961-04-03`},

	{name: "a site's order settles it", page: `
Name: Elif Demir      DOB: 03/04/1961
`, want: `dob patient 1961-04-03
!dob patient 1961-03-04`, opt: Options{DateOrder: DayFirst}},

	{name: "two-digit year of birth before the document", page: `
Name: Elif Demir      DOB: 03/24/51
Date of Service: 07/30/2012
`, want: `dob patient 1951-03-24`, date: "2012-07-30"},

	{name: "letters in a number are taken for digits", page: `
Name: Elif Demir      MRN: 0O48Z913
`, want: `mrn patient 00482913`},

	{name: "dates in words", page: `
Discharge Summary
Patient Name: Tove Lind       Date of Birth: 7th of June 1938
Admitted: 1 Feb 2001          Discharged: 14-Feb-2001
`, want: `name patient LIND, TOVE`, kind: "discharge summary", date: "2001-02-14"},

	{name: "HL7 names and slanted prose name nobody", page: `
Patient: DOE^JOHN^A^JR
Roger Nelson is a 62-year-old male who presents with chest pain.
The patient reports Name brand drugs. Doctor visits are rare.
`, want: `name patient DOE, JOHN A JR
!name patient NELSON, ROGER`},

	{name: "columns of two people", page: `
PHYSICIAN INFORMATION                    PATIENT INFORMATION
Name: Shiva Pedram, MD                   Name: Sarah Sample
Phone: 555-991-2750                      Date of Birth: 10/19/2014
Address: 5721 S Maryland Ave             Address: 25 W Randolph St
                                         Phone: 555-123-4567
`, want: `name provider PEDRAM, SHIVA
name patient SAMPLE, SARAH
dob patient 2014-10-19
address provider 5721 S Maryland Ave
address patient 25 W Randolph St
phone provider 5559912750
phone patient 5551234567`},

	{name: "wristband", page: `
LINDQVIST, ASTRID K   F   58Y
DOB: 30-Jan-1951  MRN: 20998131  ACCT: 7700183392
ADM: 04/02/2009  DR: QUILL, ADA MD
`, want: `name patient LINDQVIST, ASTRID K
dob patient 1951-01-30
mrn patient 20998131
account patient 7700183392
!name patient QUILL, ADA`},

	{name: "pathology with a referrer and a copy", page: `
SURGICAL PATHOLOGY REPORT

Patient Name: Haddad, Nadia R            Case No: S09-4471
Med Rec #: 3390127                       Sex/Age: F/47
DOB: 8/9/1962                            Collected: 10/13/2009
Submitting Physician: Emil Brandt, MD    Received: 10/14/2009
cc: Theo Marsh, MD

FINAL DIAGNOSIS
`, want: `name patient HADDAD, NADIA R
mrn patient 3390127
dob patient 1962-08-09
!name patient BRANDT, EMIL
!name patient MARSH, THEO`, kind: "pathology", date: "2009-10-13"},

	{name: "prescription", page: `
                   HARBOR FAMILY PRACTICE
      44 Dock Street, Port Ann, ME 04101   Tel (207) 555-0111
      DEA# BQ1234563    License 038821

Name: Joaquin de la Cruz             Date: 06/02/2011
Address: 7 Elm Court                 DOB: 05/06/1973

Rx  Amoxicillin 500 mg   Disp: 30   Sig: take one three times a day
Refills: 0
                                     Rosa Petrov, MD
`, want: `name patient DE LA CRUZ, JOAQUIN
dob patient 1973-05-06
address patient 7 Elm Court
!mrn patient 038821`, kind: "prescription", date: "2011-06-02"},

	{name: "fax cover", page: `
                      FAX COVER SHEET
To: Dr. Lena Voss                Fax: (413) 555-0101
From: Medical Records            Phone: (413) 555-0102
Date: 03/03/2014                 Pages including cover: 4
Re: Owen Wright  DOB 02/02/1940
CONFIDENTIALITY NOTICE: the intended recipient
`, want: `name patient WRIGHT, OWEN
dob patient 1940-02-02
name provider VOSS, LENA
!phone patient 4135550101
!phone patient 4135550102`, kind: "fax", date: "2014-03-03"},

	{name: "immunization record keeps birth and vaccination apart", page: `
            IMMUNIZATION RECORD
Child's Name: Petra Novak        Birth Date: 04/29/2010
Parent/Guardian: Jana Novak      Patient ID: 5582013
Vaccine        Date Given     Dose     Lot No
MMR            05/30/2011     1        K77120
DTaP           07/01/2010     1        99231884
Date: 08/15/2012
`, want: `name patient NOVAK, PETRA
dob patient 2010-04-29
mrn patient 5582013
name next-of-kin NOVAK, JANA
!dob patient 2011-05-30
!mrn patient 99231884`, kind: "immunization record", date: "2012-08-15"},

	{name: "operative report", page: `
OPERATIVE REPORT
PATIENT: GRANT, TOBIAS           MR#: 66120458
DATE OF OPERATION: 09/21/2003    SURGEON: Ada Quill, MD
DOB: 12/13/1949                  ASSISTANT: Sam Reed, PA-C
PREOPERATIVE DIAGNOSIS: hernia.  DATE DICTATED: 09/22/2003
`, want: `name patient GRANT, TOBIAS
mrn patient 66120458
dob patient 1949-12-13
name provider QUILL, ADA`, kind: "operative note", date: "2003-09-21"},

	{name: "history and physical with a grouped record number", page: `
HISTORY AND PHYSICAL
Patient: Grant, Tobias     Medical Record Number: 12-34-56
Admission Date: 09/20/2003     Date of Birth: December 13, 1949
CHIEF COMPLAINT: Abdominal pain. HISTORY OF PRESENT ILLNESS: none.
`, want: `name patient GRANT, TOBIAS
mrn patient 123456
dob patient 1949-12-13`, kind: "history and physical", date: "2003-09-20"},

	{name: "a field that cannot be read is not forgotten", page: `
CONSENT FOR OPERATION
Patient's name     d~stin 3eatn#rst 4ne
Hospital number    U8/3184+

                              LINDQVIST, ASTRID
                              DOB 01/30/1951  MRN 20998131
`, want: `name patient LINDQVIST, ASTRID
mrn patient 20998131
name unclear D~STIN 3EATN#RST 4NE
mrn unclear U8/3184+`, kind: "consent"},

	{name: "medication administration record", page: `
          MEDICATION ADMINISTRATION RECORD
Patient: Grant, Tobias   MRN: 66120458   Rm: 412B   Allergies: NKDA
Date: 09/23/2003         Attending: Quill, A MD   Wt: 80 kg
Medication     Route     Frequency     Given     Initials
`, want: `name patient GRANT, TOBIAS
mrn patient 66120458
!name patient QUILL, A`, kind: "medication administration record", date: "2003-09-23"},

	{name: "referral letter of a general practice", page: `
Harbour Surgery, 12 High Street, Leeds LS1 4AB
14 May 2016

Dear Colleague,

Patient: Mr Tomasz Kowalczyk     Date of birth: 07/11/1982
NHS number: 943 476 5870         Tel: 07700 900123

Thank you for seeing this man. I would be grateful for your opinion.
Yours sincerely, Dr Priya Nair
`, want: `name patient KOWALCZYK, TOMASZ
dob patient 1982-11-07
nhs patient 9434765870`, kind: "referral letter", date: "2016-05-14"},
}

func TestLayoutsAreUnderstood(t *testing.T) {
	for _, l := range layouts {
		t.Run(l.name, func(t *testing.T) {
			f := Find([]record.Page{paper(l.page)}, record.Given{}, l.opt)
			got := told(f)
			for want := range strings.Lines(l.want) {
				want, absent := strings.CutPrefix(strings.TrimSpace(want), "!")
				if slices.Contains(got, want) == absent {
					t.Errorf("found wrongly or not found: %s", want)
				}
			}
			if l.kind != "" && f.DocType != l.kind {
				t.Errorf("type %q, want %q", f.DocType, l.kind)
			}
			if l.date != "" && f.Date != l.date {
				t.Errorf("date %q, want %q", f.Date, l.date)
			}
			if t.Failed() {
				t.Logf("found:\n%s", strings.Join(got, "\n"))
			}
		})
	}
}
