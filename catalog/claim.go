package catalog

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"chartroom/record"

	"crypto/rand"
)

// Mode says what becomes of a claimed file.
type Mode string

// The modes.
const (
	Move  Mode = "move"  // renamed into our keeping, gone when the claim is released
	Copy  Mode = "copy"  // the source stays and is remembered; Held is our copy
	Keep  Mode = "keep"  // the source stays where it is, named on the command line
	Again Mode = "again" // no file: the original in the store is taken in once more
)

// Claim is the right to one dropped file. It begins before the file is
// touched, is received when the scan and its job are in the catalog, and is
// released when the original is stored and read and the file may go.
type Claim struct {
	ID           string // sortable by time, unique
	Folder       string // the drop folder's name
	Path         record.Private
	Held         record.Private // where the claimed file lies now, absolute
	Mode         Mode
	Dev, Ino     uint64
	Size         int64
	Mtime, Ctime time.Time

	Begun    time.Time       // set by BeginClaim or Receive
	Receipt  *record.Receipt // nil until received
	Released time.Time       // zero until released

	// How its job fares: tries that count, tries that do not (Later), why the
	// last one failed and when the next one is.
	Attempts, Delays int
	Reason           string
	Next             time.Time
}

// BeginClaim writes the claim down. Beginning it again replaces it, as long as
// it is not received.
func (c *Catalog) BeginClaim(ctx context.Context, claim Claim) error {
	err := c.db.update(ctx, func(tx transaction) error {
		n, err := c.putClaim(ctx, tx, claim, "", "")
		if err == nil && n == 0 {
			err = errors.New("it is received already")
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("begin claim %s: %w", claim.ID, err)
	}
	return nil
}

// putClaim inserts a claim or replaces one that is not received; n is 0 where
// it is.
func (c *Catalog) putClaim(ctx context.Context, tx transaction, claim Claim, receipt, scan string) (n int64, err error) {
	if claim.ID == "" {
		return 0, errors.New("it has no id")
	}
	return tx.exec(ctx, `INSERT INTO claims (id, place, folder, path, held, mode, dev, ino, size, mtime, ctime, begun, receipt, scan,
			released, job, attempts, delays, reason, failed, next)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, 0, 0, 0, 0, '', 0, 0)
		ON CONFLICT (id) DO UPDATE SET folder = excluded.folder, path = excluded.path, held = excluded.held, mode = excluded.mode, dev = excluded.dev,
			ino = excluded.ino, size = excluded.size, mtime = excluded.mtime, ctime = excluded.ctime, receipt = excluded.receipt, scan = excluded.scan
		WHERE claims.receipt = ''`,
		claim.ID, c.place, clean(claim.Folder), raw(claim.Path), raw(claim.Held), string(claim.Mode), int64(claim.Dev), int64(claim.Ino), claim.Size,
		stamp(claim.Mtime), stamp(claim.Ctime), micros(time.Now()), receipt, scan)
}

// DropClaim forgets a claim that came to nothing before it was received.
func (c *Catalog) DropClaim(ctx context.Context, id string) error {
	err := c.db.update(ctx, func(tx transaction) error {
		if _, err := tx.exec(ctx, `DELETE FROM claims WHERE id = $1 AND receipt = ''`, id); err != nil {
			return err
		}
		var left int
		if err := one(ctx, tx, []any{&left}, `SELECT COUNT(*) FROM claims WHERE id = $1`, id); err != nil {
			return err
		}
		if left > 0 {
			return errors.New("it is received already")
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("drop claim %s: %w", id, err)
	}
	return nil
}

const selectClaims = `SELECT c.id, c.folder, c.path, c.held, c.mode, c.dev, c.ino, c.size, c.mtime, c.ctime, c.begun, c.released,
	c.attempts, c.delays, c.reason, c.next, r.body FROM claims c LEFT JOIN receipts r ON r.id = c.receipt `

// Claim reads one claim.
func (c *Catalog) Claim(ctx context.Context, id string) (Claim, error) {
	claims, err := c.claims(ctx, selectClaims+`WHERE c.id = $1`, id)
	if err == nil && len(claims) == 0 {
		err = ErrNotFound
	}
	if err != nil {
		return Claim{}, fmt.Errorf("read claim %s: %w", id, err)
	}
	return claims[0], nil
}

// Claims lists this owner's claims that are not released, oldest first.
func (c *Catalog) Claims(ctx context.Context) ([]Claim, error) {
	claims, err := c.claims(ctx, selectClaims+`WHERE c.place = $1 AND c.released = 0 ORDER BY c.id`, c.place)
	if err != nil {
		return nil, fmt.Errorf("list claims: %w", err)
	}
	return claims, nil
}

func (c *Catalog) claims(ctx context.Context, sql string, args ...any) (claims []Claim, err error) {
	err = c.db.view(ctx, func(s session) error {
		return each(ctx, s, func(r rows) error {
			claim, err := scanClaim(r)
			claims = append(claims, claim)
			return err
		}, sql, args...)
	})
	return claims, err
}

func scanClaim(r rows) (c Claim, err error) {
	var path, held, receipt []byte
	var mode, mtime, ctime string
	var dev, ino, begun, released, next int64
	if err := r.Scan(&c.ID, &c.Folder, &path, &held, &mode, &dev, &ino, &c.Size, &mtime, &ctime, &begun, &released,
		&c.Attempts, &c.Delays, &c.Reason, &next, &receipt); err != nil {
		return c, err
	}
	c.Path, c.Held, c.Mode = record.Hide(string(path)), record.Hide(string(held)), Mode(mode)
	c.Dev, c.Ino, c.Mtime, c.Ctime = uint64(dev), uint64(ino), unstamp(mtime), unstamp(ctime)
	c.Begun, c.Released, c.Next = fromMicros(begun), fromMicros(released), fromMicros(next)
	if receipt != nil {
		c.Receipt, err = record.UnmarshalReceipt(receipt)
	}
	return c, err
}

// Taken reports whether a file that stays where it is was taken already, just
// as it now lies there.
func (c *Catalog) Taken(ctx context.Context, claim Claim) (bool, error) {
	var n int
	err := c.db.view(ctx, func(s session) error {
		return one(ctx, s, []any{&n}, `SELECT COUNT(*) FROM taken WHERE place = $1 AND folder = $2 AND path = $3 AND dev = $4 AND ino = $5 AND size = $6
			AND mtime = $7 AND ctime = $8`, c.memory(claim)...)
	})
	if err != nil {
		return false, fmt.Errorf("look up a taken file: %w", err)
	}
	return n > 0, nil
}

// Remember makes Taken true for the file of a claim. Receive does so for the
// mode Copy; this is for a source that turns out not to be removable.
func (c *Catalog) Remember(ctx context.Context, claim Claim) error {
	if err := c.db.update(ctx, func(tx transaction) error { return c.remember(ctx, tx, claim) }); err != nil {
		return fmt.Errorf("remember a taken file: %w", err)
	}
	return nil
}

func (c *Catalog) remember(ctx context.Context, tx transaction, claim Claim) error {
	_, err := tx.exec(ctx, `INSERT INTO taken (place, folder, path, dev, ino, size, mtime, ctime) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
		ON CONFLICT (place, folder, path) DO UPDATE SET dev = excluded.dev, ino = excluded.ino, size = excluded.size, mtime = excluded.mtime, ctime = excluded.ctime`,
		c.memory(claim)...)
	return err
}

func (c *Catalog) memory(claim Claim) []any {
	return []any{c.place, clean(claim.Folder), raw(claim.Path), int64(claim.Dev), int64(claim.Ino), claim.Size, stamp(claim.Mtime), stamp(claim.Ctime)}
}

// Receive makes a claim a received scan, in one transaction: the receipt, a
// waiting document where the scan is new (created), and the job that takes it
// in. A scan that is known gets a second receipt and a job that verifies it.
// Receiving a claim again changes nothing.
func (c *Catalog) Receive(ctx context.Context, claim Claim, receipt record.Receipt, lane Lane) (created bool, err error) {
	err = c.db.update(ctx, func(tx transaction) error {
		created, err = c.receive(ctx, tx, claim, receipt, lane)
		return err
	})
	if err != nil {
		return false, fmt.Errorf("receive claim %s: %w", claim.ID, err)
	}
	return created, nil
}

func (c *Catalog) receive(ctx context.Context, tx transaction, claim Claim, receipt record.Receipt, lane Lane) (created bool, err error) {
	if receipt.ID == "" || receipt.Scan.IsZero() {
		return false, errors.New("the receipt names no scan")
	}
	if n, err := c.putClaim(ctx, tx, claim, receipt.ID, receipt.Scan.String()); err != nil || n == 0 {
		return false, err
	}
	if claim.Mode == Copy {
		if err := c.remember(ctx, tx, claim); err != nil {
			return false, err
		}
	}
	if err := c.startJob(ctx, tx, claim.ID, lane); err != nil {
		return false, err
	}
	if created, err = addScan(ctx, tx, receipt.Scan, receipt.Received); err != nil {
		return false, err
	}
	if err := addReceipt(ctx, tx, receipt); err != nil {
		return false, err
	}
	if created {
		return true, addWaiting(ctx, tx, receipt.Scan, receipt.Received)
	}
	return false, touch(ctx, tx, receipt.Scan)
}

// Release ends a claim and empties the page ledger of its scan. Releasing it
// again changes nothing.
func (c *Catalog) Release(ctx context.Context, id string) error {
	err := c.db.update(ctx, func(tx transaction) error {
		if _, err := tx.exec(ctx, `UPDATE claims SET released = $1, reason = '' WHERE id = $2 AND released = 0`, micros(time.Now()), id); err != nil {
			return err
		}
		_, err := tx.exec(ctx, `DELETE FROM readings WHERE scan = (SELECT scan FROM claims WHERE id = $1)
			AND NOT EXISTS (SELECT 1 FROM claims WHERE claims.scan = readings.scan AND released = 0)`, id)
		return err
	})
	if err != nil {
		return fmt.Errorf("release claim %s: %w", id, err)
	}
	return nil
}

// Retry starts the job of a document again, now and with its attempts counted
// from nothing. Where its claims are all over, a new one of mode Again takes
// the stored original in once more.
func (c *Catalog) Retry(ctx context.Context, id record.ID) error {
	err := c.db.update(ctx, func(tx transaction) error {
		var scan string
		if err := one(ctx, tx, []any{&scan}, `SELECT scan FROM documents WHERE id = $1`, string(id)); err != nil {
			return err
		}
		open := map[string]int64{}
		err := each(ctx, tx, func(r rows) error {
			var claim string
			var job int64
			err := r.Scan(&claim, &job)
			open[claim] = job
			return err
		}, `SELECT id, job FROM claims WHERE scan = $1 AND released = 0`, scan)
		if err != nil {
			return err
		}
		if len(open) == 0 {
			return c.takeInAgain(ctx, tx, scan)
		}
		for claim, job := range open {
			if err := c.restart(ctx, tx, claim, job); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("retry document %s: %w", id, err)
	}
	return nil
}

func (c *Catalog) restart(ctx context.Context, tx transaction, claim string, job int64) error {
	if _, err := tx.exec(ctx, `UPDATE claims SET attempts = 0, delays = 0, reason = '', next = 0 WHERE id = $1`, claim); err != nil {
		return err
	}
	err := tx.retryJob(ctx, job)
	if errors.Is(err, ErrNotFound) {
		return c.startJob(ctx, tx, claim, Urgent)
	}
	return err
}

func (c *Catalog) takeInAgain(ctx context.Context, tx transaction, scan string) error {
	var receipt string
	if err := one(ctx, tx, []any{&receipt}, `SELECT id FROM receipts WHERE scan = $1 ORDER BY received DESC, id DESC LIMIT 1`, scan); err != nil {
		return err
	}
	claim := Claim{ID: newID(time.Now()), Mode: Again}
	if _, err := c.putClaim(ctx, tx, claim, receipt, scan); err != nil {
		return err
	}
	return c.startJob(ctx, tx, claim.ID, Urgent)
}

// newID is a claim's id: milliseconds, then chance, in the form of a ULID.
func newID(now time.Time) string {
	const digits = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
	ms, id := now.UnixMilli(), make([]byte, 10)
	for i := range id {
		id[len(id)-1-i] = digits[ms&31]
		ms >>= 5
	}
	return string(id) + rand.Text()[:16]
}

func raw(p record.Private) []byte { return []byte(p.Reveal()) }

// stamp and unstamp are a file's time as text: exact for every time a file
// system can hold.
func stamp(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return fmt.Sprintf("%d.%09d", t.Unix(), t.Nanosecond())
}

func unstamp(s string) time.Time {
	whole, part, ok := strings.Cut(s, ".")
	if !ok {
		return time.Time{}
	}
	sec, _ := strconv.ParseInt(whole, 10, 64)
	nsec, _ := strconv.ParseInt(part, 10, 64)
	return time.Unix(sec, nsec)
}
