package index

import (
	"context"
	"flag"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"chartroom/record"
	"github.com/blevesearch/bleve/v2"
)

var benchPages = flag.Int("index.pages", 20000, "pages in the corpus of the query benchmarks")

// vocabulary is 30,000 made-up words, the frequent ones short.
var vocabulary = sync.OnceValue(func() []string {
	r := rand.New(rand.NewPCG(1, 2))
	syllables := []string{"ba", "ce", "di", "fo", "gu", "ha", "je", "ki", "lo", "mu", "na", "pe", "ri", "so", "tu", "va", "we", "xi", "yo", "zu",
		"car", "den", "fil", "gos", "hem", "tis", "ral", "men", "oma", "itis", "emia", "pathy", "scope", "lin", "dol"}
	seen, words := map[string]bool{}, []string{}
	for len(words) < 30000 {
		var b strings.Builder
		for range 1 + len(words)/6000 + r.IntN(3) {
			b.WriteString(syllables[r.IntN(len(syllables))])
		}
		if w := b.String(); !seen[w] {
			seen[w] = true
			words = append(words, w)
		}
	}
	return words
})

// madeUpText is n words, frequent ones more often, some of them misread.
func madeUpText(seed uint64, n int) string {
	words, r := vocabulary(), rand.New(rand.NewPCG(seed, 7))
	var b strings.Builder
	for i := range n {
		w := words[int(math.Pow(float64(len(words)), r.Float64()))-1]
		if r.IntN(40) == 0 {
			at := r.IntN(len(w))
			w = w[:at] + string("abcdefghijklmnopqrstuvwxyz0158"[r.IntN(30)]) + w[at+1:]
		}
		b.WriteString(w)
		if i%10 == 9 {
			b.WriteByte('\n')
		} else {
			b.WriteByte(' ')
		}
	}
	return b.String()
}

// corpus is a catalog of made-up documents of five pages of 300 words, ten
// documents a patient, a page in the words of pageOf.
func corpus(pages int) *fakeCatalog {
	c := newFakeCatalog()
	for n := range pages / 5 {
		var texts []string
		mrn, name := fmt.Sprintf("%08d", 100000+n/10*37), fmt.Sprintf("%s, %s", strings.ToUpper(vocabulary()[9000+n/10]), strings.ToUpper(vocabulary()[8000+n/10%700]))
		for p := range 5 {
			texts = append(texts, fmt.Sprintf("Patient %s MRN %s\n%s", name, mrn, madeUpText(uint64(n*5+p), 300)))
		}
		d := filed(documentOf(n+1, texts...), mrn, name, fmt.Sprintf("%d-%02d-11", 1930+n%80, 1+n%12))
		d.DocType, d.Date = "progress note", fmt.Sprintf("%d-%02d-%02d", 1990+n%30, 1+n%12, 1+n%28)
		c.save(d)
	}
	return c
}

// BenchmarkIndexing tells pages a second for catching up with 2,000 pages, and
// how many times as fast that is as Bleve's default mapping, one page a call.
func BenchmarkIndexing(b *testing.B) {
	c := corpus(2000)
	var ours time.Duration
	var disk int64
	for b.Loop() {
		x := openIndex(b, Config{Dir: b.TempDir()})
		began := time.Now()
		if err := x.CatchUp(b.Context(), c); err != nil {
			b.Fatal(err)
		}
		ours += time.Since(began)
		disk = x.Stats().Bytes
		x.Close()
	}
	pages := 2000 * b.N
	perPage := ours.Seconds() / float64(pages)
	text, naive := naiveIndexing(b, c, 100)
	b.ReportMetric(1/perPage, "pages/s")
	b.ReportMetric(naive.Seconds()/100/perPage, "times-default-bleve")
	b.ReportMetric(float64(disk)/float64(text)*float64(100)/2000, "index/text")
}

// naiveIndexing is the baseline: Bleve as its front page shows it.
func naiveIndexing(b *testing.B, c *fakeCatalog, pages int) (text int64, took time.Duration) {
	ix, err := bleve.New(b.TempDir()+"/naive", bleve.NewIndexMapping())
	if err != nil {
		b.Fatal(err)
	}
	defer ix.Close()
	began, n := time.Now(), 0
	for _, r := range c.rows {
		for i := range r.Document.Pages {
			if n++; n > pages {
				return text, time.Since(began)
			}
			t := r.Document.Pages[i].Text()
			text += int64(len(t))
			data := map[string]any{"text": t, "mrn": r.Document.Patient.MRN.Reveal(), "name": r.Document.Patient.Name.Reveal(), "date": r.Document.Date}
			if err := ix.Index(fmt.Sprint(n), data); err != nil {
				b.Fatal(err)
			}
		}
	}
	return text, time.Since(began)
}

// BenchmarkQuery tells the median and the 99th percentile of each kind of
// query, with everything a clerk gets: fuzzy, in all fields, with the places.
// match/… is Bleve's own exact match query on the same index, without places.
func BenchmarkQuery(b *testing.B) {
	x := indexed(b, corpus(*benchPages), Config{})
	v := vocabulary()
	kinds := []struct {
		name string
		text func(i int) string
	}{
		{"common-word", func(i int) string { return v[i%20] }},
		{"rare-word", func(i int) string { return v[20000+i*7%9000] }},
		{"name-and-word", func(i int) string { return v[9000+i%400] + " " + v[200+i%500] }},
		{"four-words", func(i int) string {
			return strings.Join([]string{v[300+i%99], v[900+i%99], v[2000+i%99], v[5000+i%99]}, " ")
		}},
		{"mrn", func(i int) string { return fmt.Sprint(100000 + i%400*37) }},
		{"phrase", func(i int) string {
			return `"` + strings.Join(strings.Fields(madeUpText(uint64(i), 300))[4:6], " ") + `"`
		}},
		{"prefix", func(i int) string { return v[4000+i%500][:4] + "*" }},
		{"dates-and-word", func(i int) string { return fmt.Sprintf("date:%d..%d %s", 1990+i%20, 1999+i%20, v[100+i%100]) }},
	}
	for _, k := range kinds {
		b.Run(k.name, func(b *testing.B) {
			var times []time.Duration
			for i := 0; b.Loop(); i++ {
				began := time.Now()
				if _, err := x.Search(b.Context(), Query{Text: record.Hide(k.text(i)), Limit: 10}); err != nil {
					b.Fatal(err)
				}
				times = append(times, time.Since(began))
			}
			report(b, times, "")
			report(b, plainMatch(b, x, k.text, min(len(times), 200)), "bleve-match-")
		})
	}
}

func plainMatch(b *testing.B, x *Index, text func(int) string, n int) (times []time.Duration) {
	for i := range n {
		var terms []string
		for _, t := range tokenize(text(i)) {
			terms = append(terms, t.term)
		}
		q := bleve.NewDisjunctionQuery()
		for _, t := range terms {
			term := bleve.NewTermQuery(t)
			term.SetField(fieldText)
			q.AddQuery(term)
		}
		began := time.Now()
		if _, err := x.generation().alias.Search(bleve.NewSearchRequest(q)); err != nil {
			b.Fatal(err)
		}
		times = append(times, time.Since(began))
	}
	return times
}

func report(b *testing.B, times []time.Duration, prefix string) {
	slices.Sort(times)
	b.ReportMetric(float64(times[len(times)/2].Microseconds())/1000, prefix+"p50-ms")
	if prefix == "" {
		b.ReportMetric(float64(times[len(times)*99/100].Microseconds())/1000, "p99-ms")
	}
}

// No query freezes the index: whatever is typed is answered or refused well
// within the deadline.
func TestNoQueryFreezes(t *testing.T) {
	x := indexed(t, corpus(500), Config{})
	v := vocabulary()
	words := v[100:160]
	for name, q := range map[string]string{
		"60 words":     strings.Join(words, " "),
		"60 words OR":  strings.Join(words, " OR "),
		"60 loose":     strings.Join(words, "~ ") + "~",
		"20 prefixes":  strings.Join([]string{"bac*", "ced*", "dif*", "fog*", "guh*", "haj*", "jek*", "kil*", "lom*", "mun*", "nap*", "per*", "ris*", "sot*", "tuv*", "vaw*", "wex*", "xiy*", "yoz*", "zub*"}, " OR "),
		"not a":        "-a",
		"all dates":    "date:1850..2150",
		"long word":    strings.Repeat("abcdefgh", 8) + " " + strings.Repeat("m", 64),
		"brackets":     "((((((((a))))))))",
		"minus":        strings.Repeat("-", 4000) + "a",
		"dashes":       strings.Repeat("a-", 60) + "a",
		"short phrase": `"` + strings.Repeat(v[0]+" ", 60) + `"`,
	} {
		began := time.Now()
		_, err := x.Search(t.Context(), Query{Text: record.Hide(q)})
		if took := time.Since(began); err != nil || took > 3*time.Second {
			t.Errorf("%s: %v after %v", name, err, took)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Microsecond)
	defer cancel()
	if _, err := x.Search(ctx, Query{Text: record.Hide(strings.Join(words, " "))}); err == nil {
		t.Error("the deadline of the caller means nothing")
	}
}
