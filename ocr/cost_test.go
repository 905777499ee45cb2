package ocr

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"chartroom/testdata/paper"
)

// The costs of reading, each beside its baselines in the same run. All
// processor time counts: the workers' with their start, and the pool's. Rounds
// are interleaved, so that a machine that is busy is busy for all.

// contender is one way of reading pages, named.
type contender struct {
	name string
	read func(t *testing.T, pages []samplePage) error
	few  int // reads so many pages only, for being slow; 0 for all
}

// builtFolder is the engine that the benchmarks compare with the system's, ""
// where none is built.
func builtFolder() string { return os.Getenv("CHARTROOM_TEST_ENGINE") }

func contenders() []contender {
	all := []contender{
		{name: "plain", read: byProgram(func(p samplePage, _ string) []string {
			return []string{"tesseract", p.img.File.Name(), "-", "--psm", "1", "-c", "tessedit_page_number=" + strconv.Itoa(p.img.Frame)}
		})},
		{name: "system's engine", read: byPool(Config{Engine: StockEngine})},
	}
	if builtFolder() != "" {
		all = append(all, contender{name: "built engine", read: byPool(Config{Engine: builtFolder()})})
	}
	if _, err := exec.LookPath("ocrmypdf"); err == nil {
		all = append(all, contender{name: "ocrmypdf", few: 4, read: byProgram(func(p samplePage, out string) []string {
			return []string{"ocrmypdf", "--quiet", "--jobs", "1", "--image-dpi", "300", "--deskew", "--clean", "--rotate-pages", "--output-type", "pdf", p.img.File.Name(), out}
		})})
	}
	return all
}

// byPool reads pages by a pool of its own, from its start to its end.
func byPool(cfg Config) func(*testing.T, []samplePage) error {
	return func(t *testing.T, pages []samplePage) error {
		cfg.Workers = runtime.NumCPU()
		pool := NewPool(cfg, slog.New(slog.NewTextHandler(io.Discard, nil)))
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() { ended <- pool.Run(ctx) }()
		each(pages, cfg.Workers, func(_ int, p samplePage) {
			if _, err := pool.Recognise(ctx, p.img); err != nil {
				t.Error(err)
			}
		})
		cancel()
		return <-ended
	}
}

// byProgram reads each page by a program of its own, one thread each.
func byProgram(argv func(p samplePage, out string) []string) func(*testing.T, []samplePage) error {
	return func(t *testing.T, pages []samplePage) error {
		dir := t.TempDir()
		each(pages, runtime.NumCPU(), func(i int, p samplePage) {
			args := argv(p, filepath.Join(dir, strconv.Itoa(i)+".pdf"))
			cmd := exec.Command(args[0], args[1:]...)
			cmd.Env = append(os.Environ(), "OMP_THREAD_LIMIT=1")
			if err := cmd.Run(); err != nil {
				t.Errorf("%s: %v", args[0], err)
			}
		})
		return nil
	}
}

// spent is the processor time of this process and of its children that ended.
func spent() time.Duration {
	sum := time.Duration(0)
	for _, who := range []int{syscall.RUSAGE_SELF, syscall.RUSAGE_CHILDREN} {
		var u syscall.Rusage
		if syscall.Getrusage(who, &u) == nil {
			sum += time.Duration(u.Utime.Nano() + u.Stime.Nano())
		}
	}
	return sum
}

// costSets are ordinary pages: made-up paper, and samples where they are.
func costSets() map[string]func(testing.TB) []samplePage {
	ordinary := func(pages []samplePage) (kept []samplePage) {
		for _, p := range pages {
			if p.truth.Level == "clean" || p.truth.Level == "office" {
				kept = append(kept, p)
			}
		}
		return kept
	}
	return map[string]func(testing.TB) []samplePage{
		"own":   ownPages,
		"made":  func(t testing.TB) []samplePage { return ordinary(madePages(t, evalSeed(), 40, paper.Options{})) },
		"chart": func(t testing.TB) []samplePage { return ordinary(samples(t, "chart")) },
		"traps": func(t testing.TB) []samplePage { return ordinary(samples(t, "traps")) },
		"fax":   func(t testing.TB) []samplePage { return faxPages(t, "fax") },
	}
}

// TestReadingCost prints processor and wall time a page, and their ratios to
// plain Tesseract's (below 1 is cheaper), as medians of interleaved rounds.
func TestReadingCost(t *testing.T) {
	if os.Getenv("CHARTROOM_BENCH") == "" {
		t.Skip("takes minutes: set CHARTROOM_BENCH to run it")
	}
	for _, name := range []string{"own", "made", "chart", "traps", "fax"} {
		t.Run(name, func(t *testing.T) { compareCosts(t, name, costSets()[name](t)) })
	}
}

const costRounds = 3

func compareCosts(t *testing.T, set string, pages []samplePage) {
	all := contenders()
	cpu, wall, ratio, wallRatio := make([][]float64, len(all)), make([][]float64, len(all)), make([][]float64, len(all)), make([][]float64, len(all))
	for range costRounds {
		for i, w := range all {
			some := pages
			if w.few > 0 {
				some = pages[:min(w.few, len(pages))]
			}
			began, before := time.Now(), spent()
			if err := w.read(t, some); err != nil {
				t.Fatal(err)
			}
			n := float64(len(some))
			cpu[i] = append(cpu[i], (spent()-before).Seconds()/n)
			wall[i] = append(wall[i], time.Since(began).Seconds()/n)
			last := len(cpu[i]) - 1
			ratio[i] = append(ratio[i], cpu[i][last]/cpu[0][last])
			wallRatio[i] = append(wallRatio[i], wall[i][last]/wall[0][last])
		}
	}
	for i, w := range all {
		fmt.Printf("cost of %-6s by %-16s cpu %.3f s a page, %.2f of plain; wall %.2f of plain; %.0f pages a minute (n=%d, median of %d)\n",
			set, w.name+":", median(cpu[i]), median(ratio[i]), median(wallRatio[i]), 60/median(wall[i]), len(pages), costRounds)
	}
}

// TestMemoryStaysFlat prints what a worker holds after so many pages that it
// would long have been replaced.
func TestMemoryStaysFlat(t *testing.T) {
	if os.Getenv("CHARTROOM_BENCH") == "" {
		t.Skip("takes minutes: set CHARTROOM_BENCH to run it")
	}
	pages := []Image{notePage(t), ownPages(t)[0].img}
	p, err := startProcess(t.Context(), workerConfig(t))
	if err != nil {
		t.Fatal(err)
	}
	defer p.stop()
	var at []string
	for n := 1; n <= 1000; n++ {
		img := pages[0]
		if n%10 == 1 { // the engine's buffers are those of the largest page
			img = pages[1]
		}
		if _, _, err := p.read(t.Context(), img, time.Minute); err != nil {
			t.Fatal(err)
		}
		if n == 1 || n == 50 || n%200 == 0 {
			at = append(at, fmt.Sprintf("%d: %.0f", n, float64(p.resident())/1e6))
		}
	}
	fmt.Printf("memory of a worker, MB after pages: %s\n", strings.Join(at, ", "))
}

// workerConfig is what a worker needs to be started without a pool.
func workerConfig(t *testing.T) Config {
	t.Helper()
	cfg, err := NewPool(Config{Workers: 1, Engine: builtFolder()}, slog.New(slog.NewTextHandler(io.Discard, nil))).command()
	if err != nil {
		t.Fatal(err)
	}
	return cfg
}

// TestBuiltEngineReadsLikeTheSystems reads all samples and made-up paper with
// both engines and prints how many pages differ, and how.
func TestBuiltEngineReadsLikeTheSystems(t *testing.T) {
	if builtFolder() == "" {
		t.Skip("no built engine: make engine-check")
	}
	sets := map[string]func(testing.TB) []samplePage{
		"made": func(t testing.TB) []samplePage { return madePages(t, evalSeed(), 60, paper.Options{}) },
		"scan": func(t testing.TB) []samplePage { return faxPages(t, "scan") }, "photo": func(t testing.TB) []samplePage { return faxPages(t, "photo") },
		"fax": func(t testing.TB) []samplePage { return faxPages(t, "fax") }, "forms": formPages,
		"chart": func(t testing.TB) []samplePage { return samples(t, "chart") }, "traps": func(t testing.TB) []samplePage { return samples(t, "traps") },
	}
	for _, name := range []string{"made", "chart", "traps", "scan", "fax", "photo", "forms"} {
		t.Run(name, func(t *testing.T) { compareEngines(t, name, sets[name](t)) })
	}
}

func compareEngines(t *testing.T, set string, pages []samplePage) {
	stock, built := startPool(t, Config{Engine: StockEngine}), startPool(t, Config{Engine: builtFolder()})
	texts := [2][]string{make([]string, len(pages)), make([]string, len(pages))}
	each(pages, 1, func(i int, p samplePage) {
		for k, pool := range []*Pool{stock, built} {
			r := recognise(t, pool, p.img)
			texts[k][i] = r.Page.Text()
		}
	})
	differ, better, worse, all, lost := 0, 0, 0, 0, 0.0
	for i, p := range pages {
		n := len(strings.Fields(texts[0][i]))
		all += n
		if texts[0][i] == texts[1][i] {
			continue
		}
		differ++
		alike, _ := recall(texts[0][i], texts[1][i])
		lost += (1 - alike) * float64(n)
		was, _ := recall(pageTruth(p), texts[0][i])
		is, _ := recall(pageTruth(p), texts[1][i])
		if is > was {
			better++
		} else if is < was {
			worse++
		}
	}
	fmt.Printf("engines on %-6s %d of %d pages differ, in %.0f of %d words; recall better on %d, worse on %d\n", set+":", differ, len(pages), lost, all, better, worse)
	if lost*100 > float64(all) {
		t.Errorf("the built engine reads more than a hundredth of the words otherwise")
	}
}

func pageTruth(p samplePage) string {
	if len(p.truth.Pages) == 1 {
		return strings.Join(p.truth.Pages[0], "\n")
	}
	return strings.Join(p.truth.Pages[min(p.img.Frame, len(p.truth.Pages)-1)], "\n")
}
