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
