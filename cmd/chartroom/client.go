package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"time"
)

// owner is how a command speaks to the process that owns the data folder,
// which may be this one. There is one way to do so, HTTP, and one handler.
type owner struct {
	client *http.Client
	close  func()
}

// connect finds the owner of the data folder, or becomes it, doing what need
// asks for.
func connect(ctx context.Context, cfg Config, need need) (*owner, error) {
	if err := os.MkdirAll(cfg.Data, 0o700); err != nil {
		return nil, fmt.Errorf("make the data folder: %w", err)
	}
	for wait := 50 * time.Millisecond; ; wait *= 2 {
		if client, ok := socketClient(ctx, cfg.Data); ok {
			return &owner{client, client.CloseIdleConnections}, nil
		}
		o, err := becomeOwner(ctx, cfg, need)
		if !errors.Is(err, errOwned) || wait > 5*time.Second {
			return o, err
		}
		select { // an owner that is just starting or just stopping
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(wait):
		}
	}
}

// becomeOwner runs the program inside this command.
func becomeOwner(ctx context.Context, cfg Config, need need) (*owner, error) {
	held, err := takeLock(cfg.Data)
	if err != nil {
		return nil, err
	}
	app, socket, err := ready(ctx, cfg, need)
	if err != nil {
		held.release()
		return nil, err
	}
	run, stop := context.WithCancel(context.WithoutCancel(ctx))
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		app.host(run, socket)
	}()
	app.catchUp(ctx)
	transport := inProcess{app.handler()}
	return &owner{&http.Client{Transport: transport}, func() {
		app.waitForGuests(ctx)
		stop()
		<-ended
		app.close()
		held.release()
	}}, nil
}

// ready opens the program for one command. A command that reads pages may run
// for hours, so others can speak to it through the socket meanwhile.
func ready(ctx context.Context, cfg Config, need need) (*app, net.Listener, error) {
	app, err := newApp(ctx, cfg, need)
	if err != nil || need < needWork {
		return app, nil, err
	}
	if err := app.pool.Check(); err != nil {
		app.close()
		return nil, nil, err
	}
	socket, err := listenSocket(cfg.Data)
	if err != nil {
		app.close()
		return nil, nil, err
	}
	return app, socket, nil
}

// catchUpWithin is how long a command waits for the index to follow a catalog
// that it finds ahead, before it answers with what there is.
const catchUpWithin = 10 * time.Second

func (a *app) catchUp(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, catchUpWithin)
	defer cancel()
	if head, err := a.catalog.Head(ctx); err == nil {
		a.index.Notify()
		_ = a.index.Wait(ctx, head) // the answer itself says when it is not whole
	}
}

// inProcess is a transport that calls the handler instead of a network.
type inProcess struct{ handler http.Handler }

func (t inProcess) RoundTrip(r *http.Request) (*http.Response, error) {
	pr, pw := io.Pipe()
	w := &pipeWriter{pipe: pw, header: http.Header{}, ready: make(chan struct{})}
	ctx, cancel := context.WithCancel(r.Context())
	req := r.Clone(ctx)
	if req.Body == nil {
		req.Body = http.NoBody
	}
	req.RequestURI = r.URL.RequestURI()
	req.Host = r.URL.Host
	req.RemoteAddr = "@"
	go func() {
		defer cancel()
		defer func() {
			if v := recover(); v != nil {
				w.WriteHeader(http.StatusInternalServerError)
				pw.CloseWithError(errors.New("the answer broke off"))
				return
			}
			w.WriteHeader(http.StatusOK)
			pw.Close()
		}()
		t.handler.ServeHTTP(w, req)
	}()
	select {
	case <-w.ready:
	case <-r.Context().Done():
		cancel()
		return nil, r.Context().Err()
	}
	return &http.Response{StatusCode: w.status, Status: http.StatusText(w.status), Header: w.sent, Body: pr, Request: r,
		ProtoMajor: 1, ProtoMinor: 1, ContentLength: -1}, nil
}

type pipeWriter struct {
	pipe   *io.PipeWriter
	header http.Header
	sent   http.Header
	status int
	ready  chan struct{}
}

func (w *pipeWriter) Header() http.Header { return w.header }

func (w *pipeWriter) WriteHeader(status int) {
	if w.status == 0 {
		w.status, w.sent = status, w.header.Clone()
		close(w.ready)
	}
}

func (w *pipeWriter) Write(b []byte) (int, error) {
	w.WriteHeader(http.StatusOK)
	return w.pipe.Write(b)
}

// Flush has nothing to do: every write goes straight through.
func (w *pipeWriter) Flush() {}

var _ http.Flusher = (*pipeWriter)(nil)

// get asks for path with a query; the caller closes the answer's body. An
// answer that is not 200 becomes an error with what the owner said.
func (o *owner) get(ctx context.Context, path string, query url.Values) (*http.Response, error) {
	u := url.URL{Scheme: "http", Host: "localhost", Path: path, RawQuery: query.Encode()}
	return o.do(ctx, http.MethodGet, u.String(), nil)
}

// document asks for a document, or for the form of it that path names.
func (o *owner) document(ctx context.Context, id, path string) (*http.Response, error) {
	resp, err := o.get(ctx, "/api/v1/documents/"+url.PathEscape(id)+path, nil)
	if errors.Is(err, errNothing) {
		return nil, fmt.Errorf("%w: no document is called %q; chartroom search and chartroom documents print the names", errNothing, id)
	}
	return resp, err
}

// errNothing says that what was asked for does not exist: exit status 4.
var errNothing = errors.New("nothing found")

func (o *owner) do(ctx context.Context, method, address string, body io.Reader) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, method, address, body)
	if err != nil {
		return nil, err
	}
	resp, err := o.client.Do(req)
	if err != nil {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		return nil, errors.New("ask chartroom: the process that owns the data folder does not answer")
	}
	if resp.StatusCode < 300 {
		return resp, nil
	}
	defer resp.Body.Close()
	var said struct{ Error string }
	b, _ := io.ReadAll(io.LimitReader(resp.Body, 1<<16))
	if json.Unmarshal(b, &said) != nil || said.Error == "" {
		said.Error = http.StatusText(resp.StatusCode)
	}
	switch resp.StatusCode {
	case http.StatusNotFound:
		return nil, fmt.Errorf("%w: %s", errNothing, said.Error)
	case http.StatusBadRequest:
		return nil, usageError{said.Error}
	}
	return nil, errors.New(said.Error)
}

// errInterrupted says that a person stopped a command. Whatever it had begun
// goes on when it is started again.
var errInterrupted = errors.New("stopped before the end; start the command again to go on")

// call runs a long command of the owner's: it sends the request as JSON, hands
// every line of progress to hear, and decodes the result.
func (o *owner) call(ctx context.Context, name string, request any, hear func(json.RawMessage), result any) error {
	b, err := json.Marshal(request)
	if err != nil {
		return err
	}
	resp, err := o.do(ctx, http.MethodPost, "http://localhost/control/"+name, bytes.NewReader(b))
	if err != nil {
		return interrupted(ctx, err)
	}
	defer resp.Body.Close()
	lines := bufio.NewReader(resp.Body)
	for {
		line, err := lines.ReadBytes('\n')
		if err != nil {
			return interrupted(ctx, errors.New("the process that owns the data folder stopped before the work was done; start the command again"))
		}
		var m message
		if err := json.Unmarshal(line, &m); err != nil {
			return fmt.Errorf("read the answer: %w", err)
		}
		switch {
		case m.Error != "":
			return interrupted(ctx, errors.New(m.Error))
		case m.Result != nil:
			return json.Unmarshal(m.Result, result)
		default:
			hear(m.Progress)
		}
	}
}

func interrupted(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return errInterrupted
	}
	return err
}

// message is one line of a long command's answer.
type message struct {
	Progress json.RawMessage `json:"progress,omitempty"`
	Result   json.RawMessage `json:"result,omitempty"`
	Error    string          `json:"error,omitempty"`
}
