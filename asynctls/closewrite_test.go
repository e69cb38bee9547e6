package asynctls_test

import (
	"bytes"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"asynccrypto/asynctls"
	"asynccrypto/asynctls/internal/tlstest"
)

// halfClosed returns a connection in memory of which one side, the server or the client as role
// says, has called CloseWrite; the other one has read all output up to the close_notify. The
// sealer, in TLS 1.3, speaks for the other side.
func halfClosed(t *testing.T, version uint16, role string) (it, other *side, sealer *tlstest.Sealer) {
	t.Helper()
	sc, cc := tlstest.Configs(t, tlstest.NewEngine(t))
	sc.MinVersion, sc.MaxVersion, sc.SessionTicketsDisabled = version, version, true
	var keyLog bytes.Buffer
	sc.KeyLogWriter = &keyLog
	o := &asynctls.Options{Pool: newPool(t, 0)}
	s, c := newSide(t, asynctls.NewServerConn, sc, o), newSide(t, asynctls.NewClientConn, cc, o)
	if sErr, cErr := handshake(t, s, c, 1<<20); sErr != nil || cErr != nil {
		t.Fatal(sErr, cErr)
	}
	it, other = s, c
	label := tlstest.ClientTraffic
	if role == "client" {
		it, other, label = c, s, tlstest.ServerTraffic
	}
	if err := errors.Join(it.CloseWrite(), it.CloseWrite()); err != nil {
		t.Fatal(err)
	}
	for carry(it, other, 1<<20) {
	}
	if n, err := other.Read(make([]byte, 1)); n != 0 || err != io.EOF {
		t.Fatal(n, err)
	}
	if version == tls.VersionTLS13 {
		state, _ := it.ConnectionState()
		sealer = tlstest.NewSealer(t, keyLog.String(), label, state.CipherSuite, 0)
	}
	return it, other, sealer
}

// expect reads from s what the peer has sent.
func (s *side) expect(t *testing.T, want string) {
	t.Helper()
	p := make([]byte, 100)
	if n, err := s.Read(p); string(p[:n]) != want || err != nil {
		t.Fatalf("read %q, %v; want %q", p[:n], err, want)
	}
}

// checkSilent checks that s has sent nothing.
func (s *side) checkSilent(t *testing.T) {
	t.Helper()
	if out := s.buf.Out(); len(out) > 0 {
		t.Errorf("after close_notify came %x", out)
	}
}

// After CloseWrite a connection goes on reading, and sends nothing any more, whatever it reads.
func TestNothingFollowsCloseNotify(t *testing.T) {
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		for _, role := range []string{"server", "client"} {
			t.Run(tls.VersionName(version)+"/"+role, func(t *testing.T) {
				t.Run("data", func(t *testing.T) {
					it, other, _ := halfClosed(t, version, role)
					if n, err := it.Write([]byte("x")); n != 0 || err == nil || asynctls.Wants(err) {
						t.Error("written after CloseWrite:", n, err)
					}
					other.Write([]byte("more"))
					carry(other, it, 1<<20)
					it.expect(t, "more")
					other.CloseWrite()
					carry(other, it, 1<<20)
					if n, err := it.Read(make([]byte, 1)); n != 0 || err != io.EOF {
						t.Error(n, err)
					}
					if err := it.Close(); err != nil {
						t.Error(err)
					}
					it.checkSilent(t)
				})
				t.Run("damaged record", func(t *testing.T) {
					it, other, _ := halfClosed(t, version, role)
					other.Write([]byte("more"))
					out := other.buf.Out()
					out[len(out)-1] ^= 1
					carry(other, it, 1<<20)
					for range 2 {
						if n, err := it.Read(make([]byte, 1)); n != 0 || err == nil || !strings.Contains(err.Error(), "bad record MAC") {
							t.Error(n, err)
						}
					}
					it.checkSilent(t)
					if err := it.Close(); err != nil {
						t.Error(err)
					}
					it.checkSilent(t)
				})
			})
		}
	}
}

// A KeyUpdate that asks for an answer gets none after CloseWrite, and reading goes on with the
// peer's new key.
func TestKeyUpdateAfterCloseWrite(t *testing.T) {
	for _, role := range []string{"server", "client"} {
		t.Run(role, func(t *testing.T) {
			it, _, sealer := halfClosed(t, tls.VersionTLS13, role)
			for _, ask := range []bool{true, false, true, true} {
				it.buf.Feed(sealer.KeyUpdate(ask))
				if n, err := it.Read(make([]byte, 1)); n != 0 || err != asynctls.ErrWantRead {
					t.Fatal(n, err)
				}
				it.buf.Feed(sealer.Seal(tlstest.TypeData, []byte("after")...))
				it.expect(t, "after")
			}
			it.buf.Feed(sealer.Seal(tlstest.TypeAlert, 1, 0)) // close_notify
			if n, err := it.Read(make([]byte, 1)); n != 0 || err != io.EOF {
				t.Error(n, err)
			}
			it.checkSilent(t)
		})
	}
}

// readOn reads as w's Read does, but sends no output, so that the peer does not see close_notify.
func (w *wired) readOn(p []byte) (int, error) {
	for {
		n, err := w.Conn.Read(p)
		if err != asynctls.ErrWantRead {
			return n, err
		}
		if in, ok := <-w.in; ok {
			w.buf.Feed(in)
		} else {
			w.buf.FeedEOF()
		}
	}
}

// closeWrite calls CloseWrite and returns the output from then on, which OpenSSL must not be given
// before the test is done with it: its programs end at a close_notify.
func (w *wired) closeWrite(t *testing.T) (closeNotify []byte) {
	t.Helper()
	if err := w.Conn.CloseWrite(); err != nil {
		t.Fatal(err)
	}
	if len(w.buf.Out()) == 0 {
		t.Fatal("CloseWrite has sent nothing")
	}
	return slices.Clone(w.buf.Out())
}

// checkLast checks that closeNotify is all that w has sent since.
func (w *wired) checkLast(t *testing.T, closeNotify []byte) {
	t.Helper()
	if out := w.buf.Out(); !bytes.Equal(out, closeNotify) {
		t.Errorf("after close_notify came %x", bytes.TrimPrefix(out, closeNotify))
	}
}

// OpenSSL's server asks a client to renegotiate, and to update its key, after CloseWrite.
func TestOpenSSLServerAfterCloseWrite(t *testing.T) {
	cert := tlstest.NewCert(t, tlstest.RSAKey())
	file := writePEM(t, cert)
	for _, renegotiation := range []tls.RenegotiationSupport{
		tls.RenegotiateNever, tls.RenegotiateOnceAsClient, tls.RenegotiateFreelyAsClient,
	} {
		p, addr := startServer(t, file, "-tls1_2")
		pool := newPool(t, 1)
		w := dialWired(t, addr, &tls.Config{
			RootCAs: tlstest.RootsOf(cert), ServerName: "example.test", Renegotiation: renegotiation,
		}, &asynctls.Options{Pool: pool, HandshakeTimeout: time.Hour})
		closeNotify := w.closeWrite(t)
		w.expectOn(t, p, "data")
		p.Say("R\n")
		buf := make([]byte, 1)
		n, err := w.readOn(buf)
		if n != 0 || err == nil || asynctls.Wants(err) || err == io.EOF {
			t.Error(renegotiation, n, err)
		}
		if renegotiation != tls.RenegotiateNever { // for which crypto/tls has an error of its own
			_, again := w.readOn(buf)
			if !strings.Contains(err.Error(), "after CloseWrite") || again == nil || again.Error() != err.Error() {
				t.Error(renegotiation, err, again)
			}
		}
		if !hasPlace(pool) {
			t.Error(renegotiation, "the renegotiation keeps its place in the pool")
		}
		w.checkLast(t, closeNotify)
		if err := w.Close(); err != nil {
			t.Error(renegotiation, err)
		}
	}
	p, addr := startServer(t, file, "-tls1_3")
	w := dialWired(t, addr, &tls.Config{RootCAs: tlstest.RootsOf(cert), ServerName: "example.test"}, &asynctls.Options{Pool: newPool(t, 0)})
	w.checkKeyUpdates(t, p)
	if err := w.Close(); err != nil {
		t.Error(err)
	}
}

// OpenSSL's client asks a server to update its key, and to renegotiate, after CloseWrite.
func TestOpenSSLClientAfterCloseWrite(t *testing.T) {
	server, _ := tlstest.Configs(t, tlstest.NewEngine(t))
	for version, flag := range opensslVersions {
		ln, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer ln.Close()
		p := tlstest.Start(t, "openssl", "s_client", "-connect", ln.Addr().String(), flag)
		nc, err := ln.Accept()
		if err != nil {
			t.Fatal(err)
		}
		defer nc.Close()
		w := newWired(t, nc, asynctls.NewServerConn, server, &asynctls.Options{Pool: newPool(t, 0)})
		defer w.Abort()
		if err := w.Handshake(); err != nil {
			t.Fatal(err)
		}
		if version == tls.VersionTLS13 {
			w.checkKeyUpdates(t, p)
			continue
		}
		closeNotify := w.closeWrite(t)
		p.Say("R\n")
		if n, err := w.readOn(make([]byte, 1)); n != 0 || err == nil || asynctls.Wants(err) || err == io.EOF {
			t.Error(n, err)
		}
		w.checkLast(t, closeNotify)
	}
}

// checkKeyUpdates calls CloseWrite and has OpenSSL update its key several times.
func (w *wired) checkKeyUpdates(t *testing.T, p *tlstest.Program) {
	t.Helper()
	closeNotify := w.closeWrite(t)
	w.expectOn(t, p, "data")
	for _, command := range []string{"K", "k", "K"} { // with and without asking for ours
		p.Say(command + "\n")
		w.buf.Feed(<-w.in) // OpenSSL takes what it reads from its input at once for one line
		w.expectOn(t, p, "after "+command)
	}
	w.checkLast(t, closeNotify)
}

// expectOn has OpenSSL send a line, and reads it.
func (w *wired) expectOn(t *testing.T, p *tlstest.Program, line string) {
	t.Helper()
	line += "\n"
	p.Say(line)
	buf := make([]byte, 100)
	if n, err := w.readOn(buf); string(buf[:n]) != line || err != nil {
		t.Fatalf("read %q, %v; want %q", buf[:n], err, line)
	}
}

// Read returns data together with the end that came right behind it, as that of a tls.Conn does,
// and the end again afterwards.
func TestDataAndEnd(t *testing.T) {
	sc, cc := tlstest.Configs(t, tlstest.NewEngine(t))
	sc.MaxVersion = tls.VersionTLS12 // in TLS 1.3 an alert looks like data from outside
	o := &asynctls.Options{Pool: newPool(t, 0)}
	s, c := newSide(t, asynctls.NewServerConn, sc, o), newSide(t, asynctls.NewClientConn, cc, o)
	if sErr, cErr := handshake(t, s, c, 1<<20); sErr != nil || cErr != nil {
		t.Fatal(sErr, cErr)
	}
	c.Write([]byte("last"))
	c.CloseWrite()
	carry(c, s, 1<<20)
	p := make([]byte, 10)
	if n, err := s.Read(p); string(p[:n]) != "last" || err != io.EOF {
		t.Errorf("%q, %v", p[:n], err)
	}
	if n, err := s.Read(p); n != 0 || err != io.EOF {
		t.Error(n, err)
	}
}
