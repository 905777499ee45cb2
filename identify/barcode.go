package identify

import (
	"slices"
	"strings"
	"unicode"

	"chartroom/record"
)

// A barcode says what it says without misreading, but seldom what it means.
// Where its content names its parts (PAT|00482913, MRN:00482913;DOB:…, GS1's
// application identifiers, a driver's licence) they are taken at their word. A
// bare number is what the print says of the same number; where no print has it,
// it is the patient's record number if it has the form of the site's, and a
// number of an unclear role if the site's form is not known.
//
// A licence says whose it is, not that its holder is the patient.

// codes adds what the barcodes of the pages say. It comes after the print.
func (d *reader) codes(pages []record.Page) {
	printed := slices.Clone(d.found)
	for i := range pages {
		for n := range pages[i].Barcodes {
			b := &pages[i].Barcodes[n]
			if b.Symbology == record.SymbologyPatch {
				continue
			}
			c := code{Barcode: b, page: pages[i].Number, conf: 0.99}
			if b.Symbology == record.Code39 || b.Symbology == record.ITF || b.Symbology == record.Codabar {
				c.conf = 0.95 // no check digit
			}
			d.code(&c, printed)
		}
	}
}

// A code is a barcode being read.
type code struct {
	*record.Barcode
	page int
	conf float64
}

func (d *reader) code(c *code, printed []record.Identifier) {
	text := c.Text.Reveal()
	if rest, ok := cutSymbology(text); ok {
		text, c.Barcode = rest, &record.Barcode{Symbology: c.Symbology, Text: c.Text, Box: c.Box, GS1: true}
	}
	switch {
	case isLicence(text):
		d.licence(c, text)
	case c.GS1 && d.elements(c, text), strings.HasPrefix(text, "(") && d.elements(c, text):
	case d.parts(c, text):
	default:
		d.bareCode(c, text, printed)
	}
}

// cutSymbology takes away the prefix by which scanners announce GS1's codes.
func cutSymbology(s string) (string, bool) {
	for _, p := range []string{"]C1", "]d2", "]Q3"} {
		if rest, ok := strings.CutPrefix(s, p); ok {
			return rest, true
		}
	}
	return s, false
}

// add keeps a finding of a code.
func (d *reader) add(c *code, kind record.Kind, role record.Role, value, raw string, conf float64, check record.Check) {
	if value == "" {
		return
	}
	d.found = append(d.found, record.Identifier{Kind: kind, Role: role, Value: record.Hide(value), Raw: record.Hide(raw), Page: c.page, Box: c.Box,
		Confidence: conf * c.conf, Source: record.SourceBarcode, Check: check})
}

// addDate keeps a birth date in a code, in every way in which it can be read.
func (d *reader) addDate(c *code, role record.Role, value string, order DateOrder) {
	w, ok := parseDate([]token{{text: value}}, order)
	if !ok {
		return
	}
	d.births = append(d.births, birth{w, record.Identifier{Kind: record.KindDOB, Role: role, Raw: record.Hide(value), Page: c.page, Box: c.Box,
		Confidence: c.conf, Source: record.SourceBarcode, Check: record.CheckNone}})
}

// codeKeys are the words by which contents name their parts.
var codeKeys = func() map[string]record.Kind {
	keys := map[string]record.Kind{}
	for kind, words := range map[record.Kind]string{
		record.KindMRN:       "PAT PATIENT PATID PATIENTID PID MRN MRNO MR MEDREC HOSPNO HRN URN URNO",
		record.KindAccount:   "ENC ENCOUNTER VISIT VISITNO VN ACCT ACCOUNT ACCTNO CSN FIN HAR",
		record.KindAccession: "ACC ACCESSION ACCN ACCNO",
		record.KindSSN:       "SSN", record.KindMBI: "MBI", record.KindNHS: "NHS NHSNO NHSNUMBER", record.KindNPI: "NPI",
		record.KindName: "NAME PNAME PATNAME PATIENTNAME", record.KindDOB: "DOB BIRTHDATE DATEOFBIRTH", record.KindSex: "SEX GENDER",
	} {
		for w := range strings.FieldsSeq(words) {
			keys[w] = kind
		}
	}
	return keys
}()

// keyed is the kind that a word of a content names, "" for none.
func keyed(s string) record.Kind {
	return codeKeys[strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) {
			return unicode.ToUpper(r)
		}
		if strings.ContainsRune(" _.-#/", r) {
			return -1
		}
		return '?'
	}, strings.TrimSpace(s))]
}

// parts reads a content that names its parts: KEY:VALUE or KEY=VALUE, or key
// and value in turn between bars. It reports whether one of them was known.
func (d *reader) parts(c *code, text string) bool {
	fields := strings.FieldsFunc(text, func(r rune) bool { return strings.ContainsRune("|;\n\r\t~&\x1c\x1d\x1e", r) })
	known := false
	for i := 0; i < len(fields); i++ {
		key, value, ok := strings.Cut(fields[i], ":")
		if !ok {
			key, value, ok = strings.Cut(fields[i], "=")
		}
		raw := fields[i]
		if !ok && i+1 < len(fields) && keyed(fields[i]) != "" {
			key, value, ok = fields[i], fields[i+1], true
			raw = key + "|" + value
			i++
		}
		if kind := keyed(key); ok && kind != "" {
			d.part(c, kind, strings.TrimSpace(value), raw)
			known = true
		}
	}
	return known
}

// part keeps one part that a content names. Who wrote PAT means the patient.
func (d *reader) part(c *code, kind record.Kind, value, raw string) {
	tokens := []token{{text: value}}
	switch kind {
	case record.KindName:
		if n, ok := parseName(asTokens(value)); ok && n.full() {
			d.add(c, kind, record.RolePatient, n.canonical().Reveal(), raw, 1, record.CheckNone)
		}
	case record.KindDOB:
		d.addDate(c, record.RolePatient, value, d.order)
	case record.KindSex:
		d.add(c, kind, record.RolePatient, sexWord(value), raw, 1, record.CheckNone)
	case record.KindNPI:
		if n, ok := checkedNumber(kind, tokens); ok {
			d.add(c, kind, record.RoleProvider, n.value, raw, 1, n.check)
		}
	case record.KindSSN, record.KindMBI, record.KindNHS:
		if n, ok := checkedNumber(kind, tokens); ok && !n.masked {
			d.add(c, kind, record.RolePatient, n.value, raw, 1, n.check)
		}
	default:
		if v := canonicalNumber(value); countDigits(v) >= 3 && len(v) <= 20 {
			d.add(c, kind, record.RolePatient, v, raw, 1, record.CheckNone)
		}
	}
}

// asTokens are the words of a value as tokens.
func asTokens(s string) []token {
	var out []token
	for w := range strings.FieldsSeq(s) {
		out = append(out, token{text: w})
	}
	return out
}

// bareCode reads a content that is a number and nothing else, or a record
// number with another number behind it.
func (d *reader) bareCode(c *code, text string, printed []record.Identifier) {
	text = strings.TrimSpace(text)
	value := canonicalNumber(text)
	if len(value) > 20 || strings.ContainsFunc(text, func(r rune) bool { return r > '~' }) {
		return
	}
	if i := slices.IndexFunc(printed, func(id record.Identifier) bool { return id.Kind != record.KindName && id.Value.Reveal() == value }); i >= 0 {
		d.add(c, printed[i].Kind, printed[i].Role, value, text, 1, printed[i].Check)
		return
	}
	if len(d.opt.SiteMRN) == 0 {
		if n, ok := recordNumber([]token{{text: text}}, nil); ok && !n.masked {
			d.add(c, record.KindMRN, record.RoleUnclear, n.value, text, 0.5, record.CheckNone)
		}
		return
	}
	first, rest := text, ""
	if i := strings.IndexAny(text, " ^*/-"); i > 0 && !d.isRecordNumber(value) {
		first, rest = text[:i], text[i+1:]
	}
	if !d.isRecordNumber(canonicalNumber(first)) {
		return
	}
	d.add(c, record.KindMRN, record.RolePatient, canonicalNumber(first), text, 0.95, record.CheckNone)
	if v := canonicalNumber(rest); countDigits(v) >= 4 {
		d.add(c, record.KindAccount, record.RoleUnclear, v, text, 0.5, record.CheckNone)
	}
}

func (d *reader) isRecordNumber(s string) bool {
	return slices.ContainsFunc(d.opt.SiteMRN, func(p MRNPattern) bool { return p.match(s) })
}
