package ingest

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"sync"
	"sync/atomic"
	"time"

	"chartroom/catalog"
	"chartroom/record"
)

// CommandLine stands in Claim.Folder and Receipt.From for what the ingest
// command takes in.
const CommandLine = "command line"

// Folder is one drop folder. Only Path must be set.
type Folder struct {
	Name     string        // stands in receipts, logs and rejected/; letters, digits, space, dot, dash, underscore; default "drop"
	Path     string        // absolute
	Facility string        // the facility of its receipts where nothing else names one
	Settle   time.Duration // how long a file must stand still; default 5 s
	Poll     time.Duration // how often the folder is looked through, whatever the kernel reports; default 10 s
	Pattern  string        // what the names of subfolders say, see ParsePattern
	Mount    string        // where something must be mounted for the folder to be the right one; "": what was seen since the start
	Copy     bool          // take copies and leave the files where they are; by itself where the folder is read-only
	Backlog  bool          // its scans wait behind those of other folders
}

// IntakeConfig is what an Intake works with.
type IntakeConfig struct {
	Folders  []Folder
	Hold     string // folder for copies of files that cannot be moved
	Rejected string // folder for files that cannot be read
	Data     string // folder of the program's own files: a command takes nothing out of it but from drop folders and Rejected
	MinFree  int64  // bytes that must be free where Hold lies, else nothing is claimed; 0: 512 MiB, negative: no limit
}

// Ledger is what the intake needs of the catalog. BeginClaim comes before the
// file is touched and replaces a claim of the same id that was not received;
// Receive is one transaction that may be repeated.
type Ledger interface {
	BeginClaim(ctx context.Context, claim catalog.Claim) error
	DropClaim(ctx context.Context, id string) error
	Claims(ctx context.Context) ([]catalog.Claim, error)
	Taken(ctx context.Context, claim catalog.Claim) (bool, error)
	Receive(ctx context.Context, claim catalog.Claim, receipt record.Receipt, lane catalog.Lane) (bool, error)
}

// Ended reports whether the end that a file's format demands is there. known
// is false for formats that have no such end; those count as complete. It
// reads with ReadAt and decides on the first and last bytes alone.
type Ended func(f *os.File, size int64) (complete, known bool)

// Intake finds files in drop folders, waits until they stand still, claims
// them, and enters each in the ledger: a receipt with a job.
//
// A file is safe at every instant. While it is in the drop folder it has no
// claim, or one whose row only says that it was about to be moved. The claim
// is one rename, into .claimed in the drop folder. From there it goes away
// when the pipeline releases it, never before. Recovery reads what is there
// and goes on; it removes nothing but our own unfinished copies of files that
// still lie in their folder.
type Intake struct {
	cfg     IntakeConfig
	ledger  Ledger
	ended   Ended
	log     *slog.Logger
	folders []*drop

	// Replaced by tests.
	events bool // whether the kernel is asked to report changes
	free   func(name string) (int64, error)
	sync   func(f *os.File) error // makes a file's bytes durable
}

// NewIntake checks the configuration. It starts and makes nothing. Without
// ended every file counts as complete; without log nothing is logged.
func NewIntake(cfg IntakeConfig, ledger Ledger, ended Ended, log *slog.Logger) (*Intake, error) {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	if cfg.MinFree == 0 {
		cfg.MinFree = 512 << 20
	}
	in := &Intake{cfg: cfg, ledger: ledger, ended: ended, log: log, events: true, free: freeBytes, sync: syncFile}
	names, paths := map[string]bool{}, map[string]bool{}
	for _, f := range cfg.Folders {
		d, err := newDrop(in, f)
		if err != nil {
			return nil, err
		}
		if names[d.Name] || paths[d.Path] {
			return nil, fmt.Errorf("drop folder %q: its name or path is another drop folder's too", d.Name)
		}
		names[d.Name], paths[d.Path] = true, true
		in.folders = append(in.folders, d)
	}
	return in, nil
}

// folderName keeps names fit for a path, a log line and a metric's label.
var folderName = regexp.MustCompile(`^[A-Za-z0-9_-][A-Za-z0-9 ._-]{0,63}$`)

func (f Folder) withDefaults() Folder {
	if f.Name == "" {
		f.Name = "drop"
	}
	if f.Settle <= 0 {
		f.Settle = 5 * time.Second
	}
	if f.Poll <= 0 {
		f.Poll = 10 * time.Second
	}
	f.Path = filepath.Clean(f.Path)
	return f
}

func (f Folder) check() error {
	switch {
	case !folderName.MatchString(f.Name) || f.Name == CommandLine:
		return fmt.Errorf("drop folder %q: a name has letters, digits, space, dot, dash and underscore, at most 64", f.Name)
	case !filepath.IsAbs(f.Path) || f.Path == "/":
		return fmt.Errorf("drop folder %q: its path must be absolute", f.Name)
	case f.Mount != "" && !filepath.IsAbs(f.Mount):
		return fmt.Errorf("drop folder %q: its mount point must be an absolute path", f.Name)
	}
	return nil
}

// Run looks after all folders until ctx ends. A folder that is missing, full,
// or unmounted is a state (see State), and is looked for again by itself.
func (in *Intake) Run(ctx context.Context) error {
	if _, err := in.leftByCommands(ctx); err != nil {
		in.log.Error("claims of earlier commands cannot be listed", "error", err)
	}
	var wait sync.WaitGroup
	for _, d := range in.folders {
		wait.Go(func() { d.run(ctx) })
	}
	wait.Wait()
	return nil
}

// drop is one folder at work. Everything above the mutex belongs to the
// goroutine of run.
type drop struct {
	Folder
	in      *Intake
	pattern *Pattern
	log     *slog.Logger

	id      stamp // dev and ino of the folder as last seen
	network bool
	copies  bool     // nothing can be renamed here
	lock    *os.File // .claimed, with our lock on it
	seen    sightings
	orphans sightings // in .claimed, without a claim
	pending map[string]*unreceived
	lost    int // claims whose file is nowhere
	notify  *notifier

	dirty   chan struct{} // something happened: look at once
	recover atomic.Bool   // compare ledger and .claimed at the next look

	mu    sync.Mutex
	state FolderState
	mount string          // where its file system was mounted
	busy  time.Time       // when the step that runs now began
	left  map[string]bool // held files that were left behind, changed, by their release
}

func newDrop(in *Intake, f Folder) (*drop, error) {
	f = f.withDefaults()
	if err := f.check(); err != nil {
		return nil, err
	}
	pattern, err := ParsePattern(f.Pattern)
	if err != nil {
		return nil, fmt.Errorf("drop folder %q: %w", f.Name, err)
	}
	d := &drop{Folder: f, in: in, pattern: pattern, log: in.log.With("folder", f.Name), dirty: make(chan struct{}, 1),
		seen: sightings{}, orphans: sightings{}, pending: map[string]*unreceived{}, left: map[string]bool{}}
	d.notify = newNotifier(d)
	d.recover.Store(true)
	d.state = FolderState{Name: f.Name, Path: f.Path, Reason: "not looked at yet"}
	return d, nil
}

// wake has the folder looked at as soon as may be.
func (d *drop) wake() {
	select {
	case d.dirty <- struct{}{}:
	default:
	}
}

// FolderState is how a drop folder is doing.
type FolderState struct {
	Name, Path string
	OK         bool
	Reason     string    // why not, or a remark; holds no file names
	Since      time.Time // since when it is OK, or not
	FileSystem string    // "ext4", "nfs", …
	Network    bool      // a share: the kernel does not hear of changes
	Watch      string    // how changes are noticed
	Copies     bool      // files are taken by copy and stay where they are
	LastScan   time.Time
	Files      int // regular files in the folder, claimed ones not counted
	Taken      int // of these, taken by copy before
	Claimed    int // since the start
	Received   int // since the start
	Unreceived int // claimed, not in the catalog yet
	Lost       int // claims whose file is nowhere: an operator must look
	Overflows  int // since the start: times the kernel dropped its reports

	Waiting      []Waiting // oldest first, at most 1000
	WaitingTotal int
	Oldest       time.Time // the first sight of the oldest file that waits
}

// Waiting is an entry of a drop folder that is not taken, and why.
type Waiting struct {
	Path  record.Private // relative to the folder, raw bytes
	Why   string
	Since time.Time // first seen by us
	Size  int64
	Stuck bool // it will not go on by itself, or has not for a day
}

// slowStep is how long going through a folder, or taking one file, may last
// before the folder counts as one that does not answer.
const slowStep = 5 * time.Minute

// State tells how each folder is doing, in the order of the configuration.
func (in *Intake) State() []FolderState {
	states := make([]FolderState, len(in.folders))
	for i, d := range in.folders {
		d.mu.Lock()
		states[i] = d.state
		if !d.busy.IsZero() && time.Since(d.busy) > slowStep {
			states[i].OK, states[i].Reason = false, "the folder has not answered since "+d.busy.UTC().Format(time.RFC3339)
		}
		d.mu.Unlock()
	}
	return states
}

// Inspect looks at each folder once and claims nothing: for a doctor while no
// service runs.
func (in *Intake) Inspect(ctx context.Context) []FolderState {
	states := make([]FolderState, 0, len(in.folders))
	for _, f := range in.folders {
		d, err := newDrop(in, f.Folder)
		if err != nil {
			continue // it was checked by NewIntake
		}
		states = append(states, d.inspect(ctx))
	}
	return states
}

// What callers tell apart with errors.Is.
var (
	// ErrGone says that a claimed file is not where it was put.
	ErrGone = errors.New("the claimed file is gone")
	// ErrChanged says that a claimed file is not the one that was received.
	ErrChanged = errors.New("the claimed file was changed after it was received")
)
