package emit

import (
	"math/big"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

// Accumulator is a number in registers: the sum of its columns, column i times 2^(52·i). A
// column is a word of 64 bits, signed or not, whichever its interval needs. So there is room
// for sums of digits, which a carry makes digits again.
//
// The value has an interval of its own. That of each column follows from it and from the other
// columns, and the reverse, so both get narrower.
type Accumulator struct {
	s     *Stream
	cols  map[int]*Word
	first map[int]int64 // the first values of columns that have not begun
	value Interval
}

// Accumulator begins with the number 0.
func (s *Stream) Accumulator() *Accumulator {
	return &Accumulator{s: s, cols: make(map[int]*Word), first: make(map[int]int64), value: Exactly(Int(0))}
}

// Sum begins with x.
func (s *Stream) Sum(x *Number) *Accumulator {
	a := s.Accumulator()
	for i := range x.n {
		w := s.Load(x, i)
		if w.digit.Raw {
			x.fail("digit %d is raw and cannot be added", i)
		}
		a.cols[i] = w
	}
	a.value = x.Bounds().Value
	return a
}

// Value is the interval of the number.
func (a *Accumulator) Value() Interval { return a.value }

// column is column i, which begins with 0.
func (a *Accumulator) column(i int) *Word {
	c := a.cols[i]
	if c == nil {
		if x := a.first[i]; x != 0 {
			delete(a.first, i)
			a.cols[i] = a.s.Load(ConstantDigits(x), 0)
			return a.cols[i]
		}
		c = &Word{digit: Digit{Interval: Exactly(Int(0))}}
		a.cols[i] = c
		a.s.zero(c)
	}
	if c.digit.Raw {
		a.s.k.fail("column %d was carried already", i)
	}
	return c
}

// begin has column i, which has not begun, begin with x. A constant costs nothing there.
func (a *Accumulator) begin(i int, x int64) {
	if a.cols[i] != nil {
		a.s.k.fail("column %d has begun", i)
	}
	if a.first[i] += x; a.first[i] == 0 {
		delete(a.first, i)
	}
	a.value = a.value.plus(Exactly(Int(x)).shl(DigitBits * i))
}

// set sets the interval of column i. It panics if that does not fit in 64 bits.
func (a *Accumulator) set(i int, in Interval) {
	a.cols[i].digit.Interval = a.s.fits(in, "column", i)
}

var signed = Interval{new(big.Int).Neg(Pow2(63)), Sub(Pow2(63), Int(1))}

// fits panics if a number can be too large or too small for a word of 64 bits.
func (s *Stream) fits(in Interval, what string, i int) Interval {
	if !in.in(signed) && !in.in(bits(64)) {
		s.k.fail("%s %d can overflow: it is in %v", what, i, in)
	}
	return in
}

// tighten narrows the interval of the value by those of the columns, and the reverse.
func (a *Accumulator) tighten() {
	sum := Exactly(Int(0))
	for i, c := range a.cols {
		sum = sum.plus(c.digit.Interval.shl(DigitBits * i))
	}
	for i, x := range a.first {
		sum = sum.plus(Exactly(Int(x)).shl(DigitBits * i))
	}
	a.value = a.meet(a.value, sum)
	for i, c := range a.cols {
		own := c.digit.Interval.shl(DigitBits * i)
		others := Interval{Sub(sum.Lo, own.Lo), Sub(sum.Hi, own.Hi)}
		c.digit.Interval = a.meet(c.digit.Interval, a.value.minus(others).inside(DigitBits*i))
	}
}

func (a *Accumulator) meet(x, y Interval) Interval {
	z := x.and(y)
	if z.empty() {
		a.s.k.fail("contradiction: in %v and in %v", x, y)
	}
	return z
}

// factor panics if a word can have bits that IFMA drops.
func (s *Stream) factor(w *Word) Interval {
	if !w.digit.in(bits(DigitBits)) {
		s.k.fail("a factor is in %v, but IFMA takes 52 bits", w.digit.Interval)
	}
	return w.digit.Interval
}

// MulAdd adds x·y·2^(52·i). x is in a register.
func (a *Accumulator) MulAdd(x, y *Word, i int) {
	value := a.value
	a.low(x, y, i)
	a.high(x, y, i)
	a.value = value.plus(x.digit.times(y.digit.Interval).shl(DigitBits * i))
}

// low adds the low 52 bits of x·y to column i.
func (a *Accumulator) low(x, y *Word, i int) {
	in := a.s.factor(x).times(a.s.factor(y))
	if in.Hi.BitLen() > DigitBits {
		in = bits(DigitBits)
	}
	a.half(VPMADD52LUQ, VPMADD52LUQ_BCST, x, y, i, in)
}

// high adds the other bits of x·y to column i+1.
func (a *Accumulator) high(x, y *Word, i int) {
	a.half(VPMADD52HUQ, VPMADD52HUQ_BCST, x, y, i+1, a.s.factor(x).times(a.s.factor(y)).shr(DigitBits))
}

func (a *Accumulator) half(whole, broadcast func(...Op), x, y *Word, i int, in Interval) {
	if in.Hi.Sign() == 0 {
		return
	}
	c := a.column(i)
	a.set(i, c.digit.Interval.plus(in))
	a.value = a.value.plus(in.shl(DigitBits * i))
	a.s.add(op{unit: ifma, reads: []*Word{x, y, c}, writes: c, write: func() { y.ifma(whole, broadcast, x.z, c.z) }})
}

func (y *Word) ifma(whole, broadcast func(...Op), x, c VecPhysical) {
	switch {
	case y.small:
		broadcast(y.mem, x, c)
	case y.inMem:
		whole(y.mem, x, c)
	default:
		whole(y.z, x, c)
	}
}

// MulAddConstant adds x·c·2^(52·i).
func (a *Accumulator) MulAddConstant(x *Word, c uint64, i int) {
	a.MulAdd(x, ConstantDigits(int64(c)).word(0), i)
}

// Term is Factor·2^(52·Column).
type Term struct {
	Column int
	Factor int64
}

// Reduce takes column i away. The bits above the 52nd are carried to the next column, and the
// digit below them is multiplied by the terms and added. IFMA cannot subtract: where a factor
// is negative, 2^52-1 less the digit is multiplied by its absolute value, and the surplus must
// have been taken away before, by [Accumulator.InitTimes].
func (a *Accumulator) Reduce(i int, terms ...Term) {
	digit, carry := a.split(i)
	a.addTimes(digit, terms, carry)
	a.s.Free(digit)
}

// AddTimes adds x times the sum of the terms, as [Accumulator.Reduce] does.
func (a *Accumulator) AddTimes(x *Word, terms ...Term) { a.addTimes(x, terms, func() {}) }

// addTimes is AddTimes. It calls carry among the instructions.
func (a *Accumulator) addTimes(x *Word, terms []Term, carry func()) {
	s := a.s
	value, sum := a.value, Exactly(Int(0))
	var complement *Word
	factors := make([]*Word, len(terms))
	for i, t := range terms {
		at := DigitBits * t.Column
		sum = sum.plus(Exactly(Int(t.Factor)).shl(at))
		factors[i] = x
		if t.Factor >= 0 {
			continue
		}
		if complement == nil {
			complement = &Word{digit: Digit{Exactly(bits(DigitBits).Hi).minus(s.factor(x)), x.digit.Raw}}
			ones := ConstantDigits(1<<DigitBits - 1).word(0)
			s.add(op{unit: alu, reads: []*Word{x}, writes: complement, get: 1, write: func() {
				complement.z = s.k.Get()
				VPXORQ_BCST(ones.mem, x.z, complement.z)
			}})
		}
		factors[i] = complement
		value = value.plus(Exactly(Times(-t.Factor, bits(DigitBits).Hi)).shl(at))
	}
	constant := func(t Term) *Word { return ConstantDigits(max(t.Factor, -t.Factor)).word(0) }
	for i, t := range terms {
		a.low(factors[i], constant(t), t.Column)
	}
	carry()
	for i, t := range terms {
		a.high(factors[i], constant(t), t.Column)
	}
	if complement != nil {
		s.Free(complement)
	}
	a.value = value.plus(x.digit.times(sum))
	a.tighten()
}

// InitTimes prepares the columns for an [Accumulator.AddTimes] with these terms.
func (a *Accumulator) InitTimes(terms ...Term) {
	for _, t := range terms {
		if t.Factor < 0 { // (2^52-1)·t
			a.begin(t.Column, -t.Factor)
			a.begin(t.Column+1, t.Factor)
		}
	}
}

// AddProduct adds x·y.
func (a *Accumulator) AddProduct(x, y *Number) { a.AddProducts(nil, [2]*Number{x, y}) }

// AddProducts adds the products of some pairs. It calls row, which may be nil, after digit i of
// the first factors. Column i is complete then, so a reduction can take it away before the
// products end. That takes fewer registers.
func (a *Accumulator) AddProducts(row func(i int), pairs ...[2]*Number) {
	total := a.value
	for _, p := range pairs {
		total = total.plus(p[0].Bounds().Value.times(p[1].Bounds().Value))
	}
	for i := range pairs[0][0].n {
		for _, p := range pairs {
			x, y := p[0], p[1]
			before, xi := a.value, a.s.Load(x, i)
			a.addRow(xi, y, 0, i)
			a.s.Free(xi)
			a.value = before.plus(xi.digit.times(y.Bounds().Value).shl(DigitBits * i))
		}
		if row != nil {
			row(i)
		}
	}
	if row == nil {
		a.value = a.meet(a.value, total)
	}
	a.tighten()
}

// addRow adds x times the digits of y from one on, at column i and up. Each column gets a low
// half and a high one, and the second has to wait for the first. So the high halves come later.
func (a *Accumulator) addRow(x *Word, y *Number, from, i int) {
	const later = 2
	var loaded []*Word
	for j := from; j < y.n+later; j++ {
		if j < y.n {
			w := a.s.Load(y, j)
			loaded = append(loaded, w)
			a.low(x, w, i+j)
		}
		if n := j - from - later; n >= 0 && n < len(loaded) {
			a.high(x, loaded[n], i+j-later)
			a.s.Free(loaded[n])
		}
	}
}

// AddSquare adds x². The columns may have the numbers of [Accumulator.InitTimes] and nothing
// else. A product of two different digits is computed once, and all columns but the lowest and
// the highest are doubled after that. So these begin with half of their first values, which
// must be even.
func (a *Accumulator) AddSquare(x *Number) {
	if len(a.cols) > 0 {
		a.s.k.fail("a square is added to a sum")
	}
	first := a.value
	for i, c := range a.first {
		if i == 0 || i == 2*x.n-1 {
			continue
		}
		if c%2 != 0 {
			a.s.k.fail("column %d of a square begins with an odd number", i)
		}
		a.first[i] = c / 2
		a.value = a.value.minus(Exactly(Int(c / 2)).shl(DigitBits * i))
	}
	for i := range x.n {
		xi := a.s.Load(x, i)
		a.addRow(xi, x, i+1, i)
		if i < x.n-1 {
			a.double(2*i + 1)
			a.double(2*i + 2)
		}
		a.MulAdd(xi, xi, 2*i)
		a.s.Free(xi)
	}
	a.value = a.meet(a.value, first.plus(x.Bounds().Value.square()))
	a.tighten()
}

// double doubles column i.
func (a *Accumulator) double(i int) {
	c := a.column(i)
	a.value = a.value.plus(c.digit.Interval.shl(DigitBits * i))
	a.set(i, c.digit.scale(2))
	a.s.change(c, func() { VPADDQ(c.z, c.z, c.z) })
}

// Scale multiplies by k, which is 2, 3, 4 or 8.
func (a *Accumulator) Scale(k int) {
	for i := range a.top() + 1 {
		c := a.column(i)
		a.set(i, c.digit.scale(int64(k)))
		switch k {
		case 2:
			a.s.change(c, func() { VPADDQ(c.z, c.z, c.z) })
		case 4, 8:
			a.s.change(c, func() { VPSLLQ(U8(k/4+1), c.z, c.z) }) // by 2 or 3
		case 3:
			t := &Word{}
			a.s.add(op{unit: alu, reads: []*Word{c}, writes: t, get: 1, write: func() { t.z = a.s.k.Get(); VPADDQ(c.z, c.z, t.z) }})
			a.s.change(c, func() { VPADDQ(t.z, c.z, c.z) }, t)
			a.s.Free(t)
		default:
			a.s.k.fail("scale %d", k)
		}
	}
	a.value = a.value.scale(int64(k))
	a.tighten()
}

// top is the highest column.
func (a *Accumulator) top() int {
	top := -1
	for i := range a.cols {
		top = max(top, i)
	}
	return top
}

// Add adds x times, or subtracts it -times times.
func (a *Accumulator) Add(x *Number, times int) {
	a.addIn(x, times, nil)
	a.value = a.value.plus(x.Bounds().Value.scale(int64(times)))
	a.tighten()
}

// AddConstant adds x, which has n digits. All digits but the highest get lift·2^52 more than
// they have, and the next ones lift less, so that columns do not become negative in which
// others were subtracted.
func (a *Accumulator) AddConstant(x *big.Int, n int, lift int64) {
	digits := ConstantNumber(n, x).constant
	for i := range n - 1 {
		digits[i] += lift << DigitBits
		digits[i+1] -= lift
	}
	a.Add(ConstantDigits(digits...), 1)
}

// AddSub adds x in the lanes of plus and subtracts it in those of minus, which are all others. The
// masks may be secret, so x is loaded whole.
func (a *Accumulator) AddSub(plus, minus Register, x *Number) {
	value := a.value
	a.addIn(x, 1, plus)
	a.addIn(x, -1, minus)
	a.value = value.plus(x.Bounds().Value).or(value.minus(x.Bounds().Value))
	a.tighten()
}

func (a *Accumulator) addIn(x *Number, times int, mask Register) {
	s := a.s
	var masks []Op
	if mask != nil {
		masks = []Op{mask}
	}
	for i := range x.n {
		w := x.word(i)
		if w.digit.Raw {
			x.fail("digit %d is raw and cannot be added", i)
		}
		if x.base == nil && x.constant[i] == 0 {
			continue
		}
		c := a.column(i)
		if mask != nil {
			w = s.Load(x, i)
		}
		for range max(times, -times) {
			if times > 0 {
				s.change(c, func() { w.op(VPADDQ, VPADDQ_BCST, c.z, masks...) }, w)
			} else {
				s.change(c, func() { w.op(VPSUBQ, VPSUBQ_BCST, c.z, masks...) }, w)
			}
		}
		sum := c.digit.plus(w.digit.scale(int64(times)))
		if mask != nil {
			sum = sum.or(c.digit.Interval)
			s.Free(w)
		}
		a.set(i, sum)
	}
}

// From returns x - y for the number y, which stays, and a constant x.
func (a *Accumulator) From(x *Number) *Accumulator {
	s := a.s
	b := s.Accumulator()
	for i := range x.n {
		c, from := a.column(i), s.Load(x, i)
		b.cols[i] = from
		b.set(i, from.digit.minus(c.digit.Interval))
		s.change(from, func() { VPSUBQ(c.z, from.z, from.z) }, c)
	}
	b.value = x.Bounds().Value.minus(a.value)
	b.tighten()
	return b
}

// SubtractFrom replaces the number y by x - y, for a constant x.
func (a *Accumulator) SubtractFrom(x *Number) {
	b := a.From(x)
	for i := range x.n {
		a.s.Free(a.cols[i])
	}
	*a = *b
}

// NegateIn negates the number in the lanes of mask.
func (a *Accumulator) NegateIn(mask Register) {
	s := a.s
	zero := &Word{}
	s.zero(zero)
	for i := range a.top() + 1 {
		c := a.column(i)
		a.set(i, c.digit.or(c.digit.scale(-1)))
		s.change(c, func() { VPSUBQ(c.z, zero.z, mask, c.z) })
	}
	s.Free(zero)
	a.value = a.value.or(a.value.scale(-1))
}

// shiftRight writes c>>n to a register, with or without regard to the sign as the interval
// needs.
func (s *Stream) shiftRight(n int, c *Word) *Word {
	q := &Word{digit: Digit{Interval: c.digit.shr(n)}}
	logical := !c.digit.negative()
	s.add(op{unit: alu, reads: []*Word{c}, writes: q, get: 1, write: func() {
		q.z = s.k.Get()
		if logical {
			VPSRLQ(U8(n), c.z, q.z)
		} else {
			VPSRAQ(U8(n), c.z, q.z)
		}
	}})
	return q
}

// carry adds the bits of column i above the 52nd to the next column. The value stays. The
// column is raw after that, and no column for the other methods: the caller masks it or takes
// it away.
func (a *Accumulator) carry(i int) {
	c := a.column(i)
	if c.digit.in(bits(DigitBits)) {
		return
	}
	a.addCarry(i+1, a.s.shiftRight(DigitBits, c))
	c.digit = Digit{Interval: bits(DigitBits), Raw: true}
}

// Take takes column i away. It carries the bits above the 52nd and returns the digit below
// them, which may be raw. [Stream.Free] frees it.
func (a *Accumulator) Take(i int) *Word {
	digit, carry := a.split(i)
	carry()
	a.tighten()
	return digit
}

// split takes column i away. It returns the digit, and a function that adds the rest to the
// next column.
func (a *Accumulator) split(i int) (digit *Word, carry func()) {
	a.tighten()
	c := a.column(i)
	delete(a.cols, i)
	if c.digit.in(bits(DigitBits)) {
		a.value = a.value.minus(c.digit.Interval.shl(DigitBits * i))
		return c, func() {}
	}
	a.value = a.value.minus(bits(DigitBits).shl(DigitBits * i))
	q := a.s.shiftRight(DigitBits, c)
	c.digit = Digit{Interval: bits(DigitBits), Raw: true}
	return c, func() { a.addCarry(i+1, q) }
}

// addCarry adds q, which the value has already, to column i, and frees it.
func (a *Accumulator) addCarry(i int, q *Word) {
	next := a.column(i)
	a.set(i, next.digit.plus(q.digit.Interval))
	a.s.change(next, func() { VPADDQ(q.z, next.z, next.z) }, q)
	a.s.Free(q)
}

// Low returns the low 52 bits of column i, which stays, as a raw word. There is nothing to
// free.
func (a *Accumulator) Low(i int) *Word {
	c, low := a.column(i), &Word{digit: Digit{Interval: bits(DigitBits), Raw: true}}
	a.s.add(op{reads: []*Word{c}, writes: low, write: func() { low.z = c.z }})
	return low
}

// TimesLow returns the low 52 bits of x·c as a raw word. It takes one IFMA.
func (s *Stream) TimesLow(x *Word, c uint64) *Word {
	s.factor(x)
	m := &Word{digit: Digit{Interval: bits(DigitBits), Raw: true}}
	factor := ConstantDigits(int64(c)).word(0)
	s.zero(m)
	s.add(op{unit: ifma, reads: []*Word{x, m}, writes: m, write: func() { VPMADD52LUQ_BCST(factor.mem, x.z, m.z) }})
	return m
}

// Divide divides by 2^(52·n): the columns below n must have been taken away.
func (a *Accumulator) Divide(n int) {
	if len(a.first) > 0 {
		a.s.k.fail("a column has not begun")
	}
	cols := make(map[int]*Word)
	for i, c := range a.cols {
		if i < n {
			a.s.k.fail("column %d is still there", i)
		}
		cols[i-n] = c
	}
	a.cols, a.value = cols, a.value.inside(DigitBits*n)
	a.tighten()
}

// Drop takes column i away, which a carry has to leave with low 52 bits that are all 0, as the
// caller knows: a multiple of the modulus was added for that.
func (a *Accumulator) Drop(i int) {
	a.tighten()
	a.carry(i)
	c := a.cols[i]
	delete(a.cols, i)
	a.s.Free(c)
	a.tighten()
}

// Power is Sign·2^Shift in a column.
type Power struct {
	Sign   int
	Column int
	Shift  int
}

// mostParts bounds for how many values of the bits on top Fold looks at each alone.
const mostParts = 1 << 16

// Fold takes away the bits of the highest column from bit n of it on, which are a number q, and
// adds q times the sum of the powers. If that sum is 2^n·2^(52·column) modulo p, the number
// stays the same modulo p and becomes smaller.
func (a *Accumulator) Fold(n int, powers ...Power) {
	by := new(big.Int)
	for _, p := range powers {
		by.Add(by, Times(int64(p.Sign), Pow2(DigitBits*p.Column+p.Shift)))
	}
	s := a.s
	a.fold(n, by, func(q *Word) {
		for _, p := range powers {
			c := a.column(p.Column)
			t := q
			if p.Shift > 0 {
				t = &Word{digit: Digit{Interval: s.fits(q.digit.shl(p.Shift), "a shifted word for column", p.Column)}}
				s.add(op{unit: alu, reads: []*Word{q}, writes: t, get: 1, write: func() { t.z = s.k.Get(); VPSLLQ(U8(p.Shift), q.z, t.z) }})
			}
			a.set(p.Column, c.digit.plus(t.digit.scale(int64(p.Sign))))
			s.change(c, func() {
				if p.Sign > 0 {
					VPADDQ(t.z, c.z, c.z)
				} else {
					VPSUBQ(t.z, c.z, c.z)
				}
			}, t)
			if t != q {
				s.Free(t)
			}
		}
	})
}

// FoldTimes is Fold for a number c that is no sum of few powers. q must not be negative.
func (a *Accumulator) FoldTimes(n int, c uint64) {
	a.fold(n, new(big.Int).SetUint64(c), func(q *Word) { a.MulAddConstant(q, c, 0) })
}

func (a *Accumulator) fold(n int, by *big.Int, add func(q *Word)) {
	a.tighten()
	s, top := a.s, a.top()
	c := a.cols[top]
	before, high := a.value, c.digit.Interval
	low := Exactly(Int(0))
	for i, c := range a.cols {
		if i != top {
			low = low.plus(c.digit.Interval.shl(DigitBits * i))
		}
	}
	q := s.shiftRight(n, c)
	if Sub(q.digit.Hi, q.digit.Lo).Cmp(Int(mostParts)) > 0 {
		s.k.fail("fold: too many bits on top, %v", q.digit.Interval)
	}
	// The columns of the number and q depend on each other: where the low columns are negative,
	// q is not 0, and more is added for it. So each q is looked at alone.
	var value *Interval
	for x := q.digit.Lo; x.Cmp(q.digit.Hi) <= 0; x = Add(x, Int(1)) {
		bitsAbove := Exactly(x).shl(n)
		part := bits(n).and(high.minus(bitsAbove))
		if part.empty() {
			continue
		}
		v := before.minus(bitsAbove.shl(DigitBits * top)).and(low.plus(part.shl(DigitBits * top)))
		if v.empty() {
			continue
		}
		v = v.plus(Exactly(new(big.Int).Mul(x, by)))
		if value != nil {
			v = v.or(*value)
		}
		value = &v
	}
	if value == nil {
		s.k.fail("fold: contradiction")
	}
	if !c.digit.in(bits(n)) {
		mask := ConstantDigits(int64(bits(n).Hi.Uint64())).word(0)
		a.set(top, bits(n))
		s.change(c, func() { VPANDQ_BCST(mask.mem, c.z, c.z) })
	}
	add(q)
	s.Free(q)
	a.value = *value
	a.tighten()
}

// Finish says how an accumulator is stored.
type Finish struct {
	// Raw leaves the bits above the 52nd in all words but the highest. It saves an instruction
	// a digit where the number is only a factor.
	Raw bool
	// Keep, if not nil, has the lanes in which dst stays as it is. They may be secret, so dst is
	// loaded whole: the time of a load under a mask may depend on the mask.
	Keep Register
}

// Store carries the columns and stores the number. Nothing is left of the accumulator.
func (a *Accumulator) Store(dst *Number, f Finish) {
	s, n := a.s, dst.n
	if a.top() >= n {
		dst.fail("column %d is stored in %d digits", a.top(), n)
	}
	a.tighten()
	mask := ConstantDigits(1<<DigitBits - 1).word(0)
	bounds := Bounds{Digits: make([]Digit, n)}
	for i := range n {
		c := a.column(i)
		if i < n-1 {
			a.carry(i)
			if c.digit.Raw && !f.Raw {
				c.digit.Raw = false
				s.change(c, func() { VPANDQ_BCST(mask.mem, c.z, c.z) })
			}
		}
		if i == n-1 {
			a.tighten() // the interval of the highest column follows from the value
		}
		to := Mem{Base: dst.base, Disp: 64 * (dst.row + i)}
		at := place{dst.base, dst.row + i}
		if f.Keep != nil {
			old := s.Load(dst, i)
			s.change(c, func() { VMOVDQA64(old.z, f.Keep, c.z) }, old)
			s.Free(old)
		}
		s.add(op{reads: []*Word{c}, store: &at, write: func() { VMOVDQU64(c.z, to) }})
		s.Free(c)
		bounds.Digits[i] = c.digit
	}
	bounds.Value = a.value
	if f.Keep != nil {
		old := dst.Bounds()
		bounds.Value = bounds.Value.or(old.Value)
		for i, d := range old.Digits {
			bounds.Digits[i] = Digit{bounds.Digits[i].or(d.Interval), bounds.Digits[i].Raw || d.Raw}
		}
	}
	dst.Assume(bounds)
	a.cols = nil
}
