package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"golang.org/x/sync/errgroup"

	"chartroom/catalog"
	"chartroom/identify"
	"chartroom/index"
	"chartroom/ingest"
	"chartroom/objectstore"
	"chartroom/objectstore/dir"
	"chartroom/objectstore/s3"
	"chartroom/ocr"
	"chartroom/scan"
	"chartroom/web"
)

// version is set by make; a build without it is named "unstamped".
var version = "unstamped"

// need is what a command needs of the program.
type need int

const (
	needRebuild need = iota // catalog, index, store; a damaged catalog is replaced by an empty one
	needReading             // catalog, index, store
	needWork                // and workers that read pages
	needWatch               // and drop folders watched
)

// app is the program's parts, wired together.
type app struct {
	cfg      Config
	need     need
	log      *slog.Logger
	store    objectstore.Store
	bucket   *s3.Store // nil where the store is a folder
	catalog  *catalog.Catalog
	index    *index.Index
	intake   *ingest.Intake
	pool     *ocr.Pool
	reading  ocr.Config
	tools    scan.Tools
	limits   scan.Limits
	pipeline *ingest.Pipeline
	metrics  *prometheus.Registry
	pages    http.Handler
	started  time.Time
	life     context.Context // ends when run fails, with its error as cause
	over     context.CancelCauseFunc
	guests   atomic.Int32 // answers under way on the socket
}

// newApp opens everything and starts nothing.
func newApp(ctx context.Context, cfg Config, need need) (a *app, err error) {
	a = &app{cfg: cfg, need: need, log: newLogger(cfg.Log), metrics: prometheus.NewRegistry(), started: time.Now()}
	a.life, a.over = context.WithCancelCause(context.WithoutCancel(ctx))
	defer func() {
		if err != nil {
			a.close()
		}
	}()
	for _, d := range append([]string{"tmp", "hold", "rejected"}, dropsBelow(cfg)...) {
		if err := os.MkdirAll(filepath.Join(cfg.Data, d), 0o700); err != nil {
			return a, fmt.Errorf("make the data folder: %w", err)
		}
	}
	if err = a.openStore(); err != nil {
		return a, err
	}
	id, err := ownerID(cfg.Data)
	if err != nil {
		return a, err
	}
	if err = a.openCatalog(ctx, id); err != nil {
		return a, err
	}
	a.index, err = index.Open(ctx, index.Config{Dir: filepath.Join(cfg.Data, "index"), Shards: cfg.Index.Shards, DayFirst: cfg.Identify.DateOrder == "dmy"}, a.log)
	if err != nil {
		return a, fmt.Errorf("open index: %w", err)
	}
	if err := a.newPipeline(); err != nil {
		return a, err
	}
	a.register()
	a.pages = a.newPages()
	return a, nil
}

// openCatalog opens the catalog. A damaged one is set aside by the command that
// makes it again from the store; every other one says so.
func (a *app) openCatalog(ctx context.Context, id string) (err error) {
	c := catalog.Config{Path: filepath.Join(a.cfg.Data, "catalog.db"), URL: string(a.cfg.Catalog.URL), Owner: id, Log: a.log}
	a.catalog, err = catalog.Open(ctx, c)
	if errors.Is(err, catalog.ErrDamaged) && a.need == needRebuild && c.URL == "" {
		if err := setAside(c.Path, time.Now()); err != nil {
			return err
		}
		a.catalog, err = catalog.Open(ctx, c)
	}
	if errors.Is(err, catalog.ErrDamaged) {
		return fmt.Errorf("open catalog: %w: run `chartroom rebuild`, which sets it aside and makes it again from the store", err)
	}
	if err != nil {
		return fmt.Errorf("open catalog: %w", err)
	}
	return nil
}

// setAside renames a damaged catalog, its log first: alone it would be taken
// for the log of a new one.
func setAside(path string, now time.Time) error {
	aside := path + ".damaged-" + now.UTC().Format("20060102T150405")
	for _, part := range []string{"-wal", "-shm", ""} {
		if err := os.Rename(path+part, aside+part); err != nil && !errors.Is(err, os.ErrNotExist) {
			return fmt.Errorf("set the damaged catalog aside: %w", err)
		}
	}
	return nil
}

// dropsBelow are the drop folders that lie in the data folder, which the
// program makes itself. One elsewhere is somebody else's, and its absence a
// state to be seen.
func dropsBelow(cfg Config) (rel []string) {
	for _, d := range cfg.Drop {
		if r, err := filepath.Rel(cfg.Data, d.Path); err == nil && filepath.IsLocal(r) {
			rel = append(rel, r)
		}
	}
	return rel
}

func (a *app) newPipeline() (err error) {
	cfg := a.cfg
	if a.intake, err = ingest.NewIntake(intakeConfig(cfg), a.catalog, scan.Ended, a.log); err != nil {
		return err
	}
	site, err := siteOptions(cfg.Identify)
	if err != nil {
		return err
	}
	self, err := os.Executable()
	if err != nil {
		return fmt.Errorf("find this program: %w", err)
	}
	rules, err := cfg.rules()
	if err != nil {
		return err
	}
	workers := cfg.Reading.Workers
	if workers == 0 {
		workers = runtime.NumCPU()
	}
	a.reading = ocr.Config{Workers: workers, Languages: cfg.Reading.Languages, More: cfg.languages(), PageTimeout: cfg.Reading.PageTimeout, RecyclePages: cfg.Reading.RecyclePages, SecondLooks: secondLooks(cfg.Reading.SecondLooks),
		MemoryLimit: int64(cfg.Reading.MemoryMB) << 20, MaxPixels: int64(cfg.Limits.Megapixels) * 1e6, AllowUnjailed: cfg.Reading.AllowUnjailed, Engine: cfg.Reading.Engine, Command: []string{self, "ocr-worker"}}
	a.pool = ocr.NewPool(a.reading, a.log)
	a.tools = scan.Tools{Self: []string{self}, Temp: filepath.Join(cfg.Data, "tmp"), AllowUnjailed: cfg.Reading.AllowUnjailed}
	a.limits = scan.Limits{Bytes: int64(cfg.Limits.FileMB) << 20, Pages: cfg.Limits.Pages, Pixels: int64(cfg.Limits.Megapixels) * 1e6}
	a.pipeline = ingest.NewPipeline(ingest.PipelineConfig{
		Store: a.store, Catalog: a.catalog, Intake: a.intake, Reader: recogniser{a.pool}, Index: findable{a.index}, Patients: finder{a.catalog},
		Tools: a.tools, Limits: a.limits, General: rules[""], Folders: rules,
		Site: site, Temp: filepath.Join(cfg.Data, "tmp"), Parallel: workers + 1, Scans: 2*workers + 2, Program: "chartroom " + version + ", " + identify.Version, Log: a.log,
	})
	return nil
}

func intakeConfig(cfg Config) ingest.IntakeConfig {
	c := ingest.IntakeConfig{Hold: filepath.Join(cfg.Data, "hold"), Rejected: filepath.Join(cfg.Data, "rejected"), Data: cfg.Data, MinFree: int64(cfg.Limits.FreeMB) << 20}
	if cfg.Limits.FreeMB == 0 {
		c.MinFree = -1
	}
	for _, d := range cfg.Drop {
		c.Folders = append(c.Folders, ingest.Folder{Name: d.Name, Path: d.Path, Facility: d.Facility, Settle: d.Settle, Poll: d.Poll, Pattern: d.Pattern, Mount: d.Mount, Copy: d.Copy, Backlog: d.Backlog})
	}
	return c
}

func siteOptions(c IdentifyConfig) (identify.Options, error) {
	o := identify.Options{Country: c.Country, DateOrder: identify.DateOrder(c.DateOrder)}
	if c.MRNPattern != "" {
		p, err := identify.ParseMRNPattern(c.MRNPattern)
		if err != nil {
			return o, fmt.Errorf("check config: identify.mrn_pattern: %w", err)
		}
		o.SiteMRN = []identify.MRNPattern{p}
	}
	return o, nil
}

// openStore opens the folder or the bucket, behind encryption where keys are
// given.
func (a *app) openStore() error {
	place, err := openPlace(a.cfg)
	if err != nil {
		return fmt.Errorf("open store: %w", err)
	}
	a.bucket, _ = place.(*s3.Store)
	keys, err := storeKeys(a.cfg.Store.Encryption)
	if err != nil {
		return err
	}
	if keys != nil {
		a.store = objectstore.Seal(place, keys)
	} else {
		a.store = objectstore.Plain(place)
	}
	return nil
}

// staleAfter is how old an unended upload must be to be given back.
const staleAfter = 24 * time.Hour

// sweepBucket gives back the parts of uploads that a killed process left.
func (a *app) sweepBucket(ctx context.Context) {
	if a.bucket == nil {
		return
	}
	if n, err := a.bucket.AbortStale(ctx, staleAfter); err != nil {
		a.log.Warn("old uploads were not given back", "error", err)
	} else if n > 0 {
		a.log.Info("old uploads given back", "uploads", n)
	}
}

func openPlace(cfg Config) (objectstore.Store, error) {
	if cfg.Store.Kind == "dir" {
		return dir.Open(dir.Config{Path: filepath.Join(cfg.Data, "store")})
	}
	c := cfg.Store.S3
	return s3.Open(s3.Config{Endpoint: c.Endpoint, Bucket: c.Bucket, Prefix: c.Prefix, Region: c.Region, Style: c.Style, CAFile: c.CAFile,
		AccessKey: c.AccessKey, SecretKey: objectstore.NewSecret(string(c.SecretKey)), PlainHTTP: c.Insecure})
}

// storeRegistry brings the store's copy of the registry up to date where an
// import was cut off before it could.
func (a *app) storeRegistry(ctx context.Context) {
	if a.need == needRebuild {
		return
	}
	if err := ingest.SaveRegistry(ctx, a.store, a.catalog, filepath.Join(a.cfg.Data, "tmp")); err != nil && ctx.Err() == nil {
		a.log.Warn("the registry is not in the store yet; the next import or start tries again", "error", err)
	}
}

// run runs what the command needs until ctx ends, or until a part of it cannot
// go on, which ends the commands under way.
func (a *app) run(ctx context.Context) (err error) {
	defer func() {
		if !stopped(err) {
			a.over(err)
		}
	}()
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return a.index.Run(ctx, changes{a.catalog}) })
	group.Go(func() error { a.storeRegistry(ctx); return nil })
	if a.need >= needWork {
		group.Go(func() error { return a.pool.Run(ctx) })
		group.Go(func() error { return a.pipeline.Run(ctx) })
	}
	if a.need >= needWatch {
		group.Go(func() error { a.sweepBucket(ctx); return nil })
		group.Go(func() error { return a.intake.Run(ctx) })
	}
	return group.Wait()
}

// serve runs everything, and answers on the pages' address and on the socket,
// until ctx ends.
func (a *app) serve(ctx context.Context, pages, socket net.Listener) error {
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return web.Serve(ctx, pages, a.pages, a.log) })
	group.Go(func() error { return a.host(ctx, socket) })
	return group.Wait()
}

// host runs everything a command needs, and answers other commands of the data
// folder on the socket, if there is one, until ctx ends.
func (a *app) host(ctx context.Context, socket net.Listener) error {
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return a.run(ctx) })
	if socket != nil {
		group.Go(func() error { return web.Serve(ctx, socket, a.countGuests(a.handler()), a.log) })
	}
	return group.Wait()
}

func (a *app) countGuests(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		a.guests.Add(1)
		defer a.guests.Add(-1)
		h.ServeHTTP(w, r)
	})
}

// waitForGuests returns when no other command is being answered, or ctx ends.
func (a *app) waitForGuests(ctx context.Context) {
	for a.guests.Load() > 0 && ctx.Err() == nil && a.life.Err() == nil {
		select {
		case <-ctx.Done():
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// newPages makes what browsers and the API's users see.
func (a *app) newPages() http.Handler {
	return web.New(web.Deps{Documents: documents{a.catalog}, Search: searcher{a.index}, Files: files{a.store}, System: system{a}, Exports: newExporter(a), Metrics: a.metrics, Log: a.log, Version: version})
}

// handler is what the commands of this program see: the pages, and what only
// the owner's own user may do.
func (a *app) handler() http.Handler {
	mux := http.NewServeMux()
	a.control(mux)
	mux.Handle("/", a.pages)
	return mux
}

func (a *app) close() {
	if a.index != nil {
		if err := a.index.Close(); err != nil {
			a.log.Error("the index did not close", "error", err)
		}
	}
	if a.catalog != nil {
		if err := a.catalog.Close(); err != nil {
			a.log.Error("the catalog did not close", "error", err)
		}
	}
}

func newLogger(c LogConfig) *slog.Logger {
	var level slog.Level
	if err := level.UnmarshalText([]byte(strings.ToUpper(c.Level))); err != nil {
		level = slog.LevelInfo
	}
	o := &slog.HandlerOptions{Level: level}
	if c.Format == "json" {
		return slog.New(slog.NewJSONHandler(os.Stderr, o))
	}
	return slog.New(slog.NewTextHandler(os.Stderr, o))
}

// listenPages opens the pages' address: the one asked for, or, where nobody
// asked and the usual one is taken, any free one.
func listenPages(address string) (net.Listener, error) {
	if err := web.CheckLoopback(address); err != nil {
		return nil, err
	}
	l, err := net.Listen("tcp", address)
	if err != nil && address == defaultListen {
		l, err = net.Listen("tcp", "127.0.0.1:0")
	}
	if err != nil {
		return nil, fmt.Errorf("open the pages' address: %w: choose another with --listen", err)
	}
	return l, nil
}

// register adds what the program counts to its metrics.
func (a *app) register() {
	gauge := func(name, help string, value func() float64) {
		a.metrics.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Namespace: "chartroom", Name: name, Help: help}, value))
	}
	a.metrics.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	gauge("store_away", "1 while scans wait for the store.", func() float64 {
		if a.pipeline.Halted() != nil {
			return 1
		}
		return 0
	})
	gauge("index_behind", "Changes of the catalog that the index does not hold yet.", func() float64 {
		p := a.index.Progress()
		return float64(p.Of - p.Indexed)
	})
	gauge("drop_oldest_seconds", "Age of the oldest file in a drop folder that is not claimed.", func() float64 {
		var oldest float64
		for _, f := range a.intake.State() {
			if !f.Oldest.IsZero() {
				oldest = max(oldest, time.Since(f.Oldest).Seconds())
			}
		}
		return oldest
	})
	a.metrics.MustRegister(&countsCollector{a.catalog})
	a.pipeline.Watch(a.countEvents())
}

// countEvents counts the pages read and the claims ended since the start.
func (a *app) countEvents() func(ingest.Event) {
	pages := prometheus.NewCounter(prometheus.CounterOpts{Namespace: "chartroom", Name: "pages_read_total", Help: "Pages read since the start."})
	ended := prometheus.NewCounterVec(prometheus.CounterOpts{Namespace: "chartroom", Name: "receipts_ended_total", Help: "Receipts that have their end, by the document's status."}, []string{"status"})
	a.metrics.MustRegister(pages, ended)
	return func(e ingest.Event) {
		pages.Add(float64(e.Pages))
		switch len(e.Documents) {
		case 0:
		case 1:
			ended.WithLabelValues(string(e.Documents[0].Status)).Inc()
		default:
			ended.WithLabelValues("split").Inc()
		}
	}
}

// stopped tells whether an error only says that the program was asked to stop.
func stopped(err error) bool { return err == nil || errors.Is(err, context.Canceled) }

// secondLooks is the pool's form of the setting, whose zero value is the
// default there and none here.
func secondLooks(share float64) float64 {
	if share <= 0 {
		return -1
	}
	return share
}
