package measure

import (
	"bytes"
	"context"
	"crypto/ecdh"
	"crypto/rand"

	"asynccrypto/engine"
)

// Agreement is a key of X25519 with the peers that it agrees with in turn.
type Agreement struct {
	Key     *ecdh.PrivateKey
	peers   [inputs]*ecdh.PublicKey
	secrets [inputs][]byte // as the peers derive them
}

// NewAgreement makes the peers of a key.
func NewAgreement(key *ecdh.PrivateKey) (*Agreement, error) {
	a := &Agreement{Key: key}
	for i := range a.peers {
		peer, err := key.Curve().GenerateKey(rand.Reader)
		if err != nil {
			return nil, err
		}
		a.peers[i] = peer.PublicKey()
		if a.secrets[i], err = peer.ECDH(key.PublicKey()); err != nil {
			return nil, err
		}
	}
	return a, nil
}

// Peer returns input n.
func (a *Agreement) Peer(n uint64) *ecdh.PublicKey { return a.peers[n%inputs] }

// Derivation returns the key agreement.
func (a *Agreement) Derivation() *Operation {
	return &Operation{
		Algorithm: KeyAlgorithm(a.Key),
		Name:      "derive",
		Direct:    func(n uint64) ([]byte, error) { return a.Key.ECDH(a.Peer(n)) },
		Bind: func(e *engine.Engine) (JobOperation, error) {
			exchanger, err := e.KeyExchanger(a.Key)
			if err != nil {
				return nil, err
			}
			return func(ctx context.Context, n uint64) ([]byte, error) {
				return exchanger.WithContext(ctx).ECDH(a.Peer(n))
			}, nil
		},
		Verify: func(n uint64, secret []byte) error {
			if !bytes.Equal(secret, a.secrets[n%inputs]) {
				return errWrongResult
			}
			return nil
		},
	}
}
