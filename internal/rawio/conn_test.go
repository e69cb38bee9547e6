//go:build unix

package rawio_test

import (
	"bytes"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"asynccrypto/internal/rawio"
	"asynccrypto/internal/testwait"
)

// ends returns both ends of connections over pipes and over Unix sockets.
func ends(t *testing.T) map[string][2]io.ReadWriteCloser {
	t.Helper()
	conn := func(r, w rawio.File) io.ReadWriteCloser {
		c, err := rawio.NewConn(r, w)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close() })
		return c
	}
	pipe := func() (r, w *os.File) {
		r, w, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		return r, w
	}
	r1, w1 := pipe()
	r2, w2 := pipe()
	a, b := sockets(t)
	c, d := sockets(t)
	return map[string][2]io.ReadWriteCloser{
		"pipes":   {conn(r1, w2), conn(r2, w1)},
		"socket":  {conn(a.(rawio.File), a.(rawio.File)), conn(b.(rawio.File), b.(rawio.File))},
		"NetConn": {rawio.NetConn(c), rawio.NetConn(d)},
	}
}

// sockets returns both ends of a Unix socket.
func sockets(t *testing.T) (a, b net.Conn) {
	t.Helper()
	l, err := net.Listen("unix", filepath.Join(t.TempDir(), "s"))
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if a, err = net.Dial("unix", l.Addr().String()); err != nil {
		t.Fatal(err)
	}
	if b, err = l.Accept(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { a.Close(); b.Close() })
	return a, b
}

// More bytes than the system holds come through, and then the end.
func TestConn(t *testing.T) {
	sent := bytes.Repeat([]byte("0123456789"), 200_000)
	for name, c := range ends(t) {
		wrote := make(chan error, 1)
		go func() {
			_, err := c[0].Write(sent)
			wrote <- errors.Join(err, c[0].Close())
		}()
		got, err := io.ReadAll(c[1])
		if err != nil || !bytes.Equal(got, sent) {
			t.Errorf("%s: %d bytes, %v", name, len(got), err)
		}
		if err := testwait.Receive(t, "the end of Write", wrote); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := c[1].Write(sent); !errors.Is(err, syscall.EPIPE) {
			t.Errorf("%s: write to nobody: %v", name, err)
		}
	}
}

// Close ends a Read and a Write that wait.
func TestClose(t *testing.T) {
	for name, c := range ends(t) {
		ended := make(chan error, 2)
		go func() { _, err := c[0].Read(make([]byte, 1)); ended <- err }()
		go func() { _, err := c[0].Write(make([]byte, 2_000_000)); ended <- err }()
		if _, err := io.ReadFull(c[1], make([]byte, 1000)); err != nil { // Write has begun
			t.Error(name, err)
		}
		if err := c[0].Close(); err != nil {
			t.Error(name, err)
		}
		for range 2 {
			if err := testwait.Receive(t, "the end", ended); !errors.Is(err, net.ErrClosed) {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
}

// A NetConn has the deadlines, the addresses and the fd of the connection, and its kind of errors.
func TestNetConn(t *testing.T) {
	a, b := sockets(t)
	c := rawio.NetConn(a)
	if c.LocalAddr() != a.LocalAddr() {
		t.Error("another address")
	}
	if raw, err := c.(syscall.Conn).SyscallConn(); raw == nil || err != nil {
		t.Error(raw, err)
	}
	if err := c.SetDeadline(time.Now().Add(-time.Second)); err != nil {
		t.Fatal(err)
	}
	var failed *net.OpError
	if _, err := c.Read(make([]byte, 1)); !errors.As(err, &failed) || !failed.Timeout() {
		t.Errorf("Read after the deadline: %v", err)
	}
	if _, err := c.Write(make([]byte, 1)); !errors.As(err, &failed) || !failed.Timeout() {
		t.Errorf("Write after the deadline: %v", err)
	}
	if err := errors.Join(c.SetDeadline(time.Time{}), b.Close()); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Write(make([]byte, 1)); !errors.As(err, &failed) || !errors.Is(err, syscall.EPIPE) {
		t.Errorf("write to nobody: %v", err)
	}
	if p, _ := net.Pipe(); rawio.NetConn(p) != p {
		t.Error("a connection without an fd became another")
	}
	_ = a.Close()
	if rawio.NetConn(a) == nil {
		t.Error("nothing for a closed connection")
	}
}
