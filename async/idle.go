package async

// The idle coroutines of a pool are a stack, last in, first out, so that the warmest is used next.
// Start pops, and the goroutine that resumes a job to its end pushes. Any goroutine may do either,
// without a lock; so this is not an internal/list.
//
// The stack links indices into pool.all, not pointers, so that one word can hold an index and a
// count of pushes. Consider a pop that reads a coroutine's successor, and then others pop and push
// that coroutine. The count makes the pop fail. Otherwise it would put a running coroutine back on
// the stack (the ABA problem).

const idleIndex = 1<<32 - 1 // the lower half of pool.idle; the upper half counts pushes

func (p *pool) push(c *coro) {
	for {
		top := p.idle.Load()
		// Mostly the same few coroutines come and go, and an atomic store costs as much as the
		// rest of this function.
		if below := uint32(top & idleIndex); c.below.Load() != below {
			c.below.Store(below)
		}
		if p.idle.CompareAndSwap(top, top&^idleIndex+(idleIndex+1)|uint64(c.index)) {
			return
		}
	}
}

// pop returns nil if no coroutine is idle.
func (p *pool) pop() *coro {
	for {
		top := p.idle.Load()
		i := uint32(top & idleIndex)
		if i == 0 {
			return nil
		}
		c := (*p.all.Load())[i-1]
		if p.idle.CompareAndSwap(top, top&^idleIndex|uint64(c.below.Load())) {
			return c
		}
	}
}
