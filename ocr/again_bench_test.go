package ocr

import (
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"chartroom/testdata/paper"
)

// secondLooks is what second looks made of some pages.
type secondLooks struct {
	pages, again      int // pages, and those on which a second reading was kept
	cpu               time.Duration
	recall, f1        float64
	words, allMisread int // words, and those that the truth does not have
	doubtful, misread int // words with alternatives, and those of them that the truth does not have
	held              int // of the latter, those with an alternative that the truth has
	notPrint          int // pages taken for handwriting or a drawing
}

// lookAt reads pages with so much of them read again.
func lookAt(t testing.TB, pages []samplePage, share float64) secondLooks {
	t.Helper()
	pool := startPool(t, Config{Workers: 2, SecondLooks: share})
	recognise(t, pool, pages[0].img) // workers are ready
	texts := map[string]string{}
	s := secondLooks{pages: len(pages)}
	var mu sync.Mutex
	each(pages, 2, func(_ int, p samplePage) {
		r, err := pool.Recognise(t.Context(), p.img)
		if err != nil {
			t.Error(err)
		}
		mu.Lock()
		defer mu.Unlock()
		texts[p.truth.File] += r.Page.Text() + "\n"
		s.cpu += r.CPU
		if strings.Contains(r.Cleaned, "read again") {
			s.again++
		}
		if r.Page.Content != "" {
			s.notPrint++
		}
		s.alternatives(r, wordsIn(truthOf(p)))
	})
	seen := map[string]bool{}
	for _, p := range pages {
		if !seen[p.truth.File] {
			seen[p.truth.File] = true
			rec, f1 := recall(truthOf(p), texts[p.truth.File])
			s.recall, s.f1 = s.recall+rec, s.f1+f1
		}
	}
	s.recall, s.f1 = s.recall/float64(len(seen)), s.f1/float64(len(seen))
	return s
}

func truthOf(p samplePage) string {
	var all []string
	for _, page := range p.truth.Pages {
		all = append(all, page...)
	}
	return strings.Join(all, "\n")
}

// wordsIn are the words of a text, without regard to case and punctuation.
func wordsIn(text string) map[string]bool {
	words := map[string]bool{}
	for _, w := range strings.FieldsFunc(strings.ToLower(text), func(r rune) bool { return letters(string(r)) == 0 }) {
		words[w] = true
	}
	return words
}

func (s *secondLooks) alternatives(r Result, truth map[string]bool) {
	has := func(text string) bool {
		parts := wordsIn(text)
		for p := range parts {
			if !truth[p] {
				return false
			}
		}
		return len(parts) > 0
	}
	for _, w := range r.Page.Words {
		if letters(w.Text.Reveal()) == 0 {
			continue
		}
		s.words++
		right := has(w.Text.Reveal())
		if !right {
			s.allMisread++
		}
		if len(w.Alternatives) == 0 {
			continue
		}
		s.doubtful++
		if right {
			continue
		}
		s.misread++
		for _, a := range w.Alternatives {
			if has(a.Text.Reveal()) {
				s.held++
				break
			}
		}
	}
}

// BenchmarkSecondLooks reads the same pages with and without second looks and
// tells what they cost, what they gained, and how often the alternatives of a
// misread word hold the right one.
func BenchmarkSecondLooks(b *testing.B) {
	if os.Getenv("CHARTROOM_BENCH") == "" {
		b.Skip("takes minutes: set CHARTROOM_BENCH to run it")
	}
	for _, set := range []struct {
		name  string
		pages func(testing.TB) []samplePage
	}{{"chart", func(t testing.TB) []samplePage { return samples(t, "chart") }}, {"traps", func(t testing.TB) []samplePage { return samples(t, "traps") }}, {"forms", formPages},
		{"photo", func(t testing.TB) []samplePage { return faxPages(t, "photo") }}, {"fax", func(t testing.TB) []samplePage { return faxPages(t, "fax") }},
		{"made", func(t testing.TB) []samplePage { return madePages(t, evalSeed(), 40, paper.Options{}) }}} {
		b.Run(set.name, func(b *testing.B) {
			pages := set.pages(b)
			for b.Loop() {
				without, with := lookAt(b, pages, -1), lookAt(b, pages, 0)
				b.Logf("%s", compared(without, with))
			}
		})
	}
}

func compared(without, with secondLooks) string {
	return fmt.Sprintf("pages=%d read_again=%d cpu=%.2fs (%+.1f%%) recall=%.4f (%+.4f) F1=%.4f (%+.4f) words=%d misread=%d doubtful=%d doubtful_misread=%d right_among_alternatives=%d not_print=%d",
		with.pages, with.again, with.cpu.Seconds()/float64(with.pages), 100*(with.cpu.Seconds()/without.cpu.Seconds()-1), with.recall, with.recall-without.recall, with.f1, with.f1-without.f1,
		with.words, with.allMisread, with.doubtful, with.misread, with.held, with.notPrint)
}
