package engine_test

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/asn1"
	"errors"
	"io"
	"math/big"
	"testing"

	"asynccrypto/engine"
	"asynccrypto/engine/workers"
)

// foreign is an ECDSA key of another package, which answers what it is told to.
type foreign struct {
	pub  crypto.PublicKey
	sign func(digest []byte, opts crypto.SignerOpts) ([]byte, error)
}

func (k foreign) Public() crypto.PublicKey { return k.pub }
func (k foreign) Sign(_ io.Reader, digest []byte, opts crypto.SignerOpts) ([]byte, error) {
	return k.sign(digest, opts)
}
func (k foreign) SignMessage(_ io.Reader, msg []byte, opts crypto.SignerOpts) ([]byte, error) {
	return k.sign(msg, opts)
}

// A raw signature has the numbers of the ASN.1 one, each as long as the curve's order, also if the
// key is another package's and knows nothing of ECDSAOptions.
func TestRawSignature(t *testing.T) {
	e := newWorkers(t, workers.Options{})
	for _, curve := range []elliptic.Curve{elliptic.P224(), elliptic.P256(), elliptic.P384(), elliptic.P521()} {
		size := (curve.Params().N.BitLen() + 7) / 8
		key := ecdsaKey(t, curve)
		n := curve.Params().N
		last := new(big.Int).Sub(n, big.NewInt(1))
		for _, tt := range []struct {
			r, s *big.Int
			ok   bool
		}{
			{big.NewInt(1), big.NewInt(255), true}, {last, last, true},
			{big.NewInt(0), last, false}, {last, big.NewInt(0), false}, {big.NewInt(-1), last, false},
			{n, last, false}, {last, n, false}, {new(big.Int).Lsh(n, 64), last, false},
		} {
			der, err := asn1.Marshal(struct{ R, S *big.Int }{tt.r, tt.s})
			if err != nil {
				t.Fatal(err)
			}
			k := foreign{key.Public(), func(_ []byte, opts crypto.SignerOpts) ([]byte, error) {
				if opts != crypto.SHA256 {
					t.Errorf("the key was given %T %v", opts, opts)
				}
				return der, nil
			}}
			s, err := e.Signer(k)
			if err != nil {
				t.Fatal(err)
			}
			raw, err := s.Sign(nil, make([]byte, 32), &engine.ECDSAOptions{Hash: crypto.SHA256, Raw: true})
			if tt.ok {
				want := append(tt.r.FillBytes(make([]byte, size)), tt.s.FillBytes(make([]byte, size))...)
				if err != nil || !bytes.Equal(raw, want) {
					t.Errorf("%x, %v; want %x", raw, err, want)
				}
			} else if err == nil || raw != nil {
				t.Errorf("r = %v, s = %v: %x, %v", tt.r, tt.s, raw, err)
			}
			if sig, err := s.Sign(nil, make([]byte, 32), &engine.ECDSAOptions{Hash: crypto.SHA256}); err != nil || !bytes.Equal(sig, der) {
				t.Errorf("ASN.1: %x, %v", sig, err)
			}
			if sig, err := s.(crypto.MessageSigner).SignMessage(nil, nil, &engine.ECDSAOptions{Hash: crypto.SHA256, Raw: true}); !bytes.Equal(sig, raw) || (err == nil) != tt.ok {
				t.Errorf("message: %x, %v", sig, err)
			}
		}
	}
}

// A signature that is not ASN.1 is an error, and so are options for a key of another kind. A key's
// own error is passed on.
func TestRawSignatureRefused(t *testing.T) {
	e := newWorkers(t, workers.Options{})
	raw := &engine.ECDSAOptions{Hash: crypto.SHA256, Raw: true}
	pub := ecdsaKey(t, elliptic.P256()).Public()
	answer := func(sig []byte, err error) foreign {
		return foreign{pub, func([]byte, crypto.SignerOpts) ([]byte, error) { return sig, err }}
	}
	good, err := asn1.Marshal(struct{ R, S int }{1, 2})
	if err != nil {
		t.Fatal(err)
	}
	for name, tt := range map[string]struct {
		key  crypto.Signer
		opts *engine.ECDSAOptions
		want error
	}{
		"nothing":        {answer(nil, nil), raw, nil},
		"raw already":    {answer(make([]byte, 64), nil), raw, nil},
		"trailing byte":  {answer(append(bytes.Clone(good), 0), nil), raw, nil},
		"cut":            {answer(good[:len(good)-1], nil), raw, nil},
		"one number":     {answer([]byte{0x30, 3, 2, 1, 1}, nil), raw, nil},
		"key's error":    {answer(nil, errOp), raw, errOp},
		"RSA":            {rsaKey(), raw, nil},
		"Ed25519":        {ed25519Key(t), raw, nil},
		"nil options":    {answer(good, nil), nil, nil},
		"no public key":  {foreign{nil, nil}, raw, nil},
		"nil public key": {foreign{(*ecdsa.PublicKey)(nil), nil}, raw, nil},
		"no curve":       {foreign{&ecdsa.PublicKey{}, nil}, raw, nil},
	} {
		s, err := e.Signer(tt.key)
		if err != nil {
			t.Fatal(err)
		}
		var p *engine.PanicError
		sig, err := s.Sign(rand.Reader, make([]byte, 32), tt.opts)
		if sig != nil || err == nil || errors.As(err, &p) || tt.want != nil && err != tt.want {
			t.Errorf("%s: %x, %v", name, sig, err)
		}
	}
}

// Without options, crypto/ecdsa signs if it is given a reader, as go-cose does, and refuses
// otherwise. So does a wrapped key.
func TestECDSAWithoutOptions(t *testing.T) {
	e := newWorkers(t, workers.Options{})
	key := ecdsaKey(t, elliptic.P256())
	s, err := e.Signer(key)
	if err != nil {
		t.Fatal(err)
	}
	digest := sha256.Sum256([]byte("message"))
	sig, err := s.Sign(rand.Reader, digest[:], nil)
	if err != nil || !ecdsa.VerifyASN1(&key.PublicKey, digest[:], sig) {
		t.Error(err)
	}
	_, want := key.Sign(nil, digest[:], nil)
	if _, err := s.Sign(nil, digest[:], nil); want == nil || err == nil || err.Error() != want.Error() {
		t.Errorf("%v, want %v", err, want)
	}
	// The deterministic signature is the standard library's, in either form.
	want1, err := key.Sign(nil, digest[:], crypto.SHA256)
	if err != nil {
		t.Fatal(err)
	}
	if sig, err := s.Sign(nil, digest[:], &engine.ECDSAOptions{Hash: crypto.SHA256}); err != nil || !bytes.Equal(sig, want1) {
		t.Errorf("%x, %v; want %x", sig, err, want1)
	}
}
