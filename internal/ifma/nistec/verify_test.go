package nistec

import (
	"crypto/ecdsa"
	"math/big"
	"math/rand/v2"
	"testing"

	"asynccrypto/internal/ifma"
)

// stdVerify is the standard library's answer for lane l.
func (b *batch) stdVerify(l int) bool {
	return ecdsa.Verify(&b.keys[l].std.PublicKey, b.hashes[l], new(big.Int).SetBytes(b.r[l]), new(big.Int).SetBytes(b.s[l]))
}

// set makes key, hash and signature those of lane l.
func (b *batch) set(c testCurve, l int, k *testKey, hash []byte, r, s *big.Int) {
	b.keys[l], b.pubs[l], b.compact[l], b.points[l] = k, k.pub, k.compact, k.point
	b.hashes[l], b.r[l], b.s[l] = hash, c.bytes(r), c.bytes(s)
}

// agree fails the test unless all kinds of verification give the standard library's answer for the
// first n lanes, but for those that they leave to other code.
func (b *batch) agree(t *testing.T, w *Workspace, n int) (redone uint8) {
	t.Helper()
	var want uint8
	for l := range n {
		if b.stdVerify(l) {
			want |= 1 << l
		}
	}
	for kind, verify := range b.kinds(w) {
		valid, redo := verify(n)
		if valid != want&^redo || redo>>n != 0 {
			t.Fatalf("%s, %d lanes: valid = %08b, want %08b; redo = %08b", kind, n, valid, want, redo)
		}
		redone |= redo
	}
	return redone
}

// TestVerify spoils some of the signatures of each batch, in one bit.
func TestVerify(t *testing.T) {
	everyImpl(t, func(t *testing.T, c testCurve) {
		r := rand.New(rand.NewPCG(3, uint64(c.size)))
		w := workspace(t, c.Curve)
		times := rounds(30)
		if ifma.AllowReference {
			times = rounds(1) // they are slow
		}
		for range times {
			b := newBatch(t, c)
			for l := range MaxBatch {
				b.hashes[l] = make([]byte, []int{1, 20, 31, 32, 33, 47, 48, 49, 64, 200}[r.IntN(10)])
				for i := range b.hashes[l] {
					b.hashes[l][i] = byte(r.Uint32())
				}
				b.sign(t, c, l)
				x := [][]byte{nil, b.hashes[l], b.r[l], b.s[l], nil}[r.IntN(5)]
				if len(x) > 0 {
					x[r.IntN(len(x))] ^= 1 << r.IntN(8)
				}
			}
			if redo := b.agree(t, w, r.IntN(MaxBatch+1)); redo != 0 {
				t.Fatalf("redo = %08b", redo)
			}
		}
	})
}

// TestVerifyRange has r and s at and beyond the ends of their range.
func TestVerifyRange(t *testing.T) {
	everyCurve(t, func(t *testing.T, c testCurve) {
		w := workspace(t, c.Curve)
		n := c.n.big
		top := new(big.Int).Lsh(big.NewInt(1), uint(8*c.size))
		var ends []*big.Int
		for _, x := range []*big.Int{new(big.Int), n, c.p.big, top} {
			for i := int64(-2); i <= 2; i++ {
				if y := new(big.Int).Add(x, big.NewInt(i)); y.Sign() >= 0 && y.Cmp(top) < 0 {
					ends = append(ends, y)
				}
			}
		}
		for i, x := range ends {
			b := newBatch(t, c)
			for l := range MaxBatch {
				y := ends[(i+l)%len(ends)]
				switch l % 4 {
				case 0:
					b.r[l] = c.bytes(x)
				case 1:
					b.s[l] = c.bytes(x)
				case 2:
					b.r[l], b.s[l] = c.bytes(x), c.bytes(y)
				}
			}
			b.agree(t, w, MaxBatch)
		}
	})
}

// TestVerifyRefusals has lanes that cannot be verified among others that can.
func TestVerifyRefusals(t *testing.T) {
	everyCurve(t, func(t *testing.T, c testCurve) {
		w := workspace(t, c.Curve)
		other := testCurves()[0]
		if c.size == 32 {
			other = testCurves()[1]
		}
		b := newBatch(t, c)
		b.pubs[1], b.points[1] = nil, Point{}
		b.pubs[2], b.points[2] = keysOf[other.name]()[0].pub, keysOf[other.name]()[0].point
		b.r[3] = b.r[3][1:]
		b.s[4] = append([]byte{0}, b.s[4]...)
		b.points[5].Y = c.bytes(big.NewInt(1)) // not on the curve
		b.points[6].X = c.bytes(c.p.big)
		for n := -1; n <= MaxBatch+1; n++ {
			all := uint8(1<<max(0, min(n, MaxBatch)) - 1)
			if valid, redo := w.Verify(&b.pubs, &b.hashes, &b.r, &b.s, n); valid != 0b11100001&all || redo != 0 {
				t.Errorf("n = %d: valid = %08b, redo = %08b", n, valid, redo)
			}
			if valid, redo := w.VerifyAny(&b.points, &b.hashes, &b.r, &b.s, n); valid != 0b10000001&all || redo != 0 {
				t.Errorf("any, n = %d: valid = %08b, redo = %08b", n, valid, redo)
			}
		}
		empty := batch{}
		for kind, verify := range empty.kinds(w) {
			if valid, redo := verify(MaxBatch); valid|redo != 0 {
				t.Errorf("%s, nothing: valid = %08b, redo = %08b", kind, valid, redo)
			}
		}
	})
}

func TestNewPublicKey(t *testing.T) {
	everyCurve(t, func(t *testing.T, c testCurve) {
		k := keysOf[c.name]()[0]
		x, y := k.point.X, k.point.Y
		zero, p := c.bytes(new(big.Int)), c.bytes(c.p.big)
		// y + p would be the same number, but is not a coordinate.
		for _, bad := range []Point{
			{x, zero}, {zero, zero}, {y, x}, {p, y}, {x, p}, {x[1:], y}, {x, y[1:]}, {append([]byte{0}, x...), y}, {nil, nil},
		} {
			for _, compact := range []bool{false, true} {
				if _, err := c.NewPublicKey(bad.X, bad.Y, compact); err != ErrPoint {
					t.Errorf("(%x, %x): %v", bad.X, bad.Y, err)
				}
			}
		}
	})
}

// forge returns a hash and a signature that are such that the verification computes u1·G + u2·Q.
func forge(c testCurve, u1, u2, r *big.Int) (hash []byte, s *big.Int) {
	n := c.n.big
	s = new(big.Int).ModInverse(u2, n)
	s.Mul(s, r).Mod(s, n)
	e := new(big.Int).Mul(u1, s)
	return c.bytes(e.Mod(e, n)), s
}

// keyOf is the key d·G.
func keyOf(t testing.TB, c testCurve, d *big.Int) *testKey {
	x, y := c.baseMult(d)
	return preparePublic(t, c, x, y)
}

// TestSumsMeet has u1·G and u2·Q equal, which is a doubling, and opposite, which is infinity.
func TestSumsMeet(t *testing.T) {
	everyCurve(t, func(t *testing.T, c testCurve) {
		r := rand.New(rand.NewPCG(4, 4))
		w := workspace(t, c.Curve)
		n := c.n.big
		for range rounds(3) {
			b := newBatch(t, c)
			d := randomBelow(r, n)
			k := keyOf(t, c, d)
			for l := range MaxBatch {
				u2 := randomBelow(r, n)
				u1 := new(big.Int).Mul(u2, d)
				u1.Mod(u1, n)
				switch l % 4 {
				case 0: // valid: r is the x of 2·u1·G
					x, _ := c.baseMult(new(big.Int).Lsh(u1, 1))
					x.Mod(x, n)
					hash, s := forge(c, u1, u2, x)
					b.set(c, l, k, hash, x, s)
				case 1: // invalid
					hash, s := forge(c, u1, u2, big.NewInt(5))
					b.set(c, l, k, hash, big.NewInt(5), s)
				case 2: // infinity
					hash, s := forge(c, u1.Sub(n, u1), u2, big.NewInt(7))
					b.set(c, l, k, hash, big.NewInt(7), s)
				}
			}
			for _, i := range []int{0, 4} {
				if !b.stdVerify(i) {
					t.Fatal("the forged signature is not valid")
				}
			}
			if redo := b.agree(t, w, MaxBatch); redo != 0b01000100 {
				t.Errorf("redo = %08b: infinity is for other code, and nothing else", redo)
			}
			b.agree(t, w, 3)
		}
	})
}

// TestSmallR has signatures whose point has an x of n or more, so that r is x-n.
func TestSmallR(t *testing.T) {
	everyCurve(t, func(t *testing.T, c testCurve) {
		r := rand.New(rand.NewPCG(5, 5))
		w := workspace(t, c.Curve)
		params := c.std.Params()
		b := newBatch(t, c)
		found := 0
		for small := int64(1); found < 2*MaxBatch; small++ {
			x := new(big.Int).Add(params.N, big.NewInt(small))
			yy := new(big.Int).Mul(x, x)
			yy.Sub(yy, big.NewInt(3)).Mul(yy, x).Add(yy, params.B).Mod(yy, params.P)
			y := new(big.Int).ModSqrt(yy, params.P)
			if y == nil {
				continue
			}
			// Q = (R - u1·G)/u2
			u1, u2 := randomBelow(r, params.N), randomBelow(r, params.N)
			gx, gy := c.baseMult(u1)
			qx, qy := c.sub(x, y, gx, gy)
			qx, qy = c.mult(qx, qy, new(big.Int).ModInverse(u2, params.N))
			k := preparePublic(t, c, qx, qy)
			hash, s := forge(c, u1, u2, big.NewInt(small))
			l := found % MaxBatch
			b.set(c, l, k, hash, big.NewInt(small), s)
			if !b.stdVerify(l) {
				t.Fatal("the forged signature is not valid")
			}
			if found%3 == 2 { // r+1 does not verify
				b.r[l] = c.bytes(big.NewInt(small + 1))
			}
			found++
			if found%MaxBatch == 0 {
				b.agree(t, w, MaxBatch)
			}
		}
	})
}

// TestZeroX has signatures whose sum is the point with x = 0, beside one whose r+n is below p: what
// is compared with x in the lanes without such an r must not be taken for r+n.
func TestZeroX(t *testing.T) {
	everyCurve(t, func(t *testing.T, c testCurve) {
		r := rand.New(rand.NewPCG(10, 10))
		w, b, n := workspace(t, c.Curve), newBatch(t, c), c.std.Params().N
		y := new(big.Int).ModSqrt(c.std.Params().B, c.p.big)
		if y == nil {
			t.Skip("no point of the curve has x = 0")
		}
		for l := range MaxBatch - 1 {
			// Q = ((0, y) - u1·G)/u2
			u1, u2, any := randomBelow(r, n), randomBelow(r, n), randomBelow(r, n)
			gx, gy := c.baseMult(u1)
			qx, qy := c.sub(new(big.Int), y, gx, gy)
			qx, qy = c.mult(qx, qy, new(big.Int).ModInverse(u2, n))
			hash, s := forge(c, u1, u2, any)
			b.set(c, l, preparePublic(t, c, qx, qy), hash, any, s)
		}
		b.r[MaxBatch-1] = c.bytes(big.NewInt(1))
		b.agree(t, w, MaxBatch)
	})
}

// TestOffset has keys that are made so that a sum meets the point it started with: the digit of
// one window is 1, and that multiple of the key is the offset or its negative.
func TestOffset(t *testing.T) {
	everyCurve(t, func(t *testing.T, c testCurve) {
		params := c.std.Params()
		w := workspace(t, c.Curve)
		ox, oy := hashedPoint(params)
		met := 0
		for window := 0; window < c.key.n-1; window += 7 {
			// Q = ±2^l/2^(5·window)·offset, in lane l
			shift := new(big.Int).Lsh(big.NewInt(1), uint(c.key.w*window))
			if shift.Cmp(params.N) >= 0 {
				break
			}
			inv := new(big.Int).ModInverse(shift, params.N)
			b := newBatch(t, c)
			for l := range MaxBatch {
				qx, qy := c.mult(ox, oy, new(big.Int).Lsh(inv, uint(l)))
				if window%2 == 1 {
					qy.Sub(params.P, qy)
				}
				hash, s := forge(c, new(big.Int), shift, big.NewInt(9))
				b.set(c, l, preparePublic(t, c, qx, qy), hash, big.NewInt(9), s)
			}
			for _, n := range []int{MaxBatch, 3, 1} {
				if b.agree(t, w, n) != 0 {
					met++
				}
			}
		}
		t.Logf("%d batches met the offset", met)
		if met == 0 {
			t.Error("the test does not do what it says")
		}
	})
}

// FuzzVerify compares with the standard library for any key, hash and signature.
func FuzzVerify(f *testing.F) {
	f.Add([]byte{1}, []byte{2}, []byte{3}, []byte{4}, uint8(8), false)
	f.Add([]byte{255, 255}, []byte{}, []byte{9}, []byte{7}, uint8(1), true)
	f.Fuzz(func(t *testing.T, d, hash, r, s []byte, n uint8, long bool) {
		need(t)
		c := testCurves()[0]
		if long {
			c = testCurves()[1]
		}
		b := newBatch(t, c)
		lane := int(n/8) % MaxBatch
		number := func(x []byte) *big.Int {
			z := new(big.Int).SetBytes(x)
			return z.Mod(z, new(big.Int).Lsh(big.NewInt(1), uint(8*c.size)))
		}
		secret := number(d)
		if secret.Mod(secret, c.n.big).Sign() == 0 {
			secret.SetInt64(1)
		}
		b.set(c, lane, keyOf(t, c, secret), hash, number(r), number(s))
		b.agree(t, workspace(t, c.Curve), int(n%8)+1)
	})
}
