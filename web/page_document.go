package web

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"chartroom/record"
)

// documentView is a document with one of its pages open.
type documentView struct {
	ID         record.ID
	Here       place
	Query      string
	Heading    string
	Filed      bool
	MRN, DOB   string
	Status     record.Status
	FiledBy    string
	Reason     string
	CanRetry   bool
	Exports    bool // as something else than the original
	DocType    string
	Date       string
	Facts      []fact
	Receipts   []receiptView
	Parts      []partView // the documents that hold a superseded one's pages
	Scan       string     // where the other documents of the scan are named
	Sides      string     // the scan of the backs, or of the fronts
	Rail       []railPage
	Earlier    string
	Later      string
	Pages      int
	Page       *pageView // nil for a document without pages
	Hits       hitsView
	Facets     []identifierView
	Zooms      []filterLink
	Incomplete bool // the search could not look at everything
}

// Nav names the part of the site the page belongs to.
func (documentView) Nav() string { return "documents" }

type fact struct{ Label, Value string }

// partView is a document of a split scan.
type partView struct{ Link, Pages string }

type receiptView struct{ File, From, Received string }

// railPage is a page in the strip of pages.
type railPage struct {
	Number  int
	Link    string
	State   record.PageState
	Hit     bool
	Current bool
	Thumb   string
}

// pageView is the open page.
type pageView struct {
	Number     int
	State      record.PageState
	Reason     string
	Sheet      sheetView
	Confidence int // percent
	Facts      string
	Prev, Next string
	Ahead      string // picture of the next page
	Blocks     []blockView
}

// sheetView is a page's picture with boxes over it, all in pixels of the page.
type sheetView struct {
	Picture       string
	Thumb         string
	Width, Height int
	Hits          []record.Box
	Marks         []markView
	Active        int // the hit that is shown, from 1
}

// markView is the box of an identifier.
type markView struct {
	N      int
	Box    record.Box
	Active bool
}

// hitsView leads from hit to hit: those on this page, and those on the pages
// before and behind that have some.
type hitsView struct {
	Asked         bool
	OnPage        int
	Active        int // from 1; 0 when there is none on this page
	PagesWith     int
	Prev, Next    string // the hit before and the next one, wherever they are
	Before, After string // the last hit before this page, the first behind it
}

type identifierView struct {
	N          int
	Kind       string
	Value      string
	Raw        string
	Role       record.Role
	Source     string
	Check      record.Check
	Confidence int
	Page       int
	Link       string
	Box        record.Box
	Here       bool
	Active     bool
	More       int // other pages that say the same
}

// blockView is a paragraph of the page's text: lines of words.
type blockView [][]wordView

type wordView struct {
	Text  string
	Box   record.Box
	Hit   bool
	Doubt bool // read with little confidence
}

// doubtful is the probability of being right under which a word is shown as
// uncertain.
const doubtful = 0.6

func (s *site) documentPage(w http.ResponseWriter, r *http.Request) error {
	id, err := documentID(r)
	if err != nil {
		return err
	}
	head, err := s.deps.Documents.Head(r.Context(), id)
	if err != nil {
		return fmt.Errorf("open document %s: %w", id, err)
	}
	v := toDocumentView(head)
	v.Here = readPlace(r)
	query, known := s.searches.query(v.Here.Token)
	if !known {
		v.Here.Token = ""
	}
	v.Query = query.Reveal()
	hits, err := s.hitsIn(r.Context(), &v, query)
	if err != nil {
		return err
	}
	if err := s.openPage(r.Context(), &v, head, hits); err != nil {
		return err
	}
	return s.views.render(w, http.StatusOK, "document", v)
}

func readPlace(r *http.Request) place {
	form := r.URL.Query()
	n := func(key string, low, high int) int {
		i, _ := strconv.Atoi(form.Get(key))
		return min(max(i, low), high)
	}
	return place{Token: form.Get("s"), Page: n("page", 0, 1<<20), Hit: n("hit", -1, 1<<20), Mark: n("mark", 0, 1<<20), Zoom: n("zoom", 0, 400)}
}

func toDocumentView(d *record.Document) documentView {
	v := documentView{ID: d.ID, Status: d.Status, FiledBy: d.FiledBy, Reason: visible(d.Reason), DocType: d.DocType, Date: d.Date, Pages: len(d.Pages),
		CanRetry: d.Status == record.StatusRejected, Exports: exportable(d) == nil}
	v.Heading, v.Filed = heading(d)
	if v.Filed {
		p := d.ShownPatient()
		v.MRN, v.DOB = visible(p.MRN.Reveal()), p.DOB.Reveal()
	}
	v.Facts = documentFacts(d)
	for _, p := range d.Parts {
		v.Parts = append(v.Parts, partView{documentLink(p.ID, place{}), spanWords(p.Pages)})
	}
	if other := otherSides(d); other != "" {
		v.Sides = documentLink(other, place{})
	}
	if d.Part > 0 {
		v.Scan = documentLink(record.DocumentID(d.Scan, 0), place{})
	}
	for _, r := range d.Receipts {
		v.Receipts = append(v.Receipts, receiptView{shownFile(r.Name), visible(r.From), when(r.Received)})
	}
	return v
}

func documentFacts(d *record.Document) []fact {
	facts := []fact{{"File", shownFile(d.File())}, {"Received", when(d.Received)}, {"Batch", visible(d.Batch())}, {"Paper is in", visible(d.Place())},
		{"Facility", visible(d.Facility())}, {"Pages of the scan", ""}, {"Document", string(d.ID)}}
	if d.ScanPages != [2]int{} {
		facts[5].Value = spanWords(d.ScanPages)
	}
	for _, s := range d.Separators {
		facts = append(facts, fact{fmt.Sprintf("Page %d of the scan", s.Page), separatorWords(s)})
	}
	return slices.DeleteFunc(facts, func(f fact) bool { return f.Value == "" })
}

func spanWords(span [2]int) string {
	if span[0] == span[1] {
		return fmt.Sprint(span[0])
	}
	return fmt.Sprintf("%d to %d", span[0], span[1])
}

// separatorWords say what a separator sheet is and what became of it.
func separatorWords(s record.Separator) string {
	what := "separator sheet"
	switch {
	case !s.Patient.IsZero():
		what = "cover sheet of patient " + visible(s.Patient.Reveal())
	case s.Code.Symbology == "":
		what = "blank back of a separator sheet"
	case s.Code.Symbology == record.SymbologyPatch:
		what += ", patch code " + visible(s.Code.Text.Reveal())
	default:
		what += ", barcode " + visible(s.Code.Text.Reveal())
	}
	if !s.Kept {
		what += "; left out"
	}
	return what
}

// maxHitPages is how many pages with hits are known of one document.
const maxHitPages = 1000

// hitsIn asks on which pages of the document the search matches. A search that
// fails here leaves the document readable: it is shown without hits, and says so.
func (s *site) hitsIn(ctx context.Context, v *documentView, query record.Private) ([]Hit, error) {
	if query.IsZero() {
		return nil, nil
	}
	results, err := s.deps.Search.Search(ctx, Query{Text: query, Document: v.ID, Limit: maxHitPages})
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	v.Incomplete = err != nil || results.Partial
	if _, log := toAnswer(err); err != nil && log {
		s.log.Error("search in document", "document", v.ID, "error", err)
	}
	hits := slices.DeleteFunc(results.Hits, func(h Hit) bool { return h.ID != v.ID || h.Page == 0 || len(h.Spans)+len(h.Kinds) == 0 })
	slices.SortFunc(hits, func(a, b Hit) int { return cmp.Compare(a.Page, b.Page) })
	v.Hits = hitsView{Asked: err == nil, PagesWith: len(hits)}
	return hits, nil
}

// openPage fills in the open page: the one asked for, or the first with a hit.
func (s *site) openPage(ctx context.Context, v *documentView, head *record.Document, hits []Hit) error {
	if len(head.Pages) == 0 {
		v.Facets = eachOnce(identifiersOf(head, v))
		return nil
	}
	if v.Here.Page == 0 && len(hits) > 0 {
		v.Here.Page = hits[0].Page
	}
	if v.Here.Page == 0 {
		v.Here.Page = head.Pages[0].Number
	}
	page, err := s.deps.Documents.Page(ctx, head.ID, v.Here.Page)
	if err != nil {
		return fmt.Errorf("open page %d of document %s: %w", v.Here.Page, head.ID, err)
	}
	var here Hit
	if i := slices.IndexFunc(hits, func(h Hit) bool { return h.Page == page.Number }); i >= 0 {
		here = hits[i]
	}
	marks := matched(page, here.Spans)
	boxes := drawn(head, page, here, marks)
	v.Hits.lead(v, boxes, hits)
	identifiers := identifiersOf(head, v)
	v.Facets = eachOnce(identifiers)
	v.Page = toPageView(head, page, marks)
	v.Page.Sheet = toSheet(head.ID, page, boxes)
	v.Page.Sheet.Active, v.Page.Sheet.Marks = v.Hits.Active, marksOf(identifiers)
	v.turn(head, page.Number)
	v.fillRail(head, hits)
	v.fillZooms()
	return nil
}

// lead works out the active hit and where the next and the one before are.
func (h *hitsView) lead(v *documentView, boxes []record.Box, hits []Hit) {
	h.OnPage, h.Active = len(boxes), min(v.Here.Hit, len(boxes))
	if h.Active <= 0 && len(boxes) > 0 {
		h.Active = 1
		if v.Here.Hit < 0 {
			h.Active = len(boxes)
		}
	}
	at := func(page, hit int) string {
		return documentLink(v.ID, place{Token: v.Here.Token, Page: page, Hit: hit, Zoom: v.Here.Zoom})
	}
	for _, hit := range hits {
		if hit.Page < v.Here.Page {
			h.Before = at(hit.Page, -1)
		}
		if hit.Page > v.Here.Page && h.After == "" {
			h.After = at(hit.Page, 1)
		}
	}
	h.Prev, h.Next = h.Before, h.After
	if h.Active > 1 {
		h.Prev = at(v.Here.Page, h.Active-1)
	}
	if h.Active > 0 && h.Active < h.OnPage {
		h.Next = at(v.Here.Page, h.Active+1)
	}
}

// turn sets the addresses of the pages before and behind.
func (v *documentView) turn(head *record.Document, number int) {
	i := slices.IndexFunc(head.Pages, func(p record.Page) bool { return p.Number == number })
	at := func(i int) string {
		return documentLink(v.ID, place{Token: v.Here.Token, Page: head.Pages[i].Number, Zoom: v.Here.Zoom})
	}
	if i > 0 {
		v.Page.Prev = at(i - 1)
	}
	if i >= 0 && i+1 < len(head.Pages) {
		v.Page.Next, v.Page.Ahead = at(i+1), toSheet(v.ID, &head.Pages[i+1], nil).Picture
	}
}

func toPageView(head *record.Document, p *record.Page, marks []bool) *pageView {
	v := &pageView{Number: p.Number, State: p.State, Reason: visible(p.Reason), Confidence: int(p.Confidence()*100 + 0.5), Blocks: blocksOf(p, marks)}
	var facts []string
	if p.Content != "" {
		facts = append(facts, string(p.Content))
	}
	if p.DPI > 0 {
		facts = append(facts, fmt.Sprintf("%d dpi", p.DPI))
	}
	if p.Rotation != 0 {
		facts = append(facts, fmt.Sprintf("turned %d°", p.Rotation))
	}
	if len(p.Words) > 0 {
		facts = append(facts, plural(len(p.Words), "word", "words"), fmt.Sprintf("confidence %d %%", v.Confidence))
	}
	if p.Cleaned != "" {
		facts = append(facts, p.Cleaned)
	}
	v.Facts = strings.Join(facts, " · ")
	return v
}

func blocksOf(p *record.Page, marks []bool) []blockView {
	var blocks []blockView
	for i := range p.Words {
		w := &p.Words[i]
		if i == 0 || p.Words[i-1].Block != w.Block {
			blocks = append(blocks, blockView{nil})
		} else if p.Words[i-1].Line != w.Line {
			blocks[len(blocks)-1] = append(blocks[len(blocks)-1], nil)
		}
		block := blocks[len(blocks)-1]
		line := &block[len(block)-1]
		*line = append(*line, wordView{visible(w.Text.Reveal()), w.Box, marks[i], w.Confidence < doubtful})
	}
	return blocks
}

func toSheet(id record.ID, p *record.Page, boxes []record.Box) sheetView {
	v := sheetView{Width: p.Width, Height: p.Height, Hits: boxes}
	if p.Picture != "" && p.Width > 0 && p.Height > 0 {
		v.Picture = fmt.Sprintf("/documents/%s/pages/%d/picture", id, p.Number)
		v.Thumb = fmt.Sprintf("/documents/%s/pages/%d/thumb", id, p.Number)
	}
	return v
}

var kindWords = map[record.Kind]string{record.KindDOB: "Date of birth", record.KindMRN: "MRN", record.KindSSN: "SSN", record.KindMBI: "MBI",
	record.KindNHS: "NHS number", record.KindNPI: "NPI"}

func kindWord(k record.Kind) string {
	if word, ok := kindWords[k]; ok {
		return word
	}
	if k == "" {
		return "?"
	}
	return strings.ToUpper(string(k[:1])) + string(k[1:])
}

func identifiersOf(d *record.Document, v *documentView) []identifierView {
	var views []identifierView
	for i := range d.Identifiers {
		id := &d.Identifiers[i]
		n := i + 1
		view := identifierView{N: n, Kind: kindWord(id.Kind), Value: visible(id.Value.Reveal()), Raw: visible(id.Raw.Reveal()), Role: id.Role,
			Source: string(id.Source), Check: id.Check, Confidence: int(id.Confidence*100 + 0.5), Page: id.Page, Box: id.Box,
			Here: id.Page == v.Here.Page && !id.Box.Empty(), Active: n == v.Here.Mark}
		if id.Page > 0 {
			view.Link = documentLink(d.ID, place{Token: v.Here.Token, Page: id.Page, Mark: n, Zoom: v.Here.Zoom})
		}
		if view.Raw == view.Value {
			view.Raw = ""
		}
		views = append(views, view)
	}
	slices.SortStableFunc(views, func(a, b identifierView) int { return cmp.Compare(roleRank(a.Role), roleRank(b.Role)) })
	return views
}

// eachOnce is the list without repetition: a chart of five hundred pages says
// on each whose it is. Shown is the one that is pointed at, or the one of the
// open page, or the first.
func eachOnce(all []identifierView) []identifierView {
	type key struct {
		kind, value string
		role        record.Role
	}
	at := map[key]int{}
	pages := map[key]map[int]bool{}
	var once []identifierView
	for _, id := range all {
		k := key{id.Kind, id.Value, id.Role}
		i, known := at[k]
		if !known {
			at[k], pages[k], i = len(once), map[int]bool{}, len(once)
			once = append(once, id)
		}
		pages[k][id.Page] = true
		if !once[i].Active && (id.Active || id.Here && !once[i].Here) {
			once[i] = id
		}
		once[i].More = len(pages[k]) - 1
	}
	return once
}

// roleRank puts what names the patient first.
func roleRank(r record.Role) int {
	switch r {
	case record.RolePatient:
		return 0
	case record.RoleUnclear:
		return 2
	}
	return 1
}

func marksOf(ids []identifierView) []markView {
	var marks []markView
	for _, id := range ids {
		if id.Here {
			marks = append(marks, markView{id.N, id.Box, id.Active})
		}
	}
	return marks
}

// railPages is how many pages the strip shows before and behind the open one.
const railPages = 40

func (v *documentView) fillRail(head *record.Document, hits []Hit) {
	with := map[int]bool{}
	for _, h := range hits {
		with[h.Page] = true
	}
	at := slices.IndexFunc(head.Pages, func(p record.Page) bool { return p.Number == v.Here.Page })
	from, to := max(0, at-railPages), min(len(head.Pages), at+railPages+1)
	link := func(i int) string {
		return documentLink(v.ID, place{Token: v.Here.Token, Page: head.Pages[i].Number, Zoom: v.Here.Zoom})
	}
	for i := from; i < to; i++ {
		p := &head.Pages[i]
		v.Rail = append(v.Rail, railPage{p.Number, link(i), p.State, with[p.Number], i == at, toSheet(v.ID, p, nil).Thumb})
	}
	if from > 0 {
		v.Earlier = link(max(0, from-railPages))
	}
	if to < len(head.Pages) {
		v.Later = link(min(len(head.Pages)-1, to+railPages-1))
	}
}

var zooms = []int{100, 150, 200, 300}

func (v *documentView) fillZooms() {
	if !slices.Contains(zooms, v.Here.Zoom) {
		v.Here.Zoom = 100
	}
	for _, z := range zooms {
		p := v.Here
		p.Zoom = z
		label := fmt.Sprintf("%d %%", z)
		if z == 100 {
			label = "Fit"
		}
		v.Zooms = append(v.Zooms, filterLink{label, documentLink(v.ID, p), z == v.Here.Zoom})
	}
}

// listView is the list of documents.
type listView struct {
	Status  record.Status
	Filters []filterLink
	Rows    []resultView
	First   string
	Next    string
}

// Nav names the part of the site the page belongs to.
func (listView) Nav() string { return "documents" }

const rowsAPage = 50

func (s *site) listPage(w http.ResponseWriter, r *http.Request) error {
	form := r.URL.Query()
	status, err := parseStatus(form.Get("status"))
	if err != nil {
		return err
	}
	after := record.ID(form.Get("after"))
	if after != "" && !after.Valid() {
		return ErrNotFound
	}
	v := listView{Status: status, Filters: []filterLink{{"All", "/documents", status == ""}}}
	for _, st := range statuses {
		v.Filters = append(v.Filters, filterLink{statusWord(st), "/documents?status=" + string(st), status == st})
	}
	if after != "" {
		v.First = listLink(status, "")
	}
	for d, err := range s.deps.Documents.List(r.Context(), Filter{Status: status, Newest: true, After: after, Limit: rowsAPage + 1}) {
		if err != nil {
			return fmt.Errorf("list documents: %w", err)
		}
		if len(v.Rows) == rowsAPage {
			v.Next = listLink(status, after)
			break
		}
		v.Rows = append(v.Rows, toResult(&found{Document: d}, ""))
		after = d.ID
	}
	return s.views.render(w, http.StatusOK, "list", v)
}

func listLink(status record.Status, after record.ID) string {
	switch {
	case after == "" && status == "":
		return "/documents"
	case after == "":
		return "/documents?status=" + string(status)
	case status == "":
		return "/documents?after=" + string(after)
	}
	return fmt.Sprintf("/documents?status=%s&after=%s", status, after)
}

// retryPost has a document tried again and leads back to where the button was.
func (s *site) retryPost(w http.ResponseWriter, r *http.Request) error {
	id, err := documentID(r)
	if err != nil {
		return err
	}
	if err := s.deps.Documents.Retry(r.Context(), id); err != nil {
		if errors.Is(err, ErrNotFound) {
			return ErrNotFound
		}
		return fmt.Errorf("retry document %s: %w", id, err)
	}
	to := "/documents/" + string(id)
	if r.PostFormValue("to") == "status" {
		to = "/status"
	}
	http.Redirect(w, r, to, http.StatusSeeOther)
	return nil
}
