package async

import "runtime"

// PoolStats are a pool's figures. Jobs do not maintain them: Stats reads them from the coroutines.
// So the figures do not belong to one exact moment, and while jobs start and end Running may be
// off by a few.
type PoolStats struct {
	Limit      int    // the most jobs at once, NewPool's max; 0 for no limit
	Coroutines int    // made and kept for reuse; 0 once the pool is closed and its last job has ended
	Running    int    // jobs that are running now
	Paused     int    // jobs that are paused now
	Ended      uint64 // jobs that have ended, whether Finished or Failed
	Waiting    int    // calls of Notify that wait for a place
}

// Stats returns the current figures. It takes a few nanoseconds for each coroutine. For a zero
// Pool it returns zero.
func (pool *Pool) Stats() PoolStats {
	if pool.p == nil {
		return PoolStats{}
	}
	s := pool.p.stats()
	runtime.KeepAlive(pool)
	return s
}

func (p *pool) stats() PoolStats {
	s := PoolStats{Limit: p.max}
	p.mu.Lock()
	s.Waiting = p.waiters.Len()
	p.mu.Unlock()
	idle := p.countIdle()
	all := *p.all.Load()
	for _, c := range all {
		word := c.word.Load()
		s.Ended += word/generation - 1 // a coroutine's generations begin with 1, and each job ends one
		if word&flagPaused != 0 {
			s.Paused++
		}
	}
	s.Coroutines = len(all) - int(p.stopped.Load())
	// The words do not say which of the other coroutines are idle, since Start would have to
	// write that.
	s.Running = max(0, s.Coroutines-idle-s.Paused)
	return s
}

// countIdle walks down the stack of idle coroutines. If no goroutine changes the stack during the
// walk the number is exact. Otherwise the walk may go astray: onto a coroutine that was popped and
// pushed on top again, even in circles, or onto one newer than all. So the walk has an end, and
// there are a few tries; after those the number is about right.
func (p *pool) countIdle() (n int) {
	for range 4 {
		top := p.idle.Load()
		all := *p.all.Load()
		n = 0
		for i := uint32(top & idleIndex); i != 0 && int(i) <= len(all) && n < len(all); n++ {
			i = all[i-1].below.Load()
		}
		if p.idle.Load() == top {
			break
		}
	}
	return n
}
