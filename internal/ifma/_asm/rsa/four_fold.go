package rsa

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
)

// correction queues dst = um&y + vm&x. It is for x - u·B and y - v·B, whose product is x·y - (u·y
// + v·x)·B + u·v·B².
func correction(x, um, y, vm, dst Mem) {
	r, s := sideRegs[0], sideRegs[1]
	side.add(
		func() { load(x, r) },
		func() { VPANDQ(vm, r, r) },
		func() { load(y, s) },
		func() { VPANDQ(um, s, s) },
		func() { VPADDQ(s, r, r) },
		func() { store(r, dst) },
	)
}

// gather queues the code that combines the columns c of the three products. w is t, or words
// inside it.
func (p *four) gather(c int, w words) {
	at := func(x words, c int) Mem { return w.from(x.i - p.t.i).at(c) }
	r, s := sideRegs[0], sideRegs[1]
	t, e := p.t.words, p.e.words
	side.add(
		func() { load(at(t, half+c), r) },
		func() { VPADDQ(at(t, 2*half+c), r, r) },
		func() { VPADDQ(at(t, c), r, s) },
		func() { VPSUBQ(at(e, c), s, s) },
		func() { store(s, at(t, half+c)) },
		func() { VPADDQ(at(t, 3*half+c), r, r) },
		func() { VPSUBQ(at(e, half+c), r, r) },
	)
	correct := func(x, m words) {
		side.add(
			func() { load(at(x, c), s) },
			func() { VPANDQ(m.at(0), s, s) },
			func() { VPADDQ(s, r, r) },
		)
	}
	if p.isSquare {
		correct(p.x, p.xm)
		side.add(func() { VPADDQ(s, r, r) })
	} else {
		correct(p.x, p.ym)
		correct(p.y, p.xm)
	}
	side.add(func() { store(r, at(t, 2*half+c)) })
}

// addBoth adds u·v to column c, for masks of both.
func (p *four) addBoth(c int, um, vm Mem) {
	load(um, tmp0)
	VPANDQ(vm, tmp0, tmp0)
	p.t.add(c, tmp0)
	p.t.put(c, tmp0)
}

// fold folds the first twenty digits at once: q0 + q1·B, times m0 to m3 for 2^-1040 mod n, is
//
//	(q0·m0 + q1·m1·B + q0·m2·B² + q1·m3·B³)·(1 + B) - ((q0-q1)·(m0-m1) + (q0-q1)·(m2-m3)·B²)·B
//
// The differences of m come with it.
func (p *four) fold(l *lookup) {
	d := 4 * block
	m := words{regMod, offFoldTwenty(d)}
	g, gm := m.from(d), m.from(d+2*block) // m0-m1 and m2-m3, and all ones where they are below zero
	normalize(p.t, 0, 2*block, p.q, nil)
	store(tmp1, p.carry.at(0))
	zero(sideRegs[1])
	digitMask(sideRegs[2])
	for c := range block {
		differenceDigit(p.q.at(c), p.q.at(block+c), sideRegs[1], sideRegs[2])
		side.drain()
		store(sideRegs[0], p.f.at(c))
	}
	store(sideRegs[1], p.fm.at(0))
	p.z.clear(0, block)
	LEAQ(m.at(0), ptrX)
	LEAQ(p.t.at(0), ptrA)
	LEAQ(p.z.at(0), ptrT)
	LEAQ(p.q.at(0), ptrD)
	LEAQ(p.q.at(block), nextA)
	loop("fold", 4, count1, func() {
		for c := range block / 2 {
			p.gather(c, words{ptrA, 0})
		}
		side.spread(200)
		mulBlock(newColumns(words{ptrT, 0}, 2*block).fill(0, block), 0, words{ptrX, 0}, words{ptrD, 0})
		side.drain()
		XCHGQ(ptrD, nextA)
		advance(ptrX, block)
		advance(ptrA, block/2)
		advance(ptrT, block)
	})
	p.z.fill(0, 5*block)
	if p.isSquare {
		p.addBoth(3*half, p.xm.at(0), p.xm.at(0))
	} else {
		p.addBoth(3*half, p.xm.at(0), p.ym.at(0))
	}
	// From here on e and h belong to the differences of q and m.
	LEAQ(g.at(0), ptrX)
	LEAQ(gm.at(0), ptrD)
	LEAQ(p.e.at(0), ptrT)
	LEAQ(p.h.at(0), ptrA)
	loop("differences", 2, count1, func() {
		for c := range block {
			correction(p.f.at(c), p.fm.at(0), words{ptrX, c}.at(0), words{ptrD, 0}.at(0), words{ptrA, c}.at(0))
		}
		l.one()
		side.spread(200)
		mulBlock(newColumns(words{ptrT, 0}, 2*block), 0, words{ptrX, 0}, p.f)
		side.drain()
		l.advance()
		advance(ptrX, block)
		advance(ptrD, 1)
		advance(ptrT, 2*block)
		advance(ptrA, block)
	})
	p.addBoth(5*block, p.fm.at(0), gm.at(0))
	p.addBoth(7*block, p.fm.at(0), gm.at(1))
}

// gatherFold queues the code that adds the columns c of the results of fold to the columns t,
// except the lowest ten.
func (p *four) gatherFold(c int, w words) {
	at := func(x words, c int) Mem { return w.from(x.i - p.t.i).at(c) }
	for k := 3; k < 8; k++ {
		r := sideRegs[k%3]
		i := block*(k-2) + c // in z
		side.add(func() { load(at(p.t.words, block*k+c), r) })
		if k < 7 {
			side.add(func() { VPADDQ(at(p.z.words, i), r, r) })
		}
		side.add(func() { VPADDQ(at(p.z.words, i-block), r, r) })
		if k < 7 {
			side.add(func() { VPSUBQ(at(p.e.words, i-block), r, r) })
		}
		switch k {
		case 4:
			side.add(func() { VPADDQ(at(p.h, c), r, r) })
		case 6:
			side.add(func() { VPADDQ(at(p.h, block+c), r, r) })
		}
		side.add(func() { store(r, at(p.t.words, block*k+c)) })
	}
}

// foldTen folds the next ten digits.
func (p *four) foldTen() {
	q := p.q.from(2 * block)
	t := filled(p.t.words, 3*block)
	t.more = filled(p.z.from(-2*block), 3*block)
	carry := p.carry.at(0)
	normalize(t, 2*block, block, q, &carry)
	store(tmp1, p.more.at(3*block))
	zero(tmp0)
	for c := 3*block + 1; c < 4*block; c++ {
		store(tmp0, p.more.at(c))
	}
	LEAQ(words{regMod, offFoldTen(4 * block)}.at(0), ptrX)
	LEAQ(p.t.at(2), ptrA)
	LEAQ(p.more.at(3*block), ptrT)
	p.gatherFold(0, p.t.words)
	p.gatherFold(1, p.t.words)
	side.drain()
	loop("ten", 4, count1, func() {
		p.gatherFold(0, words{ptrA, 0})
		p.gatherFold(1, words{ptrA, 0})
		side.spread(200)
		mulBlock(newColumns(words{ptrT, 0}, 2*block).fill(0, block), 0, words{ptrX, 0}, q)
		side.drain()
		advance(ptrX, block)
		advance(ptrA, 2)
		advance(ptrT, block)
	})
	p.t.more = p.more.fill(3*block, 4*half)
}
