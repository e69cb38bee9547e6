package handshakes

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"time"

	"asynccrypto/cmd/asynccrypto/internal/pemfile"
	"asynccrypto/cmd/asynccrypto/internal/tlsname"
	"asynccrypto/internal/clock"
)

// handshaker makes one connection after the other. On the wire each connection consists of TCP,
// the handshake, the client's close_notify, and whatever the server still sends before it ends
// the stream. There is no application data.
//
// Reading to the end of the stream has three purposes. In TLS 1.3 the client has finished before
// the server has looked at its certificate, so only the end tells a handshake that succeeded from
// one that was refused. Session tickets arrive after the handshake. And closing a socket with
// unread data resets it, perhaps in the middle of the server's handshake.
type handshaker struct {
	network, address string
	config           *tls.Config
	timeout          time.Duration // for the dial, and again for the handshake
	closeWait        time.Duration // for the server's end of the stream
}

// attempt is the outcome of a connection.
type attempt struct {
	dial, handshake time.Duration // dial is 0 if there was no connection
	remote          net.Addr
	with            negotiated
	resumed         bool
	leftOpen        bool // the server did not end the stream
	phase           string
	err             error
}

// The phases in which an attempt fails.
const (
	phaseDial      = "dial"
	phaseHandshake = "handshake"
	phaseAfter     = "after the handshake"
)

// negotiated holds the parameters that client and server agreed on. It is comparable, so that it
// can be a key of a map.
type negotiated struct {
	version, cipher, curve, certificate, alpn string
	retried                                   bool // the server wanted another key share, which took one more round trip
}

// connect makes a connection and a handshake, and waits for the end of the stream.
func (h *handshaker) connect(ctx context.Context) (a attempt) {
	dialCtx, cancel := context.WithTimeout(ctx, h.timeout)
	defer cancel()
	began := clock.Now()
	raw, err := (&net.Dialer{KeepAlive: -1}).DialContext(dialCtx, h.network, h.address)
	if err != nil {
		a.phase, a.err = phaseDial, err
		return a
	}
	a.dial, a.remote = clock.Now()-began, raw.RemoteAddr()
	defer raw.Close()

	conn := tls.Client(raw, h.config)
	handshakeCtx, cancel := context.WithTimeout(ctx, h.timeout)
	defer cancel()
	began = clock.Now()
	err = conn.HandshakeContext(handshakeCtx)
	a.handshake = clock.Now() - began
	if err != nil {
		a.phase, a.err = phaseHandshake, err
		return a
	}
	state := conn.ConnectionState()
	a.with, a.resumed = agreed(&state), state.DidResume
	if a.leftOpen, err = h.finish(ctx, conn); err != nil {
		a.phase, a.err = phaseAfter, err
	}
	return a
}

// finish sends close_notify and reads to the end of the stream. An error means that the server
// has refused the handshake, with an alert or with bytes that are not TLS. A reset is no refusal:
// a server that needs nothing more may close its socket with the close_notify unread.
func (h *handshaker) finish(ctx context.Context, conn *tls.Conn) (leftOpen bool, err error) {
	conn.CloseWrite() // if the server has closed first this fails, and reading says why
	conn.SetReadDeadline(time.Now().Add(h.closeWait))
	stop := context.AfterFunc(ctx, func() { conn.SetReadDeadline(time.Unix(1, 0)) })
	defer stop()
	_, err = io.Copy(io.Discard, conn)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return ctx.Err() == nil, nil
	}
	if op, ok := errors.AsType[*net.OpError](err); ok && op.Op == "read" {
		return false, nil
	}
	return false, err
}

func agreed(s *tls.ConnectionState) negotiated {
	n := negotiated{
		version: tls.VersionName(s.Version),
		cipher:  tls.CipherSuiteName(s.CipherSuite),
		curve:   tlsname.OfKeyExchange(s.CurveID),
		alpn:    s.NegotiatedProtocol,
		retried: s.HelloRetryRequest,
	}
	if len(s.PeerCertificates) > 0 {
		n.certificate = pemfile.KeyName(s.PeerCertificates[0].PublicKey)
	}
	return n
}

// sessionCache is a [tls.ClientSessionCache] for one worker, whose connections all go to the same
// server. It holds the newest session, which is used again until the server gives a new one.
type sessionCache struct {
	mu      sync.Mutex // the interface requires it; there is no contention
	session *tls.ClientSessionState
}

func (b *sessionCache) Get(string) (*tls.ClientSessionState, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.session, b.session != nil
}

// Put replaces the session. A nil session removes one that can no longer be used.
func (b *sessionCache) Put(_ string, s *tls.ClientSessionState) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.session = s
}
