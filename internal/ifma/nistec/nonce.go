package nistec

import (
	"bytes"
	"crypto"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/subtle"
	"encoding/binary"
	"errors"
	"math/bits"
)

// entropySize is the number of fresh random bytes in a hedged nonce.
const entropySize = 32

// HedgedNonce fills nonce, of Size bytes, with a hash of d, 32 random bytes and the leftmost Size
// bytes of digest, one behind the other. The hash is SHA-256 for P-256, and the leftmost bytes of
// SHA-512 for P-384. HedgedNonce tries again with other random bytes if that is not a number from
// 1 to n-1, which happens once in 2^32 times for P-256 and never for P-384. The nonce is unique as
// long as the random bytes are. If they are not, it is still one that nobody else knows, and
// another for each digest.
func (k *PrivateKey) HedgedNonce(nonce, digest []byte) error {
	if err := k.checkNonce(nonce); err != nil {
		return err
	}
	var entropy [entropySize]byte
	defer clear(entropy[:])
	for {
		rand.Read(entropy[:]) // never fails
		if k.hedgedNonce(nonce, digest, entropy[:]) {
			return nil
		}
	}
}

// hedgedNonce fills nonce for these random bytes and reports whether it is in range.
func (k *PrivateKey) hedgedNonce(nonce, digest, entropy []byte) bool {
	var buf [maxSize + entropySize + maxSize]byte
	msg := k.appendHedged(buf[:0], digest, entropy)
	if k.c.size == hashSize {
		sum := sha256.Sum256(msg)
		copy(nonce, sum[:])
		clear(sum[:])
	} else {
		sum := sha512.Sum512(msg)
		copy(nonce, sum[:])
		clear(sum[:])
	}
	clear(msg)
	return k.c.isNonce(nonce)
}

// appendHedged appends what a hedged nonce is the hash of.
func (k *PrivateKey) appendHedged(msg, digest, entropy []byte) []byte {
	return append(append(append(msg, k.d...), entropy...), digest[:min(len(digest), k.c.size)]...)
}

// HedgedNonces is [PrivateKey.HedgedNonce] in the lanes of live, all at once: bit l stands for
// nonces[l], keys[l] and digests[l]. Bit l of ok is set if nonces[l] is filled. It is clear if
// HedgedNonce returns an error, and for a nil key.
func (w *Workspace) HedgedNonces(nonces *[MaxBatch][]byte, keys *[MaxBatch]*PrivateKey, digests *[MaxBatch][]byte, live uint8) (ok uint8) {
	var entropy [MaxBatch * entropySize]byte
	defer clear(entropy[:])
	ok = w.hashNonces(nonces, keys, live, func(hashed uint8) {
		rand.Read(entropy[:]) // never fails
		var buf [maxSize + entropySize + maxSize]byte
		for l, k := range keys {
			if hashed>>l&1 == 1 {
				msg := k.appendHedged(buf[:0], digests[l], entropy[l*entropySize:][:entropySize])
				setBlocks(&w.hashes.message, l, msg, 0)
			}
		}
		clear(buf[:])
		w.hashes.hedged()
	})
	for l, k := range keys {
		if live>>l&^(ok>>l)&1 == 1 && k != nil && k.HedgedNonce(nonces[l], digests[l]) == nil {
			ok |= 1 << l
		}
	}
	return ok
}

// DeterministicNonces is [PrivateKey.DeterministicNonce] for SHA-256 in the lanes of live, all at
// once: bit l stands for nonces[l], keys[l] and digests[l]. Bit l of ok is set if nonces[l] is
// filled. It is clear if DeterministicNonce returns an error, and for a nil key.
func (w *Workspace) DeterministicNonces(nonces *[MaxBatch][]byte, keys *[MaxBatch]*PrivateKey, digests *[MaxBatch][]byte, live uint8) (ok uint8) {
	ok = w.hashNonces(nonces, keys, live, func(hashed uint8) {
		var buf [hashSize + 1 + 2*hashSize]byte // V | 0 | d | digest, with no V yet
		for l, k := range keys {
			if hashed>>l&1 == 1 {
				n := hashSize + 1
				n += copy(buf[n:], k.d)
				k.c.bitsToOctets(buf[n:], digests[l])
				setBlocks(&w.hashes.message, l, buf[:], blockSize)
			}
		}
		clear(buf[:])
		w.hashes.deterministic()
	})
	for l, k := range keys {
		if live>>l&^(ok>>l)&1 == 1 && k != nil && k.DeterministicNonce(nonces[l], crypto.SHA256, digests[l]) == nil {
			ok |= 1 << l
		}
	}
	return ok
}

// leastHashed is how many nonces take less time in lanes than one after the other.
const leastHashed = 2

// hashNonces fills nonces with what hash leaves in w.hashes.v. It returns the lanes in which that
// is done. The others are left to the methods of the keys: keys of another curve, a batch too small
// to gain, and lanes whose first candidate is rejected.
func (w *Workspace) hashNonces(nonces *[MaxBatch][]byte, keys *[MaxBatch]*PrivateKey, live uint8, hash func(lanes uint8)) (ok uint8) {
	for l, k := range keys {
		if k == nil || k.c != w.c || k.checkNonce(nonces[l]) != nil {
			live &^= 1 << l
		}
	}
	if w.c.size != hashSize || bits.OnesCount8(live) < leastHashed {
		return 0
	}
	defer func() { *w.hashes = hashLanes{} }()
	hash(live)
	for l, nonce := range nonces {
		if live>>l&1 == 1 {
			w.hashes.v.bytesOf(nonce, l)
			if w.c.isNonce(nonce) {
				ok |= 1 << l
			}
		}
	}
	return ok
}

func (k *PrivateKey) checkNonce(nonce []byte) error {
	if k.c == nil {
		return errors.New("ifma: the private key is wiped")
	}
	if len(nonce) != k.c.size {
		return errors.New("ifma: the nonce has the wrong length: give it Curve.Size bytes")
	}
	return nil
}

// isNonce reports whether b, of size bytes, is a number from 1 to n-1. The time depends on the
// answer only. It says nothing about a number that passes.
func (c *Curve) isNonce(b []byte) bool {
	var borrow, or uint64
	for i := len(b) - 8; i >= 0; i -= 8 {
		x := binary.BigEndian.Uint64(b[i:])
		_, borrow = bits.Sub64(x, binary.BigEndian.Uint64(c.n.bytes[i:]), borrow)
		or |= x
	}
	return borrow == 1 && or != 0
}

// DeterministicNonce fills nonce, of Size bytes, with the nonce of RFC 6979 for the key, for
// digest and for the hash function that made digest. It is the one that crypto/ecdsa uses. For
// SHA-256, SHA-384 and SHA-512 it allocates nothing; with another hash, copies of secrets stay
// in memory until the garbage collector reuses it.
func (k *PrivateKey) DeterministicNonce(nonce []byte, hash crypto.Hash, digest []byte) error {
	if err := k.checkNonce(nonce); err != nil {
		return err
	}
	if !hash.Available() {
		return errors.New("ifma: the hash function is not available: import its package")
	}
	g := newDRBG(hash)
	defer g.wipe()
	var digestOctets [maxSize]byte
	k.c.bitsToOctets(digestOctets[:k.c.size], digest)
	g.update(0, k.d, digestOctets[:k.c.size])
	g.update(1, k.d, digestOctets[:k.c.size])
	for {
		for n := 0; n < len(nonce); {
			g.next()
			n += copy(nonce[n:], g.v[:g.size])
		}
		if k.c.isNonce(nonce) {
			return nil
		}
		g.update(0, nil, nil)
	}
}

// bitsToOctets is bits2octets of RFC 6979, section 2.3.4: the leftmost bytes of digest mod n.
func (c *Curve) bitsToOctets(dst, digest []byte) {
	digest = digest[:min(len(digest), c.size)]
	clear(dst)
	copy(dst[c.size-len(digest):], digest)
	var less, borrow uint64
	for i := c.size - 8; i >= 0; i -= 8 {
		x, n := binary.BigEndian.Uint64(dst[i:]), binary.BigEndian.Uint64(c.n.bytes[i:])
		_, less = bits.Sub64(x, n, less)
	}
	for i := c.size - 8; i >= 0; i -= 8 {
		x, n := binary.BigEndian.Uint64(dst[i:]), binary.BigEndian.Uint64(c.n.bytes[i:])
		x, borrow = bits.Sub64(x, n&(less-1), borrow)
		binary.BigEndian.PutUint64(dst[i:], x)
	}
}

// drbg is the generator of RFC 6979, section 3.2, with K and V. SP 800-90A calls it HMAC_DRBG.
type drbg struct {
	hash        crypto.Hash
	size, block int // of the hash; V and K have size bytes
	k           [maxBlock]byte
	v           [maxHash]byte
	// inner and outer are what HMAC hashes: K with each padding, and behind it the message, or its
	// inner hash.
	inner [maxBlock + maxHash + 1 + 2*maxSize]byte
	outer [maxBlock + maxHash]byte
}

const (
	maxHash  = 64
	maxBlock = 128
)

var (
	ipad = [maxBlock]byte(bytes.Repeat([]byte{0x36}, maxBlock))
	opad = [maxBlock]byte(bytes.Repeat([]byte{0x5c}, maxBlock))
)

func newDRBG(hash crypto.Hash) drbg {
	g := drbg{hash: hash, size: hash.Size(), block: maxBlock}
	if hash == crypto.SHA256 {
		g.block = 64
	}
	for i := range g.size {
		g.v[i] = 1
	}
	g.pad()
	return g
}

func (g *drbg) wipe() {
	clear(g.k[:])
	clear(g.v[:])
	clear(g.inner[:])
	clear(g.outer[:])
}

// update sets K = HMAC(K, V | mark | d | digest) and V = HMAC(K, V).
func (g *drbg) update(mark byte, d, digest []byte) {
	msg := append(append(g.inner[:g.block], g.v[:g.size]...), mark)
	msg = append(append(msg, d...), digest...)
	k := g.hmac(len(msg))
	copy(g.k[:], k[:])
	clear(k[:])
	g.pad()
	g.next()
}

// next sets V = HMAC(K, V).
func (g *drbg) next() {
	g.v = g.hmac(g.block + copy(g.inner[g.block:], g.v[:g.size]))
}

// pad prepares inner and outer for a new K.
func (g *drbg) pad() {
	subtle.XORBytes(g.inner[:g.block], g.k[:g.block], ipad[:])
	subtle.XORBytes(g.outer[:g.block], g.k[:g.block], opad[:])
}

// hmac returns HMAC(K, msg) for the message in inner, which ends at n.
func (g *drbg) hmac(n int) (mac [maxHash]byte) {
	inner, outer := g.inner[:n], g.outer[:g.block+g.size]
	switch g.hash {
	case crypto.SHA256:
		h := sha256.Sum256(inner)
		copy(outer[g.block:], h[:])
		h = sha256.Sum256(outer)
		copy(mac[:], h[:])
	case crypto.SHA384:
		h := sha512.Sum384(inner)
		copy(outer[g.block:], h[:])
		h = sha512.Sum384(outer)
		copy(mac[:], h[:])
	case crypto.SHA512:
		h := sha512.Sum512(inner)
		copy(outer[g.block:], h[:])
		mac = sha512.Sum512(outer)
	default:
		h := hmac.New(g.hash.New, bytes.Clone(g.k[:g.size]))
		h.Write(bytes.Clone(inner[g.block:]))
		copy(mac[:], h.Sum(nil))
	}
	return mac
}
