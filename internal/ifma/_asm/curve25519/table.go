package curve25519

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"

	"asynccrypto/internal/ifma/_asm/emit"
)

func row(base Register, i int) Mem { return Mem{Base: base, Disp: 64 * i} }

// fetch reads entries at addresses of their own, which are public: an entry is 16 words of a lane.
func fetch() {
	k := emit.Begin("fetch", "func(dst *[8]uint64, from *[8]*[8]uint64, index *[8]uint64, offset, next uintptr)",
		"fetch sets lane l of the 16 words of dst to the 16 words that are offset + 128·index[l] bytes behind from[l].",
		"It has the CPU load what the word after index says, with the offset next, into its cache.")
	dst, from, index, offset, next := k.Pointer("dst"), k.Pointer("from"), k.Pointer("index"), k.Pointer("offset"), k.Pointer("next")
	p := GP64()
	entry := func(row, l int) {
		MOVQ(Mem{Base: index, Disp: 64*row + 8*l}, p)
		SHLQ(U8(7), p)
		ADDQ(Mem{Base: from, Disp: 8 * l}, p)
	}
	var z [2][8]VecPhysical
	for l := range lanes {
		entry(0, l)
		for half := range 2 {
			z[half][l] = k.Get()
			VMOVDQU64(Mem{Base: p, Index: offset, Scale: 1, Disp: 64 * half}, z[half][l])
		}
	}
	for l := range lanes {
		entry(1, l)
		PREFETCHT0(Mem{Base: p, Index: next, Scale: 1})
		PREFETCHT0(Mem{Base: p, Index: next, Scale: 1, Disp: 64})
	}
	for half := range 2 {
		for j, r := range k.Transpose(z[half]) {
			VMOVDQU64(r, row(dst, 8*half+j))
			k.Put(r)
		}
	}
	k.End()
}

func spread() {
	k := emit.Begin("spread", "func(to *[8]*[8]uint64, src *[8]uint64)",
		"spread sets the 16 words at to[l] to lane l of the 16 words of src.")
	to, src, p := k.Pointer("to"), k.Pointer("src"), GP64()
	for half := range 2 {
		var z [8]VecPhysical
		for j := range z {
			z[j] = k.Get()
			VMOVDQU64(row(src, 8*half+j), z[j])
		}
		for l, r := range k.Transpose(z) {
			MOVQ(Mem{Base: to, Disp: 8 * l}, p)
			VMOVDQU64(r, row(p, half))
			k.Put(r)
		}
	}
	k.End()
}

// cachedRows is the number of rows of a point with its Z, as edCache makes it.
const cachedRows = 4 * digits

func gather() {
	k := emit.Begin("gather", "func(dst, table, offsets *[8]uint64)",
		"gather sets lane l of the 20 words of dst to the word that is offsets[l] bytes from table, and those 64, 128 ... bytes behind it.")
	dst, table, offsets := k.Pointer("dst"), k.Pointer("table"), k.Get()
	VMOVDQU64(Mem{Base: k.Pointer("offsets")}, offsets)
	for j := range cachedRows {
		all, z := emit.Masks[j%len(emit.Masks)], k.Get()
		KXNORW(all, all, all)
		VPXORQ(z, z, z)
		VPGATHERQQ(Mem{Base: table, Index: offsets, Scale: 1, Disp: 64 * j}, all, z)
		VMOVDQU64(z, row(dst, j))
		k.Put(z)
	}
	k.Put(offsets)
	k.End()
}

// entries is how many entries a window of the secret table has, and entryWords how many words an
// entry.
const entries, entryWords = 16, 12

// lookup reads every word of the window, whole, and keeps those of one entry in each lane by
// logic between registers, so neither an address nor a mask of a load depends on the secret.
// VPERMT2Q would choose among sixteen entries at once, but no maker's list of instructions whose
// time does not depend on their data was at hand.
func lookup() {
	k := emit.Begin("lookup", "func(dst, table, mag *[8]uint64)",
		"lookup sets lane l of the 15 words of dst to entry mag[l]-1 of 16, in digits, and to 0 where mag[l] is 0. mag is secret.",
		"An entry is 12 words of table.")
	dst, table := k.Pointer("dst"), k.Pointer("table")
	mag, number, one, chosen := k.Get(), k.Get(), k.Get(), k.Get()
	VMOVDQU64(Mem{Base: k.Pointer("mag")}, mag)
	VPTERNLOGQ(U8(0xff), one, one, one)
	VPSRLQ(U8(63), one, one)
	VPXORQ(number, number, number)
	var words [entryWords]VecPhysical
	for i := range words {
		words[i] = k.Get()
		VPXORQ(words[i], words[i], words[i])
	}
	for j := range entries {
		VPADDQ(one, number, number)
		VPCMPEQQ(number, mag, K1)
		VPMOVM2Q(K1, chosen)
		for i, w := range words {
			VPTERNLOGQ_BCST(U8(0xf8), Mem{Base: table, Disp: 8 * (entryWords*j + i)}, chosen, w) // w | chosen & entry
		}
	}
	k.Put(mag, number, chosen)
	mask := one
	VPTERNLOGQ(U8(0xff), mask, mask, mask)
	VPSRLQ(U8(64-emit.DigitBits), mask, mask)
	for c := range 3 {
		unpack(k, [4]VecPhysical(words[4*c:]), mask, func(j int) Mem { return row(dst, digits*c+j) })
	}
	k.Put(mask)
	k.End()
}

// unpack stores four words of 64 bits as five digits. It frees their registers.
func unpack(k *emit.Kernel, w [4]VecPhysical, mask VecPhysical, dst func(j int) Mem) {
	low, high := k.Get(), k.Get()
	VPANDQ(mask, w[0], low)
	VMOVDQU64(low, dst(0))
	for i := 1; i < 4; i++ {
		VPSRLQ(U8(64-12*i), w[i-1], low)
		VPSLLQ(U8(12*i), w[i], high)
		VPTERNLOGQ(U8(0xa8), mask, high, low) // (low | high) & mask
		VMOVDQU64(low, dst(i))
	}
	VPSRLQ(U8(16), w[3], low)
	VMOVDQU64(low, dst(4))
	k.Put(low, high)
	k.Put(w[:]...)
}
