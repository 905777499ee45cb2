package identify

import (
	"slices"
	"strings"

	"chartroom/record"
)

// settleDates gives every date its century and turns the births into
// identifiers. A reading of an ambiguous birth date that lies after the
// document is dropped.
func (d *reader) settleDates() {
	latest := d.opt.Latest
	for i := range d.dates {
		d.dates[i].readings = settleCentury(d.dates[i].readings, latestIf(d.dates[i].short, latest), false)
	}
	if newest := d.newest(); latest == "" || newest != "" && newest < latest {
		latest = newest
	}
	for _, b := range d.births {
		readings := b.readings
		if b.short {
			readings = settleCentury(readings, latest, true)
		}
		if len(readings) > 1 && latest != "" {
			readings = slices.DeleteFunc(slices.Clone(readings), func(r day) bool { return r.iso() > latest })
		}
		for i, r := range readings {
			id := b.Identifier
			id.Value = record.Hide(r.iso())
			if len(readings) > 1 {
				id.Confidence *= 0.6 - 0.2*float64(i)
			}
			d.found = append(d.found, id)
		}
	}
}

func latestIf(short bool, latest string) string {
	if short {
		return latest
	}
	return ""
}

// newest is the latest day that the document's own dates name.
func (d *reader) newest() string {
	newest := ""
	for _, x := range d.dates {
		if x.meaning == dateElse || x.meaning == datePrinted {
			continue
		}
		for _, r := range x.readings {
			newest = max(newest, r.iso())
		}
	}
	return newest
}

// preferred is, by type of document, the order of meanings in which its date
// is looked for; "" stands for every type not named.
var preferred = map[string][]record.Kind{
	"":                                 {dateService, dateExam, dateCollected, dateWritten, dateSigned, dateDictated, dateAdmission, dateDischarge, dateReported, dateReceived},
	"discharge summary":                {dateDischarge, dateWritten, dateAdmission, dateDictated, dateSigned, dateReported},
	"laboratory":                       {dateCollected, dateService, dateExam, dateReceived, dateReported, dateWritten},
	"pathology":                        {dateCollected, dateExam, dateReceived, dateReported, dateService, dateWritten},
	"radiology report":                 {dateExam, dateService, dateWritten, dateReported, dateDictated},
	"operative note":                   {dateExam, dateService, dateWritten, dateAdmission, dateDictated},
	"history and physical":             {dateAdmission, dateService, dateExam, dateWritten, dateDictated},
	"registration":                     {dateWritten, dateAdmission, dateService, dateSigned},
	"consent":                          {dateWritten, dateSigned, dateService, dateExam},
	"clinic letter":                    {dateService, dateWritten, dateDictated, dateSigned, dateReported},
	"referral letter":                  {dateWritten, dateService, dateDictated, dateSigned},
	"correspondence":                   {dateWritten, dateDictated, dateSigned, dateService},
	"insurance claim":                  {dateService, dateSigned, dateWritten, dateAdmission},
	"fax":                              {dateWritten, dateService, datePrinted},
	"immunization record":              {dateWritten, dateReported, dateService, datePrinted},
	"prescription":                     {dateWritten, dateService, dateSigned},
	"progress note":                    {dateService, dateWritten, dateSigned, dateDictated},
	"medication administration record": {dateService, dateWritten, dateAdmission},
}

// documentDate is the date of the document: the first meaning of its type's
// list that a label names, else a date that stands by itself at the head of a
// letter or the beginning of a note.
func (d *reader) documentDate(docType string, sheets []sheet) (string, float64) {
	order, ok := preferred[docType]
	if !ok {
		order = preferred[""]
	}
	for i, meaning := range order {
		for _, x := range d.dates {
			if x.meaning == meaning && len(x.readings) > 0 && d.possible(x.readings[0]) {
				return x.readings[0].iso(), x.conf * (1 - 0.04*float64(i)) / float64(len(x.readings))
			}
		}
	}
	for i := range sheets {
		if r, conf := d.loneDate(&sheets[i]); r != "" {
			return r, conf
		}
	}
	return "", 0
}

// possible says whether a document can be of that day.
func (d *reader) possible(r day) bool {
	if r.year < 1900 || d.opt.Latest != "" && r.iso() > d.opt.Latest {
		return false
	}
	return !slices.ContainsFunc(d.births, func(b birth) bool { return slices.Contains(b.readings, r) && len(b.readings) == 1 })
}

// loneDate looks for a date that opens a row, as in a note or under a letter's
// head, and then for one that closes a row in the upper third. A date beside a
// label has its own meaning and does not count.
func (d *reader) loneDate(s *sheet) (string, float64) {
	for i := range s.rows {
		r := &s.rows[i]
		for j := range r.tokens {
			if !r.tokens[j].starts || labelBefore(r, j) {
				continue
			}
			w, ok := parseDate(r.tokens[j:], d.order)
			if !ok || w.short && strings.ContainsAny(joinTokens(r.tokens[j:j+w.used]), ".") {
				continue
			}
			if x := settleCentury(w.readings, d.opt.Latest, false); d.possible(x[0]) {
				return x[0].iso(), 0.7 * confOf(r.tokens[j:j+w.used]) / float64(len(x))
			}
		}
	}
	return "", 0
}

// labelBefore says whether the token at j is the value of a label.
func labelBefore(r *row, j int) bool {
	for _, l := range r.labels {
		if l.sure && l.to == j || l.from <= j && j < l.to {
			return true
		}
	}
	return false
}
