package asynctls_test

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"math/big"
	"runtime"
	"testing"
	"time"

	"asynccrypto/async"
	"asynccrypto/asynctls"
	"asynccrypto/engine/workers"
	"asynccrypto/internal/testwait"
)

// newPool returns a pool of at most max jobs that is closed, without a job left, at the end.
func newPool(t testing.TB, max int) *async.Pool {
	t.Helper()
	pool, err := async.NewPool(max, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := pool.Close(); err != nil {
			t.Error(err)
		}
	})
	return pool
}

// side is one end of a connection in memory.
type side struct {
	*asynctls.Conn
	buf   asynctls.Buffers
	wakes chan struct{}
}

func newSide(t testing.TB, make func(asynctls.Transport, *tls.Config, *asynctls.Options) *asynctls.Conn, c *tls.Config, o *asynctls.Options) *side {
	t.Helper()
	s := &side{wakes: chanOfOne()}
	s.Conn = make(&s.buf, c, o)
	s.SetAsyncCallback(func(any) {
		select {
		case s.wakes <- struct{}{}:
		default:
		}
	}, nil)
	t.Cleanup(s.Abort)
	return s
}

// tick waits until the clock of package time has moved on, so that a timeout of 1 ns is over. On
// Windows that takes up to 16 ms.
func tick() {
	for now := time.Now(); !time.Now().After(now); {
		runtime.Gosched()
	}
}

func chanOfOne() chan struct{} { return make(chan struct{}, 1) }

// carry moves one side's output to the other, at most n bytes at a time; it reports
// whether there was any.
func carry(from, to *side, n int) bool {
	out := from.buf.Out()
	out = out[:min(n, len(out))]
	to.buf.Feed(out)
	from.buf.Discard(len(out))
	return len(out) > 0
}

// handshake drives both sides until their handshakes are done, n bytes at a time.
func handshake(t testing.TB, a, b *side, n int) (aErr, bErr error) {
	t.Helper()
	limit := testwait.Limit()
	aErr, bErr = asynctls.ErrWantRead, asynctls.ErrWantRead
	for (asynctls.Wants(aErr) || asynctls.Wants(bErr)) && time.Now().Before(limit) {
		if asynctls.Wants(aErr) {
			aErr = a.Handshake()
		}
		if asynctls.Wants(bErr) {
			bErr = b.Handshake()
		}
		if carry(a, b, n) || carry(b, a, n) {
			continue
		}
		if !asynctls.Wants(aErr) && aErr != nil || !asynctls.Wants(bErr) && bErr != nil {
			return aErr, bErr
		}
		for _, s := range []*side{a, b} {
			if s.WaitingForAsync() {
				<-s.wakes
			}
		}
	}
	return aErr, bErr
}

// exampleConfig is a server's config, with a key that an engine holds, for examples.
func exampleConfig() *tls.Config {
	_, key, _ := ed25519.GenerateKey(rand.Reader)
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour)}
	der, _ := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	eng, _ := workers.New(workers.Options{})
	signer, _ := eng.Signer(key)
	return asynctls.Config(&tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: signer}}})
}
