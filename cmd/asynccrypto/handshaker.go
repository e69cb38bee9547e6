package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"sync"
	"time"
)

// A handshaker makes one connection after the other. What each connection is, on the wire: TCP, the handshake, then the
// client's close_notify, and whatever the server still has to say, up to its end of the stream; no application data.
// Reading to the end has three purposes. In TLS 1.3 the client has finished before the server has looked at its
// certificate, so only this tells a handshake that succeeded from one that was refused. Session tickets come then. And a
// socket closed with something unread is reset, which the server may meet in the middle of its own handshake.
type handshaker struct {
	network, address string
	config           *tls.Config
	timeout          time.Duration // for the dial, and again for the handshake
	closeWait        time.Duration // for the server's end of the stream
}

// attempt is what became of a connection.
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

// negotiated is what client and server agreed on. It is comparable, to be counted.
type negotiated struct {
	version, cipher, curve, certificate, alpn string
	retried                                   bool // the server wanted another key share: one more round trip
}

func (h *handshaker) do(ctx context.Context) (a attempt) {
	dialCtx, cancel := context.WithTimeout(ctx, h.timeout)
	defer cancel()
	began := time.Now()
	raw, err := (&net.Dialer{KeepAlive: -1}).DialContext(dialCtx, h.network, h.address)
	if err != nil {
		a.phase, a.err = phaseDial, err
		return a
	}
	a.dial, a.remote = time.Since(began), raw.RemoteAddr()
	defer raw.Close()

	conn := tls.Client(raw, h.config)
	handshakeCtx, cancel := context.WithTimeout(ctx, h.timeout)
	defer cancel()
	began = time.Now()
	err = conn.HandshakeContext(handshakeCtx)
	a.handshake = time.Since(began)
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

// finish sends close_notify and reads to the end of the stream. Its error is the server's refusal of the handshake: an
// alert, or what is no TLS. That a socket is reset is no refusal: a server that has seen enough may close it with the
// close_notify unread.
func (h *handshaker) finish(ctx context.Context, conn *tls.Conn) (leftOpen bool, err error) {
	conn.CloseWrite() // fails if the server was faster, and then reading says why
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
		curve:   curveName(s.CurveID),
		alpn:    s.NegotiatedProtocol,
		retried: s.HelloRetryRequest,
	}
	if len(s.PeerCertificates) > 0 {
		n.certificate = certificateType(s.PeerCertificates[0])
	}
	return n
}

func certificateType(c *x509.Certificate) string {
	switch k := c.PublicKey.(type) {
	case *rsa.PublicKey:
		return fmt.Sprintf("RSA-%d", k.N.BitLen())
	case *ecdsa.PublicKey:
		return "ECDSA " + k.Curve.Params().Name
	case ed25519.PublicKey:
		return "Ed25519"
	}
	return c.PublicKeyAlgorithm.String()
}

// ticketBox is a tls.ClientSessionCache for one worker, whose connections all go to the same server: it holds the newest
// session. One that the server gave no successor for is used again.
type ticketBox struct {
	mu      sync.Mutex // crypto/tls asks for it; there is no contention
	session *tls.ClientSessionState
}

func (b *ticketBox) Get(string) (*tls.ClientSessionState, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.session, b.session != nil
}

// Put takes nil for a session that is of no use any more.
func (b *ticketBox) Put(_ string, s *tls.ClientSessionState) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.session = s
}
