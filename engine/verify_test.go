//lint:file-ignore SA1019 these tests make bad keys, by their coordinates

package engine_test

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/sha512"
	"errors"
	"math/big"
	"strings"
	"testing"

	"asynccrypto/engine"
	"asynccrypto/engine/workers"
	"asynccrypto/internal/publickey"
)

func ecdsaKey(t *testing.T, curve elliptic.Curve) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(curve, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func ed25519Key(t *testing.T) ed25519.PrivateKey {
	t.Helper()
	_, key, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// signature is one signature of each kind, with the options that it was made with.
type signature struct {
	name   string
	key    crypto.Signer
	digest []byte
	opts   crypto.SignerOpts
}

func signatures(t *testing.T) []signature {
	message := []byte("message")
	d256, d512 := sha256.Sum256(message), sha512.Sum512(message)
	p224, p256 := ecdsaKey(t, elliptic.P224()), ecdsaKey(t, elliptic.P256())
	p384, p521 := ecdsaKey(t, elliptic.P384()), ecdsaKey(t, elliptic.P521())
	ed := ed25519Key(t)
	raw := &engine.ECDSAOptions{Hash: crypto.SHA256, Raw: true}
	return []signature{
		{"PKCS #1", rsaKey(), d256[:], crypto.SHA256},
		{"PKCS #1, SHA-512", rsaKey(), d512[:], crypto.SHA512},
		{"PKCS #1 without a hash", rsaKey(), message, crypto.Hash(0)},
		{"PKCS #1, empty", rsaKey(), nil, crypto.Hash(0)},
		{"PSS", rsaKey(), d256[:], &rsa.PSSOptions{Hash: crypto.SHA256}},
		{"PSS, salt of the hash's length", rsaKey(), d512[:], &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash, Hash: crypto.SHA512}},
		{"PSS, salt of 7", rsaKey(), d256[:], &rsa.PSSOptions{SaltLength: 7, Hash: crypto.SHA256}},
		{"P-224", p224, d256[:], crypto.SHA256},
		{"P-224, raw", p224, d256[:], raw},
		{"P-256", p256, d256[:], crypto.SHA256},
		{"P-256, no options", p256, d256[:], nil},
		{"P-256, ASN.1 by options", p256, d256[:], &engine.ECDSAOptions{Hash: crypto.SHA256}},
		{"P-256, raw", p256, d256[:], raw},
		{"P-384", p384, d256[:], crypto.SHA256},
		{"P-384, raw", p384, d512[:], &engine.ECDSAOptions{Hash: crypto.SHA512, Raw: true}},
		{"P-521, raw", p521, d256[:], raw},
		{"Ed25519", ed, message, crypto.Hash(0)},
		{"Ed25519, long", ed, bytes.Repeat(message, 100), &ed25519.Options{}},
		{"Ed25519, empty", ed, nil, crypto.Hash(0)},
		{"Ed25519ctx", ed, message, &ed25519.Options{Context: "context"}},
		{"Ed25519ph", ed, d512[:], crypto.SHA512},
		{"Ed25519ph with a context", ed, d512[:], &ed25519.Options{Hash: crypto.SHA512, Context: "context"}},
	}
}

// A verifier accepts the signatures of the same engine's signer, and none that differ in one place.
func TestVerify(t *testing.T) {
	e := newWorkers(t, workers.Options{})
	for _, tt := range signatures(t) {
		t.Run(tt.name, func(t *testing.T) {
			s, err := e.Signer(tt.key)
			if err != nil {
				t.Fatal(err)
			}
			sig, err := s.Sign(rand.Reader, tt.digest, tt.opts)
			if err != nil {
				t.Fatal(err)
			}
			v, err := e.Verifier(s.Public())
			if err != nil {
				t.Fatal(err)
			}
			if !publickey.Equal(v.Public(), s.Public()) {
				t.Error("another public key")
			}
			digest := bytes.Clone(tt.digest)
			if err := v.Verify(digest, sig, tt.opts); err != nil {
				t.Error(err)
			}
			invalid := func(how string, digest, sig []byte) {
				t.Helper()
				err := v.Verify(digest, sig, tt.opts)
				_, isRSA := tt.key.(*rsa.PrivateKey)
				if !errors.Is(err, engine.ErrVerification) || errors.Is(err, rsa.ErrVerification) != isRSA {
					t.Errorf("%s: %v", how, err)
				}
			}
			invalid("no signature", digest, nil)
			invalid("short", digest, sig[:len(sig)-1])
			invalid("long", digest, append(bytes.Clone(sig), 0))
			invalid("zero", digest, make([]byte, len(sig)))
			for _, i := range []int{0, 1, len(sig) / 2, len(sig) - 1} {
				bad := bytes.Clone(sig)
				bad[i] ^= 1
				invalid("changed", digest, bad)
			}
			if len(digest) > 0 {
				digest[0] ^= 1
				invalid("another digest", digest, sig)
			}
		})
	}
}

// Misuse is an error, and says nothing about the signature.
func TestVerifyMisuse(t *testing.T) {
	e := newWorkers(t, workers.Options{})
	d := make([]byte, 32)
	r, ec, ed := rsaKey().Public(), ecdsaKey(t, elliptic.P256()).Public(), ed25519Key(t).Public()
	var none []crypto.SignerOpts
	for _, tt := range []struct {
		key    crypto.PublicKey
		digest []byte
		opts   []crypto.SignerOpts
	}{
		{r, d, []crypto.SignerOpts{nil, crypto.SHA512, crypto.Hash(99), &engine.ECDSAOptions{Hash: crypto.SHA256}, &ed25519.Options{},
			(*rsa.PSSOptions)(nil), &rsa.PSSOptions{}, &rsa.PSSOptions{Hash: crypto.SHA512}, &rsa.PSSOptions{Hash: crypto.Hash(99)},
			&rsa.PSSOptions{Hash: crypto.SHA256, SaltLength: -7}, &rsa.PSSOptions{Hash: crypto.BLAKE2s_256}}},
		{r, d[:31], []crypto.SignerOpts{crypto.SHA256, &rsa.PSSOptions{Hash: crypto.SHA256}}},
		{r, nil, []crypto.SignerOpts{crypto.SHA256, &rsa.PSSOptions{Hash: crypto.SHA256}, &rsa.PSSOptions{}}},
		{ec, d, []crypto.SignerOpts{&rsa.PSSOptions{Hash: crypto.SHA256}, &ed25519.Options{}}},
		{ed, d, []crypto.SignerOpts{nil, crypto.SHA256, crypto.Hash(99), crypto.SHA512, &rsa.PSSOptions{}, &engine.ECDSAOptions{}, (*ed25519.Options)(nil),
			&ed25519.Options{Hash: crypto.SHA512}, &ed25519.Options{Hash: crypto.SHA256}, &ed25519.Options{Context: strings.Repeat("c", 256)}}},
		{ed.(ed25519.PublicKey)[:31], d, append(none, crypto.Hash(0))},
		{&ecdsa.PublicKey{}, d, append(none, crypto.SHA256)},
		{&ecdsa.PublicKey{Curve: elliptic.P256()}, d, append(none, crypto.SHA256)},
		{(*ecdsa.PublicKey)(nil), d, append(none, crypto.SHA256)},
		{(*rsa.PublicKey)(nil), d, append(none, crypto.SHA256)},
		{&rsa.PublicKey{}, d, append(none, crypto.SHA256)},
		{nil, d, append(none, crypto.SHA256)},
		{rsaKey().PublicKey, d, append(none, crypto.SHA256)},
		{"key", d, append(none, crypto.SHA256)},
	} {
		for _, opts := range tt.opts {
			op := &engine.VerifyOp{Key: tt.key, Digest: tt.digest, Signature: make([]byte, 64), Opts: opts}
			err := op.Run() // not by the engine, which would recover a panic
			if err == nil || errors.Is(err, engine.ErrVerification) || errors.Is(err, rsa.ErrVerification) {
				t.Errorf("key %T, digest of %d bytes, options %T %+v: %v", tt.key, len(tt.digest), opts, opts, err)
			}
		}
	}
	if err := e.Do(t.Context(), (*engine.VerifyOp)(nil)); err == nil || errors.Is(err, engine.ErrVerification) {
		t.Error(err)
	}
}

// A verifier takes the keys that the standard library verifies with, and no others.
func TestRefusedPublicKeys(t *testing.T) {
	e := newWorkers(t, workers.Options{})
	key := rsaKey().PublicKey
	p := ecdsaKey(t, elliptic.P256()).PublicKey
	for name, pub := range map[string]crypto.PublicKey{
		"nil":               nil,
		"nil RSA":           (*rsa.PublicKey)(nil),
		"no modulus":        &rsa.PublicKey{E: 65537},
		"negative modulus":  &rsa.PublicKey{N: new(big.Int).Neg(key.N), E: 65537},
		"even modulus":      &rsa.PublicKey{N: new(big.Int).Lsh(key.N, 1), E: 65537},
		"small modulus":     &rsa.PublicKey{N: big.NewInt(35), E: 5},
		"exponent 1":        &rsa.PublicKey{N: key.N, E: 1},
		"exponent even":     &rsa.PublicKey{N: key.N, E: 65536},
		"exponent negative": &rsa.PublicKey{N: key.N, E: -3},
		"nil ECDSA":         (*ecdsa.PublicKey)(nil),
		"no curve":          &ecdsa.PublicKey{X: p.X, Y: p.Y},
		"no point":          &ecdsa.PublicKey{Curve: elliptic.P256()},
		"not on the curve":  &ecdsa.PublicKey{Curve: elliptic.P256(), X: p.X, Y: p.X},
		"infinity":          &ecdsa.PublicKey{Curve: elliptic.P256(), X: new(big.Int), Y: new(big.Int)},
		"negative":          &ecdsa.PublicKey{Curve: elliptic.P256(), X: p.X, Y: new(big.Int).Neg(p.Y)},
		"curve that panics": &ecdsa.PublicKey{Curve: panickingCurve{elliptic.P256()}, X: p.X, Y: p.Y},
		"nil Ed25519":       ed25519.PublicKey(nil),
		"short Ed25519":     make(ed25519.PublicKey, 31),
		"no point Ed25519":  append(ed25519.PublicKey{2}, make([]byte, 31)...),
		"private":           rsaKey(),
		"value":             key,
		"text":              "key",
	} {
		if v, err := e.Verifier(pub); v != nil || err == nil || errors.Is(err, engine.ErrVerification) {
			t.Errorf("%s: %v, %v", name, v, err)
		}
	}
}

type panickingCurve struct{ elliptic.Curve }

func (panickingCurve) IsOnCurve(x, y *big.Int) bool { panic("curve") }

// customCurve is P-256 as a program's own curve.
type customCurve struct{ elliptic.Curve }

// A key of a custom curve is verified with as crypto/ecdsa does, and is copied.
func TestVerifyCustomCurve(t *testing.T) {
	e := newWorkers(t, workers.Options{})
	key := ecdsaKey(t, elliptic.P256())
	pub := &ecdsa.PublicKey{Curve: customCurve{elliptic.P256()}, X: key.X, Y: new(big.Int).Set(key.Y)}
	v, err := e.Verifier(pub)
	if err != nil {
		t.Fatal(err)
	}
	pub.Y.SetInt64(1)
	digest := make([]byte, 32)
	sig, err := key.Sign(rand.Reader, digest, crypto.SHA256)
	if err == nil {
		err = v.Verify(digest, sig, crypto.SHA256)
	}
	if err != nil {
		t.Error(err)
	}
}

// Verifier accepts the encodings of Ed25519 keys that crypto/ed25519 accepts. That package says so
// by the text of its error alone: a key that is not accepted has another than a bad signature.
func TestEd25519KeysAreTheStandardLibrarys(t *testing.T) {
	e := newWorkers(t, workers.Options{})
	verify := func(pub ed25519.PublicKey) string {
		return ed25519.VerifyWithOptions(pub, nil, make([]byte, 63), &ed25519.Options{}).Error()
	}
	badSignature := verify(ed25519Key(t).Public().(ed25519.PublicKey))
	pub, points := make(ed25519.PublicKey, 32), 0
	edges := 64 // encodings around 0 and around p, of either sign
	for i := range 300 {
		switch {
		case i < edges:
			clear(pub)
			pub[0] = byte(i / 4)
			if i&1 == 1 {
				pub[31] |= 0x80
			}
			if i&2 == 2 {
				for j := range pub {
					pub[j] = ^pub[j]
				}
			}
		default:
			rand.Read(pub)
		}
		_, err := e.Verifier(pub)
		if want := verify(pub) == badSignature; (err == nil) != want {
			t.Errorf("%x: %v; the standard library accepts it: %v", pub, err, want)
		}
		if err == nil {
			points++
		}
	}
	if points < 100 {
		t.Errorf("only %d of 300 keys were accepted", points)
	}
}

// The caller may change its inputs, key included, as soon as an abandoned call has returned.
func TestVerifyCopiesItsInput(t *testing.T) {
	m := newManual(t, 8)
	key := ed25519Key(t)
	pub := bytes.Clone(key.Public().(ed25519.PublicKey))
	v, err := m.Verifier(ed25519.PublicKey(pub))
	if err != nil {
		t.Fatal(err)
	}
	for _, size := range []int{10, 1000} {
		message := bytes.Repeat([]byte{1}, size)
		opts := &ed25519.Options{Context: "before"}
		sig, err := key.Sign(nil, message, opts)
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		returned := make(chan error)
		go func() {
			err := v.WithContext(ctx).Verify(message, sig, opts)
			clear(message)
			clear(sig)
			clear(pub)
			opts.Context = "after"
			returned <- err
		}()
		r := <-m.taken
		cancel()
		if err := <-returned; err != context.Canceled {
			t.Error(err)
		}
		op := r.Op().(*engine.VerifyOp)
		if cap(op.Digest) != len(op.Digest) {
			t.Error("an append to the digest would change the signature")
		}
		if err := op.Run(); err != nil {
			t.Errorf("%d bytes: the operation sees what its caller did after it had returned: %v", size, err)
		}
		r.Complete(nil)
	}
}

// NewVerifyOp gives the operation that Verify submits.
func TestNewVerifyOp(t *testing.T) {
	m := newManual(t, 8)
	key := ed25519Key(t)
	v, err := m.Verifier(key.Public())
	if err != nil {
		t.Fatal(err)
	}
	message := []byte("message")
	for _, sig := range [][]byte{ed25519.Sign(key, message), make([]byte, 64)} {
		op, ctx, err := engine.NewVerifyOp(v.WithContext(t.Context()), message, sig, crypto.Hash(0))
		if err != nil || ctx != t.Context() {
			t.Fatal(ctx, err)
		}
		if err := op.Run(); (err == nil) != (sig[0] != 0 || sig[63] != 0) {
			t.Error(err)
		}
	}
	v.Close()
	if op, _, err := engine.NewVerifyOp(v, nil, nil, nil); op != nil || err != engine.ErrClosed {
		t.Error(op, err)
	}
	if op, _, err := engine.NewVerifyOp(nil, nil, nil, nil); op != nil || err == nil {
		t.Error("an operation of no verifier")
	}
}
