package patient_test

import (
	"io"
	"strings"
	"testing"

	"chartroom/patient"
)

// BenchmarkReadCSV reads 10,000 patients; divide for one.
func BenchmarkReadCSV(b *testing.B) {
	row := "1001,Okafor,Chidi,,,1984-07-19,M,219-44-8821,,,(413) 555-0182,18 Quarry Lane,Ayr,MA,01432\n"
	for b.Loop() {
		for range patient.ReadCSV(io.MultiReader(strings.NewReader(header), &endless{text: row, left: 10_000 * len(row)})) {
		}
	}
}

// BenchmarkMatch decides one document with all three facts.
func BenchmarkMatch(b *testing.B) {
	e := patient.Evidence{Identifiers: evidence("mrn 00482913", "name GARCIA,_MARIA_L", "dob 1961-03-14", "sex F"), Pages: 1}
	for b.Loop() {
		if _, err := patient.Match(b.Context(), registry, e); err != nil {
			b.Fatal(err)
		}
	}
}
