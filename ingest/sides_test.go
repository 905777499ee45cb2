package ingest

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"image"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"chartroom/catalog"
	"chartroom/record"
	"chartroom/scan"
	"chartroom/scan/scantest"
)

// piles is a reader that knows a scan by its resolution: page n of the one with
// 100+i dots an inch is the n-th word of line i.
type piles []string

func (piles) Reader(string) string { return "piles" }

func (p piles) Recognise(_ context.Context, n int, _ string, img *scan.Image) (Reading, error) {
	return Reading{Page: pageOf(strings.Fields(p[img.DPIX-100])[n-1])}, nil
}

// pileRoom is a room whose scans are the lines, in files of these names, given
// together and received in turn.
func pileRoom(t *testing.T, names, lines []string) (*room, []catalog.Claim) {
	t.Helper()
	r := batchRoom(t, "")
	r.Reader = piles(lines)
	r.General.Sides = Sides{Fronts: "odd*", Backs: "even*", Within: time.Hour}
	var folders []string // one each, so that they are received in this order
	for i, name := range names {
		folders = append(folders, filepath.Join(r.dir, "in", fmt.Sprint(i)))
		frames := make([]scantest.Frame, len(strings.Fields(lines[i])))
		for k := range frames {
			frames[k] = scantest.Frame{Picture: image.NewGray(image.Rect(0, 0, 40, 40)), Bits: 8, Compression: 1, DPIX: 100 + i, DPIY: 100 + i}
		}
		path := filepath.Join(folders[i], name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o700), os.WriteFile(path, scantest.TIFF(binary.LittleEndian, false, frames...), 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	claims := make([]catalog.Claim, len(names))
	for a, err := range r.Intake.Collect(t.Context(), folders, CollectOptions{}) {
		if err != nil {
			t.Fatal(err)
		}
		at := slices.IndexFunc(names, func(n string) bool { return strings.HasSuffix(a.Claim.Receipt.Path.Reveal(), n) })
		if at < 0 {
			t.Fatal("an unknown file was collected")
		}
		claims[at] = a.Claim
	}
	return r, claims
}

// ends works a claim's job, whatever its scan becomes.
func (r *room) ends(claim catalog.Claim) {
	r.t.Helper()
	if err := r.work(r.t.Context(), catalog.Job{Claim: claim, Document: record.DocumentID(claim.Receipt.Scan, 0), Attempt: 1}); err != nil {
		r.t.Fatal(err)
	}
}

// all is everything that counts, as standing tells it.
func (r *room) all(claims []catalog.Claim) string {
	var out []string
	for i, c := range claims {
		for _, s := range r.standing(c.Receipt.Scan) {
			out = append(out, fmt.Sprint(i, s))
		}
	}
	return strings.Join(out, " | ")
}

func TestFrontsAndBacksBecomeOneDocument(t *testing.T) {
	for _, c := range []struct{ what, fronts, backs, want string }{
		{"in turn", "a c e", "b d f", "0: a b c d e f: review"},
		{"a patient's", "7 a", "b 7", "0: 7 b a 7: filed 00482917"},
		{"the last back is missing", "7 7 7", "b d", "0: 7 b 7 d 7: review"},
		{"two people's", "7 8", "b d", "0: 7 b 8 d: hold"},
		{"separators", "7 T 8", "- - b", "0-1: 7 -: filed 00482917 | 0-2: 8 b: filed 00482918"},
		{"counts that do not fit", "a b", "c d e", "0: a b: review | 1: c d e: review"},
	} {
		for _, order := range [][]int{{0, 1}, {1, 0}} {
			t.Run(fmt.Sprint(c.what, order), func(t *testing.T) {
				r, claims := pileRoom(t, []string{"anna/odd/1.tif", "anna/even/2.tif"}, []string{c.fronts, c.backs})
				for _, i := range order {
					r.ends(claims[i])
				}
				if got := r.all(claims); got != c.want {
					t.Errorf("is %s\nwant %s", got, c.want)
				}
				for _, claim := range claims {
					if _, err := r.store.Stat(t.Context(), OriginalKey(claim.Receipt.Scan)); err != nil {
						t.Errorf("an original is not kept: %v", err)
					}
				}
				r.sameScanAfterRebuild(claims[0].Receipt.Scan)
				r.sameScanAfterRebuild(claims[1].Receipt.Scan)
			})
		}
	}
}

func TestABatchTurnedOverIsReadFromItsLastBack(t *testing.T) {
	r, claims := pileRoom(t, []string{"odd 1.tif", "even 1.tif"}, []string{"a c e", "f d b"})
	r.General.Sides.Reversed = true
	r.ends(claims[1])
	r.ends(claims[0])
	if got := r.all(claims); got != "0: a b c d e f: review" {
		t.Errorf("is %s", got)
	}
}

// Sides that somebody else scanned, or that came to another folder or long
// before, are not these sheets'.
func TestSidesAreCollatedOnlyWithinAPile(t *testing.T) {
	for what, names := range map[string][2]string{
		"another operator": {"anna/odd/1.tif", "bert/even/1.tif"},
		"another name":     {"odd 1.tif", "even 2.tif"},
		"no side":          {"odd 1.tif", "other 1.tif"},
		"the same side":    {"anna/odd/1.tif", "anna/odd/2.tif"},
	} {
		r, claims := pileRoom(t, names[:], []string{"a c", "b d"})
		r.ends(claims[0])
		r.ends(claims[1])
		if got := r.all(claims); got != "0: a c: review | 1: b d: review" {
			t.Errorf("%s: is %s", what, got)
		}
	}
	r, claims := pileRoom(t, []string{"odd 1.tif", "even 1.tif"}, []string{"7", "b"})
	r.General.Sides.Within = time.Nanosecond
	r.ends(claims[0])
	time.Sleep(time.Millisecond)
	r.ends(claims[1])
	if got := r.all(claims); got != "0: 7: review | 1: b: review" {
		t.Errorf("too late: is %s", got)
	}
}

func TestMoreThanOnePossiblePileIsAQuestion(t *testing.T) {
	r, claims := pileRoom(t, []string{"anna/odd/1.tif", "anna/odd/2.tif", "anna/even/1.tif"}, []string{"7", "8", "b"})
	for _, c := range claims {
		r.ends(c)
	}
	if got := r.all(claims); got != "0: 7: review | 1: 8: review | 2: b: review" {
		t.Errorf("is %s", got)
	}
}

// Scans that came together are read in any order. One that is not read yet, or
// whose other sides did not fit, could be meant as well.
func TestPilesAreToldApartInWhateverOrderTheyAreRead(t *testing.T) {
	names := []string{"anna/odd/1.tif", "anna/even/1.tif", "anna/odd/2.tif", "anna/even/2.tif"}
	for _, order := range [][]int{{0, 1, 2, 3}, {2, 1, 0, 3}, {3, 2, 1, 0}, {1, 2, 3, 0}, {2, 3, 0, 1}} {
		r, claims := pileRoom(t, names, []string{"a c", "b d", "e g", "f h"})
		for _, i := range order {
			r.ends(claims[i])
		}
		if got := r.all(claims); strings.Contains(got, "e b") || strings.Contains(got, "a f") {
			t.Errorf("read in the order %v it is %s", order, got)
		}
	}
	r, claims := pileRoom(t, names[:3], []string{"a", "b d", "e g"})
	for _, c := range claims {
		r.ends(c)
	}
	if got := r.all(claims); got != "0: a: review | 1: b d: review | 2: e g: review" {
		t.Errorf("behind a pile whose sides do not fit it is %s", got)
	}
}

// Matching again when the registry has changed files no half of a pile.
func TestSidesThatWaitAreNotFiledByMatchingAgain(t *testing.T) {
	r, claims := pileRoom(t, []string{"odd 1.tif", "even 1.tif"}, []string{"7 7", "b"})
	r.ends(claims[0])
	for _, want := range []string{"0: 7 7: review", "0: 7 b 7: review"} {
		if _, err := r.RematchAll(t.Context(), false, func(m Rematch) { t.Errorf("%s is %s now: %s", m.Was, m.Now, m.Reason) }, func(Rematched) {}); err != nil {
			t.Fatal(err)
		}
		if got := r.all(claims[:1]); got != want {
			t.Errorf("is %s, want %s", got, want)
		}
		r.ends(claims[1])
	}
}

// The next pile of the same operator has nothing to do with the one before.
func TestPilesFollowEachOther(t *testing.T) {
	r, claims := pileRoom(t, []string{"anna/odd/1.tif", "anna/even/1.tif", "anna/odd/2.tif", "anna/even/2.tif"}, []string{"a c", "b d", "e g", "f h"})
	for _, c := range claims {
		r.ends(c)
	}
	if got := r.all(claims); got != "0: a b c d: review | 2: e f g h: review" {
		t.Errorf("is %s", got)
	}
	// Read again, from either side, they are the same.
	for _, i := range []int{0, 3} {
		r.again(claims[i].Receipt.Scan)
	}
	if got := r.all(claims); got != "0: a b c d: review | 2: e f g h: review" {
		t.Errorf("read again it is %s", got)
	}
}

// Cut off before any write, with the catalog or without it, two sides become
// one document in the end, and no page is in two.
func TestCollatingCutOffAnywhereHeals(t *testing.T) {
	for _, order := range [][]int{{0, 1}, {1, 0}} {
		for _, lost := range []bool{false, true} {
			for cut := range 6 {
				t.Run(fmt.Sprint(order, lost, cut), func(t *testing.T) {
					r, claims := pileRoom(t, []string{"odd 1.tif", "even 1.tif"}, []string{"7 T 8", "b - d"})
					r.ends(claims[order[0]])
					r.Store = &failingStore{r.store, cut}
					if err := r.Process(t.Context(), claims[order[1]]); err != nil && !errors.Is(err, errCut) {
						t.Fatal(err)
					}
					r.Store = r.store
					if lost {
						if _, err := Rebuild(t.Context(), r.store, r.Catalog, func(Rebuilt) {}); err != nil {
							t.Fatal(err)
						}
					}
					r.ends(claims[order[1]])
					if got := r.all(claims); got != "0-1: 7 b: filed 00482917 | 0-2: 8 d: filed 00482918" {
						t.Errorf("is %s", got)
					}
					r.sameScanAfterRebuild(claims[0].Receipt.Scan)
					r.sameScanAfterRebuild(claims[1].Receipt.Scan)
				})
			}
		}
	}
}
