package curve25519

import (
	"math/big"
	"math/bits"
	"sync"
	"unsafe"
)

// The reference implementation: it computes the same as each kernel, one lane after another, in
// plain Go. A kernel and its reference agree in every bit of their results, for every input that
// the kernel takes; the scratch rows behind a point are no result. Tests compare them. Nothing
// else uses the reference; ifma.AllowReference says why.

// number is a number of the field in one lane. Its digits may hold more than 52 bits.
type number [digits]uint64

// multiple2 and multiple4 are 2p and 4p, so lifted that no digit becomes negative where a reduced
// number is subtracted, or the sum of two.
var (
	multiple2 = number{2 * (digitMask - 18), 2 * digitMask, 2 * digitMask, 2 * digitMask, 2 * (1<<47 - 1)}
	multiple4 = multiple2.add(&multiple2)
)

// multiplyAdd52 returns the low and the high half of the product of the low 52 bits of x and y, as
// the instructions VPMADD52LUQ and VPMADD52HUQ compute them.
func multiplyAdd52(x, y uint64) (low, high uint64) {
	hi, lo := bits.Mul64(x&digitMask, y&digitMask)
	return lo & digitMask, hi<<12 | lo>>52
}

func (x *number) add(y *number) (z number) {
	for i := range z {
		z[i] = x[i] + y[i]
	}
	return z
}

func (x *number) sub(y *number) (z number) {
	for i := range z {
		z[i] = x[i] - y[i]
	}
	return z
}

// product multiplies and folds the digits from the fifth on, but carries nothing yet.
func (x *number) product(y *number) number {
	var w [2 * digits]uint64
	for i, v := range x {
		for j, u := range y {
			low, high := multiplyAdd52(v, u)
			w[i+j] += low
			w[i+j+1] += high
		}
	}
	for k := digits; k < 2*digits; k++ {
		if k+1 < 2*digits {
			w[k+1] += w[k] >> 52
		}
		low, high := multiplyAdd52(608, w[k])
		w[k] = 0
		w[k-digits] += low
		w[k-digits+1] += high
	}
	low, _ := multiplyAdd52(608, w[digits])
	w[0] += low
	return number(w[:digits])
}

// carried takes the bits from 2^255 on to the lowest digit, and carries.
func (x number) carried() number {
	x[0] += 19 * (x[4] >> 47)
	x[4] &= 1<<47 - 1
	return x.chained()
}

// chained carries without taking anything off the top.
func (x number) chained() number {
	for j := range digits - 1 {
		x[j+1] += x[j] >> 52
		x[j] &= digitMask
	}
	return x
}

func (x *number) mul(y *number) number { return x.product(y).carried() }

func (x *number) sqr() number { return x.mul(x) }

func numberIn(src []vec, row, l int) number { return lane(src[row:], l) }

func mulReference(dst, a, b []vec) {
	for l := range lanes {
		x, y := numberIn(a, 0, l), numberIn(b, 0, l)
		setLane(dst, l, x.mul(&y))
	}
}

func sqrReference(dst, a []vec, n int) {
	for l := range lanes {
		x := numberIn(a, 0, l)
		for range n {
			x = x.sqr()
		}
		setLane(dst, l, x)
	}
}

// pointIn is a point in one lane.
type pointIn struct{ x, y, z, t number }

func pointOf(st []vec, l int) pointIn {
	return pointIn{numberIn(st, pointX, l), numberIn(st, pointY, l), numberIn(st, pointZ, l), numberIn(st, pointT, l)}
}

func (p *pointIn) put(st []vec, l int) {
	setLane(st[pointX:], l, p.x)
	setLane(st[pointY:], l, p.y)
	setLane(st[pointZ:], l, p.z)
	setLane(st[pointT:], l, p.t)
}

// doubleReference: "dbl-2008-hwcd" of Hisil, Wong, Carter and Dawson 2008, with the signs changed.
func doubleReference(st []vec, n int) {
	for l := range lanes {
		p := pointOf(st, l)
		for range n {
			a, b := p.x.sqr(), p.y.sqr()
			xy := p.x.add(&p.y)
			xy = xy.chained()
			c := p.z.product(&p.z)
			c = c.add(&c).carried()
			e := xy.product(&xy)
			e = e.add(&multiple4)
			e = e.sub(&a)
			e = e.sub(&b).carried()
			g := b.add(&multiple2)
			g = g.sub(&a).chained()
			h := multiple4.sub(&a)
			h = h.sub(&b).chained()
			f := g.add(&multiple2)
			f = f.sub(&c).chained()
			p = pointIn{x: e.mul(&f), y: g.mul(&h), z: f.mul(&g), t: e.mul(&h)}
		}
		p.put(st, l)
	}
}

// addTerms finishes an addition: d is 2·z1·z2, and c is 2d·t1·t2. They are a part of a lane where
// the point is added, and subtracted with negative.
func (p *pointIn) addTerms(plus, minus, c, d *number, negative bool) {
	if negative {
		plus, minus = minus, plus
	}
	m := p.y.add(&multiple2)
	m = m.sub(&p.x).chained()
	s := p.y.add(&p.x).chained()
	a, b := m.mul(minus), s.mul(plus)
	e := b.add(&multiple2)
	e = e.sub(&a).chained()
	h := b.add(&a).chained()
	f, g := d.add(&multiple2), d.add(&multiple2)
	if negative {
		f, g = f.add(c), g.sub(c)
	} else {
		f, g = f.sub(c), g.add(c)
	}
	f, g = f.chained(), g.chained()
	*p = pointIn{x: e.mul(&f), y: g.mul(&h), z: f.mul(&g), t: e.mul(&h)}
}

func addAffineReference(st, pt []vec, neg, skip uint64) {
	for l := range lanes {
		if skip>>l&1 == 1 {
			continue
		}
		p := pointOf(st, l)
		plus, minus, xy := numberIn(pt, entryPlus, l), numberIn(pt, entryMinus, l), numberIn(pt, entryT, l)
		c, d := p.t.mul(&xy), p.z.add(&p.z)
		p.addTerms(&plus, &minus, &c, &d, neg>>l&1 == 1)
		p.put(st, l)
	}
}

func addReference(st, pt []vec, neg, skip uint64) {
	for l := range lanes {
		if skip>>l&1 == 1 {
			continue
		}
		p := pointOf(st, l)
		plus, minus, t, z := numberIn(pt, entryPlus, l), numberIn(pt, entryMinus, l), numberIn(pt, entryT, l), numberIn(pt, entryZ, l)
		c, d := p.t.mul(&t), p.z.product(&z)
		d = d.add(&d).carried()
		p.addTerms(&plus, &minus, &c, &d, neg>>l&1 == 1)
		p.put(st, l)
	}
}

func cacheReference(dst, st []vec) {
	for l := range lanes {
		p := pointOf(st, l)
		minus := p.y.add(&multiple2)
		twoD := number(curve2D.digits())
		setLane(dst[entryPlus:], l, p.y.add(&p.x).carried())
		setLane(dst[entryMinus:], l, minus.sub(&p.x).carried())
		setLane(dst[entryT:], l, p.t.mul(&twoD))
		setLane(dst[entryZ:], l, p.z.chained())
	}
}

// ladderReference is the ladder of RFC 7748, section 5, with its names.
func ladderReference(st []vec, swaps *vec, n int) {
	for l := range lanes {
		x2, z2, x3, z3, x1 := numberIn(st, ladderX2, l), numberIn(st, ladderZ2, l), numberIn(st, ladderX3, l), numberIn(st, ladderZ3, l), numberIn(st, ladderX1, l)
		for i := range n {
			if swaps[l]>>(63-i)&1 == 1 {
				x2, z2, x3, z3 = x3, z3, x2, z2
			}
			a, c := x2.add(&z2), x3.add(&z3)
			b, d := x2.add(&multiple2), x3.add(&multiple2)
			a, b, c, d = a.chained(), b.sub(&z2).chained(), c.chained(), d.sub(&z3).chained()
			da, cb := d.mul(&a), c.mul(&b)
			aa, bb := a.sqr(), b.sqr()
			p, m := da.add(&cb), da.add(&multiple2)
			p, m = p.chained(), m.sub(&cb).chained()
			x3 = p.sqr()
			m = m.sqr()
			z3 = x1.mul(&m)
			e := aa.add(&multiple2)
			e = e.sub(&bb).chained()
			x2 = aa.mul(&bb)
			p = e.times121665(&aa)
			z2 = e.mul(&p)
		}
		setLane(st[ladderX2:], l, x2)
		setLane(st[ladderZ2:], l, z2)
		setLane(st[ladderX3:], l, x3)
		setLane(st[ladderZ3:], l, z3)
	}
}

// times121665 returns 121665·e + a.
func (e *number) times121665(a *number) number {
	var w [digits + 1]uint64
	copy(w[:], a[:])
	for j, v := range e {
		low, high := multiplyAdd52(v, 121665)
		w[j] += low
		w[j+1] += high
	}
	low, _ := multiplyAdd52(608, w[digits])
	w[0] += low
	return number(w[:digits]).carried()
}

// entry is the memory of a table's entry: the word j of it is digit j.
func entry(at *vec) *[16]uint64 { return (*[16]uint64)(unsafe.Pointer(at)) }

func fetchReference(dst []vec, from *[lanes]*vec, index []vec, offset uintptr) {
	for l, first := range from {
		at := (*vec)(unsafe.Add(unsafe.Pointer(first), offset+entryBytes*uintptr(index[0][l])))
		for j, v := range entry(at) {
			dst[j][l] = v
		}
	}
}

func spreadReference(to *[lanes]*vec, src []vec) {
	for l, at := range to {
		for j := range entry(at) {
			entry(at)[j] = src[j][l]
		}
	}
}

func gatherReference(dst, table []vec, offsets *vec) {
	for l, offset := range offsets {
		for j := range dst {
			dst[j][l] = table[offset/64+uint64(j)][l]
		}
	}
}

func lookupReference(dst, window []vec, mag *vec) {
	for l, m := range mag {
		for c := range 3 {
			var x words
			for j := range x {
				if m > 0 {
					x[j] = secretWord(window, int(m-1), 4*c+j)
				}
			}
			setLane(dst[digits*c:], l, x.digits())
		}
	}
}

// secretWord is word i of an entry of the secret table.
func secretWord(window []vec, entry, i int) uint64 {
	at := secretWords*entry + i
	return window[at/lanes][at%lanes]
}

func recodeReference(d *signedDigits, x []vec, width int) {
	mask := uint64(1)<<width - 1
	for i := range d.negative {
		d.negative[i], d.zero[i] = 0, 0
	}
	for l := range lanes {
		carry := uint64(0)
		for i := range d.negative {
			pos := i * width
			// Shifts by 64 give 0.
			v := (x[pos/64][l]>>(pos%64)|x[pos/64+1][l]<<(64-pos%64))&mask + carry
			carry = 0
			if v > 1<<(width-1) {
				v, carry = 1<<width-v, 1
			}
			d.magnitude[i][l] = v
			d.negative[i] |= carry << l
			if v == 0 {
				d.zero[i] |= 1 << l
			}
		}
	}
}

// roundConstants returns the constants of FIPS 180-4, section 4.2.3: 64 bits of the fractional
// parts of the cube roots of the first 80 primes.
var roundConstants = sync.OnceValue(func() (ks [80]uint64) {
	p := int64(1)
	for i := range ks {
		for p++; !big.NewInt(p).ProbablyPrime(0); p++ {
		}
		low, high := new(big.Int), new(big.Int).Lsh(big.NewInt(8), 64)
		cube := new(big.Int).Lsh(big.NewInt(p), 192)
		for one := big.NewInt(1); new(big.Int).Sub(high, low).Cmp(one) > 0; {
			x := new(big.Int).Add(low, high)
			x.Rsh(x, 1)
			if new(big.Int).Exp(x, big.NewInt(3), nil).Cmp(cube) <= 0 {
				low = x
			} else {
				high = x
			}
		}
		ks[i] = low.And(low, new(big.Int).SetUint64(^uint64(0))).Uint64()
	}
	return ks
})

// compressReference has the names of FIPS 180-4, section 6.4.2.
func compressReference(state, blocks []vec, live uint64) {
	ks := roundConstants()
	for l := range lanes {
		if live>>l&1 == 0 {
			continue
		}
		var ws [80]uint64
		for t := range ws {
			if t < 16 {
				ws[t] = bits.ReverseBytes64(blocks[2*l+t/8][t%8])
				continue
			}
			x, y := ws[t-2], ws[t-15]
			ws[t] = ws[t-16] + ws[t-7] +
				(bits.RotateLeft64(x, -19) ^ bits.RotateLeft64(x, -61) ^ x>>6) +
				(bits.RotateLeft64(y, -1) ^ bits.RotateLeft64(y, -8) ^ y>>7)
		}
		var v [hashRows]uint64
		for i := range v {
			v[i] = state[i][l]
		}
		a, b, c, d, e, f, g, h := v[0], v[1], v[2], v[3], v[4], v[5], v[6], v[7]
		for t, w := range ws {
			t1 := h + (bits.RotateLeft64(e, -14) ^ bits.RotateLeft64(e, -18) ^ bits.RotateLeft64(e, -41)) + (e&f ^ ^e&g) + ks[t] + w
			t2 := (bits.RotateLeft64(a, -28) ^ bits.RotateLeft64(a, -34) ^ bits.RotateLeft64(a, -39)) + (a&b ^ a&c ^ b&c)
			h, g, f, e, d, c, b, a = g, f, e, d+t1, c, b, a, t1+t2
		}
		for i, x := range []uint64{a, b, c, d, e, f, g, h} {
			state[i][l] += x
		}
	}
}
