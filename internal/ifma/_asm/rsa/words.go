package rsa

import (
	. "github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/ir"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

func load(m Op, r Register)   { VMOVDQU64(m, r) }
func store(r Register, m Mem) { VMOVDQU64(r, m) }
func zero(r Register)         { VPXORQ(r, r, r) }

// words are consecutive words of memory, from word i after base on.
type words struct {
	base Register
	i    int
}

func (w words) at(j int) Mem     { return Mem{Base: w.base, Disp: 64 * (w.i + j)} }
func (w words) from(j int) words { return words{w.base, w.i + j} }

// advance moves a pointer by n words.
func advance(p Register, n int) { ADDQ(I32(64*n), p) }

// columns are sums in memory, one for each power of 2^52, that may be above 52 bits or below zero.
// Columns that nothing was added to yet count as zero, whatever their memory holds.
type columns struct {
	words
	set  []bool
	more *columns // if not nil, further sums of the same columns, which get adds
}

func newColumns(w words, n int) *columns { return &columns{words: w, set: make([]bool, n)} }

// filled returns n columns that all have been written.
func filled(w words, n int) *columns { return newColumns(w, n).fill(0, n) }

// fill marks columns as written, by other code.
func (s *columns) fill(from, to int) *columns {
	for i := from; i < to; i++ {
		s.set[i] = true
	}
	return s
}

// clear stores zeros.
func (s *columns) clear(from, to int) {
	zero(tmp0)
	for i := from; i < to; i++ {
		s.put(i, tmp0)
	}
}

// get loads column c, put stores it, and add adds it to r.
func (s *columns) get(c int, r Register) {
	if s.set[c] {
		load(s.at(c), r)
	} else {
		zero(r)
	}
	if s.more != nil {
		s.more.add(c, r)
	}
}

func (s *columns) put(c int, r Register) {
	store(r, s.at(c))
	s.set[c] = true
}

func (s *columns) add(c int, r Register) {
	if s.set[c] {
		VPADDQ(s.at(c), r, r)
	}
}

// align begins a piece of code on a boundary of 64 bytes, the unit in which a CPU fetches code.
// Without it the larger kernels lose 4% in every other build.
func align() {
	Instruction(&ir.Instruction{Opcode: "PCALIGN", Operands: []Op{Imm(64)}})
}

// loop repeats body n times, counted in a register that body does not use.
func loop(label string, n int, count Register, body func()) {
	MOVQ(U32(uint32(n)), count)
	Label(label)
	body()
	DECQ(count)
	JNZ(LabelRef(label))
}

const digitBits = 52

// digitMask sets r to 2^52-1 in all lanes. A constant in memory would, in one build or another,
// have an address that agrees with that of a store modulo 4096.
func digitMask(r Register) {
	VPTERNLOGQ(Imm(255), r, r, r)
	VPSRLQ(Imm(64-digitBits), r, r)
}
