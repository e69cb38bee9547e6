package tlspromises

import (
	"crypto/tls"
	"errors"
	"io"
	"net"
	"testing"
	"time"
)

// mute is a connection whose writes, once muted, are counted and not sent. If fail is set they
// fail.
type mute struct {
	net.Conn
	muted  bool
	writes int
	fail   func() error
}

func (m *mute) Write(p []byte) (int, error) {
	switch {
	case !m.muted:
		return m.Conn.Write(p)
	case m.fail != nil:
		return 0, m.fail()
	}
	m.writes++
	return len(p), nil
}

// mutedClient returns a client of OpenSSL's server, muted from its CloseWrite on. The server does
// not see the close_notify, at which it would end.
func mutedClient(t *testing.T, c *tls.Config, args ...string) (server io.Writer, client *tls.Conn, wire *mute) {
	t.Helper()
	server, addr, _ := startServer(t, args...)
	conn, err := net.DialTimeout("tcp", addr, time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	conn.SetReadDeadline(time.Now().Add(5 * time.Minute))
	wire = &mute{Conn: conn}
	c.InsecureSkipVerify = true
	client = tls.Client(wire, c)
	if err := client.Handshake(); err != nil {
		t.Fatal(err)
	}
	wire.muted = true
	if err := client.CloseWrite(); err != nil || wire.writes != 1 {
		t.Fatal(err, wire.writes)
	}
	return server, client, wire
}

// After CloseWrite crypto/tls still writes the answer to a KeyUpdate. If the transport takes it,
// reading goes on with the peer's new key.
func TestKeyUpdateAfterCloseWrite(t *testing.T) {
	server, client, wire := mutedClient(t, new(tls.Config), "-tls1_3")
	p := make([]byte, 100)
	expect := func(text string) {
		t.Helper()
		io.WriteString(server, text)
		if n, err := client.Read(p); string(p[:n]) != text || err != nil {
			t.Fatalf("read %q, %v; want %q", p[:n], err, text)
		}
	}
	for n := range 3 {
		expect("before\n")
		if wire.writes != 1+n {
			t.Errorf("%d writes after CloseWrite and %d KeyUpdates", wire.writes, n)
		}
		io.WriteString(server, "K\n")
		time.Sleep(50 * time.Millisecond) // it takes what it reads at once for one line
	}
	expect("after\n")
}

// A renegotiation after CloseWrite begins with a write, during which the handshake is not done
// any more. If the write fails Read returns that error, at once and for ever.
func TestRenegotiationAfterCloseWrite(t *testing.T) {
	server, client, wire := mutedClient(t, &tls.Config{Renegotiation: tls.RenegotiateFreelyAsClient}, "-tls1_2")
	writes, failed := 0, errors.New("no write after CloseWrite")
	wire.fail = func() error {
		writes++
		if !asks(t, client) {
			t.Error("the handshake is taken for done")
		}
		return failed
	}
	io.WriteString(server, "R\n")
	for range 2 {
		if n, err := client.Read(make([]byte, 1)); n != 0 || err != failed {
			t.Error(n, err)
		}
	}
	if writes != 1 {
		t.Errorf("%d writes", writes)
	}
}

// Read returns data together with the end behind it in TLS 1.2, and the end again afterwards.
func TestDataTogetherWithEnd(t *testing.T) {
	server, client, below := pair(t, tls.VersionTLS12)
	if _, err := server.Write([]byte("x")); err != nil {
		t.Fatal(err)
	}
	server.CloseWrite()
	below.whenEmpty(errNothing)
	for _, want := range []int{1, 0, 0} {
		if n, err := client.Read(make([]byte, 10)); n != want || err != io.EOF {
			t.Error(n, err)
		}
	}
}
