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

	"asynccrypto/asynctls/tlsserver"
	"asynccrypto/cmd/asynccrypto/internal/cli"
	"asynccrypto/cmd/asynccrypto/internal/serve/eventlog"
	"asynccrypto/cmd/asynccrypto/internal/serve/relay"
	"asynccrypto/internal/measure"
)

// proxy terminates TLS before a plain backend, on event loops.
type proxy struct {
	server tlsserver.Server
	what   string
}

func newProxy(o *options, config *tls.Config, log *eventlog.Log) (service, error) {
	b, err := relay.ParseBackend(o.proxy)
	if err != nil {
		return nil, cli.Usagef("-proxy %q: %w", o.proxy, err)
	}
	if err := b.LookUp(); err != nil {
		return nil, fmt.Errorf("-proxy %s: %w", o.proxy, err)
	}
	p := &proxy{}
	p.server = tlsserver.Server{
		TLS: config,
		Handler: &relay.Handler{
			Backend:     b,
			DialTimeout: o.dialTimeout,
			BackendFailed: func(client net.Addr, err error) {
				log.Failed("backend "+o.proxy, "for "+peerName(client), errorCause(err))
			},
			Ended: func(client net.Addr, err error) {
				if !expected(err) {
					log.Failed("connection failed", peerName(client), errorCause(err))
				}
			},
		},
		Loops:         o.loops,
		MaxHandshakes: (o.maxHandshakes + o.loops - 1) / o.loops,
		HighWater:     relay.HighWater,
		IdleTimeout:   o.idle,
		Failed: func(client net.Addr, err error) {
			log.Failed("handshake failed", peerName(client), handshakeCause(errorCause(err)))
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
