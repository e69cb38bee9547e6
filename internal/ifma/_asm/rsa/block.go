package rsa

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"

	"asynccrypto/internal/ifma/_asm/emit"
)

// Everything is made of blocks of ten digits by ten. Twenty accumulators, one for each column, are
// in registers, and so are as many digits of one factor as there is room for. The digits of the
// other are loaded one at a time. So a block of 200 multiply-adds needs few loads, and each
// accumulator is used every four or five cycles, as its latency allows.
const block = 10

// The registers of a block. The last three belong to the side.
var (
	win  = emit.Z[:2*block] // the columns
	regA = emit.Z[20:27]    // the factor that stays in registers
	tmp0 = emit.Z[27]       // a digit of the other factor
	tmp1 = emit.Z[28]
)

// mulBlock adds the product of ten digits at a and ten at b to the columns from i on.
func mulBlock(s *columns, i int, a, b words) { mulColumns(s, i, a, b, func(int, Register) {}) }

// mulColumns is mulBlock, and it calls upper for each of the ten upper columns before anything is
// added to it, with the column in r. upper may use tmp1.
func mulColumns(s *columns, i int, a, b words, upper func(c int, r Register)) {
	for c := range block {
		s.get(i+c, win[c])
	}
	x := operands(a)
	for r := range block {
		s.get(i+block+r, win[block+r])
		upper(r, win[block+r])
		load(b.at(r), tmp0)
		mulRow(x, tmp0, win[r:])
		s.put(i+r, win[r])
	}
	for c := block; c < 2*block; c++ {
		s.put(i+c, win[c])
	}
}

// mulTwice adds twice the product.
func mulTwice(s *columns, i int, a, b words) {
	for c := range block {
		zero(win[c])
	}
	put := func(c int) {
		VPADDQ(win[c], win[c], win[c])
		s.add(i+c, win[c])
		s.put(i+c, win[c])
	}
	x := operands(a)
	for r := range block {
		zero(win[block+r])
		load(b.at(r), tmp0)
		mulRow(x, tmp0, win[r:])
		put(r)
	}
	for c := block; c < 2*block; c++ {
		put(c)
	}
}

// operands loads as many of ten digits as regA has room for, and leaves the others in memory.
func operands(a words) (x [block]Op) {
	for j := range x {
		x[j] = a.at(j)
		if j < len(regA) {
			load(x[j], regA[j])
			x[j] = regA[j]
		}
	}
	return x
}

// mulRow adds the product of ten digits and one digit to the eleven columns of w. All low halves
// come before all high halves, so that no accumulator waits for itself.
func mulRow(a [block]Op, b Register, w []VecPhysical) {
	for j := range block {
		low(a[j], b, w[j])
	}
	for j := range block {
		high(a[j], b, w[j+1])
	}
}

// sqrBlock adds the square of the ten digits at a to the columns from i on.
func sqrBlock(s *columns, i int, a words) { sqrColumns(s, i, a, func(int, Register) {}) }

// sqrColumns is sqrBlock, and it calls upper for the ten upper columns while they are zero: a
// number that upper adds to r counts twice, but once in the last column. upper may use tmp1.
func sqrColumns(s *columns, i int, a words, upper func(c int, r Register)) {
	for c, r := range win {
		zero(r)
		if c >= block {
			upper(c-block, r)
		}
	}
	sqrWindow(a, win[1:2*block-1]) // the first and the last are zero
	for c, r := range win {
		s.add(i+c, r)
		s.put(i+c, r)
	}
}

// sqrWindow adds the square of the ten digits at a to the columns in registers. Before it adds the
// squares of digits it doubles the columns twice, which hold the other products by then.
func sqrWindow(a words, twice []VecPhysical) {
	x := operands(a)
	digit := func(r int) Register {
		if r < len(regA) {
			return regA[r]
		}
		t := []Register{tmp0, tmp1}[r%2]
		load(a.at(r), t)
		return t
	}
	for r := range block - 1 {
		y := digit(r)
		for j := r + 1; j < block; j++ {
			low(x[j], y, win[r+j])
		}
		for j := r + 1; j < block; j++ {
			high(x[j], y, win[r+j+1])
		}
	}
	for _, r := range twice {
		VPADDQ(r, r, r)
	}
	for r := range block {
		y := digit(r)
		low(y, y, win[2*r])
		high(y, y, win[2*r+1])
	}
}

// mulBlocks adds the products of n blocks at a and n blocks at ptrB to columns of which the first
// is at ptrT. It advances ptrB and ptrT by n blocks.
func mulBlocks(label string, n int, a Register) {
	loop(label+"rows", n, count1, func() {
		MOVQ(a, ptrA)
		loop(label+"row", n, count2, func() {
			mulBlock(filled(words{ptrT, 0}, 2*block), 0, words{ptrA, 0}, words{ptrB, 0})
			advance(ptrA, block)
			advance(ptrT, block)
		})
		advance(ptrB, block)
		advance(ptrT, block-n*block)
	})
}
