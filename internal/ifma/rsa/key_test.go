package rsa

import (
	"bytes"
	"errors"
	"math/big"
	"math/rand/v2"
	"testing"

	"asynccrypto/internal/ifma"
)

func TestNewKeyRefuses(t *testing.T) {
	everyImpl(t, func(t *testing.T) {
		k := testKeys()[256][0]
		p, q, pre := k.Primes[0].Bytes(), k.Primes[1].Bytes(), k.Precomputed
		dp, dq, qinv := pre.Dp.Bytes(), pre.Dq.Bytes(), pre.Qinv.Bytes()
		flip := func(b []byte) []byte {
			b = append([]byte(nil), b...)
			b[len(b)-2] ^= 4
			return b
		}
		type values struct {
			n                  []byte
			e                  int
			p, q, dp, dq, qinv []byte
		}
		for name, v := range map[string]values{
			"wrong n":        {flip(k.N.Bytes()), k.E, p, q, dp, dq, qinv},
			"wrong e":        {k.N.Bytes(), k.E + 2, p, q, dp, dq, qinv},
			"wrong p":        {k.N.Bytes(), k.E, flip(p), q, dp, dq, qinv},
			"p for q":        {k.N.Bytes(), k.E, q, p, dp, dq, qinv},
			"wrong dp":       {k.N.Bytes(), k.E, p, q, flip(dp), dq, qinv},
			"wrong dq":       {k.N.Bytes(), k.E, p, q, dp, flip(dq), qinv},
			"wrong qinv":     {k.N.Bytes(), k.E, p, q, dp, dq, flip(qinv)},
			"empty qinv":     {k.N.Bytes(), k.E, p, q, dp, dq, nil},
			"qinv too large": {k.N.Bytes(), k.E, p, q, dp, dq, new(big.Int).Add(pre.Qinv, k.Primes[0]).Bytes()},
		} {
			if _, err := NewKey(v.n, v.e, v.p, v.q, v.dp, v.dq, v.qinv); err == nil {
				t.Errorf("%s: accepted", name)
			}
		}
		for name, v := range map[string]values{
			"e = 1":     {k.N.Bytes(), 1, p, q, dp, dq, qinv},
			"even e":    {k.N.Bytes(), 65538, p, q, dp, dq, qinv},
			"negative":  {k.N.Bytes(), -65537, p, q, dp, dq, qinv},
			"no n":      {nil, k.E, p, q, dp, dq, qinv},
			"n short":   {k.N.Bytes()[1:], k.E, p, q, dp, dq, qinv},
			"p long":    {k.N.Bytes(), k.E, append([]byte{1}, p...), q, dp, dq, qinv},
			"p short":   {k.N.Bytes(), k.E, p[1:], q, dp, dq, qinv},
			"all empty": {},
		} {
			if _, err := NewKey(v.n, v.e, v.p, v.q, v.dp, v.dq, v.qinv); !errors.Is(err, ErrKeySize) {
				t.Errorf("%s: %v, want ErrKeySize", name, err)
			}
		}
		// Leading zeros are no reason to refuse.
		pad := func(b []byte) []byte { return append(make([]byte, 3), b...) }
		if _, err := NewKey(pad(k.N.Bytes()), k.E, pad(p), pad(q), pad(dp), pad(dq), pad(qinv)); err != nil {
			t.Error(err)
		}
	})
}

// TestNoKernelsNoKeys shows that without kernels there are neither keys nor workspaces, so that no
// user's key reaches the reference implementation. A test of package ifma shows that only tests
// change that.
func TestNoKernelsNoKeys(t *testing.T) {
	ok, why := ifma.Supported()
	k := testKeys()[256][0]
	pre := k.Precomputed
	_, keyErr := NewKey(k.N.Bytes(), k.E, k.Primes[0].Bytes(), k.Primes[1].Bytes(), pre.Dp.Bytes(), pre.Dq.Bytes(), pre.Qinv.Bytes())
	_, workErr := NewWorkspace(256)
	if ok != (why == "") || ok && (keyErr != nil || workErr != nil) || !ok && (keyErr != ifma.ErrUnsupported || workErr != ifma.ErrUnsupported) {
		t.Errorf("supported: %v (%s), but %v and %v", ok, why, keyErr, workErr)
	}
}

func TestWipe(t *testing.T) {
	everyImpl(t, func(t *testing.T) {
		k := prepared(t, testKeys()[256][0])
		for _, s := range [][]byte{k.dp, k.dq} {
			if bytes.Count(s, []byte{0}) == len(s) {
				t.Fatal("an exponent is 0")
			}
		}
		k.Wipe()
		for _, s := range [][]uint64{k.n, k.p, k.q, k.qinv} {
			for _, x := range s {
				if x != 0 {
					t.Fatal("a wiped key has words left")
				}
			}
		}
		for _, s := range [][]byte{k.dp, k.dq} {
			if bytes.Count(s, []byte{0}) != len(s) {
				t.Error("a wiped key has windows left")
			}
		}
		if k.Size() != 0 {
			t.Error("a wiped key passes for one")
		}
	})
}

func TestPrepare(t *testing.T) {
	r := rand.New(rand.NewPCG(4, 4))
	for _, width := range widths {
		f, n := testField(t, width, r)
		for l, n := range n {
			R := new(big.Int).Lsh(big.NewInt(1), uint(f.d*digitBits))
			inv := new(big.Int).ModInverse(n, big.NewInt(1<<digitBits))
			inv.Sub(big.NewInt(1<<digitBits), inv)
			if f.mod[offK][l] != inv.Uint64() {
				t.Errorf("%d: k is %x, want %x", width, f.mod[offK][l], inv)
			}
			check := func(what string, off int, want *big.Int) {
				if got := getBig(f.mod[off:][:f.d], l); got.Cmp(want) != 0 {
					t.Errorf("%d: %s is %x, want %x", width, what, got, want)
				}
			}
			check("n", offN, n)
			inverse := func(digits int) *big.Int {
				x := new(big.Int).Lsh(big.NewInt(1), uint(digits*digitBits))
				return x.ModInverse(x, n)
			}
			check("fold", f.fold(), inverse(1))
			check("foldTen", f.foldTen(), inverse(block))
			if f.twenty() > 0 {
				m := inverse(2 * block)
				check("foldTwenty", f.foldTwenty(), m)
				B := new(big.Int).Lsh(big.NewInt(1), block*digitBits)
				for i := range 2 {
					var even, odd big.Int
					m.DivMod(m, B, &even)
					m.DivMod(m, B, &odd)
					want, below := even.Sub(&even, &odd), uint64(0)
					if want.Sign() < 0 {
						want, below = want.Add(want, B), ^uint64(0)
					}
					at := f.foldTwenty() + f.d
					if got := getBig(f.mod[at+block*i:][:block], l); got.Cmp(want) != 0 {
						t.Errorf("%d: difference %d is %x, want %x", width, i, got, want)
					}
					if got := f.mod[at+2*block+i][l]; got != below {
						t.Errorf("%d: difference %d is below zero: %x, want %x", width, i, got, below)
					}
				}
			}
			check("R²", f.rr(), new(big.Int).Exp(R, big.NewInt(2), n))
			check("R³", f.rrr(), new(big.Int).Exp(R, big.NewInt(3), n))
		}
	}
}

func TestWords(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 5))
	for range 500 {
		size := 1 + r.IntN(6)
		n := randBits(r, size*64)
		n.SetBit(n.SetBit(n, size*64-1, 1), 0, 1)
		nw := words(n.Bytes(), size)
		x := operand(r, n, n)
		xw := words(x.Bytes(), size)
		back := func(w []uint64) *big.Int {
			z := new(big.Int)
			for i := len(w) - 1; i >= 0; i-- {
				z.Lsh(z, 64).Add(z, new(big.Int).SetUint64(w[i]))
			}
			return z
		}
		y := operand(r, n, new(big.Int).Mul(n, n))
		if got, want := back(mod(words(y.Bytes(), 2*size), nw)), new(big.Int).Mod(y, n); got.Cmp(want) != 0 {
			t.Errorf("%x mod %x = %x, want %x", y, n, got, want)
		}
		if got, want := back(mulWords(xw, nw)), new(big.Int).Mul(x, n); got.Cmp(want) != 0 {
			t.Errorf("%x * %x = %x, want %x", x, n, got, want)
		}
		d := append([]uint64(nil), xw...)
		bit := r.Uint64() & 1
		doubleMod(d, nw, bit)
		want := new(big.Int).Lsh(x, 1)
		want.Add(want, new(big.Int).SetUint64(bit)).Mod(want, n)
		if back(d).Cmp(want) != 0 {
			t.Errorf("2*%x + %d mod %x = %x, want %x", x, bit, n, back(d), want)
		}
		m := newWordModulus(nw)
		h, times := append([]uint64(nil), xw...), 1+r.IntN(64)
		m.halve(h, times)
		if want.Lsh(back(h), uint(times)).Mod(want, n); want.Cmp(x) != 0 || back(h).Cmp(n) >= 0 {
			t.Errorf("%x/2^%d mod %x = %x", x, times, n, back(h))
		}
		W := new(big.Int).Lsh(big.NewInt(1), uint(64*size))
		z := operand(r, n, W)
		p := make([]uint64, size)
		m.mul(p, xw, words(z.Bytes(), size))
		if want.Mul(back(p), W).Sub(want, new(big.Int).Mul(x, z)).Mod(want, n); want.Sign() != 0 || back(p).Cmp(n) >= 0 {
			t.Errorf("%x*%x/%x mod %x = %x", x, z, W, n, back(p))
		}
		e := 64*size + r.IntN(3000)
		m.powerOfTwo(p, e)
		if want.Exp(big.NewInt(2), big.NewInt(int64(e)), n); back(p).Cmp(want) != 0 {
			t.Errorf("2^%d mod %x = %x, want %x", e, n, back(p), want)
		}
		if inv := new(big.Int).ModInverse(x, n); inv != nil {
			iw := words(inv.Bytes(), size)
			if m.isInverse(xw, iw) != 1 {
				t.Errorf("1/%x mod %x is not %x", x, n, inv)
			}
			iw[r.IntN(size)] ^= 1 << r.IntN(64)
			if m.isInverse(xw, iw) != 0 {
				t.Errorf("1/%x mod %x is %x", x, n, back(iw))
			}
		}
		if got := equalWords(xw, h) == 1; got != (x.Cmp(back(h)) == 0) {
			t.Error("equalWords is wrong")
		}
		if got := lessWords(xw, h) == 1; got != (x.Cmp(back(h)) < 0) {
			t.Error("lessWords is wrong")
		}
	}
}
