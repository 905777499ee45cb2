package ocr

import (
	"errors"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// builtEngine is a folder with an engine: the system's own library, or what is
// given in its place.
func builtEngine(t *testing.T, manifest string, library []byte) string {
	t.Helper()
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	if library == nil {
		if library, err = os.ReadFile(loadedEngine()); err != nil {
			t.Fatal(err)
		}
	}
	for name, b := range map[string][]byte{engineManifest: []byte(manifest), "libtesseract.so.5": library} {
		if err := os.WriteFile(filepath.Join(dir, name), b, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func fitting() string { return `{"tesseract":"` + Version() + `-2","level":"x86-64"}` }

// choose is what a pool chooses of an engine that is named in the settings,
// or that only lies beside the program.
func choose(folder string, named bool) (*Pool, Engine, error) {
	cfg := Config{beside: folder}
	if named {
		cfg.Engine = folder
	}
	p := NewPool(cfg, slog.New(slog.NewTextHandler(io.Discard, nil)))
	e, err := p.Engine()
	return p, e, err
}

func TestBuiltEngineReadsAndIsNamed(t *testing.T) {
	dir := builtEngine(t, fitting(), nil)
	for _, cfg := range []Config{{Engine: dir}, {beside: dir}} {
		p := startPool(t, cfg)
		r := recognise(t, p, notePage(t))
		if want := "tesseract " + Version() + "-x86-64 eng "; textOf(r) != noteText() || !strings.HasPrefix(r.Page.Reader, want) {
			t.Errorf("read %q by %q, want reader %q…", textOf(r), r.Page.Reader, want)
		}
		if e, err := p.Engine(); err != nil || e.Folder != dir || !strings.Contains(e.String(), dir) || !strings.Contains(e.String(), "x86-64") {
			t.Errorf("chose %v, %v", e, err)
		}
		if report, ok := p.Jail(); !ok || !report.Holds() {
			t.Errorf("the jail of a worker with a built engine: %v", report)
		}
	}
}

func TestSystemsEngineReadsWhereNoneIsBuiltOrWanted(t *testing.T) {
	absent := filepath.Join(t.TempDir(), "engine")
	for _, cfg := range []Config{{beside: absent}, {Engine: StockEngine, beside: builtEngine(t, fitting(), nil)}} {
		p := NewPool(cfg, slog.New(slog.NewTextHandler(io.Discard, nil)))
		e, err := p.Engine()
		if err != nil || e.Folder != "" || e.Refused != "" || !strings.HasPrefix(p.Reader(""), "tesseract "+Version()+" eng ") {
			t.Errorf("chose %v (refused: %q), reader %q, %v", e, e.Refused, p.Reader(""), err)
		}
	}
}

func TestEngineThatDoesNotFitIsRefusedWithTheReason(t *testing.T) {
	for name, c := range map[string]struct {
		folder, says string
	}{
		"absent":    {filepath.Join(t.TempDir(), "engine"), "make engine"},
		"empty":     {t.TempDir(), engineManifest},
		"torn":      {builtEngine(t, `{"tesser`, nil), "cannot be read"},
		"processor": {builtEngine(t, `{"tesseract":"`+Version()+`-2","level":"x86-64-v9"}`, nil), "x86-64-v9"},
		"version":   {builtEngine(t, `{"tesseract":"4.1.1-2","level":"x86-64"}`, nil), "4.1.1-2"},
		"library":   {builtEngine(t, fitting(), []byte("not a library")), "does not start"},
		"colon":     {filepath.Join(t.TempDir(), "a:b"), "make engine"},
	} {
		p, e, err := choose(c.folder, true)
		if !errors.Is(err, ErrEngine) || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: named in the settings: %v, want an error about %q", name, err, c.says)
		}
		if !errors.Is(p.Check(), ErrEngine) || !errors.Is(p.Run(t.Context()), ErrEngine) {
			t.Errorf("%s: named in the settings: the pool starts all the same", name)
		}
		if name == "absent" || name == "colon" {
			continue
		}
		if p, e, err = choose(c.folder, false); err != nil || e.Folder != "" || !strings.Contains(e.Refused, c.says) || p.Check() != nil {
			t.Errorf("%s: beside the program: %v (refused: %q), %v; want the system's", name, e, e.Refused, err)
		}
	}
}

func TestPagesAreReadWhereTheEngineBesideIsBroken(t *testing.T) {
	p := startPool(t, Config{beside: builtEngine(t, fitting(), []byte("not a library"))})
	if r := recognise(t, p, notePage(t)); textOf(r) != noteText() || r.Page.Reader != p.Reader("") {
		t.Errorf("read %q by %q", textOf(r), r.Page.Reader)
	}
}

func TestProcessorMustHaveAllOfALevel(t *testing.T) {
	v2 := strings.Join(level2, " ")
	v3 := v2 + " " + strings.Join(level3, " ")
	for _, c := range []struct{ level, flags, missing string }{
		{"x86-64", "fpu", ""}, {"x86-64-v2", v2, ""}, {"x86-64-v3", v3, ""}, {"x86-64-v3", v2 + " avx avx512f", "avx2 bmi1 bmi2 f16c fma abm movbe xsave"},
		{"x86-64-v4", v3, strings.Join(level4, " ")}, {"x86-64-v3", strings.ReplaceAll(v3, "avx2", "avx21"), "avx2"},
	} {
		got := strings.Join(lacks(c.level, "model name\t: avx2 and more\nflags\t\t: "+c.flags+"\n\nflags\t: "+v3), " ")
		if got != c.missing {
			t.Errorf("%s of %q lacks %q, want %q", c.level, c.flags, got, c.missing)
		}
	}
	if len(lacks("x86-64-v3", "")) == 0 {
		t.Error("a processor that says nothing has everything")
	}
}
