package multibuffer

import (
	"context"
	"crypto"
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"fmt"
	"sync"
	"testing"

	"asynccrypto/engine"
)

// BenchmarkOperations measures every operation through an engine beside the standard library, from
// one goroutine and from 64. us/first is the standard library's time for an operation, us/second
// the engine's, and second/first their quotient.
func BenchmarkOperations(b *testing.B) {
	for _, op := range benchOperations(b) {
		for _, goroutines := range []int{1, 64} {
			b.Run(fmt.Sprintf("%s/%d", op.name, goroutines), func(b *testing.B) {
				inTurns(b, 16*goroutines, op.run(b, goroutines, op.std), op.run(b, goroutines, op.engine))
			})
		}
	}
}

type benchOperation struct {
	name        string
	std, engine func() error
}

// run returns a function that has each of n goroutines do f sixteen times.
func (o *benchOperation) run(b *testing.B, n int, f func() error) func() {
	return func() {
		var wg sync.WaitGroup
		for range n {
			wg.Go(func() {
				for range 16 {
					if err := f(); err != nil {
						b.Error(err)
					}
				}
			})
		}
		wg.Wait()
	}
}

func benchOperations(b *testing.B) (all []benchOperation) {
	e := benchEngine(b)
	digest := make([]byte, 32)
	must := func(err error) {
		if err != nil {
			b.Fatal(err)
		}
	}
	sign := func(name string, key crypto.Signer, reader bool, opts crypto.SignerOpts) {
		s, err := e.Signer(key)
		must(err)
		random := rand.Reader
		if !reader {
			random = nil
		}
		all = append(all, benchOperation{"sign/" + name,
			func() error { _, err := key.Sign(random, digest, opts); return err },
			func() error { _, err := s.Sign(random, digest, opts); return err }})
	}
	verify := func(name string, key crypto.Signer, opts crypto.SignerOpts) {
		sig, err := key.Sign(rand.Reader, digest, opts)
		must(err)
		v, err := e.Verifier(key.Public())
		must(err)
		std := engine.VerifyOp{Key: key.Public(), Digest: digest, Signature: sig, Opts: opts}
		all = append(all, benchOperation{"verify/" + name, std.Run,
			func() error { return v.Verify(digest, sig, opts) }})
		if unprepared := anyKey(appendID(nil, key.Public())); unprepared != nil && usable() {
			all = append(all, benchOperation{"verify-any/" + name, std.Run, func() error {
				op := std
				op.Prepared = unprepared
				return e.Do(context.Background(), &op)
			}})
		}
	}
	for _, bits := range []int{2048, 3072, 4096} {
		key := RSAKeys()[bits][0]
		pss := &rsa.PSSOptions{Hash: crypto.SHA256, SaltLength: rsa.PSSSaltLengthEqualsHash}
		sign(fmt.Sprint("RSA-", bits), key, false, crypto.SHA256)
		verify(fmt.Sprint("RSA-", bits), key, crypto.SHA256)
		verify(fmt.Sprintf("RSA-%d PSS", bits), key, pss)
	}
	for _, c := range []elliptic.Curve{elliptic.P256(), elliptic.P384()} {
		key, err := ecdsa.GenerateKey(c, rand.Reader)
		must(err)
		sign(c.Params().Name, key, true, crypto.SHA256)
		sign(c.Params().Name+" RFC 6979", key, false, crypto.SHA256)
		verify(c.Params().Name, key, crypto.SHA256)
	}
	_, ed, err := ed25519.GenerateKey(rand.Reader)
	must(err)
	sign("Ed25519", ed, false, crypto.Hash(0))
	verify("Ed25519", ed, crypto.Hash(0))
	key, err := ecdh.X25519().GenerateKey(rand.Reader)
	must(err)
	x, err := e.KeyExchanger(key)
	must(err)
	peer := key.PublicKey()
	return append(all,
		benchOperation{"agree/X25519",
			func() error { _, err := key.ECDH(peer); return err },
			func() error { _, err := x.ECDH(peer); return err }},
		benchOperation{"generate/X25519",
			func() error { _, err := ecdh.X25519().GenerateKey(rand.Reader); return err },
			func() error { _, err := e.GenerateKey(context.Background(), ecdh.X25519()); return err }})
}

func usable() bool { ok, _ := Supported(); return ok }

// BenchmarkDropIns measures the functions that stand in for the standard library's, with keys that
// the cache has prepared, from 64 goroutines; and VerifyBatch on one goroutine, 64 signatures at a
// time.
func BenchmarkDropIns(b *testing.B) {
	digest := make([]byte, 32)
	rsaKey := RSAKeys()[2048][0]
	rsaSig, err := rsa.SignPKCS1v15(nil, rsaKey, crypto.SHA256, digest)
	if err != nil {
		b.Fatal(err)
	}
	ec, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		b.Fatal(err)
	}
	ecSig, err := ecdsa.SignASN1(rand.Reader, ec, digest)
	if err != nil {
		b.Fatal(err)
	}
	pub, ed, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		b.Fatal(err)
	}
	edSig := ed25519.Sign(ed, digest)
	valid := func(ok bool) error {
		if !ok {
			return engine.ErrVerification
		}
		return nil
	}
	for _, op := range []struct {
		benchOperation
		one Verification
	}{
		{benchOperation{"RSA-2048",
			func() error { return rsa.VerifyPKCS1v15(&rsaKey.PublicKey, crypto.SHA256, digest, rsaSig) },
			func() error { return VerifyPKCS1v15(&rsaKey.PublicKey, crypto.SHA256, digest, rsaSig) }},
			Verification{&rsaKey.PublicKey, digest, rsaSig, crypto.SHA256}},
		{benchOperation{"P-256",
			func() error { return valid(ecdsa.VerifyASN1(&ec.PublicKey, digest, ecSig)) },
			func() error { return valid(VerifyASN1(&ec.PublicKey, digest, ecSig)) }},
			Verification{&ec.PublicKey, digest, ecSig, nil}},
		{benchOperation{"Ed25519",
			func() error { return valid(ed25519.Verify(pub, digest, edSig)) },
			func() error { return valid(VerifyEd25519(pub, digest, edSig)) }},
			Verification{pub, digest, edSig, crypto.Hash(0)}},
	} {
		for _, goroutines := range []int{1, 64} {
			b.Run(fmt.Sprintf("%s/%d", op.name, goroutines), func(b *testing.B) {
				inTurns(b, 16*goroutines, op.run(b, goroutines, op.std), op.run(b, goroutines, op.engine))
			})
		}
		batch := make([]Verification, 64)
		for i := range batch {
			batch[i] = op.one
		}
		b.Run(op.name+"/batch", func(b *testing.B) {
			inTurns(b, len(batch), func() {
				for range batch {
					op.std()
				}
			}, func() {
				for _, err := range VerifyBatch(batch) {
					if err != nil {
						b.Fatal(err)
					}
				}
			})
		})
	}
}
