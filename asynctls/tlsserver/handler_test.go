//go:build unix

package tlsserver_test

import (
	"crypto/tls"
	"errors"
	"io"
	"net"
	"runtime"
	"strings"
	"testing"
	"time"

	"asynccrypto/asynctls/internal/tlstest"
	"asynccrypto/asynctls/tlsserver"
	"asynccrypto/internal/testwait"
)

// A Handler that panics or exits its goroutine, in any method, ends that connection and nothing
// else.
func TestServerHandlerBreaks(t *testing.T) {
	server, client := tlstest.Configs(t, tlstest.NewEngine(t))
	for name, breaks := range map[string]func(){
		"panic":  func() { panic("of the test") },
		"Goexit": runtime.Goexit,
	} {
		for _, method := range []string{"Open", "Data", "EOF", "Writable", "Shutdown", "Closed"} {
			t.Run(name+" in "+method, func(t *testing.T) {
				in := func(m string) {
					if m == method {
						breaks()
					}
				}
				ends, full := make(chan error, 3), make(chan bool, 1)
				h := &all{
					funcs: funcs{
						open: func(*tlsserver.Conn) error { in("Open"); return nil },
						data: func(c *tlsserver.Conn, p []byte) error {
							switch string(p) {
							case "break":
								in("Data")
							case "much":
								for {
									if _, err := c.Write(make([]byte, 1<<20)); err != nil {
										full <- true
										return nil
									}
								}
							}
							_, err := c.Write(p)
							return err
						},
						closed: func(_ *tlsserver.Conn, err error) { ends <- err; in("Closed") },
					},
					eof:      func(c *tlsserver.Conn) error { in("EOF"); return c.Close() },
					writable: func(c *tlsserver.Conn) error { in("Writable"); return c.Close() },
					shutdown: func(c *tlsserver.Conn) { in("Shutdown"); c.Close() },
				}
				s := &tlsserver.Server{TLS: server, Handler: h, Loops: 1}
				addr := serve(t, s)
				c := dial(t, addr, client)
				switch method {
				case "Data":
					c.Write([]byte("break"))
				case "EOF", "Closed":
					ask(t, c, "hello")
					c.CloseWrite()
				case "Writable":
					c.Write([]byte("much"))
					testwait.Receive(t, "the socket to be full", full)
				case "Shutdown":
					ask(t, c, "hello")
					go s.Shutdown(t.Context())
				}
				io.Copy(io.Discard, c)
				c.Close()
				var p *tlsserver.PanicError
				if err := testwait.Receive(t, "Closed", ends); method != "Closed" && (!errors.As(err, &p) || strings.Contains(err.Error(), "\n")) {
					t.Error(err)
				}
				if method != "Open" && method != "Shutdown" {
					c := dial(t, addr, client)
					ask(t, c, "still there")
					c.Close()
				}
				if err := s.Shutdown(t.Context()); err != nil {
					t.Error(err)
				}
			})
		}
	}
}

// Close is not Closed: that comes later, so that a Handler may hold a lock. Afterwards nothing
// does harm.
func TestServerConnClose(t *testing.T) {
	server, client := tlstest.Configs(t, tlstest.NewEngine(t))
	var inside bool
	ends := make(chan error, 1)
	ended := make(chan *tlsserver.Conn, 1)
	s := &tlsserver.Server{TLS: server, Handler: &funcs{
		data: func(c *tlsserver.Conn, p []byte) error {
			inside = true
			c.Write(p)
			c.Close()
			c.Close()
			if _, err := c.Write(p); err != net.ErrClosed {
				t.Error(err)
			}
			inside = false
			return errors.New("too late to be why")
		},
		closed: func(c *tlsserver.Conn, err error) {
			if inside {
				t.Error("Closed inside Close")
			}
			ends <- err
			ended <- c
		},
	}}
	c := dial(t, serve(t, s), client)
	c.Write([]byte("hello"))
	if got, err := io.ReadAll(c); string(got) != "hello" || err != nil {
		t.Errorf("%q, %v", got, err)
	}
	c.Close()
	if err := testwait.Receive(t, "Closed", ends); err != nil {
		t.Error(err)
	}
	done := make(chan bool)
	sc := <-ended
	sc.Loop().Post(func() {
		defer close(done)
		sc.Close()
		sc.Abort()
		if _, err := sc.Write([]byte("x")); err == nil {
			t.Error("written")
		}
		if err := sc.CloseWrite(); err == nil || sc.Buffered() != 0 || sc.ConnectionState().Version != 0 {
			t.Error(err)
		}
		if a := sc.RemoteAddr(); a.String() != c.LocalAddr().String() {
			t.Error(a)
		}
		if a, ok := sc.LocalAddr().(*net.TCPAddr); ok {
			t.Error("an fd that is another's by now was asked:", a)
		}
	})
	testwait.Receive(t, "the loop", done)
}

// Abort calls Closed before it returns, in any method, once. The peer's address is known to the
// end, also when the peer has reset the connection.
func TestServerConnAbort(t *testing.T) {
	server, client := tlstest.Configs(t, tlstest.NewEngine(t))
	abort := make(chan string)
	ends := make(chan net.Addr, 2)
	s := &tlsserver.Server{TLS: server, Handler: &all{
		funcs: funcs{
			open: func(c *tlsserver.Conn) error {
				if <-abort == "Open" {
					c.Abort()
				}
				return nil
			},
			data: func(c *tlsserver.Conn, p []byte) error {
				c.Abort()
				c.Abort()
				return nil
			},
			closed: func(c *tlsserver.Conn, err error) { c.Abort(); ends <- c.RemoteAddr() },
		},
		eof: func(c *tlsserver.Conn) error { t.Error("EOF after the end"); return nil },
	}}
	addr := serve(t, s)
	for _, in := range []string{"Open", "Data", "reset"} {
		raw := &corked{Conn: dialRaw(t, addr)}
		c := tls.Client(raw, client)
		if err := c.Handshake(); err != nil {
			t.Fatal(err)
		}
		abort <- in
		switch in {
		case "Data":
			raw.held = make([]byte, 0, 100) // sent at once, so that crypto/tls sees close_notify beside the data
			c.Write([]byte("hello"))
			c.CloseWrite()
			raw.SetDeadline(time.Time{}) // which CloseWrite has set
			raw.Conn.Write(raw.held)
		case "reset":
			raw.Conn.(*net.TCPConn).SetLinger(0)
			raw.Close()
		}
		if a := testwait.Receive(t, "Closed", ends); a.String() != c.LocalAddr().String() {
			t.Error(in, a)
		}
	}
	if len(ends) > 0 {
		t.Error("Closed twice")
	}
}

// corked holds output back once held is set.
type corked struct {
	net.Conn
	held []byte
}

func (c *corked) Write(p []byte) (int, error) {
	if c.held == nil {
		return c.Conn.Write(p)
	}
	c.held = append(c.held, p...)
	return len(p), nil
}
