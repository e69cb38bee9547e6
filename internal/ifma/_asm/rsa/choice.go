package rsa

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"

	"asynccrypto/internal/ifma/_asm/emit"
)

// choice is a lookup with half as many instructions for each entry as the type lookup needs. It,
// too, reads every entry, whole, and then uses nothing but logic between registers. One VPTERNLOGQ
// takes a pair of entries into an accumulator. Until then the accumulator is all ones in the lanes
// where the lowest bit of the index is set, and zero in the others. So bit by bit it can say which
// entry of the pair is to take its place. A mask confines that to the lanes whose index has the
// same upper three bits as the pair. There are two accumulators, for the pairs with and without bit
// 1, and in the end that bit of the index chooses between the two. So the result depends on the
// index, but no address, no instruction and no permutation does.
//
// Both entries are loaded into registers before. A VPTERNLOGQ with an operand in memory would load
// under the mask, and the time of such a load may depend on the mask; see the type lookup.
//
// Eight masks are needed and there are seven registers for them. K7 is that of entries 28 to 31 or
// of entries 0 to 3 in turn.
type choice struct {
	words // see begin
	n     int
}

// The words of a choice.
const (
	choiceOdd   = iota // a digit of ones where bit 0 of the index is set, zero elsewhere
	choiceUpper        // all ones where bit 1 of the index is set, zero elsewhere
	choiceFirst        // zero where the upper three bits of the index are all zero
	choiceLast         // zero where they are all ones
)

// begin prepares for the indices at idx. It uses K1 to K7 from here on, and registers of square.
func (c *choice) begin(idx Register) {
	index, one, number, t := emit.Z[0], emit.Z[1], emit.Z[2], emit.Z[3]
	load(Mem{Base: idx}, index)
	VPTERNLOGQ(Imm(255), one, one, one)
	VPSRLQ(Imm(63), one, one)
	// Entries are digits, so the bits above do not matter. Without them, TestIntervals sees that
	// the result is a digit, without knowing that each lane is in one of the masks.
	digitMask(number)
	VPTESTMQ(one, index, K1)
	VPMOVM2Q(K1, t)
	VPANDQ(number, t, t)
	store(t, c.at(choiceOdd))
	VPADDQ(one, one, number)
	VPTESTMQ(number, index, K1)
	VPMOVM2Q(K1, t)
	store(t, c.at(choiceUpper))
	VPSRLQ(Imm(2), index, index)
	store(index, c.at(choiceFirst))
	VMOVDQA64(one, number)
	for _, k := range emit.Masks[:6] {
		VPCMPEQQ(number, index, k)
		VPADDQ(one, number, number)
	}
	VPSUBQ(index, number, t)
	store(t, c.at(choiceLast))
	VPTESTNMQ(t, t, K7)
}

// queue queues the lookup of the next n digits, an even number.
func (c *choice) queue(n int) {
	c.n = n
	even, odd, lower, upper := lookupRegs[0], lookupRegs[1], lookupRegs[2], lookupRegs[3]
	for i := range n {
		entry := func(j int) Mem { return words{regTable, tableSize*i + j}.at(0) }
		side.add(
			func() { load(c.at(choiceOdd), lower) },
			func() { load(c.at(choiceOdd), upper) },
		)
		choose := func(group int, mask Register) {
			for k, r := range []Register{lower, upper} {
				side.add(
					func() { load(entry(4*group+2*k), even) },
					func() { load(entry(4*group+2*k+1), odd) },
					// odd where r is set, even elsewhere
					func() { VPTERNLOGQ(Imm(0xca), even, odd, mask, r) },
				)
			}
		}
		turn := []struct{ group, zero int }{{7, choiceLast}, {0, choiceFirst}}
		this, other := turn[i%2], turn[1-i%2]
		choose(this.group, K7)
		side.add(
			func() { load(c.at(other.zero), even) },
			func() { VPTESTNMQ(even, even, K7) },
		)
		for g, k := range emit.Masks[:6] {
			choose(g+1, k)
		}
		choose(other.group, K7)
		side.add(
			// upper where the mask is set, lower elsewhere
			func() { VPTERNLOGQ(Imm(0xd8), c.at(choiceUpper), upper, lower) },
			func() { store(lower, words{regEntry, i}.at(0)) },
		)
	}
}

// advance moves on to the digits after the queued ones.
func (c *choice) advance() {
	advance(regEntry, c.n)
	advance(regTable, tableSize*c.n)
}
