package asynctls_test

import (
	"context"
	"crypto"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"asynccrypto/async"
	"asynccrypto/asynctls"
	"asynccrypto/asynctls/internal/tlstest"
	"asynccrypto/engine"
	"asynccrypto/internal/testwait"
)

var errBroken = errors.New("broken on purpose")

// newTestEngine returns an engine of one worker.
func newTestEngine(t testing.TB, depth int, h func(*engine.Request)) *engine.Engine {
	t.Helper()
	e, err := engine.New(engine.Config{Name: "test", Workers: 1, Depth: depth, Handler: func(batch []*engine.Request) { h(batch[0]) }})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { e.Close() })
	return e
}

// behaviours are the ways in which an engine may behave. Each returns the key held by such an
// engine, whose error the handshake is to end with, if any.
var behaviours = []struct {
	name string
	key  func(t *testing.T, key crypto.Signer) crypto.Signer
	err  error // nil if none; crypto/tls doesn't always wrap it, so it is looked for in the text
}{
	{"works", func(t *testing.T, key crypto.Signer) crypto.Signer {
		return signerOf(t, newTestEngine(t, 0, (*engine.Request).Run), key)
	}, nil},
	{"delays", func(t *testing.T, key crypto.Signer) crypto.Signer {
		return signerOf(t, newTestEngine(t, 0, func(r *engine.Request) { time.AfterFunc(time.Millisecond, r.Run) }), key)
	}, nil},
	{"fails at submission", func(t *testing.T, key crypto.Signer) crypto.Signer {
		s := signerOf(t, newTestEngine(t, 0, (*engine.Request).Run), key)
		s.(io.Closer).Close()
		return s
	}, engine.ErrClosed},
	{"fails at completion", func(t *testing.T, key crypto.Signer) crypto.Signer {
		return signerOf(t, newTestEngine(t, 0, func(r *engine.Request) { r.Complete(errBroken) }), key)
	}, errBroken},
	{"is closed, StatusErr", func(t *testing.T, key crypto.Signer) crypto.Signer {
		e := newTestEngine(t, 0, (*engine.Request).Run)
		s := signerOf(t, e, key)
		e.Close()
		return s
	}, engine.ErrClosed},
	{"answers EAGAIN", func(t *testing.T, key crypto.Signer) crypto.Signer {
		e := newTestEngine(t, 1, (*engine.Request).Run)
		full, once := make(chan struct{}), new(sync.Once)
		running := make(chan struct{})
		go e.Do(context.Background(), engine.Func(func() error { close(running); <-full; return nil }))
		<-running
		t.Cleanup(func() { once.Do(func() { close(full) }) })
		return &watched{signerOf(t, e, key), func() { // until one waits for room
			for ; e.Stats().Waiting == 0; time.Sleep(100 * time.Microsecond) {
				select {
				case <-full: // it is not the first
					return
				default:
				}
			}
			once.Do(func() { close(full) })
		}}
	}, nil},
	{"panics", func(t *testing.T, key crypto.Signer) crypto.Signer {
		return signerOf(t, newTestEngine(t, 0, func(*engine.Request) { panic("the engine's panic") }), key)
	}, errors.New("the engine's panic")},
	{"panics at submission", func(t *testing.T, key crypto.Signer) crypto.Signer {
		return &stub{Signer: key, before: func(async.Job) error { panic("the key's panic") }}
	}, errors.New("the key's panic")},
	{"StatusErr at submission", func(t *testing.T, key crypto.Signer) crypto.Signer {
		return &stub{Signer: key, before: func(j async.Job) error {
			j.WaitCtx().SetStatus(async.StatusErr)
			return j.Pause() // nobody is going to wake it
		}}
	}, asynctls.ErrEngine},
	{"StatusErr at completion", func(t *testing.T, key crypto.Signer) crypto.Signer {
		return &stub{Signer: key, before: func(j async.Job) error {
			w := j.WaitCtx()
			if fn, arg, ok := w.Callback(); ok {
				go fn(arg)
			}
			if err := j.Pause(); err != nil {
				return err
			}
			w.SetStatus(async.StatusErr) // though it signs
			return nil
		}}
	}, asynctls.ErrEngine},
}

func signerOf(t testing.TB, e *engine.Engine, key crypto.Signer) crypto.Signer {
	t.Helper()
	s, err := e.Signer(key)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// stub is a key that calls before, with the job, before it signs.
type stub struct {
	crypto.Signer
	before func(async.Job) error
	j      async.Job
}

func (s *stub) WithContext(ctx context.Context) crypto.Signer {
	j, _ := async.FromContext(ctx)
	return &stub{s.Signer, s.before, j}
}

func (s *stub) Sign(r io.Reader, digest []byte, opts crypto.SignerOpts) ([]byte, error) {
	if err := s.before(s.j); err != nil {
		return nil, err
	}
	return s.Signer.Sign(r, digest, opts)
}

// watched has something run beside each of an engine's signer's operations.
type watched struct {
	crypto.Signer
	beside func()
}

func (w *watched) WithContext(ctx context.Context) crypto.Signer {
	return &watched{w.Signer.(engine.Signer).WithContext(ctx), w.beside}
}

func (w *watched) Sign(r io.Reader, digest []byte, opts crypto.SignerOpts) ([]byte, error) {
	go w.beside()
	return w.Signer.Sign(r, digest, opts)
}

// Whatever the engine of the server's or of the client's key does, the handshake ends as it
// should, over a transport of one byte at a time; jobs and places come back. The same config
// serves a tls.Conn that blocks.
func TestGrid(t *testing.T) {
	for algorithm, key := range tlstest.Keys() {
		cert := tlstest.NewCert(t, key)
		for _, b := range behaviours {
			for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
				for _, role := range []string{"server", "client"} {
					t.Run(fmt.Sprintf("%s/%s/%s/%s", strings.ReplaceAll(b.name, " ", "-"), algorithm, tls.VersionName(version), role), func(t *testing.T) {
						held := cert
						held.PrivateKey = b.key(t, key)
						sc, cc := gridConfigs(cert, held, version, role)
						check := func(how string, sErr, cErr error) {
							t.Helper()
							mine, other := sErr, cErr
							if role == "client" {
								mine, other = cErr, sErr
							}
							if b.err == nil {
								if mine != nil || other != nil {
									t.Error(how, mine, other)
								}
							} else if mine == nil || asynctls.Wants(mine) || other == nil || asynctls.Wants(other) ||
								!strings.Contains(mine.Error(), b.err.Error()) {
								t.Error(how, mine, other)
							}
						}
						pool := newPool(t, 2)
						o := &asynctls.Options{Pool: pool}
						s, c := newSide(t, asynctls.NewServerConn, sc, o), newSide(t, asynctls.NewClientConn, cc, o)
						sErr, cErr := handshakeAndClose(t, s, c)
						check("job", sErr, cErr)
						if !hasPlace(pool) {
							t.Error("a job is left")
						}
						if _, ok := held.PrivateKey.(*stub); !ok { // they know jobs only
							sErr, cErr := handshakeBlocking(sc, cc)
							check("blocking", sErr, cErr)
						}
					})
				}
			}
		}
	}
}

// gridConfigs has the server or the client, as role says, hold the certificate as held; the
// other side has the certificate to check it.
func gridConfigs(cert, held tls.Certificate, version uint16, role string) (sc, cc *tls.Config) {
	sc = &tls.Config{Certificates: []tls.Certificate{cert}, MaxVersion: version, MinVersion: version}
	cc = &tls.Config{RootCAs: tlstest.RootsOf(cert), ServerName: "example.test"}
	if role == "server" {
		sc.Certificates[0] = held
	} else {
		sc.ClientAuth, sc.ClientCAs = tls.RequireAndVerifyClientCert, tlstest.RootsOf(cert)
		cc.Certificates = []tls.Certificate{held}
	}
	return asynctls.Config(sc), asynctls.Config(cc)
}

// An engine that never answers: a handshake waits until its time is over, as a job and
// blocking; then its place is free, and the operation forgotten.
func TestGridNeverAnswers(t *testing.T) {
	for algorithm, key := range tlstest.Keys() {
		cert := tlstest.NewCert(t, key)
		for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
			for _, role := range []string{"server", "client"} {
				t.Run(fmt.Sprintf("%s/%s/%s", algorithm, tls.VersionName(version), role), func(t *testing.T) {
					e, _ := newGate(t)
					held := tlstest.WithEngine(t, e, cert)
					sc, cc := gridConfigs(cert, held, version, role)
					short, long := &asynctls.Options{Pool: newPool(t, 1), HandshakeTimeout: 1}, &asynctls.Options{Pool: newPool(t, 1)}
					so, co := short, long
					if role == "client" {
						so, co = co, so
					}
					s, c := newSide(t, asynctls.NewServerConn, sc, so), newSide(t, asynctls.NewClientConn, cc, co)
					it := s
					if role == "client" {
						it = c
					}
					for range 100_000 {
						if sErr, cErr := s.Handshake(), c.Handshake(); sErr != nil && !asynctls.Wants(sErr) || cErr != nil && !asynctls.Wants(cErr) {
							t.Fatal(sErr, cErr)
						}
						if moved := carry(s, c, 1) || carry(c, s, 1); !moved && it.WaitingForAsync() {
							break
						}
					}
					if err := it.Handshake(); err != asynctls.ErrWantAsync { // however often it is asked
						t.Fatal(err)
					}
					tick()
					if err := it.Timeout(); !errors.Is(err, os.ErrDeadlineExceeded) {
						t.Error(err)
					}
					if !hasPlace(short.Pool) {
						t.Error("a job is left")
					}

					a, b := net.Pipe()
					defer a.Close()
					defer b.Close()
					ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
					defer cancel()
					errs := make(chan error, 1)
					mine, other := tls.Server(a, sc), tls.Client(b, cc)
					if role == "client" {
						mine, other = other, mine
					}
					go func() {
						err := other.Handshake()
						if err == nil { // it has nothing to wait for; the other one has
							_, err = other.Read(make([]byte, 1))
						}
						errs <- err
					}()
					if err := mine.HandshakeContext(ctx); err == nil || !strings.Contains(err.Error(), context.DeadlineExceeded.Error()) {
						t.Error("blocking:", err)
					}
					mine.NetConn().Close() // which crypto/tls does only if it waits for its peer then
					if err := testwait.Receive(t, "the other side", errs); err == nil {
						t.Error("the other side is content")
					}
				})
			}
		}
	}
}

// handshakeAndClose is handshake, one byte at a time. After a failure it closes each side, and
// gives its alert to the other.
func handshakeAndClose(t *testing.T, s, c *side) (sErr, cErr error) {
	t.Helper()
	sErr, cErr = handshake(t, s, c, 1)
	for _, d := range []struct {
		from, to *side
		err, of  *error
	}{{s, c, &sErr, &cErr}, {c, s, &cErr, &sErr}} {
		if *d.err != nil && !asynctls.Wants(*d.err) {
			for ; carry(d.from, d.to, 1<<20); d.from.Close() {
			}
			d.to.buf.FeedEOF()
			if *d.of == nil || asynctls.Wants(*d.of) {
				_, *d.of = d.to.Read(make([]byte, 1))
			}
		}
	}
	return sErr, cErr
}

// handshakeBlocking handshakes with crypto/tls alone.
func handshakeBlocking(sc, cc *tls.Config) (sErr, cErr error) {
	a, b := net.Pipe()
	deadline := testwait.Limit()
	a.SetDeadline(deadline)
	b.SetDeadline(deadline)
	done := make(chan struct{})
	go func() {
		defer close(done)
		server := tls.Server(a, sc)
		if sErr = server.Handshake(); sErr == nil {
			_, sErr = server.Read(make([]byte, 1))
		}
		a.Close()
	}()
	client := tls.Client(b, cc)
	if cErr = client.Handshake(); cErr == nil {
		go client.Write([]byte("x"))
		if _, cErr = client.Read(make([]byte, 1)); cErr == io.EOF {
			cErr = nil // it was served
		}
	}
	b.Close()
	<-done
	return sErr, cErr
}
