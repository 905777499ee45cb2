package catalog

import (
	"context"
	"fmt"
	"slices"
	"time"

	"chartroom/record"
)

// Documents that wait for a person are looked at again when the registry
// changes: their keys stand in a table, and an import marks those that share
// one with a patient it has changed.

// waits says whether a document waits for a person.
func waits(d *record.Document) bool {
	return d.Status == record.StatusReview || d.Status == record.StatusHold
}

// noteKeys keeps what a document that waits for a person would be looked up
// by. Where an import ended after the document was decided it is marked at
// once: what it was matched against may have been the registry before.
func noteKeys(ctx context.Context, tx transaction, d *record.Document) error {
	if _, err := tx.exec(ctx, `DELETE FROM document_keys WHERE document = $1`, string(d.ID)); err != nil {
		return err
	}
	if !waits(d) {
		_, err := tx.exec(ctx, `DELETE FROM rematch WHERE document = $1`, string(d.ID))
		return err
	}
	var lines [][]any
	for _, k := range documentKeys(d) {
		lines = append(lines, []any{k, string(d.ID)})
	}
	if _, err := insertMany(ctx, tx, `INSERT INTO document_keys (key, document)`, ``, lines); err != nil {
		return err
	}
	_, err := tx.exec(ctx, `INSERT INTO rematch (document) SELECT $1 WHERE EXISTS (SELECT 1 FROM imports WHERE ended > $2) ON CONFLICT (document) DO NOTHING`,
		string(d.ID), micros(d.Decided.Add(-clockSlack)))
	return err
}

// clockSlack is by how much the clocks of machines may differ.
const clockSlack = 30 * time.Second

// touched gathers the keys of changed patients, as long as they are few.
type touched struct {
	set  map[key]bool
	many bool
}

// manyKeys is when it takes less to look at every waiting document than to
// remember whose keys have changed.
const manyKeys = 50_000

func (t *touched) keys(list []key) {
	if t.set == nil {
		t.set = map[key]bool{}
	}
	for _, k := range list {
		if t.many = t.many || len(t.set) >= manyKeys; t.many {
			t.set = nil
			return
		}
		t.set[k] = true
	}
}

// markDue marks the waiting documents to which one of the keys leads.
func markDue(ctx context.Context, tx transaction, t *touched) error {
	const mark = `INSERT INTO rematch (document) SELECT DISTINCT document FROM document_keys WHERE %s ON CONFLICT (document) DO NOTHING`
	if t.many {
		_, err := tx.exec(ctx, fmt.Sprintf(mark, "1 = 1"))
		return err
	}
	list := make([]key, 0, len(t.set))
	for k := range t.set {
		list = append(list, k)
	}
	return inPieces(list, func(args []any) error {
		_, err := tx.exec(ctx, fmt.Sprintf(mark, "key IN ("+holders(0, len(args))+")"), args...)
		return err
	})
}

// Due gives some of the documents that must be matched again, after one of
// them in the order of their names.
func (c *Catalog) Due(ctx context.Context, after record.ID, limit int) (ids []record.ID, err error) {
	err = c.db.view(ctx, func(s session) error {
		return each(ctx, s, func(r rows) error {
			var id string
			err := r.Scan(&id)
			ids = append(ids, record.ID(id))
			return err
		}, fmt.Sprintf(`SELECT document FROM rematch WHERE document > $1 ORDER BY document LIMIT %d`, max(1, limit)), string(after))
	})
	if err != nil {
		return nil, fmt.Errorf("read which documents are matched again: %w", err)
	}
	return ids, nil
}

// Rematched takes a document's mark away.
func (c *Catalog) Rematched(ctx context.Context, id record.ID) error {
	err := c.db.update(ctx, func(tx transaction) error {
		_, err := tx.exec(ctx, `DELETE FROM rematch WHERE document = $1`, string(id))
		return err
	})
	if err != nil {
		return fmt.Errorf("note that document %s was matched again: %w", id, err)
	}
	return nil
}

// showElsewhere gives the documents filed to record numbers that lead
// elsewhere now new numbers of the sequence, so that the index follows.
func showElsewhere(ctx context.Context, tx transaction, mrns map[string]bool) error {
	for mrn := range mrns {
		var ids []string
		err := each(ctx, tx, func(r rows) error {
			ids = append(ids, "")
			return r.Scan(&ids[len(ids)-1])
		}, `SELECT id FROM documents WHERE mrn <> '' AND mrn = $1`, mrn)
		if err != nil {
			return err
		}
		slices.Sort(ids)
		for _, id := range ids {
			if err := renumber(ctx, tx, id); err != nil {
				return err
			}
		}
	}
	return nil
}

// fillSurvivors adds to documents filed to records that were merged whom they
// are shown under.
func fillSurvivors(ctx context.Context, s session, heads []Change) error {
	of := map[rowKey][]*record.Document{}
	var mrns []string
	for _, h := range heads {
		if p := h.Document.Patient; p != nil {
			k := keyFor(record.PatientKey{Authority: p.Authority, MRN: p.MRN})
			if of[k] == nil {
				mrns = append(mrns, k.mrn)
			}
			of[k] = append(of[k], h.Document)
		}
	}
	if len(mrns) == 0 {
		return nil
	}
	roots := map[int64][]*record.Document{}
	err := inPieces(mrns, func(args []any) error {
		return each(ctx, s, func(r rows) error {
			var k rowKey
			var root int64
			err := r.Scan(&k.authority, &k.mrn, &root)
			roots[root] = append(roots[root], of[k]...)
			delete(of, k)
			return err
		}, `SELECT authority, mrn, root FROM registry WHERE root <> 0 AND mrn IN (`+holders(0, len(args))+`)`, args...)
	})
	if err != nil || len(roots) == 0 {
		return err
	}
	for root, documents := range roots {
		var body []byte
		if err := one(ctx, s, []any{&body}, `SELECT body FROM registry WHERE id = $1`, root); err != nil {
			return err
		}
		p, err := record.UnmarshalPatientLine(body)
		if err != nil {
			return err
		}
		for _, d := range documents {
			d.Survivor = p.Ref()
		}
	}
	return nil
}

// shownUnder gives the record numbers whose documents are shown under one.
func shownUnder(ctx context.Context, s session, mrn string) (mrns []string, err error) {
	mrns = []string{mrn}
	err = each(ctx, s, func(r rows) error {
		mrns = append(mrns, "")
		return r.Scan(&mrns[len(mrns)-1])
	}, `SELECT m.mrn FROM registry m JOIN registry r ON r.id = m.root WHERE m.root <> 0 AND r.mrn = $1`, mrn)
	return mrns, err
}
