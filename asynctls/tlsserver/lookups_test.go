//go:build unix

package tlsserver_test

import (
	"context"
	"crypto/tls"
	"errors"
	"sync"
	"testing"

	"asynccrypto/asynctls"
	"asynccrypto/asynctls/internal/tlstest"
	"asynccrypto/asynctls/tlsserver"
	"asynccrypto/engine"
	"asynccrypto/internal/testwait"
)

// While a lookup that crypto/tls gives no context is held, connections of the same loop go on: an
// open one echoes, another handshakes.
func TestServerHeldLookups(t *testing.T) {
	for name, set := range map[string]func(c *tls.Config, hold func() error){
		"VerifyConnection": func(c *tls.Config, hold func() error) {
			c.VerifyConnection = func(cs tls.ConnectionState) error {
				if cs.ServerName == "localhost" {
					return hold()
				}
				return nil
			}
		},
		"WrapSession": func(c *tls.Config, hold func() error) {
			keys := c.Clone()
			c.WrapSession = func(cs tls.ConnectionState, ss *tls.SessionState) ([]byte, error) {
				ticket, err := keys.EncryptTicket(cs, ss)
				if cs.ServerName == "localhost" {
					err = errors.Join(err, hold())
				}
				return ticket, err
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			e := tlstest.NewEngine(t)
			server, client := tlstest.Configs(t, e)
			held, release := make(chan struct{}), make(chan struct{})
			set(server, func() error { close(held); <-release; return nil })
			lookups := tlstest.NewEngine(t)
			server = asynctls.Lookups(server, func(ctx context.Context, f func() error) error {
				return lookups.Do(ctx, engine.Func(f))
			})
			addr := serve(t, &tlsserver.Server{TLS: server, Handler: echo{}, Loops: 1})
			open := dial(t, addr, client)
			var waiting sync.WaitGroup
			waiting.Go(func() {
				slow := client.Clone()
				slow.ServerName = "localhost"
				slow.ClientSessionCache = tls.NewLRUClientSessionCache(1) // asks for a session ticket
				c, err := tls.Dial("tcp", addr, slow)
				if err != nil {
					t.Error(err)
					return
				}
				defer c.Close()
				ask(t, c, "late")
			})
			testwait.Receive(t, "the lookup", held)
			ask(t, open, "while the lookup is held")
			ask(t, dial(t, addr, client), "another")
			close(release)
			waiting.Wait()
		})
	}
}
