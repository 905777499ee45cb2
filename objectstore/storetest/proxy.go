package storetest

import (
	"crypto/tls"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"sync"
	"testing"
)

// Fault decides what becomes of a request on its way to the server: it answers
// itself, or lets pass answer, or both in its own way. Answers are not buffered.
type Fault func(w http.ResponseWriter, r *http.Request, pass http.Handler)

// Proxy stands between a test and an S3 server and breaks what the test asks
// for. Its certificate is the server's own, so the server's CAFile is right
// for it.
type Proxy struct {
	URL   string
	pass  http.Handler
	mutex sync.Mutex
	fault Fault
	seen  int
}

// StartProxy starts a proxy that breaks nothing yet. It ends with the test.
func StartProxy(t testing.TB, s *Server) *Proxy {
	t.Helper()
	cert, err := tls.LoadX509KeyPair(s.cert.File, s.cert.KeyFile)
	if err != nil {
		t.Fatal(err)
	}
	target, err := url.Parse(s.Endpoint)
	if err != nil {
		t.Fatal(err)
	}
	quiet := log.New(io.Discard, "", 0)
	p := &Proxy{}
	p.pass = &httputil.ReverseProxy{
		Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: s.cert.pool}, DisableCompression: true},
		Rewrite:   func(r *httputil.ProxyRequest) { r.SetURL(target); r.Out.Host = r.In.Host }, // the signature covers the host
		ErrorLog:  quiet,
	}
	front := httptest.NewUnstartedServer(p)
	front.TLS = &tls.Config{Certificates: []tls.Certificate{cert}}
	front.Config.ErrorLog = quiet
	front.StartTLS()
	t.Cleanup(func() { front.CloseClientConnections(); front.Close() })
	p.URL = front.URL
	return p
}

// Break sets what becomes of requests from now on; nil lets all pass.
func (p *Proxy) Break(f Fault) {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	p.fault, p.seen = f, 0
}

// Seen counts the requests since the last Break.
func (p *Proxy) Seen() int {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	return p.seen
}

// ServeHTTP is http.Handler's.
func (p *Proxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	p.mutex.Lock()
	f := p.fault
	p.seen++
	p.mutex.Unlock()
	if f == nil {
		f = Pass
	}
	f(w, r, p.pass)
}

// Pass lets a request through.
func Pass(w http.ResponseWriter, r *http.Request, pass http.Handler) { pass.ServeHTTP(w, r) }

// Only breaks the requests of one method and lets others pass.
func Only(method string, f Fault) Fault {
	return func(w http.ResponseWriter, r *http.Request, pass http.Handler) {
		if r.Method == method {
			f(w, r, pass)
		} else {
			pass.ServeHTTP(w, r)
		}
	}
}

// Status answers with a status and nothing else.
func Status(code int) Fault {
	return func(w http.ResponseWriter, r *http.Request, _ http.Handler) { w.WriteHeader(code) }
}

// Stall takes a request and never answers.
func Stall(_ http.ResponseWriter, r *http.Request, _ http.Handler) {
	_, _ = io.Copy(io.Discard, r.Body)
	<-r.Context().Done()
}

// CutRequest breaks the connection after n bytes of the request's body.
func CutRequest(n int64) Fault {
	return func(w http.ResponseWriter, r *http.Request, pass http.Handler) {
		_, _ = io.CopyN(io.Discard, r.Body, n)
		panic(http.ErrAbortHandler)
	}
}

// CutAnswer breaks the connection after n bytes of the answer's body.
func CutAnswer(n int) Fault {
	return func(w http.ResponseWriter, r *http.Request, pass http.Handler) {
		pass.ServeHTTP(&cutter{w, n}, r)
	}
}

type cutter struct {
	http.ResponseWriter
	left int
}

func (c *cutter) Write(b []byte) (int, error) {
	n, _ := c.ResponseWriter.Write(b[:min(len(b), c.left)])
	if c.left -= n; c.left == 0 {
		_ = http.NewResponseController(c.ResponseWriter).Flush()
		panic(http.ErrAbortHandler)
	}
	return n, nil
}

// Garble changes a bit of every answer's body.
func Garble(w http.ResponseWriter, r *http.Request, pass http.Handler) {
	pass.ServeHTTP(&garbler{w}, r)
}

type garbler struct{ http.ResponseWriter }

func (g *garbler) Write(b []byte) (int, error) {
	changed := append([]byte(nil), b...)
	if len(changed) > 0 {
		changed[len(changed)/2] ^= 1
	}
	return g.ResponseWriter.Write(changed)
}
