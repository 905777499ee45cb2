package identify

import (
	"slices"
	"strings"
	"testing"

	"chartroom/record"
)

func TestCheckDigitsAndStructure(t *testing.T) {
	rules := map[string]func(string) bool{"nhs": validNHS, "chi": validCHI, "npi": validNPI, "ssn": validSSN, "mbi": validMBI, "nhi": validNHI}
	for line := range strings.Lines(`nhs 9434765870 ok
nhs 9434765919 ok
nhs 9434765871 bad
nhs 943476587 bad
chi 1811431232 ok
chi 1304496368 ok
chi 1009701234 bad
npi 1234567893 ok
npi 1245319599 ok
npi 1234567890 bad
ssn 536904399 ok
ssn 666001111 bad
ssn 000121111 bad
ssn 912121111 bad
ssn 078051120 bad
mbi 1EG4TE5MK73 ok
mbi 1SG4TE5MK73 bad
mbi 0EG4TE5MK73 bad
nhi WLD9413 ok
nhi ZAA0067 ok
nhi ZZZ0044 bad
nhi ZSC21TN ok
nhi ZVB97XQ ok
nhi ZZZ00AA bad
`) {
		f := strings.Fields(line)
		if got := rules[f[0]](f[1]); got != (f[2] == "ok") {
			t.Errorf("%s %s: %v", f[0], f[1], got)
		}
	}
}

func TestMasksTakeLettersForDigitsOnlyWhereNoneCanStand(t *testing.T) {
	if got, changed := maskMBI("LEG4TESMK7S"); got != "1EG4TE5MK75" || !changed {
		t.Errorf("MBI masked to %s", got)
	}
	for in, want := range map[string]string{"O0482913": "00482913", "0O48Z913": "00482913", "MR1234567": "MR1234567", "S1234567": "S1234567", "12345S": "123455", "ABCDE": "ABCDE"} {
		if got, _ := maskMostly(in); got != want {
			t.Errorf("%s masked to %s, want %s", in, got, want)
		}
	}
}

func TestDatesAreReadInEveryForm(t *testing.T) {
	for in, want := range map[string]string{
		"03/14/1961": "1961-03-14", "14/03/1961": "1961-03-14", "1961-03-14": "1961-03-14", "14.03.1961": "1961-03-14", "03-14-1961": "1961-03-14",
		"March 14, 1961": "1961-03-14", "14 March 1961": "1961-03-14", "14-Mar-1961": "1961-03-14", "14MAR1961": "1961-03-14", "Mar. 14 1961": "1961-03-14",
		"7th of June 1938": "", "7th June 1938": "1938-06-07", "Tuesday, 14 March 1961": "1961-03-14", "19610314": "1961-03-14", "O3/l4/1961": "1961-03-14",
		"03 14 1961": "1961-03-14", "05/05/1961": "1961-05-05", "03/04/1961": "1961-03-04 1961-04-03", "02/29/2001": "", "13/13/2001": "", "10/5/3": "", "1/2": "", "120/80/1961": "",
	} {
		var got []string
		tokens := []token{}
		for _, w := range strings.Fields(in) {
			tokens = append(tokens, token{text: w})
		}
		if w, ok := parseDate(tokens, AnyOrder); ok {
			for _, r := range w.readings {
				got = append(got, r.iso())
			}
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%s read as %v, want %s", in, got, want)
		}
	}
}

func TestNamesAreReadInEveryShape(t *testing.T) {
	for in, want := range map[string]string{
		"GARCIA, MARIA L": "GARCIA, MARIA L", "Maria L. Garcia": "GARCIA, MARIA L", "DE LA CRUZ, JUAN": "DE LA CRUZ, JUAN", "Juan de la Cruz": "DE LA CRUZ, JUAN",
		"Mr John A. Smith Jr.": "SMITH, JOHN A JR", "SMITH, JOHN A JR": "SMITH, JOHN A JR", "O'Brien, Siobhan": "O'BRIEN, SIOBHAN", "SMITH-JONES, ANNE": "SMITH-JONES, ANNE",
		"WALKER. HIROSHI W": "WALKER, HIROSHI W", "DOE^JANE^Q": "DOE, JANE Q", "GARC1A, MARIA": "GARCIA, MARIA", "Dr Priya Nair": "NAIR, PRIYA", "Alexander Taylor, MD": "TAYLOR, ALEXANDER",
		"Mercy Hospital": "", "12 High Street": "", "reports chest pain": "", "N/A": "",
	} {
		got := ""
		tokens := []token{}
		for _, w := range strings.Fields(in) {
			tokens = append(tokens, token{text: w})
		}
		if n, ok := parseName(tokens); ok && n.full() {
			got = n.canonical().Reveal()
		}
		if got != want {
			t.Errorf("%s read as %q, want %q", in, got, want)
		}
	}
}

func TestSitePatternsDecideWhatARecordNumberIs(t *testing.T) {
	pattern, err := ParseMRNPattern("[0-9]{7}")
	if err != nil {
		t.Fatal(err)
	}
	page := paper("Patient: Grant, Tobias    MRN: 12 34S 67    Hospital No: RX991212")
	got := told(Find([]record.Page{page}, record.Given{}, Options{SiteMRN: []MRNPattern{pattern}}))
	if !slices.Contains(got, "mrn patient 1234567") || slices.Contains(got, "mrn patient RX9912") || slices.Contains(got, "mrn unclear RX9912") {
		t.Errorf("found %v", got)
	}
	if _, err := ParseMRNPattern("("); err == nil {
		t.Error("a broken pattern was taken")
	}
}

func TestWhatWasGivenIsEvidenceBesideThePages(t *testing.T) {
	given := record.Given{MRN: record.Hide("00-48 2913"), DocType: record.Hide("Face Sheet"), Date: record.Hide("2011-02-09")}
	f := Find([]record.Page{paper("LABORATORY REPORT\nMRN: 00482914\nCollected: 03/15/2012")}, given, Options{})
	if f.DocType != "laboratory" || f.Date != "2012-03-15" {
		t.Error("what was given took the place of what the page says")
	}
	last := f.Identifiers[len(f.Identifiers)-1]
	if last.Source != record.SourceGiven || last.Value.Reveal() != "00482913" {
		t.Error("the given number is not among the findings")
	}
	if f := Find(nil, given, Options{}); f.DocType != "registration" || f.Date != "2011-02-09" {
		t.Error("what was given is lost where the pages are silent")
	}
}

func TestASlantedPageIsReadByItsRows(t *testing.T) {
	p := paper(layouts[0].page)
	for i := range p.Words {
		p.Words[i].Box.Top += p.Words[i].Box.Left / 25
	}
	got := told(Find([]record.Page{p}, record.Given{}, Options{}))
	for _, want := range []string{"name patient OKAFOR, CHIDI B", "mrn patient 7741902", "dob guarantor 1955-02-03"} {
		if !slices.Contains(got, want) {
			t.Errorf("%s not found", want)
		}
	}
}

// A birth date that goes unseen lets somebody of the same name, whose number is
// one digit apart, be taken for the patient.
func TestABirthDateIsSeenThoughItsLabelLostALetter(t *testing.T) {
	for label, seen := range map[string]bool{"OB:": true, "DB:": true, "DO:": true, "D0B:": true, "OB": false, "MD:": false} {
		got := told(Find([]record.Page{paper("Patient: BROWN, ANNA A  MRN: 00442069  " + label + " 01/13/1986")}, record.Given{}, Options{DateOrder: MonthFirst}))
		if slices.Contains(got, "dob patient 1986-01-13") != seen {
			t.Errorf("%s: found %v", label, got)
		}
	}
}

// FuzzFind holds that no words, however odd, break finding or give a finding
// without a value.
func FuzzFind(f *testing.F) {
	for _, l := range layouts {
		f.Add(l.page)
	}
	f.Add("MRN: # : - |\n(( MRN\n\xff\xfe: \x00\nDOB: ^^^\nName:")
	f.Fuzz(func(t *testing.T, text string) {
		for _, id := range Find([]record.Page{paper(text)}, record.Given{MRN: record.Hide(text)}, Options{Latest: "2026-01-01"}).Identifiers {
			if id.Value.IsZero() || id.Role == "" || id.Confidence < 0 || id.Confidence > 1 {
				t.Error("a finding without value or role, or with an impossible confidence")
			}
		}
	})
}
