package index

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"time"

	"chartroom/record"
	"github.com/blevesearch/bleve/v2"
	"github.com/blevesearch/bleve/v2/document"
)

// Run follows the catalog until ctx ends: it indexes what changes, as soon as
// Notify is called and every now and then, replaces shards that break, and
// compares all checksums once a day. Changes that arrive while a batch is
// being written go together in the next. It returns nil when ctx ends, and an
// error only if the index cannot be used at all.
func (x *Index) Run(ctx context.Context, src Source) error {
	x.work.Lock()
	defer x.work.Unlock()
	x.setRunning(true)
	defer x.setRunning(false)
	poll := time.NewTicker(x.cfg.Poll)
	defer poll.Stop()
	scrub := newScrubber(ctx, x)
	defer scrub.wait()
	for ctx.Err() == nil {
		if err := x.catchUp(ctx, src); err != nil && ctx.Err() == nil {
			x.log.Warn("index cannot follow the catalog, trying again", "reason", err)
		}
		select {
		case <-ctx.Done():
		case <-x.wake:
		case <-poll.C:
		case req := <-x.requests:
			req.done <- x.rebuild(ctx, src)
		}
	}
	return nil
}

// CatchUp follows the catalog up to its head, once. It waits for a Run that is
// under way, so use it instead of Run, not beside it.
func (x *Index) CatchUp(ctx context.Context, src Source) error {
	x.work.Lock()
	defer x.work.Unlock()
	return x.catchUp(ctx, src)
}

type rebuildRequest struct{ done chan error }

// Rebuild builds the whole index again beside the one in use and puts it in
// its place in one step; searches are answered from the old one, which goes on
// following the catalog, until then. It may be called while Run runs.
func (x *Index) Rebuild(ctx context.Context, src Source) error {
	req := rebuildRequest{make(chan error, 1)}
	retry := time.NewTicker(50 * time.Millisecond)
	defer retry.Stop()
	for {
		if x.work.TryLock() {
			defer x.work.Unlock()
			return x.rebuild(ctx, src)
		}
		select {
		case x.requests <- req:
			select {
			case err := <-req.done:
				return err
			case <-ctx.Done():
				return ctx.Err()
			}
		case <-ctx.Done():
			return ctx.Err()
		case <-retry.C:
		}
	}
}

// catchUp replaces what is broken and follows the catalog to its head.
func (x *Index) catchUp(ctx context.Context, src Source) error {
	defer x.look()()
	if err := x.replaceBroken(); err != nil {
		return err
	}
	epoch, head, err := standing(ctx, src)
	if err != nil {
		return err
	}
	g := x.generation()
	if g.belongsElsewhere(epoch, head) {
		x.log.Warn("catalog is not the one that was indexed, index is built again")
		return x.rebuild(ctx, src)
	}
	if len(g.list()) != x.cfg.Shards {
		return x.rebuild(ctx, src)
	}
	g.epoch = epoch
	x.publish(g.low(), head, false)
	for {
		low, more, err := g.step(ctx, x.cfg, src)
		if err != nil {
			return err
		}
		if !more {
			x.publish(max(low, head), head, true)
			return nil
		}
		x.publish(low, head, low >= head)
	}
}

// standing asks the catalog which one it is and how far it is.
func standing(ctx context.Context, src Source) (epoch string, head int64, err error) {
	if epoch, err = src.Epoch(ctx); err != nil {
		return "", 0, fmt.Errorf("ask catalog: %w", err)
	}
	if head, err = src.Head(ctx); err != nil {
		return "", 0, fmt.Errorf("ask catalog: %w", err)
	}
	return epoch, head, nil
}

// belongsElsewhere reports whether the generation was made from another
// catalog, or from a later state of this one than there is now.
func (g *generation) belongsElsewhere(epoch string, head int64) bool {
	for _, s := range g.list() {
		if s.mark.Seq > head || s.mark.Seq > 0 && s.mark.Epoch != epoch {
			return true
		}
	}
	return false
}

// publish tells searchers and waiters how far the index is. caught, once true,
// stays so until a shard is replaced.
func (x *Index) publish(low, head int64, caught bool) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.caught = x.caught || caught
	x.head = head
	if low != x.low {
		x.low = low
		x.tell()
	}
}

// replaceBroken sets aside the shards that are out of service and begins new
// ones in their place.
func (x *Index) replaceBroken() error {
	g := x.generation()
	for _, old := range g.list() {
		if !old.isBroken() {
			continue
		}
		x.log.Warn("shard of the index is set aside and built again", "shard", old.name, "reason", *old.broken.Load())
		if err := old.discard(); err != nil {
			x.log.Warn("broken shard cannot be closed", "shard", old.name, "reason", err)
		}
		if err := x.setAside(old.dir); err != nil {
			return err
		}
		s, err := createShard(old.dir, x.cfg.OpenTimeout, x.Notify)
		if err != nil {
			return err
		}
		g.replace(old, s)
		x.mu.Lock()
		x.caught, x.low = false, 0
		x.mu.Unlock()
	}
	return nil
}

// rebuild makes a new generation, fills it, and puts it in the place of the
// one in use. Meanwhile the old one goes on following, if it can.
func (x *Index) rebuild(ctx context.Context, src Source) (err error) {
	g, err := x.newGeneration()
	if err != nil {
		return fmt.Errorf("rebuild index: %w", err)
	}
	defer func() {
		if err != nil {
			g.close()
			os.RemoveAll(g.dir)
		}
	}()
	epoch, head, err := standing(ctx, src)
	if err != nil {
		return fmt.Errorf("rebuild index: %w", err)
	}
	g.epoch = epoch
	old := x.generation()
	foreign := old.belongsElsewhere(epoch, head)
	if foreign {
		x.mu.Lock()
		x.caught, x.low, x.head = false, 0, head
		x.mu.Unlock()
	}
	for more := true; more; {
		if _, more, err = g.step(ctx, x.cfg, src); err != nil {
			return fmt.Errorf("rebuild index: %w", err)
		}
		if !foreign {
			x.followMeanwhile(ctx, old, src, epoch, head)
		}
	}
	if err := x.makeCurrent(g); err != nil {
		return fmt.Errorf("rebuild index: %w", err)
	}
	x.swap(g, head)
	if err := old.close(); err != nil {
		x.log.Warn("old index cannot be closed", "reason", err)
	}
	return os.RemoveAll(old.dir)
}

// followMeanwhile keeps the index in use up to date during a rebuild.
func (x *Index) followMeanwhile(ctx context.Context, old *generation, src Source, epoch string, head int64) {
	defer x.look()()
	old.epoch = epoch
	for {
		low, more, err := old.step(ctx, x.cfg, src)
		if err != nil {
			return // it breaks or waits by itself; the rebuild goes on
		}
		x.publish(low, max(head, low), !more)
		if !more {
			return
		}
	}
}

// swap puts a filled generation in use.
func (x *Index) swap(g *generation, head int64) {
	x.mu.Lock()
	x.now, x.caught = g, true
	x.mu.Unlock()
	low := max(g.low(), head)
	x.publish(low, low, true)
}

// step indexes the next changes. more is false if there were none.
func (g *generation) step(ctx context.Context, cfg Config, src Source) (low int64, more bool, err error) {
	low = g.low()
	changes, err := src.Changed(ctx, low, cfg.BatchPages, cfg.BatchBytes)
	if err != nil {
		return low, false, fmt.Errorf("read changes: %w", err)
	}
	if len(changes) == 0 {
		return low, false, nil
	}
	batches := map[*shard]*batch{}
	for _, s := range g.list() {
		batches[s] = &batch{shard: s, cfg: cfg, epoch: g.epoch}
	}
	for _, c := range changes {
		b := batches[g.shardOf(c.Document.ID)]
		if c.Seq <= b.shard.mark.Seq {
			continue // this shard has it; another is behind
		}
		if err := b.add(ctx, c); err != nil {
			return low, false, err
		}
	}
	last := changes[len(changes)-1].Seq
	for s, b := range batches {
		if err := b.flush(max(last, s.mark.Seq)); err != nil {
			return low, false, err
		}
	}
	return g.low(), true, ctx.Err()
}

// batch gathers the pages that go into a shard together.
type batch struct {
	shard   *shard
	cfg     Config
	epoch   string
	bleve   *bleve.Batch
	pending map[record.ID]bool
	delta   int // by how many pages the shard grows
	bytes   int64
	done    int64 // all changes up to here are in it whole
}

// add puts a document's pages in the place of what the shard holds of it. A
// long document may fill several batches; the watermark moves with the last.
func (b *batch) add(ctx context.Context, c Change) error {
	if b.pending[c.Document.ID] {
		if err := b.write(b.done); err != nil {
			return err
		}
	}
	stale, err := b.shard.pagesOf(ctx, c.Document.ID)
	if err != nil {
		return fmt.Errorf("find pages of a document: %w", err)
	}
	for _, e := range entries(c.Document) {
		if at := slices.Index(stale, e.ID()); at >= 0 {
			stale = slices.Delete(stale, at, at+1)
		} else {
			b.delta++
		}
		if err := b.page(c.Document.ID, e); err != nil {
			return err
		}
	}
	b.begin(c.Document.ID)
	for _, name := range stale {
		b.bleve.Delete(name)
		b.delta--
	}
	b.done = c.Seq
	return nil
}

// page adds one page, and writes the batch if that fills it.
func (b *batch) page(id record.ID, e *document.Document) error {
	b.begin(id)
	if err := b.bleve.IndexAdvanced(e); err != nil {
		return fmt.Errorf("add page: %w", err)
	}
	if b.bytes += int64(e.Size()); b.bleve.Size() < b.cfg.BatchPages && b.bytes < b.cfg.BatchBytes {
		return nil
	}
	return b.write(b.done)
}

func (b *batch) begin(id record.ID) {
	if b.bleve == nil {
		b.bleve, b.pending = b.shard.bleveIndex.NewBatch(), map[record.ID]bool{}
		b.done = max(b.done, b.shard.mark.Seq)
	}
	if id != "" {
		b.pending[id] = true
	}
}

// flush writes what is left, and the watermark.
func (b *batch) flush(seq int64) error {
	if b.bleve == nil && seq == b.shard.mark.Seq {
		return nil
	}
	b.begin("")
	return b.write(seq)
}

func (b *batch) write(seq int64) error {
	m := mark{Schema: Schema, Epoch: b.epoch, Seq: seq, Pages: uint64(int64(b.shard.mark.Pages) + int64(b.delta))}
	err := b.shard.write(b.bleve, m, b.cfg.BatchTimeout)
	b.bleve, b.pending, b.delta, b.bytes = nil, nil, 0, 0
	return err
}

// scrubber compares checksums beside Run.
type scrubber struct{ done chan struct{} }

// newScrubber starts one: soon after the start, for what was too large to be
// looked at when it was opened, and then every ScrubEvery.
func newScrubber(ctx context.Context, x *Index) *scrubber {
	s := &scrubber{done: make(chan struct{})}
	go func() {
		defer close(s.done)
		first := time.Second
		if treeSize(x.generation().dir) <= x.cfg.ScrubAtOpen {
			first = x.cfg.ScrubEvery
		}
		for t := time.NewTimer(first); ; t.Reset(x.cfg.ScrubEvery) {
			select {
			case <-ctx.Done():
				t.Stop()
				return
			case <-t.C:
			}
			if err := x.Check(ctx); err != nil && !errors.Is(err, context.Canceled) {
				x.log.Warn("index failed its check", "reason", err)
			}
		}
	}()
	return s
}

func (s *scrubber) wait() { <-s.done }
