package async

import (
	"cmp"
	"runtime"

	"asynccrypto/internal/gid"
)

// Func is the function that a job runs. Its argument is the job's own handle. It stores its
// results in variables that the caller can read. The Start or Resume during which it returns
// returns its error.
type Func func(Job) error

// Job is the handle of a started job (ASYNC_JOB). Copy it freely; the zero Job is no job. A handle
// may outlive its job: its methods then return [ErrStale], and never reach the next job on the
// same coroutine.
type Job struct {
	c   *coro
	gen uint64
}

// Resume continues a paused job until it pauses again or ends (ASYNC_start_job with a job). Any
// goroutine may call it, not only the one that started or last resumed the job. The function, its
// argument and the WaitCtx remain those of Start. With [Failed] the error is [ErrStale],
// [ErrBusy], [ErrCanceled], [ErrThreadLocked] or a [*PanicError]; with [Finished] it is the
// function's own.
func (j Job) Resume() (Outcome, error) {
	c := j.c
	if c == nil {
		return Failed, ErrStale
	}
	if checkThreads && c.pool.elsewhere() {
		return Failed, cmp.Or(j.kick(), ErrThreadLocked)
	}
	for !c.word.CompareAndSwap(j.gen|flagPaused, j.gen) {
		if err := j.kick(); err != nil {
			return Failed, err
		}
	}
	if c.w != nil {
		c.w.fds.reset()
	}
	c.next()
	if c.fn != nil && c.pausedAt(j.gen) { // as settle does, without the call
		return Paused, nil
	}
	return c.settle(j.gen)
}

// kick records a Resume that found the job running: the next pause of the job returns at once, so
// that a wake still counts if it came too early to be acted on. kick returns nil if the job has
// paused meanwhile.
func (j Job) kick() error {
	for {
		word := j.c.word.Load()
		switch {
		case word&^flagBits != j.gen:
			return ErrStale
		case word&flagPaused != 0:
			return nil
		case j.c.word.CompareAndSwap(word, word|flagKicked):
			return ErrBusy
		}
	}
}

// Pause returns control to the goroutine that started or last resumed the job (ASYNC_pause_job),
// and returns when the job is resumed. A job may be resumed too early, so check whether the event
// that you wait for has happened, and pause again if not. Pause returns
//
//	nil              when the job is resumed, and at once for the zero Job and while
//	                 pausing is blocked
//	ErrNotInJob      at once, on a goroutine that is not the job's own
//	ErrStale         at once, when the job is over
//	ErrCanceled      once, in a job that was cancelled
//	ErrThreadLocked  at once, where the job cannot pause, see below
//
// Called again after ErrCanceled it does not return: it unwinds the job and runs its deferred
// functions, as runtime.Goexit does.
//
// A job cannot pause inside a call from C (//export, syscall.NewCallback) or between LockOSThread
// and UnlockOSThread of its own. The runtime ends the process then, see [Pool], unless
// ASYNCCRYPTO_CHECK=threads is in the environment. Call [Job.BlockPause] around such code. Pause
// then returns nil at once, and engines block the goroutine instead.
func (j Job) Pause() error {
	c := j.c
	if c != nil && c.word.Load() == j.gen && gid.Get() == c.g.Load() && c.blocked == 0 {
		if checkThreads && c.pool.elsewhere() {
			return ErrThreadLocked
		}
		c.yield(struct{}{})
		if c.word.Load() == j.gen {
			return nil
		}
	}
	return j.pauseRarely()
}

// pauseRarely handles the calls of Pause that do not switch, and the returns from a switch that
// are more than a Resume.
func (j Job) pauseRarely() error {
	c := j.c
	if c == nil {
		return nil
	}
	word := c.word.Load()
	switch {
	case word&^flagBits != j.gen:
		return ErrStale
	case c.g.Load() != gid.Get():
		return ErrNotInJob
	case c.blocked != 0:
		return nil
	case word&flagCanceled != 0:
		if c.notified {
			runtime.Goexit()
		}
		c.notified = true
		return ErrCanceled
	}
	// The job was kicked. The event behind the wake happened before it, so a job that looks now
	// finds it.
	c.word.And(^uint64(flagKicked))
	return nil
}

// Cancel ends a job. A paused job is resumed on the caller's goroutine and runs to its end before
// Cancel returns. Its Pause returns [ErrCanceled], and if it pauses once more it is unwound.
// Either way its deferred functions run and its place in the pool is free again. If the job is
// running, Cancel returns nil at once, and the job's next Pause returns ErrCanceled.
//
// Any goroutine may call Cancel. During Cancel, as during Resume, the job owns its WaitCtx, so no
// other goroutine may use the WaitCtx then. The error is [ErrStale] if the job is over, or a
// [*PanicError] if it panicked on its way out. With [ErrThreadLocked] the job is still paused.
func (j Job) Cancel() error {
	if j.c == nil {
		return ErrStale
	}
	for {
		word := j.c.word.Load()
		switch {
		case word&^flagBits != j.gen:
			return ErrStale
		case word&flagPaused != 0:
			if checkThreads && j.c.pool.elsewhere() {
				return ErrThreadLocked
			}
			if err, ok := j.cancelPaused(); ok {
				return err
			}
		case j.c.word.CompareAndSwap(word, word|flagCanceled):
			return nil
		}
	}
}

// cancelPaused is Cancel for a paused job. ok is false if the job is not paused.
func (j Job) cancelPaused() (err error, ok bool) {
	c := j.c
	if !c.word.CompareAndSwap(j.gen|flagPaused, j.gen|flagCanceled) {
		return nil, false
	}
	if c.w != nil {
		c.w.fds.reset()
	}
	c.next()
	if out, err := c.settle(j.gen); out == Failed && err != ErrCanceled {
		return err, true
	}
	return nil, true
}

// BlockPause makes Pause return at once (ASYNC_block_pause), so that code that must not be
// interrupted, such as a section under a lock, can call functions that might pause. A call of C
// code that may call back into Go must not be interrupted either, nor a section under
// runtime.LockOSThread: see [Job.Pause]. Calls nest. The end of the job ends them all. BlockPause
// does nothing outside the job's own goroutine.
func (j Job) BlockPause() {
	if j.inside() {
		j.c.blocked++
	}
}

// UnblockPause undoes one BlockPause (ASYNC_unblock_pause). If pausing is not blocked it does
// nothing.
func (j Job) UnblockPause() {
	if j.inside() && j.c.blocked > 0 {
		j.c.blocked--
	}
}

// inside reports whether the caller is on the job's own goroutine.
func (j Job) inside() bool { return j.alive() && j.c.g.Load() == gid.Get() }

func (j Job) alive() bool { return j.c != nil && j.c.word.Load()&^flagBits == j.gen }

// WaitCtx returns the session that the job was started with (ASYNC_get_wait_ctx), or nil if the
// job has no session or is over. Only the owner of the session may use it: the running job or,
// while the job is paused, the goroutine that last started or resumed it.
func (j Job) WaitCtx() *WaitCtx {
	if !j.alive() {
		return nil
	}
	return j.c.w
}

// InJob reports whether the caller is on the job's own goroutine and pausing is not blocked. Pause
// would then pause or, after Cancel, return its error. Where InJob is false, engines block the
// goroutine. With ASYNCCRYPTO_CHECK=threads it is also false where Pause would return
// [ErrThreadLocked].
func (j Job) InJob() bool {
	return j.inside() && j.c.blocked == 0 && !(checkThreads && j.c.pool.elsewhere())
}

// Err returns nil while the job may go on, [ErrCanceled] once it was cancelled, and [ErrStale]
// when it is over. Any goroutine may call it. Engines call it before they submit an operation for
// a job.
func (j Job) Err() error {
	switch {
	case !j.alive():
		return ErrStale
	case j.c.word.Load()&flagCanceled != 0:
		return ErrCanceled
	}
	return nil
}
