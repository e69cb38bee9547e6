package main

import (
	"crypto/tls"
	"net"
	"testing"
)

// A server that hangs up right after the handshake, with the client's close_notify unread, resets the connection. That is
// no failure, and the tickets that it sent before are not lost.
func TestHandshakesServerClosesFirst(t *testing.T) {
	cert := newThrowAway(t)
	config := cert.config()
	addr := listen(t, func(_ int, raw net.Conn) {
		c := tls.Server(raw, config)
		c.Handshake()
		raw.Close()
	})
	for _, version := range []string{"1.2", "1.3"} {
		for _, resume := range []string{"-resume=false", "-resume"} {
			got, status, stderr := handshakesJSON(t, "-count", "200", "-c", "4", resume, "-ca", cert.file, "-tls", version, addr)
			if status != exitOK || got.Succeeded != 200 || got.LeftOpen != 0 || (got.Resumed == 200) != (resume == "-resume") {
				t.Errorf("%s %s: status %d, %s, %+v", version, resume, status, stderr, got)
			}
		}
	}
}
