package engine

import "crypto/ecdh"

// ECDHOp is a key agreement, for Do.
type ECDHOp struct {
	Key  *ecdh.PrivateKey
	Peer *ecdh.PublicKey
	// Secret is the result.
	Secret []byte
}

// Run computes the shared secret.
func (o *ECDHOp) Run() (err error) {
	o.Secret, err = o.Key.ECDH(o.Peer)
	return err
}

// Wipe forgets the shared secret.
func (o *ECDHOp) Wipe() { clear(o.Secret) }
