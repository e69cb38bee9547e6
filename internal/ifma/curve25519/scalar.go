package curve25519

import "math/bits"

// order is the order of the base point, 2^252 + delta.
var order = words{0x5812631a5cf5d3ed, 0x14def9dea2f79cd6, 0, 1 << 60}

// order2 is twice the order.
var order2 = words{0xb024c634b9eba7da, 0x29bdf3bd45ef39ac, 0, 1 << 61}

// The scalars' arithmetic below takes the same time for all values.

// wide is a number of 512 bits.
type wide [8]uint64

// mulAdd returns x·y + a + b.
func mulAdd(x, y, a, b uint64) (hi, lo uint64) {
	hi, lo = bits.Mul64(x, y)
	lo, c := bits.Add64(lo, a, 0)
	hi += c
	lo, c = bits.Add64(lo, b, 0)
	return hi + c, lo
}

// reduce returns x mod order. As 2^252 is -delta,
//
//	x = x0 + 2^252·x1 = x0 - y,  y = delta·x1 = y0 + 2^252·y1,  z = delta·y1 = z0 + 2^252·z1:
//	x = x0 - y0 + z0 - u,        u = delta·z1
//
// Here x1 has 260 bits, y 385, y1 133, z 258, z1 6 and u 131.
func reduce(x *wide) words {
	const low = 1<<60 - 1
	d0, d1 := order[0], order[1]
	var a [5]uint64 // x1
	for i := range 4 {
		a[i] = x[i+3]>>60 | x[i+4]<<4
	}
	a[4] = x[7] >> 60
	c, y0 := mulAdd(a[0], d0, 0, 0)
	c, y1 := mulAdd(a[1], d0, c, 0)
	c, y2 := mulAdd(a[2], d0, c, 0)
	c, y3 := mulAdd(a[3], d0, c, 0)
	y5, y4 := mulAdd(a[4], d0, c, 0)
	c, y1 = mulAdd(a[0], d1, y1, 0)
	c, y2 = mulAdd(a[1], d1, y2, c)
	c, y3 = mulAdd(a[2], d1, y3, c)
	c, y4 = mulAdd(a[3], d1, y4, c)
	y6, y5 := mulAdd(a[4], d1, y5, c)

	b0, b1, b2 := y3>>60|y4<<4, y4>>60|y5<<4, y5>>60|y6<<4 // y1
	c, z0 := mulAdd(b0, d0, 0, 0)
	c, z1 := mulAdd(b1, d0, c, 0)
	z3, z2 := mulAdd(b2, d0, c, 0)
	c, z1 = mulAdd(b0, d1, z1, 0)
	c, z2 = mulAdd(b1, d1, z2, c)
	z4, z3 := mulAdd(b2, d1, z3, c)

	top := z3>>60 | z4<<4 // z1
	c, u0 := mulAdd(top, d0, 0, 0)
	u2, u1 := mulAdd(top, d1, c, 0)

	// The sum is above -2·order and, with 2·order added, below 4·order.
	r := words{x[0], x[1], x[2], x[3] & low}
	r.add(&r, &words{z0, z1, z2, z3 & low})
	r.add(&r, &order2)
	r.subtract(&r, &words{y0, y1, y2, y3 & low})
	r.subtract(&r, &words{u0, u1, u2})
	r.subtractIfNotLess(&order2)
	r.subtractIfNotLess(&order)
	return r
}

// multiplyAdd returns x·y + z mod order. x·y must be below 2^511.
func multiplyAdd(x, y, z *words) words {
	var t wide
	copy(t[:], z[:])
	for i, v := range x {
		var c uint64
		c, t[i] = mulAdd(v, y[0], t[i], 0)
		c, t[i+1] = mulAdd(v, y[1], t[i+1], c)
		c, t[i+2] = mulAdd(v, y[2], t[i+2], c)
		t[i+4], t[i+3] = mulAdd(v, y[3], t[i+3], c)
	}
	return reduce(&t)
}
