package web

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"chartroom/record"
)

func TestServeStopsWithinSecondsWhileAnAnswerHangs(t *testing.T) {
	listener, err := net.Listen("unix", filepath.Join(t.TempDir(), "socket"))
	if err != nil {
		t.Fatal(err)
	}
	entered, left := make(chan bool, 1), make(chan bool, 1)
	hangs := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		entered <- true
		<-r.Context().Done()
		left <- true
	})
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- Serve(ctx, listener, hangs, slog.New(slog.DiscardHandler)) }()
	client := &http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", listener.Addr().String())
	}}}
	go client.Get("http://localhost/")
	<-entered
	start := time.Now()
	cancel()
	if err := <-ended; err != nil || time.Since(start) > stopTime+2*time.Second {
		t.Errorf("ended after %v with %v", time.Since(start), err)
	}
	select {
	case <-left:
	case <-time.After(time.Second):
		t.Error("the hanging answer was not told to end")
	}
}

func TestServeAnswersOverASocket(t *testing.T) {
	listener, err := net.Listen("unix", filepath.Join(t.TempDir(), "socket"))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- Serve(ctx, listener, New(sampleWorld(t).deps()), slog.New(slog.DiscardHandler)) }()
	client := &http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", listener.Addr().String())
	}}}
	resp, err := client.Get("http://localhost/api/v1/documents")
	if err != nil {
		t.Fatal(err)
	}
	if resp.Body.Close(); resp.StatusCode != http.StatusOK {
		t.Errorf("answers %d", resp.StatusCode)
	}
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

// A chart of hundreds of pages must not become a page of hundreds of pictures,
// and every page of it must be reachable.
func TestLongDocumentShowsAWindowOfItsPages(t *testing.T) {
	w := newWorld()
	var pages []record.Page
	for n := range 700 {
		pages = append(pages, record.Page{Number: n + 1, State: record.PageText, Width: 100, Height: 100, Words: []record.Word{
			{Text: record.Hide(fmt.Sprintf("word%d", n+1)), Box: record.Box{Left: 1, Top: 1, Width: 9, Height: 9}, Block: 1, Line: 1}}})
	}
	d := w.add(t, record.Document{Received: monday, Status: record.StatusReview, Pages: pages}, "long")
	body := ask(t, New(w.deps()), "GET", documentLink(d.ID, place{Page: 350})).Body.String()
	if n := strings.Count(body, `<span class="hidden">Page </span>`); n != 2*railPages+1 {
		t.Errorf("%d pages are in the strip", n)
	}
	for _, want := range []string{"page=349", "page=351", ">Earlier<", ">Later<", "word350"} {
		if !strings.Contains(body, want) {
			t.Errorf("page 350 lacks %s", want)
		}
	}
	for page, code := range map[int]int{1: 200, 700: 200, 701: 404} {
		if got := ask(t, New(w.deps()), "GET", documentLink(d.ID, place{Page: page})); got.Code != code {
			t.Errorf("page %d answers %d", page, got.Code)
		}
	}
}

// Hits on several pages are led through in order, whatever the order in which
// the index gives them.
func TestHitsLeadThroughTheWholeDocument(t *testing.T) {
	v := documentView{ID: "0123456789abcdef", Here: place{Token: "T", Page: 3}}
	hits := []Hit{{Page: 1}, {Page: 3}, {Page: 9}, {Page: 12}}
	boxes := []record.Box{{Width: 1, Height: 1}, {Width: 1, Height: 1}}
	for _, c := range []struct {
		hit, active int
		prev, next  string
	}{{0, 1, "hit=-1&page=1", "hit=2&page=3"}, {1, 1, "hit=-1&page=1", "hit=2&page=3"}, {2, 2, "hit=1&page=3", "hit=1&page=9"}, {-1, 2, "hit=1&page=3", "hit=1&page=9"},
		{99, 2, "hit=1&page=3", "hit=1&page=9"}} {
		v.Here.Hit, v.Hits = c.hit, hitsView{}
		v.Hits.lead(&v, boxes, hits)
		if v.Hits.Active != c.active || !strings.Contains(v.Hits.Prev, c.prev) || !strings.Contains(v.Hits.Next, c.next) {
			t.Errorf("hit %d: active %d, before %s, next %s", c.hit, v.Hits.Active, v.Hits.Prev, v.Hits.Next)
		}
	}
	v.Here = place{Token: "T", Page: 5}
	v.Hits = hitsView{}
	if v.Hits.lead(&v, nil, hits); v.Hits.Active != 0 || !strings.Contains(v.Hits.Prev, "page=3") || !strings.Contains(v.Hits.Next, "page=9") {
		t.Errorf("on a page without hits: %+v", v.Hits)
	}
}
