package s3

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"sync/atomic"
	"time"
)

// transport sends requests with limits for every phase, and remembers how far
// the clocks are apart.
type transport struct {
	*http.Transport
	skew atomic.Int64 // nanoseconds this machine is ahead
}

func newTransport(caFile string, patience time.Duration) (*transport, error) {
	roots, err := roots(caFile)
	if err != nil {
		return nil, err
	}
	return &transport{Transport: &http.Transport{
		Proxy:                 http.ProxyFromEnvironment,
		DialContext:           (&net.Dialer{Timeout: min(10*time.Second, patience), KeepAlive: 15 * time.Second}).DialContext,
		TLSClientConfig:       &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12},
		TLSHandshakeTimeout:   min(10*time.Second, patience),
		ResponseHeaderTimeout: 2 * patience, // joining the parts of a large object takes its time
		MaxIdleConnsPerHost:   16,
		IdleConnTimeout:       time.Minute,
		DisableCompression:    true, // the bytes as they are stored
	}}, nil
}

// roots are the system's certificates and those of the file; nil, for the
// system's alone, without one.
func roots(caFile string) (*x509.CertPool, error) {
	if caFile == "" {
		return nil, nil
	}
	pem, err := os.ReadFile(caFile)
	if err != nil {
		return nil, fmt.Errorf("read CA file: %w", err)
	}
	pool, err := x509.SystemCertPool()
	if err != nil {
		pool = x509.NewCertPool()
	}
	if !pool.AppendCertsFromPEM(pem) {
		return nil, errors.New("read CA file: no certificate in it")
	}
	return pool, nil
}

// RoundTrip is http.RoundTripper's.
func (t *transport) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := t.Transport.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	if theirs, err := http.ParseTime(resp.Header.Get("Date")); err == nil {
		t.skew.Store(int64(time.Since(theirs)))
	}
	return resp, nil
}

// watched is a context that ends when what is done under it stands still.
type watched struct {
	ctx      context.Context
	cancel   context.CancelCauseFunc
	timer    *time.Timer
	patience time.Duration
}

var errStill = errors.New("the transfer stood still")

func watch(ctx context.Context, patience time.Duration) *watched {
	w := &watched{patience: patience}
	w.ctx, w.cancel = context.WithCancelCause(ctx)
	w.timer = time.AfterFunc(patience, func() { w.cancel(errStill) })
	w.timer.Stop()
	return w
}

func (w *watched) start() { w.timer.Reset(w.patience) }
func (w *watched) stop()  { w.timer.Stop() }

// during bounds the time of one step.
func (w *watched) during(step func() error) error {
	w.start()
	defer w.stop()
	return w.reason(step())
}

// reason is the error of a step, or that it stood still if that ended it.
func (w *watched) reason(err error) error {
	if err != nil && context.Cause(w.ctx) == errStill {
		return errStill
	}
	return err
}
