package measure

import (
	"bytes"
	"context"
	"crypto/ecdh"
	"crypto/rand"

	"asynccrypto/engine"
)

// GenerateX25519 returns the generation of X25519 keys. A result is the private key, and the public
// key after it.
func GenerateX25519() *Operation {
	curve := ecdh.X25519()
	return &Operation{
		Algorithm: "ecdhx25519",
		Name:      "keygen",
		Direct: func(uint64) ([]byte, error) {
			key, err := curve.GenerateKey(rand.Reader)
			if err != nil {
				return nil, err
			}
			return append(key.Bytes(), key.PublicKey().Bytes()...), nil
		},
		Bind: func(e *engine.Engine) (JobOperation, error) {
			return func(ctx context.Context, _ uint64) ([]byte, error) {
				op := &engine.GenerateKeyOp{Curve: curve}
				if err := e.Do(ctx, op); err != nil {
					return nil, err
				}
				if op.Key != nil {
					return append(op.Key.Bytes(), op.Key.PublicKey().Bytes()...), nil
				}
				return append(bytes.Clone(op.Private), op.Public.Bytes()...), nil
			}, nil
		},
		Verify: func(_ uint64, result []byte) error {
			private, public := result[:len(result)/2], result[len(result)/2:]
			key, err := curve.NewPrivateKey(private)
			if err != nil {
				return err
			}
			if !bytes.Equal(key.PublicKey().Bytes(), public) {
				return errWrongResult
			}
			return nil
		},
	}
}
