package ingest

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"chartroom/record"
)

// Gift is what somebody said of a file before anybody read it: evidence to be
// checked against the page, and where the paper lies.
type Gift struct {
	Given                record.Given
	Box, Batch, Facility string
}

// over fills what g leaves open from another gift.
func (g Gift) over(o Gift) Gift {
	private := func(a, b record.Private) record.Private {
		if a.IsZero() {
			return b
		}
		return a
	}
	plain := func(a, b string) string {
		if a == "" {
			return b
		}
		return a
	}
	return Gift{
		Given: record.Given{MRN: private(g.Given.MRN, o.Given.MRN), DocType: private(g.Given.DocType, o.Given.DocType), Date: private(g.Given.Date, o.Given.Date)},
		Box:   plain(g.Box, o.Box), Batch: plain(g.Batch, o.Batch), Facility: plain(g.Facility, o.Facility),
	}
}

func (g *Gift) set(field, value string) {
	switch field {
	case "mrn":
		g.Given.MRN = record.Hide(value)
	case "type":
		g.Given.DocType = record.Hide(value)
	case "date", "date:mdy", "date:dmy":
		g.Given.Date = record.Hide(value)
	case "box":
		g.Box = shown(value)
	case "batch":
		g.Batch = shown(value)
	case "facility":
		g.Facility = shown(value)
	}
}

// Pattern reads what the names of folders say of the files in them. The nil
// Pattern reads nothing.
type Pattern struct {
	parts []patternPart
}

type patternPart struct {
	match  *regexp.Regexp
	fields []string
}

// patternFields are the fields of a pattern and what each matches.
var patternFields = map[string]string{
	"mrn":      `([0-9A-Za-z][0-9A-Za-z.-]*?)`,
	"type":     `(.+?)`,
	"box":      `(.+?)`,
	"batch":    `(.+?)`,
	"facility": `(.+?)`,
	"date":     `([0-9]{4}(?:[-._]?)[0-9]{2}(?:[-._]?)[0-9]{2})`,
	"date:mdy": `([0-9]{1,2}[-._][0-9]{1,2}[-._][0-9]{4})`,
	"date:dmy": `([0-9]{1,2}[-._][0-9]{1,2}[-._][0-9]{4})`,
	"*":        `(.*?)`,
}

// ParsePattern reads a pattern of folder names, for example
//
//	{mrn}_{date}/{type}
//	{box}/{mrn}/
//	Box {box}/{batch}
//
// The parts between slashes stand for folders, from the top of the drop folder
// down; a slash at either end means nothing, and the file's own name is never
// read. In a part, {mrn}, {type}, {date}, {box}, {batch} and {facility} stand
// for what they say, {*} for anything, and all else for itself. Between two
// fields something must stand. {date} is year, month, day (2011-02-09,
// 20110209); {date:mdy} and {date:dmy} say another order. An empty pattern
// gives nil.
//
// A folder that does not fit ends the reading: what folders above it gave
// stays. Folders deeper than the pattern are not read.
func ParsePattern(s string) (*Pattern, error) {
	s = strings.Trim(s, "/")
	if s == "" {
		return nil, nil
	}
	p, used := &Pattern{}, map[string]bool{}
	for text := range strings.SplitSeq(s, "/") {
		part, err := parsePart(text)
		if err != nil {
			return nil, fmt.Errorf("folder pattern %q: %w", s, err)
		}
		for _, f := range part.fields {
			name, _, _ := strings.Cut(f, ":")
			if used[name] && f != "*" {
				return nil, fmt.Errorf("folder pattern %q: {%s} stands in it twice", s, name)
			}
			used[name] = true
		}
		p.parts = append(p.parts, part)
	}
	return p, nil
}

func parsePart(text string) (patternPart, error) {
	var part patternPart
	expr, rest, adjacent := "(?s)^", text, false
	if text == "" || text == "." || text == ".." {
		return part, fmt.Errorf("a folder without a name")
	}
	for rest != "" {
		literal, after, open := strings.Cut(rest, "{")
		if strings.Contains(literal, "}") {
			return part, fmt.Errorf("a } without its {")
		}
		expr += regexp.QuoteMeta(literal)
		if !open {
			break
		}
		field, tail, closed := strings.Cut(after, "}")
		class, known := patternFields[field]
		switch {
		case !closed:
			return part, fmt.Errorf("a { without its }")
		case !known:
			return part, fmt.Errorf("{%s} is no field; there are {mrn} {type} {date} {date:mdy} {date:dmy} {box} {batch} {facility} {*}", field)
		case adjacent && literal == "":
			return part, fmt.Errorf("something must stand between {%s} and {%s}", part.fields[len(part.fields)-1], field)
		}
		expr, rest, adjacent = expr+class, tail, true
		part.fields = append(part.fields, field)
	}
	var err error
	part.match, err = regexp.Compile(expr + "$")
	return part, err
}

// Given reads the folders of a file: dir is their path below the drop folder,
// parted by slashes, without the file's name.
func (p *Pattern) Given(dir string) Gift {
	var g Gift
	if p == nil || dir == "" || dir == "." {
		return g
	}
	folders := strings.Split(dir, "/")
	for i, part := range p.parts {
		if i == len(folders) || !part.read(folders[i], &g) {
			break
		}
	}
	return g
}

// read enters the fields of one folder's name, all or none.
func (part patternPart) read(folder string, g *Gift) bool {
	values := part.match.FindStringSubmatch(folder)
	if values == nil {
		return false
	}
	values = values[1:]
	for i, field := range part.fields {
		if order, isDate := dateOrder(field); isDate {
			iso, ok := isoDate(values[i], order)
			if !ok {
				return false
			}
			values[i] = iso
		}
	}
	for i, field := range part.fields {
		g.set(field, values[i])
	}
	return true
}

// readsTop reports whether the pattern reads the top folder's name.
func (p *Pattern) readsTop() bool {
	return p != nil && slices.ContainsFunc(p.parts[0].fields, func(f string) bool { return f != "*" })
}

func dateOrder(field string) (order string, isDate bool) {
	switch field {
	case "date":
		return "ymd", true
	case "date:mdy":
		return "mdy", true
	case "date:dmy":
		return "dmy", true
	}
	return "", false
}

// isoDate reads a date whose order is known ("ymd", "mdy", "dmy") and writes
// it as ISO 8601.
func isoDate(s, order string) (string, bool) {
	parts := strings.FieldsFunc(s, func(r rune) bool { return strings.ContainsRune("-._/ ", r) })
	if len(parts) == 1 && order == "ymd" && len(s) == 8 {
		parts = []string{s[:4], s[4:6], s[6:]}
	}
	if len(parts) != 3 {
		return "", false
	}
	var ymd [3]string
	for i, c := range order {
		ymd[strings.IndexRune("ymd", c)] = parts[i]
	}
	t, err := time.Parse("2006-1-2", strings.Join(ymd[:], "-"))
	if err != nil || t.Year() < 1850 || t.Year() > 2200 {
		return "", false
	}
	return t.Format(time.DateOnly), true
}
