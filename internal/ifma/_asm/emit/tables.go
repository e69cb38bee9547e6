package emit

import (
	"fmt"
	"math/big"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

// Table describes the tables of precomputed points. An entry has some numbers, each of which
// has some words of 64 bits or, if words is digits, is digits already.
type Table struct {
	Numbers, Words, Digits int
}

// size is the words that an entry takes in memory, where each lane has an address of its own.
// It is a multiple of the eight words that one load reads.
func (t Table) size() int { return (t.Numbers*t.Words + 7) / 8 * 8 }

// Fetch generates name(dst, bases, mag), which loads the entry at bases[l] + mag[l]·(size of an
// entry) into lane l of dst, in digits. The addresses depend on mag, so it must be public.
func (t Table) Fetch(name string) {
	k := Begin(name, "func(dst, bases, mag *[8]uint64)",
		name+" loads the entry at bases[l] + mag[l]·(its size) into each lane l. mag is public.")
	dst, bases, mag := k.Pointer("dst"), k.Pointer("bases"), k.Pointer("mag")
	mask := k.digitMask()
	from := [8]Register{}
	for l := range from {
		from[l] = GP64()
		MOVQ(Mem{Base: mag, Disp: 8 * l}, from[l])
		SHLQ(U8(log2(8*t.size())), from[l])
		ADDQ(Mem{Base: bases, Disp: 8 * l}, from[l])
	}
	var words []VecPhysical
	next := 0
	for block := range t.size() / 8 {
		var z [8]VecPhysical
		for l := range z {
			z[l] = k.Get()
			VMOVDQU64(Mem{Base: from[l], Disp: 64 * block}, z[l])
		}
		z = k.Transpose(z)
		words = append(words, z[:]...)
		for ; next < t.Numbers && len(words) >= t.Words; next++ {
			k.unpack(words[:t.Words], mask, dst, next*t.Digits, t.Digits)
			words = words[t.Words:]
		}
	}
	k.Put(words...)
	k.Put(mask)
	k.End()
}

func log2(n int) int {
	i := 0
	for ; 1<<i < n; i++ {
	}
	return i
}

// Lookup generates name(dst, table, mag), which copies entry mag[l]-1 of a number of entries,
// in digits, to lane l of dst, and zeros where mag[l] is 0. Word i of entry j is word i·entries
// + j of the table.
//
// mag is secret. So the kernel reads the whole table, whatever mag is: it broadcasts each word
// and keeps it, by AND and OR, in the lanes whose index is that of the entry. A permutation by
// the index, VPERMT2Q, would choose among sixteen entries at a time, but no maker's list of
// instructions whose time does not depend on their data was at hand.
func (t Table) Lookup(name string, entries int) {
	const group = 8
	k := Begin(name, "func(dst, table, mag *[8]uint64)",
		fmt.Sprint(name, " copies entry mag[l]-1 of ", entries, " to each lane l. It reads the whole table, so mag"),
		"may be secret.")
	dst, start, magnitude := k.Pointer("dst"), k.Pointer("table"), k.Pointer("mag")
	// all ones where the lanes of two words agree
	equal := func(x VecPhysical, y Mem, to VecPhysical) {
		VPCMPEQQ_BCST(y, x, K1)
		VPMOVM2Q(K1, to)
		k.alus += 2
	}
	low, high := k.Get(), k.Get() // the index of the entry in its group, and that of the group
	VMOVDQU64(Mem{Base: magnitude}, high)
	VPSUBQ_BCST(constantMem(1), high, high)
	VPANDQ_BCST(constantMem(group-1), high, low)
	VPSRLQ(U8(log2(group)), high, high)
	var entry [group]VecPhysical
	for e := range entry {
		entry[e] = k.Get()
		equal(low, constantMem(uint64(e)), entry[e])
	}
	k.Put(low)
	table, count := GP64(), GP64()
	batch := t.Numbers
	for 2*batch*t.Words > len(k.free)-1 {
		batch /= 2
	}
	for n := 0; n < t.Numbers; n += batch {
		sums, parts := make([]VecPhysical, batch*t.Words), make([]VecPhysical, batch*t.Words)
		for i := range sums {
			sums[i], parts[i] = k.Get(), k.Get()
			VPXORQ(sums[i], sums[i], sums[i])
		}
		chosen := k.Get()
		LEAQ(Mem{Base: start, Disp: 8 * entries * n * t.Words}, table)
		MOVQ(U32(entries/group), count)
		rest := high // less the number of the group
		k.Loop(count, func() {
			equal(rest, constantMem(0), chosen)
			VPSUBQ_BCST(constantMem(1), rest, rest)
			for e := range entry {
				for i, p := range parts {
					word := Mem{Base: table, Disp: 8 * (e + entries*i)}
					if e == 0 {
						VPANDQ_BCST(word, entry[e], p)
					} else {
						VPTERNLOGQ_BCST(U8(0xf8), word, entry[e], p) // p | (entry & word)
					}
				}
			}
			for i, p := range parts {
				VPTERNLOGQ(U8(0xf8), p, chosen, sums[i]) // sum | (chosen & p)
			}
			ADDQ(U8(8*group), table)
			k.alus += (group+1)*len(parts) + 1
		})
		VPADDQ_BCST(constantMem(uint64(entries/group)), high, high)
		k.Put(parts...)
		k.Put(chosen)
		mask := k.digitMask()
		for i := range batch {
			k.unpack(sums[i*t.Words:(i+1)*t.Words], mask, dst, (n+i)*t.Digits, t.Digits)
		}
		k.Put(mask)
	}
	k.Put(high)
	k.Put(entry[:]...)
	k.End()
}

// Store generates name(to, src), which stores the numbers of lane l of src at to[l], modulo m,
// as an entry of a table. They must be below 2m. The addresses are public.
func (t Table) Store(name string, m *big.Int) {
	k := Begin(name, "func(to, src *[8]uint64)", name+" stores the numbers of each lane l as an entry at to[l], modulo p.")
	to, src := k.Pointer("to"), k.Pointer("src")
	mask := k.digitMask()
	p := ConstantNumber(t.Digits, m)
	var words []VecPhysical
	for n := range t.Numbers {
		x, less := make([]VecPhysical, t.Digits), make([]VecPhysical, t.Digits)
		for i := range x {
			x[i], less[i] = k.Get(), k.Get()
			VMOVDQU64(Mem{Base: src, Disp: 64 * (n*t.Digits + i)}, x[i])
			VPSUBQ_BCST(p.word(i).mem, x[i], less[i])
		}
		carry := k.Get()
		for i := range t.Digits - 1 {
			VPSRAQ(U8(DigitBits), less[i], carry)
			VPADDQ(carry, less[i+1], less[i+1])
			VPANDQ(mask, less[i], less[i])
		}
		k.Put(carry)
		VPMOVQ2M(less[t.Digits-1], K1) // where x is below m
		for i := range x {
			VMOVDQA64(x[i], K1, less[i])
		}
		k.Put(x...)
		words = append(words, k.pack(less, t.Words)...)
		k.alus += 6*t.Digits + 3*t.Words
	}
	for len(words) < t.size() {
		words = append(words, k.Get())
		z := words[len(words)-1]
		VPXORQ(z, z, z)
	}
	k.Put(mask)
	address := GP64()
	for block := 0; len(words) > 0; block++ {
		lanes := k.Transpose([8]VecPhysical(words[:8]))
		words = words[8:]
		for l, z := range lanes {
			MOVQ(Mem{Base: to, Disp: 8 * l}, address)
			VMOVDQU64(z, Mem{Base: address, Disp: 64 * block})
		}
		k.Put(lanes[:]...)
	}
	k.End()
}

// pack turns digits into words, and frees them.
func (k *Kernel) pack(digits []VecPhysical, words int) (packed []VecPhysical) {
	t := k.Get()
	for i := range words {
		w := k.Get()
		first, shift := 64*i/DigitBits, 64*i%DigitBits
		VPSRLQ(U8(shift), digits[first], w)
		for at, j := DigitBits-shift, first+1; at < 64 && j < len(digits); at, j = at+DigitBits, j+1 {
			VPSLLQ(U8(at), digits[j], t)
			VPORQ(t, w, w)
		}
		packed = append(packed, w)
	}
	k.Put(t)
	k.Put(digits...)
	return packed
}

// digitMask is a register with the low 52 bits set.
func (k *Kernel) digitMask() VecPhysical {
	m := k.Get()
	VPBROADCASTQ(constantMem(1<<DigitBits-1), m)
	return m
}

// unpack stores a number of n digits at row and up from dst on, and frees its words.
func (k *Kernel) unpack(words []VecPhysical, mask VecPhysical, dst Register, row, n int) {
	if len(words) == n {
		for i, w := range words {
			VMOVDQU64(w, Mem{Base: dst, Disp: 64 * (row + i)})
		}
		k.Put(words...)
		return
	}
	t, u := k.Get(), k.Get()
	for i := range n {
		first, shift := i*DigitBits/64, i*DigitBits%64
		last := first == len(words)-1
		switch {
		case shift == 0:
			VPANDQ(mask, words[first], t)
		case shift <= 64-DigitBits || last:
			VPSRLQ(U8(shift), words[first], t)
			if !last || shift < 64-DigitBits {
				VPANDQ(mask, t, t)
			}
		default:
			VPSRLQ(U8(shift), words[first], t)
			VPSLLQ(U8(64-shift), words[first+1], u)
			VPTERNLOGQ(U8(0xa8), mask, u, t) // (t | u) & mask
		}
		k.alus += 3
		VMOVDQU64(t, Mem{Base: dst, Disp: 64 * (row + i)})
	}
	k.Put(t, u)
	k.Put(words...)
}

// Transpose makes the lanes of eight words the words, and the words the lanes. It frees the
// registers of z.
func (k *Kernel) Transpose(z [8]VecPhysical) [8]VecPhysical {
	// Each pass exchanges one bit of the number of a word with one bit of that of a lane.
	pass := func(distance int, low, high func(a, b, dst VecPhysical)) {
		for i := range z {
			if i&distance != 0 {
				continue
			}
			a, b := z[i], z[i+distance]
			z[i], z[i+distance] = k.Get(), k.Get()
			low(a, b, z[i])
			high(a, b, z[i+distance])
			k.Put(a, b)
			k.alus += 2
		}
	}
	even := func(a, b, dst VecPhysical) { VSHUFI64X2(U8(0x88), b, a, dst) } // blocks of two lanes
	odd := func(a, b, dst VecPhysical) { VSHUFI64X2(U8(0xdd), b, a, dst) }
	pass(1,
		func(a, b, dst VecPhysical) { VPUNPCKLQDQ(b, a, dst) },
		func(a, b, dst VecPhysical) { VPUNPCKHQDQ(b, a, dst) })
	pass(2, even, odd)
	pass(4, even, odd)
	return z
}

// Recode generates name(mag, x, neg, zero, w, n), which splits the numbers x, below 2^(w·n-1),
// into n signed digits of w bits: x = Σ ±mag[i]·2^(w·i), with mag[i] at most 2^(w-1). Bit l of
// neg[i] is the sign of lane l, and bit l of zero[i] says that the digit is 0. x is in digits
// of 52 bits with a word of zeros behind. The numbers are secret, w and n are not.
func Recode(name string) {
	k := Begin(name, "func(mag, x *[8]uint64, neg, zero *uint64, w, n int)",
		name+" splits the numbers x into n signed digits of w bits. It takes x in digits of 52 bits,", "with a word of zeros behind.")
	mag, x, neg, zero, w, n := k.Pointer("mag"), k.Pointer("x"), k.Pointer("neg"), k.Pointer("zero"), k.Pointer("w"), k.Pointer("n")
	one, low, half, all, carry, width := k.Get(), k.Get(), k.Get(), k.Get(), k.Get(), k.Get()
	VPBROADCASTQ(constantMem(1), one)
	VPBROADCASTQ(w, width)
	VPXORQ(carry, carry, carry)
	VPSLLVQ(width, one, all)
	VPSUBQ(one, all, low)
	VPSRLQ(U8(1), all, half)
	position, rest := GP64(), GP64()
	XORQ(position, position) // within the digit that x points to
	down, up, v, u := k.Get(), k.Get(), k.Get(), k.Get()
	k.Loop(n, func() {
		MOVQ(U32(DigitBits), rest)
		SUBQ(position, rest)
		VPBROADCASTQ(position, down)
		VPBROADCASTQ(rest, up)
		VMOVDQU64(Mem{Base: x}, v)
		VMOVDQU64(Mem{Base: x, Disp: 64}, u)
		VPSRLVQ(down, v, v)
		VPSLLVQ(up, u, u)
		VPTERNLOGQ(U8(0xa8), low, u, v) // (v | u) & low
		VPADDQ(carry, v, v)
		VPCMPUQ(U8(6), half, v, K1) // v > half
		VMOVDQA64_Z(one, K1, carry)
		VPSUBQ(v, all, K1, v)
		VMOVDQU64(v, Mem{Base: mag})
		VPTESTNMQ(v, v, K2)
		KMOVB(K1, rest.As32())
		MOVQ(rest, Mem{Base: neg})
		KMOVB(K2, rest.As32())
		MOVQ(rest, Mem{Base: zero})
		ADDQ(U8(8), neg)
		ADDQ(U8(8), zero)
		ADDQ(U8(64), mag)
		// The next position; a digit further where it passes the end of this one.
		ADDQ(w, position)
		CMPQ(position, U8(DigitBits))
		JB(LabelRef("same"))
		SUBQ(U8(DigitBits), position)
		ADDQ(U8(64), x)
		Label("same")
	})
	k.Put(one, low, half, all, carry, width, down, up, v, u)
	k.End()
}
