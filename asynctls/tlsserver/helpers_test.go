//go:build unix

package tlsserver_test

import (
	"crypto/tls"
	"fmt"
	"net"
	"os"
	"runtime"
	"testing"

	"asynccrypto/asynctls/tlsserver"
	"asynccrypto/internal/testwait"
)

// funcs is echo, except for the functions that are set.
type funcs struct {
	open   func(c *tlsserver.Conn) error
	data   func(c *tlsserver.Conn, p []byte) error
	closed func(c *tlsserver.Conn, err error)
}

func (f *funcs) Open(c *tlsserver.Conn) error {
	if f.open == nil {
		return nil
	}
	return f.open(c)
}

func (f *funcs) Data(c *tlsserver.Conn, p []byte) error {
	if f.data == nil {
		return echo{}.Data(c, p)
	}
	return f.data(c, p)
}

func (f *funcs) Closed(c *tlsserver.Conn, err error) {
	if f.closed != nil {
		f.closed(c, err)
	}
}

// all is funcs with every method that a Handler may have.
type all struct {
	funcs
	eof, writable func(c *tlsserver.Conn) error
	shutdown      func(c *tlsserver.Conn)
}

func (a *all) EOF(c *tlsserver.Conn) error      { return a.eof(c) }
func (a *all) Writable(c *tlsserver.Conn) error { return a.writable(c) }
func (a *all) Shutdown(c *tlsserver.Conn)       { a.shutdown(c) }

// dial returns a client's connection whose handshake is done.
func dial(t testing.TB, addr string, config *tls.Config) *tls.Conn {
	t.Helper()
	c, err := tls.Dial("tcp", addr, config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	c.SetDeadline(testwait.Limit())
	return c
}

// dialRaw returns a connection that has not sent anything.
func dialRaw(t testing.TB, addr string) *net.TCPConn {
	t.Helper()
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	c.SetDeadline(testwait.Limit())
	return c.(*net.TCPConn)
}

// ask sends p and wants it back.
func ask(t testing.TB, c net.Conn, p string) {
	t.Helper()
	if err := echoed(c, p); err != nil {
		t.Fatal(err)
	}
}

// echoed sends p, and returns an error unless it comes back.
func echoed(c net.Conn, p string) error {
	if _, err := c.Write([]byte(p)); err != nil {
		return err
	}
	got := make([]byte, len(p))
	for n := 0; n < len(got); {
		m, err := c.Read(got[n:])
		if n += m; err != nil {
			return err
		}
	}
	if string(got) != p {
		return fmt.Errorf("%q, not %q", got, p)
	}
	return nil
}

// openFDs counts the process's fds, where there is a directory of them.
func openFDs() int {
	dir, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		dir, _ = os.ReadDir("/dev/fd")
	}
	return len(dir)
}

// memory is the heap and the stacks in use.
func memory() int64 {
	var m runtime.MemStats
	for range 3 { // cleanups and pools are let go in later rounds
		runtime.GC()
	}
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc + m.StackInuse)
}
