package web

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"runtime/debug"
	"strings"

	"chartroom/record"
)

const (
	policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; " +
		"frame-ancestors 'none'; base-uri 'none'; form-action 'self'"
	policySandbox = "default-src 'none'; frame-ancestors 'none'; sandbox" // of what is not a page
	maxBody       = 64 << 10                                              // bytes of a request: a query, nothing more
)

// guard stands before every handler: it refuses foreign hosts and foreign
// pages, sets the headers that hold everywhere, bounds the body and turns a
// panic into an answer.
func (s *site) guard(mux *http.ServeMux) http.Handler {
	origin := http.NewCrossOriginProtection()
	origin.SetDenyHandler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.fail(w, r, refused("this request comes from another site"))
	}))
	guarded := origin.Handler(mux)
	return s.measure.around(mux, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer s.recovered(w, r)
		setHeaders(w.Header())
		r.Body = http.MaxBytesReader(w, r.Body, maxBody)
		switch {
		case !loopbackHost(r.Host):
			s.fail(w, r, &answer{http.StatusMisdirectedRequest, "this address is answered only under the name localhost or 127.0.0.1"})
		case foreign(r):
			s.fail(w, r, refused("this request comes from another site"))
		default:
			guarded.ServeHTTP(w, r)
		}
	}))
}

func setHeaders(h http.Header) {
	h.Set("Content-Security-Policy", policy)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Frame-Options", "DENY")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Permissions-Policy", "camera=(), geolocation=(), microphone=(), payment=(), usb=()")
	h.Set("Cache-Control", "no-store")
}

// loopbackHost reports whether the Host header names this machine, to itself.
// A page elsewhere whose name resolves to 127.0.0.1 sends that name.
func loopbackHost(hostport string) bool {
	host := hostport
	if h, _, err := net.SplitHostPort(hostport); err == nil {
		host = h
	}
	return isLoopback(strings.TrimSuffix(strings.TrimPrefix(host, "["), "]"))
}

func isLoopback(host string) bool {
	if strings.EqualFold(host, "localhost") {
		return true
	}
	addr, err := netip.ParseAddr(host)
	return err == nil && addr.Zone() == "" && addr.Unmap().IsLoopback()
}

// foreign reports whether a browser says that another site's page asks for
// this as a part of itself. Following a link to here is allowed: it shows the
// page to the person, not to the other site.
func foreign(r *http.Request) bool {
	switch r.Header.Get("Sec-Fetch-Site") {
	case "", "same-origin", "none":
		return false
	}
	return r.Header.Get("Sec-Fetch-Mode") != "navigate" || r.Header.Get("Sec-Fetch-Dest") != "document" || r.Method != http.MethodGet
}

// recovered turns a panic into an answer. The value of a panic may hold
// patient data, so only its type and the place are logged.
func (s *site) recovered(w http.ResponseWriter, r *http.Request) {
	v := recover()
	if v == nil {
		return
	}
	if err, ok := v.(error); ok && errors.Is(err, http.ErrAbortHandler) {
		panic(http.ErrAbortHandler)
	}
	s.log.Error("answer request", "route", r.Pattern, "error", fmt.Sprintf("panic of type %T", v), "stack", string(debug.Stack()))
	s.fail(w, r, &answer{http.StatusInternalServerError, "something went wrong here; the log of the program says what"})
}

// answer is an error that says what is sent: a status and a sentence for the
// person who asked.
type answer struct {
	status int
	words  string
}

func (a *answer) Error() string { return a.words }

func refused(words string) error { return &answer{http.StatusForbidden, words} }
func invalid(words string) error { return &answer{http.StatusBadRequest, words} }

// toAnswer says what to send for an error, and whether the error is worth a
// line in the log.
func toAnswer(err error) (a *answer, log bool) {
	if a, ok := errors.AsType[*answer](err); ok {
		return a, false
	}
	if q, ok := errors.AsType[*QueryError](err); ok {
		return &answer{http.StatusBadRequest, q.Message.Reveal()}, false
	}
	if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return &answer{http.StatusRequestEntityTooLarge, "this request is too large"}, false
	}
	switch {
	case errors.Is(err, ErrNotFound):
		return &answer{http.StatusNotFound, "there is nothing here under this address"}, false
	case errors.Is(err, ErrBusy):
		return &answer{http.StatusServiceUnavailable, "this is not available at the moment; try again in a little while"}, true
	case errors.Is(err, context.Canceled):
		return &answer{499, "the request was given up"}, false
	case errors.Is(err, context.DeadlineExceeded):
		return &answer{http.StatusServiceUnavailable, "this took too long; try again in a little while"}, true
	}
	return &answer{http.StatusInternalServerError, "something went wrong here; the log of the program says what"}, true
}

// fail sends an error, as JSON under /api/ and as a page elsewhere.
func (s *site) fail(w http.ResponseWriter, r *http.Request, err error) {
	a, log := toAnswer(err)
	if log {
		s.log.Error("answer request", "route", r.Pattern, "error", err)
	}
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Del("Content-Disposition")
	w.Header().Del("Content-Length")
	w.Header().Set("Content-Security-Policy", policy)
	if strings.HasPrefix(r.URL.Path, "/api/") {
		sendJSON(w, a.status, map[string]string{"error": a.words})
		return
	}
	s.views.render(w, a.status, "error", problemView{Title: http.StatusText(a.status), Words: a.words})
}

// documentID is the id in the address. What cannot be one does not exist.
func documentID(r *http.Request) (record.ID, error) {
	id := record.ID(r.PathValue("id"))
	if !id.Valid() {
		return "", ErrNotFound
	}
	return id, nil
}
