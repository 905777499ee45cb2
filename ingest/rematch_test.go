package ingest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"chartroom/catalog"
	"chartroom/patient"
	"chartroom/record"
)

// known is the catalog's registry as the pipeline asks it.
type known struct{ c *catalog.Catalog }

func (k known) FindPatients(ctx context.Context, q patient.Query) ([]record.Patient, error) {
	found, err := k.c.FindPatients(ctx, catalog.PatientQuery{MRN: record.Hide(q.MRN), DOB: record.Hide(q.DOB), Last: record.Hide(q.Last), SSN: record.Hide(q.SSN),
		Near: q.Near, Sounds: record.Hide(q.Sounds), Given: record.Hide(q.Given), Year: q.Year, Limit: q.Limit})
	if errors.Is(err, catalog.ErrTooMany) {
		err = patient.ErrTooMany
	}
	return found, err
}

func whom(mrn, last, first, dob string) record.Patient {
	return record.Patient{MRN: record.Hide(mrn), Last: record.Hide(last), First: record.Hide(first), DOB: record.Hide(dob)}
}

func (r *room) register(patients ...record.Patient) {
	r.t.Helper()
	if _, _, err := r.Catalog.SavePatients(r.t.Context(), slices.Values(patients)); err != nil {
		r.t.Fatal(err)
	}
}

func (r *room) link(kind record.ChangeKind, into, from string) {
	r.t.Helper()
	_, err := r.Catalog.Import(r.t.Context(), catalog.ImportOptions{}, func(yield func(record.PatientChange, error) bool) {
		yield(record.PatientChange{Kind: kind, Patient: record.Patient{MRN: record.Hide(into)}, Other: record.PatientKey{MRN: record.Hide(from)}}, nil)
	})
	if err != nil {
		r.t.Fatal(err)
	}
}

// paper enters a document on which somebody is named, and files it.
func (r *room) paper(n int, mrn, name, dob, date string) *record.Document {
	r.t.Helper()
	claim := r.give(fmt.Sprintf("%d.png", n), dot(n), false)
	d := r.finish(claim)
	d.Identifiers = nil
	for kind, v := range map[record.Kind]string{record.KindMRN: mrn, record.KindName: name, record.KindDOB: dob} {
		if v != "" {
			d.Identifiers = append(d.Identifiers, record.Identifier{Kind: kind, Role: record.RolePatient, Value: record.Hide(v), Page: 1, Confidence: 1, Source: record.SourceText, Check: record.CheckNone})
		}
	}
	slices.SortFunc(d.Identifiers, func(a, b record.Identifier) int { return len(a.Kind) - len(b.Kind) })
	d.Date = date
	filing, err := r.matchDocument(r.t.Context(), d)
	if err != nil {
		r.t.Fatal(err)
	}
	d.Status, d.Reason, d.Decided = filing.Status, filing.Reason, time.Now()
	if filing.Patient != nil {
		d.FiledBy, d.Patient = record.FiledByAuto, filing.Patient.Ref()
	}
	if d, err = r.writeOne(r.t.Context(), d); err == nil {
		err = r.index(r.t.Context(), []*record.Document{d})
	}
	if err != nil {
		r.t.Fatal(err)
	}
	return d
}

func (r *room) read(id record.ID) *record.Document {
	r.t.Helper()
	d, err := r.Catalog.Document(r.t.Context(), id)
	if err != nil {
		r.t.Fatal(err)
	}
	return d
}

func (r *room) rematchAll(dry bool) (Rematched, map[record.ID]Rematch) {
	r.t.Helper()
	said := map[record.ID]Rematch{}
	sum, err := r.RematchAll(r.t.Context(), dry, func(m Rematch) { said[m.ID] = m }, func(Rematched) {})
	if err != nil {
		r.t.Fatal(err)
	}
	return sum, said
}

func TestAPatientWhoIsNamedLateGetsTheDocumentsThatWaited(t *testing.T) {
	r := newRoom(t)
	r.Patients = known{r.Catalog}
	d := r.paper(1, "00482913", "GARCIA, MARIA", "1961-03-14", "")
	other := r.paper(2, "00700001", "STONE, AL", "1950-01-01", "")
	if d.Status != record.StatusReview {
		t.Fatalf("a stranger's paper is %s", d.Status)
	}
	r.register(whom("00482913", "Garcia", "Maria", "1961-03-14"))
	sum, said := r.rematchAll(true)
	if sum.Filed != 1 || sum.Looked != 2 || said[d.ID].Now != record.StatusFiled || r.read(d.ID).Status != record.StatusReview {
		t.Errorf("dry: %+v, and the document is %s", sum, r.read(d.ID).Status)
	}
	if err := r.rematchMarked(t.Context()); err != nil {
		t.Fatal(err)
	}
	now := r.read(d.ID)
	if now.Status != record.StatusFiled || now.Patient.MRN.Reveal() != "00482913" || now.Revision != d.Revision+1 || now.Because == "" || now.DecidedBy != r.Program || now.Decided.IsZero() {
		t.Errorf("%v because %q by %q", now, now.Because, now.DecidedBy)
	}
	stored, err := ReadRecord(t.Context(), r.store, RecordKey(d.ID, now.Revision))
	if err != nil || stored.Status != record.StatusFiled || stored.Because != because {
		t.Errorf("the store has no such revision: %v", err)
	}
	if still := r.read(other.ID); still.Revision != other.Revision {
		t.Error("a document of nobody new has a new revision")
	}
	if sum, _ := r.rematchAll(false); sum.Changed != 0 || sum.Contradict != 0 {
		t.Errorf("matching again at once: %+v", sum)
	}
}

func TestWhatAPersonDecidedIsNotMatchedAgain(t *testing.T) {
	r := newRoom(t)
	r.Patients = known{r.Catalog}
	d := r.paper(1, "00482913", "GARCIA, MARIA", "1961-03-14", "")
	d.Status, d.DecidedBy, d.Reason, d.Revision = record.StatusHold, "anna", "ask the ward", d.Revision+1
	if err := r.index(t.Context(), []*record.Document{d}); err != nil {
		t.Fatal(err)
	}
	r.register(whom("00482913", "Garcia", "Maria", "1961-03-14"))
	if sum, _ := r.rematchAll(false); sum.Changed != 0 || r.read(d.ID).Status != record.StatusHold {
		t.Errorf("%+v, and the document is %s", sum, r.read(d.ID).Status)
	}
}

func TestAFiledDocumentIsNeverMovedAndALateContradictionIsTold(t *testing.T) {
	r := newRoom(t)
	r.Patients = known{r.Catalog}
	r.register(whom("00482913", "Garcia", "Maria", "1961-03-14"), whom("00000002", "Stone", "Al", "1950-01-01"))
	d := r.paper(1, "00482913", "GARCIA, MARIA", "1961-03-14", "2011-02-09")
	fine := r.paper(2, "00000002", "STONE, AL", "1950-01-01", "")
	if d.Status != record.StatusFiled || fine.Status != record.StatusFiled {
		t.Fatalf("%s (%s), %s (%s)", d.Status, d.Reason, fine.Status, fine.Reason)
	}
	late := whom("00482913", "Garcia", "Maria", "1961-03-14")
	late.Deceased, late.DeathDate = true, record.Hide("2009-05-05")
	r.register(late)
	sum, said := r.rematchAll(false)
	if sum.Checked != 2 || sum.Contradict != 1 || !said[d.ID].Kept || said[d.ID].Reason == "" {
		t.Errorf("%+v, told %+v", sum, said)
	}
	if now := r.read(d.ID); now.Revision != d.Revision || now.Status != record.StatusFiled {
		t.Error("a filed document was touched")
	}
}

func TestAMergeShowsDocumentsUnderTheSurvivorAndRewritesNone(t *testing.T) {
	r := newRoom(t)
	r.Patients = known{r.Catalog}
	r.register(whom("00482913", "Garcia", "Maria", "1961-03-14"), whom("00000002", "Garcia-Weber", "Maria", "1961-03-14"))
	d := r.paper(1, "00482913", "GARCIA, MARIA", "1961-03-14", "")
	r.link(record.ChangeMerge, "00000002", "00482913")
	if now := r.read(d.ID); now.ShownPatient().MRN.Reveal() != "00000002" || now.Patient.MRN.Reveal() != "00482913" || now.Revision != d.Revision {
		t.Error("the document is not shown under the survivor, or was rewritten")
	}
	if sum, _ := r.rematchAll(false); sum.Contradict != 0 {
		t.Error("a merge counts as a contradiction")
	}
	old := r.paper(2, "00482913", "GARCIA, MARIA", "1961-03-14", "")
	if old.Status != record.StatusFiled || old.Patient.MRN.Reveal() != "00000002" {
		t.Errorf("paper with the merged number and name is %s: %s", old.Status, old.Reason)
	}
	r.link(record.ChangeUnmerge, "00000002", "00482913")
	if now := r.read(d.ID); now.ShownPatient().MRN.Reveal() != "00482913" {
		t.Error("the un-merge does not restore what is shown")
	}
	if sum, said := r.rematchAll(false); sum.Contradict != 1 || !said[old.ID].Kept {
		t.Errorf("what was filed to the survivor by the merged number is not told: %+v", sum)
	}
}

// Of two patients who are alike only one may be in a registry that is still
// being filled: no page is filed by half a registry.
func TestNobodyIsMatchedAgainstHalfARegistry(t *testing.T) {
	r := newRoom(t)
	r.Patients = known{r.Catalog}
	e := patient.Evidence{Pages: 1, Identifiers: []record.Identifier{
		{Kind: record.KindMRN, Role: record.RolePatient, Value: record.Hide("00000001"), Page: 1}, {Kind: record.KindName, Role: record.RolePatient, Value: record.Hide("GARCIA, MARIA"), Page: 1},
		{Kind: record.KindDOB, Role: record.RolePatient, Value: record.Hide("1961-03-14"), Page: 1}}}
	matched := make(chan patient.Decision, 1)
	end := errors.New("the line is cut")
	_, err := r.Catalog.Import(t.Context(), catalog.ImportOptions{Opening: "a"}, func(yield func(record.PatientChange, error) bool) {
		yield(record.PatientChange{Kind: record.ChangeWhole, Patient: whom("00000001", "Garcia", "Maria", "1961-03-14")}, nil)
		go func() {
			d, err := r.matchWhole(t.Context(), e)
			if err != nil {
				t.Error(err)
			}
			matched <- d
		}()
		select {
		case <-matched:
			t.Error("matched against half a registry")
		case <-time.After(3 * registryPoll):
		}
		yield(record.PatientChange{}, end)
	})
	if !errors.Is(err, end) {
		t.Fatal(err)
	}
	if d := <-matched; d.Status != record.StatusReview || d.Reason != brokenReason {
		t.Errorf("after an import broke off: %s (%s)", d.Status, d.Reason)
	}
	r.register(whom("00000001", "Garcia", "Maria", "1961-03-14"), whom("00000002", "Garcia", "Maria", "1961-03-14"))
	if d, err := r.matchWhole(t.Context(), e); err != nil || d.Status != record.StatusReview || d.Reason == brokenReason {
		t.Errorf("against the whole registry, with a patient who is alike: %s (%s), %v", d.Status, d.Reason, err)
	}
}

// The bucket alone is enough: merges, other names and numbers come back from
// the whole snapshot and the changes written after it.
func TestTheStoreBringsTheWholeRegistryBack(t *testing.T) {
	r := newRoom(t)
	ctx := t.Context()
	var crowd []record.Patient
	for n := range 40 {
		crowd = append(crowd, whom(fmt.Sprintf("1%07d", n), "Stone", "Al", "1950-01-01"))
	}
	rich := whom("00000001", "Garcia", "Maria", "1961-03-14")
	rich.Names = []record.PatientName{{Kind: record.NameFormer, Last: record.Hide("Lopez"), First: record.Hide("Maria")}}
	rich.Numbers = []record.PatientNumber{{Kind: record.KindMRN, Authority: "north", Value: record.Hide("N7")}}
	rich.Deceased, rich.DeathDate, rich.Restricted = true, record.Hide("2020-02-02"), true
	r.register(append(crowd, rich, whom("00000002", "Lopes", "Maria", "1961-03-14"))...)
	save := func() {
		if err := SaveRegistry(ctx, r.store, r.Catalog, r.dir); err != nil {
			t.Fatal(err)
		}
	}
	save()
	r.link(record.ChangeMerge, "00000001", "00000002")
	save()
	save() // nothing new
	r.link(record.ChangeMerge, "00000001", "10000003")
	r.link(record.ChangeUnmerge, "00000001", "10000003")
	save()
	objects := 0
	for _, err := range r.store.List(ctx, "registry/") {
		if err != nil {
			t.Fatal(err)
		}
		objects++
	}
	if objects != 3 {
		t.Errorf("%d objects hold the registry, want the whole and two changes", objects)
	}
	lines := func() (out []string) {
		for p, err := range r.Catalog.AllPatients(ctx) {
			if err != nil {
				t.Fatal(err)
			}
			b, err := record.MarshalPatientLine(&p)
			if err != nil {
				t.Fatal(err)
			}
			out = append(out, string(b))
		}
		return out
	}
	before := lines()
	if _, err := Rebuild(ctx, r.store, r.Catalog, func(Rebuilt) {}); err != nil {
		t.Fatal(err)
	}
	if after := lines(); !slices.Equal(before, after) {
		t.Errorf("%d patients came back, of %d, or not as they were", len(after), len(before))
	}
	found, err := known{r.Catalog}.FindPatients(ctx, patient.Query{MRN: "00000002"})
	if err != nil || len(found) != 1 || found[0].MRN.Reveal() != "00000001" {
		t.Errorf("the link did not come back: %d found, %v", len(found), err)
	}
	if s, err := r.Catalog.Registry(ctx); err != nil || s.Broken || s.Filling {
		t.Errorf("after the rebuild %+v, %v", s, err)
	}
}
