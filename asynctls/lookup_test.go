package asynctls_test

import (
	"context"
	"crypto/tls"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"asynccrypto/async"
	"asynccrypto/asynctls"
	"asynccrypto/asynctls/internal/tlstest"
	"asynccrypto/engine"
	"asynccrypto/engine/workers"
)

// Lookups that take half a second hold up neither the loop, which is this goroutine, nor each
// other, nor handshakes that need none.
func TestLookups(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cert := tlstest.NewCert(t, tlstest.RSAKey())
		e, err := workers.New(workers.Options{Workers: 100})
		if err != nil {
			t.Fatal(err)
		}
		defer e.Close()
		pool, err := async.NewPool(0, 0)
		if err != nil {
			t.Fatal(err)
		}
		defer pool.Close()
		do := func(ctx context.Context, f func() error) error { return e.Do(ctx, engine.Func(f)) }
		var lookups atomic.Int32
		find := func() { lookups.Add(1); time.Sleep(500 * time.Millisecond) }
		sc := asynctls.Config(asynctls.Lookups(&tls.Config{
			GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) { find(); return nil, nil },
			GetCertificate: func(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
				find()
				if hello.ServerName == "panic.test" {
					panic("in a lookup")
				}
				return &cert, nil
			},
		}, do))
		quick := asynctls.Config(&tls.Config{Certificates: []tls.Certificate{cert}})
		cc := &tls.Config{RootCAs: tlstest.RootsOf(cert), ServerName: "example.test"}
		o := &asynctls.Options{Pool: pool}
		begin := time.Now()
		var pairs [][2]*side
		for range 20 {
			pairs = append(pairs, [2]*side{newSide(t, asynctls.NewServerConn, sc, o), newSide(t, asynctls.NewClientConn, cc, o)})
		}
		for done := 0; done < 20; {
			done = 0
			for _, p := range pairs {
				sErr, cErr := p[0].Handshake(), p[1].Handshake()
				for carry(p[0], p[1], 1<<20) || carry(p[1], p[0], 1<<20) {
				}
				switch {
				case sErr == nil && cErr == nil:
					done++
				case !asynctls.Wants(sErr) && sErr != nil || !asynctls.Wants(cErr) && cErr != nil:
					t.Fatal(sErr, cErr)
				}
			}
			if time.Since(begin) == 0 {
				if sErr, cErr := handshake(t, newSide(t, asynctls.NewServerConn, quick, o), newSide(t, asynctls.NewClientConn, cc, o), 1<<20); sErr != nil || cErr != nil {
					t.Error(sErr, cErr)
				}
				if took := time.Since(begin); took != 0 {
					t.Error("the loop was held up for", took)
				}
			}
			time.Sleep(10 * time.Millisecond)
		}
		if took := time.Since(begin); took < time.Second || took > 1100*time.Millisecond || lookups.Load() != 40 {
			t.Errorf("%d lookups took %v", lookups.Load(), took)
		}
		// One that panics is the handshake's error; one that is given up goes on by itself.
		cc.ServerName = "panic.test"
		s, c := newSide(t, asynctls.NewServerConn, sc, o), newSide(t, asynctls.NewClientConn, cc, o)
		if sErr, _ := handshake(t, s, c, 1<<20); sErr == nil || !strings.Contains(sErr.Error(), "in a lookup") {
			t.Error(sErr)
		}
		s, c = newSide(t, asynctls.NewServerConn, sc, o), newSide(t, asynctls.NewClientConn, cc, o)
		c.Handshake()
		carry(c, s, 1<<20)
		if s.Handshake(); !s.WaitingForAsync() {
			t.Error("it doesn't wait")
		}
		s.Abort()
		c.Abort()
		for _, p := range pairs {
			p[0].Abort()
			p[1].Abort()
		}
	})
}
