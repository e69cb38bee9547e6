package async

import (
	"errors"
	"fmt"
)

var (
	// ErrNoJobs is Start's error when the pool is at its limit. Pool.Notify says when to try again.
	ErrNoJobs = errors.New("async: pool is at its limit")
	// ErrClosed is Start's error on a pool that is closed or was not made by NewPool.
	ErrClosed = errors.New("async: pool is closed")
	// ErrStale is the error of Resume, Cancel, Pause and Err when the handle's job is over, or there never was one.
	ErrStale = errors.New("async: job has finished")
	// ErrBusy is Resume's error while the job runs, and that of the loser when two resume at once. The wake is not
	// lost: the job's next Pause returns at once.
	ErrBusy = errors.New("async: job is running")
	// ErrNotInJob is Pause's error on a goroutine other than the job's own. Block instead, as engines do.
	ErrNotInJob = errors.New("async: pause from outside the job's own goroutine")
	// ErrCanceled is Pause's error, once, in a job that was cancelled: return. The next Pause unwinds the job. It is
	// also the error of the Start or Resume under which a job was unwound.
	ErrCanceled = errors.New("async: job was cancelled")
	// ErrGoexit is wrapped by the PanicError of a job that called runtime.Goexit.
	ErrGoexit = errors.New("async: runtime.Goexit in a job")

	errNilFunc = errors.New("async: Start needs a function")
)

// PanicError is the error of the Start, Resume or Cancel under which the job panicked or called runtime.Goexit. The
// pool goes on.
type PanicError struct {
	Value any    // what was passed to panic, or ErrGoexit
	Stack []byte // the job's stack at that moment, as debug.Stack formats it; it is not part of the message
}

// Error returns the panic's value, on one line, without the stack.
func (e *PanicError) Error() string {
	if e.Value == ErrGoexit {
		return ErrGoexit.Error()
	}
	return fmt.Sprintf("async: panic in a job: %v", e.Value)
}

// Unwrap returns the panic's value when it is an error, so that errors.Is and errors.As look into it.
func (e *PanicError) Unwrap() error {
	err, _ := e.Value.(error)
	return err
}
