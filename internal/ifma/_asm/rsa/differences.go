package rsa

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

// differenceDigit queues a digit of x-y, with the result in the first of the sideRegs. carry and
// mask are the registers for the carry and digitMask.
func differenceDigit(x, y Mem, carry, mask Register) {
	r := sideRegs[0]
	side.add(
		func() { load(x, r) },
		func() { VPSUBQ(y, r, r) },
		func() { VPADDQ(carry, r, r) },
		func() { VPSRAQ(Imm(digitBits), r, carry) },
		func() { VPANDQ(mask, r, r) },
	)
}

// difference queues dst = x-y for ten digits each, modulo B = 2^520. The word after the ten digits
// becomes all ones if x is less than y, and zero otherwise: x-y is the ten digits, less B times
// one or zero.
func difference(x, y, dst words) {
	carry, mask := sideRegs[1], sideRegs[2]
	side.add(func() { zero(carry) }, func() { digitMask(mask) })
	for c := range block {
		differenceDigit(x.at(c), y.at(c), carry, mask)
		side.add(func() { store(sideRegs[0], dst.at(c)) })
	}
	side.add(func() { store(carry, dst.at(block)) })
}

// negate subtracts x from r in the lanes where the mask is set.
func negate(x, mask Mem, r Register) {
	load(x, tmp1)
	VPANDQ(mask, tmp1, tmp1)
	VPSUBQ(tmp1, r, r)
}

// sqrDifference adds the square of a difference to the columns from i on. For x - c·B it is x² -
// 2·c·x·B + c·B².
func sqrDifference(s *columns, i int, x words) {
	mask := x.at(block)
	sqrColumns(s, i, x, func(c int, r Register) {
		negate(x.at(c), mask, r)
		if c == block-1 {
			VPADDQ(r, r, r)
		}
	})
	s.get(i+2*block, tmp0)
	VPSUBQ(mask, tmp0, tmp0)
	s.put(i+2*block, tmp0)
}

// mulDifference adds the product of two differences to the columns from i on. For x - c·B and y -
// d·B it is x·y - (c·y + d·x)·B + c·d·B².
func mulDifference(s *columns, i int, x, y words) {
	c, d := x.at(block), y.at(block)
	mulColumns(s, i, x, y, func(j int, r Register) {
		negate(y.at(j), c, r)
		negate(x.at(j), d, r)
	})
	load(c, tmp1)
	VPANDQ(d, tmp1, tmp1)
	s.get(i+2*block, tmp0)
	VPSUBQ(tmp1, tmp0, tmp0)
	s.put(i+2*block, tmp0)
}
