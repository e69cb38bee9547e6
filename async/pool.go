package async

import (
	"cmp"
	"errors"
	"math"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"

	"asynccrypto/internal/gid"
	"asynccrypto/internal/list"
)

// Pool is a bounded set of coroutines that run jobs: a value in place of the pool that
// ASYNC_init_thread makes for a thread. Several goroutines may use a Pool at once, and a job may
// be resumed by a goroutine other than the one that started it.
//
// A coroutine is tied to the thread-lock state in which it was made. A goroutine is locked to its
// thread by runtime.LockOSThread, during package initialization, and in a function that C has
// called (//export, syscall.NewCallback). Use a Pool either only on goroutines that are not locked,
// or only on one locked thread, inside the same number of LockOSThread calls and of calls from C.
// Start, Resume, Cancel and Close are uses. Mixing the two is fatal: the runtime ends the process
// ("coro: OS thread locking must match"). So
//
//	a callback from C   makes, uses and closes a Pool of its own, or hands the work to a goroutine
//	                    that is not locked
//	a job               unlocks its goroutine before it pauses or returns, and calls
//	                    [Job.BlockPause] before it calls C code that may call Go code that pauses
//	an init function    may make a Pool, since coroutines are made on first use, but not use it
//
// With ASYNCCRYPTO_CHECK=threads in the environment, a use in the wrong state returns
// [ErrThreadLocked] instead.
//
// The same holds for bubbles of testing/synctest, without a check: use a Pool in the bubble where
// it first started a job, and close it there.
//
// Keep the Pool as long as its jobs, and call Close when done. The garbage collector closes a Pool
// that is dropped, unless it was used on a locked thread or in a bubble. A paused job that
// is never resumed keeps its goroutine until the Pool is closed, and for ever if the job refers to
// its own Pool and nobody closes that.
type Pool struct {
	_ noCopy // a copy would be closed with the original
	p *pool
}

// pool is the part of a Pool that the stacks of paused jobs refer to. It stays alive as long as
// one of them does, so it cannot show that the application has dropped the pool. The Pool, its
// shell, does.
type pool struct {
	idle  atomic.Uint64           // the stack of idle coroutines, see idle.go
	flags atomic.Uint32           // poolClosed, poolWaited
	all   atomic.Pointer[[]*coro] // every coroutine, at its index-1; only grows

	started atomic.Uint64 // jobs that have paused so far, for Close's order
	stopped atomic.Int64  // coroutines that ended because the pool is closed
	max     int
	init    int
	locked  bool // used on a goroutine that is locked to its thread
	bubbled bool // used in a testing/synctest bubble

	// home is the thread-lock state of the first Start's caller. Without checkThreads it is nil.
	home atomic.Pointer[lockState]

	mu      sync.Mutex // held to grow, to close and to change the waiters
	waiters list.List[*waiter]
}

const (
	poolClosed = 1 << iota
	poolWaited // waiters is not empty
)

// NewPool returns a pool of at most max coroutines, or without a limit if max is 0. The first
// Start makes init of them at once (ASYNC_init_thread). NewPool returns an error if max or init is
// negative, if max exceeds 2^31-1, or if init exceeds max. As in OpenSSL, init must therefore be 0
// if max is 0. Coroutines are reused and kept until Close. Each costs about 3 KB.
func NewPool(max, init int) (*Pool, error) {
	if max < 0 || init < 0 || init > max || max > math.MaxInt32 {
		return nil, errors.New("async: NewPool(max, init) needs 0 <= init <= max < 1<<31; max 0 is no limit")
	}
	p := &pool{max: max, init: init}
	p.all.Store(new([]*coro))
	shell := &Pool{p: p}
	runtime.AddCleanup(shell, (*pool).drop, p)
	return shell, nil
}

// IsCapable reports whether jobs can run here (ASYNC_is_capable). They can wherever Go runs, so it
// returns true.
func IsCapable() bool { return true }

// Start runs fn as a job until it pauses or ends (ASYNC_start_job without a job). w is the job's
// session; it may be nil for jobs that need neither fds nor a callback. A job may start others,
// and they may pause.
//
//	Outcome   Job                   error
//	Paused    the handle to resume  nil
//	Finished  zero                  fn's own
//	NoJobs    zero                  ErrNoJobs: the pool is at its limit, see Notify
//	Failed    zero                  ErrClosed; a *PanicError if fn panicked; ErrCanceled if the
//	                                job was cancelled while it ran, and unwound; ErrThreadLocked
func (pool *Pool) Start(w *WaitCtx, fn Func) (Job, Outcome, error) {
	p := pool.p
	if p == nil {
		return Job{}, Failed, ErrClosed
	}
	if fn == nil {
		return Job{}, Failed, errNilFunc
	}
	if checkThreads {
		if !p.enter() {
			return Job{}, Failed, ErrThreadLocked
		}
		fn = p.checked(fn)
	}
	c := p.pop()
	if c == nil {
		c = p.grow()
	}
	// The flag is read after c was taken. So a Close that this read misses finds c taken, and
	// cancels the job.
	if p.flags.Load()&poolClosed != 0 {
		if c != nil {
			p.push(c)
			p.freed()
		}
		return Job{}, Failed, ErrClosed
	}
	if c == nil {
		return Job{}, NoJobs, ErrNoJobs
	}
	if c.next == nil {
		c.spawn()
	}
	c.fn, c.w = fn, w
	gen := c.word.Load()
	c.next()
	out, err := c.settle(gen)
	runtime.KeepAlive(pool)
	if out != Paused {
		return Job{}, out, err
	}
	return Job{c, gen}, Paused, nil
}

// grow makes a coroutine, or the first time init of them. At the limit it returns nil.
func (p *pool) grow() *coro {
	p.mu.Lock()
	defer p.mu.Unlock()
	all := *p.all.Load()
	if p.max > 0 && len(all) >= p.max {
		return p.pop() // one may have become idle since
	}
	if len(all) == 0 {
		p.locked, p.bubbled = gid.Locked(), gid.InBubble()
	}
	old := len(all)
	for range max(1, p.init-old) {
		c := &coro{pool: p, index: uint32(len(all) + 1)}
		c.word.Store(generation)
		c.node.Value = c
		all = append(all, c)
	}
	p.all.Store(&all) // a reader of the old slice reads no further than its old length
	for _, c := range all[old+1:] {
		c.spawn()
		p.push(c)
	}
	return all[old]
}

// Close closes the pool. It cancels the paused jobs on the caller's goroutine (see [Job.Cancel]),
// in the reverse order of their first pauses, and ends the coroutines. The next Pause of a running
// job returns [ErrCanceled]. Close calls the functions that wait in [Pool.Notify]. Called again,
// Close does nothing. The error joins the [PanicError]s of jobs that panicked while they were
// cancelled. With [ErrThreadLocked] nothing was closed.
func (pool *Pool) Close() error {
	if pool.p == nil {
		return nil
	}
	if checkThreads && pool.p.elsewhere() {
		return ErrThreadLocked
	}
	err := pool.p.close()
	runtime.KeepAlive(pool)
	return err
}

// drop is Close for a pool that nobody can reach any more. It runs on a goroutine of the runtime,
// which may not switch to a coroutine that was made under runtime.LockOSThread or in a bubble.
// Other cleanups wait for that goroutine, so the deferred functions of jobs must not run on it.
func (p *pool) drop() {
	if !p.locked && !p.bubbled {
		go p.close()
	}
}

func (p *pool) close() error {
	p.mu.Lock()
	old := p.flags.Or(poolClosed)
	all := slices.Clone(*p.all.Load())
	p.mu.Unlock()
	if old&poolClosed != 0 {
		return nil
	}
	p.freed()
	// In the jobs that run now the next Pause returns ErrCanceled. A cancelled coroutine that is
	// idle is not used again.
	slices.SortFunc(all, func(a, b *coro) int { return cmp.Compare(b.started.Load(), a.started.Load()) })
	var errs []error
	for _, c := range all {
		err := Job{c, c.word.Load() &^ flagBits}.Cancel()
		if err != nil && err != ErrStale {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// freed is called when a coroutine has become idle and the pool is closed or has waiters.
func (p *pool) freed() {
	if p.flags.Load()&poolClosed != 0 {
		for c := p.pop(); c != nil; c = p.pop() {
			p.stopped.Add(1)
			if c.stop != nil {
				c.stop()
			}
		}
		p.notifyAll()
		return
	}
	p.notifyNext()
}
