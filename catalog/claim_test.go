package catalog

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"testing"
	"time"

	"chartroom/record"
)

func digest(n int) record.Digest { return sha256.Sum256(fmt.Append(nil, "scan ", n)) }

// dropped is the n-th dropped file's claim, and the receipt of a scan.
func dropped(n, scan int) (Claim, record.Receipt) {
	claim := Claim{ID: fmt.Sprintf("CLAIM%05d", n), Folder: "front desk", Path: record.Hide(fmt.Sprintf("box \xff/%d.tif", n)),
		Held: record.Hide(fmt.Sprintf("/drop/.claim/%d", n)), Mode: Move, Dev: 1 << 63, Ino: uint64(n), Size: 1000,
		Mtime: time.Unix(1_700_000_000, 123456789), Ctime: time.Unix(1_700_000_001, 1)}
	receipt := record.Receipt{ID: fmt.Sprintf("R%05d", n), Scan: digest(scan), Size: 1000, Name: record.Hide(fmt.Sprintf("%d.tif", n)),
		From: "front desk", Batch: "B7", Received: time.Date(2026, 11, 23, 10, 0, n, 0, time.UTC)}
	return claim, receipt
}

func receive(t *testing.T, c *Catalog, n, scan int) record.ID {
	t.Helper()
	claim, receipt := dropped(n, scan)
	if _, err := c.Receive(t.Context(), claim, receipt, Backlog); err != nil {
		t.Fatal(err)
	}
	return record.DocumentID(receipt.Scan, 0)
}

func TestACrashBetweenClaimAndRenameLeavesTheClaim(t *testing.T) {
	everywhere(t, func(t *testing.T, b bench) {
		c := b.open(t)
		claim, _ := dropped(1, 1)
		must(t, c.BeginClaim(t.Context(), claim))
		c.Close()

		left := got[[]Claim](t)(b.open(t).Claims(t.Context()))
		if len(left) != 1 {
			t.Fatalf("%d claims, want 1", len(left))
		}
		l := left[0]
		if l.ID != claim.ID || !l.Path.Equal(claim.Path) || !l.Held.Equal(claim.Held) || l.Dev != claim.Dev || l.Ino != claim.Ino ||
			!l.Mtime.Equal(claim.Mtime) || !l.Ctime.Equal(claim.Ctime) || l.Mode != Move || l.Receipt != nil || !l.Released.IsZero() || l.Begun.IsZero() {
			t.Errorf("the claim came back changed: %+v", l)
		}
	})
}

func TestADroppedClaimIsGoneButAReceivedOneStays(t *testing.T) {
	everywhere(t, func(t *testing.T, b bench) {
		c := b.open(t)
		claim, receipt := dropped(1, 1)
		must(t, c.BeginClaim(t.Context(), claim))
		must(t, c.BeginClaim(t.Context(), claim)) // again, as after a retry
		must(t, c.DropClaim(t.Context(), claim.ID))
		if left := got[[]Claim](t)(c.Claims(t.Context())); len(left) != 0 {
			t.Fatalf("%d claims left", len(left))
		}
		got[bool](t)(c.Receive(t.Context(), claim, receipt, Backlog))
		if err := c.DropClaim(t.Context(), claim.ID); err == nil {
			t.Error("a received claim could be dropped")
		}
		if err := c.BeginClaim(t.Context(), claim); err == nil {
			t.Error("a received claim could begin again")
		}
		must(t, c.Release(t.Context(), claim.ID))
		must(t, c.Release(t.Context(), claim.ID))
		if left := got[[]Claim](t)(c.Claims(t.Context())); len(left) != 0 {
			t.Errorf("%d claims left after release", len(left))
		}
		if history := got[Claim](t)(c.Claim(t.Context(), claim.ID)); history.Released.IsZero() || history.Receipt.ID != receipt.ID {
			t.Errorf("released claim: %+v", history)
		}
	})
}

func TestReceiveWritesDocumentReceiptAndJobOrNothing(t *testing.T) {
	everywhere(t, func(t *testing.T, b bench) {
		c := b.open(t)
		breakInserts(t, c, "river_job")
		claim, receipt := dropped(1, 1)
		must(t, c.BeginClaim(t.Context(), claim))
		if _, err := c.Receive(t.Context(), claim, receipt, Backlog); err == nil {
			t.Fatal("received without a job")
		}
		if n := got[Counts](t)(c.Counts(t.Context())); n.Total != 0 || n.Waiting != 0 || n.Claims != 1 {
			t.Errorf("half of it is there: %+v", n)
		}
		mend(t, c, "river_job")
		breakInserts(t, c, "receipts")
		if _, err := c.Receive(t.Context(), claim, receipt, Backlog); err == nil {
			t.Fatal("received without a receipt")
		}
		if n := got[Counts](t)(c.Counts(t.Context())); n.Total != 0 || n.Waiting != 0 || n.Claims != 1 {
			t.Errorf("half of it is there: %+v", n)
		}
		mend(t, c, "receipts")
		if !got[bool](t)(c.Receive(t.Context(), claim, receipt, Backlog)) {
			t.Error("not created")
		}
		if n := got[Counts](t)(c.Counts(t.Context())); n.Documents[record.StatusWaiting] != 1 || n.Waiting != 1 || n.Claims != 1 {
			t.Errorf("not all of it is there: %+v", n)
		}
	})
}

// breakInserts makes the database refuse inserts into a table, until mended.
func breakInserts(t *testing.T, c *Catalog, table string) {
	t.Helper()
	sql := `CREATE TRIGGER broken BEFORE INSERT ON ` + table + ` BEGIN SELECT RAISE(ABORT, 'broken'); END`
	if _, ok := c.db.(*server); ok {
		sql = `CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RAISE EXCEPTION ''broken''; END';
			CREATE TRIGGER broken BEFORE INSERT ON ` + table + ` FOR EACH ROW EXECUTE FUNCTION refuse()`
	}
	execSQL(t, c, sql)
}

func mend(t *testing.T, c *Catalog, table string) {
	t.Helper()
	if _, ok := c.db.(*server); ok {
		execSQL(t, c, `DROP TRIGGER broken ON `+table)
		execSQL(t, c, `DROP FUNCTION refuse`)
		return
	}
	execSQL(t, c, `DROP TRIGGER broken`)
}

func execSQL(t *testing.T, c *Catalog, sql string, args ...any) {
	t.Helper()
	must(t, c.db.update(t.Context(), func(tx transaction) error {
		_, err := tx.exec(t.Context(), sql, args...)
		return err
	}))
}

func TestASecondReceiptNeverMakesASecondDocument(t *testing.T) {
	everywhere(t, func(t *testing.T, b bench) {
		c := b.open(t)
		id := receive(t, c, 1, 1)
		before := got[int64](t)(c.Head(t.Context()))
		claim, receipt := dropped(2, 1)
		if got[bool](t)(c.Receive(t.Context(), claim, receipt, Backlog)) {
			t.Error("a second document was made")
		}
		if got[bool](t)(c.Receive(t.Context(), claim, receipt, Backlog)) {
			t.Error("receiving a claim again made a document")
		}
		d := got[*record.Document](t)(c.Document(t.Context(), id))
		if len(d.Receipts) != 2 || !d.File().Equal(record.Hide("1.tif")) || d.Receipts[1].ID != "R00002" || d.Batch() != "B7" {
			t.Errorf("receipts: %d, first %v", len(d.Receipts), d.Receipts)
		}
		if n := got[Counts](t)(c.Counts(t.Context())); n.Total != 1 || n.Waiting != 2 {
			t.Errorf("want one document and a job for each receipt: %+v", n)
		}
		if after := got[int64](t)(c.Head(t.Context())); after <= before {
			t.Error("the index would not see the second receipt")
		}
	})
}

func TestWhatWasTakenByCopyIsRemembered(t *testing.T) {
	everywhere(t, func(t *testing.T, b bench) {
		c := b.open(t)
		claim, receipt := dropped(1, 1)
		claim.Mode = Copy
		if got[bool](t)(c.Taken(t.Context(), claim)) {
			t.Fatal("taken before it was received")
		}
		got[bool](t)(c.Receive(t.Context(), claim, receipt, Backlog))
		if !got[bool](t)(c.Taken(t.Context(), claim)) {
			t.Error("forgotten")
		}
		changed := claim
		changed.Mtime = claim.Mtime.Add(time.Nanosecond)
		if got[bool](t)(c.Taken(t.Context(), changed)) {
			t.Error("a changed file counts as taken")
		}
		must(t, c.Remember(t.Context(), changed))
		if !got[bool](t)(c.Taken(t.Context(), changed)) || got[bool](t)(c.Taken(t.Context(), claim)) {
			t.Error("the newer file did not replace the older")
		}
	})
}

func TestMachinesSeeTheirOwnClaimsOnly(t *testing.T) {
	b := bench{Config{URL: newPostgres(t), Owner: "here"}}
	here := b.open(t)
	b.cfg.Owner = "there"
	there := b.open(t)
	receive(t, here, 1, 1)
	if n := len(got[[]Claim](t)(there.Claims(t.Context()))); n != 0 {
		t.Errorf("the other machine sees %d claims of files it does not hold", n)
	}
	if n := len(got[[]Claim](t)(here.Claims(t.Context()))); n != 1 {
		t.Errorf("%d claims here", n)
	}
}

func TestRetryStartsAFinishedDocumentAgainAndOnceOnly(t *testing.T) {
	everywhere(t, func(t *testing.T, b bench) {
		c := b.open(t)
		id := receive(t, c, 1, 1)
		must(t, c.Release(t.Context(), "CLAIM00001"))
		must(t, c.Retry(t.Context(), id))
		must(t, c.Retry(t.Context(), id))
		claims := got[[]Claim](t)(c.Claims(t.Context()))
		if len(claims) != 1 || claims[0].Mode != Again || claims[0].Receipt.ID != "R00001" {
			t.Fatalf("claims: %+v", claims)
		}
		if err := c.Retry(t.Context(), "0000000000000000"); !errors.Is(err, ErrNotFound) {
			t.Errorf("retry of nothing: %v", err)
		}
	})
}
