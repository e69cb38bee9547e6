package curve25519

import (
	"crypto/sha512"
	"errors"

	"asynccrypto/internal/ifma"
)

// PrivateKey is an Ed25519 private key, expanded, with its prepared public key. It holds secrets:
// call Wipe when done. Between NewPrivateKey and Wipe it is only read, so any number of workspaces
// may use it at once.
type PrivateKey struct {
	scalar words // mod order
	prefix [32]byte
	check  [32]byte // the complement of prefix
	public *PublicKey
	bytes  [PublicKeySize]byte // those of public
}

// ErrMismatch is the error for a public key that is not that of the seed.
var ErrMismatch = errors.New("curve25519: the public key is not that of the seed")

// NewPrivateKey prepares an Ed25519 private key from its seed of 32 bytes. public is its public
// key, or nil if it is to be computed. A public key that is not that of the seed is refused with
// [ErrMismatch]: crypto/ed25519 hashes the public key that stands in an ed25519.PrivateKey
// without looking at it, and two signatures of a message with two public keys give the private
// key away. compact is that of [NewPublicKey]. Without the kernels the error is
// [ifma.ErrUnsupported].
func NewPrivateKey(seed, public []byte, compact bool) (*PrivateKey, error) {
	if !ifma.Usable() {
		return nil, ifma.ErrUnsupported
	}
	if len(seed) != SeedSize {
		return nil, errors.New("curve25519: the seed of an Ed25519 key has 32 bytes")
	}
	w := pool.Get().(*Workspace)
	defer pool.Put(w)
	defer w.wipe()
	h := sha512.Sum512(seed)
	defer clear(h[:])
	k := &PrivateKey{prefix: [32]byte(h[32:])}
	for i, b := range k.prefix {
		k.check[i] = ^b
	}
	k.scalar = clamped(h[:32])
	k.scalar = reduce(&wide{k.scalar[0], k.scalar[1], k.scalar[2], k.scalar[3]})
	w.scalars[0] = k.scalar
	w.multiplyBase(&w.scalars, 1)
	w.encode(1)
	k.bytes = w.encoded[0]
	if public != nil && string(public) != string(k.bytes[:]) {
		k.Wipe()
		return nil, ErrMismatch
	}
	var err error
	if k.public, err = NewPublicKey(k.bytes[:], compact); err != nil {
		k.Wipe()
		return nil, err
	}
	return k, nil
}

// Public returns the prepared public key. It may be used after Wipe.
func (k *PrivateKey) Public() *PublicKey { return k.public }

// Wipe overwrites the key. No workspace may be using it, and it cannot be used afterwards.
func (k *PrivateKey) Wipe() {
	clear(k.scalar[:])
	clear(k.prefix[:])
	clear(k.check[:])
}

// intact reports whether the key was neither wiped nor spoilt. With a known prefix, or with
// another public key in the hash, a signature would be valid by all later checks and give the key
// away. A wrong scalar, or a wrong table of the public key, shows when the signature is verified.
func (k *PrivateKey) intact() bool {
	wrong := byte(0)
	for i, b := range k.prefix {
		wrong |= ^b ^ k.check[i]
		wrong |= k.bytes[i] ^ k.public.bytes[i]
	}
	return wrong == 0
}
