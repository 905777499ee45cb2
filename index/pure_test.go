package index

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestTokensKeepNumbersWholeAndTheirPlace(t *testing.T) {
	for _, tc := range []struct {
		text string
		want []string // term@position
	}{
		{"Potassium 6.1 mmol/L", []string{"potassium@1", "6.1@2", "mmol@3", "l@4"}},
		{"BP 120/80, aspirin 10mg.", []string{"bp@1", "120/80@2", "aspirin@3", "10mg@4"}},
		{"MRN: 00-48-29-13", []string{"mrn@1", "00-48-29-13@2", "00482913@2"}},
		{"O'Brien's X-ray", []string{"obriens@1", "xray@2", "x@2", "ray@3"}},
		{"Müller ZOË straße ﬁle", []string{"muller@1", "zoe@2", "strasse@3", "file@4"}},
		{"1,000 at 12:30 on 3/14/1961", []string{"1,000@1", "at@2", "12:30@3", "on@4", "3/14/1961@5"}},
		{"1EG4-TE5-MK73", []string{"1eg4-te5-mk73@1", "1eg4te5mk73@1", "1eg4@1", "te5@2", "mk73@3"}},
		{"患者 A", []string{"患@1", "者@2", "a@3"}},
		{"a\xffb -- 'c' ...", []string{"a@1", "b@2", "c@3"}},
		{strings.Repeat("x", 65) + " y", []string{"y@2"}},
	} {
		var got []string
		for _, tok := range tokenize(tc.text) {
			got = append(got, tok.term+"@"+string(rune('0'+tok.pos)))
		}
		if !slices.Equal(got, tc.want) {
			t.Errorf("%q gives %q, want %q", tc.text, got, tc.want)
		}
	}
}

func FuzzTokensStandWhereTheySay(f *testing.F) {
	for _, s := range []string{"Potassium 6.1", "a-b'c", "Zoë\u0301 患者", "\xff-\xfe1", "ﬁ1/2"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		last := 0
		for _, tok := range tokenize(s) {
			if tok.start < 0 || tok.end > len(s) || tok.start >= tok.end || tok.term == "" {
				t.Fatalf("token %+v of %d bytes", tok, len(s))
			}
			if whole, squashed := fold(s[tok.start:tok.end]), squash(s[tok.start:tok.end]); tok.term != whole && tok.term != squashed {
				t.Fatalf("token %q stands at %q", tok.term, s[tok.start:tok.end])
			}
			if tok.pos < last {
				t.Fatal("positions run backwards")
			}
			last = tok.pos
		}
	})
}

func FuzzQueryIsReadOrRefused(f *testing.F) {
	for _, k := range kept {
		f.Add(k.query)
	}
	for _, s := range []string{"((((", "a OR OR b", "-(-(-a))", `""`, "name:\"\"", "*a*", "date:..", "date:9999999999", "a~ b*", "x:y:z", "OR", "- -", "5/5/5"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		c, err := parse(s)
		if err == nil {
			p := &planner{}
			_, err = p.plan(c, false)
			if len(p.leaves) > 4*maxQueryTerms {
				t.Fatalf("%d look-ups", len(p.leaves))
			}
		}
		var qe *QueryError
		if err != nil && !errors.As(err, &qe) {
			t.Fatalf("error is %T: %v", err, err)
		}
		if qe != nil && (qe.Offset < 0 || qe.Offset > len(s)) {
			t.Fatalf("offset %d in %d bytes", qe.Offset, len(s))
		}
	})
}

func TestDatesAsTyped(t *testing.T) {
	for _, tc := range []struct {
		text     string
		dayFirst bool
		want     string
	}{
		{"2014", false, "2014"}, {"2014-03", false, "2014-03"}, {"2014-03-09", false, "2014-03-09"}, {"20140309", false, "2014-03-09"},
		{"3/14/1961", false, "1961-03-14"}, {"14/3/1961", false, "1961-03-14"}, {"3/4/1961", false, "1961-03-04 1961-04-03"},
		{"3/4/1961", true, "1961-04-03 1961-03-04"}, {"4.4.1961", true, "1961-04-04"}, {"14 Mar 1961", false, "1961-03-14"},
		{"March 14, 1961", false, "1961-03-14"}, {"14th march 1961", false, "1961-03-14"}, {"Sept 2014", false, "2014-09"},
		{"03/2014", false, "2014-03"}, {"1961/03/14", false, "1961-03-14"}, {"31/2/2014", false, ""}, {"120/80", false, ""}, {"6.1", false, ""},
		{"1234", false, ""}, {"hello", false, ""}, {"2014-13", false, ""}, {"1.2.3.4", false, ""},
		{"3/14/61", false, "1961-03-14 2061-03-14"}, {"3/4/61", true, "1961-04-03 1961-03-04 2061-04-03 2061-03-04"}, {"29/2/00", false, "2000-02-29"}, {"14-Mar-61", false, "1961-03-14 2061-03-14"},
	} {
		var got []string
		for _, sp := range parseDate(tc.text, tc.dayFirst) {
			got = append(got, sp.term())
		}
		if strings.Join(got, " ") != tc.want {
			t.Errorf("%q (day first %v) is %q, want %q", tc.text, tc.dayFirst, got, tc.want)
		}
	}
}

func TestRangesAreCoveredExactlyAndCheaply(t *testing.T) {
	for _, tc := range []struct {
		text string
		want string
	}{
		{"2010..2014", "2010 2011 2012 2013 2014"},
		{"2013-11..2014-02-02", "2013-11 2013-12 2014-01 2014-02-01 2014-02-02"},
		{"2012-02-28..2012-03", "2012-02-28 2012-02-29 2012-03"},
		{"2014-03-09", "2014-03-09"},
	} {
		sp, ok := parseRange(tc.text, false)
		if got := strings.Join(sp.cover(), " "); !ok || got != tc.want {
			t.Errorf("%s is covered by %s, want %s", tc.text, got, tc.want)
		}
	}
	if sp, ok := parseRange("..2014-05-05", false); !ok || len(sp.cover()) > 200 {
		t.Errorf("an open range takes %d terms", len(sp.cover()))
	}
	for _, bad := range []string{"..", "2014..2010", "x..2014", "2014..x", ""} {
		if _, ok := parseRange(bad, false); ok {
			t.Errorf("%q is taken for a range", bad)
		}
	}
}

func TestLookAlikesAreNearerThanOtherErrors(t *testing.T) {
	for _, tc := range []struct{ word, near, far string }{
		{"modern", "modem", "modify"}, {"garcia", "garc1a", "garcxa"}, {"00482913", "0o482913", "00482953"},
		{"clinic", "dinic", "clixic"}, {"smith", "srnith", "smixh"},
	} {
		if n, f := misreading(tc.word, tc.near), misreading(tc.word, tc.far); n >= f || n <= 0 {
			t.Errorf("%s: %s costs %v, %s %v", tc.word, tc.near, n, tc.far, f)
		}
	}
	if misreading("same", "same") != 0 {
		t.Error("a word is not itself")
	}
	if !slices.Contains(confusions("modern"), "modem") {
		t.Errorf("confusions of modern: %q", confusions("modern"))
	}
}

func TestMarkThatWasTouchedIsNotBelieved(t *testing.T) {
	m := mark{Schema: Schema, Epoch: "e", Seq: 42, Pages: 7}
	b := m.seal()
	if got, err := unsealMark(b); err != nil || got != m {
		t.Fatalf("%+v, %v", got, err)
	}
	for i := range b {
		bad := slices.Clone(b)
		bad[i] ^= 1
		if _, err := unsealMark(bad); !errors.Is(err, errBroken) {
			t.Errorf("byte %d flipped: %v", i, err)
		}
	}
}

// A page is hostile input: no text takes much longer than its length.
func TestHostileTextIsCutInTime(t *testing.T) {
	for name, piece := range map[string]string{"dashes": "a-", "apostrophes": "a'", "digits": "1.", "marks": "e\u0301\u0301\u0301", "bytes": "\xff\xfe", "ideographs": "患a"} {
		began := time.Now()
		tokenize(strings.Repeat(piece, 500000))
		if took := time.Since(began); took > 5*time.Second {
			t.Errorf("%s took %v", name, took)
		}
	}
}
