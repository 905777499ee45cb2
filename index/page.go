package index

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"chartroom/record"
	"github.com/blevesearch/bleve/v2/document"
	blevemapping "github.com/blevesearch/bleve/v2/mapping"
	api "github.com/blevesearch/bleve_index_api"
)

// The fields of a page in the index. All but text hold ready-made terms and
// neither positions nor frequencies; nothing is stored but the page's name.
const (
	fieldText      = "text"     // the page's words, with positions
	fieldName      = "name"     // words of the patient's names
	fieldMRN       = "mrn"      // medical record numbers, squashed, with and without leading zeros
	fieldIdent     = "ident"    // every number that names somebody, likewise
	fieldDOB       = "dob"      // birth dates as year, month and day
	fieldDate      = "date"     // the document's date, likewise
	fieldReceived  = "received" // the day the scan came, likewise
	fieldType      = "type"     // words of the document's type
	fieldFacility  = "facility" // words, and all of it squashed
	fieldBatch     = "batch"    // likewise
	fieldBox       = "box"      // likewise
	fieldFile      = "file"     // likewise, of the scan's names
	fieldStatus    = "status"
	fieldState     = "state" // of the page
	fieldPage      = "page"  // number of the page
	fieldDocument  = "id"    // the document
	fieldTypeWhole = "kind"  // the type as a whole, squashed: what a scope names
)

// entries are what a document is in the index: one entry a page, each with
// everything known of the document, so that a page is found under its patient
// however badly it was read. A document without pages (waiting, rejected) has
// one entry, of page 0, so that it is found by what is known of it. A
// superseded one has none: its pages are in other documents.
func entries(d *record.Document) []*document.Document {
	if d.Status == record.StatusSuperseded {
		return nil
	}
	about := aboutDocument(d)
	if len(d.Pages) == 0 {
		return []*document.Document{entry(d.ID, 0, about, nil)}
	}
	out := make([]*document.Document, len(d.Pages))
	for i := range d.Pages {
		out[i] = entry(d.ID, d.Pages[i].Number, about, &d.Pages[i])
	}
	return out
}

// entry makes the entry of one page; p is nil for page 0.
func entry(id record.ID, number int, about map[string][]string, p *record.Page) *document.Document {
	e := document.NewDocument(entryID(id, number))
	for _, field := range sortedKeys(about) {
		addTerms(e, field, about[field])
	}
	addTerms(e, fieldPage, []string{strconv.Itoa(number)})
	if p != nil {
		addTerms(e, fieldState, []string{string(p.State)})
		if text := p.Text(); text != "" {
			e.AddField(document.NewTextFieldCustom(fieldText, nil, []byte(text), api.IndexField|api.IncludeTermVectors, textAnalyzer{}))
		}
	}
	e.SetIndexed()
	return e
}

func sortedKeys(m map[string][]string) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

func addTerms(e *document.Document, field string, terms []string) {
	terms = slices.DeleteFunc(slices.Clone(terms), func(t string) bool { return t == "" || len(t) > longestTerm })
	slices.Sort(terms)
	if terms = slices.Compact(terms); len(terms) > 0 {
		value := []byte(strings.Join(terms, termBreak))
		e.AddField(document.NewTextFieldCustom(field, nil, value, api.IndexField|api.SkipFreqNorm, termAnalyzer{}))
	}
}

// entryID names a page in the index. Names sort by document, then page.
func entryID(id record.ID, number int) string { return fmt.Sprintf("%s/%06d", id, number) }

func parseEntryID(s string) (record.ID, int) {
	id, number, _ := strings.Cut(s, "/")
	n, _ := strconv.Atoi(number)
	return record.ID(id), n
}

// aboutDocument gives the terms of the fields that all pages of a document share.
func aboutDocument(d *record.Document) map[string][]string {
	about := map[string][]string{
		fieldDocument:  {string(d.ID)},
		fieldStatus:    {string(d.Status)},
		fieldType:      wordTerms(d.DocType),
		fieldTypeWhole: {squash(d.DocType)},
		fieldDate:      dateTerms(d.Date),
		fieldReceived:  dateTerms(d.Received.UTC().Format("2006-01-02")),
	}
	for _, r := range d.Receipts {
		about[fieldFacility] = append(about[fieldFacility], labelTerms(r.Facility)...)
		about[fieldBatch] = append(about[fieldBatch], labelTerms(r.Batch)...)
		about[fieldBox] = append(about[fieldBox], labelTerms(r.Place)...)
		about[fieldFile] = append(about[fieldFile], labelTerms(r.Name.Reveal())...)
	}
	for _, id := range d.Identifiers {
		addIdentifier(about, id)
	}
	for _, p := range []*record.PatientRef{d.Patient, d.Survivor} { // found under both, shown under the latter
		if p != nil {
			addPatient(about, p)
		}
	}
	return about
}

func addPatient(about map[string][]string, p *record.PatientRef) {
	numbers := numberTerms(p.MRN.Reveal())
	about[fieldMRN] = append(about[fieldMRN], numbers...)
	about[fieldIdent] = append(about[fieldIdent], numbers...)
	about[fieldName] = append(about[fieldName], wordTerms(p.Name.Reveal())...)
	about[fieldDOB] = append(about[fieldDOB], dateTerms(p.DOB.Reveal())...)
}

// addIdentifier adds what was read of the patient. Of other people only the
// numbers count: a provider's name is no reason to show a chart under it.
func addIdentifier(about map[string][]string, id record.Identifier) {
	value := id.Value.Reveal()
	patients := id.Role == record.RolePatient || id.Role == record.RoleUnclear
	switch id.Kind {
	case record.KindName:
		if patients {
			about[fieldName] = append(about[fieldName], wordTerms(value)...)
		}
	case record.KindDOB:
		if patients {
			about[fieldDOB] = append(about[fieldDOB], dateTerms(value)...)
		}
	case record.KindSex, record.KindAddress:
	case record.KindMRN:
		if patients {
			about[fieldMRN] = append(about[fieldMRN], numberTerms(value)...)
		}
		fallthrough
	default:
		about[fieldIdent] = append(about[fieldIdent], numberTerms(value)...)
	}
}

// wordTerms are the terms of a text's words.
func wordTerms(s string) []string {
	var terms []string
	for _, t := range tokenize(s) {
		terms = append(terms, t.term)
	}
	return terms
}

// labelTerms are the words of a label (a batch, a box, a file name), cut at
// everything that is neither letter nor digit, and the whole of it squashed.
func labelTerms(s string) []string {
	terms := strings.FieldsFunc(fold(s), func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) })
	return append(terms, squash(s))
}

func numberTerms(s string) []string {
	s = squash(s)
	return []string{s, unpadded(s)}
}

// newMapping is the mapping written into every shard. Entries are built by
// hand, field by field, so it maps nothing: no dynamic field can appear, and
// there is no field of everything.
func newMapping() *blevemapping.IndexMappingImpl {
	m := blevemapping.NewIndexMapping()
	m.DefaultMapping = blevemapping.NewDocumentDisabledMapping()
	m.IndexDynamic, m.StoreDynamic, m.DocValuesDynamic = false, false, false
	return m
}
