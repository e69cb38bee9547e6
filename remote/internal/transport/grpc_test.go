package transport

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	grpcpeer "google.golang.org/grpc/peer"
	"google.golang.org/grpc/status"

	"asynccrypto/internal/testwait"
	"asynccrypto/remote/internal/wire"
)

// listenTLS runs a TLS server that ends each connection after the handshake.
func listenTLS(t *testing.T, c *tls.Config) (addr string) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	serveAll(t, l, func(nc net.Conn) { _ = tls.Server(nc, c).HandshakeContext(t.Context()) })
	return l.Addr().String()
}

// An error says which side refuses the other, and nothing of gRPC's.
func TestConnectionsThatTLSRefuses(t *testing.T) {
	ours, theirs := newPKI(t), newPKI(t)
	good := func(c *tls.Config) {}
	const weRefuse, theyRefuse = "TLS with the key server: tls: ", "the key server refuses this client: remote error: tls: "
	for name, c := range map[string]struct {
		client      func(*tls.Config)
		serverName  string
		begin, then string
	}{
		"wrong name":          {good, "other", weRefuse, "not other"},
		"unknown authority":   {func(c *tls.Config) { c.RootCAs = theirs.Pool }, "node", weRefuse, "unknown authority"},
		"no certificate":      {func(c *tls.Config) { c.Certificates = nil }, "node", theyRefuse, "certificate required"},
		"unknown certificate": {func(c *tls.Config) { c.Certificates = []tls.Certificate{theirs.own} }, "node", theyRefuse, "unknown certificate authority"},
	} {
		t.Run(name, func(t *testing.T) {
			checkLeaks(t)
			addr := serveGRPC(t, ours, greeting(echo))
			config := ours.client()
			c.client(config)
			h := newRecorder()
			conn, err := DialGRPC(t.Context(), addr, c.serverName, config, h)
			if err == nil {
				conn.Close()
				t.Fatal("connected")
			}
			if text := err.Error(); !strings.HasPrefix(text, c.begin) || !strings.Contains(text, c.then) {
				t.Errorf("%v, want %s...%s", err, c.begin, c.then)
			}
			if errors.Is(err, ErrClientRefused) != (c.begin == theyRefuse) {
				t.Errorf("%v is ErrClientRefused, or should be", err)
			}
		})
	}
}

func TestTLSAndProtocolOfTheNode(t *testing.T) {
	pki := newPKI(t)
	for name, c := range map[string]struct {
		node *tls.Config
		want string
	}{
		"TLS 1.2": {&tls.Config{MaxVersion: tls.VersionTLS12, NextProtos: []string{"h2"}}, "protocol version"},
		"no h2":   {&tls.Config{NextProtos: []string{"http/1.1"}}, "application protocol"},
		"no ALPN": {&tls.Config{}, "ALPN"},
		"no gRPC": {&tls.Config{NextProtos: []string{"h2"}}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			checkLeaks(t)
			c.node.Certificates = []tls.Certificate{pki.Issue(t, "node")}
			addr := listenTLS(t, c.node)
			config := pki.client()
			config.MinVersion = tls.VersionTLS12
			config.NextProtos = []string{"http/1.1"}
			conn, err := DialGRPC(t.Context(), addr, "node", config, newRecorder())
			if err == nil {
				conn.Close()
				t.Fatal("connected")
			}
			if !strings.Contains(err.Error(), c.want) {
				t.Errorf("%v", err)
			}
			if config.MinVersion != tls.VersionTLS12 || config.ServerName != "" {
				t.Error("the caller's configuration was changed")
			}
		})
	}
}

// A node may be stopped, so that its system accepts connections and nothing answers; or it may send
// what is no TLS.
func TestNodesWithoutTLS(t *testing.T) {
	pki := newPKI(t)
	for name, text := range map[string]string{"silent": "", "garbage": "SSH-2.0-x\r\n"} {
		t.Run(name, func(t *testing.T) {
			checkLeaks(t)
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			accepted := make(chan bool, 10)
			serveAll(t, l, func(nc net.Conn) {
				accepted <- true
				_, _ = nc.Write([]byte(text))
				<-t.Context().Done()
			})
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			if text == "" {
				go func() { <-accepted; cancel() }()
			}
			conn, err := DialGRPC(ctx, l.Addr().String(), "node", pki.client(), newRecorder())
			if err == nil {
				conn.Close()
				t.Fatal("connected")
			}
			if text == "" && err != context.Canceled {
				t.Errorf("%v", err)
			}
		})
	}
}

func TestNobodyListens(t *testing.T) {
	checkLeaks(t)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := l.Addr().String()
	_ = l.Close()
	if _, err := DialGRPC(t.Context(), addr, "node", newPKI(t).client(), newRecorder()); err == nil || !strings.HasPrefix(err.Error(), "dial tcp "+addr+": ") {
		t.Errorf("%v", err)
	}
}

func TestStatusOfTheNode(t *testing.T) {
	refusal := status.Error(codes.PermissionDenied, "nobody knows you\x1b[2J")
	const want = "session with the key server: nobody knows you?[2J (PermissionDenied)"
	t.Run("in place of hello", func(t *testing.T) {
		checkLeaks(t)
		_, err := listenGRPC(t, func(peer) error { return refusal })(t.Context(), newRecorder())
		if err == nil || err.Error() != want {
			t.Errorf("%v", err)
		}
	})
	t.Run("nobody", func(t *testing.T) {
		checkLeaks(t)
		_, err := listenGRPC(t, func(peer) error { return status.Error(codes.Unauthenticated, "who\x1b?") })(t.Context(), newRecorder())
		if !errors.Is(err, ErrClientRefused) || err.Error() != "the key server refuses this client: who??" {
			t.Errorf("%v", err)
		}
	})
	t.Run("later", func(t *testing.T) {
		checkLeaks(t)
		h := newRecorder()
		c := mustDial(t, listenGRPC(t, greeting(func(p peer) error {
			if _, err := p.requests(); err != nil {
				return err
			}
			return refusal
		})), h)
		for id := uint64(1); c.Send([]*wire.Request{signRequest(id, nil)}) == nil && id < 1000; id++ {
			continue // the writer, too, finds that the stream has ended
		}
		if err := testwait.Receive(t, "Closed", h.closed); err == nil || err.Error() != want {
			t.Errorf("closed: %v", err)
		}
	})
}

// Each connection presents the certificate of its time, also if the configuration has a cache of
// sessions.
func TestCertificateIsAskedForEveryConnection(t *testing.T) {
	checkLeaks(t)
	pki := newPKI(t)
	leaf := make(chan string, 1)
	addr := serveGRPC(t, pki, greeting(func(p peer) error {
		info, _ := grpcpeer.FromContext(p.(*grpcPeer).s.Context())
		leaf <- info.AuthInfo.(credentials.TLSInfo).State.PeerCertificates[0].DNSNames[0]
		p.ended()
		return nil
	}))
	var current atomic.Pointer[tls.Certificate]
	config := &tls.Config{
		RootCAs:            pki.Pool,
		ClientSessionCache: tls.NewLRUClientSessionCache(1),
		GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
			return current.Load(), nil
		},
	}
	for _, name := range []string{"first", "second", "third"} {
		cert := pki.Issue(t, name)
		current.Store(&cert)
		h := newRecorder()
		c, err := DialGRPC(t.Context(), addr, "node", config, h)
		if err != nil {
			t.Fatal(err)
		}
		if got := testwait.Receive(t, "the certificate's name", leaf); got != name {
			t.Errorf("the node saw %s, not %s", got, name)
		}
		c.Close()
		testwait.Receive(t, "Closed", h.closed)
	}
}

// brokenAfterHandshake is a connection whose writes fail once it is told so.
type brokenAfterHandshake struct {
	net.Conn
	broken atomic.Bool
}

func (c *brokenAfterHandshake) Write(b []byte) (int, error) {
	if c.broken.Load() {
		return 0, syscall.EPIPE
	}
	return c.Conn.Write(b)
}

func TestAlertIsNotLostByABrokenWrite(t *testing.T) {
	checkLeaks(t)
	pki := newPKI(t)
	for name, c := range map[string]struct {
		auth tls.ClientAuthType
		want string
	}{
		"alert":    {tls.RequireAnyClientCert, "certificate required"},
		"no alert": {tls.NoClientCert, syscall.EPIPE.Error()},
	} {
		t.Run(name, func(t *testing.T) {
			addr := listenTLS(t, &tls.Config{
				Certificates: []tls.Certificate{pki.Issue(t, "node")}, NextProtos: []string{"h2"}, ClientAuth: c.auth,
			})
			nc, err := net.Dial("tcp", addr)
			if err != nil {
				t.Fatal(err)
			}
			defer nc.Close()
			raw := &brokenAfterHandshake{Conn: nc}
			creds := alerts{credentials.NewTLS(&tls.Config{RootCAs: pki.Pool, ServerName: "node"}), func(error) {}}
			conn, _, err := creds.ClientHandshake(t.Context(), "node", raw)
			if err != nil {
				t.Fatal(err)
			}
			raw.broken.Store(true)
			if _, err := conn.Write([]byte("PRI")); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%v, want %s", err, c.want)
			}
		})
	}
}
