package catalog

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
	"testing"
	"time"

	"chartroom/record"
)

func named(mrn, last, first, dob string) record.Patient {
	return record.Patient{MRN: record.Hide(mrn), Last: record.Hide(last), First: record.Hide(first), DOB: record.Hide(dob)}
}

func whole(line int, p record.Patient) record.PatientChange {
	return record.PatientChange{Kind: record.ChangeWhole, Line: line, Patient: p}
}

func part(line int, p record.Patient) record.PatientChange {
	return record.PatientChange{Kind: record.ChangePart, Line: line, Patient: p, Correction: true}
}

func link(kind record.ChangeKind, line int, into, from string) record.PatientChange {
	return record.PatientChange{Kind: kind, Line: line, Patient: record.Patient{MRN: record.Hide(into)}, Other: record.PatientKey{MRN: record.Hide(from)}}
}

func given(changes []record.PatientChange, end error) iter.Seq2[record.PatientChange, error] {
	return func(yield func(record.PatientChange, error) bool) {
		for _, c := range changes {
			if !yield(c, nil) {
				return
			}
		}
		if end != nil {
			yield(record.PatientChange{}, end)
		}
	}
}

// take imports changes and gives what was refused, as "line: reason".
func take(t *testing.T, c *Catalog, changes ...record.PatientChange) (Imported, []string) {
	t.Helper()
	var refused []string
	sum, err := c.Import(t.Context(), ImportOptions{Refused: func(line int, reason string) { refused = append(refused, fmt.Sprintf("%d: %s", line, reason)) }}, given(changes, nil))
	must(t, err)
	return sum, refused
}

// mrns asks for patients and gives their record numbers in order.
func mrns(t *testing.T, c *Catalog, q PatientQuery) string {
	t.Helper()
	var out []string
	for _, p := range got[[]record.Patient](t)(c.FindPatients(t.Context(), q)) {
		out = append(out, p.MRN.Reveal())
	}
	slices.Sort(out)
	return strings.Join(out, " ")
}

func theOne(t *testing.T, c *Catalog, q PatientQuery) record.Patient {
	t.Helper()
	found := got[[]record.Patient](t)(c.FindPatients(t.Context(), q))
	if len(found) != 1 {
		t.Fatalf("%d patients found, want one", len(found))
	}
	return found[0]
}

func TestAMergedRecordIsFoundAsItsSurvivorUntilItIsUnmerged(t *testing.T) {
	everywhere(t, func(t *testing.T, b bench) {
		c := b.open(t)
		take(t, c, whole(1, named("0001", "Garcia", "Maria", "1961-03-14")), whole(2, named("0002", "Lopez", "Maria", "1961-03-14")), whole(3, named("0003", "Lopes", "Mary", "1961-03-14")))
		sum, refused := take(t, c, link(record.ChangeMerge, 1, "0002", "0003"), link(record.ChangeMerge, 2, "0001", "0002"))
		if sum.Merged != 2 || len(refused) != 0 {
			t.Fatalf("%d merged, refused %q", sum.Merged, refused)
		}
		for name, q := range map[string]PatientQuery{"survivor's number": {MRN: record.Hide("1")}, "merged number": {MRN: record.Hide("0002")},
			"number merged before": {MRN: record.Hide("3")}, "birth date": {DOB: record.Hide("1961-03-14")}, "name of the merged": {Last: record.Hide("LOPES")}} {
			p := theOne(t, c, q)
			if p.MRN.Reveal() != "0001" || len(p.Numbers) != 2 || len(p.Names) != 2 {
				t.Errorf("by %s: not the survivor with %d other numbers and %d other names", name, len(p.Numbers), len(p.Names))
			}
		}
		if n := got[int](t)(c.PatientCount(t.Context())); n != 3 {
			t.Errorf("%d records are kept of 3", n)
		}
		_, refused = take(t, c, link(record.ChangeMerge, 7, "0003", "0001"), link(record.ChangeMerge, 8, "0001", "0001"), link(record.ChangeUnmerge, 9, "0001", "0003"))
		if len(refused) != 3 || !strings.HasPrefix(refused[0], "7: ") || !strings.HasPrefix(refused[1], "8: ") || !strings.HasPrefix(refused[2], "9: ") {
			t.Errorf("refused %q, want the circle, the merge into itself and the un-merge of what is not merged", refused)
		}
		if sum, _ := take(t, c, link(record.ChangeUnmerge, 1, "0001", "0002")); sum.Unmerged != 1 {
			t.Errorf("%d un-merged", sum.Unmerged)
		}
		if have := mrns(t, c, PatientQuery{DOB: record.Hide("1961-03-14")}); have != "0001 0002" {
			t.Errorf("after the un-merge %q are found", have)
		}
		if p := theOne(t, c, PatientQuery{MRN: record.Hide("0003")}); p.MRN.Reveal() != "0002" || len(p.Numbers) != 1 {
			t.Error("the un-merge took the other link away too")
		}
	})
}

func TestAMergeOfUnknownRecordsMakesThemKnown(t *testing.T) {
	everywhere(t, func(t *testing.T, b bench) {
		c := b.open(t)
		m := link(record.ChangeMerge, 1, "0001", "0002")
		m.Patient.Last, m.Patient.DOB = record.Hide("Garcia"), record.Hide("1961-03-14")
		take(t, c, m)
		if p := theOne(t, c, PatientQuery{MRN: record.Hide("0002")}); p.MRN.Reveal() != "0001" || p.Last.Reveal() != "Garcia" {
			t.Error("the merged number does not lead to the survivor")
		}
	})
}

func TestDocumentsOfAMergedRecordAreShownUnderItsSurvivor(t *testing.T) {
	everywhere(t, func(t *testing.T, b bench) {
		c := b.open(t)
		take(t, c, whole(1, named("0001", "Garcia", "Maria", "1961-03-14")), whole(2, named("00482913", "Lopez", "Maria", "1961-03-14")))
		d := read(1, 1, 1)
		d.Status = record.StatusFiled
		got[int64](t)(c.SaveDocument(t.Context(), d))
		head := got[int64](t)(c.Head(t.Context()))
		take(t, c, link(record.ChangeMerge, 1, "0001", "00482913"))
		changes, err := c.Changed(t.Context(), head, 10, 0)
		must(t, err)
		if len(changes) != 1 || changes[0].Document.Survivor == nil {
			t.Fatalf("%d changes for the index, or none with the survivor", len(changes))
		}
		shown := got[*record.Document](t)(c.DocumentHead(t.Context(), d.ID))
		if shown.ShownPatient().MRN.Reveal() != "0001" || shown.Patient.MRN.Reveal() != "00482913" || shown.Revision != d.Revision {
			t.Error("the document is not shown under the survivor, or was rewritten")
		}
		count := func(mrn string) (n int) {
			for _, err := range c.Documents(t.Context(), Filter{MRN: record.Hide(mrn)}) {
				must(t, err)
				n++
			}
			return n
		}
		if count("0001") != 1 || count("00482913") != 1 {
			t.Errorf("%d documents under the survivor, %d under the merged number", count("0001"), count("00482913"))
		}
		head = got[int64](t)(c.Head(t.Context()))
		take(t, c, link(record.ChangeUnmerge, 1, "0001", "00482913"))
		if changes, err = c.Changed(t.Context(), head, 10, 0); err != nil || len(changes) != 1 || changes[0].Document.Survivor != nil {
			t.Errorf("the index is not told of the un-merge (%v)", err)
		}
		if count("0001") != 0 || count("00482913") != 1 {
			t.Error("the un-merge does not restore what is shown")
		}
	})
}

func TestAMisreadKeyHidesNobody(t *testing.T) {
	everywhere(t, func(t *testing.T, b bench) {
		c := b.open(t)
		_, _, err := c.SavePatients(t.Context(), people(1, 2000))
		must(t, err)
		p := named("90482913", "García", "Maria", "1861-03-14")
		p.Names = []record.PatientName{{Kind: record.NameFormer, Last: record.Hide("Schmidt"), First: record.Hide("Maria")}}
		p.Numbers = []record.PatientNumber{{Kind: record.KindMRN, Authority: "other site", Value: record.Hide("7700001")}}
		take(t, c, whole(1, p))
		for name, q := range map[string]PatientQuery{
			"a digit misread": {MRN: record.Hide("90482918"), Near: true}, "a digit lost": {MRN: record.Hide("9048293"), Near: true},
			"a digit too many": {MRN: record.Hide("904829113"), Near: true}, "two changed places": {MRN: record.Hide("90489213"), Near: true},
			"sound of the name": {Sounds: record.Hide("GARSIA, MARY")}, "sound of the former name": {Sounds: record.Hide("SMITT, MARIE")},
			"former name": {Last: record.Hide("schmidt")}, "number of the other site": {MRN: record.Hide("7700001")},
			"first name and year": {Given: record.Hide("X, MARTHA"), Year: "1861"},
		} {
			if have := mrns(t, c, q); have != "90482913" {
				t.Errorf("by %s: %q", name, have)
			}
		}
		if have := mrns(t, c, PatientQuery{MRN: record.Hide("90482918")}); have != "" {
			t.Errorf("%q is found by a misread number that is not asked for as such", have)
		}
	})
}

func TestWhatAFileDoesNotSayOfAPatientStays(t *testing.T) {
	everywhere(t, func(t *testing.T, b bench) {
		c := b.open(t)
		p := named("0001", "Garcia", "Maria", "1961-03-14")
		p.Phone, p.Deceased, p.DeathDate, p.Restricted = record.Hide("5550100"), true, record.Hide("2020-01-02"), true
		take(t, c, whole(1, p), whole(2, named("0002", "Stone", "Al", "1950-01-01")), link(record.ChangeMerge, 3, "0001", "0002"))
		take(t, c, part(1, record.Patient{MRN: record.Hide("0001"), Last: record.Hide("Weber"), Phone: record.Hide(record.Erase)}), whole(2, named("0002", "Stone", "Alan", "1950-01-01")))
		have := theOne(t, c, PatientQuery{MRN: record.Hide("0002")})
		if have.Last.Reveal() != "Weber" || have.First.Reveal() != "Maria" || !have.Phone.IsZero() || !have.Deceased || have.DeathDate.Reveal() != "2020-01-02" || !have.Restricted {
			t.Error("a change of the name changed more than the name and the telephone, or a record as a whole lost its link")
		}
		if len(have.Names) == 0 || have.Names[0].Kind != record.NameFormer || have.Names[0].Last.Reveal() != "Garcia" {
			t.Error("the name before is lost")
		}
		back := part(1, record.Patient{MRN: record.Hide("0001")})
		back.Alive, back.Unguarded = true, true
		take(t, c, back)
		if have := theOne(t, c, PatientQuery{MRN: record.Hide("0001")}); have.Deceased || !have.DeathDate.IsZero() || have.Restricted {
			t.Error("death and restriction cannot be taken back")
		}
	})
}

func TestARecordNumberDoesNotGoOverToSomebodyElse(t *testing.T) {
	everywhere(t, func(t *testing.T, b bench) {
		c := b.open(t)
		take(t, c, whole(1, named("0001", "Garcia", "Maria", "1961-03-14")))
		sum, refused := take(t, c, whole(5, named("0001", "Stone", "Al", "1950-01-01")), whole(6, named("0002", "Stone", "Al", "1950-01-01")))
		if sum.Added != 1 || sum.Refused != 1 || len(refused) != 1 || !strings.HasPrefix(refused[0], "5: ") {
			t.Errorf("%d added, refused %q", sum.Added, refused)
		}
		if p := theOne(t, c, PatientQuery{MRN: record.Hide("0001")}); p.Last.Reveal() != "Garcia" {
			t.Error("the record number went over to somebody else")
		}
		correction := whole(5, named("0001", "Stone", "Al", "1950-01-01"))
		correction.Correction = true
		if sum, _ := take(t, c, correction); sum.Updated != 1 {
			t.Error("a correction is refused")
		}
	})
}

// A system may name a patient's numbers in any order.
func TestAPatientOfSeveralNumbersIsOneRecord(t *testing.T) {
	everywhere(t, func(t *testing.T, b bench) {
		c := b.open(t)
		p := named("0001", "Garcia", "Maria", "1961-03-14")
		p.Numbers = []record.PatientNumber{{Kind: record.KindMRN, Authority: "north", Value: record.Hide("N7")}}
		q := named("N7", "Garcia", "Maria", "1961-03-14")
		q.Authority, q.Numbers = "north", []record.PatientNumber{{Kind: record.KindMRN, Value: record.Hide("0001")}}
		sum, _ := take(t, c, part(1, p), part(2, q))
		again, _ := take(t, c, part(1, q))
		if sum.Added != 1 || again.Unchanged != 1 || again.Added != 0 {
			t.Errorf("%d added, then %d; %d unchanged", sum.Added, again.Added, again.Unchanged)
		}
	})
}

func TestAnImportThatBreaksOffIsSeenUntilItIsMadeGood(t *testing.T) {
	everywhere(t, func(t *testing.T, b bench) {
		c := b.open(t)
		state := func() Registry { return got[Registry](t)(c.Registry(t.Context())) }
		_, err := c.Import(t.Context(), ImportOptions{Opening: "a"}, given(nil, errors.New("not a registry")))
		if err == nil || state().Broken {
			t.Errorf("a file that changes nothing leaves the registry broken (%v)", err)
		}
		var during Registry
		_, err = c.Import(t.Context(), ImportOptions{Opening: "a"}, func(yield func(record.PatientChange, error) bool) {
			during = state()
			yield(whole(1, named("0001", "Garcia", "Maria", "1961-03-14")), nil)
			yield(whole(2, named("0002", "Stone", "Al", "1950-01-01")), nil)
			yield(record.PatientChange{}, errors.New("the disk is gone"))
		})
		if err == nil || !during.Filling || state().Filling || !state().Broken {
			t.Fatalf("during the import %+v, after it broke off %+v (%v)", during, state(), err)
		}
		take(t, c, whole(1, named("0003", "Short", "Al", "1950-01-01")))
		if !state().Broken {
			t.Error("a shorter import of another file makes it good")
		}
		_, err = c.Import(t.Context(), ImportOptions{Opening: "a"}, given([]record.PatientChange{whole(1, named("0001", "Garcia", "Maria", "1961-03-14"))}, nil))
		must(t, err)
		if s := state(); s.Broken || s.Filling {
			t.Errorf("after the file was imported again: %+v", s)
		}
	})
}

func TestAnImportElsewhereIsWaitedForAsLongAsItBeats(t *testing.T) {
	b := bench{Config{URL: newPostgres(t), Owner: "here"}}
	here := b.open(t)
	b.cfg.Owner = "elsewhere"
	there := b.open(t)
	_, err := there.Import(t.Context(), ImportOptions{}, func(yield func(record.PatientChange, error) bool) {
		if s := got[Registry](t)(here.Registry(t.Context())); !s.Filling {
			t.Errorf("another machine sees %+v", s)
		}
		if _, err := here.Import(t.Context(), ImportOptions{}, given(nil, nil)); !errors.Is(err, ErrImporting) {
			t.Errorf("two machines import at once: %v", err)
		}
		yield(whole(1, named("0001", "Garcia", "Maria", "1961-03-14")), nil)
		execSQL(t, here, `UPDATE imports SET beat = $1`, micros(time.Now().Add(-time.Hour)))
		if s := got[Registry](t)(here.Registry(t.Context())); s.Filling || !s.Broken {
			t.Errorf("an import that is silent for an hour is seen as %+v", s)
		}
	})
	must(t, err)
}

func TestOnlyDocumentsWhoseCandidatesChangedAreMatchedAgain(t *testing.T) {
	everywhere(t, func(t *testing.T, b bench) {
		c := b.open(t)
		waiting := func(n int, status record.Status, ids ...record.Identifier) *record.Document {
			d := read(n, 1, 1)
			d.Status, d.Patient, d.Identifiers, d.Decided = status, nil, ids, time.Now().Add(time.Minute)
			got[int64](t)(c.SaveDocument(t.Context(), d))
			return d
		}
		id := func(kind record.Kind, value string) record.Identifier {
			return record.Identifier{Kind: kind, Role: record.RolePatient, Value: record.Hide(value)}
		}
		number := waiting(1, record.StatusReview, id(record.KindMRN, "O0000001"))
		name := waiting(2, record.StatusHold, id(record.KindName, "GARSIA, MARIA"))
		waiting(3, record.StatusReview, id(record.KindMRN, "00009999"))
		waiting(4, record.StatusFiled, id(record.KindMRN, "00000001"))
		due := func() string {
			var out []string
			for _, id := range got[[]record.ID](t)(c.Due(t.Context(), "", 100)) {
				out = append(out, string(id))
				must(t, c.Rematched(t.Context(), id))
			}
			return strings.Join(out, " ")
		}
		if have := due(); have != "" {
			t.Errorf("%q are matched again before anything has changed", have)
		}
		take(t, c, whole(1, named("00000001", "Garcia", "Maria", "1961-03-14")))
		want := []string{string(number.ID), string(name.ID)}
		slices.Sort(want)
		if have := due(); have != strings.Join(want, " ") {
			t.Errorf("%q are matched again, want %q", have, want)
		}
		// What a patient is no longer found by counts too.
		take(t, c, part(1, record.Patient{MRN: record.Hide("00000001"), Last: record.Hide("Zimmer"), First: record.Hide("Paula")}))
		take(t, c, part(1, record.Patient{MRN: record.Hide("00000001"), Phone: record.Hide("5550199")}))
		if have := due(); have != strings.Join(want, " ") {
			t.Errorf("%q are matched again after a change of name, want %q", have, want)
		}
		if take(t, c, whole(1, theOne(t, c, PatientQuery{MRN: record.Hide("1")}))); due() != "" {
			t.Error("an import that changes nothing has documents matched again")
		}
		// Decided before an import ended, saved after it.
		d := read(5, 1, 1)
		d.Status, d.Patient, d.Decided = record.StatusReview, nil, time.Now().Add(-time.Hour)
		got[int64](t)(c.SaveDocument(t.Context(), d))
		if have := due(); have != string(d.ID) {
			t.Errorf("a document matched against the registry before is not matched again: %q", have)
		}
	})
}

func TestTheRegistryOfTheFirstSchemaIsCarriedOver(t *testing.T) {
	everywhere(t, func(t *testing.T, b bench) {
		c := b.open(t)
		for n := range 2500 {
			p := person(n)
			body, err := record.MarshalPatientLine(&p)
			must(t, err)
			execSQL(t, c, `INSERT INTO patients (authority, mrn, mrn_key, dob_key, last_key, ssn_key, mbi_key, nhs_key, phone_key, body) VALUES ('', $1, '', '', '', '', '', '', '', $2)`,
				p.MRN.Reveal(), body)
		}
		must(t, c.Close())
		c = b.open(t)
		if n := got[int](t)(c.PatientCount(t.Context())); n != 2500 {
			t.Errorf("%d patients carried over", n)
		}
		if have := mrns(t, c, PatientQuery{MRN: person(1234).MRN}); have != person(1234).MRN.Reveal() {
			t.Errorf("%q is found", have)
		}
		must(t, c.Close())
		c = b.open(t)
		if s := got[Registry](t)(c.Registry(t.Context())); s.Filling || s.Broken || s.Version == 0 {
			t.Errorf("after the carrying over %+v", s)
		}
	})
}

func TestACancelledImportEndsSoon(t *testing.T) {
	everywhere(t, func(t *testing.T, b bench) {
		c := b.open(t)
		ctx, cancel := context.WithCancel(t.Context())
		n := 0
		_, err := c.Import(ctx, ImportOptions{}, func(yield func(record.PatientChange, error) bool) {
			for p := range people(0, 1<<30) {
				if n++; n == importBatch+1 {
					cancel()
				}
				if !yield(whole(n, p), nil) {
					return
				}
			}
		})
		if !errors.Is(err, context.Canceled) || n > 2*importBatch {
			t.Errorf("after %d patients: %v", n, err)
		}
		if have := got[int](t)(c.PatientCount(t.Context())); have != importBatch {
			t.Errorf("%d patients, want what was committed", have)
		}
	})
}
