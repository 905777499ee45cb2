package ingest

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"os"
	"path"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"chartroom/catalog"
	"chartroom/record"
)

// CollectOptions say how the ingest command takes files in.
type CollectOptions struct {
	Move                   bool // files go away when their scan is stored
	Facility, Batch, Place string
	Backlog                bool            // their jobs wait behind others
	Index                  *Delivery       // what a vendor says of the files
	Pattern                string          // what folder names say, see ParsePattern
	Watched                bool            // a service looks after the drop folders now: files in them are its own
	Found                  func(files int) // told once, before the first file, how many there are
}

// Arrival is a file that was received. Created is false where the same bytes
// were known: this is one more receipt of the same scan.
type Arrival struct {
	Claim   catalog.Claim
	Receipt record.Receipt
	Created bool
}

// Skipped is the error of an entry that is not taken in. Its text leaves the
// path out.
type Skipped struct {
	Path   record.Private
	Why    string
	Failed bool // it should have been taken in and could not be: there may be paper in it
}

func (s *Skipped) Error() string { return "not taken in: " + s.Why }

// collector gathers the files of one ingest command.
type collector struct {
	in      *Intake
	opt     CollectOptions
	pattern *Pattern
	files   []listed
	skipped []*Skipped
	seen    map[string]bool
	open    map[string]catalog.Claim // claims of earlier commands that are not released, by file
	root    *os.File                 // the folder opened last
	rooted  string
}

// listed is a file to take: rel below root, and the batch it has by default.
type listed struct {
	root, rel, batch string
}

func (l listed) path() string { return path.Join(l.root, l.rel) }

// Collect takes in files, and the files in folders, where they lie: no waiting
// for them to settle, nothing renamed. Each becomes a claim of Mode Keep, or
// Move, and a receipt; or it is yielded as *Skipped with the reason. Another
// error ends the sequence: the ledger does not answer, or ctx has ended.
//
// The path of a receipt is the file's place below the folder that was given,
// its batch, where nothing else says one, the top folder there, or else the
// given folder's own name. A file of an earlier command that was killed is
// taken up again under its claim.
func (in *Intake) Collect(ctx context.Context, paths []string, opt CollectOptions) iter.Seq2[Arrival, error] {
	return func(yield func(Arrival, error) bool) {
		c := &collector{in: in, opt: opt, seen: map[string]bool{}}
		defer func() {
			if c.root != nil {
				c.root.Close()
			}
		}()
		if err := c.prepare(ctx, paths); err != nil {
			yield(Arrival{}, err)
			return
		}
		for _, s := range c.skipped {
			if !yield(Arrival{}, s) {
				return
			}
		}
		for i, gift := range opt.Index.assign(c.paths()) {
			a, err := c.arrive(ctx, c.files[i], gift)
			_, skipped := errors.AsType[*Skipped](err)
			if !yield(a, err) || err != nil && !skipped {
				return
			}
		}
	}
}

func (c *collector) prepare(ctx context.Context, paths []string) (err error) {
	if c.pattern, err = ParsePattern(c.opt.Pattern); err != nil {
		return err
	}
	if c.open, err = c.in.leftByCommands(ctx); err != nil {
		return fmt.Errorf("collect: %w", err)
	}
	for _, p := range paths {
		c.list(ctx, p)
	}
	if ctx.Err() == nil && c.opt.Found != nil {
		c.opt.Found(len(c.files))
	}
	return ctx.Err()
}

func (c *collector) paths() []string {
	names := make([]string, len(c.files))
	for i, l := range c.files {
		names[i] = l.path()
	}
	return names
}

// leftByCommands finds the claims that earlier commands left, by their file:
// those that were received go on. Those that were not hold nothing and are
// dropped; the file, given again, begins a new one.
func (in *Intake) leftByCommands(ctx context.Context) (map[string]catalog.Claim, error) {
	claims, err := in.ledger.Claims(ctx)
	if err != nil {
		return nil, err
	}
	open := map[string]catalog.Claim{}
	for _, claim := range claims {
		switch {
		case claim.Folder != CommandLine:
		case claim.Receipt != nil:
			open[claim.Held.Reveal()] = claim
		default:
			// Refused where a command that runs now has just received it.
			if err := in.ledger.DropClaim(ctx, claim.ID); err != nil {
				in.log.Info("a claim of an earlier command stays", "claim", claim.ID, "reason", err)
			}
		}
	}
	return open, nil
}

// list lists the files of one path that was given. Links in it are followed,
// for it is the caller's own word; links below it are not.
func (c *collector) list(ctx context.Context, given string) {
	name, err := filepath.Abs(given)
	if err == nil {
		name, err = filepath.EvalSymlinks(name)
	}
	var info os.FileInfo
	if err == nil {
		info, err = os.Stat(name)
	}
	switch {
	case errors.Is(err, unix.ENOENT):
		c.fail(given, "it does not exist")
	case err != nil:
		c.fail(given, explain(err))
	case info.IsDir():
		c.listFolder(ctx, name)
	case info.Mode().IsRegular():
		c.add(listed{root: filepath.Dir(name), rel: filepath.Base(name)})
	default:
		c.skip(given, "not a regular file")
	}
}

func (c *collector) listFolder(ctx context.Context, name string) {
	dir, err := openFolder(name)
	if err != nil {
		c.fail(name, explain(err))
		return
	}
	defer dir.Close()
	own := shown(filepath.Base(name))
	w := walker{
		folder: func(rel string, _ entry) bool {
			if strings.HasPrefix(path.Base(rel), ".") {
				c.skip(path.Join(name, rel), "a hidden folder (its name starts with a dot)")
				return false
			}
			if c.in.owns(path.Join(name, rel), true) {
				c.skip(path.Join(name, rel), ownFolder)
				return false
			}
			return true
		},
		file: func(rel string, _ entry) {
			c.add(listed{root: name, rel: rel, batch: cmp.Or(topFolder(rel), own)})
		},
		odd: func(rel, why string, e entry) {
			if e.folder() || e.mode == 0 { // it cannot be read, or not even be looked at
				c.fail(path.Join(name, rel), why)
			} else {
				c.skip(path.Join(name, rel), why)
			}
		},
	}
	if err := w.walk(ctx, dir, "", 0); err != nil && ctx.Err() == nil {
		c.fail(name, explain(err))
	}
}

func (c *collector) skip(name, why string) {
	c.skipped = append(c.skipped, &Skipped{Path: record.Hide(name), Why: why})
}

func (c *collector) fail(name, why string) {
	c.skipped = append(c.skipped, &Skipped{Path: record.Hide(name), Why: why, Failed: true})
}

func (c *collector) add(l listed) {
	name := l.path()
	if c.seen[name] {
		return
	}
	c.seen[name] = true
	if c.opt.Index != nil && c.opt.Index.name == name {
		c.skip(name, "it is the delivered index")
		return
	}
	if c.in.owns(name, false) {
		c.skip(name, ownFolder)
		return
	}
	if d := c.in.watcherOf(name); d != nil && c.opt.Watched {
		c.skip(name, "it lies in the drop folder "+d.Name+", which the running service takes from")
		return
	}
	c.files = append(c.files, l)
}

// ownFolder is why files of the data folder are not taken in: whoever gave the
// folder that holds it would have the store taken apart.
const ownFolder = "it is chartroom's own, in its data folder"

// owns reports whether a file, or a folder with all in it, is the program's
// own: in the data folder, and not where scans lie.
func (in *Intake) owns(name string, folder bool) bool {
	data, err := filepath.EvalSymlinks(in.cfg.Data)
	if in.cfg.Data == "" || err != nil || !within(name, data) {
		return false
	}
	if !folder && strings.HasSuffix(name, reasonSuffix) {
		return true
	}
	scans := []string{in.cfg.Rejected}
	for _, d := range in.folders {
		scans = append(scans, d.Path)
	}
	for _, s := range scans {
		real, err := filepath.EvalSymlinks(s)
		if err == nil && (within(name, real) || folder && within(real, name)) {
			return false
		}
	}
	return true
}

// watcherOf is the drop folder a file lies in, nil if in none.
func (in *Intake) watcherOf(name string) *drop {
	for _, d := range in.folders {
		real, err := filepath.EvalSymlinks(d.Path)
		if err == nil && within(name, real) {
			return d
		}
	}
	return nil
}

// arrive takes one file in.
func (c *collector) arrive(ctx context.Context, l listed, gift Gift) (Arrival, error) {
	fail := func(why string) (Arrival, error) {
		return Arrival{}, &Skipped{Path: record.Hide(l.path()), Why: why, Failed: true}
	}
	if err := ctx.Err(); err != nil {
		return Arrival{}, err
	}
	f, e, err := c.openListed(l)
	if err != nil {
		return fail(explain(err))
	}
	defer f.Close()
	mode := catalog.Keep
	if c.opt.Move {
		mode = catalog.Move
	}
	if known, ok := c.open[l.path()]; ok && known.Mode == mode && sameAs(known, e) {
		return Arrival{Claim: known, Receipt: *known.Receipt}, nil
	}
	claim := catalog.Claim{ID: newID(time.Now()), Folder: CommandLine, Path: record.Hide(l.rel), Held: record.Hide(l.path()), Mode: mode}
	setStamp(&claim, e.stamp)
	a, err := c.receive(ctx, claim, f, l, gift)
	switch {
	case err == nil:
		return a, nil
	case ctx.Err() != nil:
		return Arrival{}, ctx.Err()
	case errors.Is(err, errLedger):
		return Arrival{}, err
	case errors.Is(err, errMoving):
		return fail("it changed while it was read")
	}
	return fail(explain(err))
}

// errLedger marks an error that is the ledger's, not the file's.
var errLedger = errors.New("the catalog refuses a claim")

func (c *collector) openListed(l listed) (*os.File, entry, error) {
	if c.rooted != l.root || c.root == nil {
		if c.root != nil {
			c.root.Close()
		}
		var err error
		if c.root, err = openFolder(l.root); err != nil {
			c.root = nil
			return nil, entry{}, err
		}
		c.rooted = l.root
	}
	return openRegular(c.root, l.rel)
}

func (c *collector) receive(ctx context.Context, claim catalog.Claim, f *os.File, l listed, gift Gift) (Arrival, error) {
	if err := c.in.ledger.BeginClaim(ctx, claim); err != nil {
		return Arrival{}, fmt.Errorf("%w: %w", errLedger, err)
	}
	digest, e, err := hashStill(ctx, f)
	if err != nil {
		if e := c.in.ledger.DropClaim(context.WithoutCancel(ctx), claim.ID); e != nil {
			return Arrival{}, fmt.Errorf("%w: %w", errLedger, e)
		}
		return Arrival{}, err
	}
	setStamp(&claim, e.stamp)
	lane := catalog.Urgent
	if c.opt.Backlog {
		lane = catalog.Backlog
	}
	receipt := c.receipt(claim, l, gift)
	receipt.Scan, receipt.Size = digest, e.size
	created, err := c.in.ledger.Receive(ctx, claim, receipt, lane)
	if err != nil {
		return Arrival{}, fmt.Errorf("%w: %w", errLedger, err)
	}
	claim.Receipt = &receipt
	return Arrival{claim, receipt, created}, nil
}

// receipt is what is known of a file before it is read: what the command says,
// then the index, then the names of folders.
func (c *collector) receipt(claim catalog.Claim, l listed, gift Gift) record.Receipt {
	said := Gift{Box: c.opt.Place, Batch: c.opt.Batch, Facility: c.opt.Facility}
	gift = said.over(gift).over(c.pattern.Given(path.Dir(l.rel)))
	if gift.Batch == "" && !c.pattern.readsTop() {
		gift.Batch = l.batch
	}
	return record.Receipt{ID: claim.ID, Name: record.Hide(path.Base(l.rel)), Path: claim.Path, From: CommandLine, Facility: gift.Facility,
		Batch: gift.Batch, Place: gift.Box, Given: gift.Given, Received: time.Now().UTC()}
}
