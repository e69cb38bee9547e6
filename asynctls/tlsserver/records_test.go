//go:build unix

package tlsserver_test

import (
	"bytes"
	"crypto/tls"
	"io"
	"math/rand/v2"
	"testing"
	"time"

	"asynccrypto/asynctls/internal/tlstest"
	"asynccrypto/asynctls/tlsserver"
)

// However records are cut and glued on their way, also empty ones, none is left lying.
func TestServerRecords(t *testing.T) {
	server, client := tlstest.Configs(t, tlstest.NewEngine(t))
	addr := serve(t, &tlsserver.Server{TLS: server, Handler: echo{}})
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		client := client.Clone()
		client.MaxVersion = version
		raw := &corked{Conn: dialRaw(t, addr)}
		c := tls.Client(raw, client)
		if err := c.Handshake(); err != nil {
			t.Fatal(err)
		}
		for range 300 {
			raw.held = []byte{}
			var sent []byte
			for range 1 + rand.N(4) {
				p := bytes.Repeat([]byte{byte(rand.N(256))}, rand.N(40))
				if rand.N(20) == 0 {
					p = make([]byte, 20_000)
				}
				c.Write(p)
				sent = append(sent, p...)
			}
			for len(raw.held) > 0 {
				n := len(raw.held)
				if rand.N(2) == 0 {
					n = 1 + rand.N(n)
				}
				raw.Conn.Write(raw.held[:n])
				if raw.held = raw.held[n:]; rand.N(3) == 0 {
					time.Sleep(rand.N(500 * time.Microsecond))
				}
			}
			got := make([]byte, len(sent))
			if _, err := io.ReadFull(c, got); err != nil || !bytes.Equal(got, sent) {
				t.Fatal(err)
			}
		}
		raw.held = nil
		c.Close()
	}
}
