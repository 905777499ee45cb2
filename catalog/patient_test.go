package catalog

import (
	"errors"
	"fmt"
	"iter"
	"slices"
	"testing"
	"time"

	"chartroom/record"
)

func person(n int) record.Patient {
	return record.Patient{MRN: record.Hide(fmt.Sprintf("%08d", n)), Last: record.Hide(fmt.Sprintf("O'Néill-%c%c", 'A'+n%26, 'A'+n/26%26)), First: record.Hide("Ann"),
		DOB: record.Hide(fmt.Sprintf("19%02d-03-%02d", n%100, 1+n/100%28)), SSN: record.Hide(fmt.Sprintf("900%06d", n)),
		Phone: record.Hide(fmt.Sprintf("(555) 01%d-%04d", n/10000%10, n%10000))}
}

func people(from, to int) iter.Seq[record.Patient] {
	return func(yield func(record.Patient) bool) {
		for n := from; n < to && yield(person(n)); n++ {
		}
	}
}

func TestPatientsAreAddedOnceAndUpdatedWhereTheyChanged(t *testing.T) {
	everywhere(t, func(t *testing.T, b bench) {
		c := b.open(t)
		save := func(list iter.Seq[record.Patient], wantAdded, wantUpdated int) {
			t.Helper()
			added, updated, err := c.SavePatients(t.Context(), list)
			must(t, err)
			if added != wantAdded || updated != wantUpdated {
				t.Errorf("%d added, %d updated, want %d and %d", added, updated, wantAdded, wantUpdated)
			}
		}
		start := time.Now()
		save(people(1, 5001), 5000, 0)
		took := time.Since(start)
		t.Logf("5,000 patients in %v", took)
		if took > 10*time.Second {
			t.Errorf("5,000 patients took %v", took)
		}
		save(people(1, 5001), 0, 0)
		moved, other := person(7), person(8)
		moved.City = record.Hide("Salem")
		other.Authority = "elsewhere" // the same MRN, somebody else
		save(slices.Values([]record.Patient{moved, moved, other, person(5001)}), 2, 1)
		if n := got[int](t)(c.PatientCount(t.Context())); n != 5002 {
			t.Errorf("%d patients", n)
		}
		n := 0
		for p, err := range c.AllPatients(t.Context()) {
			must(t, err)
			if p.Authority == "" && p.MRN.Equal(moved.MRN) && p.City.Reveal() != "Salem" {
				t.Error("the update is lost")
			}
			n++
		}
		if n != 5002 {
			t.Errorf("%d patients listed", n)
		}
	})
}

func TestPatientsAreFoundByAnyFactInItsNormalForm(t *testing.T) {
	everywhere(t, func(t *testing.T, b bench) {
		c := b.open(t)
		_, _, err := c.SavePatients(t.Context(), people(1, 3000))
		must(t, err)
		special := record.Patient{MRN: record.Hide("00482913"), Last: record.Hide("García"), DOB: record.Hide("1861-03-14"), MBI: record.Hide("1EG4TE5MK73"),
			NHS: record.Hide("9434765919"), SSN: record.Hide("078051120"), Phone: record.Hide("+1 555 867 5309")}
		_, _, err = c.SavePatients(t.Context(), slices.Values([]record.Patient{special}))
		must(t, err)
		for name, q := range map[string]PatientQuery{
			"MRN without zeros": {MRN: record.Hide("482913")}, "MRN with more zeros": {MRN: record.Hide("0000482913")},
			"birth date": {DOB: record.Hide("1861-03-14")}, "name": {Last: record.Hide("GARCIA ")}, "SSN": {SSN: record.Hide("078-05-1120")},
			"MBI": {MBI: record.Hide("1eg4-te5-mk73")}, "NHS": {NHS: record.Hide("943 476 5919")}, "phone": {Phone: record.Hide("(555) 867-5309")},
			"any of": {MRN: record.Hide("99999999"), DOB: record.Hide("1861-03-14"), Last: record.Hide("Nobody")},
			"all of": {MRN: special.MRN, DOB: special.DOB, Last: special.Last, SSN: special.SSN, MBI: special.MBI, NHS: special.NHS, Phone: special.Phone},
		} {
			found := got[[]record.Patient](t)(c.FindPatients(t.Context(), q))
			if len(found) != 1 || !found[0].MRN.Equal(special.MRN) || !found[0].Last.Equal(special.Last) {
				t.Errorf("by %s: %d patients", name, len(found))
			}
		}
		for name, q := range map[string]PatientQuery{"nothing": {}, "blank": {Last: record.Hide(" ")}, "zeros": {MRN: record.Hide("000")}, "unknown": {SSN: record.Hide("1")}} {
			if found := got[[]record.Patient](t)(c.FindPatients(t.Context(), q)); len(found) != 0 {
				t.Errorf("by %s: %d patients", name, len(found))
			}
		}
		if _, err := c.FindPatients(t.Context(), PatientQuery{DOB: person(1).DOB, Limit: 1}); !errors.Is(err, ErrTooMany) {
			t.Errorf("a part of those born that day was given for all: %v", err)
		}
	})
}
