package async

import (
	"iter"
	"runtime/debug"
	"sync/atomic"

	"asynccrypto/internal/gid"
	"asynccrypto/internal/list"
)

// coro is a pooled coroutine: a goroutine that iter.Pull switches to directly, without the
// scheduler. It runs one job after another.
//
// word holds the generation of the current job and the job's state:
//
//	generation | flagCanceled | flagKicked | flagPaused
//
//	       Start                        fn returns or panics
//	idle ---------> running --------------------------------------> idle, generation + 1
//	                ^     |  \                                        ^
//	         Resume |     |   \ Cancel                                |
//	                |     |    \                                      | fn returns or panics, or its
//	                |     v     v                                     | second Pause unwinds it
//	                paused ----> running|canceled --------------------+
//	                      Cancel
//	running ------------------------> running|kicked: Resume returned ErrBusy
//	running|kicked -----------------> running: Pause returned at once
//	running|canceled: the first Pause returns ErrCanceled, and Resume returns ErrBusy
//
// The generation grows with each job. So one compare-and-swap of word both checks a handle and
// claims the job, and only the goroutine that removed flagPaused may switch to the coroutine.
// Without flagPaused the coroutine is running or idle in the pool. No handle is valid for an idle
// one, since the end of a job ends its generation.
//
// All other fields are owned by the goroutine that has claimed the job and, while the job runs, by
// the job's goroutine.
type coro struct {
	word atomic.Uint64

	next  func() (struct{}, bool) // switches to the coroutine
	yield func(struct{}) bool     // switches back
	stop  func()                  // ends the coroutine when it is idle
	g     atomic.Uintptr          // its goroutine; Pause on another one reads it, too, to refuse

	fn       Func // nil once the job has ended: next's caller tells a pause from the end by it
	w        *WaitCtx
	err      error
	fault    *PanicError
	blocked  int32 // BlockPause calls outstanding
	notified bool  // Pause has returned ErrCanceled
	exiting  bool  // Goexit is unwinding the coroutine, which cannot be used again
	linked   bool  // the job has paused; it is on w.jobs if w is not nil

	node    list.Node[*coro] // on w.jobs
	started atomic.Uint64    // order of the first pauses in the pool

	pool  *pool
	index uint32        // one more than its index in pool.all
	below atomic.Uint32 // index of the idle coroutine under it, see idle.go
}

const (
	flagPaused   = 1 << iota
	flagKicked   // a Resume found the job running: its next pause returns at once
	flagCanceled // the job was cancelled
	flagBits     = flagPaused | flagKicked | flagCanceled
	generation   = flagBits + 1
)

// spawn makes the goroutine. It keeps the thread-lock state of its caller for ever.
func (c *coro) spawn() {
	c.exiting = false
	next, stop := iter.Pull(func(yield func(struct{}) bool) {
		c.yield = yield
		c.g.Store(gid.Get())
		if checkThreads {
			defer c.pool.remember()()
		}
		panicked := false
		defer func() {
			if panicked {
				// panicked is still set, so the loop below was not reached: a deferred function
				// of the job panicked while Goexit ran it. serve has recovered the panic, but
				// nothing can recover Goexit; see there.
				c.exiting = true
				yield(struct{}{})
			}
		}()
		for c.serve(&panicked) {
			panicked = false
			if !yield(struct{}{}) { // c.fault is set, and finish reports it
				return
			}
		}
	})
	c.next, c.stop = next, stop
}

// serve runs jobs until the coroutine is stopped, and then returns false, or until one panics, and
// then returns true and sets panicked. The recovery is set up once for many jobs.
func (c *coro) serve(panicked *bool) (again bool) {
	defer func() {
		if c.fn == nil {
			return
		}
		// fn has not returned, yet this runs: after a panic or runtime.Goexit, which recover does
		// not see.
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
			// Goexit cannot be undone, but it can be kept waiting: the goroutine that resumed the
			// job gets an error. With iter.Pull alone it would be unwound as well. discard lets
			// Goexit go on; by then c has another goroutine.
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

// pausedAt publishes the pause of a job that is linked, so that other goroutines may claim it. It
// fails if a wake or a Cancel came before. If it succeeds the caller must not touch the job any
// more.
func (c *coro) pausedAt(gen uint64) bool {
	return c.linked && c.word.CompareAndSwap(gen, gen|flagPaused)
}

// settle returns how the job stopped, after c.next has returned. That call is not in here because
// a function that is entered before a switch and left after it costs a mispredicted return.
func (c *coro) settle(gen uint64) (Outcome, error) {
	for c.fn != nil {
		if !c.linked {
			c.link()
		}
		if c.pausedAt(gen) {
			return Paused, nil
		}
		// The job was woken or cancelled, so it goes on. Nobody has seen this pause, so the marks
		// on changed fds stay.
		c.word.And(^uint64(flagKicked))
		c.next()
	}
	return c.finish(gen)
}

// finish returns the coroutine to its pool and returns how the job ended.
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

// faultError returns the error of a job that did not return, and drops the coroutine if it cannot
// be used again.
func (c *coro) faultError() error {
	fault := c.fault
	c.fault = nil
	if c.exiting {
		c.discard()
	}
	if c.notified && fault.Value == ErrGoexit {
		return ErrCanceled // Pause unwound the job
	}
	return fault
}

// discard ends the goroutine of an unwound job; the next Start makes a new one. Goexit also ends
// the goroutine that stops the coroutine, so a throwaway goroutine does it. In a pool used under
// runtime.LockOSThread no other goroutine may do that, and the goroutine stays behind, asleep.
func (c *coro) discard() {
	if !c.pool.locked {
		go c.stop()
	}
	c.next, c.stop, c.yield = nil, nil, nil
	c.g.Store(0)
}

// link puts a job that is about to pause for the first time on the list of its session, where
// Close finds it.
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
