package curve25519

import (
	"errors"

	"asynccrypto/internal/ifma"
)

const (
	// PublicKeySize, SeedSize, SignatureSize and ScalarSize are lengths in bytes.
	PublicKeySize = 32
	SeedSize      = 32
	SignatureSize = 64
	ScalarSize    = 32
)

// PublicKey is an Ed25519 public key A, with a table of multiples of -A. It is only read, so any
// number of workspaces may use it at once.
type PublicKey struct {
	bytes   [PublicKeySize]byte
	compact bool
	table   table
}

// ErrPublicKey is the error for 32 bytes that are no point of the curve, or another length.
var ErrPublicKey = errors.New("curve25519: not an Ed25519 public key: no point of the curve, or not 32 bytes")

// NewPublicKey prepares an Ed25519 public key. It takes all keys that crypto/ed25519 takes when it
// verifies, also those of a small order and those that are not encoded canonically. The table has
// 104 KB, or with compact 4 KB, with which verifying takes longer. Without the kernels the error is
// [ifma.ErrUnsupported].
func NewPublicKey(pub []byte, compact bool) (*PublicKey, error) {
	if !ifma.Usable() {
		return nil, ifma.ErrUnsupported
	}
	if len(pub) != PublicKeySize {
		return nil, ErrPublicKey
	}
	w, b := pool.Get().(*Workspace), builders.Get().(*builder)
	defer pool.Put(w)
	defer builders.Put(b)
	k := &PublicKey{bytes: [PublicKeySize]byte(pub), compact: compact}
	var encoded [lanes]words
	for l := range encoded {
		encoded[l] = wordsOf(pub)
	}
	if w.decode(&encoded, true) == 0 {
		return nil, ErrPublicKey
	}
	if compact {
		b.chain(w, compactTables, compactWidth*compactWindows/compactTables)
		k.table = b.fill(w, compactTables, 1<<(compactWidth-1))
	} else {
		b.chain(w, keyWindows, keyWidth)
		k.table = b.fill(w, keyWindows, 1<<(keyWidth-1))
	}
	return k, nil
}

// Bytes returns a copy of the key as it was given to NewPublicKey.
func (k *PublicKey) Bytes() []byte { return append([]byte(nil), k.bytes[:]...) }
