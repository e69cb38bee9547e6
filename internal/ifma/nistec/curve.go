package nistec

import (
	"crypto/elliptic"
	"crypto/sha512"
	"math/big"
	"math/bits"
	"sync"

	"asynccrypto/internal/ifma"
	"asynccrypto/internal/ifma/divsteps"
)

// Curve is P-256 or P-384 with everything about it that does not depend on a key.
type Curve struct {
	*kernels
	name   string
	size   int // bytes of a coordinate, and of a scalar
	verify windows
	key    windows
	sign   windows

	p, n *modulus
	b    []vec // y² = x³ - 3x + b, in Montgomery form
	g    []vec // the base point, affine
	// The sums start at multiples of offset: see the package comment.
	offset []vec // affine

	tables   func() *tables // of the base point, built at the first use
	builders sync.Pool
}

// windows says how a scalar is split: into n signed digits of w bits.
type windows struct{ w, n int }

// signWidth is the width of the windows whose tables have the entries that lookup reads.
var signWidth = bits.Len(lookupEntries)

// windowsFor returns the windows of w bits of a scalar below 2^bits. The sign takes one more bit.
func windowsFor(bits, w int) windows { return windows{w, bits/w + 1} }

// half is the largest digit, and the number of multiples of a point in its table.
func (s windows) half() int { return 1 << (s.w - 1) }

// P256 returns the curve NIST P-256.
func P256() *Curve { return p256() }

// P384 returns the curve NIST P-384.
func P384() *Curve { return p384() }

var (
	p256 = sync.OnceValue(func() *Curve {
		return newCurve(elliptic.P256(), &Curve{
			kernels: &p256Kernels,
			verify:  windowsFor(256, 8), key: windowsFor(256, 5), sign: windowsFor(256, signWidth),
		})
	})
	p384 = sync.OnceValue(func() *Curve {
		return newCurve(elliptic.P384(), &Curve{
			kernels: &p384Kernels,
			verify:  windowsFor(384, 8), key: windowsFor(384, 5), sign: windowsFor(384, signWidth),
		})
	})
)

// Size returns the number of bytes of a coordinate, of a scalar, and of r and s.
func (c *Curve) Size() int { return c.size }

// newCurve completes c.
func newCurve(std elliptic.Curve, c *Curve) *Curve {
	params := std.Params()
	c.name, c.size = params.Name, params.BitSize/8
	c.p, c.n = newModulus(params.P, c.digits), newModulus(params.N, c.digits)
	c.p.mul, c.n.mul = c.mul, c.ordMul
	for _, f := range []*modulus{c.p, c.n} {
		f.reduce = func(a []vec) { c.kernels.reduce(a, f.m) }
	}
	c.b = c.p.montgomery(params.B)
	c.g = append(c.p.montgomery(params.Gx), c.p.montgomery(params.Gy)...)
	x, y := hashedPoint(params)
	c.offset = append(c.p.montgomery(x), c.p.montgomery(y)...)
	c.tables = sync.OnceValue(c.newTables)
	c.builders.New = func() any { return c.newBuilder(lanes) }
	return c
}

// hashedPoint returns the first point whose x is the start of SHA-512("asynccrypto offset P-256" |
// counter), or P-384, counter being a byte from 0 on. y is the even one.
func hashedPoint(params *elliptic.CurveParams) (x, y *big.Int) {
	for counter := byte(0); ; counter++ {
		h := sha512.Sum512(append([]byte("asynccrypto offset "+params.Name), counter))
		x = new(big.Int).SetBytes(h[:params.BitSize/8])
		if x.Cmp(params.P) >= 0 {
			continue
		}
		yy := new(big.Int).Mul(x, x)
		yy.Sub(yy, big.NewInt(3)).Mul(yy, x).Add(yy, params.B)
		yy.Mod(yy, params.P)
		if y = new(big.Int).ModSqrt(yy, params.P); y == nil {
			continue
		}
		if y.Bit(0) == 1 {
			y.Sub(params.P, y)
		}
		return x, y
	}
}

// modulus is p or n, with the constants of Montgomery's multiplication, R = 2^(52·digits).
type modulus struct {
	big   *big.Int
	bytes []byte
	// mul sets dst = a·b/R mod m, below 2m, for factors below 2m.
	mul func(dst, a, b []vec)
	// reduce sets a to a mod m, for a below 2m with digits below 2^52.
	reduce   func(a []vec)
	m        []vec
	unit     []vec // 1: a product with it leaves Montgomery form
	one      []vec // R
	r2       []vec // R²: a product with it enters Montgomery form
	r3       []vec // R³
	inverter *divsteps.Inverter
}

func newModulus(m *big.Int, digits int) *modulus {
	f := &modulus{big: m, bytes: m.Bytes()}
	f.m, f.unit = vecsOf(m, digits), vecsOf(big.NewInt(1), digits)
	f.one = f.montgomery(big.NewInt(1))
	r := new(big.Int).Lsh(big.NewInt(1), uint(digitBits*digits))
	f.r2, f.r3 = f.montgomery(r), f.montgomery(new(big.Int).Mul(r, r))
	f.inverter = divsteps.New(m)
	return f
}

// montgomery returns x·R mod m in all lanes.
func (f *modulus) montgomery(x *big.Int) []vec {
	t := new(big.Int).Lsh(x, uint(digitBits*len(f.m)))
	return vecsOf(t.Mod(t, f.big), len(f.m))
}

// vecsOf returns the digits of x in all lanes.
func vecsOf(x *big.Int, digits int) []vec {
	v := ifma.NewVecs(digits)
	t, mask := new(big.Int).Set(x), big.NewInt(digitMask)
	for i := range v {
		fill(&v[i], new(big.Int).And(t, mask).Uint64())
		t.Rsh(t, digitBits)
	}
	return v
}

// invert sets dst = 1/a in Montgomery form, below 2m, for a in Montgomery form, below 2m. It
// inverts the product of the lanes, and multiplies by the other seven (Montgomery's trick, in
// three steps of doubling distance). A lane that is 0 would make all others 0, so it counts as
// 1. The time does not depend on a. tmp has room for four numbers.
func (f *modulus) invert(dst, a, tmp []vec) {
	d := len(f.m)
	product, others, t, s := tmp[:d], tmp[d:2*d], tmp[2*d:3*d], tmp[3*d:4*d]
	f.mul(product, a, f.one)
	f.reduce(product)
	zero := isZero(product)
	for i := range product {
		for l := range lanes {
			product[i][l] |= f.one[i][l] & zero[l]
		}
	}
	rotate(others, product, 1)
	for by := 1; by < lanes; by *= 2 {
		rotate(t, product, by)
		if by > 1 {
			f.mul(others, others, t)
		}
		f.mul(product, product, t)
	}
	f.reduce(product)
	x := limbsOf(product, 0)
	f.inverter.Invert(&x)
	setLimbs(s, &x)
	x = divsteps.Number{}
	f.mul(s, s, f.r3)
	f.mul(dst, s, others)
}
