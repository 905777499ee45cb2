package catalog

import (
	"context"
	"fmt"
	"time"

	"chartroom/record"
)

// addScan notes a scan; created tells whether it is new.
func addScan(ctx context.Context, tx transaction, scan record.Digest, received time.Time) (created bool, err error) {
	n, err := tx.exec(ctx, `INSERT INTO scans (scan, received) VALUES ($1, $2) ON CONFLICT (scan) DO NOTHING`, scan.String(), micros(received))
	return n > 0, err
}

func addReceipt(ctx context.Context, tx transaction, r record.Receipt) error {
	body, err := record.MarshalReceipt(&r)
	if err != nil {
		return err
	}
	_, err = tx.exec(ctx, `INSERT INTO receipts (id, scan, received, body) VALUES ($1, $2, $3, $4) ON CONFLICT (id) DO NOTHING`,
		r.ID, r.Scan.String(), micros(r.Received), body)
	return err
}

// addWaiting writes the document of a scan that nobody has read yet.
func addWaiting(ctx context.Context, tx transaction, scan record.Digest, received time.Time) error {
	return putDocument(ctx, tx, &record.Document{ID: record.DocumentID(scan, 0), Scan: scan, Received: received, Status: record.StatusWaiting})
}

// touch gives the documents of a scan new numbers of the sequence, for what
// stands beside them (receipts) has changed.
func touch(ctx context.Context, tx transaction, scan record.Digest) error {
	var ids []string
	err := each(ctx, tx, func(r rows) error {
		ids = append(ids, "")
		return r.Scan(&ids[len(ids)-1])
	}, `UPDATE documents SET revision = revision WHERE scan = $1 RETURNING id`, scan.String()) // locks them before the sequence
	if err != nil {
		return err
	}
	for _, id := range ids {
		if err := renumber(ctx, tx, id); err != nil {
			return err
		}
	}
	return nil
}

func renumber(ctx context.Context, tx transaction, id string) error {
	seq, err := next(ctx, tx)
	if err == nil {
		_, err = tx.exec(ctx, `UPDATE documents SET seq = $1 WHERE id = $2`, seq, id)
	}
	return err
}

// SaveReceipt writes a receipt that storage holds already: rebuilding. A
// known receipt changes nothing.
func (c *Catalog) SaveReceipt(ctx context.Context, r record.Receipt) error {
	err := c.db.update(ctx, func(tx transaction) error {
		var known int
		if err := one(ctx, tx, []any{&known}, `SELECT COUNT(*) FROM receipts WHERE id = $1`, r.ID); err != nil || known > 0 {
			return err
		}
		if _, err := addScan(ctx, tx, r.Scan, r.Received); err != nil {
			return err
		}
		if err := addReceipt(ctx, tx, r); err != nil {
			return err
		}
		return touch(ctx, tx, r.Scan)
	})
	if err != nil {
		return fmt.Errorf("save receipt %s: %w", r.ID, err)
	}
	return nil
}

// SaveDocument caches a revision of a document with its pages and gives it the
// next number of the sequence. Where the same or a later revision is cached
// already nothing changes, and seq is that one's. Receipts are kept apart:
// those in d are not looked at.
func (c *Catalog) SaveDocument(ctx context.Context, d *record.Document) (seq int64, err error) {
	return c.SaveDocuments(ctx, []*record.Document{d})
}

// SaveDocuments is SaveDocument for several at once: all are seen, or none.
// seq is the highest of theirs.
func (c *Catalog) SaveDocuments(ctx context.Context, documents []*record.Document) (seq int64, err error) {
	err = c.db.update(ctx, func(tx transaction) error {
		seq = 0
		for i, d := range documents {
			if i > 0 && documents[i-1].Scan == d.Scan {
				continue
			}
			if err := lock(ctx, tx, d.Scan); err != nil {
				return err
			}
		}
		for _, d := range documents {
			at, err := saveDocument(ctx, tx, d)
			if err != nil {
				return fmt.Errorf("document %s: %w", d.ID, err)
			}
			seq = max(seq, at)
		}
		return nil
	})
	if err != nil {
		return 0, fmt.Errorf("save documents: %w", err)
	}
	return seq, nil
}

// lock takes the rows of a scan's documents: always before the sequence's.
func lock(ctx context.Context, tx transaction, scan record.Digest) error {
	_, err := tx.exec(ctx, `UPDATE documents SET revision = revision WHERE scan = $1`, scan.String())
	return err
}

func saveDocument(ctx context.Context, tx transaction, d *record.Document) (seq int64, err error) {
	if _, err := addScan(ctx, tx, d.Scan, d.Received); err != nil {
		return 0, err
	}
	if err := putDocument(ctx, tx, d); err != nil {
		return 0, err
	}
	err = one(ctx, tx, []any{&seq}, `SELECT COALESCE(seq, 0) FROM documents WHERE id = $1`, string(d.ID))
	return seq, err
}

// putDocument writes a document over what is cached of an earlier revision,
// and takes the next number for it. Over the same or a later one it writes
// nothing.
func putDocument(ctx context.Context, tx transaction, d *record.Document) error {
	head, err := record.MarshalHead(d)
	if err != nil {
		return err
	}
	mrn := ""
	if d.Patient != nil {
		mrn = clean(d.Patient.MRN.Reveal())
	}
	n, err := tx.exec(ctx, `INSERT INTO documents (id, scan, revision, received, decided, status, reason, mrn, doc_type, doc_date, weight, head)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
		ON CONFLICT (id) DO UPDATE SET scan = excluded.scan, revision = excluded.revision, received = excluded.received, decided = excluded.decided,
			status = excluded.status, reason = excluded.reason, mrn = excluded.mrn, doc_type = excluded.doc_type, doc_date = excluded.doc_date,
			weight = excluded.weight, head = excluded.head
		WHERE documents.revision < excluded.revision`,
		string(d.ID), d.Scan.String(), d.Revision, micros(d.Received), micros(d.Decided), clean(string(d.Status)), clean(d.Reason), mrn,
		clean(d.DocType), clean(d.Date), weight(d), head)
	if err != nil || n == 0 {
		return err // n is 0 where this revision or a later one is there
	}
	if err := putPages(ctx, tx, d); err != nil {
		return err
	}
	if err := noteKeys(ctx, tx, d); err != nil {
		return err
	}
	return renumber(ctx, tx, string(d.ID))
}

func putPages(ctx context.Context, tx transaction, d *record.Document) error {
	if _, err := tx.exec(ctx, `DELETE FROM pages WHERE document = $1`, string(d.ID)); err != nil {
		return err
	}
	rows := make([][]any, len(d.Pages))
	for i := range d.Pages {
		body, err := record.MarshalPage(&d.Pages[i])
		if err != nil {
			return err
		}
		rows[i] = []any{string(d.ID), d.Pages[i].Number, clean(string(d.Pages[i].State)), body}
	}
	_, err := insertMany(ctx, tx, `INSERT INTO pages (document, number, state, body)`, ``, rows)
	return err
}

// weight is roughly how many bytes a document takes in memory.
func weight(d *record.Document) int64 {
	const word, page, identifier, rest = 120, 400, 300, 1000
	n := rest + page*len(d.Pages) + identifier*len(d.Identifiers)
	for i := range d.Pages {
		n += word*len(d.Pages[i].Words) + identifier*len(d.Pages[i].Barcodes)
	}
	return int64(n)
}

// Document reads a whole document: pages with their words, and receipts.
func (c *Catalog) Document(ctx context.Context, id record.ID) (*record.Document, error) {
	return c.document(ctx, id, true)
}

// DocumentHead reads a document whose pages have no words.
func (c *Catalog) DocumentHead(ctx context.Context, id record.ID) (*record.Document, error) {
	return c.document(ctx, id, false)
}

func (c *Catalog) document(ctx context.Context, id record.ID, words bool) (d *record.Document, err error) {
	err = c.db.view(ctx, func(s session) error {
		heads, err := readHeads(ctx, s, `SELECT COALESCE(seq, 0), head FROM documents WHERE id = $1`, string(id))
		if err != nil {
			return err
		}
		if len(heads) == 0 {
			return ErrNotFound
		}
		d = heads[0].Document
		return fill(ctx, s, heads, words)
	})
	if err != nil {
		return nil, fmt.Errorf("read document %s: %w", id, err)
	}
	return d, nil
}

// readHeads reads documents as their heads, with their numbers, from a query
// of seq and head.
func readHeads(ctx context.Context, s session, sql string, args ...any) (heads []Change, err error) {
	err = each(ctx, s, func(r rows) error {
		var seq int64
		var head []byte
		if err := r.Scan(&seq, &head); err != nil {
			return err
		}
		d, err := record.UnmarshalDocument(head)
		heads = append(heads, Change{seq, d})
		return err
	}, sql, args...)
	return heads, err
}

// fill adds to heads their receipts and, if asked, the words of their pages.
func fill(ctx context.Context, s session, heads []Change, words bool) error {
	if len(heads) == 0 {
		return nil
	}
	if err := fillReceipts(ctx, s, heads); err != nil {
		return err
	}
	if err := fillSurvivors(ctx, s, heads); err != nil {
		return err
	}
	if !words {
		return nil
	}
	for _, h := range heads {
		if err := fillPages(ctx, s, h.Document); err != nil {
			return err
		}
	}
	return nil
}

func fillReceipts(ctx context.Context, s session, heads []Change) error {
	of := map[record.Digest][]record.Receipt{}
	var scans []any
	for _, h := range heads {
		if _, ok := of[h.Document.Scan]; !ok {
			of[h.Document.Scan] = nil
			scans = append(scans, h.Document.Scan.String())
		}
	}
	err := each(ctx, s, func(r rows) error {
		var body []byte
		if err := r.Scan(&body); err != nil {
			return err
		}
		receipt, err := record.UnmarshalReceipt(body)
		if err != nil {
			return err
		}
		of[receipt.Scan] = append(of[receipt.Scan], *receipt)
		return nil
	}, `SELECT body FROM receipts WHERE scan IN (`+holders(0, len(scans))+`) ORDER BY scan, received, id`, scans...)
	for _, h := range heads {
		h.Document.Receipts = of[h.Document.Scan]
	}
	return err
}

func fillPages(ctx context.Context, s session, d *record.Document) error {
	i := 0
	return each(ctx, s, func(r rows) error {
		p, err := readPage(r)
		if err != nil {
			return err
		}
		if i >= len(d.Pages) || d.Pages[i].Number != p.Number {
			return fmt.Errorf("page %d stands where the head has none", p.Number)
		}
		d.Pages[i] = *p
		i++
		return nil
	}, `SELECT body FROM pages WHERE document = $1 ORDER BY number`, string(d.ID))
}

func readPage(r rows) (*record.Page, error) {
	var body []byte
	if err := r.Scan(&body); err != nil {
		return nil, err
	}
	return record.UnmarshalPage(body)
}

// Page reads one page of a document with its words.
func (c *Catalog) Page(ctx context.Context, id record.ID, number int) (*record.Page, error) {
	var body []byte
	err := c.db.view(ctx, func(s session) error {
		return one(ctx, s, []any{&body}, `SELECT body FROM pages WHERE document = $1 AND number = $2`, string(id), number)
	})
	if err != nil {
		return nil, fmt.Errorf("read page %d of document %s: %w", number, id, err)
	}
	return record.UnmarshalPage(body)
}

// SavePage puts a reading of a page of a scan into the page ledger, so that it
// survives a crash in the middle of a long document.
func (c *Catalog) SavePage(ctx context.Context, scan record.Digest, reader string, p *record.Page) error {
	body, err := record.MarshalPage(p)
	if err != nil {
		return fmt.Errorf("save page %d: %w", p.Number, err)
	}
	err = c.db.update(ctx, func(tx transaction) error {
		_, err := tx.exec(ctx, `INSERT INTO readings (scan, reader, number, body) VALUES ($1, $2, $3, $4)
			ON CONFLICT (scan, reader, number) DO UPDATE SET body = excluded.body`, scan.String(), clean(reader), p.Number, body)
		if err != nil {
			return err
		}
		_, err = tx.exec(ctx, `INSERT INTO minutes (minute, pages) VALUES ($1, 1) ON CONFLICT (minute) DO UPDATE SET pages = minutes.pages + 1`,
			time.Now().Unix()/60)
		return err
	})
	if err != nil {
		return fmt.Errorf("save page %d: %w", p.Number, err)
	}
	return nil
}

// Pages reads what the ledger holds of a scan, by page number, as read by that
// reader.
func (c *Catalog) Pages(ctx context.Context, scan record.Digest, reader string) (map[int]*record.Page, error) {
	pages := map[int]*record.Page{}
	err := c.db.view(ctx, func(s session) error {
		return each(ctx, s, func(r rows) error {
			p, err := readPage(r)
			if err == nil {
				pages[p.Number] = p
			}
			return err
		}, `SELECT body FROM readings WHERE scan = $1 AND reader = $2`, scan.String(), clean(reader))
	})
	if err != nil {
		return nil, fmt.Errorf("read the page ledger: %w", err)
	}
	return pages, nil
}
