package web

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"

	"chartroom/record"
)

// searchView is the search page: before a search, with its results, or with
// what was wrong with it.
type searchView struct {
	Query   string
	Token   string
	Asked   bool   // a search was made
	Expired bool   // its token is forgotten
	Problem string // what is wrong with the query
	Status  record.Status
	Filters []filterLink
	Total   int
	Results []resultView
	First   string // address of the first page of results, when this is another
	Next    string
	Partial bool
	Cut     bool
	Index   Index
	Counts  []countLink
	Empty   bool // there are no documents at all
}

// Nav names the part of the site the page belongs to.
func (searchView) Nav() string { return "search" }

// Missing says how many changes the index has still to take in.
func (v searchView) Missing() int { return int(v.Index.Behind()) }

// Percent is how far the index is.
func (v searchView) Percent() int { return int(v.Index.Done() * 100) }

type filterLink struct {
	Label   string
	Link    string
	Current bool
}

type countLink struct {
	Status record.Status
	Count  int
}

// resultView is one result as it is shown.
type resultView struct {
	Link     string
	Heading  string // the patient's name, or why there is none
	Filed    bool
	MRN, DOB string
	DocType  string
	Date     string
	Status   record.Status
	Reason   string
	File     string
	Page     int
	Pages    int
	More     int
	Snippet  snippet
	Sheet    sheetView
}

const resultsAPage = 20

// searchPost takes a search and leads to its results under an address that
// does not name it.
func (s *site) searchPost(w http.ResponseWriter, r *http.Request) error {
	if err := r.ParseForm(); err != nil {
		return invalidForm(err)
	}
	query := record.Hide(r.PostForm.Get("q"))
	status, err := parseStatus(r.PostForm.Get("status"))
	if err != nil {
		return err
	}
	to := "/"
	if !query.IsZero() {
		to = searchLink(s.searches.keep(query), status, "")
	}
	http.Redirect(w, r, to, http.StatusSeeOther)
	return nil
}

// invalidForm keeps what a form held out of the error.
func invalidForm(err error) error {
	if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return err
	}
	return invalid("this form cannot be read")
}

func searchLink(token string, status record.Status, after string) string {
	v := url.Values{"s": {token}}
	if status != "" {
		v.Set("status", string(status))
	}
	if after != "" {
		v.Set("after", after)
	}
	return "/?" + v.Encode()
}

func (s *site) searchPage(w http.ResponseWriter, r *http.Request) error {
	form := r.URL.Query()
	status, err := parseStatus(form.Get("status"))
	if err != nil {
		return err
	}
	v := searchView{Token: form.Get("s"), Status: status}
	if v.Token == "" {
		return s.searchStart(w, r, v)
	}
	query, known := s.searches.query(v.Token)
	if !known {
		v.Expired = true
		return s.searchStart(w, r, v)
	}
	v.Query, v.Asked, v.Filters = query.Reveal(), true, filterLinks(v.Token, status)
	code := http.StatusOK
	if err := s.fillResults(r.Context(), &v, query, form.Get("after")); err != nil {
		answer, _ := toAnswer(err)
		if answer.status != http.StatusBadRequest {
			return err
		}
		v.Problem, code = answer.words, http.StatusBadRequest
	}
	return s.views.render(w, code, "search", v)
}

// searchStart is the page before a search, with the state of the whole.
func (s *site) searchStart(w http.ResponseWriter, r *http.Request, v searchView) error {
	status, err := s.status(r.Context())
	if err != nil && !errors.Is(err, ErrNotFound) {
		return err
	}
	v.Index = status.Index
	v.Partial = status.Index.Rebuilding
	total := 0
	for _, st := range statuses {
		total += status.Documents[st]
		v.Counts = append(v.Counts, countLink{st, status.Documents[st]})
	}
	v.Empty = total == 0
	return s.views.render(w, http.StatusOK, "search", v)
}

func (s *site) fillResults(ctx context.Context, v *searchView, query record.Private, after string) error {
	results, all, err := s.find(ctx, Query{Text: query, Status: v.Status, ByDocument: true, Limit: resultsAPage, After: after})
	if err != nil {
		return err
	}
	v.Total, v.Partial, v.Cut = results.Total, results.Partial, results.Cut
	if results.Next != "" {
		v.Next = searchLink(v.Token, v.Status, results.Next)
	}
	if after != "" {
		v.First = searchLink(v.Token, v.Status, "")
	}
	for i := range all {
		v.Results = append(v.Results, toResult(&all[i], v.Token))
	}
	if v.Partial {
		if status, err := s.status(ctx); err == nil {
			v.Index = status.Index
		}
	}
	return nil
}

func toResult(f *found, token string) resultView {
	d := f.Document
	v := resultView{Link: documentLink(d.ID, place{Token: token, Page: f.Page}), DocType: d.DocType, Date: d.Date, Status: d.Status,
		Reason: visible(d.Reason), File: shownFile(d.File()), Page: f.Page, Pages: len(d.Pages), More: f.More}
	v.Heading, v.Filed = heading(d)
	if v.Filed {
		p := d.ShownPatient()
		v.MRN, v.DOB = visible(p.MRN.Reveal()), p.DOB.Reveal()
	}
	for _, part := range f.Snippet {
		v.Snippet = append(v.Snippet, fragment{visible(part.Text), part.Mark})
	}
	if f.Sheet != nil {
		v.Sheet = toSheet(d.ID, f.Sheet, f.Draw)
	}
	return v
}

// heading is whose document it is, or what is known instead.
func heading(d *record.Document) (text string, filed bool) {
	if d.Status == record.StatusFiled && d.Patient != nil {
		return visible(d.ShownPatient().Name.Reveal()), true
	}
	switch d.Status {
	case record.StatusWaiting:
		return "Not read yet", false
	case record.StatusRejected:
		return "Cannot be read", false
	case record.StatusSuperseded:
		return "In other documents now", false
	}
	return "Not filed to a patient", false
}

func filterLinks(token string, current record.Status) []filterLink {
	links := []filterLink{{"All", searchLink(token, "", ""), current == ""}}
	for _, st := range []record.Status{record.StatusFiled, record.StatusReview, record.StatusHold} {
		links = append(links, filterLink{statusWord(st), searchLink(token, st, ""), current == st})
	}
	return links
}

// place is where in a document somebody looks: which page, which hit of the
// search on it (from 1; -1 for the last), which identifier, how large.
type place struct {
	Token string
	Page  int
	Hit   int
	Mark  int // identifier, from 1
	Zoom  int // percent of the width; 0 for 100
}

// documentLink is the address of a place. It names nobody.
func documentLink(id record.ID, p place) string {
	v := url.Values{}
	if p.Token != "" {
		v.Set("s", p.Token)
	}
	for key, n := range map[string]int{"page": p.Page, "hit": p.Hit, "mark": p.Mark, "zoom": p.Zoom} {
		if n != 0 && !(key == "zoom" && n == 100) {
			v.Set(key, strconv.Itoa(n))
		}
	}
	if len(v) == 0 {
		return "/documents/" + string(id)
	}
	return fmt.Sprintf("/documents/%s?%s", id, v.Encode())
}

// helpView is the page about searching.
type helpView struct{}

// Nav names the part of the site the page belongs to.
func (helpView) Nav() string { return "help" }

func (s *site) helpPage(w http.ResponseWriter, r *http.Request) error {
	return s.views.render(w, http.StatusOK, "help", helpView{})
}
