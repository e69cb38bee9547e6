//go:build unix

package tlsserver_test

import (
	"bytes"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"strings"
	"testing"

	"asynccrypto/asynctls/internal/tlstest"
	"asynccrypto/asynctls/tlsserver"
	"asynccrypto/internal/testwait"
)

// counting counts the bytes that a client has received.
type counting struct {
	net.Conn
	received int
}

func (c *counting) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	c.received += n
	return n, err
}

// After a Handler's CloseWrite the server goes on reading, through a KeyUpdate that asks for an
// answer too, and sends nothing more, not even an alert for a damaged record.
func TestServerCloseWriteIsLast(t *testing.T) {
	// A close_notify: in TLS 1.2 an alert with AES-GCM, in TLS 1.3 one with its content type.
	for version, closeNotify := range map[uint16]int{tls.VersionTLS12: 5 + 8 + 2 + 16, tls.VersionTLS13: 5 + 2 + 1 + 16} {
		t.Run(tls.VersionName(version), func(t *testing.T) {
			server, client := tlstest.Configs(t, tlstest.NewEngine(t))
			server.MinVersion, server.MaxVersion = version, version
			server.CipherSuites = []uint16{tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256}
			var keyLog bytes.Buffer
			client.KeyLogWriter = &keyLog
			read, ends := make(chan string, 10), make(chan error, 1)
			s := &tlsserver.Server{TLS: server, Loops: 1, Handler: &funcs{
				data: func(c *tlsserver.Conn, p []byte) error {
					if string(p) == "close" {
						return errors.Join(c.CloseWrite(), c.CloseWrite())
					}
					read <- string(p)
					return nil
				},
				closed: func(_ *tlsserver.Conn, err error) { ends <- err },
			}}
			wire := &counting{Conn: dialRaw(t, serve(t, s))}
			c := tls.Client(wire, client)
			if err := c.Handshake(); err != nil {
				t.Fatal(err)
			}
			before := wire.received
			c.Write([]byte("close"))
			if n, err := c.Read(make([]byte, 1)); n != 0 || err != io.EOF {
				t.Fatal(n, err)
			}
			if version == tls.VersionTLS13 { // the session ticket came with the handshake or after it
				before = wire.received - closeNotify
			}
			expect := func(want string) {
				t.Helper()
				if got := testwait.Receive(t, "data after CloseWrite", read); got != want {
					t.Fatalf("read %q, not %q", got, want)
				}
			}
			c.Write([]byte("more"))
			expect("more")
			record := []byte{tlstest.TypeData, 3, 3, 0, 40} // damaged: no key has made it
			if version == tls.VersionTLS13 {
				sealer := tlstest.NewSealer(t, keyLog.String(), tlstest.ClientTraffic, c.ConnectionState().CipherSuite, 2)
				for _, ask := range []bool{true, false, true} {
					wire.Write(sealer.KeyUpdate(ask))
					wire.Write(sealer.Seal(tlstest.TypeData, []byte("after a KeyUpdate")...))
					expect("after a KeyUpdate")
				}
			}
			wire.Write(append(record, make([]byte, 40)...))
			if _, err := io.Copy(io.Discard, wire); err != nil {
				t.Error(err)
			}
			wire.Close()
			if err := testwait.Receive(t, "Closed", ends); err == nil || !strings.Contains(err.Error(), "bad record MAC") {
				t.Error(err)
			}
			if n := wire.received - before; n != closeNotify {
				t.Errorf("%d bytes came from CloseWrite on, not the %d of a close_notify", n, closeNotify)
			}
		})
	}
}
