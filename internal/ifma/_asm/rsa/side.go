package rsa

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"

	"asynccrypto/internal/ifma/_asm/emit"
)

// The multiply-adds occupy two of a CPU's pipes and leave others idle, but other instructions only
// get there if they stand among the multiply-adds: in one lump they cost their full time. So all
// other code is queued here, instruction by instruction, and each multiply-add takes some of it
// along.
type sideline struct {
	queue []func()
	rate  float64 // instructions for each multiply-add
	due   float64
}

var side sideline

// sideRegs are the registers for queued code. Blocks do not use them.
var sideRegs = emit.Z[29:32]

// add queues instructions.
func (s *sideline) add(f ...func()) { s.queue = append(s.queue, f...) }

// spread plans to emit the whole queue along with the next n multiply-adds.
func (s *sideline) spread(n int) { s.rate, s.due = float64(len(s.queue))/float64(n), 0 }

// tick is called after each multiply-add.
func (s *sideline) tick() {
	for s.due += s.rate; s.due >= 1 && len(s.queue) > 0; s.due-- {
		s.next()
	}
}

// drain emits the rest of the queue.
func (s *sideline) drain() {
	for len(s.queue) > 0 {
		s.next()
	}
}

func (s *sideline) next() {
	s.queue[0]()
	s.queue = s.queue[1:]
}

// low and high are the multiply-adds: r += the low or high 52 bits of x·y.
func low(x Op, y, r Register) {
	VPMADD52LUQ(x, y, r)
	side.tick()
}

func high(x Op, y, r Register) {
	VPMADD52HUQ(x, y, r)
	side.tick()
}
