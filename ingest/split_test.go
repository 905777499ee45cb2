package ingest

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"image"
	"log/slog"
	"regexp"
	"slices"
	"strings"
	"testing"

	"chartroom/catalog"
	"chartroom/objectstore"
	"chartroom/patient"
	"chartroom/record"
	"chartroom/scan"
	"chartroom/scan/scantest"
)

// Scans of these tests are written as a line, a word a page: "T" and "S" are
// separator sheets (a patch code, a barcode), "P:7" the cover sheet of patient
// 7, "-" is blank, and anything else is a page of text, "7" one that names
// patient 7.

// batch is a reader that finds on page n the n-th word of its line.
type batch struct{ line string }

func (b *batch) Reader(string) string { return "batch " + b.line }

func (b *batch) Recognise(_ context.Context, n int, _ string, _ *scan.Image) (Reading, error) {
	return Reading{Page: pageOf(strings.Fields(b.line)[n-1])}, nil
}

func pageOf(word string) record.Page {
	p := record.Page{State: record.PageText, DPI: 100, Width: 850, Height: 1100, Reader: "batch"}
	code := func(symbology, text string) {
		p.Barcodes = []record.Barcode{{Symbology: symbology, Text: record.Hide(text), Box: record.Box{Left: 1, Top: 2, Width: 3, Height: 4}}}
		p.Words = lineOf(1, "Separator", "sheet")
	}
	switch cover, isCover := strings.CutPrefix(word, "P:"); {
	case isCover:
		code("code128", "PATIENT-"+number(cover))
	case word == "T", word == "2":
		code(record.SymbologyPatch, word)
	case word == "S":
		code("code39", "PATCHT")
	case word == "-":
		p.State = record.PageBlank
	case len(word) == 1 && word >= "7" && word <= "9":
		who := people[word]
		p.Words = lineOf(1, "Patient:", who[0]+",", who[1])
		p.Words = append(p.Words, lineOf(2, "DOB:", who[2][5:7]+"/"+who[2][8:]+"/"+who[2][:4])...)
		p.Words = append(p.Words, lineOf(3, "MRN:", number(word))...)
	case word == "n":
		p.Words = append(lineOf(1, "Patient:", people["7"][0]+",", people["7"][1]), append(lineOf(2, "DOB:", "03/14/1961"), lineOf(3, "Remark", word)...)...)
	default:
		p.Words = lineOf(1, "Remark", word)
	}
	return p
}

var people = map[string][3]string{"7": {"GARCIA", "MARIA", "1961-03-14"}, "8": {"OKAFOR", "DANIEL", "1950-07-21"}, "9": {"LINDQVIST", "IRENE", "1988-11-30"}}

func number(word string) string { return "0048291" + word }

func lineOf(n int, words ...string) (line []record.Word) {
	for i, w := range words {
		line = append(line, record.Word{Text: record.Hide(w), Box: record.Box{Left: 50 + 120*i, Top: 60 * n, Width: 10 * len(w), Height: 14}, Confidence: 0.95, Block: 1, Line: n})
	}
	return line
}

// registry knows patients 7, 8 and 9.
type registry struct{}

func (registry) FindPatients(_ context.Context, q patient.Query) (found []record.Patient, _ error) {
	for word, who := range people {
		p := record.Patient{MRN: record.Hide(number(word)), Last: record.Hide(who[0]), First: record.Hide(who[1]), DOB: record.Hide(who[2])}
		if q.MRN == number(word) || q.Last == who[0] || q.DOB == who[2] {
			found = append(found, p)
		}
	}
	return found, nil
}

var testSeparators = Separators{Patch: []string{"T"}, Barcodes: []*regexp.Regexp{regexp.MustCompile("^PATCHT$")}, Cover: regexp.MustCompile("^PATIENT-(.+)$")}

// batchRoom is a room that reads the line and knows the registry.
func batchRoom(t *testing.T, line string) *room {
	t.Helper()
	r := newRoom(t)
	r.Reader, r.Patients = &batch{line}, registry{}
	r.General.Separators = testSeparators
	return r
}

// paper is a TIFF of so many pages.
func paper(pages int) []byte {
	frames := make([]scantest.Frame, pages)
	for i := range frames {
		frames[i] = scantest.Frame{Picture: image.NewGray(image.Rect(0, 0, 40, 40)), Bits: 8, Compression: 1, DPIX: 100, DPIY: 100}
	}
	return scantest.TIFF(binary.LittleEndian, false, frames...)
}

// documents are the documents of a scan that count, as words: pages of the
// scan, what they hold, and whose they are.
func (r *room) standing(scan record.Digest) (out []string) {
	r.t.Helper()
	for d, err := range r.Catalog.Documents(r.t.Context(), catalog.Filter{Scan: scan, Text: true}) {
		if err != nil {
			r.t.Fatal(err)
		}
		if d.Status == record.StatusSuperseded {
			continue
		}
		out = append(out, described(d))
	}
	slices.Sort(out)
	return out
}

func described(d *record.Document) string {
	var words []string
	for i, p := range d.Pages {
		if p.Number != i+1 {
			words = append(words, fmt.Sprintf("page %d is numbered %d", i+1, p.Number))
		}
		if word := "-"; len(p.Words) > 0 {
			if word = p.Words[len(p.Words)-1].Text.Reveal(); len(word) == 8 {
				word = word[7:]
			}
			words = append(words, word)
		} else {
			words = append(words, word)
		}
	}
	s := fmt.Sprintf("%s: %s: %s", strings.TrimPrefix(string(d.ID), string(record.DocumentID(d.Scan, 0))), strings.Join(words, " "), d.Status)
	if d.Patient != nil {
		s += " " + d.Patient.MRN.Reveal()
	}
	return s
}

// accounted holds that every page of a scan is in exactly one document or
// among the separators that were left out.
func (r *room) accounted(scan record.Digest, pages int) {
	r.t.Helper()
	seen := map[int]int{}
	for d, err := range r.Catalog.Documents(r.t.Context(), catalog.Filter{Scan: scan}) {
		if err != nil {
			r.t.Fatal(err)
		}
		if d.Status == record.StatusSuperseded {
			continue
		}
		span := spanOf(d, len(d.Pages))
		if span[1]-span[0]+1 != len(d.Pages) {
			r.t.Errorf("%s holds %d pages of %v", d.ID, len(d.Pages), span)
		}
		for n := span[0]; n <= span[1]; n++ {
			seen[n]++
		}
		for _, s := range d.Separators {
			if !s.Kept {
				seen[s.Page]++
			}
		}
	}
	for n := 1; n <= pages; n++ {
		if seen[n] != 1 {
			r.t.Errorf("page %d of the scan is in %d places", n, seen[n])
		}
	}
	if len(seen) != pages {
		r.t.Errorf("%d pages of a scan of %d", len(seen), pages)
	}
}

func TestScansAreSplitAtSeparators(t *testing.T) {
	for line, want := range map[string]string{
		"a b c":             ": a b c: review",
		"a T b":             "-1: a: review | -2: b: review",
		"a S b c T d":       "-1: a: review | -2: b c: review | -3: d: review",
		"a T T b":           "-1: a: review | -2: b: review",
		"T a":               ": a: review",
		"a T":               ": a: review",
		"T a T":             ": a: review",
		"T T a T b T T":     "-1: a: review | -2: b: review",
		"T":                 ": sheet: review",
		"T S":               ": sheet sheet: review",
		"T - T -":           ": sheet - sheet -: review",
		"a T - T - b":       "-1: a: review | -2: - b: review",
		"a - T - T b":       "-1: a -: review | -2: b: review",
		"a T -":             ": a: review",
		"a 2 b":             ": a sheet b: review",
		"7 T 8 T 9 7":       "-1: 7: filed 00482917 | -2: 8: filed 00482918 | -3: 9 7: hold",
		"a P:7 7 P:8 8":     "-1: a: review | -2: 7: filed 00482917 | -3: 8: filed 00482918",
		"P:7 8":             ": 8: hold",
		"P:7 a P:8 b":       "-1: a: review | -2: b: review",
		"P:7 P:8 7":         ": 7: hold",
		"P:7 7 T a":         "-1: 7: filed 00482917 | -2: a: review",
		"P:7 7 unread: 8 8": ": 7 unread: 8 8: hold",
	} {
		t.Run(line, func(t *testing.T) {
			r := batchRoom(t, line)
			n := len(strings.Fields(line))
			claim := r.give("batch.tif", paper(n), true)
			r.finish(claim)
			got := strings.Join(r.standing(claim.Receipt.Scan), " | ")
			if got != want {
				t.Errorf("is %s\nwant %s", got, want)
			}
			r.accounted(claim.Receipt.Scan, n)
			r.sameScanAfterRebuild(claim.Receipt.Scan)
		})
	}
}

func TestKeptSeparatorsStayBeforeWhatFollows(t *testing.T) {
	for line, want := range map[string]string{
		"a T b":       "-1: a: review | -2: sheet b: review",
		"T T a T":     ": sheet sheet a sheet: review",
		"a T b T":     "-1: a: review | -2: sheet b sheet: review",
		"P:7 7 P:8 8": "-1: sheet 7: filed 00482917 | -2: sheet 8: filed 00482918",
		"P:7 8":       ": sheet 8: hold",
	} {
		r := batchRoom(t, line)
		r.General.Separators.Keep = true
		n := len(strings.Fields(line))
		claim := r.give("batch.tif", paper(n), true)
		r.finish(claim)
		if got := strings.Join(r.standing(claim.Receipt.Scan), " | "); got != want {
			t.Errorf("%s is %s\nwant %s", line, got, want)
		}
		r.accounted(claim.Receipt.Scan, n)
	}
}

func TestACoverSheetIsEvidenceForItsDocumentOnly(t *testing.T) {
	r := batchRoom(t, "P:7 7 T 8")
	claim := r.give("batch.tif", paper(4), true)
	r.finish(claim)
	for part, want := range map[int]int{1: 1, 2: 0} {
		d, err := r.Catalog.Document(t.Context(), record.DocumentID(claim.Receipt.Scan, part))
		if err != nil {
			t.Fatal(err)
		}
		n := 0
		for _, id := range d.Identifiers {
			if id.Source == record.SourceBarcode {
				n++
				if id.Value.Reveal() != number("7") || id.Page != 0 || !id.Box.Empty() {
					t.Errorf("part %d: evidence on page %d at %v", part, id.Page, id.Box)
				}
			}
		}
		if n != want {
			t.Errorf("part %d has %d numbers of cover sheets, want %d", part, n, want)
		}
	}
}

// A cover sheet says nothing of the pages before it, nor of those behind another
// sheet that begins a document: "n" names patient 7 and gives no number.
func TestACoverSheetSpeaksForThePagesBehindItOnly(t *testing.T) {
	for line, want := range map[string][]string{
		"P:7 n":       {": n: filed 00482917"},
		"n P:7":       {": n: review"},
		"n P:7 -":     {": n: review"},
		"P:7 T n":     {": n: review"},
		"P:7 - T - n": {": - n: review"},
		"T P:7 - n":   {": - n: filed 00482917", ": n: filed 00482917"},
		"7 P:8":       {": 7: filed 00482917"},
	} {
		for _, keep := range []bool{false, true} {
			r := batchRoom(t, line)
			r.General.Separators.Keep = keep
			claim := r.give("batch.tif", paper(len(strings.Fields(line))), true)
			r.finish(claim)
			got := strings.Join(r.standing(claim.Receipt.Scan), " | ")
			_, end, _ := strings.Cut(want[0], "n: ")
			if !strings.HasSuffix(got, end) || !keep && !slices.Contains(want, got) {
				t.Errorf("%s (kept: %v) is %s, want %s", line, keep, got, want)
			}
		}
	}
}

// What is said of a whole scan speaks for none of its parts, and against a
// part that it does not fit.
func TestWhatIsGivenWithABatchOnlyRaisesDoubt(t *testing.T) {
	r := batchRoom(t, "7 T 8")
	claim := r.give("batch.tif", paper(3), true)
	claim.Receipt.Given.MRN = record.Hide("0048-2917")
	r.finish(claim)
	if got, want := strings.Join(r.standing(claim.Receipt.Scan), " | "), "-1: 7: filed 00482917 | -2: 8: review"; got != want {
		t.Errorf("is %s, want %s", got, want)
	}
}

func TestRulesFollowTheDropFolder(t *testing.T) {
	r := batchRoom(t, "a T b")
	r.Folders = map[string]Rules{CommandLine: {}}
	claim := r.give("batch.tif", paper(3), true)
	r.finish(claim)
	if got := r.standing(claim.Receipt.Scan); len(got) != 1 {
		t.Errorf("a folder without separators gives %v", got)
	}
}

// sameScanAfterRebuild rebuilds the catalog and compares everything a scan is
// and was.
func (r *room) sameScanAfterRebuild(scan record.Digest) {
	r.t.Helper()
	snapshot := func() (all []string) {
		for d, err := range r.Catalog.Documents(r.t.Context(), catalog.Filter{Scan: scan, Text: true}) {
			if err != nil {
				r.t.Fatal(err)
			}
			all = append(all, fmt.Sprint(described(d), d.Revision, d.ScanPages, d.Parts, len(d.Separators), len(d.Receipts)))
		}
		slices.Sort(all)
		return all
	}
	before := snapshot()
	if _, err := Rebuild(r.t.Context(), r.store, r.Catalog, func(Rebuilt) {}); err != nil {
		r.t.Fatal(err)
	}
	if after := snapshot(); !slices.Equal(before, after) {
		r.t.Errorf("rebuilt:\n%s\nbefore:\n%s", strings.Join(after, "\n"), strings.Join(before, "\n"))
	}
	if _, err := Verify(r.t.Context(), r.store, r.Catalog, func(Verified) {}, func(f Finding) { r.t.Errorf("%s: %s: %s", f.What, f.Key, f.Why) }); err != nil {
		r.t.Fatal(err)
	}
}

// again reads a scan once more, as retry does.
func (r *room) again(scan record.Digest) {
	r.t.Helper()
	if err := r.Catalog.Retry(r.t.Context(), record.DocumentID(scan, 0)); err != nil {
		r.t.Fatal(err)
	}
	claims, err := r.Catalog.Claims(r.t.Context())
	if err != nil || len(claims) != 1 {
		r.t.Fatalf("%d claims, error %v", len(claims), err)
	}
	r.finish(claims[0])
}

// Read again under other rules, pages that lie together as before keep their
// document; the others' is superseded and says by what.
func TestADocumentsNameAlwaysMeansTheSamePages(t *testing.T) {
	r := batchRoom(t, "a T b S c T d")
	claim := r.give("batch.tif", paper(7), true)
	scan := claim.Receipt.Scan
	r.finish(claim)
	step := func(what string, rules Separators, want string) {
		t.Helper()
		r.General.Separators = rules
		r.again(scan)
		if got := strings.Join(r.standing(scan), " | "); got != want {
			t.Errorf("%s: is %s\nwant %s", what, got, want)
		}
		r.accounted(scan, 7)
		r.sameScanAfterRebuild(scan)
	}
	patchOnly := Separators{Patch: []string{"T"}}
	step("barcodes part no more", patchOnly, "-1: a: review | -4: d: review | -5: b sheet c: review")
	for part, heir := range map[int]int{2: 5, 3: 5} {
		d, err := r.Catalog.Document(t.Context(), record.DocumentID(scan, part))
		if err != nil {
			t.Fatal(err)
		}
		if d.Status != record.StatusSuperseded || len(d.Parts) != 1 || d.Parts[0].ID != record.DocumentID(scan, heir) || len(d.Pages) > 0 {
			t.Errorf("part %d is %s, its pages in %v", part, d.Status, d.Parts)
		}
	}
	step("nothing parts", Separators{}, ": a sheet b sheet c sheet d: review")
	step("all parts again", testSeparators, "-1: a: review | -2: b: review | -3: c: review | -4: d: review")
}

func TestADivisionThatAPersonHasFiledInStays(t *testing.T) {
	r := batchRoom(t, "a T b")
	claim := r.give("batch.tif", paper(3), true)
	scan := claim.Receipt.Scan
	r.finish(claim)
	d, err := r.Catalog.Document(t.Context(), record.DocumentID(scan, 2))
	if err != nil {
		t.Fatal(err)
	}
	d.Revision, d.Status, d.FiledBy, d.Patient = d.Revision+1, record.StatusFiled, "clerk", &record.PatientRef{MRN: record.Hide(number("8"))}
	if _, err := r.writeOne(t.Context(), d); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Catalog.SaveDocument(t.Context(), d); err != nil {
		t.Fatal(err)
	}
	r.General.Separators = Separators{}
	r.again(scan)
	if got := r.standing(scan); len(got) != 2 || !strings.HasPrefix(got[0], "-1: a") || !strings.HasPrefix(got[1], "-2: b") {
		t.Errorf("is %v", got)
	}
	r.accounted(scan, 3)
}

// failingStore breaks at the n-th put and after it, as a power cut does.
type failingStore struct {
	objectstore.Store
	left int
}

var errCut = errors.New("cut off")

func (s *failingStore) Put(ctx context.Context, key objectstore.Key, body objectstore.Body) error {
	if s.left == 0 {
		return errCut
	}
	s.left--
	return s.Store.Put(ctx, key, body)
}

// Cut off before any of its writes, with the catalog or without it, a split
// scan heals: by the same job, and by one that reads under other rules.
func TestASplitCutOffAnywhereHeals(t *testing.T) {
	for _, lost := range []string{"nothing lost", "catalog lost"} {
		for _, rules := range []string{"same rules", "other rules"} {
			for cut := range 7 {
				t.Run(fmt.Sprintf("%s, %s, cut %d", lost, rules, cut), func(t *testing.T) {
					r := batchRoom(t, "7 T 8 S a")
					claim := r.give("batch.tif", paper(5), false)
					scan := claim.Receipt.Scan
					r.Store = &failingStore{r.store, cut}
					err := r.Process(t.Context(), claim)
					if err != nil && !errors.Is(err, errCut) {
						t.Fatal(err)
					}
					r.Store = r.store
					if got := r.standing(scan); err != nil && (len(got) != 1 || !strings.Contains(got[0], "waiting")) {
						t.Errorf("half of the scan can be seen: %v", got)
					}
					if lost == "catalog lost" {
						if _, err := Rebuild(t.Context(), r.store, r.Catalog, func(Rebuilt) {}); err != nil {
							t.Fatal(err)
						}
					}
					want := "-1: 7: filed 00482917 | -2: 8: filed 00482918 | -3: a: review"
					if rules == "other rules" && err != nil {
						r.General.Separators = Separators{Patch: []string{"T"}}
						want = "7: filed 00482917 | 8 sheet a: filed 00482918"
					}
					r.finish(claim)
					got := strings.Join(r.standing(scan), " | ")
					if rules == "other rules" && err != nil {
						got = withoutNames(got)
					}
					if got != want {
						t.Errorf("is %s\nwant %s", got, want)
					}
					r.accounted(scan, 5)
					r.sameScanAfterRebuild(scan)
				})
			}
		}
	}
}

// withoutNames leaves out the numbers of parts: which a cut-off try had taken
// depends on where it was cut.
func withoutNames(s string) string { return regexp.MustCompile(`-[0-9]+: `).ReplaceAllString(s, "") }

// A second division cut off anywhere leaves the first standing, or the second,
// never some of each.
func TestADivisionAnewCutOffAnywhereHeals(t *testing.T) {
	for cut := range 6 {
		for _, lost := range []bool{false, true} {
			t.Run(fmt.Sprint(cut, lost), func(t *testing.T) {
				r := batchRoom(t, "a T b S c")
				claim := r.give("batch.tif", paper(5), true)
				scan := claim.Receipt.Scan
				r.finish(claim)
				old := strings.Join(r.standing(scan), " | ")
				r.General.Separators = Separators{Patch: []string{"T"}}
				if err := r.Catalog.Retry(t.Context(), record.DocumentID(scan, 0)); err != nil {
					t.Fatal(err)
				}
				claims, err := r.Catalog.Claims(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				r.Store = &failingStore{r.store, cut}
				err = r.Process(t.Context(), claims[0])
				r.Store = r.store
				if err != nil && strings.Join(r.standing(scan), " | ") != old {
					t.Errorf("cut off it is %v", r.standing(scan))
				}
				if lost {
					if _, err := Rebuild(t.Context(), r.store, r.Catalog, func(Rebuilt) {}); err != nil {
						t.Fatal(err)
					}
					r.accounted(scan, 5)
				}
				r.finish(claims[0])
				r.accounted(scan, 5)
				if got := strings.Join(r.standing(scan), " | "); got != "-1: a: review | -4: b sheet c: review" {
					t.Errorf("healed it is %s", got)
				}
				r.sameScanAfterRebuild(scan)
			})
		}
	}
}

func TestASecondReceiptOfABatchChangesNoDocument(t *testing.T) {
	r := batchRoom(t, "a T b")
	first := r.give("batch.tif", paper(3), true)
	r.finish(first)
	var ended []*record.Document
	stop := r.Watch(func(e Event) { ended = e.Documents })
	defer stop()
	r.finish(r.give("other.tif", paper(3), true))
	if len(ended) != 2 {
		t.Errorf("the second receipt ended with %d documents", len(ended))
	}
	for d, err := range r.Catalog.Documents(t.Context(), catalog.Filter{}) {
		if err != nil {
			t.Fatal(err)
		}
		if d.Revision != 1 || len(d.Receipts) != 2 {
			t.Errorf("%s: revision %d, %d receipts", d.ID, d.Revision, len(d.Receipts))
		}
	}
	r.sameScanAfterRebuild(first.Receipt.Scan)
}

// Codes may hold a patient's number, which no log line may.
func TestSeparatorsAreLoggedWithoutPatients(t *testing.T) {
	r := batchRoom(t, "a T b P:7 c")
	var log strings.Builder
	r.Log = slog.New(slog.NewTextHandler(&log, nil))
	r.finish(r.give("batch.tif", paper(5), true))
	for _, want := range []string{"page=2", "code=T", "page=4", "cover=true", "documents=3"} {
		if !strings.Contains(log.String(), want) {
			t.Errorf("no %s in %s", want, log.String())
		}
	}
	if strings.Contains(log.String(), number("7")) {
		t.Errorf("a patient's number in %s", log.String())
	}
}
