package async

// The idle coroutines of a pool are a stack, last in, first out, so that the warmest is used next. Start pops and
// whoever resumes a job to its end pushes, from any goroutine, without a lock.
//
// It links indices into pool.all instead of pointers. A word can then hold an index and a count of pushes: a pop that
// read a coroutine's successor before others popped and pushed that coroutine fails, instead of putting
// a coroutine that runs back on the stack (the ABA problem).

const idleIndex = 1<<32 - 1 // the lower half of pool.idle; the upper one counts

func (p *pool) push(c *coro) {
	for {
		top := p.idle.Load()
		// Mostly the same few coroutines come and go, and an atomic store costs as much as the rest of this.
		if below := uint32(top & idleIndex); c.below.Load() != below {
			c.below.Store(below)
		}
		if p.idle.CompareAndSwap(top, top&^idleIndex+(idleIndex+1)|uint64(c.index)) {
			return
		}
	}
}

// pop returns nil when no coroutine is idle.
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
