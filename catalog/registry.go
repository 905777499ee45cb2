package catalog

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
	"sync"
	"time"

	"chartroom/record"
)

// ErrImporting says that another import of the registry is under way.
var ErrImporting = errors.New("another import of the registry is under way")

// Registry is how the registry stands. Version is the last import that
// changed it. While Filling it may hold one of two patients who are alike and
// not yet the other; Broken says that an import broke off and left it so.
type Registry struct {
	Version int64
	Filling bool
	Broken  bool
}

// Registry says how the registry stands.
func (c *Catalog) Registry(ctx context.Context) (r Registry, err error) {
	err = c.db.view(ctx, func(s session) error {
		if err := one(ctx, s, []any{&r.Version}, `SELECT number FROM state WHERE name = 'registry'`); err != nil {
			return err
		}
		return each(ctx, s, func(rows rows) error {
			var id, beat int64
			var place string
			err := rows.Scan(&id, &place, &beat)
			if c.alive(id, place, beat) {
				r.Filling = true
			} else {
				r.Broken = true
			}
			return err
		}, `SELECT id, place, beat FROM imports WHERE ended = 0`)
	})
	if err != nil {
		return r, fmt.Errorf("read the registry's state: %w", err)
	}
	return r, nil
}

// importBeat is how often an import says that it goes on, importLease how long
// it may be silent.
const (
	importBeat  = 10 * time.Second
	importLease = 2 * time.Minute
)

// alive says whether an import that is not over goes on. One of this place
// does so only here: a place has one owner at a time.
func (c *Catalog) alive(id int64, place string, beat int64) bool {
	if place == c.place {
		return c.importing.Load() == id
	}
	return time.Since(fromMicros(beat)) < importLease
}

// ImportOptions says how changes of the registry are taken.
type ImportOptions struct {
	// Opening tells a file from others by how it begins: an import that broke
	// off is made good by one of the same file, or by a longer one.
	Opening string
	// Exact takes patients as they are given, links and all, over what is
	// known of them: the registry's own snapshots.
	Exact bool
	// Refused hears of the changes that are not made, and why.
	Refused func(line int, reason string)
}

// Imported counts what became of the changes. Version is the registry's after
// them.
type Imported struct {
	Added, Updated, Unchanged, Merged, Unmerged, Refused int
	Version                                              int64
}

// importBatch is how many changes go into one transaction.
const importBatch = 5000

// Import changes the registry, a few thousand changes in a transaction. Until
// it is over the registry is being filled; whoever matches waits for that. An
// import that is broken off leaves what it has written, and the registry
// marked as broken until the file is imported again.
//
// At its end the records that are merged lead to their survivors, and the
// documents that may be matched otherwise now are marked (Due). An error among
// the changes breaks the import off.
func (c *Catalog) Import(ctx context.Context, opt ImportOptions, changes iter.Seq2[record.PatientChange, error]) (Imported, error) {
	c.importLock.Lock()
	defer c.importLock.Unlock()
	if opt.Refused == nil {
		opt.Refused = func(int, string) {}
	}
	i := &importer{c: c, opt: opt}
	if err := i.begin(ctx); err != nil {
		return Imported{}, fmt.Errorf("import patients: %w", err)
	}
	defer c.importing.Store(0)
	stop := i.beat(ctx)
	err := i.all(ctx, changes)
	stop()
	if err == nil {
		err = i.end(ctx)
	}
	if err != nil {
		i.abandon(ctx)
		return i.sum, fmt.Errorf("import patients: %w", err)
	}
	return i.sum, nil
}

// SavePatients adds patients to the registry or brings them up to date, keyed
// by authority and MRN, just as they are given. Patients that stand there just
// so already count in neither number.
func (c *Catalog) SavePatients(ctx context.Context, patients iter.Seq[record.Patient]) (added, updated int, err error) {
	sum, err := c.Import(ctx, ImportOptions{Exact: true}, func(yield func(record.PatientChange, error) bool) {
		for p := range patients {
			if !yield(record.PatientChange{Kind: record.ChangeWhole, Patient: p}, nil) {
				return
			}
		}
	})
	return sum.Added, sum.Updated, err
}

// importer is one import.
type importer struct {
	c       *Catalog
	opt     ImportOptions
	id      int64
	changes int
	fresh   int  // keys that wait in registry_fresh
	links   bool // something was merged or un-merged
	sum     Imported
	touched touched
}

// begin enters the import, unless another is under way.
func (i *importer) begin(ctx context.Context) error {
	return i.c.db.update(ctx, func(tx transaction) error {
		if _, err := tx.exec(ctx, `UPDATE state SET number = number WHERE name = 'registry'`); err != nil { // one after the other
			return err
		}
		var last int64
		if err := one(ctx, tx, []any{&last}, `SELECT number FROM state WHERE name = 'registry'`); err != nil {
			return err
		}
		busy := false
		err := each(ctx, tx, func(r rows) error {
			var id, beat, ended int64
			var place string
			err := r.Scan(&id, &place, &beat, &ended)
			last = max(last, id)
			busy = busy || ended == 0 && i.c.alive(id, place, beat)
			return err
		}, `SELECT id, place, beat, ended FROM imports`)
		if err != nil {
			return err
		}
		if busy {
			return ErrImporting
		}
		now := micros(time.Now())
		i.id = max(last+1, now)
		if _, err := tx.exec(ctx, `INSERT INTO imports (id, place, opening, changes, beat, ended) VALUES ($1, $2, $3, 0, $4, 0)`, i.id, i.c.place, clean(i.opt.Opening), now); err != nil {
			return err
		}
		i.c.importing.Store(i.id)
		return settleKeys(ctx, tx) // those of an import that broke off
	})
}

// mostFresh is how many new keys are gathered before they go into the index.
const mostFresh = 2_000_000

// settleKeys puts the gathered keys among the others.
func settleKeys(ctx context.Context, tx transaction) error {
	if _, err := tx.exec(ctx, `INSERT INTO registry_keys (key, patient) SELECT key, patient FROM registry_fresh ORDER BY key, patient`); err != nil {
		return err
	}
	_, err := tx.exec(ctx, `DELETE FROM registry_fresh`)
	return err
}

// beat says every now and then that the import goes on, until stopped.
func (i *importer) beat(ctx context.Context) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	var done sync.WaitGroup
	done.Go(func() {
		tick := time.NewTicker(importBeat)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			}
			_ = i.c.db.update(ctx, func(tx transaction) error { return i.still(ctx, tx) }) // the next one may succeed
		}
	})
	return func() { cancel(); done.Wait() }
}

func (i *importer) still(ctx context.Context, tx transaction) error {
	_, err := tx.exec(ctx, `UPDATE imports SET beat = $1 WHERE id = $2`, micros(time.Now()), i.id)
	return err
}

// abandon takes an import that has changed nothing out of the books. One that
// has stays there, as broken, and what it wrote can be found.
func (i *importer) abandon(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 30*time.Second)
	defer cancel()
	_ = i.c.db.update(ctx, func(tx transaction) error { // where this fails too, the next import does it
		if err := settleKeys(ctx, tx); err != nil {
			return err
		}
		_, err := tx.exec(ctx, `DELETE FROM imports WHERE id = $1 AND changes = 0`, i.id)
		return err
	})
}

func (i *importer) all(ctx context.Context, changes iter.Seq2[record.PatientChange, error]) error {
	batch := make([]record.PatientChange, 0, importBatch)
	for ch, err := range changes {
		if err != nil {
			return errors.Join(err, i.save(ctx, batch))
		}
		if batch = append(batch, ch); len(batch) == importBatch {
			if err := i.save(ctx, batch); err != nil {
				return err
			}
			batch = batch[:0]
		}
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	return i.save(ctx, batch)
}

// save makes a batch of changes in one transaction.
func (i *importer) save(ctx context.Context, changes []record.PatientChange) error {
	if len(changes) == 0 {
		return nil
	}
	var b *importBatchState
	err := i.c.db.update(ctx, func(tx transaction) error {
		b = &importBatchState{i: i, rows: map[rowKey]*registryRow{}}
		if err := b.load(ctx, tx, changes); err != nil {
			return err
		}
		for n := range changes {
			if err := b.apply(ctx, tx, &changes[n]); err != nil {
				return err
			}
		}
		if err := b.write(ctx, tx); err != nil {
			return err
		}
		if b.fresh = i.fresh + b.come; b.fresh > mostFresh {
			if err := settleKeys(ctx, tx); err != nil {
				return err
			}
			b.fresh = 0
		}
		_, err := tx.exec(ctx, `UPDATE imports SET changes = changes + $1, beat = $2 WHERE id = $3`, b.written, micros(time.Now()), i.id)
		return err
	})
	if err != nil {
		return err
	}
	i.fresh = b.fresh
	for _, r := range b.refused {
		i.opt.Refused(r.line, r.reason)
	}
	i.changes += b.written
	i.links = i.links || b.links
	i.sum.Added, i.sum.Updated, i.sum.Unchanged = i.sum.Added+b.sum.Added, i.sum.Updated+b.sum.Updated, i.sum.Unchanged+b.sum.Unchanged
	i.sum.Merged, i.sum.Unmerged, i.sum.Refused = i.sum.Merged+b.sum.Merged, i.sum.Unmerged+b.sum.Unmerged, i.sum.Refused+len(b.refused)
	i.touched.keys(b.keys)
	return nil
}

// end makes the import count.
func (i *importer) end(ctx context.Context) error {
	return i.c.db.update(ctx, func(tx transaction) error {
		var before int64
		if err := one(ctx, tx, []any{&before}, `SELECT number FROM state WHERE name = 'registry'`); err != nil {
			return err
		}
		if err := settleKeys(ctx, tx); err != nil {
			return err
		}
		i.sum.Version = before
		moved := map[string]bool{}
		if i.links || i.opt.Exact {
			var err error
			if moved, err = followLinks(ctx, tx); err != nil {
				return err
			}
		}
		if _, err := tx.exec(ctx, `DELETE FROM imports WHERE id <> $1 AND (ended <> 0 OR opening = $2 OR changes <= $3)`, i.id, clean(i.opt.Opening), i.changes); err != nil {
			return err
		}
		if _, err := tx.exec(ctx, `UPDATE imports SET ended = $1 WHERE id = $2`, micros(time.Now()), i.id); err != nil {
			return err
		}
		if i.changes > 0 {
			i.sum.Version = i.id
			if _, err := tx.exec(ctx, `UPDATE state SET number = $1 WHERE name = 'registry'`, i.id); err != nil {
				return err
			}
			if err := markDue(ctx, tx, &i.touched); err != nil {
				return err
			}
		}
		return showElsewhere(ctx, tx, moved)
	})
}

// followLinks works out for every merged record who is at the end of its
// links, and says which record numbers lead elsewhere now than before.
func followLinks(ctx context.Context, tx transaction) (moved map[string]bool, err error) {
	type link struct {
		id, root int64
		mrn      string
		into     rowKey
	}
	links := map[rowKey]*link{}
	err = each(ctx, tx, func(r rows) error {
		var l link
		var authority string
		var body []byte
		if err := r.Scan(&l.id, &authority, &l.mrn, &l.root, &body); err != nil {
			return err
		}
		p, err := record.UnmarshalPatientLine(body)
		if err == nil && p.MergedInto != nil {
			l.into = keyFor(*p.MergedInto)
		}
		links[rowKey{authority, l.mrn}] = &l
		return err
	}, `SELECT id, authority, mrn, root, body FROM registry WHERE merged <> 0 OR root <> 0`)
	if err != nil {
		return nil, err
	}
	ends := map[rowKey]int64{}
	moved = map[string]bool{}
	for from, l := range links {
		end, steps := l.into, 0
		for next := links[end]; next != nil && next.into != (rowKey{}) && steps <= len(links); next = links[end] {
			end, steps = next.into, steps+1
		}
		root := int64(0)
		if end != (rowKey{}) && steps <= len(links) && end != from {
			var ok bool
			if root, ok = ends[end]; !ok {
				err := one(ctx, tx, []any{&root}, `SELECT id FROM registry WHERE mrn = $1 AND authority = $2`, end.mrn, end.authority)
				if err != nil && !errors.Is(err, ErrNotFound) {
					return nil, err
				}
				ends[end] = root
			}
		}
		if root != l.root {
			moved[l.mrn] = true
			if _, err := tx.exec(ctx, `UPDATE registry SET root = $1 WHERE id = $2`, root, l.id); err != nil {
				return nil, err
			}
		}
	}
	return moved, nil
}

// rowKey is a patient's key as it stands in the table.
type rowKey struct{ authority, mrn string }

func keyFor(k record.PatientKey) rowKey {
	return rowKey{clean(k.Authority), clean(k.MRN.Reveal())}
}

// registryRow is a patient of a batch: as known before, and as it shall be.
type registryRow struct {
	id         int64 // 0 for a new one
	root       int64
	changed    int64 // the import that changed it last
	touched    bool  // a change speaks of it
	known, now record.Patient
}

type refusal struct {
	line   int
	reason string
}

// importBatchState is a batch on its way into the table.
type importBatchState struct {
	i       *importer
	rows    map[rowKey]*registryRow
	order   []rowKey // in which they were met
	absent  map[rowKey]bool
	sum     Imported
	links   bool
	written int
	refused []refusal
	keys    []key // of what has changed, as it was and as it is
	come    int   // keys that are new
	fresh   int   // keys that wait, with these
}

// load reads what is known of everybody whom a batch names.
func (b *importBatchState) load(ctx context.Context, tx transaction, changes []record.PatientChange) error {
	wanted := map[rowKey]bool{}
	var mrns []string
	want := func(k record.PatientKey) {
		if key := keyFor(k); key.mrn != "" && !wanted[key] {
			wanted[key] = true
			mrns = append(mrns, key.mrn)
		}
	}
	for n := range changes {
		p := &changes[n].Patient
		want(p.Key())
		want(changes[n].Other)
		for _, other := range p.Numbers {
			if other.Kind == record.KindMRN {
				want(record.PatientKey{Authority: other.Authority, MRN: other.Value})
			}
		}
	}
	b.absent = wanted
	return inPieces(mrns, func(args []any) error {
		return each(ctx, tx, func(r rows) error {
			var k rowKey
			var row registryRow
			var body []byte
			if err := r.Scan(&row.id, &k.authority, &k.mrn, &row.root, &row.changed, &body); err != nil {
				return err
			}
			if !wanted[k] {
				return nil
			}
			p, err := record.UnmarshalPatientLine(body)
			if err != nil {
				return err
			}
			row.known, row.now = *p, *p
			b.rows[k] = &row
			b.order = append(b.order, k)
			return nil
		}, `SELECT id, authority, mrn, root, changed, body FROM registry WHERE mrn IN (`+holders(0, len(args))+`)`, args...)
	})
}

// row finds somebody, in the batch or in the table; nil where there is nobody.
func (b *importBatchState) row(ctx context.Context, tx transaction, k rowKey) (*registryRow, error) {
	if row := b.rows[k]; row != nil || b.absent[k] {
		return row, nil
	}
	var row registryRow
	var body []byte
	err := one(ctx, tx, []any{&row.id, &row.root, &row.changed, &body}, `SELECT id, root, changed, body FROM registry WHERE mrn = $1 AND authority = $2`, k.mrn, k.authority)
	if errors.Is(err, ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	p, err := record.UnmarshalPatientLine(body)
	if err != nil {
		return nil, err
	}
	row.known, row.now = *p, *p
	b.rows[k] = &row
	b.order = append(b.order, k)
	return &row, nil
}

// add enters somebody who is not in the registry yet.
func (b *importBatchState) add(p record.Patient) *registryRow {
	row := &registryRow{now: p, touched: true}
	k := keyFor(p.Key())
	b.rows[k] = row
	b.order = append(b.order, k)
	return row
}

func (b *importBatchState) refuse(line int, reason string) {
	b.refused = append(b.refused, refusal{line, reason})
}

// apply makes one change in memory.
func (b *importBatchState) apply(ctx context.Context, tx transaction, ch *record.PatientChange) error {
	switch ch.Kind {
	case record.ChangeMerge:
		return b.merge(ctx, tx, ch)
	case record.ChangeUnmerge:
		return b.unmerge(ctx, tx, ch)
	}
	b.put(ch)
	return nil
}

// put adds or changes a patient. Where the record number is new but another of
// the patient's is known, it is that record which changes: a system may name
// its numbers in any order.
func (b *importBatchState) put(ch *record.PatientChange) *registryRow {
	p := ch.Patient
	row := b.rows[keyFor(p.Key())]
	if row == nil && !b.i.opt.Exact {
		for n, other := range p.Numbers {
			k := record.PatientKey{Authority: other.Authority, MRN: other.Value}
			if other.Kind == record.KindMRN && b.rows[keyFor(k)] != nil {
				row = b.rows[keyFor(k)]
				p.Numbers = slices.Clone(p.Numbers)
				p.Numbers[n] = record.PatientNumber{Kind: record.KindMRN, Authority: p.Authority, Value: p.MRN}
				p.Authority, p.MRN = k.Authority, k.MRN
				break
			}
		}
	}
	if row == nil {
		return b.add(withoutErased(p))
	}
	row.touched = true
	if b.i.opt.Exact {
		row.now = p
		return row
	}
	if !ch.Correction && somebodyElse(&row.now, &p) {
		b.refuse(ch.Line, "the record number is in the registry for somebody of another name and birth date")
		return nil
	}
	row.now = changed(row.now, p, ch)
	return row
}

// merge lets the patient's other record lead to the one that stays.
func (b *importBatchState) merge(ctx context.Context, tx transaction, ch *record.PatientChange) error {
	into, from := keyFor(ch.Patient.Key()), keyFor(ch.Other)
	if into == from {
		b.refuse(ch.Line, "a record cannot be merged into itself")
		return nil
	}
	for at, steps := into, 0; steps < 100; steps++ {
		row, err := b.row(ctx, tx, at)
		if err != nil {
			return err
		}
		if row == nil || row.now.MergedInto == nil {
			break
		}
		if at = keyFor(*row.now.MergedInto); at == from {
			b.refuse(ch.Line, "the records are merged the other way round already")
			return nil
		}
	}
	part := *ch
	part.Kind, part.Correction = record.ChangePart, true
	survivor := b.put(&part)
	gone, err := b.row(ctx, tx, from)
	if err != nil {
		return err
	}
	if gone == nil {
		gone = b.add(record.Patient{Authority: ch.Other.Authority, MRN: ch.Other.MRN})
	}
	to := survivor.now.Key()
	if keyFor(to) == from { // the survivor's number was new, and the other one's known
		b.refuse(ch.Line, "a record cannot be merged into itself")
		return nil
	}
	if m := gone.now.MergedInto; m == nil || keyFor(*m) != keyFor(to) {
		gone.now.MergedInto = &to
		b.sum.Merged++
		b.links = true
	}
	return nil
}

// unmerge takes a link away, whichever of the two it leads from.
func (b *importBatchState) unmerge(ctx context.Context, tx transaction, ch *record.PatientChange) error {
	one, other := keyFor(ch.Patient.Key()), keyFor(ch.Other)
	for _, pair := range [][2]rowKey{{other, one}, {one, other}} {
		row, err := b.row(ctx, tx, pair[0])
		if err != nil {
			return err
		}
		if row != nil && row.now.MergedInto != nil && keyFor(*row.now.MergedInto) == pair[1] {
			row.now.MergedInto = nil
			b.sum.Unmerged++
			b.links = true
			return nil
		}
	}
	b.refuse(ch.Line, "the two records are not merged")
	return nil
}

// write brings the table and its keys up to what the batch says.
func (b *importBatchState) write(ctx context.Context, tx transaction) error {
	fresh := 0
	for _, k := range b.order {
		if b.rows[k].id == 0 {
			fresh++
		}
	}
	var last int64
	if err := one(ctx, tx, []any{&last}, `UPDATE state SET number = number + $1 WHERE name = 'registry ids' RETURNING number`, fresh); err != nil {
		return err
	}
	next := last - int64(fresh)
	var added, updated [][]any
	var gone, come keyRows
	again := false // somebody whose keys may wait has changed
	for _, k := range b.order {
		row := b.rows[k]
		body, err := record.MarshalPatientLine(&row.now)
		if err != nil {
			return err
		}
		isNew := row.id == 0
		if isNew {
			next++
			row.id = next
			b.sum.Added++
		} else {
			before, err := record.MarshalPatientLine(&row.known)
			if err != nil {
				return err
			}
			if string(before) == string(body) {
				if row.touched {
					b.sum.Unchanged++
				}
				continue
			}
			b.sum.Updated++
		}
		merged := 0
		if row.now.MergedInto != nil {
			merged = 1
		}
		values := []any{row.id, k.authority, k.mrn, merged, row.root, b.i.id, body}
		now := patientKeys(&row.now)
		if isNew {
			added = append(added, values)
			come.add(row.id, now, nil)
		} else {
			updated = append(updated, values)
			known := patientKeys(&row.known)
			again = again || row.changed == b.i.id
			gone.add(row.id, known, now)
			come.add(row.id, now, known)
			b.keys = append(b.keys, known...)
		}
		b.keys = append(b.keys, now...)
	}
	b.written, b.come = len(added)+len(updated), len(come)
	if again {
		if err := settleKeys(ctx, tx); err != nil {
			return err
		}
	}
	const into = `INSERT INTO registry (id, authority, mrn, merged, root, changed, body)`
	if _, err := insertMany(ctx, tx, into, ``, added); err != nil {
		return err
	}
	if _, err := insertMany(ctx, tx, into, `ON CONFLICT (mrn, authority) DO UPDATE SET merged = excluded.merged, changed = excluded.changed, body = excluded.body`, updated); err != nil {
		return err
	}
	if err := gone.each(func(rows string) error {
		_, err := tx.exec(ctx, `DELETE FROM registry_keys WHERE (key, patient) IN (VALUES `+rows+`)`)
		return err
	}); err != nil {
		return err
	}
	return come.each(func(rows string) error {
		_, err := tx.exec(ctx, `INSERT INTO registry_fresh (key, patient) VALUES `+rows)
		return err
	})
}

// keyRows are rows of the table of keys. They are numbers, and stand in the
// statement itself: both databases take that faster than arguments.
type keyRows [][2]int64

func (r *keyRows) add(patient int64, keys, but []key) {
	for _, k := range keys {
		if !slices.Contains(but, k) {
			*r = append(*r, [2]int64{k, patient})
		}
	}
}

// each hands on the rows as SQL, a few hundred at a time.
func (r keyRows) each(f func(rows string) error) error {
	for piece := range slices.Chunk(r, 500) {
		var b strings.Builder
		for n, row := range piece {
			if n > 0 {
				b.WriteByte(',')
			}
			fmt.Fprintf(&b, "(%d,%d)", row[0], row[1])
		}
		if err := f(b.String()); err != nil {
			return err
		}
	}
	return nil
}

// somebodyElse says whether a record number seems to have come to another
// person: last name, first name and birth date are all others.
func somebodyElse(known, p *record.Patient) bool {
	for _, pair := range [][2]record.Private{{known.Last, p.Last}, {known.First, p.First}, {known.DOB, p.DOB}} {
		a, b := plainNumber(pair[0]), plainNumber(pair[1])
		if a == "" || b == "" || a == b {
			return false
		}
	}
	return !slices.ContainsFunc(append(slices.Clone(known.Names), p.Names...), func(n record.PatientName) bool {
		return plainName(n.Last) == plainName(p.Last) || plainName(n.Last) == plainName(known.Last)
	})
}

// The most other names and numbers that are kept of a patient; the oldest go.
const (
	mostNames   = 12
	mostNumbers = 24
)

// changed is a known patient after a change. What a file has no words for
// stays: links, other names and numbers, death and restriction until they are
// taken back. A last name that gives way to another becomes a former one.
func changed(known, p record.Patient, ch *record.PatientChange) record.Patient {
	now := p
	if ch.Kind == record.ChangePart {
		now = known
		for _, field := range fields(&p) {
			if to := field.of(&now); !field.value.IsZero() {
				*to = field.value
			}
		}
	}
	now.Authority, now.MRN = known.Authority, known.MRN
	now.MergedInto = known.MergedInto
	now.Deceased = (known.Deceased || p.Deceased) && !ch.Alive
	now.DeathDate = known.DeathDate
	if !p.DeathDate.IsZero() {
		now.DeathDate = p.DeathDate
	}
	if !now.Deceased {
		now.DeathDate = record.Private{}
	}
	now.Restricted = (known.Restricted || p.Restricted) && !ch.Unguarded
	now = withoutErased(now)
	now.Names, now.Numbers = slices.Clone(known.Names), slices.Clone(known.Numbers)
	for _, n := range p.Names {
		addName(&now, n)
	}
	if plainName(known.Last) != plainName(now.Last) && !known.Last.IsZero() {
		addName(&now, record.PatientName{Kind: record.NameFormer, Last: known.Last, First: known.First, Middle: known.Middle, Suffix: known.Suffix})
	}
	for _, n := range p.Numbers {
		addNumber(&now, n.Kind, n.Authority, n.Value)
	}
	now.Names = now.Names[max(0, len(now.Names)-mostNames):]
	now.Numbers = now.Numbers[max(0, len(now.Numbers)-mostNumbers):]
	if len(now.Names) == 0 {
		now.Names = nil
	}
	if len(now.Numbers) == 0 {
		now.Numbers = nil
	}
	return now
}

// field is one of a patient's fields, and its value in the patient it was
// taken from.
type field struct {
	of    func(*record.Patient) *record.Private
	value record.Private
}

var patientFields = []func(*record.Patient) *record.Private{
	func(p *record.Patient) *record.Private { return &p.Last }, func(p *record.Patient) *record.Private { return &p.First },
	func(p *record.Patient) *record.Private { return &p.Middle }, func(p *record.Patient) *record.Private { return &p.Suffix },
	func(p *record.Patient) *record.Private { return &p.DOB }, func(p *record.Patient) *record.Private { return &p.Sex },
	func(p *record.Patient) *record.Private { return &p.SSN }, func(p *record.Patient) *record.Private { return &p.MBI },
	func(p *record.Patient) *record.Private { return &p.NHS }, func(p *record.Patient) *record.Private { return &p.Phone },
	func(p *record.Patient) *record.Private { return &p.Street }, func(p *record.Patient) *record.Private { return &p.City },
	func(p *record.Patient) *record.Private { return &p.State }, func(p *record.Patient) *record.Private { return &p.Zip },
}

func fields(p *record.Patient) []field {
	out := make([]field, len(patientFields))
	for n, of := range patientFields {
		out[n] = field{of, *of(p)}
	}
	return out
}

// withoutErased empties the fields that a change erases.
func withoutErased(p record.Patient) record.Patient {
	for _, of := range patientFields {
		if f := of(&p); f.Reveal() == record.Erase {
			*f = record.Private{}
		}
	}
	return p
}

// Stored is what the store has of the registry: all that imports up to Version
// left, the whole of it written at Whole and what changed after that.
type Stored struct {
	Version int64
	Whole   time.Time
}

// RegistryStored says what the store has of the registry.
func (c *Catalog) RegistryStored(ctx context.Context) (st Stored, err error) {
	var whole string
	err = c.db.view(ctx, func(s session) error {
		return one(ctx, s, []any{&st.Version, &whole}, `SELECT number, word FROM state WHERE name = 'registry stored'`)
	})
	if err == nil && whole != "" {
		st.Whole, err = time.Parse(time.RFC3339, whole)
	}
	if err != nil {
		return st, fmt.Errorf("read what is stored of the registry: %w", err)
	}
	return st, nil
}

// SetRegistryStored notes what the store has of the registry now.
func (c *Catalog) SetRegistryStored(ctx context.Context, st Stored) error {
	err := c.db.update(ctx, func(tx transaction) error {
		_, err := tx.exec(ctx, `UPDATE state SET number = $1, word = $2 WHERE name = 'registry stored' AND number <= $1`, st.Version, st.Whole.UTC().Format(time.RFC3339))
		return err
	})
	if err != nil {
		return fmt.Errorf("note what is stored of the registry: %w", err)
	}
	return nil
}

// carryOver brings the registry of an earlier schema into this one.
func (c *Catalog) carryOver(ctx context.Context) error {
	var n int
	err := c.db.view(ctx, func(s session) error {
		return one(ctx, s, []any{&n}, `SELECT COUNT(*) FROM (SELECT 1 FROM patients LIMIT 1) p`)
	})
	if err != nil || n == 0 {
		return err
	}
	c.log.Info("the registry is brought into its new form; with a million patients this takes some minutes")
	var failed error
	_, _, err = c.SavePatients(ctx, func(yield func(record.Patient) bool) {
		where, args := "1 = 1", []any(nil)
		for {
			piece, err := c.patientPiece(ctx, fmt.Sprintf("SELECT body FROM patients WHERE %s ORDER BY authority, mrn LIMIT %d", where, listBatch), args)
			if err != nil {
				failed = err
				return
			}
			for _, p := range piece {
				if !yield(p) {
					return
				}
			}
			if len(piece) < listBatch {
				return
			}
			last := piece[len(piece)-1]
			where, args = "(authority, mrn) > ($1, $2)", []any{clean(last.Authority), clean(last.MRN.Reveal())}
		}
	})
	if err := errors.Join(failed, err); err != nil {
		return err
	}
	return c.db.update(ctx, func(tx transaction) error {
		_, err := tx.exec(ctx, `DELETE FROM patients`)
		return err
	})
}
