package asynctls_test

import (
	"crypto/tls"
	"net"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"asynccrypto/async"
	"asynccrypto/asynctls"
	"asynccrypto/asynctls/internal/tlstest"
)

// startServer starts openssl s_server with the certificate in file.
func startServer(t *testing.T, file string, args ...string) (p *tlstest.Program, addr string) {
	p = tlstest.Start(t, "openssl", append([]string{"s_server", "-accept", "127.0.0.1:0", "-cert", file}, args...)...)
	return p, p.Expect(t, "ACCEPT ")
}

func dialWired(t *testing.T, addr string, c *tls.Config, o *asynctls.Options) *wired {
	t.Helper()
	nc, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	w := newWired(t, nc, asynctls.NewClientConn, c, o)
	t.Cleanup(func() { w.Abort(); nc.Close() })
	if err := w.Handshake(); err != nil {
		t.Fatal(err)
	}
	return w
}

func expectRead(t *testing.T, w *wired, want string) {
	t.Helper()
	p := make([]byte, 100)
	if n, err := w.Read(p); string(p[:n]) != want || err != nil {
		t.Fatalf("read %q, %v; want %q", p[:n], err, want)
	}
}

func write(t *testing.T, w *wired, text string) {
	t.Helper()
	if n, err := w.Write([]byte(text)); n != len(text) || err != nil {
		t.Fatal(n, err)
	}
}

var opensslVersions = map[uint16]string{tls.VersionTLS12: "-tls1_2", tls.VersionTLS13: "-tls1_3"}

// Our client and OpenSSL's server: client certificates, resumption, key updates both ways.
func TestClientOfOpenSSL(t *testing.T) {
	e, pool := tlstest.NewEngine(t), newPool(t, 0)
	cert := tlstest.NewCert(t, tlstest.RSAKey())
	file := writePEM(t, cert)
	for version, flag := range opensslVersions {
		p, addr := startServer(t, file, flag, "-Verify", "1", "-CAfile", file, "-verify_return_error", "-state")
		c := asynctls.Config(&tls.Config{
			RootCAs: tlstest.RootsOf(cert), ServerName: "example.test", Certificates: []tls.Certificate{tlstest.WithEngine(t, e, cert)},
			ClientSessionCache: tls.NewLRUClientSessionCache(10),
		})
		for round := range 2 {
			w := dialWired(t, addr, c, &asynctls.Options{Pool: pool})
			if state, ok := w.ConnectionState(); !ok || state.Version != version || state.DidResume != (round == 1) {
				t.Error(state.Version, state.DidResume, round)
			}
			write(t, w, "from the client\n")
			p.Expect(t, "from the client")
			p.Say("from the server\n")
			expectRead(t, w, "from the server\n")
			if version == tls.VersionTLS13 {
				for _, command := range []string{"K", "k"} { // with and without asking for ours
					p.Say(command + "\n")
					p.Expect(t, "write server key update") // it takes what it reads at once for one line
					p.Say("after " + command + "\n")
					expectRead(t, w, "after "+command+"\n")
					write(t, w, "ours after "+command+"\n")
					p.Expect(t, "ours after "+command)
				}
			}
			if err := w.Close(); err != nil {
				t.Error(err)
			}
			p.Expect(t, "DONE")
		}
	}
	if s := e.Stats(); s.Completed != 2 {
		t.Errorf("%d signatures for two full handshakes", s.Completed)
	}
}

// OpenSSL's client and our server: client certificates, resumption, key updates both ways, and
// a renegotiation, which is refused as crypto/tls refuses it.
func TestServerOfOpenSSL(t *testing.T) {
	e, pool := tlstest.NewEngine(t), newPool(t, 0)
	cert := tlstest.NewCert(t, tlstest.RSAKey())
	file := writePEM(t, cert)
	c := asynctls.Config(&tls.Config{
		Certificates: []tls.Certificate{tlstest.WithEngine(t, e, cert)}, ClientCAs: tlstest.RootsOf(cert), ClientAuth: tls.RequireAndVerifyClientCert,
	})
	addr, states, errs := serveEcho(t, c, &asynctls.Options{Pool: pool})
	for version, flag := range opensslVersions {
		session := filepath.Join(t.TempDir(), "session")
		for round := range 2 {
			args := []string{"s_client", "-connect", addr, "-servername", "example.test", flag, "-CAfile", file, "-verify_return_error",
				"-cert", file, "-sess_out", session}
			if round == 1 {
				args = append(args, "-sess_in", session)
			}
			p := tlstest.Start(t, "openssl", args...)
			p.Say("hello\n")
			p.Expect(t, "hello")
			if state := <-states; state.Version != version || state.DidResume != (round == 1) || len(state.PeerCertificates) != 1 {
				t.Error(state.Version, state.DidResume, round, len(state.PeerCertificates))
			}
			if version == tls.VersionTLS13 {
				for _, command := range []string{"K", "k"} {
					p.Say(command + "\n")
					p.Expect(t, "KEYUPDATE")
					p.Say("after " + command + "\n")
					p.Expect(t, "after "+command)
				}
			} else if round == 1 {
				p.Say("R\n")
				p.Expect(t, "RENEGOTIATING")
				if err := <-errs; err == nil {
					t.Error("a renegotiation was taken")
				}
				continue
			}
			p.Say("Q\n")
			if err := <-errs; err != nil {
				t.Error(err)
			}
		}
	}
	if s := e.Stats(); s.Completed != 2 {
		t.Errorf("%d signatures for two full handshakes", s.Completed)
	}
}

// A client that renegotiates, with a key that an engine holds: while it does, it can be asked
// for anything and blocks nobody; afterwards it needs no job, and writes without having read.
func TestRenegotiation(t *testing.T) {
	cert := tlstest.NewCert(t, tlstest.RSAKey())
	file := writePEM(t, cert)
	e, gate := newGate(t)
	pool := newPool(t, 1)
	p, addr := startServer(t, file, "-tls1_2", "-CAfile", file)
	c := asynctls.Config(&tls.Config{
		RootCAs: tlstest.RootsOf(cert), ServerName: "example.test", Certificates: []tls.Certificate{tlstest.WithEngine(t, e, cert)},
		Renegotiation: tls.RenegotiateFreelyAsClient,
	})
	for _, abort := range []bool{false, true} {
		w := dialWired(t, addr, c, &asynctls.Options{Pool: pool, HandshakeTimeout: time.Minute})
		began := time.Now()
		p.Say("R\n") // asks for the client's certificate
		for !w.WaitingForAsync() {
			buf := make([]byte, 10)
			n, err := w.Conn.Read(buf)
			w.pump(t)
			if n != 0 || err != asynctls.ErrWantRead && err != asynctls.ErrWantAsync {
				t.Fatal(n, err)
			}
			if err == asynctls.ErrWantRead {
				w.buf.Feed(<-w.in)
			}
		}
		if state, ok := w.ConnectionState(); ok {
			t.Error("a state while it renegotiates:", state)
		}
		if n, err := w.Conn.Write([]byte("too early")); n != 0 || err != asynctls.ErrWantAsync {
			t.Error(n, err)
		}
		if d := w.Deadline(); d.Before(began.Add(time.Minute)) || d.After(time.Now().Add(time.Minute)) {
			t.Error("the deadline is in", time.Until(d))
		}
		if hasPlace(pool) {
			t.Error("it has no place in the pool")
		}
		if !abort {
			gate <- nil
			write(t, w, "after\n") // which drives it to its end
			if _, ok := w.ConnectionState(); !ok {
				t.Error("it is still renegotiating")
			}
			if !hasPlace(pool) {
				t.Error("it keeps its place in the pool")
			}
			p.Expect(t, "after")
			p.Say("r\n") // asks for none
			renegotiate(t, w)
			p.Say("data\n") // crypto/tls takes none while it renegotiates
			expectRead(t, w, "data\n")
			if err := w.Close(); err != nil {
				t.Error(err)
			}
			p.Expect(t, "DONE")
			continue
		}
		w.Abort()
		if !hasPlace(pool) {
			t.Error("it keeps its place in the pool")
		}
	}
}

// hasPlace reports whether a job could start.
func hasPlace(pool *async.Pool) bool {
	_, out, _ := pool.Start(nil, func(async.Job) error { return nil })
	return out == async.Finished
}

// pump sends the output.
func (w *wired) pump(t *testing.T) {
	t.Helper()
	out := w.buf.Out()
	if _, err := w.nc.Write(out); err != nil {
		t.Fatal(err)
	}
	w.buf.Discard(len(out))
}

// A client that updates its keys over and over, and says nothing else, is refused as crypto/tls
// refuses it.
func TestKeyUpdateFlood(t *testing.T) {
	cert := tlstest.NewCert(t, tlstest.RSAKey())
	addr, states, errs := serveEcho(t, asynctls.Config(&tls.Config{Certificates: []tls.Certificate{cert}}), &asynctls.Options{Pool: newPool(t, 0)})
	p := tlstest.Start(t, "openssl", "s_client", "-connect", addr, "-tls1_3")
	<-states
	for range 17 {
		p.Say("K\n")
		p.Expect(t, "KEYUPDATE")
	}
	if err := <-errs; err == nil || !strings.Contains(err.Error(), "too many non-advancing records") {
		t.Error(err)
	}
}

// renegotiate reads until a renegotiation has begun and ended.
func renegotiate(t *testing.T, w *wired) {
	t.Helper()
	for begun := false; ; {
		n, err := w.Conn.Read(make([]byte, 10))
		w.pump(t)
		if n != 0 || err != asynctls.ErrWantRead {
			t.Fatal(n, err)
		}
		_, done := w.ConnectionState()
		if begun && done {
			return
		}
		begun = begun || !done
		w.buf.Feed(<-w.in)
	}
}
