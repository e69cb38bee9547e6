package rsa

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/reg"
)

// four is a multiplication of four blocks: two halves of two blocks each, a0 + a1·B² for B =
// 2^520. It computes three products of halves instead of four (Karatsuba's trick):
//
//	a0·b1 + a1·b0 = a0·b0 + a1·b1 - (a0-a1)·(b0-b1)
//
// It uses the trick once more in folding. The additions and subtractions go to the side.
type four struct {
	t        *columns // the product
	e        *columns // the product of differences
	x, y     words    // differences, and
	xm, ym   words    // all ones where a difference is below zero
	q, carry words    // digits to fold
	f, fm    words    // difference of digits to fold, and all ones where it is below zero
	z        *columns // products of digits to fold
	h        words    // corrections of products of differences
	more     *columns // the products that are added last in folding
	folded   words
	isSquare bool

	masks, entry words
}

const half = 2 * block

func newFour() *four {
	var a allocator
	p := &four{}
	p.t = newColumns(a.at(0, 80), 80)
	p.e = newColumns(a.at(80, 40), 40)
	p.x, p.y = a.at(120, 60), a.at(184, 60)
	p.xm, p.ym = p.x.from(40), p.y.from(40)
	p.z = newColumns(a.at(256, 50), 50)
	p.q = a.at(306, 30)
	p.more = newColumns(a.at(336, 50).from(-30), 80)
	p.folded, p.h = a.at(386, 10), a.at(396, 20)
	p.f, p.fm, p.carry = a.at(440, 10), a.at(450, 1), a.at(451, 1)
	p.masks, p.entry = a.at(452, tableSize), a.at(entryOf40, 40)
	a.check(40)
	return p
}

// lookups returns no unused words: there is no windowKernel for four blocks.
func (p *four) lookups() (masks, entry, unused words) { return p.masks, p.entry, words{} }

func (p *four) reduce(dst func(Register), l *lookup) {
	p.fold(l)
	p.foldTen()
	dst(regDst)
	last(p.t, 4*block, regDst, regMod, p.folded, nil)
}

// squareHalf puts the square of 20 digits at a into the columns s.
func squareHalf(s *columns, a words) {
	sqrBlock(s, 0, a)
	mulTwice(s, block, a, a.from(block))
	sqrBlock(s, 2*block, a.from(block))
}

// square puts the squares of the halves and of their difference into the columns t and e, and the
// difference into x.
func (p *four) square(a Register, l *lookup) {
	p.isSquare = true
	LEAQ(p.t.at(0), ptrT)
	LEAQ(p.x.at(0), ptrD)
	MOVQ(a, ptrA)
	LEAQ(words{a, half}.at(0), nextA)
	MOVQ(a, ptrX)
	zero(tmp0)
	store(tmp0, p.x.at(20))
	// The difference is computed on the side, ten digits in each round. The third round finds it
	// complete and computes ten digits that nothing uses. The carries wait in memory: that of
	// round i is 30 words after its digits.
	loop("halves", 3, count1, func() {
		dst := words{ptrD, 0}
		carry, mask := sideRegs[1], sideRegs[2]
		side.add(func() { load(dst.at(20), carry) }, func() { digitMask(mask) })
		for c := range block {
			differenceDigit(words{ptrX, c}.at(0), words{ptrX, c}.at(half), carry, mask)
			side.add(func() { store(sideRegs[0], dst.at(c)) })
		}
		side.add(func() { store(carry, dst.at(30)) })
		l.two()
		side.spread(420)
		squareHalf(newColumns(words{ptrT, 0}, 2*half), words{ptrA, 0})
		side.drain()
		l.advance()
		MOVQ(nextA, ptrA)
		LEAQ(p.x.at(0), nextA)
		LEAQ(words{a, block}.at(0), ptrX)
		advance(ptrT, 2*half)
		advance(ptrD, block)
	})
	p.t.fill(0, 4*half)
}

// product puts the products of the halves and of their differences into the columns t and e, and
// the differences into x and y.
func (p *four) product(a Register, b func(Register)) {
	// The differences.
	carryX, carryY, mask := sideRegs[1], win[0], sideRegs[2]
	zero(carryX)
	zero(carryY)
	digitMask(mask)
	MOVQ(a, ptrX)
	b(ptrD)
	LEAQ(p.x.at(0), ptrA)
	loop("digits", half, count1, func() {
		y := p.y.i - p.x.i
		differenceDigit(words{ptrX, 0}.at(0), words{ptrX, half}.at(0), carryX, mask)
		side.drain()
		store(sideRegs[0], words{ptrA, 0}.at(0))
		differenceDigit(words{ptrD, 0}.at(0), words{ptrD, half}.at(0), carryY, mask)
		side.drain()
		store(sideRegs[0], words{ptrA, y}.at(0))
		advance(ptrX, 1)
		advance(ptrD, 1)
		advance(ptrA, 1)
	})
	store(carryX, p.xm.at(0))
	store(carryY, p.ym.at(0))
	// The products.
	if p.e.i != p.t.i+4*half {
		panic("e must follow t")
	}
	zero(tmp0)
	for c := range 6 * half {
		store(tmp0, p.t.words.at(c))
	}
	nextX, nextY := nextB, regMod
	MOVQ(a, ptrX)
	b(ptrD)
	LEAQ(words{ptrX, half}.at(0), nextX)
	LEAQ(words{ptrD, half}.at(0), nextY)
	LEAQ(p.t.at(0), ptrT)
	loop("products", 3, nextA, func() {
		MOVQ(ptrD, ptrB)
		mulBlocks("", 2, ptrX)
		advance(ptrT, half)
		MOVQ(nextX, ptrX)
		LEAQ(p.x.at(0), nextX)
		MOVQ(nextY, ptrD)
		LEAQ(p.y.at(0), nextY)
	})
	param("mod")(regMod)
	p.t.fill(0, 4*half)
}
