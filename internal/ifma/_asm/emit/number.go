package emit

import (
	"fmt"
	"math/big"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

// DigitBits is the width of a digit.
const DigitBits = 52

// Digit is a statement about a digit of a number in memory.
type Digit struct {
	Interval
	// Raw: the digit is in the low 52 bits of its word. The bits above them have been carried
	// to the next digit already, so they count for nothing. IFMA ignores them in a factor, and
	// only as a factor such a digit can be used.
	Raw bool
}

// Bounds is a statement about a number in memory: about each digit, and about the value. The
// two together say more than each alone.
type Bounds struct {
	Digits []Digit
	Value  Interval
}

// Below is the bounds of a number from 0 to max in n digits, the low ones from 0 to 2^52-1.
func Below(n int, max *big.Int) Bounds {
	b := Bounds{Value: UpTo(max)}
	for range n - 1 {
		b.Digits = append(b.Digits, Digit{Interval: bits(DigitBits)})
	}
	b.Digits = append(b.Digits, Digit{Interval: UpTo(new(big.Int).Rsh(max, uint(DigitBits*(n-1))))})
	return b
}

// Number is a number in memory, or a constant: a row of digits, least significant first.
type Number struct {
	k        *Kernel
	name     string
	base     Register // nil for a constant
	row      int
	n        int
	constant []int64
	known    bool
	bounds   Bounds
}

// Number is the number whose n digits are at rows row and up from the address in base. Nothing
// is known of it before [Number.Assume] or a store.
func (k *Kernel) Number(name string, base Register, row, n int) *Number {
	if x := k.numbers[place{base, row}]; x != nil && x.n == n {
		return x
	}
	x := &Number{k: k, name: name, base: base, row: row, n: n}
	for i := range n {
		p := place{base, row + i}
		if k.numbers[p] != nil {
			k.fail("%s overlaps %s", name, k.numbers[p].name)
		}
		k.numbers[p] = x
	}
	return x
}

// Rows is n numbers of d digits each, one after the other from row on.
func (k *Kernel) Rows(name string, base Register, row, d, n int) []*Number {
	xs := make([]*Number, n)
	for i := range xs {
		xs[i] = k.Number(fmt.Sprint(name, i), base, row+d*i, d)
	}
	return xs
}

// ConstantNumber is x as a number of n digits, the same in all lanes.
func ConstantNumber(n int, x *big.Int) *Number {
	var digits []int64
	rest := new(big.Int).Set(x)
	for i := range n {
		d := rest
		if i < n-1 {
			d = new(big.Int).And(rest, bits(DigitBits).Hi)
		}
		digits = append(digits, d.Int64())
		rest = new(big.Int).Rsh(rest, DigitBits)
	}
	return ConstantDigits(digits...)
}

// ConstantDigits is the constant with these digits, which may be negative.
func ConstantDigits(digits ...int64) *Number {
	x := &Number{name: "constant", n: len(digits), constant: digits, known: true}
	value := new(big.Int)
	for i, d := range digits {
		x.bounds.Digits = append(x.bounds.Digits, Digit{Interval: Exactly(Int(d))})
		value.Add(value, Exactly(Int(d)).shl(DigitBits*i).Lo)
	}
	x.bounds.Value = Exactly(value)
	return x
}

// Assume declares the bounds of the number before the kernel, or at the beginning of a loop.
func (x *Number) Assume(b Bounds) *Number {
	if len(b.Digits) != x.n {
		x.fail("bounds for %d digits", len(b.Digits))
	}
	x.bounds, x.known = b, true
	return x
}

// Bounds returns the bounds of the number. It panics if nothing is known.
func (x *Number) Bounds() Bounds {
	if !x.known {
		x.fail("nothing is known of it")
	}
	return x.bounds
}

// Ensure panics if the number can be outside of b.
func (x *Number) Ensure(b Bounds) {
	known := x.Bounds()
	if !known.Value.in(b.Value) {
		x.fail("its value is in %v, which is not in the declared %v", known.Value, b.Value)
	}
	for i, d := range known.Digits {
		if !d.in(b.Digits[i].Interval) {
			x.fail("digit %d is in %v, which is not in the declared %v", i, d.Interval, b.Digits[i].Interval)
		}
		if d.Raw && !b.Digits[i].Raw {
			x.fail("digit %d is raw", i)
		}
	}
}

func (x *Number) fail(format string, args ...any) {
	s := fmt.Sprintf("%s: "+format, append([]any{x.name}, args...)...)
	if x.k != nil {
		x.k.fail("%s", s)
	}
	panic(s)
}

// Word is a number of 64 bits in each lane, in a register or in memory.
type Word struct {
	digit Digit
	mem   Mem
	inMem bool
	small bool // mem is one number for all lanes
	at    place
	z     VecPhysical // while the instructions that use it are written
}

// word is digit i of x, in memory.
func (x *Number) word(i int) *Word {
	w := &Word{digit: x.Bounds().Digits[i], inMem: true}
	if x.base == nil {
		w.mem, w.small = constantMem(uint64(x.constant[i])), true
	} else {
		w.mem, w.at = Mem{Base: x.base, Disp: 64 * (x.row + i)}, place{x.base, x.row + i}
	}
	return w
}

// Load loads digit i of x into a register, which [Stream.Free] frees.
func (s *Stream) Load(x *Number, i int) *Word {
	m := x.word(i)
	w := &Word{digit: m.digit}
	s.add(op{reads: []*Word{m}, writes: w, get: 1, write: func() {
		w.z = s.k.Get()
		if m.small {
			VPBROADCASTQ(m.mem, w.z)
		} else {
			VMOVDQU64(m.mem, w.z)
		}
	}})
	return w
}

// Free gives the register of w back.
func (s *Stream) Free(w *Word) { s.add(op{put: 1, write: func() { s.k.Put(w.z) }}) }

// zero begins a word with 0.
func (s *Stream) zero(w *Word) {
	s.add(op{writes: w, get: 1, write: func() { w.z = s.k.Get(); VPXORQ(w.z, w.z, w.z) }})
}

// change adds an instruction that changes w, and may read others.
func (s *Stream) change(w *Word, write func(), others ...*Word) {
	s.add(op{unit: alu, reads: append(others, w), writes: w, write: write})
}

// op writes a two-operand instruction with w as its source. masks may have a mask register.
func (w *Word) op(whole, broadcast func(...Op), dst VecPhysical, masks ...Op) {
	f := whole
	src := Op(w.z)
	if w.inMem {
		src = w.mem
		if w.small {
			f = broadcast
		}
	}
	f(append(append([]Op{src, dst}, masks...), dst)...)
}

// The constants of the file: each is eight bytes, which the instructions broadcast.
var (
	constants     []uint64
	constantsName = NewStaticSymbol("constants")
)

func constantMem(x uint64) Mem {
	i := 0
	for ; i < len(constants) && constants[i] != x; i++ {
	}
	if i == len(constants) {
		constants = append(constants, x)
	}
	return NewDataAddr(constantsName, 8*i)
}

// Constants writes the constants that the kernels use. It comes after the last of them.
func Constants() {
	if len(constants) == 0 {
		return
	}
	GLOBL(constantsName.Name, RODATA|NOPTR)
	for i, x := range constants {
		DATA(8*i, U64(x))
	}
}
