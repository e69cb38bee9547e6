package rsa

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

// tableSize is the number of entries to choose from.
const tableSize = 32

// A lookup reads every entry of the table, whole, and keeps one in each lane by logic between
// registers, so that neither address nor time depends on the indices. (A masked load would need
// fewer instructions, but the CPU may leave out the lanes that are masked: from a page that is not
// mapped yet such loads were measured to take a hundred times as long.) The masks, one word for
// each entry, are made once for all digits.

// oneHot sets lane l of word j at masks to all ones if lane l of the word at idx is j, and to zero
// otherwise.
func oneHot(masks words, idx Register) {
	load(Mem{Base: idx}, Z0)
	zero(Z1)
	VPTERNLOGQ(Imm(255), Z2, Z2, Z2)
	for j := range tableSize {
		VPCMPEQQ(Z0, Z1, K1)
		VPMOVM2Q(K1, Z3)
		store(Z3, masks.at(j))
		VPSUBQ(Z2, Z1, Z1)
	}
}

// keep adds to r, which is still zero in the lanes of mask, the same lanes of entry: r |= mask &
// entry.
func keep(entry Mem, mask, r Register) { VPTERNLOGQ(Imm(0xf8), entry, mask, r) }

// selectKernel generates the lookup alone.
func selectKernel() {
	TEXT("selectEntry", NOSPLIT, "func(dst, table, idx, scratch *[8]uint64, d int)")
	Doc("selectEntry copies entry idx[l] of a table of 32 numbers of d digits, an even number, into each lane l of dst.",
		"Digit i of entry j is at table[32*i+j]. scratch is 32 words.")
	Pragma("noescape")
	dst, table, d := RDI, words{RSI, 0}, RCX
	masks := words{R8, 0}
	Load(Param("dst"), dst)
	Load(Param("table"), table.base)
	Load(Param("idx"), RDX)
	Load(Param("scratch"), masks.base)
	Load(Param("d"), d)
	oneHot(masks, RDX)
	Label("digits")
	zero(Z0)
	zero(Z1)
	for j := range tableSize {
		load(masks.at(j), Z2)
		keep(table.at(j), Z2, Z0)
		keep(table.at(tableSize+j), Z2, Z1)
	}
	store(Z0, words{dst, 0}.at(0))
	store(Z1, words{dst, 1}.at(0))
	advance(table.base, 2*tableSize)
	advance(dst, 2)
	SUBQ(Imm(2), d)
	JNZ(LabelRef("digits"))
	leave()
}

// lookup is the lookup of one number, a few digits at a time. Its methods do nothing if it is nil.
type lookup struct {
	masks words
	n     int // digits queued since advance
}

// one queues the lookup of the next digit.
func (l *lookup) one() { l.queue(sideRegs[:1], sideRegs[1:]) }

// two queues the lookup of the next two digits, which loads the masks half as often.
func (l *lookup) two() { l.queue(sideRegs[:2], sideRegs[2:]) }

func (l *lookup) queue(r, mask []VecPhysical) {
	if l == nil {
		return
	}
	first := l.n
	l.n += len(r)
	for i := range r {
		side.add(func() { zero(r[i]) })
	}
	for j := range tableSize {
		m := mask[j%len(mask)]
		side.add(func() { load(l.masks.at(j), m) })
		for i := range r {
			side.add(func() { keep(words{regTable, tableSize*(first+i) + j}.at(0), m, r[i]) })
		}
	}
	for i := range r {
		side.add(func() { store(r[i], words{regEntry, first + i}.at(0)) })
	}
}

// advance moves on to the digits after the queued ones.
func (l *lookup) advance() {
	if l != nil {
		advance(regEntry, l.n)
		advance(regTable, tableSize*l.n)
		l.n = 0
	}
}
