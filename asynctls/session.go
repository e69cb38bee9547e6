package asynctls

import (
	"context"
	"net"
	"runtime/debug"
	"sync/atomic"

	"asynccrypto/async"
)

// session is a job of a connection, from before it has a place in the pool until it is over.
type session struct {
	w   async.WaitCtx
	c   *Conn
	job async.Job

	want    error // why it is paused, or has no place yet
	shaking bool  // it is the first handshake: crypto/tls could not go on after an error from below
	running bool  // control is on the job's goroutine
	paused  bool
	doomed  bool // the handshake itself has asked for the connection to be closed

	stop  func() // leaves the pool's line; nil when it is not in it
	told  atomic.Bool
	fault atomic.Pointer[async.PanicError] // the callback's

	// A Read in a job: once read is set, buf and readErr are what it has given and nobody has taken, not both empty.
	buf     []byte
	readErr error
	read    bool
}

type callback struct {
	fn  func(arg any)
	arg any
}

func (c *Conn) newSession() *session {
	s := &session{c: c, want: ErrWantAsync}
	if cb := c.wake.Load(); cb != nil {
		s.w.SetCallback(cb.fn, cb.arg)
	}
	c.s = s
	return s
}

// underWay reports whether there is a job, which may hold the mutexes of the tls.Conn.
func (s *session) underWay() bool { return s != nil && (s.running || s.paused) }

// drive lets the connection's job go on, or begin. The error is one of ErrWant, or, when it is over, fn's or the
// facility's.
func (c *Conn) drive(fn async.Func) (over bool, err error) {
	s := c.s
	var out async.Outcome
	switch {
	case s.running:
		return false, errReentered
	case s.paused:
		s.running, s.paused = true, false
		out, err = s.job.Resume()
	case s.stop != nil && !s.told.Load():
		return false, ErrWantAsyncJob // its turn has not come
	case s.fault.Load() != nil:
		err = s.fault.Load() // as from an engine: who has no way of being woken is not to go on as if it had
	default:
		s.stop = nil
		s.running = true
		s.job, out, err = c.o.Pool.Start(&s.w, func(j async.Job) error {
			s.job = j
			return fn(j)
		})
	}
	s.running, s.paused = false, out == async.Paused
	broken := s.w.Status() == async.StatusErr
	switch {
	case s.doomed:
		c.Abort()
		return true, net.ErrClosed
	case broken && (err == nil || s.paused):
		err = ErrEngine
	case s.paused:
		return false, s.want
	case out == async.NoJobs:
		s.told.Store(false)
		s.stop = c.o.Pool.Notify(tellSession, s)
		return false, ErrWantAsyncJob
	}
	c.endSession()
	return true, err
}

// tellSession wakes who waits for a place in the pool. Any goroutine that frees one calls it, another connection's say,
// which is not to suffer for a callback that panics.
func tellSession(arg any) {
	s := arg.(*session)
	s.told.Store(true)
	cb := s.c.wake.Load()
	if cb == nil {
		return
	}
	defer func() {
		if p := recover(); p != nil {
			s.fault.Store(&async.PanicError{Value: p, Stack: debug.Stack()})
		}
	}()
	cb.fn(cb.arg)
}

// endSession cancels the job if it is paused, which unwinds it and frees its place, or leaves the line for one. What an
// engine still computes for it is dropped by the engine.
func (c *Conn) endSession() {
	s := c.s
	if s == nil {
		return
	}
	if s.stop != nil {
		s.stop()
		s.stop = nil
	}
	s.running = true // the job's last stretch
	s.w.Close()
	s.running, s.paused = false, false
	c.s = nil
}

// context is the one of a handshake in the job j.
func (c *Conn) context(j async.Job) context.Context {
	ctx := c.o.Context
	if ctx == nil {
		ctx = context.Background()
	}
	// Were it cancellable, crypto/tls would close the connection from a goroutine of its own.
	return async.NewContext(context.WithoutCancel(ctx), j)
}

// WaitingForAsync reports whether the connection waits for an engine (SSL_waiting_for_async).
func (c *Conn) WaitingForAsync() bool { return c.s != nil && c.s.paused && c.s.want == ErrWantAsync }

// AllAsyncFDs appends the wait fds of the engines that work for the connection (SSL_get_all_async_fds). They stay the
// engines', which close them once the handshake is over: forget them then, as epoll and kqueue do by themselves. There
// are none while a callback is set, if the engine knows callbacks.
func (c *Conn) AllAsyncFDs(dst []async.FD) []async.FD {
	if c.s == nil {
		return dst
	}
	return c.s.w.AllFDs(dst)
}

// ChangedAsyncFDs appends the wait fds that were added and deleted since the job was last resumed
// (SSL_get_changed_async_fds). Call it after each ErrWantAsync; when the handshake is over all are gone.
func (c *Conn) ChangedAsyncFDs(add, del []async.FD) (added, deleted []async.FD) {
	if c.s == nil {
		return add, del
	}
	return c.s.w.ChangedFDs(add, del)
}

// SetAsyncCallback sets the function that is called when, after ErrWantAsync or ErrWantAsyncJob, the connection can go on
// (SSL_set_async_callback); nil unsets it. It may be set at any time. When the connection waits already, go on once after
// setting it: what it waits for may have come before. Without a callback, engines use wait fds, and nothing tells when the
// pool has room again: try now and then. fn is called on any goroutine, even before the call that returns the error has
// returned; it must not block, nor use the connection: let it tell the goroutine that does. One that has begun may still
// be running when SetAsyncCallback or Close returns. If it panics, the connection fails with that.
func (c *Conn) SetAsyncCallback(fn func(arg any), arg any) {
	if fn == nil {
		c.wake.Store(nil)
	} else {
		c.wake.Store(&callback{fn, arg})
	}
	if c.s != nil {
		c.s.w.SetCallback(fn, arg)
	}
}

// AsyncStatus returns the engine's word about its last submission for the handshake under way (SSL_get_async_status);
// StatusUnsupported when there is none.
func (c *Conn) AsyncStatus() async.Status {
	if c.s == nil {
		return async.StatusUnsupported
	}
	return c.s.w.Status()
}
