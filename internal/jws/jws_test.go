package jws_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"errors"
	"io"
	"math/big"
	"testing"

	"asynccrypto/engine"
	"asynccrypto/internal/jws"
	"asynccrypto/internal/jws/jwstest"
)

// TestAlgorithms signs and verifies with each algorithm and key, and judges signatures that are
// invalid. The modules in folder interop test that the libraries take these signatures, and the
// other way round.
func TestAlgorithms(t *testing.T) {
	text := []byte("header.claims")
	for name, key := range jwstest.Algorithms() {
		alg := jws.Lookup(name)
		signer, verifier := jwstest.Wrap(t, key)
		for _, signer := range []crypto.Signer{signer, jwstest.Key(key)} {
			sig, err := alg.Sign(signer, text)
			if err != nil {
				t.Fatalf("%s, %s: %v", name, key, err)
			}
			if alg.Curve != nil && len(sig) != 2*((alg.Curve.Params().BitSize+7)/8) {
				t.Errorf("%s: a signature of %d bytes", name, len(sig))
			}
			for _, salt := range []int{rsa.PSSSaltLengthAuto, rsa.PSSSaltLengthEqualsHash} {
				if err := alg.Verify(verifier, text, sig, salt); err != nil {
					t.Errorf("%s, %s: %v", name, key, err)
				}
				for what, sig := range jwstest.Invalid(sig) {
					if err := alg.Verify(verifier, text, sig, salt); !errors.Is(err, engine.ErrVerification) {
						t.Errorf("%s, %s, %s: %v", name, key, what, err)
					}
				}
			}
		}
	}
	for _, name := range []string{"HS256", "none", "", "rs256"} {
		if jws.Lookup(name) != nil {
			t.Errorf("there is an algorithm %q", name)
		}
	}
}

// TestOtherKeys holds that no key is used with an algorithm that is not its own.
func TestOtherKeys(t *testing.T) {
	for _, alg := range jws.Algorithms {
		for _, name := range jwstest.Names {
			if jwstest.Fits(alg.Name, name) {
				continue
			}
			signer, verifier := jwstest.Wrap(t, name)
			if _, err := alg.Sign(signer, nil); !errors.Is(err, jws.ErrKey) {
				t.Errorf("%s signs with %s: %v", alg.Name, name, err)
			}
			if err := alg.Verify(verifier, nil, nil, 0); !errors.Is(err, jws.ErrKey) || errors.Is(err, engine.ErrVerification) {
				t.Errorf("%s verifies with %s: %v", alg.Name, name, err)
			}
		}
		for _, pub := range []crypto.PublicKey{nil, "no key", []byte("secret"), rsa.PublicKey{}, &ecdsa.PublicKey{Curve: elliptic.P224()}} {
			if err := alg.Check(pub); !errors.Is(err, jws.ErrKey) {
				t.Errorf("%s with %T: %v", alg.Name, pub, err)
			}
		}
	}
}

// remote is a key that somebody else has written.
type remote struct {
	public crypto.PublicKey
	sig    []byte
	err    error
}

func (r remote) Public() crypto.PublicKey { return r.public }

func (r remote) Sign(io.Reader, []byte, crypto.SignerOpts) ([]byte, error) { return r.sig, r.err }

// TestRemote holds that the ASN.1 of another signer is turned into r and s exactly, or refused.
func TestRemote(t *testing.T) {
	key, err := ecdsa.GenerateKey(elliptic.P521(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	es512 := jws.Lookup("ES512")
	sig, err := es512.Sign(remote{public: &key.PublicKey, sig: []byte{0x30, 6, 2, 1, 1, 2, 1, 0x7f}}, nil)
	if err != nil || len(sig) != 132 || new(big.Int).SetBytes(sig[:66]).Int64() != 1 || new(big.Int).SetBytes(sig[66:]).Int64() != 0x7f {
		t.Errorf("%x, %v", sig, err)
	}
	tooLong := append([]byte{0x30, 74, 2, 69, 1}, make([]byte, 68)...)
	for what, sig := range map[string][]byte{
		"nothing":       nil,
		"no ASN.1":      []byte("signature"),
		"raw":           make([]byte, 132),
		"bytes behind":  {0x30, 6, 2, 1, 1, 2, 1, 1, 0},
		"r is 0":        {0x30, 6, 2, 1, 0, 2, 1, 1},
		"s is negative": {0x30, 6, 2, 1, 1, 2, 1, 0xff},
		"r is too long": append(tooLong, 2, 1, 1),
		"r is n":        append(append([]byte{0x30, 71, 2, 66}, elliptic.P521().Params().N.Bytes()...), 2, 1, 1),
	} {
		if out, err := es512.Sign(remote{public: &key.PublicKey, sig: sig}, nil); err == nil {
			t.Errorf("%s: %x", what, out)
		}
	}
	down := errors.New("the service is down")
	if _, err := es512.Sign(remote{public: &key.PublicKey, err: down}, nil); !errors.Is(err, down) {
		t.Error(err)
	}
}
