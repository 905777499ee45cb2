package catalog

import (
	"testing"
	"time"

	"chartroom/record"
)

func TestFailuresNameRejectedDocumentsNewestFirst(t *testing.T) {
	everywhere(t, func(t *testing.T, b bench) {
		c := b.open(t)
		for n := 1; n <= 3; n++ {
			receive(t, c, n, n)
			d := read(n, 1, 0)
			d.Status, d.Patient, d.Reason, d.Decided = record.StatusRejected, nil, "the file is empty", time.Unix(int64(1000*n), 0)
			got[int64](t)(c.SaveDocument(t.Context(), d))
			must(t, c.Release(t.Context(), "CLAIM0000"+string(rune('0'+n))))
		}
		got[int64](t)(c.SaveDocument(t.Context(), read(4, 1, 2)))
		execSQL(t, c, `UPDATE claims SET attempts = 4 WHERE id = 'CLAIM00003'`)
		f := got[[]Failure](t)(c.Failures(t.Context(), 2))
		if len(f) != 2 || f[0].File.Reveal() != "3.tif" || f[1].File.Reveal() != "2.tif" || f[0].Reason != "the file is empty" || f[0].Attempts != 4 || f[1].Attempts != 0 ||
			f[0].Status != record.StatusRejected || !f[0].Since.Equal(time.Unix(3000, 0)) {
			t.Errorf("failures: %+v", f)
		}
		n := got[Counts](t)(c.Counts(t.Context()))
		if n.Documents[record.StatusRejected] != 3 || n.Documents[record.StatusFiled] != 1 || n.Total != 4 || n.Pages[record.PageText] != 2 || n.Claims != 0 {
			t.Errorf("counts: %+v", n)
		}
	})
}
