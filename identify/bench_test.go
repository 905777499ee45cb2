package identify

import (
	"strings"
	"testing"

	"chartroom/record"
)

// BenchmarkFind reads a page of a form and forty lines of prose.
func BenchmarkFind(b *testing.B) {
	prose := strings.Repeat("The patient reports that she has been doing okay with her back and denies any pain since the last visit in May.\n", 40)
	pages := []record.Page{paper(layouts[0].page + prose)}
	for b.Loop() {
		Find(pages, record.Given{}, Options{})
	}
}
