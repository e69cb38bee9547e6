package emit

import (
	"fmt"
	"os"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

// Kernel is a function of assembly under construction.
//
// The instructions come from streams, each of which computes a number and stores it. Streams
// are built one after the other, and each can load the numbers that those before it stored.
// [Kernel.Run] writes them interleaved. The bounds are checked while a stream is built: each
// register and each number in memory has an interval in which it lies for all inputs that are
// as declared.
type Kernel struct {
	name    string
	free    []VecPhysical
	least   int // free registers at the most crowded place
	numbers map[place]*Number
	built   []*Stream // not written yet
	ifmas   int       // instructions, and those beside them that are no loads or stores
	alus    int
	labels  int
}

// place is a word of memory: a row of 64 bytes from the address in a register on.
type place struct {
	base Register
	row  int
}

// Report has [Kernel.End] print how many instructions each kernel has, of those that multiply
// and of the others, and how many registers are free at the most crowded place.
var Report = os.Getenv("REPORT") != ""

// Begin begins a kernel.
func Begin(name, signature string, doc ...string) *Kernel {
	TEXT(name, NOSPLIT, signature)
	Doc(doc...)
	Pragma("noescape")
	return &Kernel{name: name, free: Z[:], least: len(Z), numbers: make(map[place]*Number)}
}

// Pointer loads an argument.
func (k *Kernel) Pointer(name string) Register { return Load(Param(name), GP64()) }

// Mask loads an argument that selects lanes into a mask register.
func (k *Kernel) Mask(name string, mask Register) Register {
	KMOVQ(k.Pointer(name), mask)
	return mask
}

// End ends the kernel. It leaves nothing in the vector and mask registers.
func (k *Kernel) End() {
	if len(k.built) > 0 {
		k.fail("a stream was built and never run")
	}
	if n := len(k.free); n != len(Z) {
		k.fail("%d registers are still in use", len(Z)-n)
	}
	Leave()
	if Report {
		fmt.Fprintf(os.Stderr, "%-18s IFMA %4d ALU %4d free %d\n", k.name, k.ifmas, k.alus, k.least)
	}
}

func (k *Kernel) fail(format string, args ...any) {
	panic(fmt.Sprintf("%s: "+format, append([]any{k.name}, args...)...))
}

// Get takes a vector register out of the pool.
func (k *Kernel) Get() VecPhysical {
	if len(k.free) == 0 {
		k.fail("all vector registers are in use")
	}
	r := k.free[0]
	k.free = k.free[1:]
	k.least = min(k.least, len(k.free))
	return r
}

// Put gives registers back to the pool.
func (k *Kernel) Put(rs ...VecPhysical) { k.free = append(k.free[:len(k.free):len(k.free)], rs...) }

// Invariant is a statement about a number that holds at the beginning of each pass of a loop.
type Invariant struct {
	Number *Number
	Bounds Bounds
}

// Loop repeats the instructions of body n times, at least once. Of numbers in memory, body may
// rely on the bounds of the invariants and no others, and must restore these. They hold after
// the loop.
func (k *Kernel) Loop(n Register, body func(), invariants ...Invariant) {
	k.settle(invariants)
	k.labels++
	label := fmt.Sprintf("again%d", k.labels)
	Label(label)
	body()
	k.settle(invariants)
	DECQ(n)
	JNZ(LabelRef(label))
}

// settle checks that the invariants hold and forgets everything else about memory.
func (k *Kernel) settle(invariants []Invariant) {
	if len(k.built) > 0 {
		k.fail("a stream was built and not run before a loop")
	}
	for _, i := range invariants {
		i.Number.Ensure(i.Bounds)
	}
	for _, n := range k.numbers {
		n.known = false
	}
	for _, i := range invariants {
		i.Number.Assume(i.Bounds)
	}
}
