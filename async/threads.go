package async

import (
	"errors"
	"os"
	"runtime"
	"sync"

	"asynccrypto/internal/gid"
)

// The runtime compares two thread-lock states at every switch, to a coroutine and back: that of
// the goroutine which switches, at this moment, and that of the goroutine which made the
// coroutine, when it did. If they differ it ends the process: "coro: OS thread locking must match
// locking at coroutine creation". They are the same if
//
//   - neither goroutine is locked to its thread, whichever threads they are on, or
//   - both are locked to the same thread, with the same number of runtime.LockOSThread calls
//     outstanding, and with the same number of the runtime's own locks: one for each open call
//     from C into Go, one on a thread that C made, and one in package initialization.
//
// Start, Resume, Cancel and Close switch on their caller's goroutine. Pause and the end of a job
// switch on the job's goroutine. A switch passes the lock on, so the job begins in its caller's
// state, and can only differ from it by what it has done since.

// checkThreads is set by ASYNCCRYPTO_CHECK=threads in the environment. Each switch then compares
// the states as far as a program can see them, and returns ErrThreadLocked where they differ.
var checkThreads = os.Getenv("ASYNCCRYPTO_CHECK") == "threads"

// lockState is the part of a goroutine's thread-lock state that can be seen. The number of
// LockOSThread calls cannot.
type lockState struct {
	locked    bool
	thread    int // 0 if not locked, or if gid.Thread does not know
	callbacks int // open calls from C into Go
}

// lockedJobs holds the pool of each goroutine that runs the jobs of a locked pool. The stack of
// such a goroutine does not show the callbacks inside which its pool is used.
var lockedJobs sync.Map // from gid.Get to *pool

// currentLockState returns the state of the calling goroutine.
func currentLockState() lockState {
	if !gid.Locked() {
		return lockState{}
	}
	s := lockState{true, gid.Thread(), gid.Callbacks()}
	if p, ok := lockedJobs.Load(gid.Get()); ok {
		s.callbacks += p.(*pool).home.Load().callbacks
	}
	return s
}

// enter reports whether the caller may start a job. The first caller determines the state in which
// the pool is used.
func (p *pool) enter() bool {
	s := currentLockState()
	return p.home.CompareAndSwap(nil, &s) || *p.home.Load() == s
}

// elsewhere reports whether the pool is used in a thread-lock state other than the caller's.
func (p *pool) elsewhere() bool {
	home := p.home.Load()
	return home != nil && *home != currentLockState()
}

// checked returns fn with an end after which the goroutine can switch back. If fn leaves the
// goroutine of an unlocked pool locked to its thread, checked unlocks it and returns
// ErrThreadLocked too.
func (p *pool) checked(fn Func) Func {
	if p.home.Load().locked {
		return fn
	}
	return func(j Job) (err error) {
		defer func() {
			if !gid.Locked() {
				return
			}
			for gid.Locked() {
				runtime.UnlockOSThread()
			}
			err = errors.Join(err, ErrThreadLocked)
		}()
		return fn(j)
	}
}

// remember notes that the calling goroutine runs the jobs of p. The caller calls forget when the
// goroutine ends.
func (p *pool) remember() (forget func()) {
	if !p.home.Load().locked {
		return func() {}
	}
	g := gid.Get()
	lockedJobs.Store(g, p)
	return func() { lockedJobs.Delete(g) }
}
