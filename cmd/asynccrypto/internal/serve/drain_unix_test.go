//go:build unix

package serve

import (
	"bytes"
	"errors"
	"io"
	"net"
	"strings"
	"syscall"
	"testing"
	"time"

	"asynccrypto/cmd/asynccrypto/internal/cli"
	"asynccrypto/cmd/asynccrypto/internal/tlstest"
	"asynccrypto/internal/testwait"
)

// A proxy that is told to stop in the middle of a transfer accepts no more connections and loses
// no data.
func TestServeProxyDrain(t *testing.T) {
	want := randomBytes(20 << 20)
	backend := tlstest.Listen(t, func(_ int, c net.Conn) {
		got, err := io.ReadAll(c)
		if err != nil || !bytes.Equal(got, want) {
			t.Errorf("the backend has %d bytes, %v", len(got), err)
		}
		c.Write(want)
	})
	s, config := proxied(t, backend)
	c := dialTLS(t, s, config)
	if _, err := c.Write(want[:1<<20]); err != nil {
		t.Fatal(err)
	}
	stopped := make(chan error, 1)
	go func() { stopped <- s.Stop() }()
	s.Logged(`accepting no more; up to 30s for 1 open connection to end`)
	testwait.Await(t, "the end of accepting", func() bool {
		late, err := net.Dial("tcp", s.addr)
		if err == nil {
			late.Close()
		}
		return err != nil
	})
	if _, err := c.Write(want[1<<20:]); err != nil {
		t.Fatal(err)
	}
	c.CloseWrite()
	buf, got := make([]byte, 256<<10), []byte(nil)
	for {
		n, err := c.Read(buf)
		got = append(got, buf[:n]...)
		if err == io.EOF {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		time.Sleep(5 * time.Millisecond) // a slow reader
	}
	if !bytes.Equal(got, want) {
		t.Errorf("the client has %d bytes", len(got))
	}
	c.Close()
	if err := <-stopped; err != nil {
		t.Error(err)
	}
}

// A connection that does not end in time is cut off and counted. A second signal ends the command
// at once.
func TestServeProxyGrace(t *testing.T) {
	backend := tlstest.Listen(t, echoBackend)
	s, config := proxied(t, backend, "-grace", "100ms")
	dialTLS(t, s, config)
	if err := s.Stop(); !errors.Is(err, errNotDrained) || !strings.Contains(err.Error(), "1 connection had not ended after 100ms (-grace)") {
		t.Error(err)
	}
	s.Err = nil
	s, config = proxied(t, backend)
	dialTLS(t, s, config)
	s.Signal(syscall.SIGTERM)
	s.Signal(syscall.SIGHUP) // ignored now
	var sig *cli.SignalError
	s.Signal(syscall.SIGINT)
	<-s.Ended
	if !errors.As(s.Err, &sig) || sig.Signal != syscall.SIGINT {
		t.Error(s.Err)
	}
	s.Err = nil
}
