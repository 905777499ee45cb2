package index

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"chartroom/record"
	"github.com/blevesearch/bleve/v2"
)

// A generation is one whole index: its shards, side by side in a folder of its
// own. The file "current" names the one in use, so that a new one can be built
// beside it and take its place in one step. Broken shards are renamed to
// broken-… in the index's folder; unfinished generations are removed.
type generation struct {
	dir    string
	epoch  string // of the catalog it follows; "" until known
	mu     sync.RWMutex
	shards []*shard
	alias  bleve.IndexAlias
}

// current is the content of the file of that name.
type current struct {
	Schema     int    `json:"schema"`
	Generation string `json:"generation"`
	Shards     int    `json:"shards"`
}

const (
	currentName      = "current"
	generationPrefix = "generation-"
	brokenPrefix     = "broken-"
	keepBroken       = 2
)

// openCurrent opens the generation in use, or starts an empty one.
func (x *Index) openCurrent(ctx context.Context) (*generation, error) {
	if err := makePrivate(x.cfg.Dir); err != nil {
		return nil, fmt.Errorf("open index: %w", err)
	}
	cur, err := readCurrent(x.cfg.Dir)
	if err != nil {
		if !errors.Is(err, os.ErrNotExist) {
			x.log.Warn("index cannot be used and is built again", "reason", err)
		}
		return x.startOver()
	}
	x.removeGenerations(cur.Generation)
	g := &generation{dir: filepath.Join(x.cfg.Dir, cur.Generation), alias: bleve.NewIndexAlias()}
	for i := range cur.Shards {
		s, err := x.openOrReplace(ctx, g.shardDir(i))
		if err != nil {
			g.close()
			return nil, fmt.Errorf("open index: %w", err)
		}
		g.add(s)
	}
	return g, nil
}

// openOrReplace opens a shard; a broken one is set aside and begun again.
func (x *Index) openOrReplace(ctx context.Context, dir string) (*shard, error) {
	scrub := treeSize(dir) <= x.cfg.ScrubAtOpen
	s, err := openShard(ctx, dir, x.cfg.OpenTimeout, scrub, x.Notify)
	if err == nil {
		return s, nil
	}
	if errors.Is(err, ErrBusy) || errors.Is(err, os.ErrPermission) || ctx.Err() != nil {
		return nil, err
	}
	x.log.Warn("shard of the index is set aside and built again", "shard", filepath.Base(dir), "reason", err)
	if err := x.setAside(dir); err != nil {
		return nil, err
	}
	return createShard(dir, x.cfg.OpenTimeout, x.Notify)
}

// startOver sets aside whatever lies in the folder and begins an empty index.
func (x *Index) startOver() (*generation, error) {
	for _, name := range x.names(generationPrefix) {
		if err := x.setAside(filepath.Join(x.cfg.Dir, name)); err != nil {
			return nil, fmt.Errorf("open index: %w", err)
		}
	}
	g, err := x.newGeneration()
	if err != nil {
		return nil, fmt.Errorf("open index: %w", err)
	}
	if err := x.makeCurrent(g); err != nil {
		g.close()
		return nil, err
	}
	return g, nil
}

// newGeneration makes an empty one beside what is there.
func (x *Index) newGeneration() (*generation, error) {
	name := generationPrefix + time.Now().UTC().Format("20060102T150405.000000000Z")
	g := &generation{dir: filepath.Join(x.cfg.Dir, name), alias: bleve.NewIndexAlias()}
	if err := makePrivate(g.dir); err != nil {
		return nil, err
	}
	for i := range x.cfg.Shards {
		s, err := createShard(g.shardDir(i), x.cfg.OpenTimeout, x.Notify)
		if err != nil {
			g.close()
			return nil, err
		}
		g.add(s)
	}
	return g, nil
}

// makeCurrent makes g the one that is opened from now on, durably.
func (x *Index) makeCurrent(g *generation) error {
	if err := syncTree(g.dir); err != nil {
		return err
	}
	b, err := json.Marshal(current{Schema: Schema, Generation: filepath.Base(g.dir), Shards: len(g.shards)})
	if err != nil {
		return err
	}
	path := filepath.Join(x.cfg.Dir, currentName)
	if err := os.WriteFile(path+".new", b, 0o600); err != nil {
		return fmt.Errorf("write %s: %w", currentName, err)
	}
	if err := syncPath(path + ".new"); err != nil {
		return fmt.Errorf("write %s: %w", currentName, err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		return fmt.Errorf("write %s: %w", currentName, err)
	}
	return syncPath(x.cfg.Dir)
}

func readCurrent(dir string) (current, error) {
	var cur current
	b, err := os.ReadFile(filepath.Join(dir, currentName))
	if err != nil {
		return cur, err
	}
	if err := json.Unmarshal(b, &cur); err != nil {
		return cur, fmt.Errorf("read %s: %w", currentName, errBroken)
	}
	name := filepath.Join(dir, cur.Generation)
	switch {
	case cur.Schema != Schema:
		return cur, errOutdated
	case filepath.Dir(name) != filepath.Clean(dir) || !strings.HasPrefix(cur.Generation, generationPrefix) || cur.Shards < 1 || cur.Shards > 1000:
		return cur, fmt.Errorf("read %s: %w", currentName, errBroken)
	}
	return cur, nil
}

// names lists what in the index's folder begins so, in order.
func (x *Index) names(prefix string) []string {
	entries, err := os.ReadDir(x.cfg.Dir)
	if err != nil {
		return nil
	}
	var names []string
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), prefix) {
			names = append(names, e.Name())
		}
	}
	return names
}

// removeGenerations removes all but the one to keep: rebuilds that were not
// finished.
func (x *Index) removeGenerations(keep string) {
	for _, name := range x.names(generationPrefix) {
		if name == keep {
			continue
		}
		if err := os.RemoveAll(filepath.Join(x.cfg.Dir, name)); err != nil {
			x.log.Warn("old index cannot be removed", "reason", err)
		}
	}
}

// setAside renames a shard or generation out of the way and removes all but
// the newest that lie there.
func (x *Index) setAside(dir string) error {
	if _, err := os.Lstat(dir); errors.Is(err, os.ErrNotExist) {
		return makePrivate(filepath.Dir(dir))
	}
	to := brokenPrefix + time.Now().UTC().Format("20060102T150405.000000000Z") + "-" + filepath.Base(dir)
	if err := os.Rename(dir, filepath.Join(x.cfg.Dir, to)); err != nil {
		return fmt.Errorf("set shard aside: %w", err)
	}
	old := x.names(brokenPrefix)
	for _, name := range old[:max(0, len(old)-keepBroken)] {
		if err := os.RemoveAll(filepath.Join(x.cfg.Dir, name)); err != nil {
			x.log.Warn("broken index cannot be removed", "reason", err)
		}
	}
	return nil
}

func (g *generation) shardDir(i int) string {
	return filepath.Join(g.dir, fmt.Sprintf("shard-%03d", i))
}

func (g *generation) add(s *shard) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.shards = append(g.shards, s)
	g.alias.Add(s)
}

// replace puts a new shard in the place of a broken one.
func (g *generation) replace(old, s *shard) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.shards = slices.Clone(g.shards)
	g.shards[slices.Index(g.shards, old)] = s
	g.alias.Swap([]bleve.Index{s}, []bleve.Index{old})
}

func (g *generation) list() []*shard {
	g.mu.RLock()
	defer g.mu.RUnlock()
	return g.shards
}

// shardOf is the shard that holds a document.
func (g *generation) shardOf(id record.ID) *shard {
	h := fnv.New32a()
	h.Write([]byte(id))
	shards := g.list()
	return shards[h.Sum32()%uint32(len(shards))]
}

// low is the change up to which every shard holds everything.
func (g *generation) low() int64 {
	shards := g.list()
	low := shards[0].seq.Load()
	for _, s := range shards {
		low = min(low, s.seq.Load())
	}
	return low
}

func (g *generation) close() error {
	var errs []error
	for _, s := range g.list() {
		errs = append(errs, s.discard())
	}
	return errors.Join(errs...)
}
