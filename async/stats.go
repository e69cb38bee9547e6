package async

import "runtime"

// PoolStats are a pool's figures. Jobs pay nothing for them: they are read off the coroutines by whoever asks. So they
// are of about one moment, and while jobs start and end meanwhile Running is off by a few of those.
type PoolStats struct {
	Limit      int    // the most jobs at once, NewPool's max; 0 if there is none
	Coroutines int    // made and kept for reuse; 0 once the pool is closed and its last job has ended
	Running    int    // jobs that run now
	Paused     int    // jobs that are paused now
	Ended      uint64 // jobs that have ended, whether Finished or Failed
	Waiting    int    // those in line for a place, see Notify
}

// Stats returns the figures of this moment. It takes a few nanoseconds for each coroutine. It is zero for a zero Pool.
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
	// Which of the others are idle their words don't say, since Start would have to write it there.
	s.Running = max(0, s.Coroutines-idle-s.Paused)
	return s
}

// countIdle walks down the stack of idle coroutines. If nobody has changed it meanwhile the number is exact. Otherwise the
// walk may have been led astray: onto a coroutine that was popped and pushed on top since, in circles even, or onto one
// newer than all. So it has an end, and is tried again a few times; then the number is about right.
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
