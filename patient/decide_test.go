package patient

import (
	"testing"

	"chartroom/record"
)

// A birth date that could not be read speaks against a candidate whose own is
// more than a character away; a date with its whole year is not held against a
// form with a short one.
func TestAnUnreadBirthDateMustResembleTheCandidates(t *testing.T) {
	c := &Candidate{Patient: record.Patient{DOB: record.Hide("1984-07-19")}}
	for read, speaksAgainst := range map[string]bool{"07/19/198": false, "0/19/1984": false, "07/19/8": false, "0/17/1984": true, "03/02/1951": true} {
		all := []record.Identifier{{Kind: record.KindDOB, Role: record.RoleUnclear, Check: record.CheckBad, Value: record.Hide(read), Page: 1}}
		if got := unlike(c, all) != 0; got != speaksAgainst {
			t.Errorf("%s speaks against 1984-07-19: %v", read, got)
		}
	}
}
