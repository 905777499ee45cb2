package index

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"chartroom/record"
)

// chart is the corpus of the kept list of queries below: a few charts, some
// pages badly read, and filler so that words have their rarity.
func chart() *fakeCatalog {
	c := newFakeCatalog()
	add := func(n int, file string, change func(*record.Document), pages ...string) {
		d := documentOf(n, pages...)
		d.Receipts = []record.Receipt{{Name: record.Hide(file), From: "scanner", Facility: "North Clinic", Batch: "B-17", Place: "Box 42/7"}}
		if change != nil {
			change(d)
		}
		c.save(d)
	}
	garcia := func(kind, date string) func(*record.Document) {
		return func(d *record.Document) {
			filed(d, "00482913", "GARCIA, MARIA L", "1961-03-14")
			d.DocType, d.Date = kind, date
		}
	}
	add(1, "00001.tiff", garcia("laboratory", "2011-02-09"), "North Clinic Laboratory\nPatient GARCIA, MARIA L MRN 0O482913\npotassium 6.1 mmol/L high", "second page of the report\ncreatinine 1.2")
	add(2, "00002.tiff", garcia("discharge summary", "2014-03-21"), "Discharge Summary\nGarc1a Maria admitted 03/18/2014\nacute rnyocardial infarction")
	add(3, "00003.tiff", garcia("consent", "2014-03-18"), "Consent for procedure\nunreadable rubbish here")
	add(4, "smith_old.pdf", func(d *record.Document) {
		filed(d, "00482914", "SMITH-JONES, PETER", "1940-12-01")
		d.DocType, d.Date = "progress note", "2014-03-02"
	}, "Progress note\nSmith-Jones Peter\nX-ray of the chest, BP 120/80, aspirin 81mg daily")
	add(5, "00005.tiff", func(d *record.Document) {
		d.DocType = "referral letter"
		d.Identifiers = []record.Identifier{
			{Kind: record.KindNHS, Role: record.RolePatient, Value: record.Hide("9434765870"), Page: 1, Box: record.Box{Left: 1, Top: 2, Width: 3, Height: 4}},
			{Kind: record.KindName, Role: record.RolePatient, Value: record.Hide("MÜLLER, ZOË"), Page: 1},
			{Kind: record.KindName, Role: record.RoleProvider, Value: record.Hide("GARCIA, HUGO"), Page: 1},
			{Kind: record.KindPhone, Role: record.RolePatient, Value: record.Hide("5551234567"), Page: 1},
		}
	}, "Dear Dr Garcia\nthank you for seeing Zoë Müller born 14/3/1961\nmodern treatment")
	add(6, "00006.tiff", func(d *record.Document) { d.Status, d.Pages = record.StatusRejected, nil }, "")
	add(7, "00007.tiff", nil, "gracia is not a name here but the spanish word\nmodem lines")
	for i := range 60 {
		add(100+i, fmt.Sprintf("f%05d.tiff", i), nil, fmt.Sprintf("filler page of ordinary words number %d about the patient and the weather", i))
	}
	return c
}

// kept is the list of queries with the document that must come first ("" where
// nothing may be found) and, after a colon, its page.
var kept = []struct{ query, first string }{
	{"00482913", "1:1"}, {"482913", "1:1"}, {"0048-2913", "1:1"}, {"00 48 29 13", "1:1"}, {"mrn:00482913", "1"},
	{"mrn:0O482913", "1"}, {"MRN: 00482913", "1"}, {"Medical Record Number 00482913", "1:1"}, {"NHS number 943 476 5870", "5"}, {"MRN# 482913", "1:1"},
	{"garcia 3/14/61", "1"}, {"garcia dob:14/3/61", "1"}, {"Garcia 14 Mar 61", "1"}, {"garcia DOB 03/14/1961", "1"}, {"type:consent dob:3/14/61", "3"},
	{"Gracia Maria", "1:1"}, {"Garcai laboratory", "1:1"}, {"potsasium", "1:1"},
	{"garcia", "1:1"}, {"Garcia Maria", "1:1"}, {"garcia 1961-03-14", "1"}, {"garcia dob:3/14/1961", "1"},
	{"discharge summary garcia march 2014", "2"}, {"type:consent name:garcia", "3"}, {"consent garcia", "3"},
	{"potassium 6.1", "1:1"}, {"garcia potassium", "1:1"}, {"potasium", "1:1"}, {"creatinine", "1:2"},
	{"myocardial infarction", "2"}, {"myocardial", "2"}, {`"acute rnyocardial"`, "2"}, {`"acute myocardial"`, ""},
	{"smith jones", "4"}, {"smith-jones", "4"}, {"smithjones", "4"}, {"x-ray", "4"}, {"xray", "4"}, {"120/80", "4"}, {"81mg", "4"},
	{"file:smith", "4"}, {"smith_old.pdf", "4"}, {"muller zoe", "5"}, {"Müller", "5"}, {"943 476 5870", "5"}, {"9434765870", "5"},
	{"(555) 123-4567", "5"}, {"14/3/1961 müller", "5"}, {"modern", "5"}, {"modem", "7"}, {"gracia", "7"},
	{"status:rejected", "6:0"}, {"name:garcia -type:consent -type:laboratory", "2"}, {"potassium OR aspirin type:progress", "4"},
	{"date:2014-03 type:discharge", "2"}, {"date:2010..2012 name:garcia", "1"}, {"date:2014-03-21", "2"}, {"date:2014-03-20..2014-03-31", "2"},
	{"dob:1961 type:laboratory", "1"}, {"batch:B-17 aspirin", "4"}, {"box:42/7 aspirin", "4"}, {"facility:north aspirin", "4"},
	{"potass*", "1:1"}, {"name:gar* type:consent", "3"}, {"page:2 name:garcia", "1:2"}, {"received:2026-11-20 aspirin", "4"},
	{"state:text aspirin", "4"}, {"(potassium OR aspirin) name:smith", "4"}, {"infarction myocardial acute heart attack", "2"},
	{"name:hugo", ""}, {"zzzzqqqq", ""}, {"", ""}, {"6.7", ""}, {"garcia 3/14/62", ""}, {"MRN 00482931", ""},
}

func TestKeptQueriesFindWhatTheyMust(t *testing.T) {
	c := chart()
	for _, shards := range []int{1, 3} {
		x := indexed(t, c, Config{Shards: shards})
		for _, k := range kept {
			res := find(t, x, k.query)
			first, page, _ := strings.Cut(k.first, ":")
			if first == "" {
				if len(res.Hits) > 0 {
					t.Errorf("%q finds %d pages, want none", k.query, res.Total)
				}
				continue
			}
			var n int
			fmt.Sscan(first, &n)
			want := documentOf(n).ID
			if len(res.Hits) == 0 || res.Hits[0].Document != want || page != "" && fmt.Sprint(res.Hits[0].Page) != page {
				t.Errorf("%d shards: %q: first is not document %s: %+v", shards, k.query, k.first, res.Hits[:min(3, len(res.Hits))])
			}
			if res.Partial {
				t.Errorf("%q: partial though all is indexed", k.query)
			}
		}
	}
}

func TestRareMisreadingNeverOutranksTheWord(t *testing.T) {
	c := newFakeCatalog()
	long := strings.Repeat("many other words stand on this long page of a note ", 40)
	for i := range 50 {
		c.save(documentOf(i+1, long+" diabetes "+long))
	}
	c.save(documentOf(900, "diabetis"))
	c.save(documentOf(901, "diabetes diabetis"))
	res := find(t, indexed(t, c, Config{}), "diabetes")
	if res.Total != 52 {
		t.Fatalf("found %d pages, want all 52", res.Total)
	}
	all, err := indexed(t, c, Config{}).Search(t.Context(), Query{Text: record.Hide("diabetes"), Limit: 100})
	if err != nil {
		t.Fatal(err)
	}
	if last := all.Hits[len(all.Hits)-1].Document; last != documentOf(900).ID {
		t.Errorf("the misreading is not last but document %s", last)
	}
}

func TestSpansLeadToTheWords(t *testing.T) {
	c := chart()
	x := indexed(t, c, Config{})
	for _, tc := range []struct {
		query string
		doc   int
		words []string
	}{
		{"potassium 6.1", 1, []string{"potassium", "6.1"}},
		{"zoe muller", 5, []string{"Zoë", "Müller"}},
		{`"x-ray of"`, 4, []string{"X-ray", "of"}},
		{"myocardial", 2, []string{"rnyocardial"}},
		{"120/80", 4, []string{"120/80,"}},
	} {
		d := documentNumbered(c, tc.doc)
		res := find(t, x, tc.query)
		h := res.Hits[0]
		if h.Document != d.ID {
			t.Errorf("%q: first is not document %d", tc.query, tc.doc)
			continue
		}
		p := &d.Pages[h.Page-1]
		var got []string
		_, words := p.TextSpans()
		for i, w := range words {
			if slices.ContainsFunc(h.Spans, func(s [2]int) bool { return s[0] < w[1] && w[0] < s[1] }) {
				got = append(got, p.Words[i].Text.Reveal())
			}
		}
		slices.Sort(got)
		slices.Sort(tc.words)
		if !slices.Equal(got, tc.words) {
			t.Errorf("%q: spans lie on %q, want %q", tc.query, got, tc.words)
		}
	}
}

func documentNumbered(c *fakeCatalog, n int) *record.Document {
	for _, r := range c.rows {
		if r.Document.ID == documentOf(n).ID {
			return r.Document
		}
	}
	return nil
}

func TestEvidenceOfAHitBesideTheText(t *testing.T) {
	c := chart()
	x := indexed(t, c, Config{})
	h := find(t, x, "9434765870").Hits[0]
	if h.Document != documentNumbered(c, 5).ID || !slices.Contains(h.Kinds, record.KindNHS) {
		t.Errorf("hit %v says that it matched by %v", h.Document, h.Kinds)
	}
}

// Nobody finds what they may not see: with a scope, every query gives exactly
// the hits within it, and counts no others.
func TestScopeHidesEverythingOutside(t *testing.T) {
	c := chart()
	x := indexed(t, c, Config{})
	inside := func(id record.ID) bool {
		for n := range 8 {
			if d := documentNumbered(c, n); d != nil && d.ID == id {
				return d.Patient != nil && d.Patient.MRN.Reveal() == "00482913" && d.DocType != "consent"
			}
		}
		return false
	}
	scope := Scope{Only: []Match{{Field: "mrn", Values: []string{"00482913"}}}, Never: []Match{{Field: "type", Values: []string{"Consent"}}}}
	queries := []string{"-zzz", "a OR the OR garcia"}
	for _, k := range kept {
		queries = append(queries, k.query)
	}
	for _, q := range queries {
		free, err := x.Search(t.Context(), Query{Text: record.Hide(q), Limit: 1000})
		if err != nil {
			t.Fatal(err)
		}
		want := 0
		for _, h := range free.Hits {
			if inside(h.Document) {
				want++
			}
		}
		res, err := x.Search(t.Context(), Query{Text: record.Hide(q), Scope: scope})
		if err != nil {
			t.Fatal(err)
		}
		for _, h := range res.Hits {
			if !inside(h.Document) {
				t.Errorf("%q finds what is outside", q)
			}
		}
		if res.Total != want {
			t.Errorf("%q counts %d pages within the scope, want %d", q, res.Total, want)
		}
	}
	unknown := Scope{Only: []Match{{Field: "nonsense", Values: []string{"x"}}}}
	if res, err := x.Search(t.Context(), Query{Text: record.Hide("garcia"), Scope: unknown}); err != nil || res.Total != 0 {
		t.Errorf("an unknown field of a scope shows %d pages, %v", res.Total, err)
	}
}

func TestPagesOfOneDocumentComeInOrder(t *testing.T) {
	c := newFakeCatalog()
	var texts []string
	for i := range 40 {
		texts = append(texts, strings.Repeat("aspirin ", 1+(i*7)%5)+" given")
	}
	d := documentOf(1, texts...)
	c.save(d)
	c.save(documentOf(2, "aspirin"))
	x := indexed(t, c, Config{})
	var pages []int
	q := Query{Text: record.Hide("aspirin"), Document: d.ID, Limit: 15}
	for {
		res, err := x.Search(t.Context(), q)
		if err != nil {
			t.Fatal(err)
		}
		for _, h := range res.Hits {
			pages = append(pages, h.Page)
		}
		if q.After = res.Next; res.Next == "" {
			break
		}
	}
	if len(pages) != 40 || !slices.IsSorted(pages) {
		t.Errorf("pages are %v", pages)
	}
}

func TestPagingStaysStableWhileTheIndexGrows(t *testing.T) {
	c := newFakeCatalog()
	for i := range 50 {
		c.save(documentOf(i+1, "aspirin and more"))
	}
	x := indexed(t, c, Config{})
	seen := map[record.ID]int{}
	q := Query{Text: record.Hide("aspirin"), Limit: 7}
	for n := 0; ; n++ {
		res, err := x.Search(t.Context(), q)
		if err != nil {
			t.Fatal(err)
		}
		for _, h := range res.Hits {
			seen[h.Document]++
		}
		if q.After = res.Next; res.Next == "" {
			break
		}
		c.save(documentOf(1000+n, "something else altogether"))
		if err := x.CatchUp(t.Context(), c); err != nil {
			t.Fatal(err)
		}
	}
	for i := range 50 {
		if n := seen[documentOf(i+1).ID]; n != 1 {
			t.Errorf("document %d was shown %d times", i+1, n)
		}
	}
}

func TestHitsByDocumentShowTheBestPageOnce(t *testing.T) {
	c := newFakeCatalog()
	c.save(documentOf(1, "aspirin", "aspirin aspirin aspirin", "nothing"))
	c.save(documentOf(2, "aspirin"))
	x := indexed(t, c, Config{})
	res, err := x.Search(t.Context(), Query{Text: record.Hide("aspirin"), ByDocument: true})
	if err != nil {
		t.Fatal(err)
	}
	if len(res.Hits) != 2 || res.Hits[0].Page != 2 || res.Hits[0].More != 1 || res.Total != 3 || res.Next != "" {
		t.Errorf("hits are %+v of %d, next %q", res.Hits, res.Total, res.Next)
	}
}

func TestQueriesThatCannotBeReadSayWhere(t *testing.T) {
	x := openIndex(t, Config{})
	for _, tc := range []struct {
		query  string
		offset int
	}{
		{`garcia "unclosed`, 7}, {"(a", 0}, {"a)", 1}, {"*a*", 0}, {"g*", 0}, {"ab* c", 0}, {"a*b", 1},
		{"name:", 5}, {"date:sometime", 5}, {"x date:2014..2010", 7}, {"status:lost", 7}, {"page:x", 5},
		{strings.Repeat("a", maxQueryBytes+1), maxQueryBytes}, {strings.Repeat("x OR ", 10000) + "x", maxQueryBytes},
		{strings.Repeat("a ", 100), 128}, {strings.Repeat("(", 20) + "a", maxQueryDepth}, {"name:(a b)", 5},
		{strings.Repeat("a-", 500), 0},
	} {
		_, err := x.Search(t.Context(), Query{Text: record.Hide(tc.query)})
		var qe *QueryError
		if !errors.As(err, &qe) {
			t.Errorf("%.30q: error is %v", tc.query, err)
		} else if qe.Offset != tc.offset {
			t.Errorf("%.30q: error at %d, want %d: %v", tc.query, qe.Offset, tc.offset, err)
		}
	}
}
