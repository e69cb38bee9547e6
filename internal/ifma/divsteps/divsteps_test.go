package divsteps

import (
	"math/big"
	"math/rand/v2"
	"testing"
)

func (x *Number) big() *big.Int {
	z := new(big.Int)
	for j := len(x) - 1; j >= 0; j-- {
		z.Lsh(z, LimbBits).Add(z, big.NewInt(x[j]))
	}
	return z
}

// TestInvert compares inverses with math/big's: of small numbers, of those just below the
// modulus, of powers of two, and of random ones.
func TestInvert(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	for _, s := range []string{
		"7fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffed",
		"ffffffff00000001000000000000000000000000ffffffffffffffffffffffff",
		"ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551",
		"fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffeffffffff0000000000000000ffffffff",
		"ffffffffffffffffffffffffffffffffffffffffffffffffc7634d81f4372ddf581a0db248b0a77aecec196accc52973",
	} {
		m, _ := new(big.Int).SetString(s, 16)
		i := New(m)
		// Random numbers take some 60 steps less than the most that a number can take.
		if most := (45907*m.BitLen() + 26313) / 19929; i.batches*LimbBits < most {
			t.Errorf("%d batches for %d steps", i.batches, most)
		}
		var xs []*big.Int
		for k := range int64(200) {
			xs = append(xs, big.NewInt(k+1), new(big.Int).Sub(m, big.NewInt(k+1)))
		}
		for k := range m.BitLen() - 1 {
			two := new(big.Int).Lsh(big.NewInt(1), uint(k))
			xs = append(xs, two, new(big.Int).Sub(m, two))
		}
		for range 2000 {
			x := new(big.Int)
			for range m.BitLen()/64 + 1 {
				x.Lsh(x, 64).Or(x, new(big.Int).SetUint64(r.Uint64()))
			}
			if x.Mod(x, m).Sign() > 0 {
				xs = append(xs, x)
			}
		}
		for _, x := range xs {
			z := numberOf(x)
			i.Invert(&z)
			if z.big().Cmp(new(big.Int).ModInverse(x, m)) != 0 {
				t.Fatalf("1/%x mod %x = %x", x, m, z.big())
			}
		}
	}
}

func BenchmarkInvert(b *testing.B) {
	m := new(big.Int).Lsh(big.NewInt(1), 255)
	i := New(m.Sub(m, big.NewInt(19)))
	x := numberOf(big.NewInt(3))
	for range b.N {
		i.Invert(&x)
	}
}
