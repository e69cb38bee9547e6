package curve25519

import (
	"math/big"
	"math/rand/v2"
	"testing"

	"asynccrypto/internal/ifma"
)

// kernel is a kernel and its reference with their operands. Both write to results.
type kernel struct {
	name      string
	kernel    func()
	reference func()
	results   []vec
	inputs    func(r *rand.Rand)
}

// alloc makes memory for a kernel's operands.
type alloc func(n int) []vec

// randomNumber fills five rows with reduced numbers. Some have digits that are all ones or all
// zeros, and some are as large as a kernel may get them.
func randomNumber(r *rand.Rand, dst []vec) {
	for l := range lanes {
		for i := range digits - 1 {
			dst[i][l] = extreme(r, r.Uint64()&digitMask, digitMask)
		}
		dst[4][l] = extreme(r, r.Uint64()&(1<<47-1), 1<<47-1)
		if r.IntN(8) == 0 {
			// From 2^255 to 2^255 + 2^216.
			dst[4][l] = 1 << 47
			dst[4][l] += extreme(r, r.Uint64()&0xff, 0xff)
		}
	}
}

// extreme returns x, or now and then 0 or most.
func extreme(r *rand.Rand, x, most uint64) uint64 {
	switch r.IntN(6) {
	case 0:
		return 0
	case 1:
		return most
	}
	return x
}

func randomNumbers(r *rand.Rand, dst []vec, n int) {
	for i := range n {
		randomNumber(r, dst[i*digits:])
	}
}

func randomWords(r *rand.Rand, dst []vec) {
	for i := range dst {
		for l := range lanes {
			dst[i][l] = r.Uint64()
		}
	}
}

// kernels returns all kernels with operands from the given allocator. reference runs what an
// operand's method does with ifma.AllowReference set.
func kernels(alloc alloc, r *rand.Rand) []kernel {
	reference := func(f func()) func() {
		return func() {
			before := ifma.AllowReference
			ifma.AllowReference = true
			f()
			ifma.AllowReference = before
		}
	}
	var all []kernel
	put := func(name string, run func(), results []vec, inputs func(r *rand.Rand)) {
		all = append(all, kernel{name, run, reference(run), results, inputs})
	}
	a, b, dst := alloc(digits), alloc(digits), alloc(digits)
	factors := func(r *rand.Rand) { randomNumber(r, a); randomNumber(r, b) }
	put("mul", func() { mul(dst, a, b) }, dst, factors)
	put("mul in place", func() { mul(b, b, b) }, b, factors)
	put("sqr", func() { sqr(dst, a, 3) }, dst, factors)
	put("sqr in place", func() { sqr(a, a, 1) }, a, factors)

	point, cached, affine := alloc(pointRows), alloc(cachedRows), alloc(affineRows)
	coordinates := func(r *rand.Rand) {
		randomNumbers(r, point, 4)
		randomNumbers(r, cached, 4)
		randomNumbers(r, affine, 3)
	}
	sum := point[:pointValue]
	put("double", func() { double(point, 1) }, sum, coordinates)
	put("double five times", func() { double(point, 5) }, sum, coordinates)
	neg, skip := r.Uint64()&0xff, r.Uint64()&0xff
	put("add", func() { add(point, cached, neg, skip) }, sum, coordinates)
	put("addAffine", func() { addAffine(point, affine, neg, skip) }, sum, coordinates)
	put("cache", func() { cache(cached, point) }, cached, coordinates)

	st, swaps := alloc(ladderRows), alloc(1)
	put("ladder", func() { ladder(st, &swaps[0], 7) }, st[:pointValue], func(r *rand.Rand) {
		randomNumbers(r, st, 5)
		randomWords(r, swaps)
	})

	// The tables are in the memory between the guard pages, too.
	entries, entry, index := alloc(6*lanes), alloc(entryRows), alloc(2)
	var from, to [lanes]*vec
	for l := range to {
		from[l] = &entries[4*((l+3)%lanes)]
		to[l] = &entries[2*((l+3)%lanes)]
	}
	put("fetch", func() { fetchEntries(entry, &from, index, 2*entryBytes, 0) }, entry, func(r *rand.Rand) {
		randomWords(r, entries)
		for l := range lanes {
			index[0][l], index[1][l] = r.Uint64N(8), r.Uint64N(8)
		}
	})
	put("spread", func() { spreadEntries(&to, entry) }, entries, func(r *rand.Rand) { randomWords(r, entry); randomWords(r, entries) })

	table, offsets, gathered := alloc(multiples*cachedRows), alloc(1), alloc(cachedRows)
	put("gather", func() { gatherEntries(gathered, table, &offsets[0]) }, gathered, func(r *rand.Rand) {
		randomWords(r, table)
		for l := range lanes {
			offsets[0][l] = r.Uint64N(multiples)*cachedRows*64 + uint64(8*l)
		}
	})
	window, mag, chosen := alloc(secretWindowRows), alloc(1), alloc(affineRows)
	put("lookup", func() { lookupEntries(chosen, window, &mag[0]) }, chosen, func(r *rand.Rand) {
		randomWords(r, window)
		for l := range lanes {
			mag[0][l] = r.Uint64N(secretEntries + 1)
		}
	})
	hashes, blocks := alloc(hashRows), alloc(blockRows)
	put("compress", func() { compress(hashes, blocks, neg) }, hashes, func(r *rand.Rand) { randomWords(r, hashes); randomWords(r, blocks) })

	for _, c := range []struct{ width, windows int }{
		{baseWidth, baseWindows}, {keyWidth, keyWindows}, {compactWidth, compactWindows}, {secretWidth, secretWindows},
	} {
		d := newSignedDigits(c.windows)
		x, masks := alloc(5), alloc(1)
		d.magnitude = alloc(c.windows)
		run := func() {
			recodeAll(&d, x, c.width)
			masks[0] = vec{}
			for i := range d.negative {
				masks[0][i%lanes] ^= d.negative[i] ^ d.zero[i]<<8 ^ uint64(i)<<16
			}
		}
		below := func(r *rand.Rand) {
			randomWords(r, x[:4])
			for l := range lanes {
				x[3][l] &= 1<<61 - 1
			}
			x[4] = vec{}
		}
		put("recode", run, d.magnitude[:c.windows], below)
		put("recode, masks", run, masks, below)
	}
	return all
}

// TestKernels compares each kernel with its reference, in every bit.
func TestKernels(t *testing.T) {
	if ok, why := ifma.Supported(); !ok {
		t.Skip(why)
	}
	r := newRand(7)
	for range rounds(200) {
		for _, k := range kernels(ifma.NewVecs, r) {
			compare(t, k, r)
		}
	}
}

func compare(t *testing.T, k kernel, r *rand.Rand) {
	t.Helper()
	seed := r.Uint64()
	k.inputs(newRand(seed))
	k.kernel()
	got := append([]vec(nil), k.results...)
	k.inputs(newRand(seed))
	k.reference()
	for i := range got {
		if got[i] != k.results[i] {
			t.Fatalf("%s: row %d is %x, the reference has %x", k.name, i, got[i], k.results[i])
		}
	}
}

func (x *words) big() *big.Int {
	var b [32]byte
	for i, v := range x {
		for j := range 8 {
			b[31-8*i-j] = byte(v >> (8 * j))
		}
	}
	return new(big.Int).SetBytes(b[:])
}

func valueOf(d [digits]uint64) *big.Int {
	x := new(big.Int)
	for i := digits - 1; i >= 0; i-- {
		x.Lsh(x, ifma.DigitBits)
		x.Add(x, new(big.Int).SetUint64(d[i]))
	}
	return x
}

// TestField compares with math/big, and sees that numbers stay reduced.
func TestField(t *testing.T) {
	everyImpl(t, func(t *testing.T) {
		r := newRand(8)
		p, most := prime.big(), new(big.Int).Lsh(big.NewInt(1), 255)
		most.Add(most, new(big.Int).Lsh(big.NewInt(1), 216))
		a, b, c, tmp := ifma.NewVecs(digits), ifma.NewVecs(digits), ifma.NewVecs(digits), ifma.NewVecs(15)
		check := func(name string, want func(x, y *big.Int) *big.Int) {
			t.Helper()
			for l := range lanes {
				x, y := valueOf(lane(a, l)), valueOf(lane(b, l))
				got := lane(c, l)
				reduced := canonical(got)
				if reduced.big().Cmp(want(x, y)) != 0 {
					t.Fatalf("%s: wrong", name)
				}
				if valueOf(got).Cmp(most) > 0 {
					t.Fatalf("%s: not reduced", name)
				}
			}
		}
		for range rounds(100) {
			randomNumber(r, a)
			randomNumber(r, b)
			mul(c, a, b)
			check("mul", func(x, y *big.Int) *big.Int { return x.Mul(x, y).Mod(x, p) })
			sqr(c, a, 2)
			check("sqr", func(x, _ *big.Int) *big.Int { return x.Exp(x, big.NewInt(4), p) })
		}
		for range rounds(2) {
			randomNumber(r, a)
			invert(c, a, tmp)
			check("inverse", func(x, _ *big.Int) *big.Int { return x.Exp(x, new(big.Int).Sub(p, big.NewInt(2)), p) })
			power(c, a, tmp)
			check("power", func(x, _ *big.Int) *big.Int {
				return x.Exp(x, new(big.Int).Rsh(new(big.Int).Sub(p, big.NewInt(5)), 3), p)
			})
		}
	})
}

// TestCanonical has digits of up to 60 bits, and numbers around the multiples of p.
func TestCanonical(t *testing.T) {
	r, p := newRand(21), prime.big()
	check := func(d [digits]uint64) {
		t.Helper()
		x, want := canonical(d), valueOf(d)
		if x.big().Cmp(want.Mod(want, p)) != 0 {
			t.Fatalf("canonical(%x) = %x", d, x)
		}
	}
	for range rounds(20000) {
		var d [digits]uint64
		for i := range d {
			d[i] = extreme(r, r.Uint64()>>(4+r.IntN(60)), 1<<60-1)
		}
		check(d)
	}
	for i := range uint64(64) {
		for _, top := range []uint64{0, 1<<47 - 1, 1 << 47, 1<<48 - 1, 1 << 48} {
			check([digits]uint64{digitMask - i, digitMask, digitMask, digitMask, top})
			check([digits]uint64{i, 0, 0, 0, top})
		}
	}
}

// TestConstants derives the constants of the curve.
func TestConstants(t *testing.T) {
	p := prime.big()
	mod := func(x *big.Int) *big.Int { return x.Mod(x, p) }
	d := new(big.Int).ModInverse(big.NewInt(121666), p)
	d = mod(d.Mul(d, big.NewInt(-121665)))
	if curveD.big().Cmp(d) != 0 {
		t.Error("d")
	}
	if curve2D.big().Cmp(mod(new(big.Int).Lsh(d, 1))) != 0 {
		t.Error("2d")
	}
	root := sqrtMinus1.big()
	if mod(root.Mul(root, root)).Cmp(new(big.Int).Sub(p, big.NewInt(1))) != 0 {
		t.Error("the square root of -1")
	}
	y := new(big.Int).ModInverse(big.NewInt(5), p)
	if baseEncoded.big().Cmp(mod(y.Mul(y, big.NewInt(4)))) != 0 {
		t.Error("the base point")
	}
	delta, _ := new(big.Int).SetString("27742317777372353535851937790883648493", 10)
	if order.big().Cmp(delta.Add(delta, new(big.Int).Lsh(big.NewInt(1), 252))) != 0 {
		t.Error("the order")
	}
	if order2.big().Cmp(delta.Lsh(delta, 1)) != 0 {
		t.Error("twice the order")
	}
}

// TestScalars compares the arithmetic modulo the order with math/big.
func TestScalars(t *testing.T) {
	r := newRand(9)
	n := order.big()
	for range rounds(2000) {
		var x512 wide
		for i := range x512 {
			x512[i] = extreme(r, r.Uint64(), ^uint64(0))
		}
		low, high := words(x512[:4]), words(x512[4:])
		want := new(big.Int).Add(new(big.Int).Lsh(high.big(), 256), low.big())
		if got := reduce(&x512); got.big().Cmp(want.Mod(want, n)) != 0 {
			t.Fatalf("reduce(%x) = %x", x512, got)
		}
		x, y, z := low, high, words(x512[2:6])
		x[3] &= 1<<63 - 1
		want = new(big.Int).Mul(x.big(), y.big())
		want.Mod(want.Add(want, z.big()), n)
		if got := multiplyAdd(&x, &y, &z); got.big().Cmp(want) != 0 {
			t.Fatalf("%x·%x + %x = %x", x, y, z, got)
		}
	}
	// Multiples of the order, and what is beside them.
	for k := range int64(16) {
		for d := int64(-2); d <= 2; d++ {
			x := new(big.Int).Mul(n, big.NewInt(k))
			x.Add(x, big.NewInt(d))
			if x.Sign() < 0 {
				continue
			}
			var x512 wide
			b := x.FillBytes(make([]byte, 64))
			for i := range x512 {
				for j := range 8 {
					x512[i] |= uint64(b[63-8*i-j]) << (8 * j)
				}
			}
			if got := reduce(&x512); got.big().Cmp(x.Mod(x, n)) != 0 {
				t.Fatalf("%d times the order and %d: %x", k, d, got)
			}
		}
	}
}

// TestTables compares the entries of the tables with each other: the table for public scalars,
// that for secret ones, and that of a key that is the base point with the sign changed.
func TestTables(t *testing.T) {
	everyImpl(t, func(t *testing.T) {
		if ifma.AllowReference && testing.Short() {
			t.Skip("slow")
		}
		base, secret := baseTable(), secretTable()
		// Window 0 of both starts with the base point.
		for j := range secretEntries {
			e := entry(base.at(0, uint64(j+1)))
			for c := range 3 {
				var w words
				for k := range w {
					w[k] = secretWord(secret, j, 4*c+k)
				}
				if w != canonical([digits]uint64(e[digits*c:])) {
					t.Fatalf("entry %d: number %d differs", j, c)
				}
			}
		}
		minusB := baseEncoded
		minusB[3] |= 1 << 63
		var encoded [32]byte
		minusB.put(encoded[:])
		for _, compact := range []bool{false, true} {
			k, err := NewPublicKey(encoded[:], compact)
			if err != nil {
				t.Fatal(err)
			}
			for j := range uint64(k.table.n) {
				got, want := entry(k.table.at(0, j+1)), entry(base.at(0, j+1))
				for c := range 3 {
					if canonical([digits]uint64(got[digits*c:])) != canonical([digits]uint64(want[digits*c:])) {
						t.Fatalf("compact = %v, entry %d: number %d differs", compact, j, c)
					}
				}
			}
		}
	})
}
