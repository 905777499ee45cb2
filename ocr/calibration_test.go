package ocr

import (
	"bytes"
	"fmt"
	"go/format"
	"maps"
	"math"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"unicode"

	"chartroom/record"
	"chartroom/testdata/paper"
)

// judged is a word that was read: what the engine gave it, and whether it
// stands on the page.
type judged struct {
	kind  wordKind
	given float64
	right bool
}

// core is a word without the marks around it, for which nobody looks; a word
// of marks alone stays.
func core(word string) string {
	word = strings.NewReplacer("’", "'", "‘", "'", "“", `"`, "”", `"`).Replace(word)
	if b := strings.TrimFunc(word, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) }); b != "" {
		return b
	}
	return word
}

func tokens(lines []string) map[string]int {
	m := map[string]int{}
	for _, w := range strings.Fields(strings.Join(lines, "\n")) {
		m[core(w)]++
	}
	return m
}

// judgeWords compares a page's words to its truth. Each of the truth's words
// is found once; what is written by hand counts neither way.
func judgeWords(words []record.Word, truth sampleTruth) (out []judged) {
	left, hand := tokens(slices.Concat(truth.Pages...)), tokens(slices.Concat(truth.Hands...))
	for _, w := range words {
		text := w.Text.Reveal()
		b := core(text)
		switch {
		case left[b] > 0:
			left[b]--
			out = append(out, judged{kindOf(text), w.Confidence, true})
		case hand[b] == 0:
			out = append(out, judged{kindOf(text), w.Confidence, false})
		}
	}
	return out
}

// readWords reads pages and judges their words.
func readWords(t testing.TB, pages []samplePage, raw bool) []judged {
	t.Helper()
	pool := startPool(t, Config{Workers: runtime.NumCPU(), raw: raw})
	read, truths := map[string][]record.Word{}, map[string]sampleTruth{}
	var mu sync.Mutex
	each(pages, runtime.NumCPU(), func(_ int, p samplePage) {
		r, err := pool.Recognise(t.Context(), p.img)
		if err != nil {
			t.Error(err)
		}
		mu.Lock()
		defer mu.Unlock()
		read[p.truth.File] = append(read[p.truth.File], r.Page.Words...)
		truths[p.truth.File] = p.truth
	})
	var out []judged
	for _, f := range slices.Sorted(maps.Keys(read)) {
		out = append(out, judgeWords(read[f], truths[f])...)
	}
	return out
}

// knots are where the curves bend: close together where most words are.
var knots = []float64{0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.75, 0.8, 0.84, 0.88, 0.9, 0.92, 0.94, 0.96, 0.98, 1}

// fitCurve is the curve that never falls and is nearest to what was judged: pools
// of neighbours are joined while one is less right than the one before it.
func fitCurve(words []judged) curve {
	type pool struct{ given, right, n float64 }
	var pools []pool
	for i := range knots {
		// Everything halfway to the neighbouring knots; a word that was not seen
		// is taken for a coin, so that no curve is ever sure.
		low, high := -1.0, 2.0
		if i > 0 {
			low = (knots[i-1] + knots[i]) / 2
		}
		if i+1 < len(knots) {
			high = (knots[i] + knots[i+1]) / 2
		}
		p := pool{}
		for _, w := range words {
			if w.given > low && w.given <= high {
				p.n++
				p.given += w.given
				if w.right {
					p.right++
				}
			}
		}
		if p.n == 0 {
			continue
		}
		pools = append(pools, pool{p.given, p.right, p.n})
		for len(pools) > 1 {
			a, b := pools[len(pools)-2], pools[len(pools)-1]
			if (a.right+0.5)/(a.n+1) <= (b.right+0.5)/(b.n+1) {
				break
			}
			pools = append(pools[:len(pools)-2], pool{a.given + b.given, a.right + b.right, a.n + b.n})
		}
	}
	var c curve
	for _, p := range pools {
		c = append(c, knot{p.given / p.n, (p.right + 0.5) / (p.n + 1)})
	}
	if len(c) == 0 {
		return curve{{0, 0.5}}
	}
	return c
}

func TestFittedCurveNeverFallsAndMeetsWhatWasJudged(t *testing.T) {
	var words []judged
	for i := range 10000 {
		given := float64(i%100) / 100
		right := float64(i/100) < 100*given*given // of the words given g, g² are right
		if given > 0.45 && given < 0.5 {
			right = i/100 < 5 // a dent
		}
		words = append(words, judged{longWord, given, right})
	}
	c := fitCurve(words)
	for i := range c[1:] {
		if c[i+1].right < c[i].right || c[i+1].given <= c[i].given {
			t.Errorf("the curve falls at %v", c[i+1])
		}
	}
	for _, g := range []float64{0.05, 0.3, 0.65, 0.8, 0.95} {
		if got := c.at(g); math.Abs(got-g*g) > 0.03 {
			t.Errorf("given %.2f: %.3f, want %.3f", g, got, g*g)
		}
	}
	if got := c.at(0.48); got < c.at(0.4)-1e-9 || got > 0.3 {
		t.Errorf("in the dent: %.3f", got)
	}
}

func TestWordsLeaveWithProbabilitiesThatGrowWithTheEnginesConfidence(t *testing.T) {
	for kind, c := range curves {
		last := 0.0
		for g := 0.0; g <= 1; g += 0.01 {
			p := c.at(g)
			if p < last || p <= 0 || p >= 1 {
				t.Errorf("kind %d, given %.2f: %.4f after %.4f", kind, g, p, last)
			}
			last = p
		}
	}
	for text, kind := range map[string]wordKind{"Garcia,": longWord, "of": shortWord, "M.": shortWord, "02/17/1948": number, "B12": number, "—": mark, "|": mark} {
		if kindOf(text) != kind {
			t.Errorf("%q is of kind %d", text, kindOf(text))
		}
	}
	if long, short := curves[longWord].at(0.3), curves[mark].at(0.3); long < short {
		t.Errorf("a long word given 0.3 is right by %.2f, a mark by %.2f", long, short)
	}
	w := []record.Word{{Text: record.Hide("Garcia"), Confidence: 0.9}}
	calibrate(w)
	if w[0].Confidence != curves[longWord].at(0.9) {
		t.Errorf("calibrated to %v", w[0].Confidence)
	}
}

// bin is the words whose probability lies in a range.
type bin struct{ given, right, n float64 }

// binEnds are the upper ends of bins.
var binEnds = []float64{0.3, 0.5, 0.7, 0.85, 0.95, 0.98, 0.99, 1}

func bins(words []judged) []bin {
	out := make([]bin, len(binEnds))
	for _, w := range words {
		i := min(slices.IndexFunc(binEnds, func(e float64) bool { return w.given <= e }), len(binEnds)-1)
		out[i].n++
		out[i].given += w.given
		if w.right {
			out[i].right++
		}
	}
	return out
}

// printBins prints what was given and what was right, and gives the mean
// distance of the two.
func printBins(set string, all []bin) (distance float64) {
	low, n := 0.0, 0.0
	for i, b := range all {
		if b.n > 0 {
			fmt.Printf("calibration set=%s bin=%.2f-%.2f given=%.3f right=%.3f n=%.0f\n", set, low, binEnds[i], b.given/b.n, b.right/b.n, b.n)
		}
		distance += math.Abs(b.given - b.right)
		n += b.n
		low = binEnds[i]
	}
	fmt.Printf("calibration set=%s distance=%.4f n=%.0f\n", set, distance/n, n)
	return distance / n
}

// TestOfTheWordsGivenNineTenthsNineInTenAreRight holds the curves against
// pages on which they were not fitted: made-up ones of another seed, and the
// samples. With CHARTROOM_CALIBRATE=write it measures the curves first and
// writes them, and the picture of them, into the project; with "draw" it writes
// the picture alone.
func TestOfTheWordsGivenNineTenthsNineInTenAreRight(t *testing.T) {
	if os.Getenv("CHARTROOM_CALIBRATE") == "" {
		t.Skip("takes minutes: make eval-ocr checks the curves, make calibrate measures them")
	}
	n := evalScans(22, 220)
	if os.Getenv("CHARTROOM_CALIBRATE") == "write" {
		measureCurves(t)
	}
	drawn := map[string][]bin{}
	for name, pages := range map[string]func(testing.TB) []samplePage{
		"made":  func(t testing.TB) []samplePage { return madePages(t, evalSeed()+2000, n, paper.Options{}) },
		"chart": func(t testing.TB) []samplePage { return printedSamples(t, "chart") }, "traps": func(t testing.TB) []samplePage { return printedSamples(t, "traps") }} {
		t.Run(name, func(t *testing.T) {
			b := bins(readWords(t, pages(t), false))
			drawn[name] = b
			if d := printBins(name, b); d > 0.03 {
				t.Errorf("%s: what words are given lies %.3f from the share that is right", name, d)
			}
		})
	}
	if os.Getenv("CHARTROOM_CALIBRATE") != "check" {
		if err := os.WriteFile("../doc/calibration.svg", picture(drawn), 0o644); err != nil {
			t.Error(err)
		}
	}
}

// printedSamples are the samples of a box whose truth has all that stands on
// them: not those on which much is written by hand.
func printedSamples(t testing.TB, box string) []samplePage {
	return slices.DeleteFunc(samples(t, box), func(p samplePage) bool { return p.truth.Layout == "label_note" })
}

// fitSeed makes the pages on which the curves are measured.
const fitSeed = 77

func measureCurves(t *testing.T) {
	scans := 88
	if full() {
		scans = 440
	}
	words := readWords(t, madePages(t, fitSeed, scans, paper.Options{}), true)
	var b bytes.Buffer
	fmt.Fprintf(&b, "// Code generated by make calibrate; DO NOT EDIT.\n\npackage ocr\n\n// curves were measured on the %d words of %d made-up scans.\nvar curves = [wordKinds]curve{\n", len(words), scans)
	for kind := range wordKinds {
		of := slices.DeleteFunc(slices.Clone(words), func(w judged) bool { return w.kind != kind })
		curves[kind] = fitCurve(of)
		fmt.Fprintf(&b, "\t// %d words\n\t%d: {", len(of), kind)
		for _, k := range curves[kind] {
			fmt.Fprintf(&b, "{%.3f, %.4f}, ", k.given, k.right)
		}
		fmt.Fprintf(&b, "},\n")
	}
	b.WriteString("}\n")
	src, err := format.Source(b.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile("calibration_table.go", src, 0o644); err != nil {
		t.Fatal(err)
	}
}

// picture draws, for each set, what words are given against what is right.
func picture(sets map[string][]bin) []byte {
	const side, edge = 360, 50
	var b bytes.Buffer
	at := func(given, right float64) (float64, float64) { return edge + given*side, edge + (1-right)*side }
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" font-family="sans-serif" font-size="12">`+"\n", side+2*edge+60, side+2*edge)
	fmt.Fprintf(&b, `<rect x="%d" y="%d" width="%d" height="%d" fill="none" stroke="#888"/><line x1="%d" y1="%d" x2="%d" y2="%d" stroke="#bbb"/>`+"\n", edge, edge, side, side, edge, edge+side, edge+side, edge)
	for _, v := range []float64{0, 0.25, 0.5, 0.75, 1} {
		x, y := at(v, v)
		fmt.Fprintf(&b, `<text x="%.0f" y="%d" text-anchor="middle">%.2f</text><text x="%d" y="%.0f" text-anchor="end">%.2f</text>`+"\n", x, edge+side+16, v, edge-6, y+4, v)
	}
	fmt.Fprintf(&b, `<text x="%d" y="%d" text-anchor="middle">confidence given to a word</text><text x="%d" y="%d">share of them that is right</text>`+"\n", edge+side/2, edge+side+36, edge, edge-14)
	for i, name := range slices.Sorted(maps.Keys(sets)) {
		color, line := []string{"#1b6ca8", "#c2571a", "#3a7d44"}[i%3], ""
		for _, bin := range sets[name] {
			if bin.n < 20 {
				continue
			}
			x, y := at(bin.given/bin.n, bin.right/bin.n)
			line += fmt.Sprintf("%.1f,%.1f ", x, y)
			fmt.Fprintf(&b, `<circle cx="%.1f" cy="%.1f" r="3.5" fill="%s"/>`, x, y, color)
		}
		fmt.Fprintf(&b, `<polyline points="%s" fill="none" stroke="%s"/><text x="%d" y="%d" fill="%s">%s</text>`+"\n", line, color, edge+side+8, edge+14+i*16, color, name)
	}
	b.WriteString("</svg>\n")
	return b.Bytes()
}
