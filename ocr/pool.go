package ocr

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"sync"
	"time"

	"chartroom/jail"
	"chartroom/record"
)

// Config says how pages are read. The zero value reads English on all cores.
type Config struct {
	// Workers is the number of processes; default one for each core.
	Workers int
	// Languages are codes joined by "+", "eng+deu"; default "eng".
	Languages string
	// More are other sets of languages that some pages are read with, in the
	// same form.
	More []string
	// Tessdata is the folder of language data; default $TESSDATA_PREFIX or
	// where Debian puts it.
	Tessdata string
	// PageTimeout is how long a page may take; default 2 minutes.
	PageTimeout time.Duration
	// RecyclePages is after how many pages a worker is replaced, since the
	// libraries leak; default 100.
	RecyclePages int
	// MemoryLimit is how many bytes a worker may use; default 2 GiB.
	MemoryLimit int64
	// MaxPixels is how large a page may be; default 400 million.
	MaxPixels int64
	// SecondLooks is how much of a page may be read a second time where the
	// first reading is in doubt, as a share of its letters; default 0.2,
	// negative for none. A page whose ink contradicts its text may besides be
	// read again as a whole, once.
	SecondLooks float64
	// AllowUnjailed reads pages where the machine cannot hold the jail.
	AllowUnjailed bool
	// Engine is the folder of an engine built by "make engine"; default "engine"
	// beside this program where there is one, else the system's. StockEngine
	// means the system's in any case.
	Engine string
	// Command starts a worker; default this program with "ocr-worker".
	Command []string

	beside string // where an engine lies that nobody names
	engine Engine // the one chosen
	raw    bool   // the engine's confidences are left as they are, to be measured
}

func (c Config) withDefaults() Config {
	if c.Workers <= 0 {
		c.Workers = runtime.NumCPU()
	}
	if c.Languages == "" {
		c.Languages = "eng"
	}
	if c.PageTimeout <= 0 {
		c.PageTimeout = 2 * time.Minute
	}
	if c.RecyclePages <= 0 {
		c.RecyclePages = 100
	}
	if c.MemoryLimit <= 0 {
		c.MemoryLimit = 2 << 30
	}
	if c.SecondLooks == 0 {
		c.SecondLooks = 0.2
	}
	if c.MaxPixels <= 0 {
		c.MaxPixels = 400e6
	}
	if self, err := os.Executable(); err == nil && c.beside == "" {
		c.beside = filepath.Join(filepath.Dir(self), "engine")
	}
	return c
}

// Pool reads pages in worker processes. Run keeps the workers alive; Recognise
// hands them pages.
type Pool struct {
	cfg   Config
	log   *slog.Logger
	jobs  chan job
	ended chan struct{}
	err   error // why it ended; read after ended is closed

	engine func() (Engine, error)

	mu     sync.Mutex
	report *jail.Report
}

// job is a page on its way to a worker. Its answer channel holds one.
type job struct {
	ctx    context.Context
	img    Image
	answer chan<- answer
	code   *coding // what is asked is not a reading; nil if it is
}

type answer struct {
	result Result
	err    error
}

// NewPool makes a pool that starts nothing until Run.
func NewPool(cfg Config, log *slog.Logger) *Pool {
	p := &Pool{cfg: cfg.withDefaults(), log: log, jobs: make(chan job), ended: make(chan struct{})}
	p.engine = sync.OnceValues(p.chooseEngine)
	return p
}

// Check finds out whether all languages are installed, and whether the engine
// that the settings name can be used. The error says what to do.
func (p *Pool) Check() error {
	if err := p.checkLanguages(); err != nil {
		return err
	}
	_, err := p.Engine()
	return err
}

func (p *Pool) checkLanguages() error {
	return checkLanguages(p.cfg.Tessdata, append([]string{p.cfg.Languages}, p.cfg.More...)...)
}

// Reader names what reads the pages: engine, languages ("" for the usual ones)
// and the version of the settings. Pages of another reader may read otherwise.
func (p *Pool) Reader(languages string) string {
	e, _ := p.Engine() // one that cannot be used ends Check and Run
	return fmt.Sprintf("tesseract %s %s /%d", e.name(), cmp.Or(languages, p.cfg.Languages), settings)
}

// Jail is what the self-test of the newest worker said; false before there is
// one.
func (p *Pool) Jail() (jail.Report, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.report == nil {
		return jail.Report{}, false
	}
	return *p.report, true
}

// Run starts the workers and keeps them until ctx ends; no process is left
// when it returns. It returns an error when a worker cannot be started at the
// beginning; one that cannot be replaced later costs its pages an error and is
// tried again. Run is called once.
func (p *Pool) Run(ctx context.Context) (err error) {
	defer func() {
		p.err = errors.Join(ErrEnded, err)
		close(p.ended)
	}()
	cfg, err := p.command()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var all sync.WaitGroup
	for range cfg.Workers {
		all.Go(func() {
			if err := p.keep(ctx, cfg); err != nil {
				cancel(err)
			}
		})
	}
	all.Wait()
	if cause := context.Cause(ctx); errors.Is(cause, ErrStart) {
		return cause
	}
	return nil
}

// command is the complete configuration, with the engine chosen.
func (p *Pool) command() (Config, error) {
	cfg, err := p.complete()
	if err != nil {
		return cfg, err
	}
	cfg.engine, err = p.Engine()
	if r := cfg.engine.Refused; r != "" {
		p.log.Warn("built engine is not used", "reason", r)
	}
	return cfg, err
}

// complete adds to the configuration what must be looked up.
func (p *Pool) complete() (Config, error) {
	cfg := p.cfg
	if err := p.checkLanguages(); err != nil {
		return cfg, err
	}
	dir, err := dataFolder(cfg.Tessdata)
	if err != nil {
		return cfg, err
	}
	cfg.Tessdata = dir
	if len(cfg.Command) == 0 {
		self, err := os.Executable()
		if err != nil {
			return cfg, fmt.Errorf("%w: %w", ErrStart, err)
		}
		cfg.Command = []string{self, "ocr-worker"}
	}
	return cfg, nil
}

// Recognise reads a page, waiting for a free worker and for Run to begin. What
// is wrong with the page is in the result's state; an error means that ctx or
// the pool has ended, or that no worker can be started.
func (p *Pool) Recognise(ctx context.Context, img Image) (Result, error) {
	if img.Languages != "" && img.Languages != p.cfg.Languages && !slices.Contains(p.cfg.More, img.Languages) {
		return Result{}, fmt.Errorf("recognise page: %w: the pool was not told of %q", ErrLanguage, img.Languages)
	}
	ch := make(chan answer, 1)
	select {
	case p.jobs <- job{ctx: ctx, img: img, answer: ch}:
	case <-p.ended:
		return Result{}, fmt.Errorf("recognise page: %w", p.err)
	case <-ctx.Done():
		return Result{}, fmt.Errorf("recognise page: %w", ctx.Err())
	}
	a := <-ch
	if a.err != nil {
		return Result{}, fmt.Errorf("recognise page: %w", a.err)
	}
	return a.result, nil
}

// keep keeps one worker at a time. It holds on to its thread, for a worker is
// killed when the thread that started it ends.
func (p *Pool) keep(ctx context.Context, cfg Config) error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	s := &slot{pool: p, cfg: cfg}
	defer s.stop()
	if err := s.start(ctx); err != nil {
		if ctx.Err() != nil {
			return nil
		}
		return err
	}
	for {
		select {
		case <-ctx.Done():
			return nil
		case j := <-p.jobs:
			j.answer <- s.answer(ctx, j)
		}
	}
}

// slot has a worker, or none for the moment.
type slot struct {
	pool    *Pool
	cfg     Config
	process *process
}

func (s *slot) start(ctx context.Context) error {
	if s.process != nil {
		return nil
	}
	w, err := startProcess(ctx, s.cfg)
	if err != nil {
		return err
	}
	s.process = w
	s.pool.mu.Lock()
	s.pool.report = &w.jail
	s.pool.mu.Unlock()
	return nil
}

// stop ends the worker, if there is one, and returns the processor time it
// spent on a page that it did not finish.
func (s *slot) stop() time.Duration {
	if s.process == nil {
		return 0
	}
	spent := s.process.stop()
	s.process = nil
	return spent
}

// answer reads a page for as long as both the page and the pool are wanted.
func (s *slot) answer(pool context.Context, j job) answer {
	ctx, cancel := context.WithCancel(j.ctx)
	defer cancel()
	defer context.AfterFunc(pool, cancel)()
	var result Result
	var err error
	if j.code != nil {
		err = s.encode(ctx, j.img, j.code)
	} else {
		result, err = s.read(ctx, j.img)
	}
	if err != nil && pool.Err() != nil {
		err = errors.Join(ErrEnded, err)
	}
	return answer{result, err}
}

// attempts is how often a page is tried on which the worker breaks down: it
// may not have been the page's fault. The last time barcodes are not looked
// for, so that one which ends the library that reads them costs no words. What
// takes too long or too much is not tried again.
const attempts = 3

// read reads a page, if need be by a second worker.
func (s *slot) read(ctx context.Context, img Image) (Result, error) {
	var cpu time.Duration
	for attempt := 1; ; attempt++ {
		if err := s.start(ctx); err != nil {
			return Result{}, err
		}
		w := s.process
		page, picture, err := w.read(ctx, img, s.cfg.PageTimeout)
		if err == nil {
			s.recycle()
			return s.result(img, page, picture, cpu), nil
		}
		cpu += s.stop()
		if ctx.Err() != nil {
			return Result{}, ctx.Err()
		}
		if errors.Is(err, errCrashed) && w.gorged() {
			err = errMemory
		}
		s.pool.log.Warn("ocr worker ended on a page", "reason", plain(err), "attempt", attempt, "stderr_bytes", w.stderr.n.Load())
		img.withoutCodes = attempt+1 == attempts
		if !errors.Is(err, errCrashed) || attempt == attempts {
			return s.unread(img, err, cpu), nil
		}
	}
}

// plain is the kind of an error without what led to it.
func plain(err error) string {
	for _, kind := range []error{errTimedOut, errMemory, errCrashed} {
		if errors.Is(err, kind) {
			return kind.Error()
		}
	}
	return "other"
}

// recycle replaces a worker that has read its share of pages or grown fat.
func (s *slot) recycle() {
	if s.process.pages >= s.cfg.RecyclePages || s.process.resident() > s.cfg.MemoryLimit/2 {
		s.stop()
	}
}

// result puts a worker's reply, which is not trusted, into its final form.
func (s *slot) result(img Image, r reply, picture []byte, before time.Duration) Result {
	page := record.Page{Number: img.Number, State: r.State, Reason: r.Reason, Content: r.Content, Width: r.Width, Height: r.Height, DPI: r.DPI, Rotation: r.Rotation,
		Reader: s.pool.Reader(img.Languages), Ink: r.Ink, Words: fromWire(r.Words), Barcodes: fromWireBarcodes(r.Barcodes, r.Width, r.Height), PictureWidth: r.PictureWidth}
	if r.FromLayer {
		page.Reader = "text layer"
	} else if !s.cfg.raw {
		calibrate(page.Words)
	}
	switch page.State {
	case record.PageText, record.PageBlank, record.PageLowConfidence, record.PageFailed:
	default:
		page.State, page.Reason = record.PageFailed, "the reader gave no sensible answer"
	}
	if page.Content != record.ContentHandwriting && page.Content != record.ContentDrawing {
		page.Content = ""
	}
	result := Result{Page: page, Cleaned: r.Cleaned, CPU: before + time.Duration(r.CPUMicros)*time.Microsecond}
	if len(picture) > 0 {
		result.Picture, result.PictureType, result.PictureWidth = picture, r.PictureType, r.PictureWidth
	}
	return result
}

// unread is the result for a page that no worker could finish.
func (s *slot) unread(img Image, err error, cpu time.Duration) Result {
	page := record.Page{Number: img.Number, State: record.PageFailed, Reason: "the reader broke down on this page", Reader: s.pool.Reader(img.Languages)}
	switch {
	case errors.Is(err, errTimedOut):
		page.State, page.Reason = record.PageTimedOut, fmt.Sprintf("reading took longer than %s and was stopped", s.cfg.PageTimeout)
	case errors.Is(err, errMemory):
		page.Reason = "reading needs more memory than a page may take"
	}
	return Result{Page: page, CPU: cpu}
}
