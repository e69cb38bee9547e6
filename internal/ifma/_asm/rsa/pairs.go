package rsa

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/reg"
)

// pairs is a multiplication of two or three blocks. It computes a product of blocks for each
// block, and one of differences for each pair (Karatsuba's trick):
//
//	a[i]·b[j] + a[j]·b[i] = a[i]·b[i] + a[j]·b[j] - (a[i]-a[j])·(b[i]-b[j])
//
// In powers of B = 2^520, let z be the sum of a[i]·b[i]·B^i, and e the sum of the products of
// differences times B^(i+j-1). Then the product is z·(1 + B + ... + B^(n-1)) - e·B. Both sums grow
// in columns, block by block.
type pairs struct {
	n         int
	t         *columns // the product; z lies in its upper part
	z, e      *columns
	x, y      words    // differences, 11 words each; see the function difference
	f         *columns // the products of folding
	q, folded words

	masks, entry, unused words
}

func newPairs(n int) *pairs {
	var a allocator
	p := &pairs{n: n}
	sums := func(first, n int) *columns { return newColumns(a.at(first, n), n) }
	p.t = sums(0, 2*n*block)
	p.z = newColumns(p.t.from((n-1)*block), (n+1)*block)
	switch n {
	case 2:
		p.e = sums(40, 21)
		p.x, p.y = a.at(64, 11), a.at(75, 11)
		p.folded, p.q = a.at(94, 10), a.at(104, 10)
		p.f = sums(128, 40)
		p.masks, p.entry, p.unused = a.at(168, tableSize), a.at(244, 20), a.at(264, 4)
	case 3:
		p.e = sums(64, 41)
		p.x, p.y = a.at(105, 33), a.at(169, 33)
		p.folded, p.masks = a.at(208, 10), a.at(218, tableSize)
		p.f = sums(256, 60)
		p.q = p.f.words // folding adds nothing to its first ten
		p.entry, p.unused = a.at(372, 30), a.at(402, 6)
	}
	a.check(n * block)
	return p
}

func (p *pairs) lookups() (masks, entry, unused words) { return p.masks, p.entry, p.unused }

func (p *pairs) square(a Register, _ *lookup) {
	x := words{a, 0}
	p.run(110, func(i, j, k int) {
		difference(x.from(block*i), x.from(block*j), p.x.from(11*k))
	}, func(i int) {
		sqrBlock(p.z, block*i, x.from(block*i))
	}, func(s *columns, x, _ words) { sqrDifference(s, 0, x) })
}

func (p *pairs) product(a Register, b func(Register)) {
	b(ptrB)
	x, y := words{a, 0}, words{ptrB, 0}
	p.run(200, func(i, j, k int) {
		difference(x.from(block*i), x.from(block*j), p.x.from(11*k))
		difference(y.from(block*i), y.from(block*j), p.y.from(11*k))
	}, func(i int) {
		mulBlock(p.z, block*i, x.from(block*i), y.from(block*i))
	}, func(s *columns, x, y words) { mulDifference(s, 0, x, y) })
}

// run queues the differences, computes the blocks, of madds multiply-adds each, and carries
// through the first digits to fold.
func (p *pairs) run(madds int, differences func(i, j, k int), diagonal func(i int), pair func(e *columns, x, y words)) {
	clear(p.z.set)
	k := 0
	for j := range p.n {
		for i := range j {
			differences(i, j, k)
			k++
		}
	}
	side.spread(p.n * madds)
	for i := range p.n {
		diagonal(i)
		if i == 0 {
			normalize(p.z, 0, block, p.q, nil)
			store(tmp1, p.f.at(block))
		}
	}
	side.drain()
	// Each pair adds to the columns that the pairs before it have filled, and to one more.
	p.e.clear(0, block+1)
	p.e.fill(0, len(p.e.set))
	if k == 1 {
		pair(newColumns(p.e.words, 2*block+1).fill(0, block+1), p.x, p.y)
		return
	}
	LEAQ(p.e.at(0), ptrT)
	LEAQ(p.x.at(0), ptrX)
	loop(fmt.Sprint("pairs", madds), k, count1, func() {
		pair(newColumns(words{ptrT, 0}, 2*block+1).fill(0, block+1), words{ptrX, 0}, words{ptrX, p.y.i - p.x.i})
		advance(ptrT, block)
		advance(ptrX, 11)
	})
}

// gather queues the code that computes columns c of t from those of z and e. It does so for all
// blocks of t but the lowest, which is folded by then, and the highest, which is that of z. w is
// t, or words inside it.
func (p *pairs) gather(c int, w words) {
	r, s, t := sideRegs[0], sideRegs[1], sideRegs[2]
	get := func(k int, r Register) { side.add(func() { load(w.at((p.n-1+k)*block+c), r) }) }
	z := func(k int, x, r Register) { side.add(func() { VPADDQ(w.at((p.n-1+k)*block+c), x, r) }) }
	e := func(k int, r Register) { side.add(func() { VPSUBQ(w.from(p.e.i-p.t.i).at(block*k+c), r, r) }) }
	put := func(k int, r Register) { side.add(func() { store(r, w.at(block*k+c)) }) }
	get(0, r)
	z(1, r, t)
	e(0, t)
	if p.n == 2 {
		get(1, s)
		z(2, s, s)
		e(1, s)
		put(1, t)
		put(2, s)
		return
	}
	put(1, t)
	get(1, s)
	z(2, s, s)
	side.add(func() { VPADDQ(s, r, r) })
	e(1, r)
	put(2, r)
	z(3, s, s)
	e(2, s)
	get(2, r)
	z(3, r, r)
	e(3, r)
	put(3, s)
	put(4, r)
}

// reduce folds all digits but the last ten, ten at a time.
func (p *pairs) reduce(dst func(Register), l *lookup) {
	d := p.n * block
	p.t.fill(0, 2*d)
	p.f.clear(block+1, 2*block)
	p.f.clear((p.n+2)*block, 2*d)
	p.f.fill(block, 2*d)
	// The products of folding do not go to t, because t is not complete yet.
	each := block / p.n
	for c := range block - p.n*each {
		p.gather(c, p.t.words)
	}
	side.drain()
	LEAQ(p.t.at(block-p.n*each), ptrA)
	first := l
	if p.n > 2 {
		first = nil
	}
	p.fold("first", 1, block, each, first, func() {
		for c := range each {
			p.gather(c, words{ptrA, 0})
		}
	})
	c := len(p.e.set) - 1 // where e has one column more than blocks
	p.t.get(block+c, tmp0)
	VPSUBQ(p.e.at(c), tmp0, tmp0)
	p.t.put(block+c, tmp0)
	p.t.more = p.f
	for i := 1; i < p.n-1; i++ {
		normalize(p.t, block*i, block, p.q, nil)
		p.f.add(block*(i+1), tmp1)
		p.f.put(block*(i+1), tmp1)
		p.fold(fmt.Sprint("fold", i), i+1, 2*block, 0, l, func() {})
	}
	dst(regDst)
	last(p.t, d, regDst, regMod, p.folded, l)
}

// fold folds the digits at q into the columns at ptrT, of which the first written hold something.
// It calls each before each block, and advances ptrA by the given number of columns after it.
func (p *pairs) fold(label string, i, written, columns int, l *lookup, each func()) {
	LEAQ(p.f.at(block*i), ptrT)
	LEAQ(words{regMod, offFoldTen(p.n * block)}.at(0), ptrX)
	loop(label, p.n, count1, func() {
		each()
		l.one()
		side.spread(200)
		mulBlock(newColumns(words{ptrT, 0}, 2*block).fill(0, written), 0, words{ptrX, 0}, p.q)
		side.drain()
		l.advance()
		advance(ptrT, block)
		advance(ptrX, block)
		if columns > 0 {
			advance(ptrA, columns)
		}
	})
}
