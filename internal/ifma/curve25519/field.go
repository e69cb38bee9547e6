package curve25519

import (
	"math/big"
	"sync"

	"asynccrypto/internal/ifma/divsteps"
)

// prime is 2^255 - 19.
var prime = words{^uint64(18), ^uint64(0), ^uint64(0), ^uint64(0) >> 1}

// The constants of edwards25519, as RFC 8032, section 5.1, has them: d = -121665/121666 and its
// double, a square root of -1, and the base point.
var (
	curveD      = words{0x75eb4dca135978a3, 0x00700a4d4141d8ab, 0x8cc740797779e898, 0x52036cee2b6ffe73}
	curve2D     = words{0xebd69b9426b2f159, 0x00e0149a8283b156, 0x198e80f2eef3d130, 0x2406d9dc56dffce7}
	sqrtMinus1  = words{0xc4ee1b274a0ea0b0, 0x2f431806ad2fe478, 0x2b4d00993dfbd7a7, 0x2b8324804fc1df0b}
	baseEncoded = words{0x6666666666666658, 0x6666666666666666, 0x6666666666666666, 0x6666666666666666}
)

// A number of the field is five rows of digits. It is reduced if its digits are below 2^52 and
// its value is at most 2^255 + 2^216. The generator in _asm proves that kernels that are given
// reduced numbers return reduced ones. canonical turns it into the number below p.

// canonical returns the number below p with the value of d, whose digits may hold up to 60 bits.
func canonical(d [digits]uint64) words {
	d0, d1, d2, d3, d4 := d[0], d[1], d[2], d[3], d[4]
	d0 += 19 * (d4 >> 47)
	d4 &= 1<<47 - 1
	d1, d0 = d1+d0>>52, d0&digitMask
	d2, d1 = d2+d1>>52, d1&digitMask
	d3, d2 = d3+d2>>52, d2&digitMask
	d4, d3 = d4+d3>>52, d3&digitMask
	// The last carry is below 2^9, so the number is below 2^255 + 2^217, and that is below 2p.
	x := words{d0 | d1<<52, d1>>12 | d2<<40, d2>>24 | d3<<28, d3>>36 | d4<<16}
	x.subtractIfNotLess(&prime)
	return x
}

// subtractMod sets z = x - y mod p. Both are below p.
func (z *words) subtractMod(x, y *words) {
	mask := -z.subtract(x, y)
	z.add(z, &words{prime[0] & mask, prime[1] & mask, prime[2] & mask, prime[3] & mask})
}

// power sets dst = a^(2^252-3) mod p, in 252 squarings and 11 products. t is 15 rows, and dst is no
// part of them, nor of a.
func power(dst, a, t []vec) {
	t1, t2, t3 := t[:5], t[5:10], t[10:15]
	sqr(t1, a, 1) // 2
	sqr(t2, t1, 2)
	mul(t2, a, t2)  // 9
	mul(t1, t1, t2) // 11
	sqr(t1, t1, 1)
	mul(t1, t2, t1) // 2^5 - 1
	// Each step doubles the number of ones, or adds to it.
	sqr(t2, t1, 5)
	mul(t1, t2, t1) // 2^10 - 1
	sqr(t2, t1, 10)
	mul(t2, t2, t1)
	sqr(t3, t2, 20)
	mul(t2, t3, t2)
	sqr(t2, t2, 10)
	mul(t1, t2, t1) // 2^50 - 1
	sqr(t2, t1, 50)
	mul(t2, t2, t1)
	sqr(t3, t2, 100)
	mul(t2, t3, t2)
	sqr(t2, t2, 50)
	mul(t1, t2, t1) // 2^250 - 1
	sqr(t1, t1, 2)
	mul(dst, t1, a)
}

var inverter = sync.OnceValue(func() *divsteps.Inverter {
	p := new(big.Int).Lsh(big.NewInt(1), 255)
	return divsteps.New(p.Sub(p, big.NewInt(19)))
})

// inverse returns 1/x mod p, for 0 < x < p.
func (x *words) inverse() words {
	const mask = 1<<divsteps.LimbBits - 1
	n := divsteps.Number{
		int64(x[0] & mask),
		int64((x[0]>>60 | x[1]<<4) & mask),
		int64((x[1]>>56 | x[2]<<8) & mask),
		int64((x[2]>>52 | x[3]<<12) & mask),
		int64(x[3] >> 48),
	}
	inverter().Invert(&n)
	return words{
		uint64(n[0] | n[1]<<60),
		uint64(n[1]>>4 | n[2]<<56),
		uint64(n[2]>>8 | n[3]<<52),
		uint64(n[3]>>12 | n[4]<<48),
	}
}

// invert sets dst = 1/a mod p; 0 becomes 0. The product of all lanes is inverted, and multiplied
// by the seven others in each: Montgomery's trick, in three steps of doubling distance. A lane
// that is 0 counts as 1 there. The time does not depend on a. t is 15 rows.
func invert(dst, a, t []vec) {
	product, others, turned := t[:5], t[5:10], t[10:15]
	var zero [lanes]uint64
	for l := range zero {
		x := canonical(lane(a, l))
		zero[l] = x.isZero()
		x[0] |= zero[l]
		setLane(product, l, x.digits())
	}
	turn(others, product, 1)
	for by := 1; by < lanes; by *= 2 {
		turn(turned, product, by)
		if by > 1 {
			mul(others, others, turned)
		}
		mul(product, product, turned)
	}
	x := canonical(lane(product, 0))
	x = x.inverse()
	setAll(turned, x.digits())
	mul(dst, turned, others)
	for i := range digits {
		for l, z := range zero {
			dst[i][l] &= z - 1
		}
	}
}

// turn moves lane l+by to lane l.
func turn(dst, src []vec, by int) {
	for i := range src {
		for l := range lanes {
			dst[i][l] = src[i][(l+by)%lanes]
		}
	}
}
