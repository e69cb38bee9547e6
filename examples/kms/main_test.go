package main

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"math/big"
	"strings"
	"testing"
	"time"

	"asynccrypto/async"
	"asynccrypto/asynctls"
	"asynccrypto/engine"
	"asynccrypto/engine/workers"
)

// engines calls f with an engine of each kind, a key of the service's and the service.
func engines(t *testing.T, latency time.Duration, f func(*testing.T, *engine.Engine, *remoteKey, *service)) {
	for name, make := range map[string]func() (*engine.Engine, error){
		"workers": func() (*engine.Engine, error) { return workers.New(workers.Options{Workers: 4}) },
		"own":     func() (*engine.Engine, error) { return newEngine(4) },
	} {
		t.Run(name, func(t *testing.T) {
			s, err := startService(latency)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(s.close)
			key, err := open(s.url, "signing-key-1")
			if err != nil {
				t.Fatal(err)
			}
			eng, err := make()
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { eng.Close() })
			f(t, eng, key, s)
		})
	}
}

func TestRun(t *testing.T) {
	var out strings.Builder
	if err := run(&out); err != nil {
		t.Fatal(err)
	}
	if want := "All signatures were verified."; !strings.Contains(out.String(), want) {
		t.Errorf("it does not print %q but\n%s", want, &out)
	}
}

// TestBound has many callers, blocked goroutines, at a service that takes few.
func TestBound(t *testing.T) {
	engines(t, time.Millisecond, func(t *testing.T, eng *engine.Engine, key *remoteKey, s *service) {
		signer, err := eng.Signer(key)
		if err != nil {
			t.Fatal(err)
		}
		if err := sign(key, signer, 60, 30); err != nil {
			t.Error(err)
		}
		if most := s.most.Load(); most > 4 {
			t.Errorf("%d requests at a time, want at most 4", most)
		}
	})
}

// TestJobs has one goroutine drive many signatures as jobs.
func TestJobs(t *testing.T) {
	engines(t, time.Millisecond, func(t *testing.T, eng *engine.Engine, key *remoteKey, _ *service) {
		signer, err := eng.Signer(key)
		if err != nil {
			t.Fatal(err)
		}
		const n = 20
		pool, err := async.NewPool(n, 0)
		if err != nil {
			t.Fatal(err)
		}
		defer pool.Close()
		digest := sha256.Sum256([]byte("hello"))
		woken := make(chan int, n)
		jobs := make([]async.Job, n)
		for i := range n {
			var w async.WaitCtx
			defer w.Close()
			w.SetCallback(func(any) { woken <- i }, nil)
			var outcome async.Outcome
			jobs[i], outcome, err = pool.Start(&w, func(j async.Job) error {
				sig, err := signer.WithContext(async.NewContext(context.Background(), j)).Sign(nil, digest[:], crypto.SHA256)
				if err == nil && !ecdsa.VerifyASN1(key.public, digest[:], sig) {
					err = errors.New("not valid")
				}
				return err
			})
			if err != nil || outcome != async.Paused {
				t.Fatal(outcome, err)
			}
		}
		for range jobs {
			if outcome, err := jobs[<-woken].Resume(); err != nil || outcome != async.Finished {
				t.Fatal(outcome, err)
			}
		}
	})
}

// TestTLS has a TLS server whose key is the service's.
func TestTLS(t *testing.T) {
	engines(t, time.Millisecond, func(t *testing.T, eng *engine.Engine, key *remoteKey, _ *service) {
		signer, err := eng.Signer(key)
		if err != nil {
			t.Fatal(err)
		}
		template := &x509.Certificate{
			SerialNumber: big.NewInt(1),
			DNSNames:     []string{"localhost"},
			NotBefore:    time.Now().Add(-time.Hour),
			NotAfter:     time.Now().Add(time.Hour),
		}
		der, err := x509.CreateCertificate(rand.Reader, template, template, signer.Public(), signer)
		if err != nil {
			t.Fatal(err)
		}
		leaf, err := x509.ParseCertificate(der)
		if err != nil {
			t.Fatal(err)
		}
		cert := tls.Certificate{Certificate: [][]byte{der}, PrivateKey: signer}
		l, err := tls.Listen("tcp", "127.0.0.1:0", asynctls.Config(&tls.Config{Certificates: []tls.Certificate{cert}}))
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		go func() {
			if conn, err := l.Accept(); err == nil {
				io.WriteString(conn, "hello")
				conn.Close()
			}
		}()
		roots := x509.NewCertPool()
		roots.AddCert(leaf)
		conn, err := tls.Dial("tcp", l.Addr().String(), &tls.Config{RootCAs: roots, ServerName: "localhost"})
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		if got, err := io.ReadAll(conn); string(got) != "hello" || err != nil {
			t.Errorf("%q, %v", got, err)
		}
	})
}

// TestContext has a caller give up on a service that takes an hour. The engine of one's own
// takes the request back.
func TestContext(t *testing.T) {
	engines(t, time.Hour, func(t *testing.T, eng *engine.Engine, key *remoteKey, s *service) {
		signer, err := eng.Signer(key)
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(context.Background())
		go func() {
			for s.now.Load() == 0 { // until the request is there
				time.Sleep(time.Millisecond)
			}
			cancel()
		}()
		digest := sha256.Sum256([]byte("hello"))
		if _, err := signer.WithContext(ctx).Sign(nil, digest[:], crypto.SHA256); !errors.Is(err, context.Canceled) {
			t.Errorf("the caller got %v", err)
		}
		if eng.Name() == "kms" {
			for s.givenUp.Load() == 0 {
				time.Sleep(time.Millisecond)
			}
		}
		s.close() // ends the request that workers still wait for
	})
}

// TestJobEnds has a job end while the service works for it, as when the client of a TLS handshake
// leaves. The engine of one's own takes the request back.
func TestJobEnds(t *testing.T) {
	engines(t, time.Hour, func(t *testing.T, eng *engine.Engine, key *remoteKey, s *service) {
		signer, err := eng.Signer(key)
		if err != nil {
			t.Fatal(err)
		}
		pool, err := async.NewPool(1, 0)
		if err != nil {
			t.Fatal(err)
		}
		defer pool.Close()
		digest := sha256.Sum256([]byte("hello"))
		var w async.WaitCtx
		_, outcome, err := pool.Start(&w, func(j async.Job) error {
			_, err := signer.WithContext(async.NewContext(context.Background(), j)).Sign(nil, digest[:], crypto.SHA256)
			return err
		})
		if err != nil || outcome != async.Paused {
			t.Fatal(outcome, err)
		}
		for s.now.Load() == 0 { // until the request is there
			time.Sleep(time.Millisecond)
		}
		w.Close()
		if eng.Name() == "kms" {
			for s.givenUp.Load() == 0 {
				time.Sleep(time.Millisecond)
			}
		}
		s.close() // ends the request that workers still wait for
	})
}

// TestClose has requests under way when the engine is closed: they are completed, and later
// ones refused.
func TestClose(t *testing.T) {
	engines(t, 20*time.Millisecond, func(t *testing.T, eng *engine.Engine, key *remoteKey, s *service) {
		signer, err := eng.Signer(key)
		if err != nil {
			t.Fatal(err)
		}
		digest := sha256.Sum256([]byte("hello"))
		signed := make(chan error, 1)
		go func() {
			_, err := signer.Sign(nil, digest[:], crypto.SHA256)
			signed <- err
		}()
		for s.now.Load() == 0 {
			time.Sleep(time.Millisecond)
		}
		if err := eng.Close(); err != nil {
			t.Error(err)
		}
		if err := <-signed; err != nil {
			t.Error("under way:", err)
		}
		if _, err := signer.Sign(nil, digest[:], crypto.SHA256); !errors.Is(err, engine.ErrClosed) {
			t.Error("after Close:", err)
		}
	})
}

// TestRaw signs with engine.ECDSAOptions, which the service does not know.
func TestRaw(t *testing.T) {
	engines(t, 0, func(t *testing.T, eng *engine.Engine, key *remoteKey, _ *service) {
		signer, err := eng.Signer(key)
		if err != nil {
			t.Fatal(err)
		}
		verifier, err := eng.Verifier(key.public)
		if err != nil {
			t.Fatal(err)
		}
		digest := sha256.Sum256([]byte("hello"))
		for _, raw := range []bool{false, true} {
			opts := &engine.ECDSAOptions{Hash: crypto.SHA256, Raw: raw}
			sig, err := signer.Sign(nil, digest[:], opts)
			if err != nil {
				t.Fatal(err)
			}
			if err := verifier.Verify(digest[:], sig, opts); err != nil {
				t.Errorf("raw %v: %v", raw, err)
			}
		}
	})
}

// TestErrors has the service refuse.
func TestErrors(t *testing.T) {
	engines(t, 0, func(t *testing.T, eng *engine.Engine, key *remoteKey, s *service) {
		if _, err := open(s.url, "no-such-key"); err == nil || !strings.Contains(err.Error(), "404") {
			t.Error("a key that is not there:", err)
		}
		signer, err := eng.Signer(key)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := signer.Sign(nil, []byte("short"), crypto.SHA256); err == nil {
			t.Error("a digest of the wrong length was signed")
		}
		digest := sha256.Sum256(nil)
		for _, opts := range []crypto.SignerOpts{nil, crypto.Hash(0), crypto.SHA384} {
			if _, err := signer.Sign(nil, digest[:], opts); err == nil {
				t.Errorf("signed with the options %v", opts)
			}
		}
		s.close()
		if _, err := signer.Sign(nil, digest[:], crypto.SHA256); err == nil {
			t.Error("a service that is gone has signed")
		}
	})
}
