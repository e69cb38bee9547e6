package ops

import (
	"context"
	"crypto"
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"fmt"

	"asynccrypto/engine/multibuffer"
	"asynccrypto/internal/measure"
)

// signaturesOfKey is how many signatures of each key there are to verify. It takes time to make
// them.
const signaturesOfKey = 8

// prepare returns the operation with the key of a number. The parent has sent the RSA keys; the
// others are made here.
func (w *worker) prepare(algorithm, operation string, number int) (*keyed, error) {
	if operation == VerifyAny {
		return verifyAny(algorithm)
	}
	var key any
	var err error
	if all := w.keys[algorithm]; number < len(all) {
		key, err = x509.ParsePKCS8PrivateKey(all[number])
	} else {
		key, err = measure.GenerateKey(algorithm)
	}
	if err != nil {
		return nil, err
	}
	k := &keyed{key: key}
	rsaKey, isRSA := key.(*rsa.PrivateKey)
	x25519, isX25519 := key.(*ecdh.PrivateKey)
	signer, isSigner := key.(crypto.Signer)
	switch {
	case operation == "sign" && isSigner:
		k.Operation = measure.Sign(signer, rand.Reader)
	case operation == SignRFC6979 && isSigner:
		k.Operation = measure.Sign(signer, nil)
	case operation == "verify" && isSigner:
		if k.signatures, err = w.signatures(signer); err == nil {
			k.Operation = k.signatures.Verification()
		}
	case operation == "decrypt" && isRSA:
		k.Operation, err = measure.Decrypt(rsaKey)
	case operation == "derive" && isX25519:
		if k.agreement, err = measure.NewAgreement(x25519); err == nil {
			k.Operation = k.agreement.Derivation()
		}
	case operation == "keygen" && isX25519:
		k.Operation = measure.GenerateX25519()
	default:
		err = fmt.Errorf("%s keys do not %s", algorithm, operation)
	}
	if err != nil {
		return nil, err
	}
	k.engine, err = k.Bind(w.e)
	return k, err
}

// signatures makes the signatures to verify with a key. It signs through the engine, which takes a
// part of the time.
func (w *worker) signatures(key crypto.Signer) (*measure.Signatures, error) {
	signer, err := w.e.Signer(key)
	if err != nil {
		return nil, err
	}
	defer signer.Close()
	return measure.NewSignatures(signer, signaturesOfKey)
}

// anyKeys is how many keys take turns where no key is known: four times as many as package
// multibuffer keeps in mind, so that it has forgotten each one when its turn comes again. With
// fewer, some sets of its table would hold all their keys.
const anyKeys = 4096

// verifyAny returns the verification by the functions of package multibuffer that take a key as it
// is.
func verifyAny(algorithm string) (*keyed, error) {
	all := make([]*measure.Signatures, anyKeys)
	for i := range all {
		key, err := measure.GenerateKey(algorithm)
		if err != nil {
			return nil, err
		}
		signer, ok := key.(crypto.Signer)
		if !ok {
			return nil, fmt.Errorf("%s keys do not verify", algorithm)
		}
		if all[i], err = measure.NewSignatures(signer, 2); err != nil {
			return nil, err
		}
	}
	// pick returns the key and the number of its input. One of 64 signatures is not valid.
	pick := func(n uint64) (s *measure.Signatures, input uint64) {
		if n%64 == 63 {
			input = 1
		}
		return all[n%anyKeys], input
	}
	op := &measure.Operation{
		Algorithm: algorithm,
		Name:      VerifyAny,
		Direct: func(n uint64) ([]byte, error) {
			s, i := pick(n)
			return s.Verification().Direct(i)
		},
		Verify: func(n uint64, result []byte) error {
			s, i := pick(n)
			return s.Check(i, result)
		},
	}
	return &keyed{Operation: op, engine: func(_ context.Context, n uint64) ([]byte, error) {
		s, i := pick(n)
		digest, signature := s.Input(i)
		valid := false
		switch public := s.Public.(type) {
		case *ecdsa.PublicKey:
			valid = multibuffer.VerifyASN1(public, digest, signature)
		case ed25519.PublicKey:
			valid = multibuffer.VerifyEd25519(public, digest, signature)
		case *rsa.PublicKey:
			valid = multibuffer.VerifyPKCS1v15(public, s.Hash, digest, signature) == nil
		}
		if !valid {
			return nil, nil
		}
		return digest, nil
	}}, nil
}
