package catalog

import (
	"context"
	"crypto/rand"
	"fmt"
	"iter"
	"strings"
	"time"

	"chartroom/record"
)

// Filter selects documents; zero fields select nothing away. Superseded
// documents come only where their status, a scan, or All is asked for.
type Filter struct {
	Status record.Status
	All    bool           // the superseded too
	MRN    record.Private // filed to this patient, or to a record merged into this one
	Scan   record.Digest
	Since  time.Time // received then or later
	Until  time.Time // received then or before
	Text   bool      // with the words of their pages
	Newest bool      // newest first
	After  record.ID // go on behind this document
	Limit  int       // 0 is no limit
}

// Documents lists documents by when they were received, and by ID where that
// is the same. Pages have words only with Filter.Text; receipts always stand.
// The list is read piece by piece: it holds no lock, and a document that
// arrives meanwhile may be in it.
func (c *Catalog) Documents(ctx context.Context, f Filter) iter.Seq2[*record.Document, error] {
	return func(yield func(*record.Document, error) bool) {
		for n := 0; f.Limit <= 0 || n < f.Limit; {
			piece, err := c.piece(ctx, f, n)
			if err != nil {
				yield(nil, fmt.Errorf("list documents: %w", err))
				return
			}
			for _, h := range piece {
				if !yield(h.Document, nil) {
					return
				}
			}
			if len(piece) == 0 {
				return
			}
			n += len(piece)
			f.After = piece[len(piece)-1].Document.ID
		}
	}
}

// piece reads the next documents of a list of which n were read.
func (c *Catalog) piece(ctx context.Context, f Filter, n int) (heads []Change, err error) {
	size := 200
	if f.Text {
		size = 10 // whole documents
	}
	if f.Limit > 0 {
		size = min(size, f.Limit-n)
	}
	err = c.db.view(ctx, func(s session) error {
		where, args, err := f.where(ctx, s)
		if err != nil {
			return err
		}
		order := "received, id"
		if f.Newest {
			order = "received DESC, id DESC"
		}
		heads, err = readHeads(ctx, s, fmt.Sprintf("SELECT COALESCE(seq, 0), head FROM documents WHERE %s ORDER BY %s LIMIT %d", where, order, size), args...)
		if err != nil {
			return err
		}
		return fill(ctx, s, heads, f.Text)
	})
	return heads, err
}

func (f Filter) where(ctx context.Context, s session) (string, []any, error) {
	var terms []string
	var args []any
	add := func(term string, values ...any) {
		terms = append(terms, fmt.Sprintf(term, holders(len(args), len(values))))
		args = append(args, values...)
	}
	if f.Status != "" {
		add("status = %s", string(f.Status))
	}
	if f.Status == "" && f.Scan.IsZero() && !f.All {
		add("status <> %s", string(record.StatusSuperseded))
	}
	if !f.MRN.IsZero() {
		mrns, err := shownUnder(ctx, s, clean(f.MRN.Reveal()))
		if err != nil {
			return "", nil, err
		}
		values := make([]any, len(mrns))
		for i, mrn := range mrns {
			values[i] = mrn
		}
		add("mrn <> '' AND mrn IN (%s)", values...)
	}
	if !f.Scan.IsZero() {
		add("scan = %s", f.Scan.String())
	}
	if !f.Since.IsZero() {
		add("received >= %s", micros(f.Since))
	}
	if !f.Until.IsZero() {
		add("received <= %s", micros(f.Until))
	}
	if f.After != "" {
		var received int64
		if err := one(ctx, s, []any{&received}, `SELECT received FROM documents WHERE id = $1`, string(f.After)); err != nil {
			return "", nil, err
		}
		if f.Newest {
			add("(received, id) < (%s)", received, string(f.After))
		} else {
			add("(received, id) > (%s)", received, string(f.After))
		}
	}
	if len(terms) == 0 {
		return "1 = 1", nil, nil
	}
	return strings.Join(terms, " AND "), args, nil
}

// Change is a document as it stands, with its number in the sequence.
type Change struct {
	Seq      int64
	Document *record.Document
}

// Changed reads whole documents that changed after a number of the sequence,
// in its order: at most limit, and not more than about maxBytes in memory, but
// one at least where there is one. A document that changed twice comes once,
// at its newest number. Waiting documents come too, with Revision 0.
//
// Numbers become visible in order, so what Changed(after) does not give will
// have a higher number than all it gives.
func (c *Catalog) Changed(ctx context.Context, after int64, limit int, maxBytes int64) (changes []Change, err error) {
	err = c.db.view(ctx, func(s session) error {
		last, err := lastWithin(ctx, s, after, limit, maxBytes)
		if err != nil || last == after {
			return err
		}
		changes, err = readHeads(ctx, s, `SELECT seq, head FROM documents WHERE seq > $1 AND seq <= $2 ORDER BY seq`, after, last)
		if err != nil {
			return err
		}
		return fill(ctx, s, changes, true)
	})
	if err != nil {
		return nil, fmt.Errorf("read changes after %d: %w", after, err)
	}
	return changes, nil
}

// lastWithin is the last number of the documents after one that fit in both
// bounds; it is after where there are none.
func lastWithin(ctx context.Context, s session, after int64, limit int, maxBytes int64) (last int64, err error) {
	last = after
	full := false
	var total int64
	err = each(ctx, s, func(r rows) error {
		var seq, weight int64
		if err := r.Scan(&seq, &weight); err != nil {
			return err
		}
		total += weight
		full = full || last > after && maxBytes > 0 && total > maxBytes
		if !full {
			last = seq
		}
		return nil
	}, fmt.Sprintf(`SELECT seq, weight FROM documents WHERE seq > $1 ORDER BY seq LIMIT %d`, max(1, limit)), after)
	return last, err
}

// Reset empties the catalog so that it can be filled again from storage, and
// begins a new epoch. The registry counts as half-filled until the next import of
// it is over. What claims that are not released still need stays:
// their receipts, and their scans as waiting documents.
func (c *Catalog) Reset(ctx context.Context) error {
	c.importLock.Lock()
	defer c.importLock.Unlock()
	err := c.db.update(ctx, func(tx transaction) error {
		const open = `(SELECT scan FROM claims WHERE released = 0)`
		for _, sql := range []string{
			`DELETE FROM claims WHERE released <> 0`,
			`DELETE FROM pages`, `DELETE FROM documents`, `DELETE FROM document_keys`, `DELETE FROM rematch`,
			`DELETE FROM registry`, `DELETE FROM registry_keys`, `DELETE FROM registry_fresh`, `DELETE FROM imports`,
			`UPDATE state SET number = 0, word = '' WHERE name IN ('registry', 'registry ids', 'registry stored')`,
			`DELETE FROM readings WHERE scan NOT IN ` + open,
			`DELETE FROM receipts WHERE scan NOT IN ` + open,
			`DELETE FROM scans WHERE scan NOT IN ` + open,
		} {
			if _, err := tx.exec(ctx, sql); err != nil {
				return err
			}
		}
		if _, err := tx.exec(ctx, `UPDATE state SET word = $1 WHERE name = 'epoch'`, rand.Text()); err != nil {
			return err
		}
		// Until the next import is over there is no registry to match against.
		now := micros(time.Now())
		if _, err := tx.exec(ctx, `INSERT INTO imports (id, place, opening, changes, beat, ended) VALUES ($1, $2, '', 0, $1, 0)`, now, c.place); err != nil {
			return err
		}
		return addWaitingAgain(ctx, tx)
	})
	if err != nil {
		return fmt.Errorf("reset catalog: %w", err)
	}
	return nil
}

func addWaitingAgain(ctx context.Context, tx transaction) error {
	received := map[string]int64{}
	err := each(ctx, tx, func(r rows) error {
		var scan string
		var when int64
		err := r.Scan(&scan, &when)
		received[scan] = when
		return err
	}, `SELECT scan, received FROM scans`)
	if err != nil {
		return err
	}
	for scan, when := range received {
		digest, err := record.ParseDigest(scan)
		if err != nil {
			return err
		}
		if err := addWaiting(ctx, tx, digest, fromMicros(when)); err != nil {
			return err
		}
	}
	return nil
}
