package catalog

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"chartroom/record"
)

// read is a document of a scan with pages and words, at a revision.
func read(scan, revision, pages int) *record.Document {
	d := &record.Document{ID: record.DocumentID(digest(scan), 0), Revision: revision, Scan: digest(scan), Received: time.Date(2026, 11, 23, 10, 0, scan, 0, time.UTC),
		Status: record.StatusFiled, FiledBy: record.FiledByAuto, DocType: "laboratory", Date: "2011-02-09", Decided: time.Now(),
		Patient: &record.PatientRef{MRN: record.Hide("00482913"), Name: record.Hide("GARCIA, MARIA L"), DOB: record.Hide("1961-03-14")}}
	for n := 1; n <= pages; n++ {
		d.Pages = append(d.Pages, record.Page{Number: n, State: record.PageText, Width: 2550, Height: 3300, DPI: 300, Words: []record.Word{
			{Text: record.Hide(fmt.Sprintf("page%d", n)), Box: record.Box{Left: 1, Top: 2, Width: 3, Height: 4}, Confidence: 0.9, Block: 1, Line: 1},
			{Text: record.Hide("NUL\x00"), Block: 1, Line: 2},
		}})
	}
	return d
}

func TestADocumentComesBackWhole(t *testing.T) {
	everywhere(t, func(t *testing.T, b bench) {
		c := b.open(t)
		id := receive(t, c, 1, 1)
		d := read(1, 1, 3)
		d.Reason = "odd \x00 text"
		got[int64](t)(c.SaveDocument(t.Context(), d))
		back := got[*record.Document](t)(c.Document(t.Context(), id))
		want, err := record.MarshalDocument(d)
		must(t, err)
		have, err := record.MarshalDocument(back)
		must(t, err)
		if !bytes.Equal(want, have) || len(back.Receipts) != 1 {
			t.Error("the document came back changed")
		}
		head := got[*record.Document](t)(c.DocumentHead(t.Context(), id))
		if len(head.Pages) != 3 || head.Pages[2].Words != nil || len(head.Receipts) != 1 {
			t.Errorf("head: %v", head)
		}
		page := got[*record.Page](t)(c.Page(t.Context(), id, 2))
		if page.Number != 2 || page.Words[0].Text.Reveal() != "page2" {
			t.Errorf("page: %v", page)
		}
		for _, err := range []error{second(c.Page(t.Context(), id, 4)), second(c.Document(t.Context(), "0000000000000000"))} {
			if !errors.Is(err, ErrNotFound) {
				t.Errorf("what is not there: %v", err)
			}
		}
	})
}

func second[T any](_ T, err error) error { return err }

func TestAnOlderRevisionChangesNothing(t *testing.T) {
	everywhere(t, func(t *testing.T, b bench) {
		c := b.open(t)
		seq := got[int64](t)(c.SaveDocument(t.Context(), read(1, 2, 2)))
		for _, revision := range []int{0, 1, 2} {
			d := read(1, revision, 5)
			d.Status = record.StatusHold
			if again := got[int64](t)(c.SaveDocument(t.Context(), d)); again != seq {
				t.Errorf("revision %d took number %d, the cached one has %d", revision, again, seq)
			}
		}
		if d := got[*record.Document](t)(c.Document(t.Context(), read(1, 0, 0).ID)); d.Revision != 2 || len(d.Pages) != 2 || d.Status != record.StatusFiled {
			t.Errorf("cached: %v", d)
		}
		if newer := got[int64](t)(c.SaveDocument(t.Context(), read(1, 3, 1))); newer <= seq {
			t.Errorf("a newer revision has number %d after %d", newer, seq)
		}
		if d := got[*record.Document](t)(c.Document(t.Context(), read(1, 0, 0).ID)); d.Revision != 3 || len(d.Pages) != 1 {
			t.Errorf("cached: %v", d)
		}
	})
}

// A reader that follows the sequence while many write must see every document
// at its last revision: a number that becomes visible late would be passed
// over for ever.
func TestAFollowerOfTheSequenceMissesNothing(t *testing.T) {
	everywhere(t, func(t *testing.T, b bench) {
		const writers, each = 6, 15
		c := b.open(t)
		var busy sync.WaitGroup
		for w := range writers {
			busy.Go(func() {
				for i := range each {
					scan := w*each + i + 1
					for revision := 1; revision <= 2; revision++ {
						if _, err := c.SaveDocument(context.WithoutCancel(t.Context()), read(scan, revision, 1)); err != nil {
							t.Error(err)
						}
					}
				}
			})
		}
		done := make(chan struct{})
		go func() { busy.Wait(); close(done) }()
		seen := map[record.ID]int{}
		var after int64
		for finished := false; ; {
			changes := got[[]Change](t)(c.Changed(t.Context(), after, 7, 0))
			for _, ch := range changes {
				if ch.Seq <= after {
					t.Fatalf("number %d after %d", ch.Seq, after)
				}
				after = ch.Seq
				seen[ch.Document.ID] = ch.Document.Revision
			}
			if finished && len(changes) == 0 {
				break
			}
			select {
			case <-done:
				finished = true
			default:
			}
		}
		if len(seen) != writers*each {
			t.Errorf("saw %d of %d documents", len(seen), writers*each)
		}
		for id, revision := range seen {
			if revision != 2 {
				t.Errorf("document %s: last seen at revision %d", id, revision)
			}
		}
		if head := got[int64](t)(c.Head(t.Context())); head != after || head != 2*writers*each {
			t.Errorf("head %d, followed to %d", head, after)
		}
	})
}

func TestChangedIsBoundedInNumberAndBytes(t *testing.T) {
	everywhere(t, func(t *testing.T, b bench) {
		c := b.open(t)
		for i := range 5 {
			got[int64](t)(c.SaveDocument(t.Context(), read(i+1, 1, 10)))
		}
		one := weight(read(1, 1, 10))
		for _, tc := range []struct {
			limit int
			bytes int64
			want  int
		}{{3, 0, 3}, {100, 0, 5}, {100, 2*one + 1, 2}, {100, 1, 1}, {0, 0, 1}} {
			changes := got[[]Change](t)(c.Changed(t.Context(), 0, tc.limit, tc.bytes))
			if len(changes) != tc.want {
				t.Errorf("limit %d, %d bytes: %d documents, want %d", tc.limit, tc.bytes, len(changes), tc.want)
			}
			if len(changes[0].Document.Pages) != 10 || len(changes[0].Document.Pages[9].Words) != 2 {
				t.Error("a change without its words")
			}
		}
		for after := range int64(5) { // one at a time, it still comes to the end
			if changes := got[[]Change](t)(c.Changed(t.Context(), after, 1, 1)); len(changes) != 1 || changes[0].Seq != after+1 {
				t.Errorf("after %d: %d changes", after, len(changes))
			}
		}
	})
}

func TestDocumentsAreListedInOneOrderPieceByPiece(t *testing.T) {
	everywhere(t, func(t *testing.T, b bench) {
		c := b.open(t)
		const n = 450 // more than two pieces
		for i := range n {
			d := read(i+1, 1, 1)
			d.Received = time.Unix(int64(1000+i/10), 0) // tens at the same time
			if i%3 == 0 {
				d.Status, d.Patient = record.StatusReview, nil
			}
			got[int64](t)(c.SaveDocument(t.Context(), d))
		}
		list := func(f Filter) (ids []record.ID) {
			for d, err := range c.Documents(t.Context(), f) {
				must(t, err)
				ids = append(ids, d.ID)
				if words := d.Pages[0].Words != nil; words != f.Text {
					t.Errorf("words: %v, asked for: %v", words, f.Text)
				}
			}
			return ids
		}
		all := list(Filter{})
		newest := list(Filter{Newest: true})
		if len(all) != n || len(newest) != n || all[0] != newest[n-1] || all[n-1] != newest[0] {
			t.Errorf("%d forwards, %d backwards", len(all), len(newest))
		}
		if rest := list(Filter{After: all[99]}); len(rest) != n-100 || rest[0] != all[100] {
			t.Errorf("%d after the hundredth", len(rest))
		}
		if some := list(Filter{Status: record.StatusReview, Limit: 120}); len(some) != 120 {
			t.Errorf("%d in review, want the first 120", len(some))
		}
		if filed := list(Filter{MRN: record.Hide("00482913"), Text: true, Limit: 25}); len(filed) != 25 {
			t.Errorf("%d of the patient", len(filed))
		}
		if none := list(Filter{MRN: record.Hide("482913")}); len(none) != 0 {
			t.Errorf("%d of another patient", len(none))
		}
		if same := list(Filter{Scan: digest(7)}); len(same) != 1 {
			t.Errorf("%d documents of one scan", len(same))
		}
	})
}

func TestReadingsOutliveACrashUntilTheClaimIsReleased(t *testing.T) {
	everywhere(t, func(t *testing.T, b bench) {
		c := b.open(t)
		receive(t, c, 1, 1)
		receive(t, c, 2, 1)
		for _, p := range read(1, 1, 3).Pages {
			must(t, c.SavePage(t.Context(), digest(1), "tesseract 5", &p))
		}
		c.Close()
		c = b.open(t)
		pages := got[map[int]*record.Page](t)(c.Pages(t.Context(), digest(1), "tesseract 5"))
		if len(pages) != 3 || pages[3].Words[0].Text.Reveal() != "page3" {
			t.Errorf("ledger: %v", pages)
		}
		if other := got[map[int]*record.Page](t)(c.Pages(t.Context(), digest(1), "tesseract 6")); len(other) != 0 {
			t.Errorf("another reader's: %v", other)
		}
		if rate := got[int](t)(c.Rate(t.Context(), 5*time.Minute)); rate != 3 {
			t.Errorf("rate %d, want 3", rate)
		}
		for i, want := range []int{3, 0} { // the other claim may still need them
			must(t, c.Release(t.Context(), fmt.Sprintf("CLAIM%05d", i+1)))
			if left := got[map[int]*record.Page](t)(c.Pages(t.Context(), digest(1), "tesseract 5")); len(left) != want {
				t.Errorf("%d readings after release %d, want %d", len(left), i+1, want)
			}
		}
	})
}

func TestResetKeepsWhatStorageDoesNotHoldYet(t *testing.T) {
	everywhere(t, func(t *testing.T, b bench) {
		c := b.open(t)
		done, open := receive(t, c, 1, 1), receive(t, c, 2, 2)
		got[int64](t)(c.SaveDocument(t.Context(), read(1, 1, 1)))
		must(t, c.Release(t.Context(), "CLAIM00001"))
		epoch, head := got[string](t)(c.Epoch(t.Context())), got[int64](t)(c.Head(t.Context()))

		must(t, c.Reset(t.Context()))
		if _, err := c.Document(t.Context(), done); !errors.Is(err, ErrNotFound) {
			t.Errorf("the finished document is still there: %v", err)
		}
		d := got[*record.Document](t)(c.Document(t.Context(), open))
		if d.Status != record.StatusWaiting || len(d.Receipts) != 1 {
			t.Errorf("the open claim's document: %v", d)
		}
		if got[string](t)(c.Epoch(t.Context())) == epoch || got[int64](t)(c.Head(t.Context())) <= head {
			t.Error("an old watermark would be believed")
		}

		_, receipt := dropped(1, 1)
		must(t, c.SaveReceipt(t.Context(), receipt))
		got[int64](t)(c.SaveDocument(t.Context(), read(1, 1, 1)))
		must(t, c.SaveReceipt(t.Context(), receipt))
		if d := got[*record.Document](t)(c.Document(t.Context(), done)); len(d.Receipts) != 1 || d.Revision != 1 {
			t.Errorf("rebuilt: %v", d)
		}
		must(t, c.Retry(t.Context(), done))
		if n := len(got[[]Claim](t)(c.Claims(t.Context()))); n != 2 {
			t.Errorf("%d claims: a rebuilt document cannot be retried", n)
		}
	})
}

func TestTheEpochLastsAsLongAsTheCatalog(t *testing.T) {
	everywhere(t, func(t *testing.T, b bench) {
		first := got[string](t)(b.open(t).Epoch(t.Context()))
		if again := got[string](t)(b.open(t).Epoch(t.Context())); first == "" || first != again {
			t.Errorf("epoch %q, then %q", first, again)
		}
	})
}

func TestANewerSchemaIsRefused(t *testing.T) {
	everywhere(t, func(t *testing.T, b bench) {
		c := b.open(t)
		must(t, c.Check(t.Context()))
		execSQL(t, c, `INSERT INTO chartroom_schema (version, applied) VALUES (99, 0)`)
		c.Close()
		if _, err := Open(t.Context(), b.cfg); !errors.Is(err, ErrNewerSchema) {
			t.Errorf("opened: %v", err)
		}
	})
}

func TestTheFileIsReadableByItsOwnerAlone(t *testing.T) {
	b := newSQLite(t)
	receive(t, b.open(t), 1, 1)
	for _, name := range []string{b.cfg.Path, b.cfg.Path + "-wal", b.cfg.Path + "-shm"} {
		info, err := os.Stat(name)
		must(t, err)
		if info.Mode().Perm() != 0o600 {
			t.Errorf("%s: mode %v", name, info.Mode())
		}
	}
}

func TestNoErrorTellsAPatientsName(t *testing.T) {
	everywhere(t, func(t *testing.T, b bench) {
		const canary = "ZEBRAFINCH"
		var log bytes.Buffer
		b.cfg.Log = slog.New(slog.NewTextHandler(&log, nil))
		c := b.open(t)
		name := record.Hide(canary + "\x00\xff")
		claim, receipt := dropped(1, 1)
		claim.Path, claim.Held, receipt.Name, receipt.Given.MRN = name, name, name, name
		d := read(1, 1, 1)
		d.Patient.MRN, d.Pages[0].Words[0].Text = name, name
		p := record.Patient{MRN: name, Last: name, DOB: name, SSN: name, Phone: name}
		got[bool](t)(c.Receive(t.Context(), claim, receipt, Backlog))
		got[int64](t)(c.SaveDocument(t.Context(), d))
		breakInserts(t, c, "registry")
		execSQL(t, c, `UPDATE documents SET head = $1`, []byte(canary))
		execSQL(t, c, `UPDATE pages SET body = $1`, []byte(canary))
		execSQL(t, c, `UPDATE receipts SET body = $1`, []byte(canary))
		var failures []error
		fail := func(ctx context.Context) {
			_, _, err1 := c.SavePatients(ctx, func(yield func(record.Patient) bool) { yield(p) })
			_, err2 := c.Document(ctx, d.ID)
			_, err3 := c.Page(ctx, d.ID, 1)
			_, err4 := c.Claim(ctx, claim.ID)
			failures = append(failures, err1, err2, err3, err4)
		}
		fail(t.Context())
		ended, cancel := context.WithCancel(t.Context())
		cancel()
		fail(ended)
		_, err := c.Receive(ended, claim, receipt, Backlog)
		_, err2 := c.FindPatients(ended, PatientQuery{Last: name})
		failures = append(failures, err, err2, c.BeginClaim(ended, claim), c.Remember(ended, claim), second(c.Taken(ended, claim)),
			second(c.SaveDocument(ended, d)), c.SavePage(ended, d.Scan, "r", &d.Pages[0]))
		if _, ok := c.db.(*server); ok {
			failures = append(failures, c.db.view(t.Context(), func(s session) error {
				return each(t.Context(), s, nil, `SELECT '`+canary+`'::int`)
			}))
		}
		c.Close()
		fail(t.Context())
		for i, err := range failures {
			if err == nil {
				t.Errorf("failure %d did not fail", i)
			} else if strings.Contains(err.Error(), canary) {
				t.Errorf("failure %d tells: %v", i, err)
			}
		}
		if strings.Contains(log.String(), canary) {
			t.Error("the log tells")
		}
	})
}
