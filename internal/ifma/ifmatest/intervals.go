package ifmatest

import (
	"fmt"
	"math"
	"math/bits"
	"os"
	"strconv"
	"strings"

	"asynccrypto/internal/ifma"
)

// This file runs the assembly of a kernel on intervals instead of numbers. Each word of memory and
// each vector register holds the least and the greatest number that any lane may have there. So one
// run shows for all inputs that
//
//   - no sum leaves the 64 bits of a lane;
//   - the multiply-adds, which ignore all bits of a factor above the 52nd, ignore none but those that
//     a shift takes as a carry;
//   - no result depends on scratch that the kernel has not written itself;
//   - every access is inside the memory that the kernel was given, and is aligned with its words;
//   - no branch and no address depends on a number: there is no instruction by which one could;
//   - the registers are empty in the end.
//
// It knows the instructions that the kernels use, and fails at any other.

// Interval holds all numbers from Low to High.
type Interval struct{ Low, High int64 }

// Digit is the interval of the digits that the multiply-adds take.
var Digit = Interval{0, ifma.DigitMask}

// value is the content of a word of memory or a register. A value never changes but for carried, so
// copies of it share a pointer.
type value struct {
	Interval
	unset   bool   // depends on scratch that was not written
	carried bool   // its bits above a digit were taken as a carry
	before  *value // the value to which a multiply-add added, giving this one
}

// Memory is the memory behind an argument of a kernel.
type Memory struct {
	name  string
	words []*value
	from  int // the word that the argument points to
}

// NewMemory returns memory of n words with numbers of an interval.
func NewMemory(name string, n int, i Interval) *Memory {
	m := NewScratch(name, n)
	m.Set(0, n, i)
	return m
}

// NewScratch returns memory of n words that hold nothing that the kernel may use.
func NewScratch(name string, n int) *Memory {
	m := &Memory{name: name, words: make([]*value, n)}
	for i := range m.words {
		m.words[i] = &value{unset: true}
	}
	return m
}

// Set puts numbers of an interval into the words from first on, before word end.
func (m *Memory) Set(first, end int, i Interval) {
	for w := first; w < end; w++ {
		m.words[m.from+w] = &value{Interval: i}
	}
}

// From returns the same memory, for an argument that points to word i.
func (m *Memory) From(i int) *Memory { return &Memory{m.name, m.words, m.from + i} }

// Within reports whether n words hold nothing but numbers of an interval.
func (m *Memory) Within(n int, i Interval) bool {
	for _, v := range m.words[m.from:][:n] {
		if v.unset || v.Low < i.Low || v.High > i.High {
			return false
		}
	}
	return true
}

// Kernel is the assembly of a function.
type Kernel struct {
	code   []instruction
	labels map[string]int
}

type instruction struct {
	line int
	op   string
	args []operand
}

// operand is a register, a number, a label, an argument of the function, or memory.
type operand struct {
	text string
	mem  bool // disp(reg), or name+disp(FP)
	reg  string
	disp int
}

// ReadKernels reads the functions of a file that avo has written.
func ReadKernels(file string) (map[string]*Kernel, error) {
	src, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	all := make(map[string]*Kernel)
	var k *Kernel
	for i, line := range strings.Split(string(src), "\n") {
		line, _, _ = strings.Cut(line, "//")
		line = strings.TrimSpace(line)
		op, rest, _ := strings.Cut(line, " ")
		switch {
		case op == "TEXT":
			name, _, _ := strings.Cut(strings.TrimPrefix(strings.TrimSpace(rest), "·"), "(")
			k = &Kernel{labels: make(map[string]int)}
			all[name] = k
		case k == nil || op == "" || op == "PCALIGN":
		case strings.HasSuffix(op, ":"):
			k.labels[strings.TrimSuffix(op, ":")] = len(k.code)
		default:
			in := instruction{line: i + 1, op: op}
			for _, a := range strings.Split(rest, ",") {
				if a = strings.TrimSpace(a); a == "" {
					continue
				}
				o, err := parseOperand(a)
				if err != nil {
					return nil, fmt.Errorf("%s:%d: %w", file, i+1, err)
				}
				in.args = append(in.args, o)
			}
			k.code = append(k.code, in)
		}
	}
	return all, nil
}

func parseOperand(s string) (o operand, err error) {
	o = operand{text: s, reg: s}
	number := func(s string) (n int) {
		var u uint64
		if u, err = strconv.ParseUint(strings.TrimLeft(s, "$+-"), 0, 64); strings.Contains(s, "-") {
			return -int(u)
		}
		return int(u)
	}
	if strings.HasPrefix(s, "$") {
		o.disp = number(s)
		return o, err
	}
	before, reg, mem := strings.Cut(s, "(")
	if !mem {
		return o, nil
	}
	o.mem, o.reg = true, strings.TrimSuffix(reg, ")")
	if o.reg == "FP" {
		o.text, _, _ = strings.Cut(before, "+")
	} else if before != "" {
		o.disp = number(before)
	}
	return o, err
}

// scalar is the content of a general register: a number, or a pointer.
type scalar struct {
	mem *Memory
	n   int // the number, or bytes from the beginning of mem
}

// machine is the state of a run.
type machine struct {
	args     map[string]any
	scalars  map[string]scalar
	vectors  map[string]*value
	masks    map[string]bool // masks that may select a lane
	result   *scalar         // of the last operation that sets the flags, if it is a number
	factors  map[*value]int  // factors above a digit, and the line of their first use
	greatest int64
}

// failure is the value with which the machine's methods panic.
type failure string

func fail(format string, a ...any) { panic(failure(fmt.Sprintf(format, a...))) }

// Run runs the kernel. An argument is a *Memory or an int. It returns the greatest absolute value
// that a lane may have on the way.
func (k *Kernel) Run(args map[string]any) (greatest int64, err error) {
	m := &machine{
		args: args, scalars: make(map[string]scalar), vectors: make(map[string]*value), masks: make(map[string]bool),
		factors: make(map[*value]int),
	}
	var in instruction
	defer func() {
		if f, ok := recover().(failure); ok {
			err = fmt.Errorf("line %d: %s: %s", in.line, in.op, string(f))
		}
	}()
	for at := 0; ; {
		if at >= len(k.code) {
			fail("the code ends without RET")
		}
		in = k.code[at]
		at++
		switch in.op {
		case "RET":
			m.end()
			return m.greatest, nil
		case "JMP", "JNZ", "JZ", "JG":
			if in.op != "JMP" && m.result == nil {
				fail("the flags come from no number")
			}
			if in.op == "JMP" || in.op == "JNZ" && m.result.n != 0 || in.op == "JZ" && m.result.n == 0 || in.op == "JG" && m.result.n > 0 {
				to, ok := k.labels[in.args[0].text]
				if !ok {
					fail("no label %s", in.args[0].text)
				}
				at = to
			}
		default:
			m.step(in)
		}
	}
}

// end checks what must hold at the end.
func (m *machine) end() {
	for r, v := range m.vectors {
		if v.Interval != (Interval{}) || v.unset {
			fail("%s is not cleared", r)
		}
	}
	for r, set := range m.masks {
		if set {
			fail("%s is not cleared", r)
		}
	}
	for v, line := range m.factors {
		if !v.carried {
			fail("line %d ignores bits of a factor between %d and %d that no carry takes", line, v.Low, v.High)
		}
	}
}

func (m *machine) step(in instruction) {
	a := in.args
	last := len(a) - 1
	vector := func(i int) *value { return m.load(a[i]) }
	put := func(v *value) { m.store(a[last], v) }
	switch in.op {
	case "MOVQ":
		m.scalars[a[1].text] = m.scalar(a[0])
	case "LEAQ":
		p := m.scalars[a[0].reg]
		m.scalars[a[1].text] = scalar{p.mem, p.n + a[0].disp}
	case "ADDQ":
		m.advance(a[1], m.scalar(a[0]).n)
	case "SUBQ":
		m.advance(a[1], -m.scalar(a[0]).n)
	case "DECQ":
		m.advance(a[0], -1)
	case "XCHGQ":
		m.scalars[a[0].text], m.scalars[a[1].text] = m.scalars[a[1].text], m.scalars[a[0].text]
	case "VMOVDQU64", "VMOVDQA64":
		put(vector(0))
	case "VPXORQ":
		if a[0].text != a[1].text {
			fail("of different registers")
		}
		put(&value{})
	case "VPADDQ":
		put(m.sum(vector(1), vector(0).Interval, vector(0).unset))
	case "VPSUBQ":
		x := vector(0)
		put(m.sum(vector(1), Interval{-x.High, -x.Low}, x.unset))
	case "VPMADD52LUQ", "VPMADD52HUQ":
		x, y, old := m.factor(vector(0), in.line), m.factor(vector(1), in.line), vector(2)
		v := m.sum(old, product(x, y, in.op == "VPMADD52HUQ"), false)
		v.before = old
		put(v)
	case "VPANDQ":
		put(and(vector(0), vector(1)))
	case "VPANDNQ":
		x := vector(1)
		put(and(vector(0), &value{Interval: Interval{^x.High, ^x.Low}, unset: x.unset}))
	case "VPTERNLOGQ":
		switch {
		case a[0].disp == 0xff: // all ones
			put(&value{Interval: Interval{-1, -1}})
		case a[0].disp == 0xd8: // the second where the first, a mask for a lane, is set; elsewhere the third
			if x := vector(1); x.unset || x.Low < -1 || x.High > 0 {
				fail("by a number that is no mask")
			}
			put(either(vector(2), vector(3)))
		case a[0].disp == 0xf8: // or, of the third and the conjunction of the others
			put(or(vector(3), and(vector(1), vector(2))))
		case a[0].disp == 0xca && len(a) == 5: // bits of the first or the second; other lanes keep what they have
			put(either(or(vector(1), vector(2)), vector(last)))
		default:
			fail("unknown logic %#x", a[0].disp)
		}
	case "VPSRAQ":
		x := vector(1)
		if a[0].disp == ifma.DigitBits {
			x.carried = true
			if x.before != nil {
				x.before.carried = true
			}
		}
		put(&value{Interval: Interval{x.Low >> a[0].disp, x.High >> a[0].disp}, unset: x.unset})
	case "VPSRLQ":
		x := vector(1)
		if x.Low < 0 && x.Low != x.High {
			fail("of a number that may be below zero")
		}
		put(&value{Interval: Interval{int64(uint64(x.Low) >> a[0].disp), int64(uint64(x.High) >> a[0].disp)}, unset: x.unset})
	case "VPSLLQ":
		x := vector(1)
		if by := a[0].disp; x.Low < math.MinInt64>>by || x.High > math.MaxInt64>>by {
			fail("bits are lost")
		}
		put(&value{Interval: Interval{x.Low << a[0].disp, x.High << a[0].disp}, unset: x.unset})
	case "VPCMPEQQ", "VPTESTMQ", "VPTESTNMQ":
		if vector(0).unset || vector(1).unset {
			fail("a mask depends on scratch that was not written")
		}
		m.masks[a[last].text] = true
	case "VPMOVM2Q":
		put(&value{Interval: Interval{-1, 0}})
	case "KXORW":
		if a[0].text != a[1].text {
			fail("of different registers")
		}
		m.masks[a[2].text] = false
	case "VZEROALL":
		for i := range 16 {
			m.vectors[fmt.Sprint("Z", i)] = &value{}
		}
	default:
		fail("unknown instruction")
	}
}

func (m *machine) scalar(o operand) scalar {
	switch {
	case o.mem && o.reg == "FP":
		switch x := m.args[o.text].(type) {
		case *Memory:
			return scalar{x, 64 * x.from}
		case int:
			return scalar{n: x}
		}
		fail("no argument %s", o.text)
	case o.mem:
		fail("a number becomes an address or a count")
	case strings.HasPrefix(o.text, "$"):
		return scalar{n: o.disp}
	}
	s, ok := m.scalars[o.text]
	if !ok {
		fail("%s holds nothing", o.text)
	}
	return s
}

func (m *machine) advance(o operand, by int) {
	s := m.scalar(o)
	s.n += by
	m.scalars[o.text] = s
	m.result = nil
	if s.mem == nil {
		m.result = &s
	}
}

// word returns the word of memory that an operand names.
func (m *machine) word(o operand) **value {
	p, ok := m.scalars[o.reg]
	if !ok || p.mem == nil {
		fail("%s is no pointer", o.reg)
	}
	at := p.n + o.disp
	if at%64 != 0 {
		fail("byte %d of %s begins no word", at, p.mem.name)
	}
	if at < 0 || at/64 >= len(p.mem.words) {
		fail("word %d of %s is outside of its %d", at/64, p.mem.name, len(p.mem.words))
	}
	return &p.mem.words[at/64]
}

func (m *machine) load(o operand) *value {
	if o.mem {
		return *m.word(o)
	}
	v := m.vectors[o.text]
	if v == nil {
		return &value{unset: true}
	}
	return v
}

func (m *machine) store(o operand, v *value) {
	if o.mem {
		*m.word(o) = v
		return
	}
	m.vectors[o.text] = v
}

// sum returns v + x.
func (m *machine) sum(v *value, x Interval, unset bool) *value {
	s := &value{unset: v.unset || unset}
	if s.unset {
		return s
	}
	s.Low, s.High = v.Low+x.Low, v.High+x.High
	if (s.Low < v.Low) != (x.Low < 0) || (s.High < v.High) != (x.High < 0) {
		fail("the sum of numbers from %d to %d and from %d to %d leaves 64 bits", v.Low, v.High, x.Low, x.High)
	}
	m.greatest = max(m.greatest, s.High, -s.Low)
	return s
}

// factor returns the digit that a multiply-add makes of v. If v may be more than a digit, the rest
// must be carried.
func (m *machine) factor(v *value, line int) Interval {
	if v.unset {
		fail("a factor depends on scratch that was not written")
	}
	if v.Low >= 0 && v.High <= ifma.DigitMask {
		return v.Interval
	}
	if m.factors[v] == 0 {
		m.factors[v] = line
	}
	return Digit
}

// product returns the low or the high digit of a product of digits.
func product(x, y Interval, high bool) Interval {
	hiLow, low := bits.Mul64(uint64(x.Low), uint64(y.Low))
	hiHigh, highest := bits.Mul64(uint64(x.High), uint64(y.High))
	switch {
	case high:
		return Interval{int64(hiLow<<12 | low>>52), int64(hiHigh<<12 | highest>>52)}
	case hiHigh == 0 && highest <= ifma.DigitMask:
		return Interval{int64(low), int64(highest)}
	}
	return Digit
}

// either returns a number that is x or y.
func either(x, y *value) *value {
	return &value{Interval: Interval{min(x.Low, y.Low), max(x.High, y.High)}, unset: x.unset || y.unset}
}

// and returns the conjunction of numbers of which one is a mask: for a lane, which is all ones or
// zero, or for bits.
func and(x, y *value) *value {
	v := &value{unset: x.unset || y.unset}
	if v.unset {
		return v
	}
	for range 2 {
		bitMask := x.Low == x.High && x.Low >= 0 && x.Low&(x.Low+1) == 0
		switch {
		case bitMask && y.Low >= 0 && y.High <= x.High, x.Interval == Interval{-1, -1}:
			return y
		case bitMask:
			v.Interval = x.Interval
			v.Low = 0
			return v
		case x.Low >= -1 && x.High <= 0:
			v.Interval = Interval{min(y.Low, 0), max(y.High, 0)}
			return v
		}
		x, y = y, x
	}
	fail("none of the numbers is a mask")
	return nil
}

// or returns the disjunction of numbers that are not below zero.
func or(x, y *value) *value {
	v := &value{unset: x.unset || y.unset}
	if v.unset {
		return v
	}
	if x.Low < 0 || y.Low < 0 {
		fail("of a number that may be below zero")
	}
	v.High = 1<<bits.Len64(uint64(x.High|y.High)) - 1
	return v
}
