package asynctls_test

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"io"
	"net"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"

	"asynccrypto/asynctls"
	"asynccrypto/internal/testwait"
)

// wired is a Conn over a socket that one goroutine uses as if it blocked: it waits as the
// ErrWant errors ask.
type wired struct {
	*asynctls.Conn
	buf   asynctls.Buffers
	nc    net.Conn
	in    chan []byte // off the wire, by a goroutine of its own; closed at the end
	wakes chan struct{}
}

type makeConn = func(asynctls.Transport, *tls.Config, *asynctls.Options) *asynctls.Conn

func newWired(t testing.TB, nc net.Conn, make_ makeConn, c *tls.Config, o *asynctls.Options) *wired {
	w := &wired{nc: nc, in: make(chan []byte), wakes: chanOfOne()}
	w.buf.Local, w.buf.Remote = nc.LocalAddr(), nc.RemoteAddr()
	w.Conn = make_(&w.buf, c, o)
	w.SetAsyncCallback(func(any) {
		select {
		case w.wakes <- struct{}{}:
		default:
		}
	}, nil)
	nc.SetDeadline(testwait.Limit())
	done := make(chan struct{})
	t.Cleanup(func() { close(done) })
	go func() {
		defer close(w.in)
		for p := make([]byte, 4096); ; {
			n, err := nc.Read(p)
			select {
			case w.in <- slices.Clone(p[:n]):
			case <-done:
				return
			}
			if err != nil {
				return
			}
		}
	}()
	return w
}

// do calls f until it wants nothing more.
func (w *wired) do(f func() error) error {
	for {
		err := f()
		out := w.buf.Out()
		if _, writeErr := w.nc.Write(out); writeErr != nil && asynctls.Wants(err) {
			return writeErr
		}
		w.buf.Discard(len(out))
		switch err {
		case asynctls.ErrWantRead:
			if p, ok := <-w.in; ok {
				w.buf.Feed(p)
			} else {
				w.buf.FeedEOF()
			}
		case asynctls.ErrWantAsync, asynctls.ErrWantAsyncJob:
			<-w.wakes
		case asynctls.ErrWantWrite:
		default:
			return err
		}
	}
}

func (w *wired) Handshake() error { return w.do(w.Conn.Handshake) }

func (w *wired) Read(p []byte) (n int, err error) {
	err = w.do(func() (err error) { n, err = w.Conn.Read(p); return })
	return
}

func (w *wired) Write(p []byte) (n int, err error) {
	err = w.do(func() error {
		m, err := w.Conn.Write(p[n:])
		n += m
		return err
	})
	return
}

func (w *wired) Close() error {
	err := w.do(w.Conn.Close)
	w.nc.Close()
	return err
}

// serveEcho serves each connection on its own goroutine, with an echo, until the test ends.
// Failed handshakes are sent on errs.
func serveEcho(t testing.TB, c *tls.Config, o *asynctls.Options) (addr string, states chan tls.ConnectionState, errs chan error) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	states, errs = make(chan tls.ConnectionState, 100), make(chan error, 100)
	var served sync.WaitGroup
	t.Cleanup(func() { ln.Close(); served.Wait() })
	served.Go(func() {
		for {
			nc, err := ln.Accept()
			if err != nil {
				return
			}
			served.Go(func() {
				defer nc.Close()
				w := newWired(t, nc, asynctls.NewServerConn, c, o)
				defer w.Abort()
				if err := w.Handshake(); err != nil {
					errs <- err
					w.Close() // the alert
					return
				}
				state, _ := w.ConnectionState()
				states <- state
				_, err := io.Copy(struct{ io.Writer }{w}, struct{ io.Reader }{w})
				errs <- err
				w.Close()
			})
		}
	})
	return ln.Addr().String(), states, errs
}

// writePEM writes a certificate, and its key if it has one of the standard library's, where
// programs can read it.
func writePEM(t testing.TB, cert tls.Certificate) (name string) {
	t.Helper()
	b := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert.Certificate[0]})
	if key, err := x509.MarshalPKCS8PrivateKey(cert.PrivateKey); err == nil {
		b = append(b, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key})...)
	}
	name = filepath.Join(t.TempDir(), "cert.pem")
	if err := os.WriteFile(name, b, 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}
