//go:build unix

package tlsserver_test

import (
	"io"
	"strings"
	"testing"

	"asynccrypto/asynctls/internal/tlstest"
	"asynccrypto/asynctls/tlsserver"
	"asynccrypto/internal/testwait"
)

// OpenSSL's client and a Server: key updates both ways, which go on; a flood of them and a
// renegotiation, which are refused as crypto/tls refuses them, and end that connection alone.
func TestServerOpenSSL(t *testing.T) {
	server, client := tlstest.Configs(t, tlstest.NewEngine(t))
	ends := make(chan error, 10)
	s := &tlsserver.Server{TLS: server, Loops: 1, Handler: &funcs{closed: func(_ *tlsserver.Conn, err error) { ends <- err }}}
	addr := serve(t, s)
	other := dial(t, addr, client)
	connect := func(flag string) *tlstest.Program {
		p := tlstest.Start(t, "openssl", "s_client", "-connect", addr, flag)
		p.Say("hello\n")
		p.Expect(t, "hello")
		return p
	}
	p := connect("-tls1_3")
	for _, command := range []string{"K", "k", "K"} { // with and without asking for ours
		p.Say(command + "\n")
		p.Expect(t, "KEYUPDATE")
		p.Say("after " + command + "\n")
		p.Expect(t, "after "+command)
	}
	p.Say("Q\n")
	if err := testwait.Receive(t, "Closed", ends); err != io.EOF {
		t.Error(err)
	}
	p = connect("-tls1_3")
	for range 17 {
		p.Say("K\n")
		p.Expect(t, "KEYUPDATE")
	}
	if err := testwait.Receive(t, "Closed after a flood", ends); err == nil || !strings.Contains(err.Error(), "too many non-advancing records") {
		t.Error(err)
	}
	p = connect("-tls1_2")
	p.Say("R\n")
	p.Expect(t, "RENEGOTIATING")
	if err := testwait.Receive(t, "Closed after a renegotiation", ends); err == nil || err == io.EOF {
		t.Error("a renegotiation was taken, or ended by the client:", err)
	}
	ask(t, other, "still there")
}
