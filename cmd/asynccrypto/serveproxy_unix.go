//go:build unix

package main

import (
	"cmp"
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
)

// proxyService ends TLS before a plain backend. Each connection's two sockets belong to one event loop; there is no
// goroutine for any of them.
type proxyService struct {
	server      tlsserver.Server
	backend     *backend
	dialTimeout time.Duration
	log         *serveLog
	what        string
}

// A relay holds at most about relayMark in each direction, and reads on when it is down to half.
const relayMark = 64 << 10

// proxyHighWater is far above relayMark: a client that takes nothing is read from all the same.
const proxyHighWater = 4 * relayMark

func newProxyService(o *serveOptions, config *tls.Config, l *serveLog) (service, error) {
	b, err := newBackend(o.proxy)
	if err != nil {
		return nil, err
	}
	p := &proxyService{backend: b, dialTimeout: o.dialTimeout, log: l}
	handshakes := cmp.Or(o.maxHandshakes, 1000)
	p.server = tlsserver.Server{
		TLS:           config,
		Handler:       p,
		Loops:         o.loops,
		MaxHandshakes: (handshakes + o.loops - 1) / o.loops,
		HighWater:     proxyHighWater,
		IdleTimeout:   o.idle,
		Failed: func(remote net.Addr, err error) {
			l.failed("handshake failed", peerName(remote), handshakeCause(causeOf(err)))
		},
	}
	p.what = fmt.Sprintf("proxy to %s; %s, %s at a time, GOMAXPROCS %d",
		o.proxy, count(o.loops, "event loop"), count(handshakes, "handshake"), runtime.GOMAXPROCS(0))
	return p, nil
}

func (p *proxyService) describe() string { return p.what }

func (p *proxyService) serve(ln net.Listener) error {
	if err := p.server.Serve(ln); !errors.Is(err, tlsserver.ErrClosed) {
		return err
	}
	return nil
}

// Stats implements metrics.Server.
func (p *proxyService) Stats() tlsserver.Stats { return p.server.Stats() }

func (p *proxyService) connections() int {
	s := p.Stats()
	return s.Open + s.Handshaking
}

func (p *proxyService) shutdown(ctx context.Context) error {
	var left int
	cut, cancel := context.WithCancel(context.Background())
	defer cancel()
	defer context.AfterFunc(ctx, func() {
		left = p.connections()
		cancel()
	})()
	if err := p.server.Shutdown(cut); err != nil {
		return fmt.Errorf("%s %w", count(left, "connection"), errNotDrained)
	}
	return nil
}

// The Handler. A relay does the work.

// Open implements tlsserver.Handler.
func (p *proxyService) Open(c *tlsserver.Conn) error {
	r := &relay{p: p, c: c}
	c.Value = r
	c.Pause() // until there is somebody to pass it on to
	r.dial()
	return nil
}

// Data implements tlsserver.Handler.
func (p *proxyService) Data(c *tlsserver.Conn, b []byte) error {
	c.Value.(*relay).fromClient(b)
	return nil
}

// EOF implements tlsserver.EOFHandler.
func (p *proxyService) EOF(c *tlsserver.Conn) error {
	c.Value.(*relay).clientEnded()
	return nil
}

// Writable implements tlsserver.WriteHandler.
func (p *proxyService) Writable(c *tlsserver.Conn) error {
	c.Value.(*relay).clientTook()
	return nil
}

// Shutdown implements tlsserver.ShutdownHandler: only the two ends know when a connection is done.
func (p *proxyService) Shutdown(*tlsserver.Conn) {}

// Closed implements tlsserver.Handler.
func (p *proxyService) Closed(c *tlsserver.Conn, err error) {
	c.Value.(*relay).close()
	switch {
	case err == nil, err == io.EOF, errors.Is(err, tlsserver.ErrClosed), errors.Is(err, os.ErrDeadlineExceeded): // -idle
		return
	}
	p.log.failed("connection failed", peerName(c.RemoteAddr()), errorText(err))
}
