package web

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"chartroom/record"
)

var update = flag.Bool("update", false, "write the golden files anew")

// ask sends a request as the command line does, and gives the answer.
func ask(t *testing.T, h http.Handler, method, path string, headers ...string) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), method, "http://localhost"+path, nil)
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	if host := r.Header.Get("Host"); host != "" {
		r.Host = host
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s has changed. The outside counts on this form.\n got: %s\nwant: %s", name, got, want)
	}
}

// plainWorld has one document that shows every key of the interface.
func plainWorld(t *testing.T) *world {
	w := newWorld()
	p := record.Page{Number: 1, State: record.PageText, Rotation: 90, DPI: 300, Width: 2550, Height: 3300, Picture: "pictures/x/1.png", Words: []record.Word{
		{Text: record.Hide("MRN:"), Box: record.Box{Left: 200, Top: 412, Width: 90, Height: 36}, Confidence: 0.9, Block: 1, Line: 1},
		{Text: record.Hide("0O482913"), Box: record.Box{Left: 310, Top: 412, Width: 180, Height: 36}, Confidence: 0.8, Block: 1, Line: 1},
		{Text: record.Hide("<potassium>"), Box: record.Box{Left: 200, Top: 500, Width: 200, Height: 36}, Confidence: 0.95, Block: 1, Line: 2},
		{Text: record.Hide("6.1"), Box: record.Box{Left: 200, Top: 600, Width: 60, Height: 36}, Confidence: 0.95, Block: 2, Line: 1}}}
	d := record.Document{Revision: 2, Received: monday, Status: record.StatusFiled, FiledBy: record.FiledByAuto, DocType: "laboratory", Date: "2011-02-09", ScanPages: [2]int{3, 4},
		Patient: &record.PatientRef{MRN: record.Hide("00482913"), Name: record.Hide("GARCIA, MARIA L"), DOB: record.Hide("1961-03-14")},
		Pages:   []record.Page{p, {Number: 2, State: record.PageBlank}},
		Identifiers: []record.Identifier{
			{Kind: record.KindMRN, Role: record.RolePatient, Value: record.Hide("00482913"), Raw: record.Hide("0O482913"), Page: 1, Box: p.Words[1].Box, Confidence: 0.97, Source: record.SourceText, Check: record.CheckNone},
			{Kind: record.KindMRN, Value: record.Hide("00482913"), Confidence: 0.5, Source: record.SourceGiven}},
		Receipts: []record.Receipt{{Name: record.Hide("00017\xff.tiff"), Path: record.Hide("monday/00017\xff.tiff"), From: "front desk", Batch: "B-0417", Received: monday},
			{Name: record.Hide("again.tiff"), From: "command line", Received: monday.Add(time.Hour)}}}
	w.add(t, d, "plain")
	w.add(t, record.Document{Received: monday.Add(time.Minute), Status: record.StatusReview, Reason: "nobody registered has this name", Patient: d.Patient,
		Receipts: []record.Receipt{{Name: record.Hide("b.pdf"), Received: monday}}}, "second")
	return w
}

func TestDocumentLineIsTheOneOfTheInterface(t *testing.T) {
	w := plainWorld(t)
	var b bytes.Buffer
	for _, d := range w.documents {
		if err := WriteDocument(&b, d, true); err != nil {
			t.Fatal(err)
		}
	}
	golden(t, "documents.ndjson", b.Bytes())
	if bytes.Contains(b.Bytes(), []byte("null")) {
		t.Error("a key without a value is null, and should be left out")
	}
	h := New(w.deps())
	if got := ask(t, h, "GET", "/api/v1/documents?format=ndjson&text=1").Body.Bytes(); !bytes.Equal(got, b.Bytes()) {
		t.Errorf("the stream differs from the lines: %s", got)
	}
	first, _, _ := bytes.Cut(b.Bytes(), []byte("\n"))
	if got := ask(t, h, "GET", "/api/v1/documents/"+string(w.documents[0].ID)).Body.Bytes(); !bytes.Equal(bytes.TrimSpace(got), first) {
		t.Errorf("one document differs from its line: %s", got)
	}
}

func TestSearchLinesAreThoseOfTheInterface(t *testing.T) {
	h := New(plainWorld(t).deps())
	w := ask(t, h, "GET", "/api/v1/search?q=0O482913+6.1")
	golden(t, "search.json", w.Body.Bytes())
	if w := ask(t, h, "GET", "/api/v1/search?q=nothing"); strings.TrimSpace(w.Body.String()) != `{"total":0,"partial":false,"hits":[]}` {
		t.Errorf("no hits are told as %s", w.Body)
	}
}

func TestIdentifierThatMatchesIsDrawn(t *testing.T) {
	w := plainWorld(t)
	h := New(w.deps())
	if got := ask(t, h, "GET", "/api/v1/search?q=mrn:00482913").Body.String(); !strings.Contains(got, `"boxes":[[310,412,180,36]]`) {
		t.Errorf("the number that was found is not drawn: %s", got)
	}
	to := post(t, h, "mrn:00482913")
	token, _ := url.ParseQuery(strings.TrimPrefix(to, "/?"))
	body := ask(t, h, "GET", documentLink(w.documents[0].ID, place{Token: token.Get("s")})).Body.String()
	if !strings.Contains(body, `class="hit active" data-hit="1" x="310" y="412" width="180" height="36"`) {
		t.Error("the number that was found is not drawn on its page")
	}
}

func TestSearchSaysWhatIsWrongWithTheQuestion(t *testing.T) {
	w := plainWorld(t)
	h := New(w.deps())
	for path, want := range map[string]int{"/api/v1/search": 400, "/api/v1/search?q=x&limit=0": 400, "/api/v1/search?q=x&limit=9999": 400, "/api/v1/search?q=x&status=lost": 400,
		"/api/v1/documents?after=../..": 400, "/api/v1/documents/none": 404, "/api/v1/nothing": 404, "/api/v1/documents/0123456789abcdef/pages/1/picture": 404} {
		got := ask(t, h, "GET", path)
		var problem struct{ Error string }
		if err := json.Unmarshal(got.Body.Bytes(), &problem); err != nil || got.Code != want || problem.Error == "" {
			t.Errorf("%s: %d %s, want %d with an error", path, got.Code, got.Body, want)
		}
	}
	w.searchErr = &QueryError{record.Hide("a quotation mark is not closed")}
	if got := ask(t, h, "GET", "/api/v1/search?q=%22"); got.Code != 400 || !strings.Contains(got.Body.String(), "quotation mark") {
		t.Errorf("a broken query gives %d %s", got.Code, got.Body)
	}
	w.searchErr = fmt.Errorf("index: %w", ErrBusy)
	if got := ask(t, h, "GET", "/api/v1/search?q=x"); got.Code != 503 {
		t.Errorf("an index away gives %d, want 503", got.Code)
	}
}

func TestDocumentsArePagedWithoutGapOrDouble(t *testing.T) {
	w := sampleWorld(t)
	h := New(w.deps())
	seen, after := map[string]int{}, ""
	for range 10 {
		var list struct {
			Next      string
			Documents []struct{ ID string }
		}
		if err := json.Unmarshal(ask(t, h, "GET", "/api/v1/documents?limit=2&after="+after).Body.Bytes(), &list); err != nil {
			t.Fatal(err)
		}
		for _, d := range list.Documents {
			seen[d.ID]++
		}
		if after = list.Next; after == "" {
			break
		}
	}
	for _, d := range w.documents {
		if seen[string(d.ID)] != 1 {
			t.Errorf("document %s came %d times", d.ID, seen[string(d.ID)])
		}
	}
}

func TestBrokenStreamIsCutAndNotEnded(t *testing.T) {
	w := sampleWorld(t)
	w.documents[0].Pages[0].Reason = strings.Repeat("x", 200<<10) // more than is held back
	w.listErr = errors.New("catalog went away")
	server := httptest.NewServer(New(w.deps()))
	defer server.Close()
	resp, err := http.Get(server.URL + "/api/v1/documents?format=ndjson")
	if err == nil {
		_, err = io.Copy(io.Discard, resp.Body)
		resp.Body.Close()
	}
	if err == nil {
		t.Error("half a list of documents ended as if it were whole")
	}
}

func TestOriginalIsSavedUnderANeutralName(t *testing.T) {
	w := sampleWorld(t)
	d := w.documents[0]
	got := ask(t, New(w.deps()), "GET", "/api/v1/documents/"+string(d.ID)+"/original")
	if got.Body.String() != "the original bytes of a scan" {
		t.Errorf("original is %q", got.Body)
	}
	want := map[string]string{"Content-Type": "application/octet-stream", "Content-Disposition": `attachment; filename="` + string(d.ID) + `.original"`,
		"X-Content-Type-Options": "nosniff", "Content-Security-Policy": policySandbox, "Cache-Control": "no-store", "Content-Length": "28"}
	for key, value := range want {
		if got.Header().Get(key) != value {
			t.Errorf("%s is %q, want %q", key, got.Header().Get(key), value)
		}
	}
}

func TestCorruptOriginalNeverArrivesWhole(t *testing.T) {
	w := sampleWorld(t)
	d := w.documents[0]
	w.originals[d.Scan] = bytes.Repeat([]byte("0123456789abcdef"), 64<<10)
	w.corrupt[d.Scan] = true
	server := httptest.NewServer(New(w.deps()))
	defer server.Close()
	resp, err := http.Get(server.URL + "/documents/" + string(d.ID) + "/original")
	var n int64
	if err == nil {
		n, err = io.Copy(io.Discard, resp.Body)
		resp.Body.Close()
	}
	if err == nil || n >= 1<<20 {
		t.Errorf("%d bytes of a corrupt original arrived, error %v", n, err)
	}
}

func TestHOCRIsWellFormedAndHoldsEveryBox(t *testing.T) {
	w := plainWorld(t)
	got := ask(t, New(w.deps()), "GET", "/api/v1/documents/"+string(w.documents[0].ID)+"/hocr")
	golden(t, "document.hocr", got.Body.Bytes())
	decoder := xml.NewDecoder(got.Body)
	for {
		if _, err := decoder.Token(); err == io.EOF {
			break
		} else if err != nil {
			t.Fatal(err)
		}
	}
}

func TestTextHasAFormFeedBehindEachPage(t *testing.T) {
	w := plainWorld(t)
	got := ask(t, New(w.deps()), "GET", "/api/v1/documents/"+string(w.documents[0].ID)+"/text")
	if want := "MRN: 0O482913\n<potassium>\n\n6.1\n\f\n\f"; got.Body.String() != want {
		t.Errorf("text is %q, want %q", got.Body, want)
	}
}

func TestPictureIsOnlyEverAPicture(t *testing.T) {
	w := sampleWorld(t)
	d, h := w.documents[0], New(w.deps())
	path := "/documents/" + string(d.ID) + "/pages/1/"
	for _, name := range []string{"picture", "thumb"} {
		got := ask(t, h, "GET", path+name)
		if got.Code != 200 || got.Header().Get("Content-Type") != "image/png" || !strings.HasPrefix(got.Header().Get("Cache-Control"), "private") {
			t.Errorf("%s: %d %v", name, got.Code, got.Header())
		}
	}
	w.pictures[d.Pages[2].Picture] = []byte(`<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>`)
	path = "/documents/" + string(d.ID) + "/pages/3/"
	for _, name := range []string{"picture", "thumb"} {
		if got := ask(t, h, "GET", path+name); got.Code != 500 || strings.Contains(got.Body.String(), "alert") {
			t.Errorf("what is no picture is sent: %d %s", got.Code, got.Body)
		}
	}
}

func TestRetryIsAPostAndNothingElse(t *testing.T) {
	w := sampleWorld(t)
	h, id := New(w.deps()), string(w.documents[3].ID)
	for _, path := range []string{"/api/v1/documents/" + id + "/retry", "/documents/" + id + "/retry"} {
		if got := ask(t, h, "GET", path); got.Code < 400 {
			t.Errorf("GET %s answers %d", path, got.Code)
		}
		if got := ask(t, h, "POST", path, "Sec-Fetch-Site", "cross-site"); got.Code != 403 {
			t.Errorf("another site's POST %s answers %d", path, got.Code)
		}
	}
	if len(w.retried) != 0 {
		t.Fatalf("retried without being asked: %v", w.retried)
	}
	if got := ask(t, h, "POST", "/api/v1/documents/"+id+"/retry"); got.Code != 202 || len(w.retried) != 1 {
		t.Errorf("retry answers %d %s", got.Code, got.Body)
	}
	if got := ask(t, h, "POST", "/documents/"+id+"/retry"); got.Code != 303 || len(w.retried) != 2 {
		t.Errorf("retry button answers %d", got.Code)
	}
	if got := ask(t, h, "POST", "/api/v1/documents/0123456789abcdef/retry"); got.Code != 404 {
		t.Errorf("retry of nothing answers %d", got.Code)
	}
}

func TestHealthSaysWhatIsIll(t *testing.T) {
	w := sampleWorld(t)
	h := New(w.deps())
	if got := ask(t, h, "GET", "/healthz"); got.Code != 200 {
		t.Errorf("a healthy house answers %d %s", got.Code, got.Body)
	}
	w.health[0] = Check{"store", false, "bucket does not answer"}
	if got := ask(t, h, "GET", "/healthz"); got.Code != 503 || !strings.Contains(got.Body.String(), "bucket does not answer") {
		t.Errorf("an ill house answers %d %s", got.Code, got.Body)
	}
}

// A probe writes to the store and may take seconds when it is away.
func TestLookingAtPagesDoesNotProbeTheStore(t *testing.T) {
	w := sampleWorld(t)
	w.partial = true
	h := New(w.deps())
	ask(t, h, "GET", "/")
	ask(t, h, "GET", post(t, h, "potassium"))
	if w.probed != 0 {
		t.Errorf("searching probed the store %d times", w.probed)
	}
	for range 5 {
		if body := ask(t, h, "GET", "/status").Body.String(); !strings.Contains(body, "61 GB free") {
			t.Error("the status page does not show the health")
		}
	}
	if w.probed != 1 {
		t.Errorf("five looks at the status page probed the store %d times", w.probed)
	}
}

// TestForeignNamesAreRefused is about a page elsewhere that has turned its own
// name to this machine.
func TestForeignNamesAreRefused(t *testing.T) {
	h := New(sampleWorld(t).deps())
	for host, ok := range map[string]bool{"localhost": true, "localhost:8080": true, "127.0.0.1:1": true, "127.9.9.9": true, "[::1]:80": true, "::1": true, "LOCALHOST": true,
		"evil.example": false, "localhost.evil.example": false, "127.0.0.1.evil.example": false, "10.0.0.1": false, "0.0.0.0": false, "[fe80::1%25lo]": false, "": false, "evil@localhost": false} {
		for _, path := range []string{"/", "/api/v1/documents", "/healthz", "/metrics"} {
			r := httptest.NewRequestWithContext(t.Context(), "GET", "http://localhost"+path, nil)
			r.Host = host
			w := httptest.NewRecorder()
			h.ServeHTTP(w, r)
			if got := w.Code == http.StatusOK; got != ok {
				t.Errorf("host %q, %s: %d", host, path, w.Code)
			}
		}
	}
}

func TestOtherSitesGetNothing(t *testing.T) {
	h := New(sampleWorld(t).deps())
	for _, c := range []struct {
		site, mode, dest string
		ok               bool
	}{{"cross-site", "no-cors", "image", false}, {"same-site", "cors", "empty", false}, {"cross-site", "navigate", "iframe", false},
		{"cross-site", "navigate", "document", true}, {"same-origin", "cors", "empty", true}, {"none", "navigate", "document", true}} {
		got := ask(t, h, "GET", "/api/v1/documents", "Sec-Fetch-Site", c.site, "Sec-Fetch-Mode", c.mode, "Sec-Fetch-Dest", c.dest)
		if (got.Code == 200) != c.ok {
			t.Errorf("%+v: %d", c, got.Code)
		}
	}
}

func TestEveryAnswerIsGuarded(t *testing.T) {
	w := sampleWorld(t)
	h, id := New(w.deps()), string(w.documents[0].ID)
	for _, path := range []string{"/", "/?s=gone", "/documents", "/documents/" + id, "/status", "/help", "/nothing", "/api/v1/documents", "/api/v1/status", "/healthz",
		"/api/v1/documents/" + id + "/hocr", "/documents/" + id + "/pages/1/picture"} {
		head := ask(t, h, "GET", path).Header()
		csp := head.Get("Content-Security-Policy")
		if !strings.Contains(csp, "default-src 'none'") || strings.Contains(csp, "unsafe") || head.Get("X-Content-Type-Options") != "nosniff" ||
			head.Get("Referrer-Policy") != "no-referrer" || head.Get("Cache-Control") == "" || head.Get("Access-Control-Allow-Origin") != "" {
			t.Errorf("%s: %v", path, head)
		}
	}
}

func TestLargeBodyIsRefused(t *testing.T) {
	h := New(sampleWorld(t).deps())
	r := httptest.NewRequestWithContext(t.Context(), "POST", "http://localhost/search", strings.NewReader("q="+strings.Repeat("x", maxBody+1)))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	w := httptest.NewRecorder()
	if h.ServeHTTP(w, r); w.Code != http.StatusRequestEntityTooLarge {
		t.Errorf("a body over the limit answers %d", w.Code)
	}
}

func TestOnlyLoopbackIsListenedOn(t *testing.T) {
	for addr, ok := range map[string]bool{"127.0.0.1:0": true, "localhost:8080": true, "[::1]:80": true, "127.1.2.3:1": true,
		":8080": false, "0.0.0.0:80": false, "[::]:80": false, "192.168.1.5:80": false, "records.example:80": false, "127.0.0.1": false} {
		if err := CheckLoopback(addr); (err == nil) != ok {
			t.Errorf("%s: %v", addr, err)
		}
	}
	listener, err := net.Listen("tcp", "0.0.0.0:0")
	if err != nil {
		t.Fatal(err)
	}
	if err := Serve(t.Context(), listener, http.NotFoundHandler(), slog.New(slog.DiscardHandler)); !errors.Is(err, ErrNotLoopback) {
		t.Errorf("served on every address: %v", err)
	}
}

// post searches as the form does and gives the address it leads to.
func post(t *testing.T, h http.Handler, query string) string {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), "POST", "http://localhost/search", strings.NewReader(url.Values{"q": {query}}.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	if w.Code != http.StatusSeeOther {
		t.Fatalf("search answers %d", w.Code)
	}
	return w.Header().Get("Location")
}

func TestSearchStaysOutOfTheAddressAndIsForgotten(t *testing.T) {
	w := sampleWorld(t)
	now := monday
	memory := newSearches(func() time.Time { return now })
	token := memory.keep(record.Hide("garcia"))
	now = now.Add(searchLife + time.Second)
	if _, known := memory.query(token); known {
		t.Error("a search is remembered for too long")
	}
	for range searchMost + 10 {
		memory.keep(record.Hide("x"))
	}
	if len(memory.known) > searchMost {
		t.Errorf("%d searches are remembered", len(memory.known))
	}
	h := New(w.deps())
	to := post(t, h, "potassium")
	if strings.Contains(to, "potassium") || !strings.HasPrefix(to, "/?s=") {
		t.Errorf("search leads to %s", to)
	}
	if got := ask(t, h, "GET", to); !strings.Contains(got.Body.String(), "<mark>potassium</mark>") {
		t.Error("results do not mark what was sought")
	}
	if got := ask(t, h, "GET", "/?s=forgotten"); got.Code != 200 || !strings.Contains(got.Body.String(), "no longer remembered") {
		t.Errorf("a forgotten search answers %d", got.Code)
	}
}

func TestPartialIndexIsSaidAloud(t *testing.T) {
	w := sampleWorld(t)
	w.partial, w.status.Index = true, Index{Indexed: 40, Head: 100, Rebuilding: true}
	h := New(w.deps())
	for query, want := range map[string][]string{"potassium": {"More pages may match", "40 %"}, "nobodyhere": {"Nothing found so far", "40 %"}} {
		body := ask(t, h, "GET", post(t, h, query)).Body.String()
		for _, words := range want {
			if !strings.Contains(body, words) {
				t.Errorf("results for %s do not say %q", query, words)
			}
		}
	}
	if body := ask(t, h, "GET", "/api/v1/search?q=potassium").Body.String(); !strings.Contains(body, `"partial":true`) {
		t.Error("API does not say that the answer is partial")
	}
}

// canary is a patient who must be seen on the pages and nowhere else.
const canary = "ZYXWVUT"

func TestNothingOfAPatientReachesLogsOrMetrics(t *testing.T) {
	w := sampleWorld(t)
	d := w.documents[0]
	d.Patient.Name, d.Receipts[0].Name, d.Pages[0].Words[0].Text = record.Hide(canary), record.Hide(canary+".tiff"), record.Hide(canary)
	w.corrupt[d.Scan] = true
	deps := w.deps()
	var log bytes.Buffer
	deps.Log = slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	h := New(deps)
	id := string(d.ID)
	for _, path := range []string{"/api/v1/search?q=" + canary, "/?q=" + canary, post(t, h, canary), "/documents/" + id, "/documents", "/" + canary,
		"/api/v1/documents/" + canary, "/documents/" + id + "/pages/" + canary + "/thumb", "/api/v1/documents?after=" + canary} {
		ask(t, h, "GET", path)
	}
	w.searchErr = &QueryError{record.Hide(canary)}
	ask(t, h, "GET", "/api/v1/search?q="+canary)
	delete(w.originals, d.Scan)
	ask(t, h, "GET", "/documents/"+id+"/original")
	w.pictures[d.Pages[0].Picture] = []byte(canary)
	ask(t, h, "GET", "/documents/"+id+"/pages/1/picture")
	panicking := deps
	panicking.Search, panicking.Metrics = nil, nil
	ask(t, New(panicking), "GET", "/api/v1/search?q="+canary)
	if log.Len() == 0 {
		t.Error("nothing was logged, so nothing was tested")
	}
	metrics := ask(t, h, "GET", "/metrics").Body.String()
	if !strings.Contains(metrics, "chartroom_http_requests_total") {
		t.Error("requests are not counted")
	}
	for what, text := range map[string]string{"log": log.String(), "metrics": metrics} {
		if strings.Contains(text, canary) {
			t.Errorf("the %s names the patient: %s", what, text)
		}
	}
}

func TestSnippetShowsWhereTheWordsStandTogether(t *testing.T) {
	p := &record.Page{Number: 1}
	for i := range 300 {
		word := fmt.Sprintf("w%d", i)
		if i == 20 || i == 200 || i == 202 {
			word = "hit"
		}
		p.Words = append(p.Words, record.Word{Text: record.Hide(word), Box: record.Box{Left: i, Top: 1, Width: 1, Height: 1}, Block: 1, Line: i / 10})
	}
	marks := make([]bool, 300)
	marks[20], marks[200], marks[202] = true, true, true
	s := excerpt(p, marks)
	if got := s.String(); strings.Count(got, "hit") != 3 || !strings.Contains(got, "hit w201 hit") || len(got) > 400 {
		t.Errorf("snippet is %q", got)
	}
	for _, f := range s {
		if f.Mark != (f.Text == "hit") {
			t.Errorf("fragment %q marked %v", f.Text, f.Mark)
		}
	}
	if got := excerpt(p, make([]bool, 300)).String(); !strings.HasPrefix(got, "w0 w1 ") {
		t.Errorf("a page without marks begins %q", got)
	}
	if got := excerpt(&record.Page{}, nil).String(); got != "" {
		t.Errorf("an empty page gives %q", got)
	}
}
