package multibuffer_test

import (
	"bytes"
	"crypto"
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"fmt"
	"io"
	"testing"
	"testing/cryptotest"

	"asynccrypto/engine"
	"asynccrypto/engine/multibuffer"
)

// Where crypto/ecdsa ignores a reader or does not, signs without options or refuses to, a wrapped
// key does the same.
func TestECDSAReadersAndOptions(t *testing.T) {
	e := newEngine(t, multibuffer.Options{})
	for _, curve := range []elliptic.Curve{elliptic.P256(), elliptic.P384()} {
		key := newECDSA(t, curve).(*ecdsa.PrivateKey)
		s := wrap(t, e, key)
		for _, n := range []int{0, 1, 20, 31, 32, 33, 48, 64, 200} {
			d := bytes.Repeat([]byte{0xff}, n)
			for _, opts := range []crypto.SignerOpts{nil, crypto.Hash(0), crypto.SHA256, crypto.BLAKE2b_256, crypto.Hash(99), options{}, &engine.ECDSAOptions{}, &engine.ECDSAOptions{Hash: crypto.SHA384}} {
				for _, reader := range []io.Reader{rand.Reader, nil} {
					std := &engine.SignOp{Key: key, Rand: reader, Digest: d, Opts: opts}
					wantPanic, wantErr := runOrPanic(std)
					sig, err := s.Sign(reader, d, opts)
					p, panicked := err.(*engine.PanicError)
					switch {
					case panicked != (wantPanic != nil) || panicked && fmt.Sprint(p.Value) != fmt.Sprint(wantPanic):
						t.Errorf("%d bytes, %v, reader %T: %v, want a panic %v", n, opts, reader, err, wantPanic)
					case !panicked && fmt.Sprint(err) != fmt.Sprint(wantErr):
						t.Errorf("%d bytes, %v, reader %T: %v, want %v", n, opts, reader, err, wantErr)
					case reader == nil && !bytes.Equal(sig, std.Signature):
						t.Errorf("%d bytes, %v, no reader: got %x, want %x", n, opts, sig, std.Signature)
					case err == nil && ecdsa.VerifyASN1(&key.PublicKey, d, sig) != ecdsa.VerifyASN1(&key.PublicKey, d, std.Signature):
						t.Errorf("%d bytes, %v, reader %T: %x is not valid", n, opts, reader, sig)
					}
				}
			}
		}
		if _, err := s.Sign(rand.Reader, make([]byte, 32), (*engine.ECDSAOptions)(nil)); err == nil {
			t.Error("signed with options that are nil")
		}

		for _, custom := range []bool{false, true, false} {
			t.Setenv("GODEBUG", fmt.Sprintf("cryptocustomrand=%d", map[bool]int{true: 1}[custom]))
			before := e.Stats().Vectorized
			var read counter
			d := digest(crypto.SHA256)
			sig, err := s.Sign(&read, d, crypto.SHA256)
			if err != nil || !ecdsa.VerifyASN1(&key.PublicKey, d, sig) || (read.n > 0) != custom {
				t.Errorf("a reader of one's own, cryptocustomrand %v: %d bytes read, %x, %v", custom, read.n, sig, err)
			}
			if n := e.Stats().Vectorized - before; (n == 1) != (lanes() && !custom) {
				t.Errorf("a reader of one's own, cryptocustomrand %v: %d signatures went through the lanes", custom, n)
			}
		}
		t.Setenv("GODEBUG", "")
	}
}

// A program may put a reader of its own in place of crypto/rand's, as tests do. Go takes no key and
// no nonce from it.
func TestReplacedReader(t *testing.T) {
	t.Setenv("GODEBUG", "cryptocustomrand=0")
	e := newEngine(t, multibuffer.Options{})
	s := wrap(t, e, newECDSA(t, elliptic.P256()))
	d, system := digest(crypto.SHA256), rand.Reader
	defer func() { rand.Reader = system }()
	rand.Reader = readerFunc(func(p []byte) (int, error) {
		t.Error("the program's reader is read")
		return len(p), nil // zeros
	})
	a, err := e.GenerateKey(t.Context(), ecdh.X25519())
	if err != nil {
		t.Fatal(err)
	}
	b, err := e.GenerateKey(t.Context(), ecdh.X25519())
	if err != nil {
		t.Fatal(err)
	}
	if a.PublicKey().Equal(b.PublicKey()) {
		t.Error("the same key twice")
	}
	for _, r := range []io.Reader{system, rand.Reader} {
		if _, err := s.Sign(r, d, crypto.SHA256); err != nil {
			t.Error(err)
		}
	}
}

// runOrPanic runs op and returns the value that it panics with, or its error.
func runOrPanic(op engine.Op) (panicked any, err error) {
	defer func() { panicked = recover() }()
	return nil, op.Run()
}

// A hedged signature depends on the key and the digest even if the random bytes do not change, and
// on the random bytes.
func TestHedgedSignatures(t *testing.T) {
	e := newEngine(t, multibuffer.Options{})
	seen := make(map[string]bool)
	n := 0
	for range 2 {
		key := newECDSA(t, elliptic.P256()).(*ecdsa.PrivateKey)
		s := wrap(t, e, key)
		for seed := range 3 {
			for i := range 3 {
				cryptotest.SetGlobalRandom(t, uint64(seed))
				d := bytes.Repeat([]byte{byte(i)}, 32)
				sig, err := s.Sign(rand.Reader, d, &engine.ECDSAOptions{Hash: crypto.SHA256, Raw: true})
				if err != nil {
					t.Fatal(err)
				}
				seen[string(sig[:32])] = true // two signatures with one nonce have one r
				n++
			}
		}
	}
	if len(seen) != n {
		t.Errorf("%d signatures have %d different nonces", n, len(seen))
	}
}

// A wrapped key refuses the input that crypto/ed25519 refuses, or panics for, in its words.
func TestEd25519Options(t *testing.T) {
	e := newEngine(t, multibuffer.Options{})
	key := newEd25519(t).(ed25519.PrivateKey)
	s := wrap(t, e, key)
	long := string(make([]byte, 256))
	for _, n := range []int{0, 32, 64, 1000} {
		message := make([]byte, n)
		for _, opts := range []crypto.SignerOpts{nil, crypto.Hash(0), crypto.SHA256, crypto.SHA512, options{}, (*ed25519.Options)(nil),
			&ed25519.Options{Hash: crypto.SHA384}, &ed25519.Options{Hash: crypto.SHA512}, &ed25519.Options{Context: long}, &ed25519.Options{Context: long[1:]},
			&ed25519.Options{Hash: crypto.SHA512, Context: long}, &ed25519.Options{Hash: crypto.SHA512, Context: long[1:]}} {
			for _, lone := range []bool{true, false} {
				std := &engine.SignOp{Key: key, Digest: message, Opts: opts}
				wantPanic, wantErr := runOrPanic(std)
				sign := func() {
					sig, err := s.Sign(nil, message, opts)
					p, panicked := err.(*engine.PanicError)
					switch {
					case panicked != (wantPanic != nil) || panicked && fmt.Sprint(p.Value) != fmt.Sprint(wantPanic):
						t.Errorf("%d bytes, %v: %v, want a panic %v", n, opts, err, wantPanic)
					case !panicked && (!bytes.Equal(sig, std.Signature) || fmt.Sprint(err) != fmt.Sprint(wantErr)):
						t.Errorf("%d bytes, %v: got %x, %v; want %x, %v", n, opts, sig, err, std.Signature, wantErr)
					}
				}
				if lone {
					sign()
					continue
				}
				one := newEngine(t, multibuffer.Options{Workers: 1})
				s := wrap(t, one, key)
				fs := make([]func(), 4)
				for i := range fs {
					fs[i] = func() {
						sig, err := s.Sign(nil, message, opts)
						if _, panicked := err.(*engine.PanicError); panicked != (wantPanic != nil) || !bytes.Equal(sig, std.Signature) {
							t.Errorf("%d bytes, %v, in a batch: %x, %v", n, opts, sig, err)
						}
					}
				}
				inOneBatch(t, one, map[string]int{"ed25519-sign": 4}, fs...)
			}
		}
	}
}
