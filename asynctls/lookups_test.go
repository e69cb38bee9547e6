package asynctls_test

import (
	"context"
	"crypto/ecdh"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"asynccrypto/async"
	"asynccrypto/asynctls"
	"asynccrypto/asynctls/internal/tlstest"
	"asynccrypto/engine"
	"asynccrypto/engine/workers"
)

// lookupCases are the functions that Lookups knows. set has the server's or the client's
// configuration call hold in one of them.
var lookupCases = []struct {
	name     string
	set      func(server, client *tls.Config, hold func())
	resumed  bool // in the second handshake
	rejected bool // the client's handshake ends with an error of Encrypted Client Hello
	only13   bool
}{
	{name: "GetCertificate", set: func(s, _ *tls.Config, hold func()) {
		cert := s.Certificates[0]
		s.Certificates = nil
		s.GetCertificate = func(*tls.ClientHelloInfo) (*tls.Certificate, error) { hold(); return &cert, nil }
	}},
	{name: "GetClientCertificate", set: func(s, c *tls.Config, hold func()) {
		s.ClientAuth = tls.RequireAnyClientCert
		cert := s.Certificates[0]
		c.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { hold(); return &cert, nil }
	}},
	{name: "GetConfigForClient", set: func(s, _ *tls.Config, hold func()) {
		s.GetConfigForClient = func(*tls.ClientHelloInfo) (*tls.Config, error) { hold(); return nil, nil }
	}},
	{name: "in a configuration that GetConfigForClient returns", set: func(s, _ *tls.Config, hold func()) {
		found := s.Clone()
		found.VerifyConnection = func(tls.ConnectionState) error { hold(); return nil }
		s.GetConfigForClient = func(*tls.ClientHelloInfo) (*tls.Config, error) { return found, nil }
	}},
	{name: "server's VerifyConnection", set: func(s, _ *tls.Config, hold func()) {
		s.VerifyConnection = func(tls.ConnectionState) error { hold(); return nil }
	}},
	{name: "client's VerifyConnection", set: func(_, c *tls.Config, hold func()) {
		c.VerifyConnection = func(cs tls.ConnectionState) error {
			hold()
			if len(cs.PeerCertificates) != 1 || cs.ServerName != "example.test" {
				return errors.New("another state")
			}
			return nil
		}
	}},
	{name: "server's VerifyPeerCertificate", set: func(s, c *tls.Config, hold func()) {
		s.ClientAuth = tls.RequireAnyClientCert
		c.Certificates = s.Certificates
		s.VerifyPeerCertificate = func([][]byte, [][]*x509.Certificate) error { hold(); return nil }
	}},
	{name: "client's VerifyPeerCertificate", set: func(_, c *tls.Config, hold func()) {
		c.VerifyPeerCertificate = func(raw [][]byte, chains [][]*x509.Certificate) error {
			hold()
			if len(raw) != 1 || len(chains) != 1 {
				return errors.New("another certificate")
			}
			return nil
		}
	}},
	{name: "WrapSession", set: func(s, _ *tls.Config, hold func()) {
		keys := s.Clone()
		s.WrapSession = func(cs tls.ConnectionState, ss *tls.SessionState) ([]byte, error) {
			hold()
			return keys.EncryptTicket(cs, ss)
		}
	}},
	{name: "UnwrapSession", resumed: true, set: func(s, _ *tls.Config, hold func()) {
		keys := s.Clone()
		s.WrapSession = keys.EncryptTicket
		s.UnwrapSession = func(identity []byte, cs tls.ConnectionState) (*tls.SessionState, error) {
			hold()
			return keys.DecryptTicket(identity, cs)
		}
	}},
	{name: "GetEncryptedClientHelloKeys", only13: true, set: func(s, c *tls.Config, hold func()) {
		key, list := newECHKey()
		c.EncryptedClientHelloConfigList = list
		s.GetEncryptedClientHelloKeys = func(*tls.ClientHelloInfo) ([]tls.EncryptedClientHelloKey, error) {
			hold()
			return []tls.EncryptedClientHelloKey{key}, nil
		}
	}},
	{name: "EncryptedClientHelloRejectionVerify", only13: true, rejected: true, set: func(_, c *tls.Config, hold func()) {
		_, c.EncryptedClientHelloConfigList = newECHKey()
		c.EncryptedClientHelloRejectionVerify = func(tls.ConnectionState) error { hold(); return nil }
	}},
}

// newECHKey returns a key for Encrypted Client Hello, and the configurations that a client needs.
func newECHKey() (key tls.EncryptedClientHelloKey, list []byte) {
	private, err := ecdh.X25519().GenerateKey(rand.Reader)
	if err != nil {
		panic(err)
	}
	const name = "public.test"
	prefixed := func(b []byte) []byte { return append([]byte{byte(len(b) >> 8), byte(len(b))}, b...) }
	contents := slices.Concat(
		[]byte{1, 0, 0x20}, // the configuration's number; DHKEM(X25519, HKDF-SHA256)
		prefixed(private.PublicKey().Bytes()),
		prefixed([]byte{0, 1, 0, 1}), // HKDF-SHA256, AES-128-GCM
		[]byte{32, byte(len(name))}, []byte(name), prefixed(nil))
	config := append([]byte{0xfe, 0x0d}, prefixed(contents)...)
	return tls.EncryptedClientHelloKey{Config: config, PrivateKey: private.Bytes()}, prefixed(config)
}

// While a lookup is held, be it called with a context or without, the loop, which is this
// goroutine, goes on with others: an open connection echoes, another handshakes. If a lookup ran
// on this goroutine nothing would ever release it.
func TestHeldLookups(t *testing.T) {
	for _, test := range lookupCases {
		for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
			if test.only13 && version < tls.VersionTLS13 {
				continue
			}
			t.Run(test.name+"/"+tls.VersionName(version), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					do := newDo(t)
					o := &asynctls.Options{Pool: newPool(t, 0), HandshakeTimeout: time.Hour}
					cert := tlstest.NewCert(t, tlstest.RSAKey())
					sc := &tls.Config{Certificates: []tls.Certificate{cert}, MinVersion: version, MaxVersion: version}
					cc := &tls.Config{
						RootCAs: tlstest.RootsOf(cert), ServerName: "example.test", MinVersion: version, MaxVersion: version,
						ClientSessionCache: tls.NewLRUClientSessionCache(1),
					}
					// The copies share their session tickets only after this.
					sc.SetSessionTicketKeys([][32]byte{{1}})
					quickServer, quickClient := sc.Clone(), cc.Clone()
					quickClient.ClientSessionCache = nil
					var armed atomic.Bool
					var held atomic.Int32
					release := make(chan struct{})
					test.set(sc, cc, func() {
						if armed.Load() {
							held.Add(1)
							<-release
						}
					})
					sc, cc = asynctls.Config(asynctls.Lookups(sc, do)), asynctls.Config(asynctls.Lookups(cc, do))
					connect := func(sc, cc *tls.Config) (s, c *side) {
						t.Helper()
						s, c = newSide(t, asynctls.NewServerConn, sc, o), newSide(t, asynctls.NewClientConn, cc, o)
						if sErr, cErr := handshake(t, s, c, 1<<20); sErr != nil || cErr != nil {
							t.Fatal(sErr, cErr)
						}
						c.Read(make([]byte, 1)) // the session ticket of TLS 1.3
						return s, c
					}
					if test.resumed {
						connect(sc, cc)
					}
					open, client := connect(quickServer, quickClient)

					armed.Store(true)
					s, c := newSide(t, asynctls.NewServerConn, sc, o), newSide(t, asynctls.NewClientConn, cc, o)
					for held.Load() == 0 {
						sErr, cErr := s.Handshake(), c.Handshake()
						moved := carry(s, c, 1<<20) || carry(c, s, 1<<20)
						if !moved && !s.WaitingForAsync() && !c.WaitingForAsync() {
							t.Fatal("the handshakes did not wait for the lookup: ", sErr, cErr)
						}
						synctest.Wait()
					}
					client.Write([]byte("hello"))
					carry(client, open, 1<<20)
					open.expect(t, "hello")
					open.Write([]byte("hello to you"))
					carry(open, client, 1<<20)
					client.expect(t, "hello to you")
					connect(quickServer, quickClient)
					if held.Load() != 1 || !s.WaitingForAsync() && !c.WaitingForAsync() {
						t.Error("the handshake has not waited for its lookup: ", held.Load())
					}

					armed.Store(false)
					close(release)
					sErr, cErr := handshake(t, s, c, 1<<20)
					if test.rejected {
						if rejection := new(tls.ECHRejectionError); !errors.As(cErr, &rejection) {
							t.Error(cErr)
						}
						return
					}
					if sErr != nil || cErr != nil {
						t.Fatal(sErr, cErr)
					}
					if state, ok := s.ConnectionState(); !ok || state.DidResume != test.resumed {
						t.Error("resumed:", state.DidResume)
					}
				})
			})
		}
	}
}

// newDo returns a do for Lookups by an engine that is closed with the test.
func newDo(t *testing.T) func(context.Context, func() error) error {
	t.Helper()
	e, err := workers.New(workers.Options{Workers: 10})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { e.Close() })
	return func(ctx context.Context, f func() error) error { return e.Do(ctx, engine.Func(f)) }
}

// A lookup's error, also of one that crypto/tls gives no context, ends the handshake; so does its
// panic. A handshake that is given up while its lookup is held frees its place.
func TestLookupsThatFail(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		do := newDo(t)
		pool := newPool(t, 2)
		o := &asynctls.Options{Pool: pool}
		server, client := tlstest.Configs(t, tlstest.NewEngine(t))
		refused := errors.New("refused by a lookup")
		verify := func() error { return refused }
		server.VerifyConnection = func(tls.ConnectionState) error { return verify() }
		server = asynctls.Lookups(server, do)
		connect := func() (s, c *side) {
			return newSide(t, asynctls.NewServerConn, server, o), newSide(t, asynctls.NewClientConn, client, o)
		}
		s, c := connect()
		if sErr, _ := handshake(t, s, c, 1<<20); !errors.Is(sErr, refused) {
			t.Error(sErr)
		}
		c.Abort()
		verify = func() error { panic("in a lookup") }
		s, c = connect()
		if sErr, _ := handshake(t, s, c, 1<<20); sErr == nil || asynctls.Wants(sErr) {
			t.Error(sErr)
		}
		c.Abort()
		release := make(chan struct{})
		verify = func() error { <-release; return nil }
		s, c = connect()
		for range 10 {
			s.Handshake()
			c.Handshake()
			carry(s, c, 1<<20)
			carry(c, s, 1<<20)
		}
		synctest.Wait()
		if !s.WaitingForAsync() {
			t.Error("it does not wait for the lookup")
		}
		c.Abort()
		s.Abort()
		for range 2 {
			if !hasPlace(pool) {
				t.Error("a job is left")
			}
		}
		close(release)
	})
}

// Without a job, as in net/http, lookups block the handshake's goroutine and work all the same.
func TestLookupsBlocking(t *testing.T) {
	do := newDo(t)
	cert := tlstest.NewCert(t, tlstest.RSAKey())
	var calls atomic.Int32
	verify := func(tls.ConnectionState) error { calls.Add(1); return nil }
	inJob := atomic.Bool{}
	observed := func(ctx context.Context, f func() error) error {
		if _, ok := async.FromContext(ctx); ok {
			inJob.Store(true)
		}
		return do(ctx, f)
	}
	sc := asynctls.Config(asynctls.Lookups(&tls.Config{Certificates: []tls.Certificate{cert}, VerifyConnection: verify}, observed))
	cc := asynctls.Config(asynctls.Lookups(&tls.Config{
		RootCAs: tlstest.RootsOf(cert), ServerName: "example.test", VerifyConnection: verify,
	}, observed))
	if sErr, cErr := handshakeBlocking(sc, cc); cErr != nil {
		t.Error(sErr, cErr)
	}
	if calls.Load() != 2 || inJob.Load() {
		t.Error(calls.Load(), "lookups; in a job:", inJob.Load())
	}
}

// In a renegotiation, in which crypto/tls gives GetClientCertificate a context that carries nothing,
// the lookup pauses the job of the Read that renegotiates. Others go on: this goroutine does.
func TestLookupInRenegotiation(t *testing.T) {
	cert := tlstest.NewCert(t, tlstest.RSAKey())
	file := writePEM(t, cert)
	p, addr := startServer(t, file, "-tls1_2", "-CAfile", file)
	release := make(chan struct{})
	c := asynctls.Config(asynctls.Lookups(&tls.Config{
		RootCAs: tlstest.RootsOf(cert), ServerName: "example.test", Renegotiation: tls.RenegotiateFreelyAsClient,
		GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { <-release; return &cert, nil },
	}, newDo(t)))
	w := dialWired(t, addr, c, &asynctls.Options{Pool: newPool(t, 1), HandshakeTimeout: time.Hour})
	p.Say("R\n") // asks for the client's certificate
	for !w.WaitingForAsync() {
		n, err := w.Conn.Read(make([]byte, 1))
		w.pump(t)
		if n != 0 || !asynctls.Wants(err) {
			t.Fatal(n, err)
		}
		if err == asynctls.ErrWantRead {
			w.buf.Feed(<-w.in)
		}
	}
	close(release)
	write(t, w, "after\n") // which drives the renegotiation to its end
	p.Expect(t, "after")
}
