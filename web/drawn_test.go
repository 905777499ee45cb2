package web

import (
	"testing"

	"chartroom/record"
)

// A provider's name is not drawn because the patient's was asked for, and
// another number is not because one of the page matched.
func TestOnlyWhatMatchedIsDrawn(t *testing.T) {
	box := func(top int) record.Box { return record.Box{Left: 100, Top: top, Width: 200, Height: 30} }
	word := func(text string, top int) record.Word {
		return record.Word{Text: record.Hide(text), Box: box(top), Block: top, Line: 1}
	}
	id := func(kind record.Kind, role record.Role, top int) record.Identifier {
		return record.Identifier{Kind: kind, Role: role, Page: 1, Box: box(top)}
	}
	page := &record.Page{Number: 1, Words: []record.Word{word("GARCIA", 100), word("Delacroix", 200), word("00482913", 300), word("536904399", 400)}}
	head := &record.Document{Identifiers: []record.Identifier{id(record.KindName, record.RolePatient, 100), id(record.KindName, record.RoleProvider, 200),
		id(record.KindMRN, record.RolePatient, 300), id(record.KindSSN, record.RolePatient, 400)}}
	numbers := []record.Kind{record.KindMRN, record.KindSSN}
	for _, c := range []struct {
		name  string
		kinds []record.Kind
		marks []bool
		want  []record.Box
	}{
		{"name read on the page", []record.Kind{record.KindName}, []bool{true, false, false, false}, []record.Box{box(100)}},
		{"name found as filed", []record.Kind{record.KindName}, make([]bool, 4), []record.Box{box(100)}},
		{"one number of two", numbers, []bool{false, false, true, false}, []record.Box{box(300)}},
		{"a number in another grouping", numbers, make([]bool, 4), []record.Box{box(300), box(400)}},
	} {
		got := drawn(head, page, Hit{Kinds: c.kinds}, c.marks)
		if len(got) != len(c.want) {
			t.Errorf("%s: %d boxes, want %d", c.name, len(got), len(c.want))
			continue
		}
		for i := range got {
			if got[i] != c.want[i] {
				t.Errorf("%s: box %d is %v, want %v", c.name, i, got[i], c.want[i])
			}
		}
	}
}
