package difftest

import (
	"math/rand/v2"
	"slices"
)

// weights holds how often each step is tried outside jobs, in a job, and in a cleanup. A step
// that is not possible at that point costs only the try.
var weights = [numOps][3]int{
	OpNew:         {8, 3, 1},
	OpFree:        {12, 4, 2},
	OpSet:         {22, 22, 8},
	OpGet:         {8, 8, 8},
	OpClear:       {16, 14, 30},
	OpAll:         {5, 4, 6},
	OpChanged:     {12, 6, 6},
	OpSetCallback: {4, 4, 2},
	OpCallback:    {4, 4, 2},
	OpSetStatus:   {3, 3, 3},
	OpStatus:      {3, 3, 3},
	OpInit:        {4, 1, 1},
	OpCleanup:     {6, 0, 0},
	OpStart:       {20, 0, 2},
	OpResume:      {16, 0, 2},
	OpPause:       {1, 18, 4},
	OpBlock:       {1, 4, 2},
	OpUnblock:     {1, 7, 2},
	OpCurrent:     {2, 2, 1},
	OpWaitCtx:     {2, 1, 1},
	OpCapable:     {1, 1, 1},
	OpReturn:      {0, 8, 16},
}

var totals = func() (t [3]int) {
	for _, w := range weights {
		for i := range t {
			t[i] += w[i]
		}
	}
	return t
}()

// generator makes random scripts.
type generator struct {
	rng     *rand.Rand
	m       model
	outside bool // whether all steps must be outside jobs
}

// newScript makes a script of about n steps for a library of that version. With outside, as for
// the direct run, all of them are outside jobs.
func newScript(lib version, seed uint64, n int, outside bool) ([]Step, Counts) {
	g := generator{rng: rand.New(rand.NewPCG(seed, 0)), m: model{lib: lib}, outside: outside}
	steps := make([]Step, 0, n+32)
	for len(steps) < n {
		if s := g.step(); g.m.apply(s) {
			steps = append(steps, s)
		}
	}
	for g.m.inCleanup() || g.m.control != 0 || g.m.alive() > 0 || g.live() {
		s, _ := g.m.closing()
		if g.m.inCleanup() && g.rng.IntN(3) > 0 { // most contexts are freed in this loop
			s = g.step()
			if s.Op != OpGet && s.Op != OpClear && s.Op != OpAll && s.Op != OpChanged {
				continue
			}
		}
		if g.m.apply(s) {
			steps = append(steps, s)
		}
	}
	return g.m.closed(steps)
}

// live reports whether there is a context.
func (g *generator) live() bool {
	return slices.ContainsFunc(g.m.ctxs[:], func(c modelCtx) bool { return c.live })
}

func (g *generator) step() Step {
	s := Step{Op: g.op(), Ctx: g.ctx(), Key: uint8(g.rng.IntN(numJobs))}
	switch s.Op {
	case OpSet:
		s.Key, s.Variant = g.key(), [...]uint8{cleanupNone, cleanupPlain, cleanupActs, cleanupActs}[g.rng.IntN(4)]
		s.Value, s.Data = g.int(), g.int()
	case OpGet, OpClear:
		s.Key = g.keyOn(&g.m.ctxs[s.Ctx])
	case OpChanged:
		s.Variant = uint8(g.rng.IntN(numLists))
	case OpSetCallback:
		s.Variant, s.Data = uint8(g.rng.IntN(numCallbacks)), g.int()
	case OpSetStatus, OpReturn:
		s.Value = g.int()
	case OpInit:
		s.Value, s.Data = int32(g.rng.IntN(numJobs)), int32(g.rng.IntN(numJobs+1))
		if g.rng.IntN(4) == 0 {
			s.Variant, s.Value = initLarge, int32(g.rng.IntN(numLargePools))
		}
	case OpStart:
		s.Variant, s.Value, s.Data = g.body(), g.int(), int32(g.rng.IntN(maxPadding))
		if s.Variant == bodyNull {
			s.Value = int32(g.rng.IntN(numNulls))
		}
		if g.rng.IntN(12) == 0 {
			s.Ctx = noCtx
		}
	}
	return s
}

// op draws a step by the weights for the model's state: outside, in a job, or in a cleanup.
func (g *generator) op() Op {
	column := 0
	if g.m.inCleanup() {
		column = 2
	} else if g.m.control != 0 {
		column = 1
	}
	n := g.rng.IntN(totals[column])
	for op, w := range weights {
		if n -= w[column]; n < 0 {
			return Op(op)
		}
	}
	panic("unreachable")
}

// ctx draws a context, most often that of the cleanup or the job that has control.
func (g *generator) ctx() uint8 {
	if g.rng.IntN(3) > 0 {
		if f := g.m.frames[g.m.control]; len(f) > 0 {
			return f[len(f)-1]
		}
		if j := g.m.job(); j != nil && j.ctx != noCtx {
			return j.ctx
		}
	}
	return uint8(g.rng.IntN(numCtxs))
}

func (g *generator) key() uint8 { return uint8(g.rng.IntN(numKeys)) }

// keyOn draws a key, half of the time one that has a record.
func (g *generator) keyOn(c *modelCtx) uint8 {
	if len(c.recs) > 0 && g.rng.IntN(2) == 0 {
		return c.recs[g.rng.IntN(len(c.recs))].key
	}
	return g.key()
}

func (g *generator) body() uint8 {
	if g.outside {
		return uint8(bodyPause + g.rng.IntN(numBodies-bodyPause))
	}
	if g.rng.IntN(4) == 0 {
		return uint8(g.rng.IntN(numBodies))
	}
	return bodySteps
}

// int draws a number, mostly a small one so that equal ones occur.
func (g *generator) int() int32 {
	if g.rng.IntN(8) == 0 {
		return int32(g.rng.Uint32())
	}
	return int32(g.rng.IntN(12) - 2)
}
