package rsa

import (
	"errors"
	"fmt"

	"asynccrypto/internal/ifma"
)

// Key is an RSA private key with two primes of equal length, prepared for the lanes. It holds
// secrets: call Wipe when done. Between NewKey and Wipe it is only read, so any number of
// workspaces may use it at once.
type Key struct {
	size int    // bytes of the modulus
	e    uint32 // public exponent
	mem  []uint64
	n    []uint64 // layout of the full width
	p, q []uint64 // layouts of half the width
	qinv []uint64 // 1/q mod p
	dp   []byte   // windows of the exponents, the most significant first
	dq   []byte
}

// windowBits is the width of the exponents' windows.
const windowBits = 5

func windows(bits int) int { return (bits + windowBits - 1) / windowBits }

// ErrKeySize is wrapped by the error of NewKey for a key that may be sound but has a size or
// exponent that the kernels do not take. Use crypto/rsa for it.
var ErrKeySize = errors.New("ifma: key size not supported")

// NewKey prepares a key. All numbers are big-endian, and NewKey copies them. It takes a modulus n
// of exactly 2048, 3072 or 4096 bits, primes p and q of exactly half as many, and an odd public
// exponent from 3 to 2^32-1. For other sizes the error wraps [ErrKeySize]. Values that do not
// belong together get another error: n = p·q, e·dp = 1 mod p-1, e·dq = 1 mod q-1 and q·qinv = 1
// mod p must hold. NewKey does not test whether p and q are prime. Without the kernels it returns
// [ifma.ErrUnsupported].
//
// Preparing takes a small part of the time of a signature, and the same time for all keys of a
// size.
func NewKey(n []byte, e int, p, q, dp, dq, qinv []byte) (*Key, error) {
	if !ifma.Usable() {
		return nil, ifma.ErrUnsupported
	}
	size := len(trim(n))
	if err := checkSize(size); err != nil {
		return nil, err
	}
	if e < 3 || e&1 == 0 || uint64(e) > 1<<32-1 {
		return nil, fmt.Errorf("%w: public exponent %d", ErrKeySize, e)
	}
	half := size / 2
	for _, v := range []*[]byte{&p, &q, &dp, &dq, &qinv} {
		// Only the bytes beyond half the modulus are looked at: they are zero, or the key is
		// refused. The number of zeros at the start of a shorter number stays secret.
		if extra := len(*v) - half; extra > 0 {
			if len(trim((*v)[:extra])) != 0 {
				return nil, fmt.Errorf("%w: primes of different lengths", ErrKeySize)
			}
			*v = (*v)[extra:]
		}
	}
	hw := half / 8
	var (
		nw    = words(trim(n), 2*hw)
		pw    = words(p, hw)
		qw    = words(q, hw)
		dpw   = words(dp, hw)
		dqw   = words(dq, hw)
		qinvw = words(qinv, hw)
	)
	defer wipe(pw, qw, dpw, dqw, qinvw)
	if nw[2*hw-1]>>63 == 0 || pw[hw-1]>>63 == 0 || qw[hw-1]>>63 == 0 {
		return nil, fmt.Errorf("%w: top bit not set", ErrKeySize)
	}
	if pw[0]&qw[0]&1 == 0 {
		return nil, errors.New("ifma: p or q is even, not a prime")
	}
	prod := mulWords(pw, qw)
	ok := equalWords(prod, nw)
	ok &= lessWords(qinvw, pw)
	clear(prod)
	modP := newWordModulus(pw)
	ok &= modP.isInverse(qinvw, qw)
	modP.wipe()
	ok &= isExponent(dpw, uint64(e), pw)
	ok &= isExponent(dqw, uint64(e), qw)
	if ok == 0 {
		return nil, errors.New("ifma: the values of the key do not belong together: check n, e, p, q, dp, dq, qinv")
	}

	full, part := layoutFor(digitsFor(size*8)), layoutFor(digitsFor(half*8))
	k := &Key{size: size, e: uint32(e)}
	k.mem = make([]uint64, full.size()+2*part.size()+part.d)
	mem := k.mem
	take := func(n int) []uint64 {
		s := mem[:n:n]
		mem = mem[n:]
		return s
	}
	k.n, k.p, k.q, k.qinv = take(full.size()), take(part.size()), take(part.size()), take(part.d)
	full.prepare(k.n, nw)
	part.prepare(k.p, pw)
	part.prepare(k.q, qw)
	toDigits(k.qinv, qinvw)
	k.dp, k.dq = split(dpw, half*8), split(dqw, half*8)
	return k, nil
}

// checkSize refuses moduli of a length that the kernels do not take.
func checkSize(size int) error {
	switch size {
	case 256, 384, 512:
		return nil
	}
	return fmt.Errorf("%w: modulus of %d bytes", ErrKeySize, size)
}

// Size returns the number of bytes of the modulus, which is the length of messages and signatures.
func (k *Key) Size() int { return k.size }

// Wipe overwrites the key. No workspace may be using it, and it cannot be used afterwards.
func (k *Key) Wipe() {
	clear(k.mem)
	clear(k.dp)
	clear(k.dq)
	k.size = 0
}

// trim drops leading zero bytes.
func trim(b []byte) []byte {
	for len(b) > 0 && b[0] == 0 {
		b = b[1:]
	}
	return b
}

func wipe(s ...[]uint64) {
	for _, x := range s {
		clear(x)
	}
}

// split cuts an exponent into windows, the most significant first.
func split(x []uint64, bits int) []byte {
	w := make([]byte, windows(bits))
	for i := range w {
		w[len(w)-1-i] = byte(bitsOf(x, i*windowBits, windowBits))
	}
	return w
}

// isExponent returns 1 if d < p and e·d = 1 mod p-1, for odd p with its top bit set.
func isExponent(d []uint64, e uint64, p []uint64) uint64 {
	p1 := append([]uint64(nil), p...)
	p1[0]--
	prod := mulWords(d, []uint64{e})
	r := mod(prod, p1)
	one := make([]uint64, len(p))
	one[0] = 1
	ok := lessWords(d, p) & equalWords(r, one)
	wipe(p1, prod, r)
	return ok
}
