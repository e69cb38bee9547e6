package nistec

import (
	"runtime"

	"asynccrypto/internal/ifma"
)

// Verify verifies n signatures, all at once, with the semantics of crypto/ecdsa.Verify: r[i]
// and s[i] are big-endian numbers of Size bytes, hashes[i] the hash of the message, whose
// leftmost bytes count. A hash may be empty, as in Go 1.26; crypto/ecdsa refuses that since Go
// 1.27. Bit i of valid is set if signature i is valid. Bit i of redo is set if Verify cannot
// say: the caller verifies it with other code. Only a signature or a key that was made for the
// purpose leads to that.
//
// A nil key, and one of another curve, verify nothing. Everything here is public, so times and
// addresses depend on it.
func (w *Workspace) Verify(keys *[MaxBatch]*PublicKey, hashes, r, s *[MaxBatch][]byte, n int) (valid, redo uint8) {
	return w.verify(keys, hashes, r, s, n, false)
}

// verify is Verify. If inverted is set, w.inverse claims to be 1/s in Montgomery form.
func (w *Workspace) verify(keys *[MaxBatch]*PublicKey, hashes, r, s *[MaxBatch][]byte, n int, inverted bool) (valid, redo uint8) {
	c := w.c
	n = min(n, MaxBatch)
	var usable *PublicKey
	var live uint8
	parts := c.key.n
	for l := range n {
		k := keys[l]
		if k == nil || k.c != c || !c.inRange(r[l], c.n) || !c.inRange(s[l], c.n) {
			continue
		}
		live |= 1 << l
		usable = k
		parts = min(parts, k.parts)
	}
	if live == 0 {
		return 0, 0
	}
	p := plan{parts, 1}
	if parts == c.key.n {
		p.spread = spreadFor(n)
	}
	bases := w.bases[c.verify.n:]
	for l := range lanes {
		k := usable // for dead lanes
		if i := l % (lanes / p.spread); live>>i&1 == 1 {
			k = keys[i]
		}
		at := c.address(k.table, 0)
		// A full table serves as a compact one: it has the windows of that too.
		step := c.entrySize() * uint64(c.key.half())
		if k.parts != parts {
			step *= uint64(c.perPart(parts))
		}
		for t := range parts {
			bases[t][l] = at
			at += step
		}
	}
	live &= w.scalars(hashes, r, s, live, p.spread, inverted)
	w.at(stepCheck)
	w.sum(p)
	w.at(stepSum)
	valid, redo = w.check()
	runtime.KeepAlive(keys)
	return valid & live, redo & live
}

// scalars sets u1 = e/s, u2 = r/s and r, in plain form. It computes w.inverse unless inverted is
// set. right has the lanes in which w.inverse is the inverse of s.
func (w *Workspace) scalars(hashes, r, s *[MaxBatch][]byte, live uint8, spread int, inverted bool) (right uint8) {
	c := w.c
	one := [1]byte{1}
	ops := lanes / spread
	for l := range ops {
		if live>>l&1 == 0 {
			setBytes(w.r, l, one[:])
			setBytes(w.s, l, one[:])
			setBytes(w.e, l, nil)
			continue
		}
		setBytes(w.r, l, r[l])
		setBytes(w.s, l, s[l])
		setBytes(w.e, l, hashes[l][:min(len(hashes[l]), c.size)])
	}
	for _, v := range [][]vec{w.r, w.s, w.e} {
		repeat(v, ops)
	}
	d := c.digits
	if !inverted {
		c.ordMul(w.inverse, w.s, c.n.r2)
		c.n.invert(w.inverse, w.inverse, w.t)
	}
	product := w.t[:d]
	c.ordMul(product, w.s, w.inverse)
	c.n.reduce(product)
	c.ordMul(w.u1[:d], w.e, w.inverse)
	c.n.reduce(w.u1[:d])
	c.ordMul(w.u2[:d], w.r, w.inverse)
	c.n.reduce(w.u2[:d])
	return bitsOf(equal(product, c.n.unit))
}

// sum sets a to u1·G + u2·Q, in Jacobian coordinates.
func (w *Workspace) sum(p plan) {
	c, g, t := w.c, w.c.verify.n, &w.c.tables().verifying
	per := c.perPart(p.parts)
	all := g + p.parts*per
	recode(w.mag[:g], w.u1, w.neg, w.zero, c.verify.w)
	recode(w.mag[g:all], w.u2, w.neg[g:], w.zero[g:], c.key.w)
	c.start(w.a, t.offsets[0])
	c.start(w.b, t.offsets[1])
	switch {
	case p.spread > 1:
		for i := 0; i < all; i += p.spread {
			neg, skip := w.arrange(i, all, p.spread)
			c.fetch(w.ea, &w.row[1], &w.row[0])
			c.addAffine(w.a, w.ea, neg, skip)
		}
		c.unite(w.a, w.b, w.ea, p.spread)
	case per == 1:
		// No doublings: each of the two sums takes half of the windows.
		half := all / 2
		for i := range half {
			j := half + i
			c.fetch(w.ea, &w.bases[j], &w.mag[j])
			c.fetch(w.eb, &w.bases[i], &w.mag[i])
			c.addXYZZ2(w.a, w.b, w.ea, w.eb, w.neg[j], w.zero[j], w.neg[i], w.zero[i])
		}
		c.toJacobian(w.a)
		c.toJacobian(w.b)
		if all%2 == 1 {
			w.addOne(all-1, all-1)
		}
		c.join(w.a, w.b, w.ea)
	default:
		// a takes the windows of u2, b those of u1.
		next := 0
		for j := per - 1; j >= 0; j-- {
			if j < per-1 {
				c.double(w.a, c.key.w)
			}
			for t := range p.parts {
				if next < g {
					w.addTwo(g+t*per+j, g+t, next)
					next++
				} else {
					w.addOne(g+t*per+j, g+t)
				}
			}
		}
		c.join(w.a, w.b, w.ea)
	}
	c.addAffine(w.a, t.corrections[p], 0xff, 0)
}

// addTwo adds window i of the table base to a, and window j of u1 to b.
func (w *Workspace) addTwo(i, base, j int) {
	c := w.c
	c.fetch(w.ea, &w.bases[base], &w.mag[i])
	c.fetch(w.eb, &w.bases[j], &w.mag[j])
	c.addAffine2(w.a, w.b, w.ea, w.eb, w.neg[i], w.zero[i], w.neg[j], w.zero[j])
}

// addOne adds window i of the table base to a.
func (w *Workspace) addOne(i, base int) {
	w.c.fetch(w.ea, &w.bases[base], &w.mag[i])
	w.c.addAffine(w.a, w.ea, w.neg[i], w.zero[i])
}

// arrange fills row with digits and addresses for lanes that share operations: part p has window
// i+p, unless that is n or more.
func (w *Workspace) arrange(i, n, spread int) (neg, skip uint64) {
	ops := lanes / spread
	for p := range spread {
		mask, at := uint64(1<<ops-1)<<(p*ops), p*ops
		if i+p >= n {
			skip |= mask // the address in row stays a good one
			continue
		}
		copy(w.row[0][at:at+ops], w.mag[i+p][at:])
		copy(w.row[1][at:at+ops], w.bases[i+p][at:])
		neg |= w.neg[i+p] & mask
		skip |= w.zero[i+p] & mask
	}
	return neg, skip
}

// check compares the x of a with r, modulo n. An addition that met infinity, a point and itself,
// or a point and its negative leaves Z = 0, and so do all that follow.
func (w *Workspace) check() (valid, redo uint8) {
	c, d := w.c, w.c.digits
	x, zz, t := w.t[:d], w.t[d:2*d], w.t[2*d:3*d]
	reduced := func(dst, a, b []vec) {
		c.mul(dst, a, b)
		c.p.reduce(dst)
	}
	reduced(t, w.a[2*d:3*d], c.p.one)
	redo = bitsOf(isZero(t))
	reduced(x, w.a[:d], c.p.one)
	// x/Z² = r mod n, for 0 <= x/Z² < p, is x/Z² = r or r+n. R² in the constant brings r to
	// Montgomery form.
	c.sqr(zz, w.a[2*d:3*d])
	c.mul(zz, zz, c.p.r2)
	reduced(t, w.r, zz)
	valid = bitsOf(equal(x, t))
	add(w.r, c.n.m)
	// Seldom is r+n below p.
	below := less(w.r, c.p.m)
	if below != (vec{}) {
		for i := range t {
			for l := range lanes {
				t[i][l] = w.r[i][l] & below[l]
			}
		}
		reduced(t, t, zz)
		valid |= bitsOf(equal(x, t)) & bitsOf(below)
	}
	return valid &^ redo, redo
}

// Point is a public key that is not prepared: coordinates of Size bytes, big-endian.
type Point struct{ X, Y []byte }

// anyTables are tables for the eight keys of a batch.
type anyTables struct {
	b      *builder
	points []vec // a group for builder
	table  []vec
}

// VerifyAny is [Workspace.Verify] for keys that are not prepared. A point that is not on the curve
// verifies nothing.
func (w *Workspace) VerifyAny(points *[MaxBatch]Point, hashes, r, s *[MaxBatch][]byte, n int) (valid, redo uint8) {
	c, d := w.c, w.c.digits
	if w.any == nil {
		w.any = &anyTables{
			b: c.newBuilder(c.key.half()), points: ifma.NewVecs(3 * d), table: c.newTable(lanes * c.key.half()),
		}
	}
	p := w.any.points
	copy(p, c.g)
	n = min(n, MaxBatch)
	var live uint8
	for l := range n {
		if !c.isCoordinate(points[l].X) || !c.isCoordinate(points[l].Y) || !c.inRange(r[l], c.n) || !c.inRange(s[l], c.n) {
			continue
		}
		live |= 1 << l
		setBytes(w.t[:d], l, points[l].X)
		setBytes(w.t[d:2*d], l, points[l].Y)
	}
	c.mul(w.t[:d], w.t[:d], c.p.r2)
	c.mul(w.t[d:2*d], w.t[d:2*d], c.p.r2)
	live &= bitsOf(c.onCurve(w.t, w.t[2*d:]))
	if live == 0 {
		return 0, 0
	}
	for l := range lanes {
		if live>>l&1 == 1 {
			copyLane(p[:2*d], l, w.t, l)
		}
		w.bases[c.verify.n][l] = c.address(w.any.table, l*c.key.half())
	}
	w.any.b.fill(w.any.table, p, windows{c.key.w, lanes})
	w.scalars(hashes, r, s, live, 1, false)
	w.sum(plan{1, 1})
	valid, redo = w.check()
	return valid & live, redo & live
}
