package async

import (
	"errors"
	"fmt"
)

var (
	// ErrNoJobs is the error of [Pool.Start] when the pool is at its limit. [Pool.Notify] says
	// when to try again.
	ErrNoJobs = errors.New("async: pool is at its limit; Notify says when to try again")
	// ErrClosed is the error of [Pool.Start] on a pool that is closed or was not made by
	// [NewPool].
	ErrClosed = errors.New("async: pool is closed, or not made by NewPool")
	// ErrStale is the error of [Job.Resume], [Job.Cancel], [Job.Pause] and [Job.Err] when the job
	// of the handle has ended, or the handle is zero.
	ErrStale = errors.New("async: job has finished")
	// ErrBusy is the error of [Job.Resume] while the job runs. If two goroutines resume a job at
	// once, one of them gets it. The wake is not lost: the next Pause of the job returns at once.
	ErrBusy = errors.New("async: job is running; its next pause returns at once")
	// ErrNotInJob is the error of [Job.Pause] on a goroutine other than the job's own. Block
	// instead, as engines do.
	ErrNotInJob = errors.New("async: pause from outside the job's own goroutine; block instead")
	// ErrCanceled is the error of [Job.Pause], once, in a job that was cancelled: the job should
	// return. The next Pause unwinds it. It is also the error of the Start or Resume during which
	// a job was unwound.
	ErrCanceled = errors.New("async: job was cancelled")
	// ErrThreadLocked is the error of [Pool.Start], [Job.Resume], [Job.Cancel], [Job.Pause],
	// [Pool.Close] and [WaitCtx.Close] if ASYNCCRYPTO_CHECK=threads is in the environment when the
	// program starts. They return it where the runtime would end the process, because the caller
	// is locked to its thread in another way than the callers that use the [Pool]. The call has
	// done nothing: a paused job is still paused, and a goroutine in the right state can go on
	// with it. It is also joined to the error of a job that returned with its goroutine locked.
	//
	// The check sees whether a goroutine is locked, the number of calls from C that it is in, and
	// on Linux and Windows its thread. It cannot see how many calls of runtime.LockOSThread are
	// outstanding on a locked thread. On Windows it cannot see either that two calls which a
	// thread of C's own makes, one after the other, are two threads to the runtime. A check takes
	// a few microseconds, so use it in tests.
	ErrThreadLocked = errors.New("async: goroutine is locked to its thread in another way than the pool's users; " +
		"use a pool of its own in a callback from C, and BlockPause around calls of C")
	// ErrGoexit is wrapped by the [PanicError] of a job that called runtime.Goexit.
	ErrGoexit = errors.New("async: runtime.Goexit in a job")

	errNilFunc = errors.New("async: Start needs a function")
)

// PanicError is the error of the Start, Resume or Cancel during which the job panicked or called
// runtime.Goexit. The pool stays usable.
type PanicError struct {
	Value any    // the value passed to panic, or ErrGoexit
	Stack []byte // the job's stack at that moment, as debug.Stack formats it
}

// Error returns the panic's value, on one line, without the stack.
func (e *PanicError) Error() string {
	if e.Value == ErrGoexit {
		return ErrGoexit.Error()
	}
	return fmt.Sprintf("async: panic in a job: %v", e.Value)
}

// Unwrap returns the panic's value if it is an error, so that errors.Is and errors.As look into
// it.
func (e *PanicError) Unwrap() error {
	err, _ := e.Value.(error)
	return err
}
