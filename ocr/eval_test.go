package ocr

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"chartroom/testdata/paper"
)

// sampleTruth is a line of the truth of a box of sample scans.
type sampleTruth struct {
	File, Level, Layout string
	Turned              []int
	Pages, Hands        [][]string
}

// whole reports whether the truth holds all that stands on the paper: that of
// the boxes' notes with a label leaves out the handwriting, and cannot tell
// what was read of it from what was made up.
func (t sampleTruth) whole() bool { return t.Layout != "label_note" }

// samplePage is a page of a sample as an image, with its whole truth.
type samplePage struct {
	img   Image
	truth sampleTruth
}

// samples extracts the page images of a box: files as they are, the pictures
// of a PDF taken out by poppler.
func samples(t testing.TB, box string) []samplePage {
	t.Helper()
	root := os.Getenv("CHARTROOM_SAMPLES")
	b, err := os.ReadFile(filepath.Join(root, box, "truth.jsonl"))
	if root == "" || err != nil {
		t.Skip("no sample scans: CHARTROOM_SAMPLES names no folder that has " + box)
	}
	var pages []samplePage
	for l := range strings.Lines(string(b)) {
		var tr sampleTruth
		if err := json.Unmarshal([]byte(l), &tr); err != nil {
			t.Fatal(err)
		}
		for i, turn := range tr.Turned { // which the boxes count against the clock
			tr.Turned[i] = (360 - turn) % 360
		}
		pages = append(pages, sampleImages(t, filepath.Join(root, box, "scans", tr.File), tr)...)
	}
	return pages
}

func sampleImages(t testing.TB, path string, tr sampleTruth) []samplePage {
	t.Helper()
	paths := []string{path}
	if filepath.Ext(path) == ".pdf" {
		dir := t.TempDir()
		if out, err := exec.Command("pdfimages", "-all", path, filepath.Join(dir, "p")).CombinedOutput(); err != nil {
			t.Fatalf("extract: %v %s", err, out)
		}
		var err error
		if paths, err = filepath.Glob(filepath.Join(dir, "p*")); err != nil {
			t.Fatal(err)
		}
	}
	var pages []samplePage
	for _, p := range paths {
		f, err := os.Open(p)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { f.Close() })
		codec := map[string]string{".tiff": "tiff", ".tif": "tiff", ".jpg": "jpeg", ".png": "png"}[filepath.Ext(p)]
		frames := 1
		if codec == "tiff" {
			frames = len(tr.Pages)
		}
		for i := range frames {
			pages = append(pages, samplePage{Image{File: f, Codec: codec, Frame: i, Number: len(pages) + 1}, tr})
		}
	}
	return pages
}

// recall is the share of the truth's words that were read, and F1 with it.
func recall(truth, got string) (float64, float64) { return paper.Recall(truth, "", got) }

// contest is what one way of reading made of the samples.
type contest struct {
	texts     map[string]string
	rotations []int // by page
	wall      time.Duration
	cpu       time.Duration
}

// plainTesseract runs Tesseract's own program as the baseline, so many at a time.
func plainTesseract(t testing.TB, pages []samplePage, workers int) contest {
	t.Helper()
	c := contest{texts: map[string]string{}}
	var mu sync.Mutex
	begin := time.Now()
	each(pages, workers, func(_ int, p samplePage) {
		cmd := exec.Command("tesseract", p.img.File.Name(), "-", "--psm", "1")
		if p.img.Codec == "tiff" {
			cmd = exec.Command("tesseract", p.img.File.Name(), "-", "--psm", "1", "-c", "tessedit_page_number="+strconv.Itoa(p.img.Frame))
		}
		cmd.Env = append(os.Environ(), "OMP_THREAD_LIMIT=1")
		out, err := cmd.Output()
		if err != nil {
			t.Errorf("tesseract: %v", err)
		}
		mu.Lock()
		defer mu.Unlock()
		c.texts[p.truth.File] += string(out) + "\n"
		c.cpu += cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
	})
	c.wall = time.Since(begin)
	return c
}

func ourReading(t testing.TB, pages []samplePage, workers int) contest {
	t.Helper()
	pool := startPool(t, Config{Workers: workers})
	recognise(t, pool, pages[0].img) // workers are ready
	c := contest{texts: map[string]string{}, rotations: make([]int, len(pages))}
	var mu sync.Mutex
	begin := time.Now()
	each(pages, workers, func(i int, p samplePage) {
		r, err := pool.Recognise(t.Context(), p.img)
		if err != nil {
			t.Error(err)
		}
		mu.Lock()
		defer mu.Unlock()
		c.texts[p.truth.File] += r.Page.Text() + "\n"
		c.rotations[i] = r.Page.Rotation
		c.cpu += r.CPU
	})
	c.wall = time.Since(begin)
	return c
}

// each calls f for all pages, so many at a time.
func each(pages []samplePage, workers int, f func(int, samplePage)) {
	ch := make(chan int)
	var all sync.WaitGroup
	for range workers {
		all.Go(func() {
			for i := range ch {
				f(i, pages[i])
			}
		})
	}
	for i := range pages {
		ch <- i
	}
	close(ch)
	all.Wait()
}

// scores are mean recall and F1 by level of wear.
func (c contest) scores(pages []samplePage) map[string][3]float64 {
	sums := map[string][3]float64{}
	seen := map[string]bool{}
	for _, p := range pages {
		if seen[p.truth.File] {
			continue
		}
		seen[p.truth.File] = true
		var all []string
		for _, page := range p.truth.Pages {
			all = append(all, page...)
		}
		r, f := recall(strings.Join(all, "\n"), c.texts[p.truth.File])
		for _, k := range []string{p.truth.Level, "all"} {
			s := sums[k]
			sums[k] = [3]float64{s[0] + r, s[1] + f, s[2] + 1}
		}
	}
	return sums
}

// faxPages are medical pages of one kind: "fax" (G4 frames), "scan" (grey, in
// a PDF) or "photo" (the first page, photographed in bad light). A form feed
// parts the pages of their truth.
func faxPages(t testing.TB, kind string) []samplePage {
	t.Helper()
	root := filepath.Join(os.Getenv("CHARTROOM_SAMPLES"), "faxes")
	paths, err := filepath.Glob(filepath.Join(root, "*."+kind+".*"))
	if os.Getenv("CHARTROOM_SAMPLES") == "" || err != nil || len(paths) == 0 {
		t.Skip("no sample scans: CHARTROOM_SAMPLES names no folder that has faxes")
	}
	var pages []samplePage
	for _, path := range paths {
		name, _, _ := strings.Cut(filepath.Base(path), ".")
		b, err := os.ReadFile(filepath.Join(root, name+".gt.txt"))
		if err != nil {
			t.Fatal(err)
		}
		tr := sampleTruth{File: filepath.Base(path), Level: kind}
		for text := range strings.SplitSeq(strings.TrimRight(string(b), "\f\n"), "\f") {
			tr.Pages = append(tr.Pages, []string{text})
		}
		if kind == "photo" {
			tr.Pages = tr.Pages[:1]
		}
		pages = append(pages, sampleImages(t, path, tr)...)
	}
	return pages
}

// formPages are real forms at about 100 dots per inch, whose truth is words.
func formPages(t testing.TB) []samplePage {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(os.Getenv("CHARTROOM_SAMPLES"), "forms", "*.json"))
	if os.Getenv("CHARTROOM_SAMPLES") == "" || err != nil || len(paths) == 0 {
		t.Skip("no sample scans: CHARTROOM_SAMPLES names no folder that has forms")
	}
	var pages []samplePage
	for _, path := range paths {
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		var form struct{ Document []struct{ Text string } }
		if err := json.Unmarshal(b, &form); err != nil {
			t.Fatal(err)
		}
		var lines []string
		for _, d := range form.Document {
			lines = append(lines, d.Text)
		}
		image := strings.TrimSuffix(path, ".json") + ".png"
		pages = append(pages, sampleImages(t, image, sampleTruth{File: filepath.Base(image), Level: "real", Pages: [][]string{lines}})...)
	}
	return pages
}

// evalSeed is which made-up paper is read, evalScans how much: N scans if that
// is given, else few, or many with FULL.
func evalSeed() uint64 { return setting("SEED", 1) }

func evalScans(few, many int) int {
	if full() {
		few = many
	}
	return int(setting("N", uint64(few)))
}

func full() bool { return os.Getenv("FULL") != "" }

func setting(name string, otherwise uint64) uint64 {
	if os.Getenv(name) == "" {
		return otherwise
	}
	v, err := strconv.ParseUint(os.Getenv(name), 10, 32)
	if err != nil {
		panic(name + " must be a number")
	}
	return v
}

// madePages are made-up scans of all layouts and levels, page by page.
func madePages(t testing.TB, seed uint64, n int, o paper.Options) []samplePage {
	t.Helper()
	box, err := paper.New(seed, o)
	if err != nil {
		t.Fatal(err)
	}
	var pages []samplePage
	for i := range n {
		s := box.Scan(i)
		for k := range s.Images {
			codec, b := s.Page(k)
			tr := sampleTruth{File: fmt.Sprintf("%05d-%d", i, k), Level: string(s.Level), Layout: s.Layout, Pages: s.Pages[k : k+1], Hands: s.Hands[k : k+1], Turned: s.Turned[k : k+1]}
			pages = append(pages, samplePage{Image{File: file(t, b), Codec: codec, Number: 1}, tr})
		}
	}
	return pages
}

// group is what a set's scans of one level or layout come to.
type group struct{ recall, f1, plainRecall, plainF1 []float64 }

func mean(v []float64) float64 {
	sum := 0.0
	for _, x := range v {
		sum += x
	}
	return sum / float64(max(len(v), 1))
}

func median(v []float64) float64 {
	s := slices.Sorted(slices.Values(v))
	return (s[(len(s)-1)/2] + s[len(s)/2]) / 2
}

// less is the share of plain's errors that is left: below 1 is better.
func less(ours, plain []float64) float64 {
	if e := 1 - mean(plain); e > 0 {
		return (1 - mean(ours)) / e
	}
	return 1
}

func (g *group) print(set, by, name string) {
	fmt.Printf("reading set=%s %s=%s recall=%.4f f1=%.4f plain_recall=%.4f plain_f1=%.4f median_recall=%.4f plain_median_recall=%.4f recall_errors_left=%.2f f1_errors_left=%.2f n=%d\n",
		set, by, name, mean(g.recall), mean(g.f1), mean(g.plainRecall), mean(g.plainF1), median(g.recall), median(g.plainRecall), less(g.recall, g.plainRecall), less(g.f1, g.plainF1), len(g.recall))
}

// groups compares two readings of the same scans by a name of each.
func groups(pages []samplePage, ours, plain contest, names func(sampleTruth) []string) map[string]*group {
	out, seen := map[string]*group{}, map[string]bool{}
	for _, p := range pages {
		if seen[p.truth.File] {
			continue
		}
		seen[p.truth.File] = true
		text, hands := strings.Join(slices.Concat(p.truth.Pages...), "\n"), strings.Join(slices.Concat(p.truth.Hands...), "\n")
		for _, k := range names(p.truth) {
			if out[k] == nil {
				out[k] = &group{}
			}
			g := out[k]
			r, f := paper.Recall(text, hands, ours.texts[p.truth.File])
			pr, pf := paper.Recall(text, hands, plain.texts[p.truth.File])
			g.recall, g.plainRecall = append(g.recall, r), append(g.plainRecall, pr)
			if p.truth.whole() {
				g.f1, g.plainF1 = append(g.f1, f), append(g.plainF1, pf)
			}
		}
	}
	return out
}

// byWear names the groups that the goals are set for.
func byWear(t sampleTruth) []string {
	switch t.Level {
	case "clean", "office":
		return []string{t.Level, "clean+office", "all"}
	case "worn", "bad":
		return []string{t.Level, "worn+bad", "all"}
	}
	return []string{t.Level}
}

// TestWornPagesReadBetterThanByPlainTesseract reads the samples and made-up
// paper as the program does, and the same images by Tesseract's own program,
// and prints how many of their words were read, by wear and by layout.
func TestWornPagesReadBetterThanByPlainTesseract(t *testing.T) {
	if os.Getenv("CHARTROOM_EVAL") == "" {
		t.Skip("takes minutes: make eval-ocr runs it")
	}
	seed, made := evalSeed(), evalScans(44, 440)
	box := func(name string) func(testing.TB) []samplePage {
		return func(t testing.TB) []samplePage { return samples(t, name) }
	}
	fax := func(kind string) func(testing.TB) []samplePage {
		return func(t testing.TB) []samplePage { return faxPages(t, kind) }
	}
	for _, set := range []struct {
		name  string
		pages func(testing.TB) []samplePage
	}{{"chart", box("chart")}, {"traps", box("traps")}, {"faxes", fax("fax")}, {"faxes", fax("photo")}, {"faxes", fax("scan")}, {"forms", formPages},
		{fmt.Sprintf("made-seed-%d", seed), func(t testing.TB) []samplePage { return madePages(t, seed, made, paper.Options{}) }}} {
		t.Run(set.name, func(t *testing.T) {
			pages := set.pages(t)
			ours, plain := ourReading(t, pages, runtime.NumCPU()), plainTesseract(t, pages, runtime.NumCPU())
			levels := groups(pages, ours, plain, byWear)
			for _, k := range slices.Sorted(maps.Keys(levels)) {
				levels[k].print(set.name, "level", k)
			}
			if strings.HasPrefix(set.name, "made") {
				layouts := groups(pages, ours, plain, func(t sampleTruth) []string { return []string{t.Layout} })
				for _, k := range slices.Sorted(maps.Keys(layouts)) {
					layouts[k].print(set.name, "layout", k)
				}
			}
			if g := levels["worn+bad"]; g != nil && (mean(g.recall) < mean(g.plainRecall) || mean(g.f1) < mean(g.plainF1)) {
				t.Errorf("%s: worn pages are read worse than by plain Tesseract", set.name)
			}
			if g := levels["clean+office"]; g != nil && (mean(g.recall) < mean(g.plainRecall)-0.005 || mean(g.f1) < mean(g.plainF1)-0.005) {
				t.Errorf("%s: good pages are read worse than by plain Tesseract", set.name)
			}
			ours.printTurns(set.name, pages)
		})
	}
}

// printTurns prints how many pages were read upright, of those that lay
// wrongly and of those that did not.
func (c contest) printTurns(set string, pages []samplePage) (lying, righted, upright, wronged int) {
	for i, p := range pages {
		if len(p.truth.Turned) == 0 {
			continue
		}
		turn := p.truth.Turned[min(p.img.Frame, len(p.truth.Turned)-1)]
		right := (c.rotations[i]+turn)%360 == 0
		if !right {
			fmt.Printf("turning set=%s missed=%s layout=%s level=%s lay=%d turned_by=%d\n", set, p.truth.File, p.truth.Layout, p.truth.Level, turn, c.rotations[i])
		}
		switch {
		case turn != 0 && right:
			lying, righted = lying+1, righted+1
		case turn != 0:
			lying++
		case right:
			upright++
		default:
			upright, wronged = upright+1, wronged+1
		}
	}
	if lying+upright > 0 {
		fmt.Printf("turning set=%s turned=%d read_upright=%d share=%.4f upright=%d turned_wrongly=%d\n", set, lying, righted, float64(righted)/float64(max(lying, 1)), upright, wronged)
	}
	return lying, righted, upright, wronged
}

// TestTurnedPagesAreReadUpright reads made-up pages as they lay and turned,
// and prints how many were read upright and what finding the turn costs.
func TestTurnedPagesAreReadUpright(t *testing.T) {
	if os.Getenv("CHARTROOM_EVAL") == "" {
		t.Skip("takes minutes: make eval-ocr runs it")
	}
	seed, n := evalSeed()+1000, evalScans(60, 300)
	straight := madePages(t, seed, n, paper.Options{Upright: true})
	turned := madePages(t, seed, n, paper.Options{Turned: 1})
	a, b := ourReading(t, straight, runtime.NumCPU()), ourReading(t, turned, runtime.NumCPU())
	set := fmt.Sprintf("made-seed-%d", seed)
	_, _, upright, wronged := a.printTurns(set, straight)
	lying, righted, _, _ := b.printTurns(set, turned)
	fmt.Printf("turning set=%s cpu_upright=%.3f cpu_turned=%.3f ratio=%.3f\n", set, a.cpu.Seconds()/float64(len(straight)), b.cpu.Seconds()/float64(len(turned)), b.cpu.Seconds()/a.cpu.Seconds()*float64(len(straight))/float64(len(turned)))
	looking := lookingForTurn(t, straight)
	fmt.Printf("turning set=%s cpu_finding=%.4f share_of_upright=%.4f\n", set, looking.Seconds(), looking.Seconds()*float64(len(straight))/a.cpu.Seconds())
	if righted*100 < lying*95 || wronged*100 > upright {
		t.Errorf("of %d turned pages %d were read upright; of %d upright ones %d were turned", lying, righted, upright, wronged)
	}
}

// lookingForTurn is how long, by the mean of pages, it takes to tell from the
// ink how a page is turned.
func lookingForTurn(t testing.TB, pages []samplePage) time.Duration {
	t.Helper()
	var sum time.Duration
	for _, p := range pages {
		b, err := os.ReadFile(p.img.File.Name())
		if err != nil {
			t.Fatal(err)
		}
		img, err := decode(b, p.img.Codec, p.img.Frame, bounds{1e8, 1e9})
		if err != nil {
			t.Fatal(err)
		}
		x, y := img.resolution()
		s, err := newSheet(img, x, y)
		if err != nil {
			t.Fatal(err)
		}
		begin := processorTime()
		if _, err := s.stance(); err != nil {
			t.Error(err)
		}
		sum += time.Duration(processorTime()-begin) * time.Microsecond
		s.close()
	}
	return sum / time.Duration(len(pages))
}
