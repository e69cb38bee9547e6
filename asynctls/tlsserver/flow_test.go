//go:build unix

package tlsserver_test

import (
	"bytes"
	"crypto/sha256"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"asynccrypto/asynctls"
	"asynccrypto/asynctls/internal/tlstest"
	"asynccrypto/asynctls/tlsserver"
	"asynccrypto/internal/testwait"
)

// A client that says that it will send no more reads the rest, all of it, as fast as it likes.
func TestServerEOF(t *testing.T) {
	server, client := tlstest.Configs(t, tlstest.NewEngine(t))
	rest := bytes.Repeat([]byte("0123456789abcdef"), 1<<18)
	ends := make(chan error, 1)
	write := func(c *tlsserver.Conn) error {
		left := c.Value.([]byte)
		n, err := c.Write(left)
		if c.Value = left[n:]; err == asynctls.ErrWantWrite {
			return nil // Writable goes on
		} else if err != nil {
			return err
		}
		return c.Close()
	}
	s := &tlsserver.Server{TLS: server, Handler: &all{
		funcs:    funcs{closed: func(_ *tlsserver.Conn, err error) { ends <- err }},
		eof:      func(c *tlsserver.Conn) error { c.Value = rest; return write(c) },
		writable: write,
	}}
	c := dial(t, serve(t, s), client)
	ask(t, c, "hello")
	if err := c.CloseWrite(); err != nil {
		t.Fatal(err)
	}
	if got, err := io.ReadAll(c); err != nil || !bytes.Equal(got, rest) {
		t.Error(len(got), err)
	}
	c.Close()
	if err := testwait.Receive(t, "Closed", ends); err != nil {
		t.Error(err)
	}
}

// Without EOF the connection is closed when the client will send no more, once all output has
// been sent.
func TestServerWithoutEOF(t *testing.T) {
	server, client := tlstest.Configs(t, tlstest.NewEngine(t))
	ends := make(chan error, 1)
	s := &tlsserver.Server{TLS: server, Handler: &funcs{closed: func(_ *tlsserver.Conn, err error) { ends <- err }}}
	c := dial(t, serve(t, s), client)
	sent := bytes.Repeat([]byte("x"), 1<<20)
	go func() {
		c.Write(sent)
		c.CloseWrite()
	}()
	if got, err := io.ReadAll(c); err != nil || !bytes.Equal(got, sent) {
		t.Error(len(got), err)
	}
	c.Close()
	if err := testwait.Receive(t, "Closed", ends); err != io.EOF {
		t.Error(err)
	}
}

// The server may be the one that writes no more, and reads on.
func TestServerCloseWrite(t *testing.T) {
	server, client := tlstest.Configs(t, tlstest.NewEngine(t))
	got := make(chan string, 10)
	s := &tlsserver.Server{TLS: server, Handler: &funcs{
		open: func(c *tlsserver.Conn) error { return c.CloseWrite() },
		data: func(c *tlsserver.Conn, p []byte) error { got <- string(p); return nil },
	}}
	c := dial(t, serve(t, s), client)
	if n, err := c.Read(make([]byte, 1)); n > 0 || err != io.EOF {
		t.Error(n, err)
	}
	c.Write([]byte("hello"))
	if p := testwait.Receive(t, "the data", got); p != "hello" {
		t.Error(p)
	}
}

// After the peer's close_notify nobody reads, and yet a reset ends the connection.
func TestServerResetAfterEOF(t *testing.T) {
	server, client := tlstest.Configs(t, tlstest.NewEngine(t))
	eof, ends := make(chan bool, 1), make(chan error, 1)
	s := &tlsserver.Server{TLS: server, Handler: &all{
		funcs: funcs{closed: func(_ *tlsserver.Conn, err error) { ends <- err }},
		eof:   func(*tlsserver.Conn) error { eof <- true; return nil },
	}}
	c := dial(t, serve(t, s), client)
	ask(t, c, "hello")
	c.CloseWrite()
	testwait.Receive(t, "EOF", eof)
	c.NetConn().(*net.TCPConn).SetLinger(0)
	c.NetConn().Close()
	if err := testwait.Receive(t, "Closed", ends); !errors.Is(err, syscall.ECONNRESET) {
		t.Error(err)
	}
}

// Many megabytes through an echo whose client stalls: the server holds little, and loses nothing.
func TestServerBackPressure(t *testing.T) {
	server, client := tlstest.Configs(t, tlstest.NewEngine(t))
	var most atomic.Int64 // of the bytes that were held
	s := &tlsserver.Server{TLS: server, Handler: &funcs{data: func(c *tlsserver.Conn, p []byte) error {
		n, err := c.Write(p)
		most.Store(max(most.Load(), int64(c.Buffered()))) // on one goroutine only
		if n != len(p) {
			t.Error(n, err)
		}
		return err
	}}}
	c := dial(t, serve(t, s), client)
	ask(t, c, "hello")
	total := tlstest.Repeat(16, 64) << 20
	before := memory()
	sent := sha256.New()
	var writer sync.WaitGroup
	writer.Go(func() {
		p := make([]byte, 100_000)
		for n := 0; n < total; n += len(p) {
			p[n%len(p)]++
			p = p[:min(len(p), total-n)]
			sent.Write(p)
			if _, err := c.Write(p); err != nil {
				t.Error(err)
				return
			}
		}
		c.CloseWrite()
	})
	testwait.Await(t, "the server to hold data back", func() bool { return most.Load() > 32<<10 })
	if grown := memory() - before; grown > 4<<20 {
		t.Errorf("%d bytes more while the client stalls", grown)
	}
	got := sha256.New()
	if n, err := io.Copy(got, c); n != int64(total) || err != nil {
		t.Error(n, err)
	}
	writer.Wait()
	if !bytes.Equal(got.Sum(nil), sent.Sum(nil)) {
		t.Error("not what was sent")
	}
	s.Shutdown(t.Context())
	if most := most.Load(); most > 64<<10+20<<10 {
		t.Errorf("%d bytes held", most)
	}
}

// flood is a Handler that writes as much as is taken when it is sent "much", and closes after
// any data.
func flood(ends chan error, wrote chan int) *funcs {
	return &funcs{
		data: func(c *tlsserver.Conn, p []byte) error {
			if p[0] == 'm' {
				total := 0
				for {
					n, err := c.Write(make([]byte, 1<<20))
					if total += n; err != nil {
						break
					}
				}
				wrote <- total
			}
			return c.Close()
		},
		closed: func(_ *tlsserver.Conn, err error) { ends <- err },
	}
}

// A peer that takes nothing at the end has as long as a handshake has.
func TestServerTakesNothing(t *testing.T) {
	t.Parallel()
	server, client := tlstest.Configs(t, tlstest.NewEngine(t))
	ends, wrote := make(chan error, 1), make(chan int, 1)
	s := &tlsserver.Server{TLS: server, HandshakeTimeout: 2 * time.Second, Handler: flood(ends, wrote)}
	c := dial(t, serve(t, s), client)
	c.Write([]byte("much"))
	testwait.Receive(t, "the write", wrote)
	if err := testwait.Receive(t, "Closed", ends); err != nil {
		t.Error(err)
	}
}

// A peer that sends for ever after the end is cut off.
func TestServerSendsForEver(t *testing.T) {
	t.Parallel()
	server, client := tlstest.Configs(t, tlstest.NewEngine(t))
	ends := make(chan error, 1)
	c := dial(t, serve(t, &tlsserver.Server{TLS: server, Handler: flood(ends, nil)}), client)
	go func() {
		for {
			if _, err := c.Write(make([]byte, 10_000)); err != nil {
				return
			}
		}
	}()
	if err := testwait.Receive(t, "Closed", ends); err != nil {
		t.Error(err)
	}
}

// tries calls f with longer and longer times until it succeeds, because a busy machine may not
// keep pace with a short one.
func tries(t *testing.T, f func(timeout time.Duration) error) {
	t.Helper()
	var err error
	for timeout := 500 * time.Millisecond; timeout < 20*time.Second; timeout *= 2 {
		if err = f(timeout); err == nil {
			return
		}
	}
	t.Error(err)
}

// A peer that takes the rest little by little has as long as it goes on.
func TestServerTakesLittle(t *testing.T) {
	t.Parallel()
	server, client := tlstest.Configs(t, tlstest.NewEngine(t))
	tries(t, func(timeout time.Duration) error {
		ends, wrote := make(chan error, 1), make(chan int, 1)
		s := &tlsserver.Server{TLS: server, HandshakeTimeout: timeout, Handler: flood(ends, wrote)}
		c, err := tls.Dial("tcp", serve(t, s), client)
		if err != nil {
			return err
		}
		defer c.Close()
		c.Write([]byte("much"))
		total, n, p := testwait.Receive(t, "the write", wrote), 0, make([]byte, 128<<10)
		for {
			m, err := io.ReadFull(c, p)
			if n += m; err != nil {
				break
			}
			time.Sleep(timeout / 20)
		}
		c.Close()
		if testwait.Receive(t, "Closed", ends); n != total {
			return fmt.Errorf("%d of %d bytes were taken", n, total)
		}
		return nil
	})
}

// Nothing read or written for IdleTimeout ends a connection; each byte puts the end off.
func TestServerIdleTimeout(t *testing.T) {
	t.Parallel()
	server, client := tlstest.Configs(t, tlstest.NewEngine(t))
	tries(t, func(timeout time.Duration) error {
		ends := make(chan error, 1)
		s := &tlsserver.Server{TLS: server, IdleTimeout: timeout, Handler: &funcs{
			closed: func(_ *tlsserver.Conn, err error) { ends <- err },
		}}
		c := dial(t, serve(t, s), client)
		for range 6 {
			if _, err := c.Write([]byte("hello")); err != nil {
				return err
			}
			if _, err := io.ReadFull(c, make([]byte, 5)); err != nil {
				return err
			}
			time.Sleep(timeout / 4)
		}
		if len(ends) > 0 {
			return errors.New("ended while it was not idle")
		}
		if err := testwait.Receive(t, "Closed", ends); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Error(err)
		}
		return nil
	})
}
