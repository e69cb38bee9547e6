package nistec

import (
	"math/big"
	"math/rand/v2"
	"testing"
)

// randomBelow returns a number below m.
func randomBelow(r *rand.Rand, m *big.Int) *big.Int {
	b := make([]byte, len(m.Bytes())+8)
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	x := new(big.Int).SetBytes(b)
	return x.Mod(x, m)
}

// TestInvertLanes has numbers with some zeros among them: those change nothing for the others.
func TestInvertLanes(t *testing.T) {
	r := rand.New(rand.NewPCG(2, 2))
	everyImpl(t, func(t *testing.T, c testCurve) {
		d := c.digits
		w := workspace(t, c.Curve)
		for _, f := range []*modulus{c.p, c.n} {
			for range rounds(20) {
				a, dst := make([]vec, d), make([]vec, d)
				var x [lanes]*big.Int
				for l := range lanes {
					x[l] = randomBelow(r, f.big)
					if r.IntN(8) == 0 {
						x[l] = new(big.Int)
					}
					copyLane(a, l, f.montgomery(x[l]), l)
				}
				f.invert(dst, a, w.t)
				f.mul(dst, dst, f.unit)
				f.reduce(dst)
				for l := range lanes {
					want := new(big.Int).ModInverse(x[l], f.big)
					if x[l].Sign() == 0 {
						want = big.NewInt(1)
					}
					got := make([]byte, c.size)
					bytesOf(got, dst, l)
					if new(big.Int).SetBytes(got).Cmp(want) != 0 {
						t.Fatalf("lane %d: 1/%x = %x", l, x[l], got)
					}
				}
			}
		}
	})
}
