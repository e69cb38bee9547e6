//go:build unix

package tlsserver_test

import (
	"context"
	"errors"
	"io"
	"net"
	"sync"
	"testing"
	"time"

	"asynccrypto/asynctls/internal/tlstest"
	"asynccrypto/asynctls/tlsserver"
	"asynccrypto/internal/testwait"
)

// Shutdown and Close, in any order, from anywhere, at any time.
func TestServerShutdownAnyTime(t *testing.T) {
	server, client := tlstest.Configs(t, tlstest.NewEngine(t))
	t.Run("before Serve", func(t *testing.T) {
		s := &tlsserver.Server{TLS: server, Handler: echo{}}
		if err := s.Shutdown(t.Context()); err != nil {
			t.Error(err)
		}
		ln := listen(t, "tcp", "127.0.0.1:0")
		if err := s.Serve(ln); err != tlsserver.ErrClosed {
			t.Error(err)
		}
		if _, err := ln.Accept(); !errors.Is(err, net.ErrClosed) {
			t.Error(err)
		}
	})
	t.Run("several", func(t *testing.T) {
		s := &tlsserver.Server{TLS: server, Handler: echo{}, Loops: 2}
		addr := serve(t, s)
		for range 4 {
			ask(t, dial(t, addr, client), "hello")
		}
		var wg sync.WaitGroup
		for i := range 6 {
			wg.Go(func() {
				if i%2 == 0 {
					s.Close()
				} else if err := s.Shutdown(t.Context()); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if err := s.Shutdown(t.Context()); err != nil {
			t.Error(err)
		}
	})
	t.Run("while clients come", func(t *testing.T) {
		files := openFDs()
		for range 20 {
			s := &tlsserver.Server{TLS: server, Handler: echo{}, Loops: 2}
			ln := listen(t, "tcp", "127.0.0.1:0")
			var wg sync.WaitGroup
			for range 8 {
				wg.Go(func() {
					for {
						c, err := net.Dial("tcp", ln.Addr().String())
						if err != nil {
							return
						}
						c.Close()
					}
				})
			}
			wg.Go(func() { s.Serve(ln) })
			time.Sleep(2 * time.Millisecond)
			s.Close()
			wg.Wait()
			if st := s.Stats(); st.Handshaking != 0 || st.Accepted != st.Canceled+st.Failed {
				t.Fatalf("%+v", st)
			}
		}
		testwait.Await(t, "the fds", func() bool { return openFDs() <= files })
	})
}

// For a Handler both would wait for themselves.
func TestServerShutdownByHandler(t *testing.T) {
	server, client := tlstest.Configs(t, tlstest.NewEngine(t))
	errs := make(chan error, 2)
	s := &tlsserver.Server{TLS: server}
	s.Handler = &funcs{data: func(c *tlsserver.Conn, p []byte) error {
		errs <- s.Shutdown(context.Background())
		errs <- s.Close()
		_, err := c.Write(p)
		return err
	}}
	ask(t, dial(t, serve(t, s), client), "hello")
	if err, err2 := <-errs, <-errs; err == nil || err2 == nil {
		t.Error("no error")
	}
}

// When the context of Shutdown ends, it closes the connections that are left.
func TestServerShutdownImpatient(t *testing.T) {
	server, client := tlstest.Configs(t, tlstest.NewEngine(t))
	ends := make(chan error, 1)
	s := &tlsserver.Server{TLS: server, Handler: &all{
		funcs:    funcs{closed: func(_ *tlsserver.Conn, err error) { ends <- err }},
		shutdown: func(*tlsserver.Conn) {}, // never comes to an end
	}}
	c := dial(t, serve(t, s), client)
	ask(t, c, "hello")
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := s.Shutdown(ctx); err != context.DeadlineExceeded {
		t.Error(err)
	}
	if err := <-ends; err != tlsserver.ErrClosed {
		t.Error(err)
	}
}

// A ShutdownHandler ends its connections when they have finished their work.
func TestShutdownHandler(t *testing.T) {
	server, client := tlstest.Configs(t, tlstest.NewEngine(t))
	notified := make(chan bool)
	s := &tlsserver.Server{TLS: server, Handler: &all{
		funcs: funcs{data: func(c *tlsserver.Conn, p []byte) error {
			if _, err := c.Write(p); err != nil {
				return err
			}
			if string(p) == "last" {
				return c.Close()
			}
			return nil
		}},
		shutdown: func(*tlsserver.Conn) { notified <- true },
	}}
	c := dial(t, serve(t, s), client)
	ask(t, c, "first")
	down := make(chan error)
	go func() { down <- s.Shutdown(t.Context()) }()
	<-notified
	ask(t, c, "more")
	ask(t, c, "last")
	if n, err := c.Read(make([]byte, 1)); n > 0 || err != io.EOF {
		t.Error(n, err)
	}
	c.Close()
	if err := testwait.Receive(t, "Shutdown", down); err != nil {
		t.Error(err)
	}
}

// Closing a connection may end others, while Shutdown or Close goes through them.
func TestServerShutdownPairs(t *testing.T) {
	server, client := tlstest.Configs(t, tlstest.NewEngine(t))
	for _, impatient := range []bool{false, true} {
		var conns []*tlsserver.Conn
		s := &tlsserver.Server{TLS: server, Loops: 1, Handler: &funcs{
			open: func(c *tlsserver.Conn) error { conns = append(conns, c); return nil },
			closed: func(c *tlsserver.Conn, err error) {
				for i, other := range conns {
					if other == c {
						conns[i^1].Abort()
					}
				}
			},
		}}
		addr := serve(t, s)
		for range 6 {
			ask(t, dial(t, addr, client), "hello")
		}
		ctx, cancel := context.WithCancel(t.Context())
		if impatient {
			cancel()
		}
		if err := s.Shutdown(ctx); err != nil && !impatient {
			t.Error(err)
		}
		cancel()
	}
}
