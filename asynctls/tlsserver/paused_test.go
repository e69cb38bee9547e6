//go:build unix

package tlsserver_test

import (
	"crypto/tls"
	"io"
	"net"
	"path/filepath"
	"testing"

	"asynccrypto/asynctls/internal/tlstest"
	"asynccrypto/asynctls/tlsserver"
	"asynccrypto/engine"
	"asynccrypto/internal/testwait"
)

// Data that arrives a record at a time while the handshake waits for an engine, again and again,
// reaches the Handler in full, without another event of the socket.
func TestServerDataDuringHandshake(t *testing.T) {
	entered, gate := make(chan bool), make(chan bool)
	e, err := engine.New(engine.Config{Name: "gate", Handler: func(batch []*engine.Request) {
		for _, r := range batch {
			entered <- true
			<-gate
			r.Run()
		}
	}})
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	server, client := tlstest.Configs(t, tlstest.NewEngine(t))
	checked := server.Clone()
	server.GetConfigForClient = func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
		if hello.ServerName != "checked.test" {
			return nil, nil
		}
		c := checked.Clone()
		c.VerifyConnection = func(tls.ConnectionState) error { // the client may send data meanwhile
			for range 3 {
				if err := e.Do(hello.Context(), engine.Func(func() error { return nil })); err != nil {
					return err
				}
			}
			return nil
		}
		return c, nil
	}
	// Not over unix sockets, which have an event whenever the peer reads.
	addr := serve(t, &tlsserver.Server{TLS: server, Handler: echo{}, Loops: 1})
	other := dial(t, addr, client)
	turn := func() { // lets the loop do what it has to do by now
		for range 3 {
			ask(t, other, "turn")
		}
	}
	turn()
	client = client.Clone()
	client.ServerName, client.InsecureSkipVerify = "checked.test", true
	c := dial(t, addr, client)
	<-entered
	for _, p := range []string{"a", "b"} {
		if _, err := c.Write([]byte(p)); err != nil {
			t.Fatal(err)
		}
		turn()
		gate <- true
		<-entered
		turn()
	}
	gate <- true
	got := make([]byte, 2)
	if _, err := io.ReadFull(c, got); err != nil || string(got) != "ab" {
		t.Errorf("%q, %v", got, err)
	}
}

// What peers send while their handshakes wait, for an engine or in line, stays in the sockets:
// it must not take memory, because there may be MaxPending such peers.
func TestServerInputWaitsInSockets(t *testing.T) {
	e, gate := newStuck(t)
	server, client := tlstest.Configs(t, e)
	const n, sent = 100, 48 << 10
	s := &tlsserver.Server{TLS: server, Handler: echo{}, Loops: 1, MaxHandshakes: n / 2}
	addr := serveOn(t, s, listen(t, "unix", filepath.Join(t.TempDir(), "s")))
	p := hello(t, client)
	gate.Lock()
	conns := make([]net.Conn, n)
	for i := range conns {
		c, err := net.Dial("unix", addr)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		c.SetDeadline(testwait.Limit())
		conns[i] = c
		if _, err := c.Write(p); err != nil {
			t.Fatal(err)
		}
	}
	testwait.Await(t, "the handshakes to wait", func() bool {
		st := s.Stats()
		return st.Paused == n/2 && st.InLine == n-n/2 && e.Stats().InFlight+e.Stats().Queued+e.Stats().Waiting == n/2
	})
	before := memory()
	junk := make([]byte, sent)
	for _, c := range conns {
		if _, err := c.Write(junk); err != nil {
			t.Fatal(err)
		}
	}
	// A further handshake gets in line behind everything that the loop had to do.
	last, err := net.Dial("unix", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer last.Close()
	last.Write(p)
	testwait.Await(t, "the last handshake to wait", func() bool { return s.Stats().InLine == n-n/2+1 })
	if each := (memory() - before) / n; each > sent/4 {
		t.Errorf("%d bytes of memory for each peer that has sent %d", each, sent)
	}
	gate.Unlock()
}
