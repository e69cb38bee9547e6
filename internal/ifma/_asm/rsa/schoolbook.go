package rsa

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"

	"asynccrypto/internal/ifma/_asm/emit"
)

// schoolbook is a multiplication of twenty digits with few instructions of any kind, for CPUs where
// each vector instruction takes the place of a multiply-add. So it uses neither Karatsuba's trick
// nor folds ten digits at once. It adds row after row, of one digit times a number, to columns in
// registers. A row completes the lowest columns, and new columns take their registers.
type schoolbook struct {
	t     words // the columns of the product
	entry words
	choice
}

const twenty = 2 * block

// The registers of a row. In square, there are two columns fewer.
var (
	ring  = emit.Z[:twenty+2] // column c is in ring[c%len(ring)]
	held  = emit.Z[22:29]     // digits that stay in registers
	digit = emit.Z[29]        // the digit that multiplies
	carry = emit.Z[30]
)

// lookupRegs are the registers for the queued code of square, which has two columns fewer.
var lookupRegs = append(sideRegs[:3:3], ring[twenty+1])

func newSchoolbook() *schoolbook {
	var a allocator
	p := &schoolbook{t: a.at(0, 2*twenty), entry: a.at(244, twenty), choice: choice{words: a.at(240, 4)}}
	a.at(264, 4) // unused: package rsa has one size of scratch for 20 digits
	a.check(twenty)
	return p
}

// hold loads digits of a into registers, from the given one on. It returns all digits.
func hold(a words, from int) (x [twenty]Op) {
	for j := range x {
		x[j] = a.at(j)
		if i := j - from; i >= 0 && i < len(held) {
			load(x[j], held[i])
			x[j] = held[i]
		}
	}
	return x
}

// column returns the register of a column.
func column(c int) Register { return ring[c%len(ring)] }

// square computes the columns of a square. Row i has the products of digit i and those after it.
// That row completes columns 2i+1 and 2i+2 but for the squares of digits: these are added after the
// columns are doubled.
//
// The lookup is spread over all rows, because the table may be in the second-level cache, which
// would be too slow for a lookup in one lump. In the first rows it fills the time in which they
// wait for the carries of the multiplication before: a digit is known two cycles after the one
// below it.
func (p *schoolbook) square(a Register) {
	column := func(c int) Register { return ring[c%twenty] }
	p.queue(4)
	side.spread(twenty * (twenty - 1)) // over all rows
	x := hold(words{a, 0}, twenty-len(held))
	get := func(i int) Register {
		if r, ok := x[i].(Register); ok {
			return r
		}
		r := ring[twenty]
		load(x[i], r)
		return r
	}
	put := func(c int) { store(column(c), p.t.at(c)) }
	y := get(0)
	zero(column(0))
	low(y, y, column(0))
	put(0)
	for c := 1; c < twenty; c++ {
		zero(column(c))
	}
	for i := range twenty - 1 {
		zero(column(i + twenty))
		for j := i + 1; j < twenty; j++ {
			low(x[j], y, column(i+j))
		}
		for j := i + 1; j < twenty; j++ {
			high(x[j], y, column(i+j+1))
		}
		c := column(2*i + 1)
		VPADDQ(c, c, c)
		high(y, y, c)
		put(2*i + 1)
		y = get(i + 1)
		c = column(2*i + 2)
		VPADDQ(c, c, c)
		low(y, y, c)
		put(2*i + 2)
	}
	zero(column(2*twenty - 1))
	high(y, y, column(2*twenty-1))
	put(2*twenty - 1)
	side.drain()
	p.advance()
}

// product computes the columns of a product.
func (p *schoolbook) product(a, b words) {
	x := hold(a, 0)
	for c := range twenty {
		zero(column(c))
	}
	for i := range twenty {
		zero(column(i + twenty))
		load(b.at(i), digit)
		for j := range x {
			low(x[j], digit, column(i+j))
		}
		for j := range x {
			high(x[j], digit, column(i+j+1))
		}
		store(column(i), p.t.at(i))
	}
	for c := twenty; c < 2*twenty; c++ {
		store(column(c), p.t.at(c))
	}
}

// reduce divides the product by R modulo mod. It folds nineteen digits one after another, and
// removes the twentieth the classical way. With masked, it stores the digits of the result. Without
// masked, it leaves above the 52 bits of each digit what it has carried to the next digit: a
// multiply-add does not see that.
func (p *schoolbook) reduce(dst, mod Register, masked bool) {
	for c := range twenty + 1 {
		load(p.t.at(c), column(c))
	}
	x := hold(words{mod, offFold(twenty)}, 0)
	for i := range twenty - 1 {
		// The digit of the next row needs these three only.
		y, next := column(i), column(i+1)
		low(x[0], y, next)
		VPSRAQ(Imm(digitBits), y, carry)
		VPADDQ(carry, next, next)
		load(p.t.at(i+twenty+1), column(i+twenty+1))
		for j := 1; j < twenty; j++ {
			low(x[j], y, column(i+1+j))
		}
		for j := range twenty {
			high(x[j], y, column(i+2+j))
		}
	}
	y, n := column(twenty-1), words{mod, offN}
	zero(digit)
	low(words{mod, offK}.at(0), y, digit)
	low(n.at(0), digit, y)
	VPSRAQ(Imm(digitBits), y, carry)
	mask := held[0]
	if masked {
		digitMask(mask)
	}
	for j := range twenty {
		c := column(twenty + j)
		high(n.at(j), digit, c)
		if j < twenty-1 {
			low(n.at(j+1), digit, c)
		}
		VPADDQ(carry, c, c)
		VPSRAQ(Imm(digitBits), c, carry)
		if masked {
			VPANDQ(mask, c, c)
		}
		store(c, words{dst, j}.at(0))
	}
}

// schoolbookKernels generates the multiplication and the window. The window looks up four digits in
// each of its squarings.
func schoolbookKernels() {
	begin("mulSchoolbook20", "func(dst, a, b, mod, scratch *[8]uint64)",
		"mulSchoolbook20 sets dst = a·b/R mod n for 20 digits. scratch is 268 words.")
	p := newSchoolbook()
	param("b")(ptrB)
	p.product(words{regX, 0}, words{ptrB, 0})
	param("dst")(regDst)
	p.reduce(regDst, regMod, true)
	leave()

	begin("windowSchoolbook20", "func(dst, a, mod, scratch, table, idx *[8]uint64)",
		"windowSchoolbook20 squares a modulo n five times over, for 20 digits, and multiplies it by entry idx[l] of the",
		"table in each lane l. Digit i of entry j is at table[32*i+j]. scratch is 268 words.")
	p = newSchoolbook()
	param("table")(regTable)
	param("idx")(regCount)
	p.begin(regCount)
	LEAQ(p.entry.at(0), regEntry)
	param("dst")(regDst)
	MOVQ(U32(5), regCount)
	Label("square")
	p.square(regX)
	JMP(LabelRef("reduce"))
	Label("product")
	p.product(words{regX, 0}, p.entry)
	Label("reduce")
	p.reduce(regDst, regMod, false)
	MOVQ(regDst, regX)
	DECQ(regCount)
	JG(LabelRef("square"))
	JZ(LabelRef("product"))
	mask := held[0]
	digitMask(mask)
	for j := range twenty {
		load(words{regDst, j}.at(0), column(j))
		VPANDQ(mask, column(j), column(j))
		store(column(j), words{regDst, j}.at(0))
	}
	leave()
}
