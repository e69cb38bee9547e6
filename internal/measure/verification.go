package measure

import (
	"bytes"
	"context"
	"crypto"
	"crypto/rand"
	"errors"
	"fmt"

	"asynccrypto/engine"
)

// Signatures are signatures by one key, to be verified in turn. The last one is not valid: it is
// the signature of another digest.
type Signatures struct {
	Public              crypto.PublicKey
	Hash                crypto.Hash // 0 with Ed25519
	digests, signatures [][]byte
}

// NewSignatures makes n signatures, at least two, with an RSA (PKCS #1 v1.5), ECDSA or Ed25519 key.
func NewSignatures(key crypto.Signer, n int) (*Signatures, error) {
	s := &Signatures{Public: key.Public(), Hash: SigningHash(key)}
	for i := range uint64(n) {
		digest := Message(i, s.Hash)
		signed := digest
		if i == uint64(n-1) {
			signed = Message(uint64(n), s.Hash)
		}
		signature, err := key.Sign(rand.Reader, signed, s.Hash)
		if err != nil {
			return nil, err
		}
		s.digests, s.signatures = append(s.digests, digest), append(s.signatures, signature)
	}
	return s, nil
}

// Input returns input n of the verification.
func (s *Signatures) Input(n uint64) (digest, signature []byte) {
	i := n % uint64(len(s.digests))
	return s.digests[i], s.signatures[i]
}

// Check checks the result for input n. It is the digest if the signature was found valid, and
// empty if not.
func (s *Signatures) Check(n uint64, result []byte) error {
	i := n % uint64(len(s.digests))
	valid := i != uint64(len(s.digests)-1)
	if valid && !bytes.Equal(result, s.digests[i]) || !valid && len(result) > 0 {
		return fmt.Errorf("a verification gave the wrong answer; the signature is valid: %v", valid)
	}
	return nil
}

// Verification returns the verification of the signatures.
func (s *Signatures) Verification() *Operation {
	return &Operation{
		Algorithm: publicAlgorithm(s.Public),
		Name:      "verify",
		Direct: func(n uint64) ([]byte, error) {
			digest, signature := s.Input(n)
			if verifySignature(s.Public, digest, signature, s.Hash) != nil {
				return nil, nil
			}
			return digest, nil
		},
		Bind: func(e *engine.Engine) (JobOperation, error) {
			verifier, err := e.Verifier(s.Public)
			if err != nil {
				return nil, err
			}
			return func(ctx context.Context, n uint64) ([]byte, error) {
				digest, signature := s.Input(n)
				switch err := verifier.WithContext(ctx).Verify(digest, signature, s.Hash); {
				case errors.Is(err, engine.ErrVerification):
					return nil, nil
				case err != nil:
					return nil, err
				}
				return digest, nil
			}, nil
		},
		Verify: s.Check,
	}
}
