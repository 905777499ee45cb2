package patient_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"chartroom/patient"
	"chartroom/record"
)

func person(mrn, last, first, middle, dob, sex string) record.Patient {
	return record.Patient{MRN: record.Hide(mrn), Last: record.Hide(last), First: record.Hide(first), Middle: record.Hide(middle), DOB: record.Hide(dob), Sex: record.Hide(sex)}
}

// evidence is made of words "kind value", with "@2" for page two, "given",
// "barcode" or a role behind them; values spell a space as "_".
func evidence(words ...string) (ids []record.Identifier) {
	for i, w := range words {
		f := strings.Fields(w)
		id := record.Identifier{Kind: record.Kind(f[0]), Role: record.RolePatient, Value: record.Hide(strings.ReplaceAll(f[1], "_", " ")), Page: 1,
			Box: record.Box{Left: 10, Top: 100 * i, Width: 50, Height: 20}, Confidence: 0.95, Source: record.SourceText, Check: record.CheckNone}
		for _, extra := range f[2:] {
			switch extra {
			case "@2":
				id.Page = 2
			case "no-page":
				id.Page, id.Box = 0, record.Box{}
			case "given", "barcode":
				id.Source = record.Source(extra)
			case "same-place":
				id.Box = ids[i-1].Box
			case "bad":
				id.Check = record.CheckBad
			default:
				id.Role = record.Role(extra)
			}
		}
		ids = append(ids, id)
	}
	return ids
}

var registry = func() *memory {
	ann := person("00482913", "Garcia", "Maria", "L", "1961-03-14", "F")
	ann.SSN, ann.Phone, ann.NHS = record.Hide("219448821"), record.Hide("(413) 555-0182"), record.Hide("9434765919")
	ann.Street = record.Hide("18 Quarry Lane")
	twin := person("00771204", "Okafor", "Chidi", "", "1984-07-19", "M")
	father, son := person("00991101", "Wright", "Owen", "", "1940-02-02", "M"), person("00991102", "Wright", "Owen", "", "1970-02-02", "M")
	father.Suffix, son.Suffix = record.Hide("Sr"), record.Hide("Jr")
	return newMemory(ann, twin, person("00771205", "Okafor", "Chika", "", "1984-07-19", "F"), father, son,
		person("00300001", "Smith", "John", "", "1955-05-05", "M"), person("00300002", "Smith", "John", "", "1955-05-05", "M"),
		person("00640001", "Garcia", "Marta", "L", "1961-03-19", "F"))
}()

var decisions = []struct {
	name   string
	found  []record.Identifier
	date   string
	want   record.Status
	mrn    string // filed to
	reason string // holds these words
}{
	{name: "number, name and birth date", found: evidence("mrn 00482913", "name GARCIA,_MARIA_L", "dob 1961-03-14"), want: "filed", mrn: "00482913"},
	{name: "number and name", found: evidence("mrn 00482913", "name GARCIA,_MARIA"), want: "filed", mrn: "00482913"},
	{name: "number and birth date", found: evidence("mrn 00482913", "dob 1961-03-14"), want: "filed", mrn: "00482913"},
	{name: "number, birth date and a name with one letter wrong", found: evidence("mrn 00482913", "dob 1961-03-14", "name GARC1A,_MARIA"), want: "filed", mrn: "00482913"},
	{name: "another number than the record's and the name", found: evidence("nhs 9434765919", "name GARCIA,_MARIA"), want: "filed", mrn: "00482913"},
	{name: "name, birth date and telephone", found: evidence("name GARCIA,_MARIA", "dob 1961-03-14", "phone 4135550182"), want: "filed", mrn: "00482913"},
	{name: "one reading of an ambiguous date fits", found: evidence("mrn 00482913", "dob 1961-03-14", "dob 1961-10-03 same-place"), want: "filed", mrn: "00482913"},
	{name: "a provider of another name", found: evidence("mrn 00482913", "name GARCIA,_MARIA", "name SMITH,_JOHN provider"), want: "filed", mrn: "00482913"},
	{name: "a guarantor's birth date", found: evidence("mrn 00482913", "name GARCIA,_MARIA", "dob 1940-01-01 guarantor"), want: "filed", mrn: "00482913"},

	{name: "nothing", want: "review", reason: "names"},
	{name: "a stranger", found: evidence("mrn 99999999", "name NOBODY,_AT_ALL", "dob 1931-03-14"), want: "review", reason: "nobody"},
	{name: "number alone", found: evidence("mrn 00482913"), want: "review", reason: "only one fact"},
	{name: "name alone", found: evidence("name GARCIA,_MARIA"), want: "review"},
	{name: "name and birth date alone", found: evidence("name GARCIA,_MARIA_L", "dob 1961-03-14"), want: "review", reason: "not enough"},
	{name: "name, birth date and sex", found: evidence("name GARCIA,_MARIA_L", "dob 1961-03-14", "sex F"), want: "review", reason: "not enough"},
	{name: "a namesake whose number and birth date are one digit off", found: evidence("mrn 00482918", "name GARCIA,_MARIA_L", "dob 1961-03-15"), want: "review"},
	{name: "a number one digit off and all else right", found: evidence("mrn 00482918", "name GARCIA,_MARIA_L", "dob 1961-03-14"), want: "review"},
	{name: "a birth date one digit off", found: evidence("mrn 00482913", "name GARCIA,_MARIA_L", "dob 1961-03-15"), want: "review", reason: "birth date"},
	{name: "two people of the same name and birth date", found: evidence("name SMITH,_JOHN", "dob 1955-05-05"), want: "review"},
	{name: "a number one digit from a namesake's, no birth date", found: evidence("mrn 00300001", "name SMITH,_JOHN"), want: "review", reason: "more than one"},
	{name: "a newborn", found: evidence("mrn 00482913", "name GARCIA,_BABY_GIRL", "dob 1961-03-14"), want: "hold"},
	{name: "the mother's number beside", found: evidence("mrn 00482913", "name GARCIA,_MARIA", "dob 1961-03-14", "mrn 00640001 mother"), want: "review", reason: "mother"},

	{name: "a label on a form whose own name cannot be read", found: evidence("name D~STIN unclear bad", "mrn 00482913", "name GARCIA,_MARIA", "dob 1961-03-14"), want: "review", reason: "cannot be read"},
	{name: "a birth date that cannot be read, and no other", found: evidence("dob 99/14/1961 unclear bad", "mrn 00771204", "name OKAFOR,_CHIDI"), want: "review", reason: "may be another"},
	{name: "a birth date that cannot be read but is nearly the patient's", found: evidence("dob 33/14/1961_(48Y unclear bad", "mrn 00482913", "name GARCIA,_MARIA"), want: "filed", mrn: "00482913"},
	{name: "a number and birth date that a twin's nearly are", found: evidence("mrn 00771204", "dob 1984-07-19"), want: "review", reason: "more than one"},

	{name: "another name", found: evidence("mrn 00482913", "name OKAFOR,_CHIDI", "dob 1961-03-14"), want: "hold", reason: "name"},
	{name: "a second label of a registered patient", found: evidence("mrn 00482913", "name GARCIA,_MARIA", "mrn 00771204 @2"), want: "hold", reason: "page 2"},
	{name: "a second label whose number was not read", found: evidence("mrn 00482913", "name GARCIA,_MARIA", "name OKAFOR,_CHIDI @2"), want: "hold", reason: "page 2"},
	{name: "a second label of a stranger", found: evidence("mrn 00482913", "name GARCIA,_MARIA", "mrn 55555555 @2"), want: "hold"},
	{name: "another patient's number without a role", found: evidence("mrn 00482913", "name GARCIA,_MARIA", "mrn 00771204 unclear"), want: "hold"},
	{name: "a number nobody has without a role", found: evidence("mrn 00482913", "name GARCIA,_MARIA", "mrn 12345678 unclear"), want: "filed", mrn: "00482913"},
	{name: "born after the document", found: evidence("mrn 00482913", "name GARCIA,_MARIA"), date: "1950-01-01", want: "hold", reason: "older"},
	{name: "another sex", found: evidence("mrn 00482913", "name GARCIA,_MARIA", "dob 1961-03-14", "sex M"), want: "hold", reason: "sex"},
	{name: "another birth date", found: evidence("mrn 00482913", "name GARCIA,_MARIA", "dob 1999-12-01"), want: "hold", reason: "birth date"},
	{name: "the delivered index names somebody else", found: evidence("mrn 00482913", "name GARCIA,_MARIA", "mrn 00771204 given"), want: "hold"},
	{name: "a barcode and the printed name", found: evidence("mrn 00482913 barcode", "name GARCIA,_MARIA"), want: "filed", mrn: "00482913"},
	{name: "a barcode alone", found: evidence("mrn 00482913 barcode"), want: "review", reason: "only one fact"},
	{name: "another's cover sheet before a page with its number", found: evidence("mrn 00771204 barcode", "mrn 00482913 @2", "name GARCIA,_MARIA @2", "dob 1961-03-14 @2"), want: "hold", reason: "barcode on page 1"},
	{name: "another's cover sheet that was left out", found: evidence("mrn 00771204 barcode no-page", "mrn 00482913", "name GARCIA,_MARIA"), want: "hold", reason: "on the cover sheet"},
	{name: "another's number, given with the scan", found: evidence("mrn 00482913", "name GARCIA,_MARIA", "mrn 00771204 given no-page"), want: "hold", reason: "given with the scan"},
	{name: "another's label on a page with its number", found: evidence("mrn 00482913", "name GARCIA,_MARIA", "dob 1961-03-14", "mrn 00771204 barcode"), want: "hold", reason: "barcode on page 1"},
	{name: "another's cover sheet before a page with name and birth date", found: evidence("mrn 00771204 barcode", "name GARCIA,_MARIA @2", "dob 1961-03-14 @2"), want: "hold", reason: "another patient's"},
	{name: "another's cover sheet before a page with a name", found: evidence("mrn 00771204 barcode", "name GARCIA,_MARIA @2"), want: "hold"},
	{name: "another's number in a barcode that does not say what it is", found: evidence("mrn 00482913", "name GARCIA,_MARIA", "mrn 00771204 barcode unclear"), want: "hold", reason: "barcode on page 1"},
	{name: "a licence of another's", found: evidence("mrn 00482913", "name GARCIA,_MARIA", "name GARCIA,_LUIS barcode unclear", "dob 1940-01-01 barcode unclear"), want: "filed", mrn: "00482913"},
	{name: "the barcode names a stranger", found: evidence("mrn 00482913", "name GARCIA,_MARIA", "mrn 77777777 barcode"), want: "hold", reason: "barcode"},
	{name: "the twin", found: evidence("mrn 00771204", "name OKAFOR,_CHIKA", "dob 1984-07-19"), want: "hold"},
	{name: "father's number under the son's name", found: evidence("mrn 00991101", "name WRIGHT,_OWEN_JR"), want: "review"},
	{name: "father's number, no suffix, birth date unread", found: evidence("mrn 00991101", "name WRIGHT,_OWEN"), want: "review", reason: "more than one"},
	{name: "father's number and birth date", found: evidence("mrn 00991101", "name WRIGHT,_OWEN", "dob 1940-02-02"), want: "filed", mrn: "00991101"},
	{name: "another middle initial", found: evidence("mrn 00482913", "name GARCIA,_MARIA_T"), want: "hold"},
}

func TestFilingNeedsTwoFactsAndNoContradiction(t *testing.T) {
	for _, c := range decisions {
		t.Run(c.name, func(t *testing.T) {
			got, err := patient.Match(t.Context(), registry, patient.Evidence{Identifiers: c.found, Date: c.date, Pages: 2})
			if err != nil {
				t.Fatal(err)
			}
			if got.Status != c.want {
				t.Errorf("status %s (%s), want %s", got.Status, got.Reason, c.want)
			}
			if (got.Patient != nil) != (got.Status == record.StatusFiled) || got.Patient != nil && got.Patient.MRN.Reveal() != c.mrn {
				t.Error("filed to the wrong patient, or a patient without filing")
			}
			if got.Status != record.StatusFiled && got.Reason == "" || !strings.Contains(got.Reason, c.reason) {
				t.Errorf("reason %q, want %q in it", got.Reason, c.reason)
			}
			for _, id := range c.found {
				if got.Reason != "" && strings.Contains(got.Reason, id.Value.Reveal()) {
					t.Error("the reason names a value")
				}
			}
		})
	}
}

func TestCandidatesSayWhatSpeaksForAndAgainstThem(t *testing.T) {
	got, err := patient.Match(t.Context(), registry, patient.Evidence{Identifiers: evidence("mrn 00482918", "name GARCIA,_MARIA_L", "dob 1961-03-14"), Pages: 1})
	if err != nil {
		t.Fatal(err)
	}
	if len(got.Candidates) == 0 || got.Candidates[0].Patient.MRN.Reveal() != "00482913" {
		t.Fatal("the nearest patient is not the first candidate")
	}
	levels := map[record.Kind]patient.Level{}
	for _, f := range got.Candidates[0].Facts {
		levels[f.Kind] = f.Level
		if f.Page != 1 || f.Box.Empty() {
			t.Error("a fact without its place on the page")
		}
	}
	if levels[record.KindMRN] != patient.Close || levels[record.KindName] != patient.Same || levels[record.KindDOB] != patient.Same {
		t.Errorf("levels %v", levels)
	}
}

func TestTheReadingThatTheRegistryRulesOutIsNotWritten(t *testing.T) {
	got, err := patient.Match(t.Context(), registry, patient.Evidence{Identifiers: evidence("mrn 00482913", "dob 1961-03-14", "dob 1961-10-03 same-place")})
	if err != nil {
		t.Fatal(err)
	}
	if len(got.Identifiers) != 2 {
		t.Errorf("%d identifiers, want the number and one birth date", len(got.Identifiers))
	}
}

func TestLettersReadForDigitsAreWrittenAsTheRegistryHasThem(t *testing.T) {
	got, err := patient.Match(t.Context(), registry, patient.Evidence{Identifiers: evidence("mrn O0482913", "name GARCIA,_MARIA", "dob 1961-03-14")})
	if err != nil {
		t.Fatal(err)
	}
	if got.Status != record.StatusFiled || got.Identifiers[0].Value.Reveal() != "00482913" {
		t.Errorf("status %s", got.Status)
	}
}

type failing struct{ err error }

func (f failing) FindPatients(context.Context, patient.Query) ([]record.Patient, error) {
	return nil, f.err
}

// many answers every question, and says of birth dates that there are more.
type many struct{ *memory }

func (m many) FindPatients(ctx context.Context, q patient.Query) ([]record.Patient, error) {
	found, _ := m.memory.FindPatients(ctx, q)
	if q.DOB != "" {
		return found, patient.ErrTooMany
	}
	return found, nil
}

func TestWhereTooManyFitAPersonDecides(t *testing.T) {
	got, err := patient.Match(t.Context(), many{registry}, patient.Evidence{Identifiers: evidence("mrn 00482913", "name GARCIA,_MARIA", "dob 1961-03-14")})
	if err != nil || got.Status != record.StatusReview || len(got.Candidates) == 0 {
		t.Errorf("status %s, %d candidates, error %v", got.Status, len(got.Candidates), err)
	}
}

func TestARegistryThatCannotBeAskedDecidesNothing(t *testing.T) {
	broken := errors.New("database is gone")
	if _, err := patient.Match(t.Context(), failing{broken}, patient.Evidence{Identifiers: evidence("mrn 00482913")}); !errors.Is(err, broken) {
		t.Errorf("error %v", err)
	}
}
