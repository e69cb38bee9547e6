//go:build unix

package serve

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"runtime"
	"time"

	"asynccrypto/asynctls/tlsserver"
	"asynccrypto/cmd/asynccrypto/internal/cli"
	"asynccrypto/cmd/asynccrypto/internal/eventlog"
	"asynccrypto/cmd/asynccrypto/internal/failure"
	"asynccrypto/cmd/asynccrypto/internal/serve/relay"
	"asynccrypto/internal/measure"
)

// proxy terminates TLS before a plain backend, on event loops.
type proxy struct {
	server  tlsserver.Server
	backend *relay.Backend
	o       *options
	log     *eventlog.Log
	what    string
}

func newProxy(o *options, config *tls.Config, log *eventlog.Log) (service, error) {
	b, err := relay.ParseBackend(o.proxy)
	if err != nil {
		return nil, cli.Usagef("-proxy %q: %w", o.proxy, err)
	}
	if _, err := b.LookUp(context.Background()); err != nil {
		return nil, fmt.Errorf("-proxy %s: %w", o.proxy, err)
	}
	p := &proxy{backend: b, o: o, log: log}
	p.server = tlsserver.Server{
		TLS: config,
		Handler: &relay.Handler{
			Backend:       b,
			DialTimeout:   o.dialTimeout,
			ProxyProtocol: o.proxyProtocol,
			BackendFailed: func(client net.Addr, err error) {
				log.Failed("backend "+o.proxy, "for "+failure.Peer(client), failure.Cause(err))
			},
			Ended: func(client net.Addr, err error) {
				if !expected(err) {
					log.Failed("connection failed", failure.Peer(client), failure.Cause(err))
				}
			},
		},
		Loops:             o.loops,
		MaxHandshakes:     (o.maxHandshakes + o.loops - 1) / o.loops,
		MaxConns:          o.maxConns,
		HighWater:         relay.HighWater,
		IdleTimeout:       o.idle,
		ProxyProtocolFrom: o.proxyProtocolFrom,
		Failed: func(client net.Addr, err error) {
			log.Failed("handshake failed", failure.Peer(client), failure.Handshake(failure.Cause(err)))
		},
	}
	p.what = fmt.Sprintf("proxy to %s; %s, %s at a time, GOMAXPROCS %d",
		o.proxy, measure.Count(o.loops, "event loop"), measure.Count(o.maxHandshakes, "handshake"), runtime.GOMAXPROCS(0))
	return p, nil
}

// expected reports whether err is an ordinary end of a connection: the peer's, the server's, or
// that of -idle.
func expected(err error) bool {
	return err == nil || err == io.EOF || errors.Is(err, tlsserver.ErrClosed) || errors.Is(err, os.ErrDeadlineExceeded)
}

func (p *proxy) describe() string { return p.what }

// background looks the backend's name up again and again until ctx is done.
func (p *proxy) background(ctx context.Context) {
	if !p.backend.HasName() {
		return
	}
	ticker := time.NewTicker(p.o.lookup)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return
		}
		switch changed, err := p.backend.LookUp(ctx); {
		case err != nil && ctx.Err() == nil:
			p.log.Failed("backend "+p.o.proxy, "its addresses stay as they were", failure.Cause(err))
		case changed:
			p.log.Printf("backend %s: now at %s", p.o.proxy, p.backend.Addresses())
		}
	}
}

func (p *proxy) serve(ln net.Listener) error {
	if err := p.server.Serve(ln); !errors.Is(err, tlsserver.ErrClosed) {
		return err
	}
	return nil
}

// Stats implements metrics.Server.
func (p *proxy) Stats() tlsserver.Stats { return p.server.Stats() }

func (p *proxy) connections() int {
	s := p.Stats()
	return s.Open + s.Handshaking
}

func (p *proxy) shutdown(ctx context.Context) error {
	var left int
	cut, cancel := context.WithCancel(context.Background())
	defer cancel()
	defer context.AfterFunc(ctx, func() {
		left = p.connections()
		cancel()
	})()
	if err := p.server.Shutdown(cut); err != nil {
		return fmt.Errorf("%s %w", measure.Count(left, "connection"), errNotDrained)
	}
	return nil
}
