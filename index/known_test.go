package index

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"chartroom/record"
	"github.com/blevesearch/bleve/v2"
)

// misread spoils a share of a text's letters, mostly into what looks alike.
func misread(r *rand.Rand, text string, share float64) string {
	var b strings.Builder
	for _, c := range text {
		if c == ' ' || c == '\n' || r.Float64() >= share {
			b.WriteRune(c)
			continue
		}
		switch r.IntN(10) {
		case 0: // lost
		case 1:
			b.WriteRune(c)
			b.WriteByte("il1.,"[r.IntN(5)])
		default:
			b.WriteString(readAs(r, string(c)))
		}
	}
	return b.String()
}

func readAs(r *rand.Rand, c string) string {
	var like []string
	for _, t := range twins {
		for i := range t {
			if t[i] == c {
				like = append(like, t[1-i])
			}
		}
	}
	if len(like) == 0 || r.IntN(5) == 0 {
		return string("abcdefghijklmnopqrstuvwxyz"[r.IntN(26)])
	}
	return like[r.IntN(len(like))]
}

// BenchmarkKnownItem looks for single pages by the patient's surname and one
// rare word of the page, none of them filed, at several rates of misread
// letters: the share found first and among ten, beside Bleve's plain match on
// the same index. The table of twins made part of the noise, which flatters.
func BenchmarkKnownItem(b *testing.B) {
	const pages, queries = 2000, 200
	v := vocabulary()
	for _, cer := range []int{0, 2, 5, 10} {
		b.Run(fmt.Sprintf("cer=%d%%", cer), func(b *testing.B) {
			r, c := rand.New(rand.NewPCG(uint64(cer), 3)), newFakeCatalog()
			words := make([]string, pages)
			for n := range pages {
				clean := madeUpText(uint64(n), 200)
				all := strings.Fields(clean)
				words[n] = all[r.IntN(len(all))]
				for len(words[n]) < 11 {
					words[n] = all[r.IntN(len(all))]
				}
				c.save(documentOf(n+1, misread(r, "patient "+v[9000+n/40]+" "+v[8000+n/40]+"\n"+clean, float64(cer)/100)))
			}
			x := indexed(b, c, Config{})
			var ours, plain [2]int
			for b.Loop() {
				ours, plain = [2]int{}, [2]int{}
				for q := range queries {
					n := q * pages / queries
					text := v[9000+n/40] + " " + words[n]
					res, err := x.Search(b.Context(), Query{Text: record.Hide(text), Limit: 10})
					if err != nil {
						b.Fatal(err)
					}
					for i, h := range res.Hits {
						count(&ours, i, h.Document == documentOf(n+1).ID)
					}
					for i, id := range plainHits(b, x, text) {
						count(&plain, i, id == documentOf(n+1).ID)
					}
				}
			}
			fmt.Printf("known-item cer=%d%% first=%.2f in10=%.2f n=%d\n", cer, float64(ours[0])/queries, float64(ours[1])/queries, queries)
			b.ReportMetric(float64(ours[0])/queries, "first")
			b.ReportMetric(float64(ours[1])/queries, "in10")
			b.ReportMetric(float64(plain[0])/queries, "bleve-first")
			b.ReportMetric(float64(plain[1])/queries, "bleve-in10")
		})
	}
}

func count(found *[2]int, place int, right bool) {
	if right {
		found[1]++
		if place == 0 {
			found[0]++
		}
	}
}

func plainHits(b *testing.B, x *Index, text string) (ids []record.ID) {
	q := bleve.NewDisjunctionQuery()
	for _, t := range tokenize(text) {
		term := bleve.NewTermQuery(t.term)
		term.SetField(fieldText)
		q.AddQuery(term)
	}
	res, err := x.generation().alias.Search(bleve.NewSearchRequest(q))
	if err != nil {
		b.Fatal(err)
	}
	for _, h := range res.Hits {
		id, _ := parseEntryID(h.ID)
		ids = append(ids, id)
	}
	return ids
}
