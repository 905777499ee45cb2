package patient_test

import (
	"context"
	"strings"
	"testing"

	"chartroom/patient"
	"chartroom/record"
)

// A patient is known by every name and number of now and before; whoever died
// before the document's date, or whose chart is restricted, is for a person.
func TestWhatTheRegistryKnowsOfAPatientDecides(t *testing.T) {
	maria := person("00482913", "Garcia", "Maria", "L", "1961-03-14", "F")
	maria.Names = []record.PatientName{{Kind: record.NameFormer, Last: record.Hide("Lopez"), First: record.Hide("Maria")}, {Kind: record.NameAlias, Last: record.Hide("Garcia"), First: record.Hide("Mia")}}
	maria.Numbers = []record.PatientNumber{{Kind: record.KindMRN, Authority: "west", Value: record.Hide("7700001")}, {Kind: record.KindSSN, Value: record.Hide("219448821")}}
	dead := person("00000002", "Stone", "Al", "", "1930-01-01", "M")
	dead.Deceased, dead.DeathDate = true, record.Hide("2009-05-05")
	gone := person("00000003", "Stone", "Bo", "", "1930-01-01", "M")
	gone.Deceased = true
	guarded := person("00000004", "Frank", "Eve", "", "1970-07-07", "F")
	guarded.Restricted = true
	registry := newMemory(maria, dead, gone, guarded)
	for _, n := range []string{"7700001"} {
		registry.by["mrn"+n] = append(registry.by["mrn"+n], maria)
	}
	for _, c := range []struct {
		name  string
		found []record.Identifier
		date  string
		want  record.Status
		why   string
	}{
		{"official name", evidence("mrn 00482913", "name GARCIA,_MARIA_L", "dob 1961-03-14"), "", record.StatusFiled, ""},
		{"former name", evidence("mrn 00482913", "name LOPEZ,_MARIA", "dob 1961-03-14"), "", record.StatusFiled, ""},
		{"alias and another site's number", evidence("mrn 7700001", "name GARCIA,_MIA", "dob 1961-03-14"), "", record.StatusFiled, ""},
		{"both numbers", evidence("mrn 7700001", "mrn 00482913", "name GARCIA,_MARIA", "dob 1961-03-14"), "", record.StatusFiled, ""},
		{"former name without a birth date", evidence("mrn 00482913", "name LOPEZ,_MARIA"), "", record.StatusReview, "official"},
		{"nobody's name", evidence("mrn 00482913", "name PETERS,_PAULA", "dob 1961-03-14"), "", record.StatusHold, "name"},
		{"before death", evidence("mrn 00000002", "name STONE,_AL", "dob 1930-01-01"), "2009-05-05", record.StatusFiled, ""},
		{"after death", evidence("mrn 00000002", "name STONE,_AL", "dob 1930-01-01"), "2009-05-06", record.StatusReview, "death"},
		{"died, nobody knows when", evidence("mrn 00000003", "name STONE,_BO", "dob 1930-01-01"), "2009-05-06", record.StatusFiled, ""},
		{"restricted", evidence("mrn 00000004", "name FRANK,_EVE", "dob 1970-07-07"), "", record.StatusReview, "restricted"},
	} {
		got, err := patient.Match(t.Context(), registry, patient.Evidence{Identifiers: c.found, Date: c.date, Pages: 1})
		if err != nil {
			t.Fatal(err)
		}
		if got.Status != c.want || !strings.Contains(got.Reason, c.why) {
			t.Errorf("%s: %s (%s), want %s (…%s…)", c.name, got.Status, got.Reason, c.want, c.why)
		}
	}
}

// around is a registry that finds its patient only by what a misreading leaves.
type around struct {
	p     record.Patient
	by    func(q patient.Query) bool
	asked int
}

func (a *around) FindPatients(_ context.Context, q patient.Query) ([]record.Patient, error) {
	a.asked++
	if a.by(q) {
		return []record.Patient{a.p}, nil
	}
	return nil, nil
}

func TestAPatientWhomAMisreadingHidesIsOfferedAndNotFiledTo(t *testing.T) {
	maria := person("00482913", "Garcia", "Maria", "L", "1961-03-14", "F")
	found := evidence("mrn 00482918", "name GARCLA,_MARLA", "dob 1961-08-14")
	for name, by := range map[string]func(patient.Query) bool{
		"number":            func(q patient.Query) bool { return q.Near && q.MRN == "00482918" },
		"sound of the name": func(q patient.Query) bool { return q.Sounds == "GARCLA, MARLA" },
		"name and year":     func(q patient.Query) bool { return q.Given == "GARCLA, MARLA" && q.Year == "1961" },
	} {
		registry := &around{p: maria, by: by}
		got, err := patient.Match(t.Context(), registry, patient.Evidence{Identifiers: found, Pages: 1})
		if err != nil {
			t.Fatal(err)
		}
		if got.Status == record.StatusFiled || len(got.Candidates) != 1 || !got.Candidates[0].Patient.MRN.Equal(maria.MRN) {
			t.Errorf("by %s: %s, %d candidates", name, got.Status, len(got.Candidates))
		}
	}
	sure := &around{p: maria, by: func(q patient.Query) bool { return !q.Near && (q.MRN != "" || q.DOB != "") }}
	if got, err := patient.Match(t.Context(), sure, patient.Evidence{Identifiers: evidence("mrn 00482913", "name GARCIA,_MARIA", "dob 1961-03-14"), Pages: 1}); err != nil || got.Status != record.StatusFiled || sure.asked > 3 {
		t.Errorf("a plain page is %s after %d questions: %v", got.Status, sure.asked, err)
	}
}
