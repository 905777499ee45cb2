package web

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"image"
	"image/color"
	"image/png"
	"io"
	"iter"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/image/draw"
	"golang.org/x/image/font"
	"golang.org/x/image/font/gofont/gobold"
	"golang.org/x/image/font/gofont/goregular"
	"golang.org/x/image/font/opentype"
	"golang.org/x/image/math/fixed"

	"chartroom/record"
)

// world is a small records room in memory: it satisfies every interface of
// Deps, and keeps their promises as far as the tests look.
type world struct {
	mu        sync.Mutex
	documents []*record.Document
	pictures  map[string][]byte
	originals map[record.Digest][]byte
	corrupt   map[record.Digest]bool
	retried   []record.ID
	partial   bool
	probed    int
	status    Status
	health    []Check
	searchErr error
	listErr   error // after the first document
}

func (w *world) deps() Deps {
	return Deps{Documents: w, Search: w, Files: w, System: w, Metrics: prometheus.NewRegistry(), Version: "0.1"}
}

func (w *world) Document(_ context.Context, id record.ID) (*record.Document, error) {
	for _, d := range w.documents {
		if d.ID == id {
			return d, nil
		}
	}
	return nil, ErrNotFound
}

func (w *world) Head(ctx context.Context, id record.ID) (*record.Document, error) {
	d, err := w.Document(ctx, id)
	if err != nil {
		return nil, err
	}
	return headOf(d), nil
}

func headOf(d *record.Document) *record.Document {
	head := *d
	head.Pages = slices.Clone(d.Pages)
	for i := range head.Pages {
		head.Pages[i].Words = nil
	}
	return &head
}

func (w *world) Page(ctx context.Context, id record.ID, number int) (*record.Page, error) {
	d, err := w.Document(ctx, id)
	if err != nil {
		return nil, err
	}
	if p := pageOf(d, number); p != nil {
		return p, nil
	}
	return nil, ErrNotFound
}

func (w *world) List(_ context.Context, f Filter) iter.Seq2[*record.Document, error] {
	all := slices.Clone(w.documents)
	slices.SortFunc(all, func(a, b *record.Document) int {
		order := cmp.Or(a.Received.Compare(b.Received), cmp.Compare(a.ID, b.ID))
		if f.Newest {
			return -order
		}
		return order
	})
	return func(yield func(*record.Document, error) bool) {
		n, started := 0, f.After == ""
		for _, d := range all {
			if !started {
				started = d.ID == f.After
				continue
			}
			if f.Status != "" && d.Status != f.Status || f.Limit > 0 && n == f.Limit {
				continue
			}
			if n == 1 && w.listErr != nil {
				yield(nil, w.listErr)
				return
			}
			out := d
			if !f.Text {
				out = headOf(d)
			}
			if n++; !yield(out, nil) {
				return
			}
		}
	}
}

func (w *world) Retry(ctx context.Context, id record.ID) error {
	if _, err := w.Document(ctx, id); err != nil {
		return err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.retried = append(w.retried, id)
	return nil
}

// Search finds pages that hold every word of the query.
func (w *world) Search(_ context.Context, q Query) (Results, error) {
	if w.searchErr != nil {
		return Results{}, w.searchErr
	}
	results := Results{Partial: w.partial}
	for _, d := range w.documents {
		if q.Status != "" && d.Status != q.Status || q.Document != "" && d.ID != q.Document {
			continue
		}
		best := len(results.Hits)
		for i := range d.Pages {
			var kinds []record.Kind
			if mrn, ok := strings.CutPrefix(q.Text.Reveal(), "mrn:"); ok {
				kinds = kindsOf(d, d.Pages[i].Number, mrn)
			}
			spans := spansOf(&d.Pages[i], strings.Fields(q.Text.Reveal()))
			if spans == nil && kinds == nil {
				continue
			}
			results.Total++
			if q.ByDocument && len(results.Hits) > best {
				results.Hits[best].More++
				continue
			}
			results.Hits = append(results.Hits, Hit{ID: d.ID, Page: d.Pages[i].Number, Score: 1 / float64(1+len(results.Hits)), Spans: spans, Kinds: kinds})
		}
	}
	if q.After != "" {
		results.Hits = nil
	} else if q.Limit > 0 && len(results.Hits) > q.Limit {
		results.Hits, results.Next = results.Hits[:q.Limit], "2"
	}
	return results, nil
}

func kindsOf(d *record.Document, page int, value string) []record.Kind {
	for _, id := range d.Identifiers {
		if id.Page == page && id.Value.Reveal() == value {
			return []record.Kind{id.Kind}
		}
	}
	return nil
}

func spansOf(p *record.Page, terms []string) [][2]int {
	text, places := p.TextSpans()
	var spans [][2]int
	for _, term := range terms {
		found := false
		for _, at := range places {
			if strings.EqualFold(strings.Trim(text[at[0]:at[1]], `.,:;"`), term) {
				spans, found = append(spans, at), true
			}
		}
		if !found {
			return nil
		}
	}
	return spans
}

func (w *world) Original(_ context.Context, scan record.Digest) (io.ReadCloser, int64, error) {
	b, ok := w.originals[scan]
	if !ok {
		return nil, 0, ErrNotFound
	}
	var r io.Reader = bytes.NewReader(b)
	if w.corrupt[scan] {
		r = io.MultiReader(r, broken{})
	}
	return io.NopCloser(r), int64(len(b)), nil
}

// broken is the end of a body that is not what was stored.
type broken struct{}

func (broken) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

func (w *world) Picture(_ context.Context, key string) (io.ReadCloser, int64, error) {
	b, ok := w.pictures[key]
	if !ok {
		return nil, 0, ErrNotFound
	}
	return io.NopCloser(bytes.NewReader(b)), int64(len(b)), nil
}

func (w *world) Status(context.Context) (Status, error) {
	return w.status, nil
}

func (w *world) Health(context.Context) []Check {
	w.probed++
	return w.health
}

// sheet draws a page and knows its words, as a scanner and a reader would.
type sheet struct {
	page    record.Page
	picture *image.Gray
	block   int
	line    int
}

const (
	sheetWidth, sheetHeight = 1700, 2200 // pixels of the page, at 200 dpi
	pictureWidth            = 1000
)

func newSheet(number int) *sheet {
	s := &sheet{picture: image.NewGray(image.Rect(0, 0, sheetWidth, sheetHeight)), block: 1}
	draw.Draw(s.picture, s.picture.Bounds(), image.NewUniform(color.Gray{250}), image.Point{}, draw.Src)
	s.page = record.Page{Number: number, State: record.PageText, Width: sheetWidth, Height: sheetHeight, DPI: 200, Reader: "test"}
	return s
}

var (
	regular = mustFont(goregular.TTF)
	bold    = mustFont(gobold.TTF)
)

func mustFont(ttf []byte) *opentype.Font {
	f, err := opentype.Parse(ttf)
	if err != nil {
		panic(err)
	}
	return f
}

// write puts a line of text on the sheet and its words into the page. size is
// in pixels.
func (s *sheet) write(x, y int, size float64, f *opentype.Font, text string) {
	face, err := opentype.NewFace(f, &opentype.FaceOptions{Size: size, DPI: 72})
	if err != nil {
		panic(err)
	}
	s.line++
	d := font.Drawer{Dst: s.picture, Src: image.NewUniform(color.Gray{25}), Face: face, Dot: fixed.P(x, y)}
	for word := range strings.SplitSeq(text, " ") {
		left := d.Dot.X.Round()
		d.DrawString(word)
		ascent := int(size * 0.76)
		s.page.Words = append(s.page.Words, record.Word{Text: record.Hide(word), Confidence: confidence(word), Block: s.block, Line: s.line,
			Box: record.Box{Left: left, Top: y - ascent, Width: d.Dot.X.Round() - left, Height: ascent + int(size*0.2)}})
		d.DrawString(" ")
	}
}

// confidence is low for words that look misread.
func confidence(word string) float64 {
	if strings.ContainsAny(word, "|§~") {
		return 0.41
	}
	return 0.96
}

func (s *sheet) rule(y int) {
	draw.Draw(s.picture, image.Rect(140, y, sheetWidth-140, y+3), image.NewUniform(color.Gray{60}), image.Point{}, draw.Src)
}

func (s *sheet) paragraph(y int, lines ...string) int {
	s.block++
	for _, line := range lines {
		s.write(140, y, 34, regular, line)
		y += 52
	}
	return y + 26
}

// wordBox is where a word stands, the nth from 0 that is written so.
func wordBox(p *record.Page, text string, n int) record.Box {
	for i := range p.Words {
		if strings.Trim(p.Words[i].Text.Reveal(), ",.") == text {
			if n--; n < 0 {
				return p.Words[i].Box
			}
		}
	}
	return record.Box{}
}

// add puts the sheets into the world as a document.
func (w *world) add(t *testing.T, d record.Document, file string, sheets ...*sheet) *record.Document {
	t.Helper()
	d.Scan = sha256.Sum256([]byte(file))
	d.ID = record.DocumentID(d.Scan, d.Part)
	for _, s := range sheets {
		if s.picture != nil {
			s.page.Picture, s.page.PictureWidth = "pictures/"+string(d.ID)+"/"+string(rune('0'+s.page.Number))+".png", pictureWidth
			w.pictures[s.page.Picture] = encodePicture(t, s.picture)
		}
		d.Pages = append(d.Pages, s.page)
	}
	if d.Receipts == nil {
		d.Receipts = []record.Receipt{{ID: "r", Scan: d.Scan, Name: record.Hide(file), Path: record.Hide("monday/" + file), From: "front desk",
			Batch: "B-0417", Place: "box 12", Received: d.Received}}
	}
	w.originals[d.Scan] = []byte("the original bytes of a scan")
	w.documents = append(w.documents, &d)
	return &d
}

func encodePicture(t *testing.T, src image.Image) []byte {
	t.Helper()
	small := image.NewGray(image.Rect(0, 0, pictureWidth, pictureWidth*sheetHeight/sheetWidth))
	draw.BiLinear.Scale(small, small.Bounds(), src, src.Bounds(), draw.Src, nil)
	var b bytes.Buffer
	if err := png.Encode(&b, small); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

var monday = time.Date(2026, 11, 23, 10, 0, 0, 0, time.UTC)

func newWorld() *world {
	return &world{pictures: map[string][]byte{}, originals: map[record.Digest][]byte{}, corrupt: map[record.Digest]bool{},
		health: []Check{{"store", true, "folder, 61 GB free"}, {"catalog", true, "SQLite"}, {"index", true, "complete"}, {"disk", true, "61 GB free"}}}
}

func laboratory(number int, name, mrn, dob string, more ...string) *sheet {
	s := newSheet(number)
	s.write(140, 220, 58, bold, "Lakeside General Hospital")
	s.write(140, 290, 34, regular, "Department of Laboratory Medicine")
	s.rule(330)
	y := s.paragraph(410, "Patient: "+name+"   MRN: "+mrn, "DOB: "+dob+"   Ordered by: Dr. Helen Okafor")
	s.rule(y - 20)
	y = s.paragraph(y+50, "LABORATORY REPORT", "Collected 2011-02-09 07:40   Reported 2011-02-09 11:15")
	y = s.paragraph(y+30, "Sodium 139 mmol/L 135 - 145", "Potassium 6.1 mmol/L HIGH 3.5 - 5.1", "Chloride 102 mmol/L 98 - 107", "Creatin|ne 1.4 mg/dL 0.6 - 1.2")
	y = s.paragraph(y+30, "Comment: potassium verified by repeat analysis.", "Result called to the ward at 11:05, read back by nurse.")
	s.paragraph(y+30, more...)
	return s
}

func blankSheet(number int) *sheet {
	s := newSheet(number)
	s.page.State, s.page.Reason = record.PageBlank, "no ink on this side"
	return s
}

func failedSheet(number int) *sheet {
	return &sheet{page: record.Page{Number: number, State: record.PageFailed, Reason: "The picture data of this page is damaged."}}
}

func identifier(p *record.Page, kind record.Kind, role record.Role, value, raw string, check record.Check) record.Identifier {
	first := strings.Fields(raw)[0]
	box := wordBox(p, strings.Trim(first, ",."), 0)
	for _, w := range strings.Fields(raw)[1:] {
		box = box.Union(wordBox(p, strings.Trim(w, ",."), 0))
	}
	return record.Identifier{Kind: kind, Role: role, Value: record.Hide(value), Raw: record.Hide(raw), Page: p.Number, Box: box, Confidence: 0.97,
		Source: record.SourceText, Check: check}
}

// sampleWorld is what the pages are looked at with.
func sampleWorld(t *testing.T) *world {
	t.Helper()
	w := newWorld()
	first := laboratory(1, "Maria L. Garcia", "00482913", "03/14/1961")
	d := record.Document{Revision: 1, Received: monday, Status: record.StatusFiled, FiledBy: record.FiledByAuto, DocType: "laboratory", Date: "2011-02-09",
		Patient: &record.PatientRef{MRN: record.Hide("00482913"), Name: record.Hide("GARCIA, MARIA L"), DOB: record.Hide("1961-03-14")}}
	d.Identifiers = []record.Identifier{
		identifier(&first.page, record.KindName, record.RolePatient, "GARCIA, MARIA L", "Maria L. Garcia", record.CheckNone),
		identifier(&first.page, record.KindMRN, record.RolePatient, "00482913", "00482913", record.CheckNone),
		identifier(&first.page, record.KindDOB, record.RolePatient, "1961-03-14", "03/14/1961", record.CheckNone),
		identifier(&first.page, record.KindName, record.RoleProvider, "OKAFOR, HELEN", "Helen Okafor", record.CheckNone)}
	w.add(t, d, "scan_00017.tiff", first, blankSheet(2), laboratory(3, "Maria L. Garcia", "00482913", "03/14/1961",
		"Follow-up: potassium to be repeated in two days.", "Patient advised to avoid potassium supplements."), failedSheet(4))

	d = record.Document{Revision: 1, Received: monday.Add(time.Minute), Status: record.StatusReview, DocType: "discharge summary", Date: "2014-03-02",
		Reason: "Two registered patients have this name and date of birth; the MRN on page 1 is not readable."}
	s := newSheet(1)
	s.write(140, 220, 58, bold, "Discharge Summary")
	y := s.paragraph(340, "Patient: John A. Miller   DOB: 07/02/1948   MRN: 0§4~77", "Admitted 2014-02-24   Discharged 2014-03-02")
	s.paragraph(y, "Admitted with weakness; potassium 2.9 on arrival was replaced.", "Discharged home in stable condition.", "Follow up with primary care in one week.")
	w.add(t, d, "discharge_miller.pdf", s)

	d = record.Document{Revision: 1, Received: monday.Add(2 * time.Minute), Status: record.StatusFiled, FiledBy: record.FiledByAuto, DocType: "laboratory", Date: "2012-06-18",
		Patient: &record.PatientRef{MRN: record.Hide("01694286"), Name: record.Hide("SORENSEN, STEVEN"), DOB: record.Hide("1986-09-27")}}
	w.add(t, d, "scan_00018.tiff", laboratory(1, "Steven Sorensen", "01694286", "09/27/1986"))

	w.add(t, record.Document{Received: monday.Add(3 * time.Minute), Status: record.StatusRejected, Reason: "The file ends before its last page: it was cut off while it was copied."}, "scan_00019.pdf")
	w.add(t, record.Document{Received: monday.Add(4 * time.Minute), Status: record.StatusWaiting}, "scan_00020.jpg")
	w.status = sampleStatus(w)
	return w
}

func sampleStatus(w *world) Status {
	return Status{Started: time.Now().Add(-95 * time.Minute), Documents: map[record.Status]int{record.StatusFiled: 1243, record.StatusReview: 87, record.StatusHold: 4, record.StatusWaiting: 12, record.StatusRejected: 9},
		Pages:   map[record.PageState]int{record.PageText: 5120, record.PageBlank: 311, record.PageLowConfidence: 42, record.PageFailed: 3, record.PageTimedOut: 1},
		Waiting: 12, Working: 2, PagesPerMinute: 37.4, FailuresTotal: 9,
		Failures: []Failure{{ID: w.documents[3].ID, File: record.Hide("scan_00019.pdf"), Reason: "The file ends before its last page: it was cut off while it was copied.", Attempts: 1, At: monday, Retry: true},
			{ID: w.documents[4].ID, File: record.Hide("scan_00020.jpg"), Reason: "The object store does not answer.", Attempts: 3, At: monday, Next: monday.Add(time.Hour), Retry: true}},
		Folders: []Folder{{Name: "front desk", Path: "/srv/scans/front", State: "ok", LastScan: time.Now().Add(-3 * time.Second),
			Waiting: []WaitingFile{{record.Hide("scan_00021.tif"), "still being written", time.Now().Add(-9 * time.Second)}}},
			{Name: "records room", Path: "/mnt/records/out", State: "degraded", Reason: "Files cannot be renamed here, so copies are taken and the files stay.", LastScan: time.Now().Add(-8 * time.Second)}},
		Index: Index{Indexed: 5477, Head: 5477, Documents: 1355}}
}
