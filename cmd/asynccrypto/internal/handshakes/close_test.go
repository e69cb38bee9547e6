package handshakes

import (
	"crypto/tls"
	"net"
	"testing"

	"asynccrypto/cmd/asynccrypto/internal/cli"
	"asynccrypto/cmd/asynccrypto/internal/tlstest"
)

// A server that hangs up right after the handshake, with the client's close_notify unread, resets
// the connection. That is no failure, and the tickets that it sent before are not lost.
func TestHandshakesServerClosesFirst(t *testing.T) {
	cert := tlstest.NewCertificate(t)
	config := cert.Config()
	addr := tlstest.Listen(t, func(_ int, raw net.Conn) {
		c := tls.Server(raw, config)
		c.Handshake()
		raw.Close()
	})
	for _, version := range []string{"1.2", "1.3"} {
		for _, resume := range []string{"-resume=false", "-resume"} {
			got, status, stderr := handshakesJSON(t, "-count", "200", "-c", "4", resume, "-ca", cert.File, "-tls", version, addr)
			if status != cli.ExitOK || got.Succeeded != 200 || got.LeftOpen != 0 || (got.Resumed == 200) != (resume == "-resume") {
				t.Errorf("%s %s: status %d, %s, %+v", version, resume, status, stderr, got)
			}
		}
	}
}
