package nistec

//lint:file-ignore SA1019 the tests need sums and multiples of points

import (
	"crypto/elliptic"
	"fmt"
	"math/big"
	"math/rand/v2"
	"runtime"
	"slices"
	"testing"
	"unsafe"

	"asynccrypto/internal/ifma"
)

// subject is a curve with its kernels and their bounds.
type subject struct {
	*kernels
	name  string
	curve elliptic.Curve
	// The largest values of a factor, of the results of products, and of the coordinates of a
	// point.
	factor, result, ordResult, coordinate, z *big.Int
}

func subjects() []subject {
	eighths := func(n int64, bits uint) *big.Int { // n/8·2^bits
		return new(big.Int).Lsh(big.NewInt(n), bits-3)
	}
	return []subject{
		{&p256Kernels, "P-256", elliptic.P256(),
			eighths(10, 256), eighths(9, 256), eighths(10, 256), eighths(9, 256), eighths(10, 256)},
		{&p384Kernels, "P-384", elliptic.P384(),
			eighths(8*16, 384), eighths(9, 384), eighths(12, 384), eighths(8*11, 384), eighths(8*11, 384)},
	}
}

func (s subject) vecs(n int) []ifma.Vec { return ifma.NewVecs(n * s.digits) }

// set writes x to lane l of v.
func (s subject) set(v []ifma.Vec, l int, x *big.Int) {
	t, mask := new(big.Int).Set(x), big.NewInt(ifma.DigitMask)
	for i := range s.digits {
		v[i][l] = new(big.Int).And(t, mask).Uint64()
		t.Rsh(t, ifma.DigitBits)
	}
	if t.Sign() != 0 {
		panic("too long")
	}
}

// get reads lane l of v, whose digits must be below 2^52.
func (s subject) get(t testing.TB, v []ifma.Vec, l int) *big.Int {
	t.Helper()
	x := new(big.Int)
	for i := s.digits - 1; i >= 0; i-- {
		if v[i][l] > ifma.DigitMask {
			t.Fatalf("digit %d is %#x", i, v[i][l])
		}
		x.Lsh(x, ifma.DigitBits).Or(x, new(big.Int).SetUint64(v[i][l]))
	}
	return x
}

// operandUpTo returns a random number up to limit, often one at an end of that range, of the
// prime's or with digits of all zeros or all ones.
func operandUpTo(r *rand.Rand, limit, prime *big.Int) *big.Int {
	x := new(big.Int)
	switch r.IntN(8) {
	case 0:
		return x.Sub(limit, big.NewInt(int64(r.IntN(3))))
	case 1:
		return x.SetInt64(int64(r.IntN(3)))
	case 2:
		return x.Add(prime, big.NewInt(int64(r.IntN(3)-1)))
	case 3:
		for i := range limit.BitLen()/ifma.DigitBits + 1 {
			if r.IntN(2) == 0 {
				x.Or(x, new(big.Int).Lsh(big.NewInt(ifma.DigitMask), uint(i*ifma.DigitBits)))
			}
		}
	default:
		for range limit.BitLen()/64 + 1 {
			x.Lsh(x, 64).Or(x, new(big.Int).SetUint64(r.Uint64()))
		}
	}
	return x.Mod(x, new(big.Int).Add(limit, big.NewInt(1)))
}

func (s subject) prime() *big.Int { return s.curve.Params().P }

// random fills numbers.
func (s subject) random(r *rand.Rand, v []ifma.Vec, limit *big.Int) {
	for at := 0; at+s.digits <= len(v); at += s.digits {
		for l := range ifma.Lanes {
			s.set(v[at:], l, operandUpTo(r, limit, s.prime()))
		}
	}
}

// needKernels skips a test of the kernels where they cannot run.
func needKernels(t testing.TB) {
	t.Helper()
	if ok, why := ifma.Supported(); !ok {
		t.Skip(why)
	}
}

// withReference runs f on the reference implementation.
func withReference(f func()) {
	ifma.AllowReference = true
	defer func() { ifma.AllowReference = false }()
	f()
}

// TestKernelsEqualReference compares each kernel with its reference, in every bit, on numbers
// in the whole range that the bounds allow.
func TestKernelsEqualReference(t *testing.T) {
	needKernels(t)
	r := rand.New(rand.NewPCG(1, 2))
	for _, s := range subjects() {
		run := func(name string, words int, f func(v []ifma.Vec), fill func(v []ifma.Vec)) {
			t.Run(s.name+"/"+name, func(t *testing.T) {
				for range 300 {
					got := ifma.NewVecs(words)
					fill(got)
					in := slices.Clone(got)
					want := slices.Clone(got)
					f(got)
					withReference(func() { f(want) })
					if !slices.Equal(got[:3*s.digits], want[:3*s.digits]) {
						t.Fatalf("of\n%x\nthe kernel makes\n%x\nthe reference\n%x", in, got[:3*s.digits], want[:3*s.digits])
					}
				}
			})
		}
		d := s.digits
		factors := func(v []ifma.Vec) { s.random(r, v, s.factor) }
		run("mul", 3*d, func(v []ifma.Vec) { s.mul(v, v[d:], v[2*d:]) }, factors)
		run("mul in place", 3*d, func(v []ifma.Vec) { s.mul(v, v, v[d:]); s.mul(v[d:], v[2*d:], v[d:]) }, factors)
		run("sqr", 3*d, func(v []ifma.Vec) { s.sqr(v, v[d:]); s.sqr(v[d:], v[d:]) }, factors)
		run("ordMul", 3*d, func(v []ifma.Vec) { s.ordMul(v, v[d:], v[2*d:]) }, factors)
		run("reduce", 3*d, func(v []ifma.Vec) { s.reduce(v, v[d:]) }, factors)
		state := stateWords * d
		// points fills v with coordinates. Points with a Z are at the offsets.
		points := func(v []ifma.Vec, offsets ...int) {
			s.random(r, v, s.coordinate)
			for _, at := range offsets {
				s.random(r, v[at+2*d:at+3*d], s.z)
			}
		}
		point := func(v []ifma.Vec) { points(v, 0) }
		run("double", state, func(v []ifma.Vec) { s.double(v, 1) }, point)
		run("double 3", state, func(v []ifma.Vec) { s.double(v, 3) }, point)
		run("add", state+5*d, func(v []ifma.Vec) { s.add(v, v[state:]) }, func(v []ifma.Vec) { points(v, 0, state) })
		run("addAffine", state+2*d+1, func(v []ifma.Vec) {
			masks := &v[state+2*d]
			s.addAffine(v, v[state:], masks[0]&0xff, masks[1]&0xff)
		}, func(v []ifma.Vec) { points(v, 0); v[state+2*d] = ifma.Vec{r.Uint64(), r.Uint64()} })
		run("addAffine2", 2*state+4*d+1, func(v []ifma.Vec) {
			st2, pt, pt2, masks := v[state:], v[2*state:], v[2*state+2*d:], &v[2*state+4*d]
			s.addAffine2(v, st2, pt, pt2, masks[0]&0xff, masks[1]&0xff, masks[2]&0xff, masks[3]&0xff)
			mixIn(v[2*d:3*d], st2[:d], st2[d:2*d], st2[2*d:3*d])
		}, func(v []ifma.Vec) {
			points(v, 0, state)
			v[2*state+4*d] = ifma.Vec{r.Uint64(), r.Uint64(), r.Uint64(), r.Uint64()}
		})
		run("addXYZZ2", 2*state+4*d+1, func(v []ifma.Vec) {
			st2, pt, pt2, masks := v[state:], v[2*state:], v[2*state+2*d:], &v[2*state+4*d]
			s.addXYZZ2(v, st2, pt, pt2, masks[0]&0xff, masks[1]&0xff, masks[2]&0xff, masks[3]&0xff)
			mixIn(v[2*d:3*d], v[3*d:4*d], st2[:d], st2[d:2*d], st2[2*d:3*d], st2[3*d:4*d])
		}, func(v []ifma.Vec) {
			points(v, 0, state, d, state+d) // ZZ and ZZZ have the bounds of a Z
			v[2*state+4*d] = ifma.Vec{r.Uint64(), r.Uint64(), r.Uint64(), r.Uint64()}
		})
	}
}

// mixIn makes dst depend on further numbers, which are to be compared too.
func mixIn(dst []ifma.Vec, more ...[]ifma.Vec) {
	for n, v := range more {
		for i := range v {
			for l := range ifma.Lanes {
				dst[i][l] ^= v[i][l] << (n + 1)
			}
		}
	}
}

// TestCompressEqualsReference compares the kernel of SHA-256 with its reference.
func TestCompressEqualsReference(t *testing.T) {
	needKernels(t)
	r := rand.New(rand.NewPCG(23, 24))
	var got hashState
	var block hashBlock
	for range 1000 {
		for l := range ifma.Lanes {
			for i := range got {
				got[i][l] = r.Uint32()
			}
			for i := range block {
				block[i][l] = r.Uint32()
			}
		}
		want, in := got, got
		compress(&got, &block)
		withReference(func() { compress(&want, &block) })
		if got != want {
			t.Fatalf("of\n%x\n%x\nthe kernel makes\n%x\nthe reference\n%x", in, block, got, want)
		}
	}
}

// TestReferenceProducts compares the products of the reference with math/big.
func TestReferenceProducts(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	for _, s := range subjects() {
		a, b, dst := s.vecs(1), s.vecs(1), s.vecs(1)
		radix := new(big.Int).Lsh(big.NewInt(1), uint(ifma.DigitBits*s.digits))
		check := func(name string, mul func(dst, a, b []ifma.Vec), m, limit *big.Int) {
			inverse := new(big.Int).ModInverse(radix, m)
			for range 300 {
				s.random(r, a, s.factor)
				s.random(r, b, s.factor)
				mul(dst, a, b)
				for l := range ifma.Lanes {
					x, y, z := s.get(t, a, l), s.get(t, b, l), s.get(t, dst, l)
					want := new(big.Int).Mul(x, y)
					want.Mul(want, inverse).Mod(want, m)
					if new(big.Int).Mod(z, m).Cmp(want) != 0 || z.Cmp(limit) > 0 {
						t.Fatalf("%s %s: %x · %x is %x, want %x", s.name, name, x, y, z, want)
					}
				}
			}
		}
		check("mul", s.mulReference, s.prime(), s.result)
		check("ordMul", s.ordMulReference, s.curve.Params().N, s.ordResult)
	}
}

// TestFormulas compares doublings and additions with math/big, for coordinates in the whole range of
// the bounds. The formulas hold for all numbers, whether or not they are points of the curve.
func TestFormulas(t *testing.T) {
	t.Run("kernels", func(t *testing.T) { needKernels(t); testFormulas(t) })
	t.Run("reference", func(t *testing.T) { withReference(func() { testFormulas(t) }) })
}

func testFormulas(t *testing.T) {
	r := rand.New(rand.NewPCG(17, 18))
	for _, s := range subjects() {
		d, p := s.digits, s.prime()
		inverse := new(big.Int).ModInverse(new(big.Int).Lsh(big.NewInt(1), uint(ifma.DigitBits*d)), p)
		// The product in Montgomery form of some numbers, and their sum with factors.
		mul := func(xs ...*big.Int) *big.Int {
			z := xs[0]
			for _, x := range xs[1:] {
				z = new(big.Int).Mul(z, x)
				z.Mul(z, inverse).Mod(z, p)
			}
			return z
		}
		sum := func(k1 int64, x1 *big.Int, k2 int64, x2 *big.Int) *big.Int {
			z := new(big.Int).Mul(big.NewInt(k1), x1)
			return z.Add(z, new(big.Int).Mul(big.NewInt(k2), x2)).Mod(z, p)
		}
		numbers := func(v []ifma.Vec, l, n int) (xs []*big.Int) {
			for i := range n {
				xs = append(xs, s.get(t, v[i*d:], l))
			}
			return xs
		}
		check := func(name string, st []ifma.Vec, l int, want ...*big.Int) {
			t.Helper()
			for i, x := range numbers(st, l, 3) {
				limit := s.coordinate
				if i == 2 {
					limit = s.z
				}
				if x.Cmp(limit) > 0 || sum(1, x, -1, want[i]).Sign() != 0 {
					t.Fatalf("%s, %s: coordinate %d is %x, want %x mod p", s.name, name, i, x, want[i])
				}
			}
		}
		// sumOf is the sum of (u1, s1) and (u2, s2), where z is the product of their Zs.
		sumOf := func(u1, s1, u2, s2, z *big.Int) (x, y, z3 *big.Int) {
			h, m := sum(1, u2, -1, u1), sum(1, s2, -1, s1)
			hhh, v := mul(h, h, h), mul(u1, h, h)
			x = sum(1, sum(1, mul(m, m), -1, hhh), -2, v)
			return x, sum(1, mul(m, sum(1, v, -1, x)), -1, mul(s1, hhh)), mul(z, h)
		}
		st, st2, pt, pt2, full := s.vecs(stateWords), s.vecs(stateWords), s.vecs(2), s.vecs(2), s.vecs(5)
		for range 50 {
			for _, v := range [][]ifma.Vec{st, st2, pt, pt2, full} {
				s.random(r, v, s.coordinate)
			}
			for _, v := range [][]ifma.Vec{st[2*d : 4*d], st2[2*d : 4*d], full[2*d : 3*d]} {
				s.random(r, v, s.z)
			}
			doubled, added, affine, affine2 := slices.Clone(st), slices.Clone(st), slices.Clone(st), slices.Clone(st2)
			s.double(doubled, 1)
			s.add(added, full)
			const neg, neg2 = 0x35, 0xc6
			s.addAffine2(affine, affine2, pt, pt2, neg, 0, neg2, 0)
			xyzz, xyzz2 := slices.Clone(st), slices.Clone(st2)
			s.addXYZZ2(xyzz, xyzz2, pt, pt2, neg, 0, neg2, 0)
			for l := range ifma.Lanes {
				in := numbers(st, l, 3)
				x, y, z := in[0], in[1], in[2]
				a := mul(sum(1, x, -1, mul(z, z)), sum(3, x, 3, mul(z, z)))
				b := mul(x, y, y)
				x2 := sum(1, mul(a, a), -8, b)
				check("double", doubled, l, x2, sum(1, mul(a, sum(4, b, -1, x2)), -8, mul(y, y, y, y)), sum(1, mul(y, z), 1, mul(y, z)))

				q := numbers(full, l, 5)
				x3, y3, z3 := sumOf(mul(x, q[3]), mul(y, q[4]), mul(q[0], z, z), mul(q[1], z, z, z), mul(z, q[2]))
				check("add", added, l, x3, y3, z3)

				for i, sums := range [][]ifma.Vec{affine, affine2} {
					x, y, z := x, y, z
					q, n := numbers(pt, l, 2), neg>>l&1
					if i == 1 {
						in := numbers(st2, l, 3)
						x, y, z = in[0], in[1], in[2]
						q, n = numbers(pt2, l, 2), neg2>>l&1
					}
					if n != 0 {
						q[1] = new(big.Int).Neg(q[1])
					}
					x3, y3, z3 := sumOf(x, y, mul(q[0], z, z), mul(q[1], z, z, z), z)
					check("addAffine2", sums, l, x3, y3, z3)

					// With these numbers in the place of Z² and Z³.
					in, got := st, xyzz
					if i == 1 {
						in, got = st2, xyzz2
					}
					from := numbers(in, l, 4)
					zz, zzz := from[2], from[3]
					h := sum(1, mul(q[0], zz), -1, x)
					x3, y3, _ = sumOf(x, y, mul(q[0], zz), mul(q[1], zzz), zz)
					check("addXYZZ2", got, l, x3, y3, mul(zz, h, h))
					z4, want := numbers(got, l, 4)[3], mul(zzz, h, h, h)
					if z4.Cmp(s.z) > 0 || sum(1, z4, -1, want).Sign() != 0 {
						t.Fatalf("%s, addXYZZ2: ZZZ is %x, want %x mod p", s.name, z4, want)
					}
				}
			}
		}
	}
}

// montgomery writes x·R mod p to lane l of v, plus a multiple of p.
func (s subject) montgomery(r *rand.Rand, v []ifma.Vec, l int, x *big.Int) {
	y := new(big.Int).Lsh(x, uint(ifma.DigitBits*s.digits))
	y.Mod(y, s.prime())
	if r.IntN(2) == 0 {
		if z := new(big.Int).Add(y, s.prime()); z.Cmp(s.coordinate) <= 0 {
			y = z
		}
	}
	s.set(v, l, y)
}

// plain is the reverse of montgomery.
func (s subject) plain(t *testing.T, v []ifma.Vec, l int) *big.Int {
	inverse := new(big.Int).ModInverse(new(big.Int).Lsh(big.NewInt(1), uint(ifma.DigitBits*s.digits)), s.prime())
	x := s.get(t, v, l)
	if x.Cmp(s.z) > 0 {
		t.Fatalf("a coordinate is %x", x)
	}
	return x.Mul(x, inverse).Mod(x, s.prime())
}

// affineOf returns the affine point of lane l of st.
func (s subject) affineOf(t *testing.T, st []ifma.Vec, l int) (x, y *big.Int) {
	d, p := s.digits, s.prime()
	x, y = s.plain(t, st, l), s.plain(t, st[d:], l)
	z := new(big.Int).ModInverse(s.plain(t, st[2*d:], l), p)
	zz := new(big.Int).Mul(z, z)
	x.Mul(x, zz).Mod(x, p)
	y.Mul(y, zz.Mul(zz, z)).Mod(y, p)
	return x, y
}

// TestPoints computes with points of the curve and compares with crypto/elliptic.
func TestPoints(t *testing.T) {
	t.Run("kernels", func(t *testing.T) { needKernels(t); testPoints(t) })
	t.Run("reference", func(t *testing.T) { withReference(func() { testPoints(t) }) })
}

func testPoints(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	for _, s := range subjects() {
		d, p := s.digits, s.prime()
		base := func() (x, y *big.Int) {
			return s.curve.ScalarBaseMult(new(big.Int).SetUint64(r.Uint64()).Bytes())
		}
		st, pt, full := s.vecs(stateWords), s.vecs(2), s.vecs(5)
		var x1, y1, x2, y2 [ifma.Lanes]*big.Int
		for l := range ifma.Lanes {
			x1[l], y1[l] = base()
			x2[l], y2[l] = base()
			z := operandUpTo(r, p, p)
			z.Add(z, big.NewInt(1)).Mod(z, p)
			if z.Sign() == 0 {
				z.SetInt64(7)
			}
			power := func(n int64, x *big.Int) *big.Int {
				y := new(big.Int).Exp(z, big.NewInt(n), p)
				return y.Mul(y, x).Mod(y, p)
			}
			one := big.NewInt(1)
			for i, x := range []*big.Int{power(2, x1[l]), power(3, y1[l]), z} {
				s.montgomery(r, st[i*d:], l, x)
			}
			for i, x := range []*big.Int{x2[l], y2[l]} {
				s.montgomery(r, pt[i*d:], l, x)
			}
			for i, x := range []*big.Int{power(2, x2[l]), power(3, y2[l]), z, power(2, one), power(3, one)} {
				s.montgomery(r, full[i*d:], l, x)
			}
		}
		check := func(name string, st []ifma.Vec, want func(l int) (x, y *big.Int)) {
			t.Helper()
			for l := range ifma.Lanes {
				x, y := s.affineOf(t, st, l)
				wantX, wantY := want(l)
				if x.Cmp(wantX) != 0 || y.Cmp(wantY) != 0 {
					t.Errorf("%s, %s, lane %d: (%x, %x), want (%x, %x)", s.name, name, l, x, y, wantX, wantY)
				}
			}
		}
		signed := func(l int, neg uint64) *big.Int {
			if neg>>l&1 != 0 {
				return new(big.Int).Sub(p, y2[l])
			}
			return y2[l]
		}
		sum := func(neg, skip uint64) func(l int) (x, y *big.Int) {
			return func(l int) (x, y *big.Int) {
				if skip>>l&1 != 0 {
					return x1[l], y1[l]
				}
				return s.curve.Add(x1[l], y1[l], x2[l], signed(l, neg))
			}
		}
		doubled := slices.Clone(st)
		s.double(doubled, 2)
		check("double", doubled, func(l int) (x, y *big.Int) {
			x, y = s.curve.Double(x1[l], y1[l])
			return s.curve.Double(x, y)
		})
		added := slices.Clone(st)
		s.addAffine(added, pt, 0x5a, 0x81)
		check("addAffine", added, sum(0x5a, 0x81))
		first, second := slices.Clone(st), slices.Clone(st)
		s.addAffine2(first, second, pt, pt, 0x0f, 0x11, 0xaa, 0x40)
		check("addAffine2", first, sum(0x0f, 0x11))
		check("addAffine2", second, sum(0xaa, 0x40))
		added = slices.Clone(st)
		s.add(added, full)
		check("add", added, sum(0, 0))

		// A point and itself, and a point and its negative: Z becomes 0.
		for _, neg := range []uint64{0, 0xff} {
			same := s.vecs(stateWords)
			copy(same, pt)
			for l := range ifma.Lanes {
				s.montgomery(r, same[2*d:], l, big.NewInt(1))
			}
			s.addAffine(same, pt, neg, 0)
			for l := range ifma.Lanes {
				if z := s.plain(t, same[2*d:], l); z.Sign() != 0 {
					t.Errorf("%s: Z of an exception is %x", s.name, z)
				}
			}
		}
	}
}

// TestTables looks entries up and fetches them.
func TestTables(t *testing.T) {
	t.Run("kernels", func(t *testing.T) { needKernels(t); testTables(t) })
	t.Run("reference", func(t *testing.T) { withReference(func() { testTables(t) }) })
}

func testTables(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 8))
	for _, s := range subjects() {
		perEntry := int(s.entrySize() / 8)
		table := ifma.NewVecs(s.tableWords())
		entries := ifma.NewVecs(lookupEntries * perEntry / ifma.Lanes)
		words := unsafe.Slice(&table[0][0], len(table)*ifma.Lanes)
		fetched := unsafe.Slice(&entries[0][0], len(entries)*ifma.Lanes)
		var want [lookupEntries][2]*big.Int
		for e := range want {
			for n := range want[e] {
				x := operandUpTo(r, new(big.Int).Sub(new(big.Int).Lsh(big.NewInt(1), uint(64*s.words)), big.NewInt(1)), s.prime())
				want[e][n] = x
				for i := range s.words {
					w := new(big.Int).Rsh(x, uint(64*i))
					w.And(w, new(big.Int).SetUint64(^uint64(0)))
					words[lookupEntries*(s.words*n+i)+e] = w.Uint64()
					fetched[perEntry*e+s.words*n+i] = w.Uint64()
				}
			}
		}
		dst, mag, bases := s.vecs(2), ifma.NewVecs(1), ifma.NewVecs(1)
		for range 100 {
			for l := range mag[0] {
				mag[0][l] = 1 + r.Uint64N(lookupEntries)
				bases[0][l] = uint64(uintptr(unsafe.Pointer(&entries[0]))) - s.entrySize()
			}
			for name, f := range map[string]func(){
				"lookup": func() { s.lookup(dst, table, &mag[0]) },
				"fetch":  func() { s.fetch(dst, &bases[0], &mag[0]) },
			} {
				f()
				for l, m := range mag[0] {
					for n := range 2 {
						if got := s.get(t, dst[n*s.digits:], l); got.Cmp(want[m-1][n]) != 0 {
							t.Fatalf("%s, %s: number %d of entry %d is %x, want %x", s.name, name, n, m, got, want[m-1][n])
						}
					}
				}
			}
		}
		runtime.KeepAlive(entries)
		mag[0] = ifma.Vec{}
		s.lookup(dst, table, &mag[0])
		for i, d := range dst {
			if d != (ifma.Vec{}) {
				t.Fatalf("%s: no entry has the digit %d, %x", s.name, i, d)
			}
		}
	}
}

// TestStore stores points and fetches them.
func TestStore(t *testing.T) {
	t.Run("kernels", func(t *testing.T) { needKernels(t); testStore(t) })
	t.Run("reference", func(t *testing.T) { withReference(func() { testStore(t) }) })
}

func testStore(t *testing.T) {
	r := rand.New(rand.NewPCG(15, 16))
	for _, s := range subjects() {
		src, dst := s.vecs(2), s.vecs(2)
		memory := ifma.NewVecs(ifma.Lanes * int(s.entrySize()) / 64)
		to, mag := ifma.NewVecs(1), ifma.NewVecs(1)
		for l := range to[0] {
			to[0][l] = uint64(uintptr(unsafe.Pointer(&memory[l*int(s.entrySize())/64])))
		}
		for range 300 {
			s.random(r, src, s.result)
			for i := range memory {
				memory[i] = ifma.Vec{r.Uint64(), r.Uint64()}
			}
			s.store(&to[0], src)
			s.fetch(dst, &to[0], &mag[0])
			for l := range ifma.Lanes {
				for n := range 2 {
					want := s.get(t, src[n*s.digits:], l)
					if got := s.get(t, dst[n*s.digits:], l); got.Cmp(want.Mod(want, s.prime())) != 0 {
						t.Fatalf("%s: %x, want %x", s.name, got, want)
					}
				}
			}
		}
		runtime.KeepAlive(memory)
	}
}

// TestRecode puts the digits together again.
func TestRecode(t *testing.T) {
	t.Run("kernel", func(t *testing.T) { needKernels(t); testRecode(t) })
	t.Run("reference", func(t *testing.T) { withReference(func() { testRecode(t) }) })
}

func testRecode(t *testing.T) {
	r := rand.New(rand.NewPCG(9, 10))
	for _, s := range subjects() {
		bits := s.curve.Params().BitSize
		for w := 2; w <= 9; w++ {
			t.Run(fmt.Sprint(s.name, w), func(t *testing.T) {
				n := bits/w + 1
				x, mag := ifma.NewVecs(s.digits+1), ifma.NewVecs(n)
				neg, zero := make([]uint64, n), make([]uint64, n)
				limit := new(big.Int).Lsh(big.NewInt(1), uint(min(bits, w*n-1)))
				s.random(r, x, limit.Sub(limit, big.NewInt(1)))
				recode(mag, x, neg, zero, w)
				for l := range ifma.Lanes {
					sum := new(big.Int)
					for i := n - 1; i >= 0; i-- {
						d := new(big.Int).SetUint64(mag[i][l])
						if mag[i][l] > 1<<(w-1) || mag[i][l] == 0 != (zero[i]>>l&1 != 0) {
							t.Fatalf("digit %d is %d, zero %08b", i, mag[i][l], zero[i])
						}
						if neg[i]>>l&1 != 0 {
							d.Neg(d)
						}
						sum.Lsh(sum, uint(w)).Add(sum, d)
					}
					if want := s.get(t, x, l); sum.Cmp(want) != 0 {
						t.Fatalf("lane %d: %x, want %x", l, sum, want)
					}
				}
			})
		}
	}
}
