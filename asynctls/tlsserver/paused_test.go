package tlsserver_test

import (
	"crypto/tls"
	"io"
	"testing"

	"asynccrypto/asynctls/internal/tlstest"
	"asynccrypto/asynctls/tlsserver"
	"asynccrypto/engine"
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
