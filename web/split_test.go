package web

import (
	"strings"
	"testing"

	"chartroom/record"
)

// splitWorld has a batch of two documents with a separator and a cover sheet.
func splitWorld(t *testing.T) (*world, record.ID) {
	w := newWorld()
	w.add(t, record.Document{Revision: 1, Received: monday, Status: record.StatusSuperseded, Reason: "its pages are in 2 documents of the scan now"}, "batch")
	batch := w.documents[0]
	page := record.Page{Number: 1, State: record.PageText}
	part := func(n int, pages [2]int, s record.Separator) {
		d := *batch
		d.ID, d.Part, d.ScanPages, d.Status, d.Pages, d.Separators = record.DocumentID(d.Scan, n), n, pages, record.StatusReview, []record.Page{page}, []record.Separator{s}
		batch.Parts = append(batch.Parts, record.Part{ID: d.ID, Pages: pages})
		batch.Separators = append(batch.Separators, s)
		w.documents = append(w.documents, &d)
	}
	part(1, [2]int{2, 2}, record.Separator{Page: 1, Code: record.Barcode{Symbology: record.SymbologyPatch, Text: record.Hide("T")}})
	part(2, [2]int{4, 6}, record.Separator{Page: 3, Code: record.Barcode{Symbology: "code128", Text: record.Hide("P-00482913")}, Patient: record.Hide("00482913"), Kept: true})
	return w, batch.ID
}

func TestASplitScanLeadsToItsDocumentsAndBack(t *testing.T) {
	w, batch := splitWorld(t)
	h := New(w.deps())
	whole := ask(t, h, "GET", "/documents/"+string(batch)).Body.String()
	for _, want := range []string{"/documents/" + string(batch) + "-1", "/documents/" + string(batch) + "-2", "pages 4 to 6 of the scan", "patch code T; left out", "cover sheet of patient 00482913", "/original"} {
		if !strings.Contains(whole, want) {
			t.Errorf("the whole scan's page has no %q", want)
		}
	}
	part := ask(t, h, "GET", "/documents/"+string(batch)+"-2").Body.String()
	if !strings.Contains(part, `href="/documents/`+string(batch)+`"`) || !strings.Contains(part, "4 to 6") {
		t.Error("a part does not lead to the others")
	}
}

func TestASplitScansLinesSayWhereItsPagesAre(t *testing.T) {
	w, batch := splitWorld(t)
	h := New(w.deps())
	whole := ask(t, h, "GET", "/api/v1/documents/"+string(batch)).Body.String()
	want := `"parts":[{"id":"` + string(batch) + `-1","scan_pages":[2,2]},{"id":"` + string(batch) + `-2","scan_pages":[4,6]}],"separators":[{"scan_page":1,"symbology":"patch","text":"T","kept":false},{"scan_page":3,`
	if !strings.Contains(whole, want) {
		t.Errorf("%s\nhas no %s", whole, want)
	}
	if got := ask(t, h, "GET", "/api/v1/documents?format=ndjson&status=superseded").Body.String(); strings.Count(got, "\n") != 1 {
		t.Errorf("superseded documents are %s", got)
	}
}
