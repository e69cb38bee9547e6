package rsa

import (
	"errors"
	"fmt"

	"asynccrypto/internal/ifma"
)

// PublicKey is an RSA public key, prepared for the lanes. It is only read, so any number of
// workspaces may use it at once.
type PublicKey struct {
	size int    // bytes of the modulus
	e    uint32 // 0 in the key of the lanes without an operation
	n    []uint64
}

// NewPublicKey prepares a key. It takes an odd modulus n, big-endian, of exactly 2048, 3072 or 4096
// bits, and the public exponent 3 or 65537. For other sizes and exponents the error wraps
// [ErrKeySize]: use crypto/rsa for them. Without the kernels it returns [ifma.ErrUnsupported].
func NewPublicKey(n []byte, e int) (*PublicKey, error) {
	if !ifma.Usable() {
		return nil, ifma.ErrUnsupported
	}
	n = trim(n)
	if err := checkSize(len(n)); err != nil {
		return nil, err
	}
	switch {
	case e != 3 && e != 65537:
		return nil, fmt.Errorf("%w: public exponent %d", ErrKeySize, e)
	case n[0]>>7 == 0:
		return nil, fmt.Errorf("%w: top bit not set", ErrKeySize)
	case n[len(n)-1]&1 == 0:
		return nil, errors.New("ifma: n is even, not a product of primes")
	}
	return newPublicKey(n, uint32(e)), nil
}

func newPublicKey(n []byte, e uint32) *PublicKey {
	y := layoutFor(digitsFor(len(n) * 8))
	k := &PublicKey{size: len(n), e: e, n: make([]uint64, y.size())}
	y.prepare(k.n, words(n, len(n)/8))
	return k
}

// Size returns the number of bytes of the modulus, which is the length of signatures.
func (k *PublicKey) Size() int { return k.size }

// PublicWorkspace is the memory of one batch of public-key operations. One batch at a time may use
// it. It holds nothing secret, so nothing is wiped: it remembers the keys of its lanes, and a lane
// that keeps its key is faster. It allocates nothing after NewPublicWorkspace.
type PublicWorkspace struct {
	size int
	n    field
	v    verifier
	s    []vec // signatures
	e    [lanes]uint32
	keys [lanes]*PublicKey // whose moduli n holds
	dead *PublicKey        // for the lanes without an operation
}

// NewPublicWorkspace makes a workspace for keys of size bytes: 256, 384 or 512. For other sizes the
// error wraps [ErrKeySize], and without the kernels it is [ifma.ErrUnsupported].
func NewPublicWorkspace(size int) (*PublicWorkspace, error) {
	if !ifma.Usable() {
		return nil, ifma.ErrUnsupported
	}
	if err := checkSize(size); err != nil {
		return nil, err
	}
	y := layoutFor(digitsFor(size * 8))
	w := &PublicWorkspace{size: size, dead: newPublicKey(ones(size), 0)}
	var count arena
	w.divide(&count, y)
	w.divide(&arena{mem: ifma.NewVecs(count.used)}, y)
	return w, nil
}

// divide takes the parts of w from a.
func (w *PublicWorkspace) divide(a *arena, y layout) {
	w.n.scratch = a.take(scratchFor(y.d), alignScratch)
	w.n.layout, w.n.mod = y, a.take(y.size(), y.alignMod())
	w.v.acc, w.v.sm, w.v.tmp = a.take(y.d, alignAcc), a.take(y.d, alignFactor), a.take(y.d, 0)
	w.s = a.take(y.d, alignFactor)
}

// Size returns the number of bytes of the moduli that the workspace is for.
func (w *PublicWorkspace) Size() int { return w.size }

// Open computes out[i] = in[i]^e mod n with keys[i] for i below n, all at once, to check
// signatures. Bit i of ok is set if it did. Numbers are big-endian and as long as the modulus.
// out[i] may be the same memory as in[i]. A batch takes the same time for 1 to 8 operations. One
// with 3 and 65537 as exponents takes the time of 65537.
//
// Open refuses a single operation, without effect on the others, if its key is nil or of another
// size than the workspace, in[i] or out[i] has the wrong length, or in[i] is not below the modulus.
// Then out[i] is all zero, if it has the right length.
//
// Open is not for encryption: the numbers are public, and stay in the workspace.
func (w *PublicWorkspace) Open(keys *[MaxBatch]*PublicKey, in, out *[MaxBatch][]byte, n int) (ok uint8) {
	n = min(n, MaxBatch)
	for l := range lanes {
		k := w.dead
		if l < n && keys[l] != nil && keys[l].size == w.size && len(in[l]) == w.size && len(out[l]) == w.size {
			k = keys[l]
			setBytes(w.s, l, in[l])
		}
		w.e[l] = k.e
		if w.keys[l] != k {
			w.n.setLane(l, k.n)
			w.keys[l] = k
		}
	}
	below := less(w.s, w.n.n())
	w.v.power(&w.n, w.s, &w.e)
	for l := range n {
		if len(out[l]) != w.size {
			continue
		}
		if w.e[l] != 0 && below[l] != 0 {
			bytesOf(out[l], w.v.acc, l)
			ok |= 1 << l
		} else {
			clear(out[l])
		}
	}
	return ok
}
