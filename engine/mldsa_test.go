//go:build go1.27

package engine_test

import (
	"context"
	"crypto"
	"crypto/mldsa"
	"crypto/rand"
	"crypto/x509"
	"errors"
	"math/big"
	"strings"
	"testing"
	"time"

	"asynccrypto/async"
	"asynccrypto/engine"
	"asynccrypto/engine/workers"
)

func mldsaKey(t *testing.T, params mldsa.Parameters) *mldsa.PrivateKey {
	t.Helper()
	key, err := mldsa.GenerateKey(params)
	if err != nil {
		t.Skip(err) // the FIPS 140-3 module v1.0.0 has none
	}
	return key
}

// An ML-DSA key signs in a job like every key that is not on an elliptic curve: the job pauses.
func TestMLDSASigner(t *testing.T) {
	e := newWorkers(t, workers.Options{})
	message := []byte("message")
	for _, params := range []mldsa.Parameters{mldsa.MLDSA44(), mldsa.MLDSA65(), mldsa.MLDSA87()} {
		key := mldsaKey(t, params)
		s, err := e.Signer(key)
		if err != nil {
			t.Fatal(err)
		}
		pool, w := newPool(t), newSession(t)
		w.listen()
		for _, opts := range []*mldsa.Options{nil, {}, {Context: "context"}} {
			var sig []byte
			w.job, w.out, w.err = pool.Start(&w.WaitCtx, func(j async.Job) (err error) {
				sig, err = s.WithContext(jobContext(j)).Sign(rand.Reader, message, opts)
				return err
			})
			w.want(t, async.Paused, nil)
			<-w.wakes
			w.resume()
			w.want(t, async.Finished, nil)
			if err := mldsa.Verify(key.PublicKey(), message, sig, opts); err != nil {
				t.Errorf("%v, %+v: %v", params, opts, err)
			}
		}
		// The representative of a message that the caller has hashed has a fixed size.
		if _, err := s.Sign(nil, message, crypto.MLDSAMu); err == nil {
			t.Errorf("%v: a short μ was no error", params)
		}
		template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour)}
		der, err := x509.CreateCertificate(rand.Reader, template, template, s.Public(), s)
		if err != nil {
			t.Fatal(err)
		}
		cert, err := x509.ParseCertificate(der)
		if err == nil {
			err = cert.CheckSignature(cert.SignatureAlgorithm, cert.RawTBSCertificate, cert.Signature)
		}
		if err != nil {
			t.Errorf("%v: %v", params, err)
		}
	}
}

// A caller may change its options as soon as an abandoned call has returned.
func TestMLDSAOptionsAreCopied(t *testing.T) {
	m := newManual(t, 8)
	s, err := m.Signer(mldsaKey(t, mldsa.MLDSA44()))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	opts := &mldsa.Options{Context: "before"}
	returned := make(chan error)
	go func() {
		_, err := s.WithContext(ctx).Sign(nil, []byte("message"), opts)
		opts.Context = "after"
		returned <- err
	}()
	r := <-m.taken
	cancel()
	if err := <-returned; err != context.Canceled {
		t.Error(err)
	}
	if got := r.Op().(*engine.SignOp).Opts.(*mldsa.Options).Context; got != "before" {
		t.Errorf("the operation sees what its caller did after it had returned: %q", got)
	}
	r.Run()
}

// A verifier of an ML-DSA key answers as the standard library does.
func TestMLDSAVerifier(t *testing.T) {
	e := newWorkers(t, workers.Options{})
	message := []byte("message")
	for _, params := range []mldsa.Parameters{mldsa.MLDSA44(), mldsa.MLDSA65(), mldsa.MLDSA87()} {
		key := mldsaKey(t, params)
		v, err := e.Verifier(key.Public())
		if err != nil {
			t.Fatal(err)
		}
		for _, opts := range []crypto.SignerOpts{nil, crypto.Hash(0), (*mldsa.Options)(nil), &mldsa.Options{}, &mldsa.Options{Context: "context"}} {
			signing := opts
			if opts == nil {
				signing = crypto.Hash(0)
			}
			sig, err := key.Sign(nil, message, signing)
			if err != nil {
				t.Fatal(err)
			}
			if err := v.Verify(message, sig, opts); err != nil {
				t.Errorf("%v, %T: %v", params, opts, err)
			}
			for _, bad := range [][]byte{nil, sig[1:], append([]byte{sig[0] ^ 1}, sig[1:]...)} {
				if err := v.Verify(message, bad, opts); err != engine.ErrVerification {
					t.Errorf("%v, %T, changed: %v", params, opts, err)
				}
			}
		}
		sig := make([]byte, params.SignatureSize())
		for _, opts := range []crypto.SignerOpts{crypto.SHA512, crypto.MLDSAMu, &engine.ECDSAOptions{}, &mldsa.Options{Context: strings.Repeat("c", 256)}} {
			if err := v.Verify(message, sig, opts); err == nil || errors.Is(err, engine.ErrVerification) {
				t.Errorf("%v, %T %v: %v", params, opts, opts, err)
			}
		}
	}
	for _, key := range []*mldsa.PublicKey{nil, {}} {
		if v, err := e.Verifier(key); v != nil || err == nil {
			t.Error("a nil key was accepted")
		}
	}
}
