package nistec

import (
	"errors"

	"asynccrypto/internal/ifma"
)

// PrivateKey is a private key, prepared for the lanes. It holds secrets: call Wipe when done.
// Between NewPrivateKey and Wipe it is only read, so any number of workspaces may use it at once.
type PrivateKey struct {
	c   *Curve
	pub *PublicKey
	d   []byte // big-endian, of Size bytes
	mon []vec  // d in Montgomery form; only lane 0 is in use
}

var errPrivateKey = errors.New("ifma: the private key is not a number from 1 to n-1, of the size of the curve, that belongs to the public key")

// NewPrivateKey prepares the private key d, big-endian and of Size bytes, whose public key is pub.
// It copies d. It returns an error unless 0 < d < n and pub is d times the base point. That is
// tested in constant time.
func (c *Curve) NewPrivateKey(d []byte, pub *PublicKey) (*PrivateKey, error) {
	w, err := c.NewWorkspace()
	if err != nil {
		return nil, err
	}
	defer w.wipe()
	if len(d) != c.size || pub == nil || pub.c != c {
		return nil, errPrivateKey
	}
	n := c.digits
	setBytes(w.u1[:n], 0, d)
	repeat(w.u1[:n], 1)
	if right := w.scalarsInRange(w.u1[:n]); right[0] == 0 {
		return nil, errPrivateKey
	}
	k := &PrivateKey{c: c, pub: pub, d: append([]byte(nil), d...), mon: ifma.NewVecs(n)}
	c.ordMul(w.t[:n], w.u1[:n], c.n.r2)
	c.n.reduce(w.t[:n])
	copyLane(k.mon, 0, w.t, 0)
	w.baseMult(lanes)
	w.affineX()
	w.affineY()
	same := equal(w.a[:n], pub.canonical[:n])[0] & equal(w.a[n:2*n], pub.canonical[n:])[0]
	if same == 0 {
		k.Wipe()
		return nil, errPrivateKey
	}
	return k, nil
}

// Wipe overwrites the key. No workspace may be using it, and it cannot be used afterwards.
func (k *PrivateKey) Wipe() {
	clear(k.d)
	clear(k.mon)
	k.c = nil
}

// scalarsInRange returns all ones in each lane where 0 < a < n.
func (w *Workspace) scalarsInRange(a []vec) vec {
	m, zero := less(a, w.c.n.m), isZero(a)
	for l := range m {
		m[l] &^= zero[l]
	}
	return m
}

// baseMult sets a to u1·G, in constant time.
func (w *Workspace) baseMult(spread int) {
	c, n, t := w.c, w.c.sign.n, &w.c.tables().signing
	recode(w.mag[:n], w.u1, w.neg, w.zero, c.sign.w)
	w.at(stepDigits)
	c.start(w.a, t.offsets[0])
	if spread > 1 {
		w.spreadBaseMult(spread)
	} else {
		c.start(w.b, t.offsets[1])
		half := n / 2
		for i := range half {
			j := i + half
			w.lookup(w.ea, i)
			w.lookup(w.eb, j)
			w.at(stepEntry)
			c.addXYZZ2(w.a, w.b, w.ea, w.eb, w.neg[i], w.zero[i], w.neg[j], w.zero[j])
			w.at(stepWindow)
		}
		c.toJacobian(w.a)
		c.toJacobian(w.b)
		if i := n - 1; n%2 == 1 {
			w.lookup(w.ea, i)
			c.addAffine(w.a, w.ea, w.neg[i], w.zero[i])
		}
		c.join(w.a, w.b, w.ea)
	}
	c.addAffine(w.a, t.corrections[plan{c.key.n, spread}], 0xff, 0)
}

// spreadBaseMult adds up the windows where spread lanes share each operation: a lookup reads the
// table of one window, so it serves the lanes of one part only.
func (w *Workspace) spreadBaseMult(spread int) {
	c, n := w.c, w.c.sign.n
	ops := lanes / spread
	for i := 0; i < n; i += spread {
		var neg, skip uint64
		for p := range spread {
			mask, at := uint64(1<<ops-1)<<(p*ops), p*ops
			if i+p >= n {
				skip |= mask
				continue
			}
			w.lookup(w.eb, i+p)
			for j := range w.eb {
				copy(w.ea[j][at:at+ops], w.eb[j][at:])
			}
			neg |= w.neg[i+p] & mask
			skip |= w.zero[i+p] & mask
		}
		w.at(stepEntry)
		c.addAffine(w.a, w.ea, neg, skip)
		w.at(stepWindow)
	}
	c.unite(w.a, w.b, w.ea, spread)
}

// lookup sets dst to the entry of window i.
func (w *Workspace) lookup(dst []vec, i int) {
	c := w.c
	stride := c.tableWords()
	c.kernels.lookup(dst, c.tables().sign[i*stride:][:stride], &w.mag[i])
}

// affineX replaces X of the point a by its affine coordinate in plain form, reduced. It leaves
// 1/Z in Montgomery form in t.
func (w *Workspace) affineX() {
	c, d := w.c, w.c.digits
	x, inv, square := w.a[:d], w.t[:d], w.t[d:2*d]
	c.p.invert(inv, w.a[2*d:3*d], w.t[2*d:])
	w.at(stepInverse)
	c.sqr(square, inv)
	c.mul(x, x, square)
	c.mul(x, x, c.p.unit)
	c.p.reduce(x)
}

// affineY does to Y what affineX, called before, does to X.
func (w *Workspace) affineY() {
	c, d := w.c, w.c.digits
	y, inv, square := w.a[d:2*d], w.t[:d], w.t[d:2*d]
	c.mul(square, square, inv)
	c.mul(y, y, square)
	c.mul(y, y, c.p.unit)
	c.p.reduce(y)
}

// Sign makes n signatures, all at once: with keys[i], of the message whose hash is hashes[i],
// with the nonce nonces[i], a number of Size bytes from 1 to n-1, into r[i] and s[i], which have
// Size bytes. Sign verifies each signature with the table of the key before it leaves. Bit i of
// ok is set if signature i is valid. Otherwise r[i] and s[i] are all zero.
//
// A nonce must be fit for its key and its hash only: two signatures with one nonce give the key
// away. See [PrivateKey.HedgedNonce] and [PrivateKey.DeterministicNonce]. Sign overwrites
// nonces, so that none is used twice.
//
// Sign refuses a single operation, without effect on the others, if its key is nil, wiped or of
// another curve, if a length is wrong, or if the nonce is out of range or that of an operation
// before it. Otherwise a bit that is not set means a faulty key, memory or CPU: sign again with
// other code.
func (w *Workspace) Sign(keys *[MaxBatch]*PrivateKey, nonces, hashes, r, s *[MaxBatch][]byte, n int) (ok uint8) {
	n = max(0, min(n, MaxBatch))
	w.at(stepStart)
	live := w.compute(keys, nonces, hashes, r, s, n)
	var pubs [MaxBatch]*PublicKey
	for l := range n {
		clear(nonces[l])
		if live>>l&1 == 1 {
			pubs[l] = keys[l].pub
			bytesOf(r[l], w.r, l)
			bytesOf(s[l], w.s, l)
		}
	}
	// The secrets leave the memory before the verification, which needs none of them.
	w.wipe()
	ok, _ = w.verify(&pubs, hashes, r, s, n, true)
	for l := range n {
		if ok>>l&1 == 0 {
			clear(r[l])
			clear(s[l])
		}
	}
	return ok
}

// compute sets r, s and inverse, in constant time. live has the lanes where that is a signature by
// the nonce given.
func (w *Workspace) compute(keys *[MaxBatch]*PrivateKey, nonces, hashes, r, s *[MaxBatch][]byte, n int) (live uint8) {
	c, d := w.c, w.c.digits
	spread := spreadFor(n)
	ops := lanes / spread
	k := w.u1[:d]
	one := [1]byte{1}
	for l := range ops {
		if l < n && keys[l] != nil && keys[l].c == c && w.sizes(nonces[l], r[l], s[l]) && !seen(nonces, l) {
			live |= 1 << l
			setBytes(k, l, nonces[l])
			setBytes(w.e, l, hashes[l][:min(len(hashes[l]), c.size)])
			copyLane(w.d, l, keys[l].mon, 0)
		} else {
			setBytes(k, l, one[:])
			setBytes(w.e, l, one[:])
			setBytes(w.d, l, one[:])
		}
	}
	for _, v := range [][]vec{k, w.e, w.d} {
		repeat(v, ops)
	}
	live &= bitsOf(w.scalarsInRange(k))
	w.at(stepLoad)
	w.baseMult(spread)
	w.at(stepPoint)
	w.affineX()
	copy(w.r, w.a[:d])
	c.n.reduce(w.r)
	w.signature()
	// A signature by another nonce than the one given would be valid. But together with the
	// signature by the right nonce, which RFC 6979 makes the next time, it would give the key
	// away. So see that it was the right one.
	for l := range n {
		if live>>l&1 == 1 {
			setBytes(w.t[:d], l, nonces[l])
		}
	}
	return live & bitsOf(equal(w.t[:d], k))
}

// sizes reports whether each of b has Size bytes.
func (w *Workspace) sizes(b ...[]byte) bool {
	for _, x := range b {
		if len(x) != w.c.size {
			return false
		}
	}
	return true
}

// seen reports whether nonce l, which is not empty, is in the memory of one before it.
func seen(nonces *[MaxBatch][]byte, l int) bool {
	for _, x := range nonces[:l] {
		if len(x) > 0 && &x[0] == &nonces[l][0] {
			return true
		}
	}
	return false
}

// signature sets s = (e + r·d)/k for the nonces k in u1, and inverse. One inversion, of the
// product (e + r·d)·k, serves both.
func (w *Workspace) signature() {
	c, d := w.c, w.c.digits
	sum, k, inv := w.t[:d], w.t[d:2*d], w.t[2*d:3*d]
	c.ordMul(w.s, w.r, w.d)
	c.n.reduce(w.s)
	add(w.s, w.e)
	c.n.reduce(w.s)
	c.ordMul(sum, w.s, c.n.r2)
	c.ordMul(k, w.u1[:d], c.n.r2)
	c.ordMul(inv, sum, k)
	c.n.invert(inv, inv, w.t[3*d:])
	w.at(stepScalars)
	c.ordMul(sum, sum, inv) // 1/k
	c.ordMul(w.s, w.s, sum)
	c.n.reduce(w.s)
	c.ordMul(k, k, k)
	c.ordMul(w.inverse, k, inv) // k²/((e + r·d)·k)
	w.at(stepSignature)
}

// wipe overwrites everything but the tables' addresses and inverse.
func (w *Workspace) wipe() {
	clear(w.mem)
	clear(w.neg)
	clear(w.zero)
}

// step names a point at which a test may insert a fault.
type step int

const (
	stepStart     step = iota // nothing is loaded
	stepLoad                  // nonces, hashes and keys are loaded
	stepDigits                // mag has the digits of the nonces
	stepEntry                 // ea has an entry of the table, which is to be added to a
	stepWindow                // it is added
	stepPoint                 // a is the point
	stepInverse               // t has 1/Z
	stepScalars               // t has the inverse of (e + r·d)·k
	stepSignature             // r, s and inverse are computed
	stepCheck                 // u1 and u2 of the check are computed
	stepSum                   // a is the sum of the check
)

func (w *Workspace) at(s step) {
	if w.hook != nil {
		w.hook(s)
	}
}
