package web

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"
)

// ErrNotLoopback says that an address can be reached from other machines,
// which is refused as long as there is no login.
var ErrNotLoopback = errors.New("reachable from other machines, and there is no login yet: use 127.0.0.1, [::1] or localhost")

// CheckLoopback refuses an address to listen on, as host:port, that other
// machines could reach. A name other than localhost is refused too, for what
// it resolves to may change.
func CheckLoopback(addr string) error {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return fmt.Errorf("listen on %q: want host:port: %w", addr, err)
	}
	if !isLoopback(host) {
		return fmt.Errorf("listen on %q: %w", addr, ErrNotLoopback)
	}
	return nil
}

const (
	headerTime = 10 * time.Second // to send the head of a request
	bodyTime   = 30 * time.Second // to send all of a request
	idleTime   = 2 * time.Minute
	answerTime = 60 * time.Second // to take the answer; streams renew it (see stream)
	stopTime   = 3 * time.Second  // for answers under way when the program stops
)

// Serve answers on a listener, a loopback address or a Unix socket, until ctx
// ends, then gives the answers under way a few seconds and returns. Any other
// listener is refused. It closes the listener.
func Serve(ctx context.Context, listener net.Listener, handler http.Handler, log *slog.Logger) error {
	if listener.Addr().Network() != "unix" {
		if err := CheckLoopback(listener.Addr().String()); err != nil {
			listener.Close()
			return err
		}
	}
	requests, giveUp := context.WithCancel(context.WithoutCancel(ctx))
	defer giveUp()
	server := &http.Server{
		Handler: handler, ReadHeaderTimeout: headerTime, ReadTimeout: bodyTime, WriteTimeout: answerTime, IdleTimeout: idleTime,
		MaxHeaderBytes: 32 << 10, ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelWarn),
		BaseContext: func(net.Listener) context.Context { return requests },
	}
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(listener) }()
	select {
	case err := <-ended:
		return fmt.Errorf("serve pages: %w", err)
	case <-ctx.Done():
	}
	return stop(server, giveUp, ended)
}

// stop ends the server: answers under way have stopTime, then their contexts
// end and their connections are cut.
func stop(server *http.Server, giveUp context.CancelFunc, ended <-chan error) error {
	ctx, cancel := context.WithTimeout(context.Background(), stopTime)
	defer cancel()
	if err := server.Shutdown(ctx); err != nil {
		giveUp()
		server.Close()
	}
	<-ended
	return nil
}
