package async

import (
	"runtime"

	"asynccrypto/internal/gid"
)

// Func is a job's body. It gets the job's own handle, leaves its results where the caller can see them, and its error
// becomes that of the Start or Resume under which it returns.
type Func func(Job) error

// Job is the handle of a started job (ASYNC_JOB). Copy it freely; the zero Job is no job. A handle outlives its job
// without harm: it then gets ErrStale, and never reaches the job that its coroutine has gone on to.
type Job struct {
	c   *coro
	gen uint64
}

// Resume lets a paused job go on until it pauses again or ends (ASYNC_start_job with a job). Any goroutine may, also
// another than last time. The function, its argument and the WaitCtx are those of Start. With Failed the error is
// ErrStale, ErrBusy, ErrCanceled or a *PanicError; with Finished it is the function's own.
func (j Job) Resume() (Outcome, error) {
	c := j.c
	if c == nil {
		return Failed, ErrStale
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
	if c.fn != nil && c.pausedAt(j.gen) { // what settle would find, without the call
		return Paused, nil
	}
	return c.settle(j.gen)
}

// kick is what remains of a Resume that can't have the job because it runs: its next pause returns at once, so that a
// wake that came too early to be acted on still counts. It returns nil if the job has paused meanwhile.
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

// Pause gives control back to whoever started or resumed the job (ASYNC_pause_job), and returns nil when the job is
// resumed. That may be too early, so look whether what you wait for has come, and pause again if not. It returns nil
// at once for the zero Job and while pausing is blocked; ErrNotInJob, and does nothing, on a goroutine that is not the
// job's own; ErrStale when the job is over; ErrCanceled once the job was cancelled. Called after that it does not
// return: it unwinds the job, running its deferred functions, as runtime.Goexit does.
func (j Job) Pause() error {
	c := j.c
	if c != nil && c.word.Load() == j.gen && gid.Get() == c.g.Load() && c.blocked == 0 {
		c.yield(struct{}{})
		if c.word.Load() == j.gen {
			return nil
		}
	}
	return j.pauseRarely()
}

// pauseRarely is Pause where it does not switch, or where more than a Resume came back.
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
	// Kicked: what the wake was for happened before it, so whoever looks now finds it.
	c.word.And(^uint64(flagKicked))
	return nil
}

// Cancel ends a job. A paused one is resumed on the caller's goroutine and runs to its end before Cancel returns: its
// Pause returns ErrCanceled, and if it pauses once more it is unwound; either way its deferred functions run and its
// place in the pool is free again. A running one is told at its next Pause, and Cancel returns nil at once. Any
// goroutine may call it, but as with Resume the WaitCtx is the job's meanwhile, so nobody may be using that. The error is
// ErrStale when the job is over, or a *PanicError when it panicked on its way out.
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
			if err, ok := j.cancelPaused(); ok {
				return err
			}
		case j.c.word.CompareAndSwap(word, word|flagCanceled):
			return nil
		}
	}
}

// cancelPaused is Cancel for a paused job; ok is false when the job is not paused.
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

// BlockPause makes Pause return at once (ASYNC_block_pause), so that code which must not be interrupted, such as a
// section under a lock, can call what might pause. Calls nest. What is left blocked at the job's end ends with it. It
// does nothing outside the job's own goroutine.
func (j Job) BlockPause() {
	if j.inside() {
		j.c.blocked++
	}
}

// UnblockPause undoes one BlockPause (ASYNC_unblock_pause); without one it does nothing.
func (j Job) UnblockPause() {
	if j.inside() && j.c.blocked > 0 {
		j.c.blocked--
	}
}

// inside reports whether the caller is the job's own goroutine.
func (j Job) inside() bool { return j.alive() && j.c.g.Load() == gid.Get() }

func (j Job) alive() bool { return j.c != nil && j.c.word.Load()&^flagBits == j.gen }

// WaitCtx returns the session that the job was started with (ASYNC_get_wait_ctx), nil when that was nil or the job is
// over. It is for whoever holds the job: its own goroutine while it runs, else who started or resumed it.
func (j Job) WaitCtx() *WaitCtx {
	if !j.alive() {
		return nil
	}
	return j.c.w
}

// InJob reports whether Pause would pause or, after Cancel, report that: whether the caller is on the job's own
// goroutine and pausing is not blocked. Engines block the goroutine where it is false.
func (j Job) InJob() bool { return j.inside() && j.c.blocked == 0 }

// Err returns nil while the job may go on, ErrCanceled once it was cancelled, and ErrStale when it is over. Any
// goroutine may call it. Engines look before they submit for a job.
func (j Job) Err() error {
	switch {
	case !j.alive():
		return ErrStale
	case j.c.word.Load()&flagCanceled != 0:
		return ErrCanceled
	}
	return nil
}
