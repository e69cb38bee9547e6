package async

import (
	"iter"
	"runtime/debug"
	"sync/atomic"

	"asynccrypto/internal/gid"
	"asynccrypto/internal/list"
)

// coro is a pooled coroutine: a goroutine that is switched to directly, without the scheduler, by iter.Pull. It runs
// one job after the other.
//
// word says which job it is at, and in which state:
//
//	generation | flagCanceled | flagKicked | flagPaused
//
// The generation grows with each job, so one compare-and-swap of word both checks a handle and claims the job: nobody
// else may switch to a coroutine whose flagPaused they have not removed. Without flagPaused the coroutine is running or
// idle in the pool; handles never see the latter, since finishing ends their generation.
//
// All other fields belong to whoever has claimed the job, and while it runs to the job's goroutine.
type coro struct {
	word atomic.Uint64

	next  func() (struct{}, bool) // switches to the coroutine
	yield func(struct{}) bool     // switches back
	stop  func()                  // ends the coroutine when it is idle
	g     atomic.Uintptr          // its goroutine, see package gid; other goroutines read it too, to be refused

	fn       Func // nil once the job has ended: how next's caller tells a pause from the end
	w        *WaitCtx
	err      error
	fault    *PanicError
	blocked  int32 // BlockPause calls outstanding
	notified bool  // Pause has returned ErrCanceled
	exiting  bool  // Goexit is unwinding the coroutine, which can't be used again
	linked   bool  // on w.jobs

	node    list.Node[*coro] // on w.jobs
	started atomic.Uint64    // order of the first pauses in the pool

	pool  *pool
	index uint32        // one more than its place in pool.all
	below atomic.Uint32 // index of the idle coroutine under it, see idle.go
}

const (
	flagPaused   = 1 << iota
	flagKicked   // somebody tried to resume the running job: its next pause returns at once
	flagCanceled // the job was cancelled
	flagBits     = flagPaused | flagKicked | flagCanceled
	generation   = flagBits + 1
)

// spawn makes the goroutine. The caller's thread-lock state is then the coroutine's for ever.
func (c *coro) spawn() {
	c.exiting = false
	next, stop := iter.Pull(func(yield func(struct{}) bool) {
		c.yield = yield
		c.g.Store(gid.Get())
		panicked := false
		defer func() {
			if panicked {
				// Still, so the loop below was not reached: a deferred function of the job's panicked while Goexit
				// ran it. serve has recovered the panic, but nothing can recover Goexit, see there.
				c.exiting = true
				yield(struct{}{})
			}
		}()
		for c.serve(&panicked) {
			panicked = false
			if !yield(struct{}{}) { // with a fault for finish to report
				return
			}
		}
	})
	c.next, c.stop = next, stop
}

// serve runs jobs until the coroutine is stopped (false) or one panics (true, in panicked too). The recovery is set up
// once for many jobs.
func (c *coro) serve(panicked *bool) (again bool) {
	defer func() {
		if c.fn == nil {
			return
		}
		// fn has not returned, yet we are here: a panic, or runtime.Goexit, which recover doesn't see.
		value := recover()
		again = value != nil
		*panicked = again
		if !again {
			value = ErrGoexit
			c.exiting = true
		}
		c.fault = &PanicError{Value: value, Stack: debug.Stack()}
		c.fn = nil
		if c.exiting {
			// Goexit can't be undone, but it can be kept waiting: the resumer gets an error instead of being
			// unwound as well, which is what iter.Pull would do. discard lets it go on; c is another goroutine's then.
			c.yield(struct{}{})
		}
	}()
	for {
		c.err = c.fn(Job{c, c.word.Load() &^ flagBits})
		c.fn = nil
		if !c.yield(struct{}{}) {
			return false
		}
	}
}

// pausedAt publishes the pause of a job that was linked before, so that others may claim it. It fails when a wake or a
// Cancel came while the job was on its way here. Callers must not touch the job after it succeeds.
func (c *coro) pausedAt(gen uint64) bool {
	return c.linked && c.word.CompareAndSwap(gen, gen|flagPaused)
}

// settle says how the stretch of the job ended from which c.next has just returned. It is apart from that call because
// a function that is entered before a switch and left after it costs a mispredicted return.
func (c *coro) settle(gen uint64) (Outcome, error) {
	for c.fn != nil {
		if !c.linked {
			c.link()
		}
		if c.pausedAt(gen) {
			return Paused, nil
		}
		// Woken or cancelled, the job goes on, and since nobody was told of this pause, what changed stays unread.
		c.word.And(^uint64(flagKicked))
		c.next()
	}
	return c.finish(gen)
}

// finish returns the coroutine to its pool and says how the job ended.
func (c *coro) finish(gen uint64) (Outcome, error) {
	out, err := Finished, c.err
	c.err = nil
	if c.linked {
		c.unlink()
	}
	if c.fault != nil {
		out, err = Failed, c.faultError()
	}
	c.w, c.blocked, c.notified = nil, 0, false
	p := c.pool
	c.word.Store(gen + generation)
	p.push(c)
	if p.flags.Load() != 0 {
		p.freed()
	}
	return out, err
}

// faultError takes the error of a job that did not return, and drops the coroutine if that can't be used again.
func (c *coro) faultError() error {
	fault := c.fault
	c.fault = nil
	if c.exiting {
		c.discard()
	}
	if c.notified && fault.Value == error(ErrGoexit) {
		return ErrCanceled // it was Pause that unwound the job
	}
	return fault
}

// discard ends the goroutine of an unwound job; the next Start makes a new one. Goexit takes whoever stops the
// coroutine with it, hence the throwaway goroutine. In a pool used under runtime.LockOSThread nobody may do that, and
// the goroutine stays behind, asleep.
func (c *coro) discard() {
	if !c.pool.locked {
		go c.stop()
	}
	c.next, c.stop, c.yield = nil, nil, nil
	c.g.Store(0)
}

// link puts a job that is about to pause for the first time on the list of its session, where Close
// finds it.
func (c *coro) link() {
	c.linked = true
	c.started.Store(c.pool.started.Add(1))
	if c.w != nil {
		c.w.jobs.PushFront(&c.node)
	}
}

// unlink undoes link; the job may still run.
func (c *coro) unlink() {
	c.linked = false
	if c.w != nil {
		c.w.jobs.Remove(&c.node)
	}
}
