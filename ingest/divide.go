package ingest

import (
	"regexp"
	"slices"
	"strings"
	"unicode"

	"chartroom/catalog"
	"chartroom/identify"
	"chartroom/patient"
	"chartroom/record"
)

// Rules say how the scans of a drop folder are read and divided.
type Rules struct {
	Languages  string // Tesseract's, joined with "+"
	Separators Separators
	Sides      Sides
}

// Separators say which pages of a scan part its documents. The zero value
// divides nothing.
type Separators struct {
	Patch    []string         // patch codes: T, 1, 2, 3, 4, 6
	Barcodes []*regexp.Regexp // what the whole text of a barcode matches
	Cover    *regexp.Regexp   // likewise, of a patient's cover sheet; its first group is the patient's number
	Keep     bool             // the sheet stays, as the first page of what follows
}

// ParseBarcodePattern makes a pattern of a regular expression that the whole
// text of a barcode must match.
func ParseBarcodePattern(expr string) (*regexp.Regexp, error) {
	return regexp.Compile("^(?:" + expr + ")$")
}

// separator reads a page as a separator sheet; ok is false for any other page.
// A code that cannot be read separates nothing: then the pages on both sides of
// it are one document, which matching has to make sense of.
func (s Separators) separator(p *record.Page) (sheet record.Separator, ok bool) {
	for _, code := range p.Barcodes {
		text := code.Text.Reveal()
		if s.Cover != nil && code.Symbology != record.SymbologyPatch {
			if m := s.Cover.FindStringSubmatch(text); len(m) > 1 && m[1] != "" {
				return record.Separator{Page: p.Number, Code: code, Patient: record.Hide(m[1])}, true
			}
		}
		if !ok && s.parts(code.Symbology, text) {
			sheet, ok = record.Separator{Page: p.Number, Code: code}, true
		}
	}
	return sheet, ok
}

func (s Separators) parts(symbology, text string) bool {
	if symbology == record.SymbologyPatch {
		return slices.Contains(s.Patch, text)
	}
	return slices.ContainsFunc(s.Barcodes, func(p *regexp.Regexp) bool { return p.MatchString(text) })
}

// section is a run of pages of a scan that becomes a document: where it lies in
// the scan, its pages numbered within it, and the separators that belong to it.
type section struct {
	sheaf      *sheaf // of which it is a run of pages
	span       [2]int // of the scan
	pages      []record.Page
	separators []record.Separator
	whole      bool // all pages of the scan are in it
	alone      bool // the scan is this one document
}

// divide parts a scan at its separators. No section is empty, whether
// separators come first, last or in a row, and every page of the scan is in one
// section or among the separators of one. Where a scan holds nothing but
// separators, they are its pages. twoSided says that front and back of each
// sheet stand in turn.
func divide(pages []record.Page, rules Separators, twoSided bool) []section {
	sheets := map[int]record.Separator{}
	for i := range pages {
		if s, ok := rules.separator(&pages[i]); ok {
			s.Picture = pages[i].Picture
			sheets[i] = s
		}
	}
	backs(pages, sheets, twoSided)
	if len(sheets) == 0 || len(sheets) == len(pages) {
		return []section{undivided(pages, sheets)}
	}
	var sections []section
	for _, r := range runsOf(len(pages), sheets) {
		sections = append(sections, r.section(pages, sheets, rules.Keep))
	}
	for i := range sections {
		sections[i].alone = len(sections) == 1
	}
	return sections
}

// run is where a section lies: its pages are [first,end), its separators in
// [start,stop) around them.
type run struct{ start, first, end, stop int }

// runsOf parts a scan of which some pages are separators. Separators belong to
// the pages behind them, at the end of the scan to those before.
func runsOf(pages int, sheets map[int]record.Separator) (runs []run) {
	for i := 0; i < pages; {
		r := run{start: i}
		for ; i < pages && isSheet(sheets, i); i++ {
		}
		r.first = i
		for ; i < pages && !isSheet(sheets, i); i++ {
		}
		r.end, r.stop = i, i
		if r.first < r.end {
			runs = append(runs, r)
		} else {
			runs[len(runs)-1].stop = r.stop
		}
	}
	return runs
}

func isSheet(sheets map[int]record.Separator, i int) bool {
	_, ok := sheets[i]
	return ok
}

// backs counts the blank backs of separator sheets among the separators: where
// it is known that a page is one, and where nothing else lies between two of
// them, for a blank page is no document. Such a back has no code.
func backs(pages []record.Page, sheets map[int]record.Separator, twoSided bool) {
	for i := 1; i < len(pages); i++ {
		if before := sheets[i-1]; before.Code.Symbology == "" || isSheet(sheets, i) || pages[i].State != record.PageBlank {
			continue
		}
		if twoSided && i%2 == 1 || isSheet(sheets, i+1) || i+1 == len(pages) {
			sheets[i] = record.Separator{Page: pages[i].Number, Picture: pages[i].Picture}
		}
	}
}

// undivided is the whole scan as one section, its separators kept.
func undivided(pages []record.Page, sheets map[int]record.Separator) section {
	s := run{0, 0, len(pages), len(pages)}.section(pages, sheets, true)
	s.alone = true
	return s
}

// section makes the section of a run. Its separators are pages of it where they
// are kept.
func (r run) section(pages []record.Page, sheets map[int]record.Separator, keep bool) section {
	var s section
	for i := r.start; i < r.stop; i++ {
		if sheet, ok := sheets[i]; ok {
			if sheet.Kept = keep; keep {
				sheet.Picture = ""
			}
			s.separators = append(s.separators, sheet)
		}
	}
	if keep {
		r.first, r.end = r.start, r.stop
	}
	s.take(pages, r.first, r.end)
	return s
}

// take makes pages [first,end) of the scan the section's, numbered from 1.
func (s *section) take(pages []record.Page, first, end int) {
	s.span = [2]int{first + 1, end}
	s.whole = first == 0 && end == len(pages)
	s.pages = slices.Clone(pages[first:end])
	for i := range s.pages {
		s.pages[i].Number = i + 1
	}
}

// content is the section's pages without separator sheets: what is printed on
// those is nobody's.
func (s *section) content() []record.Page {
	sheets := map[int]bool{}
	for _, sheet := range s.separators {
		sheets[sheet.Page-s.span[0]+1] = sheet.Kept
	}
	return slices.DeleteFunc(slices.Clone(s.pages), func(p record.Page) bool { return sheets[p.Number] })
}

// covers are the numbers that cover sheets give, as evidence. A cover sheet
// speaks for the pages behind it, up to the next separator: not for those before
// it where it is the last of the scan, nor for those behind a sheet that begins
// another document. A number on a sheet that is in no document has no page.
func (s *section) covers() (ids []record.Identifier) {
	first := 0
	if content := s.content(); len(content) > 0 {
		first = content[0].Number + s.span[0] - 1
	}
	for _, sheet := range s.separators {
		if first > 0 && sheet.Page > first {
			break
		}
		if sheet.Patient.IsZero() && sheet.Code.Symbology != "" {
			ids = nil
		}
		value := plainNumber(sheet.Patient.Reveal())
		if value == "" {
			continue
		}
		id := record.Identifier{Kind: record.KindMRN, Role: record.RolePatient, Value: record.Hide(value), Raw: sheet.Patient,
			Confidence: 0.99, Source: record.SourceBarcode, Check: record.CheckNone}
		if sheet.Kept {
			id.Page, id.Box = sheet.Page-s.span[0]+1, sheet.Code.Box
		}
		ids = append(ids, id)
	}
	return ids
}

// evidence adds the cover sheets' numbers to what the pages say.
func (s *section) evidence(found identify.Findings) identify.Findings {
	found.Identifiers = append(s.covers(), found.Identifiers...)
	return found
}

// given is what was said of the scan, as evidence for the section. Of a scan
// that is several documents it was said of none of them: it may raise doubt
// (doubt), but speaks for nobody.
func (s *section) given(r *record.Receipt) record.Given {
	if s.alone {
		return r.Given
	}
	return record.Given{}
}

// doubt makes a filing a question where the sheets or what was said of the scan
// speak against it.
func (s *section) doubt(filing patient.Decision, r *record.Receipt) patient.Decision {
	reason := ""
	switch said := plainNumber(r.Given.MRN.Reveal()); {
	case filing.Status == record.StatusHold:
	case s.sheaf.doubt != "":
		reason = s.sheaf.doubt
	case len(s.content()) == 0:
		reason = "the scan holds nothing but separator sheets"
	case filing.Status == record.StatusFiled && !s.alone && said != "" && said != plainNumber(filing.Patient.MRN.Reveal()):
		reason = "what was said of the whole scan names another patient"
	}
	if reason == "" {
		return filing
	}
	filing.Status, filing.Reason, filing.Patient = record.StatusReview, reason, nil
	return filing
}

// plainNumber is a number as identifiers hold it: capitals and digits.
func plainNumber(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) || unicode.IsDigit(r) {
			return unicode.ToUpper(r)
		}
		return -1
	}, s)
}

// rules are those of the drop folder that a scan came from.
func (p *Pipeline) rules(r *record.Receipt) Rules {
	if rules, ok := p.Folders[r.From]; ok {
		return rules
	}
	return p.General
}

// logSections tells operators where a scan is split. What barcodes say may be a
// patient's, so only patch codes are told.
func (p *Pipeline) logSections(claim catalog.Claim, pages int, sections []section) {
	for _, s := range sections {
		for _, sheet := range s.separators {
			code := ""
			if sheet.Code.Symbology == record.SymbologyPatch {
				code = sheet.Code.Text.Reveal()
			}
			p.Log.Info("a separator sheet", "claim", claim.ID, "page", sheet.Page, "symbology", sheet.Code.Symbology, "code", code, "cover", !sheet.Patient.IsZero(), "kept", sheet.Kept)
		}
	}
	if len(sections) > 1 {
		p.Log.Info("a scan is split", "claim", claim.ID, "pages", pages, "documents", len(sections))
	}
}
