// Package identify turns the words of a document's pages into what they say
// about people: names, birth dates, record numbers, each with the page and box
// it came from and the role of whom it names; and into what the document is
// and of which day.
//
// It is pure: the same pages and options give the same findings, nothing is
// read, asked or logged. The way of a page:
//
//	words ─► rows and cells (layout) ─► labels (label) ─► values beside or below them (value, name, date, number)
//	      ─► roles (role) ─► names without a label (bare) ─► what barcodes say (barcode) ─► findings
//
// A form says most things beside a label, so a label is where reading starts.
// A number is the patient's only where a label says so: near a telephone, a
// policy, an order or a licence it is not. Doubt stays visible: an ambiguous
// date gives both readings, a number whose letters had to be taken for digits
// is less certain, and what stood on the paper is kept in Raw.
package identify

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"

	"chartroom/record"
)

// Version names the rules. It changes when a page could give other findings.
const Version = "rules 3"

// DateOrder says how a site writes dates in numbers.
type DateOrder string

// The orders. With AnyOrder the page itself tells, and where it does not, an
// ambiguous date keeps both readings.
const (
	AnyOrder   DateOrder = ""
	MonthFirst DateOrder = "mdy"
	DayFirst   DateOrder = "dmy"
)

// Options are what a site knows beforehand. The zero value is usable.
type Options struct {
	SiteMRN   []MRNPattern // the site's own record numbers; none: any labelled number of 5 to 12 characters
	DateOrder DateOrder
	Country   string // ISO 3166 ("US", "GB", …): a hint for the order of dates
	Latest    string // ISO date after which nothing on the paper can lie, such as the day of receipt; "" is no bound
}

// MRNPattern describes a site's record numbers in their canonical form:
// capitals and digits without separators.
type MRNPattern struct{ expr *regexp.Regexp }

// ParseMRNPattern makes a pattern of a regular expression, such as "[0-9]{8}"
// or "MR[0-9]{7}", that a whole number must match.
func ParseMRNPattern(expr string) (MRNPattern, error) {
	re, err := regexp.Compile("^(?:" + expr + ")$")
	if err != nil {
		return MRNPattern{}, fmt.Errorf("parse pattern of record numbers: %w", err)
	}
	return MRNPattern{re}, nil
}

func (p MRNPattern) match(s string) bool { return p.expr != nil && p.expr.MatchString(s) }

// Findings are what a document says. Identifiers holds every finding of every
// role, the patient's first, then by page and place; an ambiguous date stands
// twice with the same box. DocType is a word of the interface, Date the ISO
// date of the document; both are empty where the pages do not tell.
// Confidences run from 0 to 1.
type Findings struct {
	Identifiers       []record.Identifier
	DocType           string
	Date              string
	DocTypeConfidence float64
	DateConfidence    float64
}

// Find reads the pages of one document. What was given with the scan becomes
// evidence beside what the pages say, never in its place.
func Find(pages []record.Page, given record.Given, opt Options) Findings {
	sheets := make([]sheet, len(pages))
	for i := range pages {
		sheets[i] = layOut(&pages[i])
	}
	doc := reader{opt: opt, order: dateOrder(sheets, opt)}
	for i := range sheets {
		doc.read(&sheets[i])
	}
	for i := range sheets {
		doc.loose(&sheets[i])
	}
	doc.codes(pages)
	doc.settleDates()
	var f Findings
	f.DocType, f.DocTypeConfidence = docType(sheets)
	f.Date, f.DateConfidence = doc.documentDate(f.DocType, sheets)
	f.Identifiers = doc.findings()
	f.take(given, doc.order)
	return f
}

// findings puts what was found in order and drops what was read twice at the
// same place.
func (d *reader) findings() []record.Identifier {
	ids := d.found
	slices.SortStableFunc(ids, func(a, b record.Identifier) int {
		return cmp.Or(cmp.Compare(roleRank(a.Role), roleRank(b.Role)), cmp.Compare(a.Page, b.Page),
			cmp.Compare(a.Box.Top, b.Box.Top), cmp.Compare(a.Box.Left, b.Box.Left), -cmp.Compare(a.Confidence, b.Confidence))
	})
	return slices.CompactFunc(ids, func(a, b record.Identifier) bool {
		return a.Kind == b.Kind && a.Role == b.Role && a.Page == b.Page && a.Box == b.Box && a.Value.Equal(b.Value)
	})
}

func roleRank(r record.Role) int {
	switch r {
	case record.RolePatient:
		return 0
	case record.RoleUnclear:
		return 2
	}
	return 1
}

// take adds what was given with the scan. A type or date given counts only
// where the pages do not speak.
func (f *Findings) take(given record.Given, order DateOrder) {
	if mrn := canonicalNumber(given.MRN.Reveal()); mrn != "" {
		f.Identifiers = append(f.Identifiers, record.Identifier{Kind: record.KindMRN, Role: record.RolePatient, Value: record.Hide(mrn),
			Raw: given.MRN, Confidence: 0.8, Source: record.SourceGiven, Check: record.CheckNone})
	}
	if t := typeNamed(given.DocType.Reveal()); t != "" && f.DocType == "" {
		f.DocType, f.DocTypeConfidence = t, 0.8
	}
	if f.Date == "" {
		if r := readDate(given.Date.Reveal(), order); len(r) == 1 {
			f.Date, f.DateConfidence = r[0].iso(), 0.8
		}
	}
}
