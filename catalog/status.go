package catalog

import (
	"context"
	"fmt"
	"slices"
	"time"

	"chartroom/record"
)

// Counts is the state of affairs in numbers. Waiting jobs want a worker,
// Running ones have one, Delayed ones wait for a time.
type Counts struct {
	Documents                 map[record.Status]int
	Total                     int // documents
	Pages                     map[record.PageState]int
	Patients                  int
	Claims                    int // not released
	Waiting, Running, Delayed int // jobs
}

// Counts counts documents by status (superseded ones are in no total), pages by state, patients, open claims and
// jobs, all at one moment.
func (c *Catalog) Counts(ctx context.Context) (Counts, error) {
	n := Counts{Documents: map[record.Status]int{}, Pages: map[record.PageState]int{}}
	err := c.db.view(ctx, func(s session) error {
		for sql, count := range map[string]func(string, int){
			`SELECT status, COUNT(*) FROM documents GROUP BY status`:                                    n.addDocuments,
			`SELECT state, COUNT(*) FROM pages GROUP BY state`:                                          func(k string, i int) { n.Pages[record.PageState(k)] = i },
			`SELECT CAST(state AS TEXT), COUNT(*) FROM river_job WHERE finalized_at IS NULL GROUP BY 1`: n.addJobs,
			`SELECT 'patients', COUNT(*) FROM registry`:                                                 func(_ string, i int) { n.Patients = i },
			`SELECT 'claims', COUNT(*) FROM claims WHERE released = 0`:                                  func(_ string, i int) { n.Claims = i },
		} {
			err := each(ctx, s, func(r rows) error {
				var key string
				var i int
				err := r.Scan(&key, &i)
				count(key, i)
				return err
			}, sql)
			if err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return Counts{}, fmt.Errorf("count: %w", err)
	}
	return n, nil
}

func (n *Counts) addDocuments(status string, count int) {
	if s := record.Status(status); s != record.StatusSuperseded {
		n.Documents[s] = count
		n.Total += count
	}
}

func (n *Counts) addJobs(state string, count int) {
	switch state {
	case "available", "pending":
		n.Waiting += count
	case "running":
		n.Running += count
	default:
		n.Delayed += count
	}
}

// Rate is how many pages were read in that time, in whole minutes that reach
// into now.
func (c *Catalog) Rate(ctx context.Context, over time.Duration) (pages int, err error) {
	err = c.db.view(ctx, func(s session) error {
		return one(ctx, s, []any{&pages}, `SELECT CAST(COALESCE(SUM(pages), 0) AS BIGINT) FROM minutes WHERE minute > $1`, time.Now().Add(-over).Unix()/60)
	})
	if err != nil {
		return 0, fmt.Errorf("read rate: %w", err)
	}
	return pages, nil
}

// Failure is a document that could not be read, or one whose job has failed
// and will come again at Next. Attempts and Delays are the tries that failed
// before, counted and not.
type Failure struct {
	Document         record.ID
	Claim            string // empty where it is over
	File             record.Private
	Status           record.Status
	Reason           string
	Attempts, Delays int
	Since, Next      time.Time
}

// Failures lists what failed, the newest first.
func (c *Catalog) Failures(ctx context.Context, limit int) (list []Failure, err error) {
	err = c.db.view(ctx, func(s session) error {
		failing, err := failingClaims(ctx, s, limit)
		if err != nil {
			return err
		}
		rejected, err := rejectedDocuments(ctx, s, limit)
		list = merge(failing, rejected)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("list failures: %w", err)
	}
	slices.SortStableFunc(list, func(a, b Failure) int { return b.Since.Compare(a.Since) })
	return list[:min(len(list), max(0, limit))], nil
}

// merge leaves out the rejected documents that are being tried again.
func merge(failing, rejected []Failure) []Failure {
	known := map[record.ID]bool{}
	for _, f := range failing {
		known[f.Document] = true
	}
	return append(failing, slices.DeleteFunc(rejected, func(f Failure) bool { return known[f.Document] })...)
}

func failingClaims(ctx context.Context, s session, limit int) (list []Failure, err error) {
	err = each(ctx, s, func(r rows) error {
		var f Failure
		var since, next int64
		var body []byte
		if err := r.Scan(&f.Claim, &f.Reason, &f.Attempts, &f.Delays, &since, &next, &body); err != nil {
			return err
		}
		receipt, err := record.UnmarshalReceipt(body)
		if err != nil {
			return err
		}
		f.Document, f.File = record.DocumentID(receipt.Scan, 0), receipt.Name
		f.Status = record.StatusWaiting
		f.Since, f.Next = fromMicros(since), fromMicros(next)
		list = append(list, f)
		return nil
	}, fmt.Sprintf(`SELECT c.id, c.reason, c.attempts, c.delays, c.failed, c.next, r.body FROM claims c JOIN receipts r ON r.id = c.receipt
		WHERE c.released = 0 AND c.reason <> '' ORDER BY c.failed DESC LIMIT %d`, max(0, limit)))
	return list, err
}

func rejectedDocuments(ctx context.Context, s session, limit int) (list []Failure, err error) {
	heads, err := readHeads(ctx, s, fmt.Sprintf(`SELECT COALESCE(seq, 0), head FROM documents WHERE status = 'rejected' ORDER BY decided DESC LIMIT %d`, max(0, limit)))
	if err != nil {
		return nil, err
	}
	if err := fill(ctx, s, heads, false); err != nil {
		return nil, err
	}
	for _, h := range heads {
		d := h.Document
		f := Failure{Document: d.ID, File: d.File(), Status: d.Status, Reason: d.Reason, Since: d.Decided}
		err := one(ctx, s, []any{&f.Attempts, &f.Delays}, `SELECT COALESCE(MAX(attempts), 0), COALESCE(MAX(delays), 0) FROM claims WHERE scan = $1`, d.Scan.String())
		if err != nil {
			return nil, err
		}
		list = append(list, f)
	}
	return list, nil
}
