package ocr

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"chartroom/jail"
)

// The workers are linked against the Tesseract and Leptonica that the system
// brings. "make engine" builds the same sources for newer processors, into a
// folder of its own; a worker that is started with that folder first in its
// library path reads with them. They are used only where all of this holds:
// the processor has what they were built for, they are of the version that
// this program was linked against, and a worker has been seen to start with
// them, in its jail. Which engine read a page stands in the page's record.

// ErrEngine says that the engine which the settings name cannot be used.
var ErrEngine = errors.New("the engine cannot be used")

// StockEngine in the settings means the system's Tesseract, whatever else lies
// there.
const StockEngine = "stock"

// engineManifest is the file that makes a folder an engine.
const engineManifest = "engine.json"

// Engine is the build of Tesseract that reads the pages.
type Engine struct {
	// Version is Tesseract's, "5.3.0".
	Version string
	// Folder holds the libraries; "" for the system's.
	Folder string
	// Level is the processor level they need, "x86-64-v3".
	Level string
	// Source is the version of the source package, "5.3.0-2".
	Source string
	// Refused says why an engine that lies beside the program is not used.
	Refused string
}

// String describes the engine for a person.
func (e Engine) String() string {
	if e.Folder == "" {
		return e.Version + ", the system's build"
	}
	return fmt.Sprintf("%s, built from source package %s for %s, in %s", e.Version, e.Source, e.Level, e.Folder)
}

// name tells builds apart where pages say what read them.
func (e Engine) name() string {
	if e.Folder == "" {
		return e.Version
	}
	return e.Version + "-" + e.Level
}

// Engine is the build that the workers use, found out when first asked. An
// engine that the settings name and that cannot be used is an error; one that
// only lies beside the program is passed over, and Refused says why.
func (p *Pool) Engine() (Engine, error) { return p.engine() }

func (p *Pool) chooseEngine() (Engine, error) {
	stock := Engine{Version: Version()}
	folder := cmp.Or(p.cfg.Engine, p.cfg.beside)
	if folder == StockEngine {
		return stock, nil
	}
	if _, err := os.Stat(folder); errors.Is(err, fs.ErrNotExist) && p.cfg.Engine == "" {
		return stock, nil
	}
	built, err := openBuild(folder)
	if err == nil {
		err = p.try(built)
	}
	switch {
	case err == nil:
		return built, nil
	case p.cfg.Engine != "":
		return stock, fmt.Errorf("%w: %w", ErrEngine, err)
	}
	stock.Refused = err.Error()
	return stock, nil
}

// openBuild reads what a folder says of its engine, and whether that fits this
// machine and this program.
func openBuild(folder string) (Engine, error) {
	folder, err := filepath.Abs(folder)
	if err == nil {
		folder, err = filepath.EvalSymlinks(folder)
	}
	if err != nil {
		return Engine{}, fmt.Errorf("find engine: %w: run make engine", err)
	}
	if strings.ContainsAny(folder, ":;$") {
		return Engine{}, fmt.Errorf("use engine in %s: the path holds a sign that library paths cannot", folder)
	}
	b, err := os.ReadFile(filepath.Join(folder, engineManifest))
	if err != nil {
		return Engine{}, fmt.Errorf("use engine: %w: run make engine", err)
	}
	var m struct{ Tesseract, Level string }
	if err := json.Unmarshal(b, &m); err != nil {
		return Engine{}, fmt.Errorf("use engine in %s: %s cannot be read: run make engine", folder, engineManifest)
	}
	cpu, err := os.ReadFile("/proc/cpuinfo")
	if err != nil {
		return Engine{}, fmt.Errorf("use engine in %s: find out what the processor can do: %w", folder, err)
	}
	if missing := lacks(m.Level, string(cpu)); len(missing) > 0 {
		return Engine{}, fmt.Errorf("use engine in %s: it is built for %s and this processor lacks %s", folder, m.Level, strings.Join(missing, " "))
	}
	if !sameVersion(m.Tesseract, Version()) {
		return Engine{}, fmt.Errorf("use engine in %s: it is Tesseract %s and this program is linked against %s: run make engine", folder, m.Tesseract, Version())
	}
	return Engine{Version: Version(), Folder: folder, Level: m.Level, Source: m.Tesseract}, nil
}

// sameVersion reports whether a source package holds a version.
func sameVersion(source, version string) bool {
	rest, ok := strings.CutPrefix(source, version)
	return ok && (rest == "" || strings.ContainsAny(rest[:1], "-+~"))
}

// The levels of x86-64 processors, by the names that Linux gives what each
// adds to the one before.
var (
	level2 = []string{"cx16", "lahf_lm", "popcnt", "pni", "ssse3", "sse4_1", "sse4_2"}
	level3 = []string{"avx", "avx2", "bmi1", "bmi2", "f16c", "fma", "abm", "movbe", "xsave"}
	level4 = []string{"avx512f", "avx512bw", "avx512cd", "avx512dq", "avx512vl"}
	levels = map[string][][]string{"x86-64": nil, "x86-64-v2": {level2}, "x86-64-v3": {level2, level3}, "x86-64-v4": {level2, level3, level4}}
)

// lacks names what a processor would need for a level and does not have, by
// the system's description of it.
func lacks(level, cpuinfo string) []string {
	needs, known := levels[level]
	if !known || runtime.GOARCH != "amd64" {
		return []string{fmt.Sprintf("everything (level %q is not known on %s)", level, runtime.GOARCH)}
	}
	has := map[string]bool{}
	for line := range strings.Lines(cpuinfo) {
		if key, value, _ := strings.Cut(line, ":"); strings.TrimSpace(key) == "flags" {
			for _, f := range strings.Fields(value) {
				has[f] = true
			}
			break
		}
	}
	var missing []string
	for _, need := range needs {
		for _, f := range need {
			if !has[f] {
				missing = append(missing, f)
			}
		}
	}
	return missing
}

// try starts a worker with the engine and sees whether it is the one that the
// worker got. What keeps any worker from starting is not the engine's fault
// and is found by those who start them.
func (p *Pool) try(e Engine) error {
	cfg, err := p.complete()
	if err != nil {
		return nil
	}
	cfg.engine = e
	done := make(chan error)
	go func() {
		runtime.LockOSThread() // a worker dies with the thread that started it
		defer runtime.UnlockOSThread()
		w, err := startProcess(context.Background(), cfg)
		if err == nil {
			w.stop()
		}
		done <- err
	}()
	if err := <-done; err != nil && !errors.Is(err, jail.ErrUnjailed) {
		return fmt.Errorf("try engine in %s: %w: run make engine", e.Folder, err)
	}
	return nil
}

// loadedEngine is the path of the Tesseract library that this process has
// loaded, "" where it cannot be found out.
func loadedEngine() string {
	b, err := os.ReadFile("/proc/self/maps")
	if err != nil {
		return ""
	}
	for line := range strings.Lines(string(b)) {
		if i := strings.IndexByte(line, '/'); i >= 0 && strings.Contains(filepath.Base(line[i:]), "libtesseract.so") {
			return strings.TrimSuffix(line[i:], "\n")
		}
	}
	return ""
}
