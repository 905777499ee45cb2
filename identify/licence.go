package identify

import (
	"strings"

	"chartroom/record"
)

// kindLicence is the number of a driver's licence.
const kindLicence record.Kind = "licence"

// isLicence says whether a content is that of a North American driver's licence
// or identity card, as the association of their motor vehicle administrators
// (AAMVA) lays down.
func isLicence(s string) bool {
	if !strings.HasPrefix(s, "@") {
		return false
	}
	head := s[:min(len(s), 24)]
	return strings.Contains(head, "ANSI ") || strings.Contains(head, "AAMVA")
}

// licence reads the holder's name, birth date, sex and address. Whoever holds
// it may be the patient, a parent or whoever pays: the role stays unclear.
func (d *reader) licence(c *code, text string) {
	e := licenceElements(text)
	name := record.CanonicalName(e["DCS"], e["DAC"], e["DAD"], suffixes[strings.ToLower(e["DCU"])])
	switch {
	case e["DCS"] != "" && e["DAC"] == "": // first and middle names in one, in the first versions
		first, middle, _ := strings.Cut(strings.ReplaceAll(e["DCT"], ",", " "), " ")
		name = record.CanonicalName(e["DCS"], first, middle, suffixes[strings.ToLower(e["DCU"])])
	case e["DCS"] == "" && e["DAB"] != "":
		name = record.CanonicalName(e["DAB"], e["DAC"], e["DAD"], suffixes[strings.ToLower(e["DAE"])])
	case e["DCS"] == "" && e["DAA"] != "":
		p := append(strings.FieldsFunc(e["DAA"], func(r rune) bool { return r == ',' || r == '@' || r == '$' }), "", "", "")
		name = record.CanonicalName(p[0], p[1], p[2], "")
	}
	if strings.Contains(name.Reveal(), ", ") {
		d.add(c, record.KindName, record.RoleUnclear, name.Reveal(), name.Reveal(), 1, record.CheckNone)
	}
	if dob := e["DBB"]; len(dob) == 8 {
		order := MonthFirst
		if e["DCG"] == "CAN" {
			order = AnyOrder // the year comes first
		}
		d.addDate(c, record.RoleUnclear, dob, order)
	}
	d.add(c, record.KindSex, record.RoleUnclear, map[string]string{"1": "M", "2": "F", "M": "M", "F": "F"}[e["DBC"]], e["DBC"], 1, record.CheckNone)
	d.add(c, record.KindAddress, record.RoleUnclear, e["DAG"], e["DAG"], 1, record.CheckNone)
	d.add(c, kindLicence, record.RoleUnclear, canonicalNumber(e["DAQ"]), e["DAQ"], 1, record.CheckNone)
}

// licenceElements are the values of a licence by their three letters. The first
// stands behind the header and the name of its part ("DL").
func licenceElements(s string) map[string]string {
	out := map[string]string{}
	for line := range strings.FieldsFuncSeq(s, func(r rune) bool { return r == '\n' || r == '\r' || r == 0x1e }) {
		if strings.HasPrefix(line, "ANSI ") || strings.HasPrefix(line, "AAMVA") {
			line = firstElement(line)
		}
		if len(line) > 3 && line[0] == 'D' && isUpper(line[1]) && isUpper(line[2]) {
			value := strings.TrimSpace(line[3:])
			if value != "NONE" && value != "unavl" && out[line[:3]] == "" {
				out[line[:3]] = value
			}
		}
	}
	return out
}

// firstElement is what follows the header: the name of the part stands once in
// the header, with digits behind it, and once more before its first element.
func firstElement(s string) string {
	for _, part := range []string{"DL", "ID"} {
		for at := len(s) - 3; at >= 0; at-- {
			if strings.HasPrefix(s[at:], part) && at+5 <= len(s) && s[at+2] == 'D' && isUpper(s[at+3]) && isUpper(s[at+4]) {
				return s[at+2:]
			}
		}
	}
	return ""
}
