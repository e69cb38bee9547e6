package asynctls_test

import (
	"crypto/tls"
	"errors"
	"net"
	"os"
	"runtime"
	"testing"
	"time"

	"asynccrypto/asynctls"
	"asynccrypto/asynctls/internal/tlstest"
	"asynccrypto/internal/testwait"
)

// ends are the ways to end a connection, and the error of its methods afterwards.
var ends = []struct {
	name string
	end  func(*asynctls.Conn) error
	err  error
}{
	{"Close", (*asynctls.Conn).Close, net.ErrClosed},
	{"Abort", func(c *asynctls.Conn) error { c.Abort(); return nil }, net.ErrClosed},
	{"Timeout", (*asynctls.Conn).Timeout, os.ErrDeadlineExceeded},
}

// A connection is ended at each step of its life, by each way there is: before, between any two
// calls of a handshake, also while an engine computes, and afterwards. Its place in the pool is
// free, and the engine drops the result.
func TestEndAtEveryStep(t *testing.T) {
	before := runtime.NumGoroutine()
	t.Run("all", func(t *testing.T) {
		e, gate := newGate(t)
		abandoned := 0
		for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
			sc, cc := tlstest.Configs(t, e)
			sc.MinVersion, sc.MaxVersion = version, version
			for _, how := range ends {
				for _, role := range []string{"server", "client"} {
					for n, open := 0, false; !open; n++ {
						o := &asynctls.Options{Pool: newPool(t, 1), HandshakeTimeout: 1, IdleTimeout: 1}
						s, c := newSide(t, asynctls.NewServerConn, sc, o), newSide(t, asynctls.NewClientConn, cc, &asynctls.Options{Pool: newPool(t, 1)})
						it, other := s, c
						if role == "client" {
							it, other = newSide(t, asynctls.NewClientConn, cc, o), newSide(t, asynctls.NewServerConn, sc, &asynctls.Options{Pool: newPool(t, 1)})
							s, c = other, it
						}
						var computes bool
						open, computes = steps(t, s, c, gate, n)
						tick()
						if err := how.end(it.Conn); err != nil && err != asynctls.ErrWantWrite && !errors.Is(err, how.err) {
							t.Fatal(how.name, n, err)
						}
						if !hasPlace(o.Pool) {
							t.Fatal(how.name, n, "the place is not free")
						}
						checkEnded(t, it, how.err)
						for carry(it, other, 1<<20) { // an alert, close_notify, or nothing
						}
						if err := it.Close(); err != nil {
							t.Error(how.name, n, err)
						}
						other.Abort()
						if computes {
							abandoned++
						}
						for e.Stats().InFlight > 0 { // else it had not even begun
							select {
							case gate <- nil: // nobody is there to get it
							case <-time.After(time.Millisecond):
							}
						}
					}
				}
			}
		}
		if s := e.Stats(); s.Dropped != uint64(abandoned) || s.Queued+s.Waiting > 0 || abandoned == 0 {
			t.Errorf("%d abandoned: %+v", abandoned, s)
		}
	})
	testwait.Await(t, "the goroutines to end", func() bool { return runtime.NumGoroutine() <= before })
}

// steps takes n steps of a handshake. An engine's answer is a step too. open tells whether it
// was done before, computes whether the engine is at work.
func steps(t *testing.T, s, c *side, gate chan error, n int) (open, computes bool) {
	t.Helper()
	for i := range n {
		switch i % 4 {
		case 0:
			sErr := s.Handshake()
			if s.WaitingForAsync() {
				if computes {
					gate <- nil
					<-s.wakes
				}
				computes = !computes
			} else if sErr == nil && c.Handshake() == nil {
				return true, false
			}
		case 1:
			carry(s, c, 500)
		case 2:
			c.Handshake()
		case 3:
			carry(c, s, 500)
		}
	}
	return false, computes
}

func checkEnded(t *testing.T, c *side, want error) {
	t.Helper()
	_, readErr := c.Read(make([]byte, 1))
	_, writeErr := c.Write([]byte("x"))
	for _, err := range []error{c.Handshake(), readErr, writeErr, c.CloseWrite()} {
		if !errors.Is(err, want) {
			t.Errorf("%v; want %v", err, want)
		}
	}
	if _, ok := c.ConnectionState(); ok || c.WaitingForAsync() || len(c.AllAsyncFDs(nil)) > 0 || c.AsyncStatus() != 0 {
		t.Error("something is left of it")
	}
}

// The functions of a Config, which run in the middle of the handshake, may call anything of its
// connection; it ends it when they return, or refuses.
func TestFromInside(t *testing.T) {
	calls := map[string]func(*side) error{
		"Close": func(s *side) error { return s.Close() },
		"Abort": func(s *side) error { s.Abort(); return nil },
		"Timeout": func(s *side) error {
			if err := s.Timeout(); !errors.Is(err, os.ErrDeadlineExceeded) {
				return errors.New("no timeout")
			}
			return nil
		},
		"Handshake":       func(s *side) error { return refused(s.Handshake()) },
		"Read":            func(s *side) error { _, err := s.Read(make([]byte, 1)); return refused(err) },
		"Write":           func(s *side) error { _, err := s.Write([]byte("x")); return refused(err) },
		"CloseWrite":      func(s *side) error { return refused(s.CloseWrite()) },
		"ConnectionState": func(s *side) error { s.ConnectionState(); return nil },
		"others": func(s *side) error {
			s.SetAsyncCallback(nil, nil)
			s.SetAsyncCallback(func(any) { s.wakes <- struct{}{} }, nil)
			s.AllAsyncFDs(nil)
			s.ChangedAsyncFDs(nil, nil)
			s.AsyncStatus()
			s.Deadline()
			if s.WaitingForAsync() {
				return errors.New("it waits")
			}
			return nil
		},
		"panic": func(s *side) error { panic("from inside") },
		"exit":  func(s *side) error { runtime.Goexit(); return nil },
	}
	e := tlstest.NewEngine(t)
	for name, call := range calls {
		sc, cc := tlstest.Configs(t, e)
		pool := newPool(t, 2)
		var s *side
		var called error
		sc.VerifyConnection = func(tls.ConnectionState) error { called = call(s); return nil }
		o := &asynctls.Options{Pool: pool, HandshakeTimeout: 1}
		s = newSide(t, asynctls.NewServerConn, sc, o)
		c := newSide(t, asynctls.NewClientConn, cc, &asynctls.Options{Pool: pool})
		tick()
		sErr, _ := handshake(t, s, c, 1<<20)
		switch name {
		case "Close", "Abort":
			if !errors.Is(sErr, net.ErrClosed) || len(s.buf.Out()) > 0 {
				t.Error(name, sErr, len(s.buf.Out()))
			}
		case "Timeout":
			if !errors.Is(sErr, os.ErrDeadlineExceeded) {
				t.Error(name, sErr)
			}
		case "panic", "exit":
			if sErr == nil || asynctls.Wants(sErr) || s.Handshake() != sErr {
				t.Error(name, sErr)
			}
		default:
			if sErr != nil || called != nil {
				t.Error(name, sErr, called)
			}
		}
		s.Abort()
		c.Abort()
		if !hasPlace(pool) {
			t.Error(name, "a job is left")
		}
	}
}

func refused(err error) error {
	if err == nil || asynctls.Wants(err) {
		return errors.New("not refused")
	}
	return nil
}

// The pool is closed under a handshake that is paused, and one that is in line.
func TestPoolCloses(t *testing.T) {
	e, _ := newGate(t)
	sc, cc := tlstest.Configs(t, e)
	pool := newPool(t, 1)
	o := &asynctls.Options{Pool: pool}
	a, b := newSide(t, asynctls.NewServerConn, sc, o), newSide(t, asynctls.NewClientConn, cc, o)
	if err := a.Handshake(); err != asynctls.ErrWantRead {
		t.Fatal(err)
	}
	if err := b.Handshake(); err != asynctls.ErrWantAsyncJob {
		t.Fatal(err)
	}
	pool.Close()
	<-b.wakes
	for _, s := range []*side{a, b} {
		if err := s.Handshake(); err == nil || asynctls.Wants(err) {
			t.Error(err)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
}
