package serve

import (
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"asynccrypto/cmd/asynccrypto/internal/tlstest"
)

// The metrics cover the engine, and handshakes by their outcome, both with net/http and with
// event loops. Neither the metrics nor the log hold a secret: not the key, and not the data that
// a client has sent in the clear by mistake.
func TestServeMetrics(t *testing.T) {
	cert := tlstest.NewCertificate(t)
	backend := tlstest.Listen(t, func(_ int, c net.Conn) { io.Copy(c, c) })
	for server, args := range map[string][]string{"https": nil, "proxy": {"-proxy", backend}} {
		if args != nil && !hasProxy {
			continue
		}
		s := startServe(t, append(args, "-cert", cert.File, "-key", cert.KeyFile, "-engine", "workers", "-metrics", "127.0.0.1:0")...)
		config := &tls.Config{RootCAs: cert.Pool, ClientSessionCache: tls.NewLRUClientSessionCache(1)}
		open := `asynccrypto_server_connections{server="` + server + `",state="open"} `
		for range 2 { // the second is resumed
			c, err := tls.Dial("tcp", s.addr, config)
			if err != nil {
				t.Fatal(err)
			}
			io.WriteString(c, "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
			if _, err := c.Read(make([]byte, 1)); err != nil {
				t.Fatal(err)
			}
			s.measured(open + "1")
			c.Close()
			s.measured(open + "0")
		}
		c, err := net.Dial("tcp", s.addr)
		if err != nil {
			t.Fatal(err)
		}
		s.measured(`asynccrypto_server_connections{server="` + server + `",state="handshaking"} 1`)
		io.WriteString(c, "GET / HTTP/1.0\r\nAuthorization: Basic c2VjcmV0\r\n\r\n")
		io.Copy(io.Discard, c)
		c.Close()
		want := []string{}
		for _, line := range []string{
			`handshakes_total{outcome="completed",server=X} 2`, `handshakes_total{outcome="failed",server=X} 1`,
			`handshakes_total{outcome="timed_out",server=X} 0`, `handshakes_total{outcome="canceled",server=X} 0`,
			`handshakes_resumed_total{server=X} 1`, `connections_accepted_total{server=X} 3`,
			`jobs{server=X,state="running"} 0`, `jobs{server=X,state="paused"} 0`,
		} {
			want = append(want, "asynccrypto_server_"+strings.ReplaceAll(line, "X", fmt.Sprintf("%q", server)))
		}
		for _, line := range []string{
			`operations_total{engine="workers",outcome="completed"} 1`, `operations_in_flight{`, `operations_queued{`, `operations_waiting{`,
			`eagain_total{`, `batch_size_count{engine="workers"} 1`, `operation_duration_seconds_count{engine="workers"} 1`,
			`faults_caught_total{engine="workers"} 0`,
		} {
			want = append(want, "asynccrypto_engine_"+line)
		}
		said := s.measured(want...)
		if err := s.Stop(); err != nil {
			t.Error(err)
		}
		said += s.Log.String()
		key, err := os.ReadFile(cert.KeyFile)
		if err != nil {
			t.Fatal(err)
		}
		for _, secret := range append(strings.Fields(string(key))[3:5], "c2VjcmV0", "Authorization") {
			if len(secret) < 8 || strings.Contains(said, secret) {
				t.Errorf("%q is no secret, or is told:\n%s", secret, said)
			}
		}
	}
}

// Options with a number or a time have their effect.
func TestServeOptions(t *testing.T) {
	cert := tlstest.NewCertificate(t)
	backend := tlstest.Listen(t, func(_ int, c net.Conn) { io.Copy(c, c) })
	t.Setenv("GOMAXPROCS", "")
	for _, args := range [][]string{nil, {"-proxy", backend, "-loops", "3", "-max-handshakes", "7"}} {
		if args != nil && !hasProxy {
			continue
		}
		var got []byte
		var err error
		for _, idle := range []string{"200ms", "1s", "4s"} { // a busy machine may idle for a short one before it asks
			s := startServe(t, append(args, "-cert", cert.File, "-key", cert.KeyFile, "-engine", "workers", "-workers", "5",
				"-nice", "0", "-idle", idle)...)
			s.Logged(`engine workers, 5 workers: `)
			if args != nil {
				s.Logged(`; 3 event loops, 7 handshakes at a time, GOMAXPROCS (9|\d\d)`)
			} else {
				s.Logged(`, GOMAXPROCS ([6-9]|\d\d)`)
			}
			if got, err = answer(s.addr, cert); err == nil && len(got) > 0 {
				break
			}
		}
		if err != nil || len(got) == 0 {
			t.Errorf("%d bytes of an answer, and then, when idle, %v", len(got), err)
		}
	}
}

// answer asks for a page, and reads until the server ends the connection because it is idle.
func answer(addr string, cert *tlstest.Certificate) ([]byte, error) {
	c, err := tls.Dial("tcp", addr, &tls.Config{RootCAs: cert.Pool})
	if err != nil {
		return nil, err
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(9 * time.Second)) // less than net/http's timeout for a request
	io.WriteString(c, "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
	return io.ReadAll(c)
}
