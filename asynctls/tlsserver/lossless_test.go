//go:build unix

package tlsserver_test

import (
	"bytes"
	"crypto/tls"
	"io"
	"math/rand/v2"
	"net"
	"sync"
	"sync/atomic"
	"testing"

	"asynccrypto/asynctls/internal/tlstest"
	"asynccrypto/asynctls/tlsserver"
	"asynccrypto/internal/testwait"
)

// tally is the number of bytes that the server has read and written on a connection.
type tally struct{ read, wrote int }

// Shutdown while many connections are busy: each client gets all that the server says it has
// written to it, in order, and then close_notify; and all that the server has read was
// answered.
func TestServerShutdownLosesNothing(t *testing.T) {
	server, client := tlstest.Configs(t, tlstest.NewEngine(t))
	var tallies sync.Map // of tally by the client's address
	var rounds atomic.Int64
	h := &funcs{
		open: func(c *tlsserver.Conn) error { c.Value = new(tally); return nil },
		data: func(c *tlsserver.Conn, p []byte) error {
			v := c.Value.(*tally)
			v.read += len(p)
			rounds.Add(1)
			n, err := c.Write(p)
			v.wrote += n
			return err
		},
		closed: func(c *tlsserver.Conn, err error) {
			if err != tlsserver.ErrClosed {
				t.Error(err)
			}
			tallies.Store(c.RemoteAddr().String(), *c.Value.(*tally))
		},
	}
	s := &tlsserver.Server{TLS: server, Handler: h, Loops: 2}
	addr := serve(t, s)
	counting := make([]byte, 60_000)
	for i := range counting {
		counting[i] = byte(i)
	}
	const n = 30
	got := make(map[string]int)
	var mu sync.Mutex
	var clients sync.WaitGroup
	var conns []*tls.Conn
	for range n {
		conns = append(conns, dial(t, addr, client))
	}
	for _, c := range conns {
		clients.Go(func() { // in pieces of any size, until it is notified to stop
			for total := 0; ; {
				p := counting[total%256:][:1+rand.IntN(50_000)]
				total += len(p)
				if _, err := c.Write(p); err != nil {
					return
				}
			}
		})
		clients.Go(func() {
			p, total := make([]byte, 20_000), 0
			for {
				n, err := c.Read(p[:1+rand.IntN(len(p)-1)])
				if !bytes.Equal(p[:n], counting[total%256:][:n]) {
					t.Errorf("wrong after byte %d", total)
					return
				}
				total += n
				if err == io.EOF {
					break
				} else if err != nil {
					t.Error(err)
					break
				}
			}
			mu.Lock()
			got[c.LocalAddr().String()] = total
			mu.Unlock()
			c.NetConn().(*net.TCPConn).CloseWrite()
			c.Close()
		})
	}
	testwait.Await(t, "some traffic", func() bool { return rounds.Load() > 10*n })
	if err := s.Shutdown(t.Context()); err != nil {
		t.Error(err)
	}
	clients.Wait()
	for addr, total := range got {
		v, _ := tallies.Load(addr)
		if v, ok := v.(tally); !ok || v.wrote != total || v.read != v.wrote {
			t.Errorf("%s: %d bytes received, the server says %+v", addr, total, v)
		}
	}
	if len(got) != n {
		t.Errorf("%d of %d", len(got), n)
	}
}
