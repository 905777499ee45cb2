// Package web holds the clerk's pages and the HTTP API.
//
// Everything is rendered here, on the server, from templates that escape what
// they are given; the scripts only make the pages quicker to use, and each page
// does its work without them. There is no state but the memory of recent
// searches: patient data stays out of addresses, so a search is posted, kept
// here under a random token, and the token is what the address carries.
//
// Whatever comes from paper or from a scanner is hostile: page text and file
// names may hold markup, control characters and text that runs the other way.
// Three things stand against it: html/template, a content security policy that
// lets nothing run but the script in this package, and tests that look at the
// pages in a real browser.
//
// There is no login yet. So nothing here may be reached from another machine:
// [CheckLoopback] and [Serve] refuse every other address, and requests that
// name another host are refused, which is what a page elsewhere would send that
// has turned its own name to this machine.
//
// The package reads its data through the narrow interfaces of [Deps]; whatever
// satisfies them is brought by the program.
package web

import (
	"log/slog"
	"net/http"
	"time"
)

// site is the pages and the API over one set of Deps.
type site struct {
	deps     Deps
	log      *slog.Logger
	now      func() time.Time
	views    *views
	searches *searches
	thumbs   *thumbs
	measure  *measure
	probes   probes
}

// New makes the handler of all pages and the API. It starts nothing.
func New(deps Deps) http.Handler {
	s := &site{deps: deps, log: deps.Log, now: time.Now}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	s.views = loadViews(deps.Version)
	s.searches = newSearches(s.now)
	s.thumbs = newThumbs()
	s.measure = newMeasure(deps.Metrics)
	return s.guard(s.routes())
}

func (s *site) routes() *http.ServeMux {
	m := http.NewServeMux()
	s.pageRoutes(m)
	s.apiRoutes(m)
	m.HandleFunc("GET /healthz", s.healthz)
	m.Handle("GET /metrics", s.measure.handler())
	m.HandleFunc("GET /static/{hash}/{name}", s.views.static)
	m.HandleFunc("GET /favicon.ico", s.views.favicon)
	return m
}

func (s *site) pageRoutes(m *http.ServeMux) {
	m.HandleFunc("GET /{$}", s.page(s.searchPage))
	m.HandleFunc("POST /search", s.page(s.searchPost))
	m.HandleFunc("GET /help", s.page(s.helpPage))
	m.HandleFunc("GET /documents", s.page(s.listPage))
	m.HandleFunc("GET /documents/{id}", s.page(s.documentPage))
	m.HandleFunc("POST /documents/{id}/retry", s.page(s.retryPost))
	m.HandleFunc("GET /documents/{id}/original", s.page(s.original))
	m.HandleFunc("GET /documents/{id}/pdf", s.page(s.exportPDF))
	m.HandleFunc("GET /documents/{id}/text", s.page(s.exportText))
	m.HandleFunc("GET /documents/{id}/hocr", s.page(s.exportHOCR))
	m.HandleFunc("GET /documents/{id}/pages/{n}/picture", s.page(s.picture))
	m.HandleFunc("GET /documents/{id}/pages/{n}/thumb", s.page(s.thumb))
	m.HandleFunc("GET /status", s.page(s.statusPage))
	m.HandleFunc("/", s.page(func(http.ResponseWriter, *http.Request) error { return ErrNotFound }))
}

func (s *site) apiRoutes(m *http.ServeMux) {
	m.HandleFunc("GET /api/v1/search", s.api(s.apiSearch))
	m.HandleFunc("GET /api/v1/documents", s.api(s.apiDocuments))
	m.HandleFunc("GET /api/v1/documents/{id}", s.api(s.apiDocument))
	m.HandleFunc("GET /api/v1/documents/{id}/original", s.api(s.original))
	m.HandleFunc("GET /api/v1/documents/{id}/pdf", s.api(s.exportPDF))
	m.HandleFunc("GET /api/v1/documents/{id}/text", s.api(s.exportText))
	m.HandleFunc("GET /api/v1/documents/{id}/hocr", s.api(s.exportHOCR))
	m.HandleFunc("GET /api/v1/documents/{id}/pages/{n}/picture", s.api(s.picture))
	m.HandleFunc("GET /api/v1/documents/{id}/pages/{n}/thumb", s.api(s.thumb))
	m.HandleFunc("POST /api/v1/documents/{id}/retry", s.api(s.apiRetry))
	m.HandleFunc("GET /api/v1/status", s.api(s.apiStatus))
}
