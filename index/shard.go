package index

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"chartroom/record"
	"github.com/blevesearch/bleve/v2"
	"github.com/blevesearch/bleve/v2/index/scorch"
	api "github.com/blevesearch/bleve_index_api"
	segment "github.com/blevesearch/scorch_segment_api/v2"
	bolterrors "go.etcd.io/bbolt/errors"
	"golang.org/x/sys/unix"
)

// Schema is the version of what is written into an index: fields, terms,
// tokeniser. An index of another version is built again.
const Schema = 1

// Errors of this package that callers may ask for with errors.Is.
var (
	ErrBusy     = errors.New("index is in use by another process")
	ErrClosed   = errors.New("index is closed")
	errBroken   = errors.New("index is damaged")
	errOutdated = errors.New("index is of another version")
	errTimeout  = errors.New("index does not answer")
)

// A shard is one Bleve index and what keeps it honest: it is opened behind a
// guard, every search runs behind recover and a deadline, every batch carries
// a watermark, and whatever goes wrong takes the shard out of service, to be
// set aside and built again. It stands in for the bleve.Index it holds.
type shard struct {
	bleveIndex
	dir    string
	name   string
	broken atomic.Pointer[error]
	wake   func() // tells the owner that the shard broke

	mark mark         // of the last batch; owned by whoever follows the catalog
	seq  atomic.Int64 // mark.Seq, for everybody
}

// bleveIndex gives the embedded index a name that is not that of its method.
type bleveIndex = bleve.Index

// mark is what a batch leaves behind, in the same transaction as its pages:
// all documents up to Seq of that life of the catalog are in the shard, which
// holds so many pages.
type mark struct {
	Schema int    `json:"schema"`
	Epoch  string `json:"epoch"`
	Seq    int64  `json:"seq"`
	Pages  uint64 `json:"pages"`
}

var markKey = []byte("chartroom")

// seal writes a mark with its checksum, for Bleve checks none.
func (m mark) seal() []byte {
	b, _ := json.Marshal(m) // a struct of numbers and a string cannot fail
	return fmt.Appendf(b, " %08x", crc32.ChecksumIEEE(b))
}

func unsealMark(b []byte) (mark, error) {
	var m mark
	if len(b) < 9 {
		return m, fmt.Errorf("read watermark: %w", errBroken)
	}
	body := b[:len(b)-9]
	if fmt.Sprintf(" %08x", crc32.ChecksumIEEE(body)) != string(b[len(b)-9:]) {
		return m, fmt.Errorf("read watermark: checksum: %w", errBroken)
	}
	if err := json.Unmarshal(body, &m); err != nil {
		return m, fmt.Errorf("read watermark: %w", errBroken)
	}
	return m, nil
}

// asyncErrorName is the name under which Bleve knows our handler of errors in
// its background work; asyncHandlers leads from a shard's folder to the shard.
const asyncErrorName = "chartroom"

var (
	asyncHandlers sync.Map
	registerOnce  sync.Once
)

func bleveConfig() map[string]any {
	registerOnce.Do(func() {
		scorch.RegistryAsyncErrorCallbacks[asyncErrorName] = func(err error, path string) {
			if s, ok := asyncHandlers.Load(path); ok && !strings.Contains(err.Error(), unix.ENOSPC.Error()) {
				s.(*shard).fail(fmt.Errorf("background work: %w", err))
			}
		}
	})
	return map[string]any{
		"bolt_timeout":           "2s",
		"numSnapshotsToKeep":     3,
		"asyncErrorCallbackName": asyncErrorName,
	}
}

// createShard makes an empty shard in a folder that does not exist yet, and
// sees to it that what Bleve writes at creation is on the disk: it does not.
func createShard(dir string, timeout time.Duration, wake func()) (*shard, error) {
	s := &shard{dir: dir, name: filepath.Base(dir), wake: wake}
	err := guard(timeout, func() (err error) {
		s.bleveIndex, err = bleve.NewUsing(dir, newMapping(), scorch.Name, scorch.Name, bleveConfig())
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("create shard: %w", err)
	}
	s.mark.Schema = Schema
	if err := s.bleveIndex.SetInternal(markKey, s.mark.seal()); err != nil {
		return nil, fmt.Errorf("create shard: %w", err)
	}
	s.register()
	return s, syncTree(dir)
}

// openShard opens a shard and believes it only if its version, its watermark's
// checksum, its number of pages and, where scrub is set, the checksums of all
// segments are right.
func openShard(ctx context.Context, dir string, timeout time.Duration, scrub bool, wake func()) (*shard, error) {
	s := &shard{dir: dir, name: filepath.Base(dir), wake: wake}
	var err error
	s.bleveIndex, err = openBleve(dir, timeout)
	switch {
	case errors.Is(err, bolterrors.ErrTimeout):
		return nil, fmt.Errorf("open shard: %w", ErrBusy)
	case errors.Is(err, os.ErrPermission):
		return nil, fmt.Errorf("open shard: %w", err)
	case err != nil:
		return nil, fmt.Errorf("open shard: %w: %w", errBroken, err)
	}
	if err := guard(timeout, func() error { return s.verify(ctx, scrub) }); err != nil {
		s.discard()
		return nil, fmt.Errorf("open shard: %w", err)
	}
	s.register()
	return s, nil
}

// openBleve opens an index behind the guard. One that opens after we gave up
// on it is closed again.
func openBleve(dir string, timeout time.Duration) (bleve.Index, error) {
	opened := make(chan bleve.Index, 1)
	err := guard(timeout, func() error {
		ix, err := bleve.OpenUsing(dir, bleveConfig())
		if err == nil {
			opened <- ix
		}
		return err
	})
	if errors.Is(err, errTimeout) {
		go func() { (<-opened).Close() }()
	}
	if err != nil {
		return nil, err
	}
	return <-opened, nil
}

func (s *shard) register() {
	asyncHandlers.Store(filepath.Join(s.dir, "store"), s)
	s.seq.Store(s.mark.Seq)
}

// verify reads the mark and compares it with what is there.
func (s *shard) verify(ctx context.Context, scrub bool) error {
	b, err := s.bleveIndex.GetInternal(markKey)
	if err != nil {
		return fmt.Errorf("read watermark: %w: %w", errBroken, err)
	}
	if s.mark, err = unsealMark(b); err != nil {
		return err
	}
	if s.mark.Schema != Schema {
		return errOutdated
	}
	if n, err := s.bleveIndex.DocCount(); err != nil || n != s.mark.Pages {
		return fmt.Errorf("count pages: %w", errBroken)
	}
	if scrub {
		return s.scrub(ctx)
	}
	return nil
}

// Name names the shard in errors of an alias.
func (s *shard) Name() string { return s.name }

// SearchInContext searches behind recover and the context's deadline. Bleve
// has no recover of its own there, and a damaged segment may panic.
func (s *shard) SearchInContext(ctx context.Context, req *bleve.SearchRequest) (res *bleve.SearchResult, err error) {
	ctx = context.WithValue(ctx, shardKey{}, s.name)
	answer := make(chan *bleve.SearchResult, 1)
	err = s.protect(ctx, func() error {
		res, err := s.bleveIndex.SearchInContext(ctx, req)
		answer <- res
		return err
	})
	if err != nil {
		return nil, err
	}
	return <-answer, nil
}

// read lets do look into the shard, behind the same guards.
func (s *shard) read(ctx context.Context, do func(context.Context, api.IndexReader) error) error {
	return s.protect(ctx, func() error {
		advanced, err := s.bleveIndex.Advanced()
		if err != nil {
			return err
		}
		r, err := advanced.Reader()
		if err != nil {
			return err
		}
		defer r.Close()
		return do(context.WithValue(ctx, shardKey{}, s.name), r)
	})
}

// protect runs do until it or the context ends. A panic breaks the shard.
func (s *shard) protect(ctx context.Context, do func() error) error {
	if s.isBroken() {
		return errBroken
	}
	done := make(chan error, 1)
	go func() {
		defer func() {
			if p := recover(); p != nil {
				err := fmt.Errorf("search panicked: %w", errBroken)
				s.fail(err)
				done <- err
			}
		}()
		done <- do()
	}()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// fail takes the shard out of service.
func (s *shard) fail(err error) {
	if s.broken.CompareAndSwap(nil, &err) && s.wake != nil {
		s.wake()
	}
}

func (s *shard) isBroken() bool { return s.broken.Load() != nil }

// write carries out a batch together with its mark, or fails the shard. On a
// disk that is nearly full it refuses instead, for that is no fault of the
// shard's, and Bleve would never come back.
func (s *shard) write(b *bleve.Batch, m mark, timeout time.Duration) error {
	var fs unix.Statfs_t
	if err := unix.Statfs(s.dir, &fs); err == nil && int64(fs.Bavail)*fs.Bsize < leastFree {
		return fmt.Errorf("write batch: %w", unix.ENOSPC)
	}
	b.SetInternal(markKey, m.seal())
	if err := guard(timeout, func() error { return s.bleveIndex.Batch(b) }); err != nil {
		s.fail(err)
		return fmt.Errorf("write batch: %w", err)
	}
	s.mark = m
	s.seq.Store(m.Seq)
	return nil
}

// leastFree is the room in bytes without which nothing is written.
const leastFree = 64 << 20

// pagesOf gives the names of the entries that the shard holds of a document.
func (s *shard) pagesOf(ctx context.Context, id record.ID) (names []string, err error) {
	found := make(chan []string, 1)
	err = s.read(ctx, func(ctx context.Context, r api.IndexReader) error {
		list, err := r.TermFieldReader(ctx, []byte(id), fieldDocument, false, false, false)
		if err != nil {
			return err
		}
		defer list.Close()
		var names []string
		for {
			d, err := list.Next(nil)
			if err != nil || d == nil {
				found <- names
				return err
			}
			name, err := r.ExternalID(d.ID)
			if err != nil {
				return err
			}
			names = append(names, name)
		}
	})
	if err != nil {
		return nil, err
	}
	return <-found, nil
}

// discard closes the shard without waiting for it for long: one that is
// wedged must not hold up what replaces it.
func (s *shard) discard() error {
	asyncHandlers.CompareAndDelete(filepath.Join(s.dir, "store"), s)
	return guard(closeTimeout, s.bleveIndex.Close)
}

const closeTimeout = 10 * time.Second

// guard runs do, turns a panic into errBroken, and gives up waiting after a
// while. What is given up on goes on by itself; its result is lost.
func guard(timeout time.Duration, do func() error) error {
	done := make(chan error, 1)
	go func() {
		defer func() {
			if p := recover(); p != nil {
				done <- fmt.Errorf("panic: %w", errBroken)
			}
		}()
		done <- do()
	}()
	t := time.NewTimer(timeout)
	defer t.Stop()
	select {
	case err := <-done:
		return err
	case <-t.C:
		return errTimeout
	}
}

// scrubSegment compares one segment file with its checksum.
func scrubSegment(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if info.Size() < 4 {
		return errBroken
	}
	sum := crc32.NewIEEE()
	if _, err := io.CopyN(sum, f, info.Size()-4); err != nil {
		return err
	}
	var want [4]byte
	if _, err := io.ReadFull(f, want[:]); err != nil {
		return err
	}
	if binary.BigEndian.Uint32(want[:]) != sum.Sum32() {
		return fmt.Errorf("checksum: %w", errBroken)
	}
	return nil
}

// scrub compares every segment in use with the checksum in its last four
// bytes. Bleve writes that checksum and never looks at it. Files that a crash
// left half written, or that are being written now, are not in use.
func (s *shard) scrub(ctx context.Context) error {
	advanced, err := s.bleveIndex.Advanced()
	if err != nil {
		return err
	}
	r, err := advanced.Reader()
	if err != nil {
		return err
	}
	defer r.Close() // until then no segment of it is removed
	snapshot, ok := r.(*scorch.IndexSnapshot)
	if !ok {
		return fmt.Errorf("scrub: index is no scorch: %w", errBroken)
	}
	for _, seg := range snapshot.Segments() {
		file, onDisk := seg.Segment().(segment.PersistedSegment)
		if !onDisk {
			continue
		}
		if err := scrubSegment(file.Path()); err != nil {
			return fmt.Errorf("scrub %s: %w", filepath.Base(file.Path()), err)
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
	}
	return nil
}

// syncTree makes the files and folders below dir, and dir's own entry, durable.
func syncTree(dir string) error {
	err := filepath.WalkDir(dir, func(path string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		return syncPath(path)
	})
	if err != nil {
		return fmt.Errorf("sync folder: %w", err)
	}
	return syncPath(filepath.Dir(dir))
}

func syncPath(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	return f.Sync()
}
