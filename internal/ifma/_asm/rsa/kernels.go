package rsa

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"

	"asynccrypto/internal/ifma/_asm/emit"
)

// Registers of all kernels.
var (
	regDst     = RDI
	regX       = RSI // the first factor
	regMod     = RBX
	regScratch = R8
	regCount   = RCX
	regEntry   = R9
	regTable   = R10
)

// The registers of the loops. regDst is loaded after the loops that count in it.
var (
	ptrA   = R11
	nextA  = RDX
	ptrB   = R9  // regEntry, which products do not use
	nextB  = R10 // regTable, likewise
	ptrT   = R12
	ptrX   = R13
	ptrD   = R14
	count1 = RDI
	count2 = RAX
)

// bias is the number of words by which regScratch points behind the first, so that short
// displacements, of -128 to 127 words, reach more.
const bias = 128

// allocator divides scratch. Addresses are chosen so that a block does not load from an address
// that agrees in the lowest twelve bits, that is modulo 64 words, with one that it has just stored
// to: the CPU takes the one for the other and waits. For the same reason package ifma aligns the
// operands.
type allocator struct {
	end   int
	taken map[int]bool
}

// at takes n words from word first on.
func (a *allocator) at(first, n int) words {
	if a.taken == nil {
		a.taken = make(map[int]bool)
	}
	for i := first; i < first+n; i++ {
		if a.taken[i] {
			panic(fmt.Sprint("scratch: word ", i, " is taken twice"))
		}
		a.taken[i] = true
	}
	a.end = max(a.end, first+n)
	return words{regScratch, first - bias}
}

// check compares the number of words taken with the number that package ifma provides.
func (a *allocator) check(d int) {
	if a.end != scratchFor(d) {
		panic(fmt.Sprint("scratch: ", a.end, " words"))
	}
}

func scratchFor(d int) int {
	switch d {
	case 2 * block:
		return 268
	case 3 * block:
		return 408
	case 4 * block:
		return 540
	}
	return 2*d + 2*block
}

// multiplication is a·b/R or a²/R, in parts, for d digits.
type multiplication interface {
	square(a Register, l *lookup)          // the product, for b = a
	product(a Register, b func(Register))  // the product; b loads the address of b
	reduce(dst func(Register), l *lookup)  // the rest; dst loads the address of the result
	lookups() (masks, entry, unused words) // scratch for a lookup; unused takes the digits that are not needed
}

func newMultiplication(d int) multiplication {
	switch n := d / block; {
	case n < 4:
		return newPairs(n)
	case n == 4:
		return newFour()
	default:
		return newWide(n)
	}
}

func param(name string) func(Register) {
	return func(r Register) { Load(Param(name), r) }
}

// begin begins a kernel and loads its arguments.
func begin(name, signature string, doc ...string) {
	TEXT(name, NOSPLIT, signature)
	Doc(doc...)
	Pragma("noescape")
	align()
	param("a")(regX)
	param("mod")(regMod)
	param("scratch")(regScratch)
	advance(regScratch, bias)
}

// mulKernel generates the multiplication for d digits.
func mulKernel(d int) {
	begin(fmt.Sprintf("mul%d", d), "func(dst, a, b, mod, scratch *[8]uint64)",
		fmt.Sprintf("mul%d sets dst = a·b/R mod n for %d digits. scratch is %d words.", d, d, scratchFor(d)))
	m := newMultiplication(d)
	m.product(regX, param("b"))
	m.reduce(param("dst"), nil)
	leave()
}

// sqrKernel generates the repeated squaring for d digits.
func sqrKernel(d int) {
	begin(fmt.Sprintf("sqr%d", d), "func(dst, a, mod, scratch *[8]uint64, n int)",
		fmt.Sprintf("sqr%d squares a modulo n, n times over, for %d digits. scratch is %d words.", d, d, scratchFor(d)))
	param("n")(regCount)
	Label("again")
	m := newMultiplication(d)
	m.square(regX, nil)
	m.reduce(param("dst"), nil)
	param("dst")(regX)
	DECQ(regCount)
	JNZ(LabelRef("again"))
	leave()
}

// windowKernel generates five squarings for d digits and a multiplication by an entry of a table.
// The entry is looked up among the squarings, a fifth of its digits in each. All six operations
// end in the same code, to keep it small.
func windowKernel(d int) {
	begin(fmt.Sprintf("window%d", d), "func(dst, a, mod, scratch, table, idx *[8]uint64)",
		fmt.Sprintf("window%d squares a modulo n five times over, for %d digits, and multiplies it by entry idx[l] of the", d, d),
		fmt.Sprintf("table in each lane l. Digit i of entry j is at table[32*i+j]. scratch is %d words.", scratchFor(d)))
	m := newMultiplication(d)
	l, entry, unused := beginLookup(m)
	MOVQ(U32(5), regCount)
	Label("square")
	m.square(regX, l)
	JMP(LabelRef("reduce"))
	Label("product")
	m.product(regX, func(r Register) { LEAQ(entry.at(0), r) })
	// Nothing is left to look up, but the code is the same, so it looks up digits into unused.
	LEAQ(unused.at(0), regEntry)
	param("table")(regTable)
	Label("reduce")
	m.reduce(param("dst"), l)
	param("dst")(regX)
	DECQ(regCount)
	JG(LabelRef("square"))
	JZ(LabelRef("product"))
	leave()
}

// squaresKernel generates a window without the multiplication. For four blocks that is so large
// that the two together are slower than apart.
func squaresKernel(d int) {
	begin(fmt.Sprintf("squares%d", d), "func(dst, a, mod, scratch, table, idx *[8]uint64)",
		fmt.Sprintf("squares%d squares a modulo n five times over, for %d digits, and copies entry idx[l] of the table in each", d, d),
		fmt.Sprintf("lane l to the words of scratch from %d on. Digit i of entry j is at table[32*i+j]. scratch is %d words.", entryOf40, scratchFor(d)))
	m := newMultiplication(d)
	l, entry, _ := beginLookup(m)
	if entry.i != entryOf40-bias {
		panic("the entry is elsewhere")
	}
	loop("square", 5, regCount, func() {
		m.square(regX, l)
		m.reduce(param("dst"), l)
		param("dst")(regX)
	})
	leave()
}

// entryOf40 is the first word of the entry in scratch. Package ifma has the same constant.
const entryOf40 = 500

// beginLookup prepares the lookup that the kernel's arguments ask for.
func beginLookup(m multiplication) (l *lookup, entry, unused words) {
	l = &lookup{}
	l.masks, entry, unused = m.lookups()
	param("table")(regTable)
	param("idx")(regCount)
	oneHot(l.masks, regCount)
	LEAQ(entry.at(0), regEntry)
	return l, entry, unused
}

// Kernels generates the kernels of package rsa.
func Kernels() {
	for _, d := range []int{20, 30} {
		mulKernel(d)
		windowKernel(d)
	}
	schoolbookKernels()
	mulKernel(40)
	squaresKernel(40)

	for _, d := range []int{20, 30, 40} {
		mulAddKernel(d)
	}

	// For public exponents.
	sqrKernel(40)
	for _, d := range []int{60, 80} {
		mulKernel(d)
		sqrKernel(d)
	}
	selectKernel()
	canonicalKernel()
}

// leave ends a kernel.
func leave() {
	if len(side.queue) > 0 {
		panic("something is left on the side")
	}
	emit.Leave()
}
