package web

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"chartroom/record"
)

// api turns a handler that may fail into one that answers its errors. Nothing
// under /api/ is a page, so it is told to browsers as such.
func (s *site) api(h func(http.ResponseWriter, *http.Request) error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Security-Policy", policySandbox)
		if err := h(w, r); err != nil {
			s.fail(w, r, err)
		}
	}
}

func sendJSON(w http.ResponseWriter, status int, v any) error {
	b, err := encode(v)
	if err != nil {
		return fmt.Errorf("write answer: %w", err)
	}
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.Header().Set("Content-Length", strconv.Itoa(len(b)))
	w.WriteHeader(status)
	w.Write(b) // a reader that went away needs no answer
	return nil
}

const (
	searchLimit    = 20
	searchLimitTop = 1000
	listLimit      = 100
	listLimitTop   = 1000
)

func (s *site) apiSearch(w http.ResponseWriter, r *http.Request) error {
	form := r.URL.Query()
	limit, err := number(form.Get("limit"), searchLimit, searchLimitTop)
	if err != nil {
		return err
	}
	status, err := parseStatus(form.Get("status"))
	if err != nil {
		return err
	}
	q := Query{Text: record.Hide(form.Get("q")), Status: status, Limit: limit, After: form.Get("after")}
	if q.Text.IsZero() {
		return invalid("q is missing: what to search for")
	}
	results, all, err := s.find(r.Context(), q)
	if err != nil {
		return err
	}
	out := wireResults{Total: results.Total, Partial: results.Partial || results.Cut, Next: results.Next, Hits: make([]wireLine, len(all))}
	for i := range all {
		out.Hits[i] = toWireLine(&all[i])
	}
	return sendJSON(w, http.StatusOK, out)
}

// apiDocuments lists documents: as a page of JSON with the id to go on after,
// or, as NDJSON, all of them in one stream.
func (s *site) apiDocuments(w http.ResponseWriter, r *http.Request) error {
	form := r.URL.Query()
	status, err := parseStatus(form.Get("status"))
	if err != nil {
		return err
	}
	f := Filter{Status: status, Text: form.Get("text") != "" && form.Get("text") != "0", After: record.ID(form.Get("after"))}
	if f.After != "" && !f.After.Valid() {
		return invalid("after is not the id of a document")
	}
	if form.Get("format") == "ndjson" || strings.Contains(r.Header.Get("Accept"), "application/x-ndjson") {
		if f.Limit, err = number(form.Get("limit"), 0, 1<<31-1); err != nil {
			return err
		}
		return s.streamDocuments(w, r, f)
	}
	if f.Limit, err = number(form.Get("limit"), listLimit, listLimitTop); err != nil {
		return err
	}
	return s.listDocuments(w, r, f)
}

func (s *site) listDocuments(w http.ResponseWriter, r *http.Request, f Filter) error {
	list := wireList{Documents: []json.RawMessage{}}
	wanted := f.Limit
	f.Limit++ // one more, to know whether there is more
	var last record.ID
	for d, err := range s.deps.Documents.List(r.Context(), f) {
		if err != nil {
			return fmt.Errorf("list documents: %w", err)
		}
		if len(list.Documents) == wanted {
			list.Next = string(last)
			break
		}
		var line bytes.Buffer
		if err := WriteDocument(&line, d, f.Text); err != nil {
			return err
		}
		list.Documents, last = append(list.Documents, line.Bytes()), d.ID
	}
	return sendJSON(w, http.StatusOK, list)
}

// streamDocuments writes a line for each document. An error after the first
// line cuts the connection, so that no reader takes a part for the whole.
func (s *site) streamDocuments(w http.ResponseWriter, r *http.Request, f Filter) error {
	out := newStream(w, "application/x-ndjson; charset=utf-8")
	for d, err := range s.deps.Documents.List(r.Context(), f) {
		if err == nil {
			err = WriteDocument(out, d, f.Text)
		}
		if err != nil {
			return s.broken(out, r, fmt.Errorf("list documents: %w", err))
		}
	}
	return s.broken(out, r, out.close())
}

func (s *site) apiDocument(w http.ResponseWriter, r *http.Request) error {
	d, err := s.document(r)
	if err != nil {
		return err
	}
	return sendJSON(w, http.StatusOK, toWireDocument(d, true))
}

func (s *site) document(r *http.Request) (*record.Document, error) {
	id, err := documentID(r)
	if err != nil {
		return nil, err
	}
	d, err := s.deps.Documents.Document(r.Context(), id)
	if err != nil {
		return nil, fmt.Errorf("open document %s: %w", id, err)
	}
	return d, nil
}

func (s *site) apiRetry(w http.ResponseWriter, r *http.Request) error {
	id, err := documentID(r)
	if err != nil {
		return err
	}
	if err := s.deps.Documents.Retry(r.Context(), id); err != nil {
		return fmt.Errorf("retry document %s: %w", id, err)
	}
	return sendJSON(w, http.StatusAccepted, map[string]string{"id": string(id), "status": string(record.StatusWaiting)})
}

// healthTime bounds the probes of /healthz: what cannot answer in it is ill.
const healthTime = 8 * time.Second

// healthz answers 200 when every part is well, 503 with the reasons otherwise.
func (s *site) healthz(w http.ResponseWriter, r *http.Request) {
	var checks []Check
	if s.deps.System != nil {
		ctx, cancel := context.WithTimeout(r.Context(), healthTime)
		defer cancel()
		checks = s.deps.System.Health(ctx)
	}
	out := wireHealth{Status: "ok", Checks: toWireChecks(checks)}
	status := http.StatusOK
	for _, c := range checks {
		if !c.OK {
			out.Status, status = "ill", http.StatusServiceUnavailable
		}
	}
	sendJSON(w, status, out)
}

func (s *site) apiStatus(w http.ResponseWriter, r *http.Request) error {
	status, err := s.wholeStatus(r.Context())
	if err != nil {
		return err
	}
	return sendJSON(w, http.StatusOK, toWireStatus(&status))
}

func (s *site) status(ctx context.Context) (Status, error) {
	if s.deps.System == nil {
		return Status{}, ErrNotFound
	}
	status, err := s.deps.System.Status(ctx)
	if err != nil {
		return Status{}, fmt.Errorf("read status: %w", err)
	}
	return status, nil
}

// wholeStatus is the status with the health of the parts.
func (s *site) wholeStatus(ctx context.Context) (Status, error) {
	status, err := s.status(ctx)
	if err == nil && status.Checks == nil {
		status.Checks = s.probes.recent(ctx, s.deps.System)
	}
	return status, err
}

// probeAge is how old the health on the status page may be: a probe writes to
// the store, and the page renews itself on many screens.
const probeAge = 15 * time.Second

// probes remembers the latest health.
type probes struct {
	mu     sync.Mutex
	at     time.Time
	checks []Check
}

func (p *probes) recent(ctx context.Context, system System) []Check {
	p.mu.Lock()
	defer p.mu.Unlock()
	if time.Since(p.at) > probeAge {
		ctx, cancel := context.WithTimeout(ctx, healthTime)
		defer cancel()
		checks := system.Health(ctx)
		if ctx.Err() != nil {
			return checks // of a reader who went away, and not to be trusted
		}
		p.checks, p.at = checks, time.Now()
	}
	return p.checks
}

// number reads a count from 1 to top, or gives def where there is none.
func number(s string, def, top int) (int, error) {
	if s == "" {
		return def, nil
	}
	n, err := strconv.Atoi(s)
	if err != nil || n < 1 || n > top {
		return 0, invalid(fmt.Sprintf("limit must be a number from 1 to %d", top))
	}
	return n, nil
}

// statuses are all that a document may have that is one, in the order in which
// they are shown.
var statuses = []record.Status{record.StatusFiled, record.StatusReview, record.StatusHold, record.StatusWaiting, record.StatusRejected}

func parseStatus(s string) (record.Status, error) {
	if s == "" {
		return "", nil
	}
	for _, status := range append(slices.Clone(statuses), record.StatusSuperseded) {
		if string(status) == s {
			return status, nil
		}
	}
	return "", invalid("status must be one of filed, review, hold, waiting, rejected, superseded")
}
