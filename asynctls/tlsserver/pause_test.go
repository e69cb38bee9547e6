//go:build unix

package tlsserver_test

import (
	"bytes"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"asynccrypto/asynctls/internal/tlstest"
	"asynccrypto/asynctls/tlsserver"
	"asynccrypto/internal/testwait"
)

// pausing pauses its connection at every Data, and resumes it 20 ms later, at most one record
// at a time having come.
type pausing struct {
	echo
	paused, early atomic.Int64
}

func (h *pausing) Data(c *tlsserver.Conn, p []byte) error {
	if c.Value != nil {
		h.early.Add(1)
	}
	c.Value = true
	c.Pause()
	h.paused.Add(1)
	sent := bytes.Clone(p)
	c.Loop().After(20*time.Millisecond, func() {
		c.Value = nil
		c.Write(sent)
		c.Resume()
		c.Resume() // does nothing
	})
	return nil
}

// While a connection is paused it gives no data; nothing of it is lost, nor is the end.
func TestServerPause(t *testing.T) {
	t.Parallel()
	server, client := tlstest.Configs(t, tlstest.NewEngine(t))
	h := new(pausing)
	c, err := tls.Dial("tcp", serve(t, &tlsserver.Server{TLS: server, Handler: h, Loops: 1}), client)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	sent := bytes.Repeat([]byte("0123456789abcdef"), 10_000)
	if _, err := c.Write(sent); err != nil {
		t.Fatal(err)
	}
	c.CloseWrite()
	got, err := io.ReadAll(c)
	if err != nil || !bytes.Equal(got, sent) {
		t.Errorf("%d of %d bytes, %v", len(got), len(sent), err)
	}
	if h.early.Load() != 0 || h.paused.Load() < 10 {
		t.Errorf("%d of %d times data came while the connection was paused", h.early.Load(), h.paused.Load())
	}
}

// sending writes without end, but never so much that Data stops, and counts its input.
type sending struct {
	echo
	got, notified atomic.Int64
}

func (h *sending) Open(c *tlsserver.Conn) error {
	c.AwaitSent(0) // nothing is held: notified all the same
	return nil
}

func (h *sending) Writable(c *tlsserver.Conn) error {
	h.notified.Add(1)
	for c.Buffered() <= 16<<10 { // with one more, less than half of HighWater's default
		if _, err := c.Write(make([]byte, 8<<10)); err != nil {
			return err
		}
	}
	c.AwaitSent(1 << 10)
	return nil
}

func (h *sending) Data(_ *tlsserver.Conn, p []byte) error {
	h.got.Add(int64(len(p)))
	return nil
}

// A Handler that stops writing in time is given data though the peer reads nothing,
// and goes on when it does.
func TestServerAwaitSent(t *testing.T) {
	server, client := tlstest.Configs(t, tlstest.NewEngine(t))
	h := new(sending)
	c, err := tls.Dial("tcp", serve(t, &tlsserver.Server{TLS: server, Handler: h, Loops: 1}), client)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	c.SetDeadline(testwait.Limit())
	const size = 40 << 20 // more than the buffers of both sockets hold
	if _, err := c.Write(make([]byte, size)); err != nil {
		t.Fatal(err)
	}
	testwait.Await(t, "the data", func() bool { return h.got.Load() >= size })
	if _, err := io.ReadFull(c, make([]byte, size)); err != nil {
		t.Error(err)
	}
	if h.notified.Load() < 2 {
		t.Error("not notified of room")
	}
}

// A reset ends a paused connection, whether it comes before Pause or after, and although input
// waits that nothing reads.
func TestServerPausedReset(t *testing.T) {
	t.Parallel()
	server, client := tlstest.Configs(t, tlstest.NewEngine(t))
	called, reset, ends := make(chan bool, 1), make(chan bool, 1), make(chan error, 1)
	s := &tlsserver.Server{TLS: server, Handler: &funcs{
		data: func(c *tlsserver.Conn, _ []byte) error {
			called <- true
			<-reset
			c.Pause()
			return nil
		},
		closed: func(_ *tlsserver.Conn, err error) { ends <- err },
	}}
	addr := serve(t, s)
	for _, early := range []bool{false, true} {
		c := dial(t, addr, client)
		for range 4 { // more than one record
			if _, err := c.Write(make([]byte, 16<<10)); err != nil {
				t.Fatal(err)
			}
		}
		testwait.Receive(t, "Data", called)
		if !early {
			reset <- true
		}
		c.NetConn().(*net.TCPConn).SetLinger(0)
		c.NetConn().Close()
		if early {
			reset <- true
		}
		if err := testwait.Receive(t, "Closed", ends); !errors.Is(err, syscall.ECONNRESET) {
			t.Errorf("the reset came before Pause: %v: %v", early, err)
		}
	}
}
