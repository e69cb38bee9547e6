package rsa

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

// wide is a multiplication of many blocks, each with each, without Karatsuba's trick: its code
// stays small enough to be fetched as fast as it runs. A square needs each pair of blocks once.
type wide struct {
	n         int
	t         words // the product, in 2·n blocks of columns
	q, folded words
}

func newWide(n int) *wide {
	var a allocator
	p := &wide{n: n}
	p.t = a.at(0, 2*n*block)
	p.q, p.folded = a.at(2*n*block, block), a.at((2*n+1)*block, block)
	a.check(n * block)
	return p
}

// lookups returns nothing: exponents of this width are public.
func (p *wide) lookups() (masks, entry, unused words) { return }

// clear stores zeros in the columns that rowOfBlocks counts on and no first row of blocks fills,
// which begins at block first.
func (p *wide) clear(first int) {
	t := newColumns(p.t, 2*p.n*block)
	t.clear(0, (first+1)*block)
	t.clear((p.n+1)*block, 2*p.n*block)
}

// rowOfBlocks adds the products of blocks at ptrA and one at ptrB to columns of which the first is
// at ptrT. count is the number of blocks. It advances ptrA and ptrT to the end. With fresh, the
// upper half of the columns of each block holds nothing yet.
func rowOfBlocks(label string, count Register, fresh bool) {
	written := 2 * block
	if fresh {
		written = block
	}
	Label(label)
	mulBlock(newColumns(words{ptrT, 0}, 2*block).fill(0, written), 0, words{ptrA, 0}, words{ptrB, 0})
	advance(ptrA, block)
	advance(ptrT, block)
	DECQ(count)
	JNZ(LabelRef(label))
}

func (p *wide) product(a Register, b func(Register)) {
	p.clear(0)
	b(ptrB)
	LEAQ(p.t.at(0), ptrT)
	row := func(label string, fresh bool) {
		MOVQ(a, ptrA)
		MOVQ(U32(uint32(p.n)), count2)
		rowOfBlocks(label, count2, fresh)
		advance(ptrB, block)
		advance(ptrT, block-p.n*block)
	}
	row("first", true)
	loop("rows", p.n-1, count1, func() { row("row", false) })
}

// square multiplies each block with those after it. Then the square of block i is added to columns
// that are twice those found: together these squares cover each column once.
func (p *wide) square(a Register, _ *lookup) {
	p.clear(1)
	MOVQ(a, ptrB)
	LEAQ(p.t.at(block), ptrT)
	row := func(label string, fresh bool) {
		LEAQ(words{ptrB, block}.at(0), ptrA)
		MOVQ(ptrT, ptrX)
		MOVQ(count1, count2)
		rowOfBlocks(label, count2, fresh)
		advance(ptrB, block)
		LEAQ(words{ptrX, 2 * block}.at(0), ptrT)
	}
	MOVQ(U32(uint32(p.n-1)), count1)
	row("first", true)
	loop("rows", p.n-2, count1, func() { row("row", false) })
	MOVQ(a, ptrA)
	LEAQ(p.t.at(0), ptrT)
	loop("squares", p.n, count1, func() {
		sqrDoubling(words{ptrT, 0}, words{ptrA, 0})
		advance(ptrA, block)
		advance(ptrT, 2*block)
	})
}

// sqrDoubling doubles twenty columns at t and adds the square of the ten digits at a.
func sqrDoubling(t, a words) {
	for c, r := range win {
		load(t.at(c), r)
	}
	sqrWindow(a, win)
	for c, r := range win {
		store(r, t.at(c))
	}
}

// reduce folds all digits but the last ten, ten at a time.
func (p *wide) reduce(dst func(Register), _ *lookup) {
	LEAQ(p.t.at(0), ptrD)
	loop("folds", p.n-1, count1, func() {
		t := filled(words{ptrD, 0}, 2*block)
		normalize(t, 0, block, p.q, nil)
		t.add(block, tmp1)
		t.put(block, tmp1)
		advance(ptrD, block)
		MOVQ(ptrD, ptrT)
		LEAQ(words{regMod, offFoldTen(p.n * block)}.at(0), ptrA)
		LEAQ(p.q.at(0), ptrB)
		MOVQ(U32(uint32(p.n)), count2)
		rowOfBlocks("fold", count2, false)
	})
	dst(regDst)
	last(filled(p.t, 2*p.n*block), p.n*block, regDst, regMod, p.folded, nil)
}
