package asynctls

import (
	"context"
	"errors"
	"runtime/debug"
	"sync"
	"sync/atomic"

	"asynccrypto/async"
	"asynccrypto/internal/gid"
)

// operation is a function that a connection runs in a job: its handshake, or a Read of a client
// that may renegotiate. It exists from before it has a place in the pool until it is over, and
// its result is taken.
type operation struct {
	conn      *Conn
	w         async.WaitCtx
	job       async.Job
	state     opState
	handshake bool // the first handshake, in which crypto/tls cannot go on after an error of its transport

	leaveLine func()                           // gives up the turn; nil unless inLine
	notified  atomic.Bool                      // there is room; set by the goroutine that freed a job
	fault     atomic.Pointer[async.PanicError] // of the callback, on that goroutine

	// Of a Read: its buffer, and in state done the data and the error that no caller has taken
	// yet, one of which is set.
	buf     []byte
	readErr error
}

// opState is where an operation is. Each call of one of the Conn's methods that finds it
// unfinished drives it on, until it pauses or ends.
//
//	unstarted --------------------------+ the pool is full
//	    |                               v
//	    | the pool has room          inLine            ErrWantAsyncJob
//	    |                               |
//	    v                               | the pool has room
//	 running <--------------------------+
//	    ^ |
//	    | +---- no input --------> waitingForPeer      ErrWantRead
//	    +-------- the next call -------+
//	    ^ |
//	    | +---- an engine works -> waitingForEngine    ErrWantAsync
//	    +-------- the next call -------+
//	      |
//	      +---- Close or Abort --> closeRequested      aborted when control comes back
//	      |     called in the job
//	      |
//	      +---- the job returns -> done                only a Read that has a result
//
// Close, Abort and Timeout cancel the operation in each other state.
type opState uint8

const (
	unstarted        opState = iota
	inLine                   // waits for a place in the pool
	running                  // control is on the job's goroutine
	closeRequested           // as running; the connection is aborted when control comes back
	waitingForPeer           // paused: the transport has no input
	waitingForEngine         // paused: an engine computes
	done                     // buf and readErr hold a result
)

// inJob reports whether control is on the job's goroutine.
func (s opState) inJob() bool { return s == running || s == closeRequested }

func (s opState) paused() bool { return s == waitingForPeer || s == waitingForEngine }

type callback struct {
	fn  func(arg any)
	arg any
}

func (c *Conn) newOperation() *operation {
	op := &operation{conn: c}
	if cb := c.wake.Load(); cb != nil {
		op.w.SetCallback(cb.fn, cb.arg)
	}
	c.op = op
	return op
}

// underWay reports whether there is a job, which may hold the mutexes of the tls.Conn.
func (op *operation) underWay() bool {
	return op != nil && (op.state.inJob() || op.state.paused())
}

// errCloseRequested is drive's error when the job itself has called Close or Abort. The caller
// calls abort.
var errCloseRequested = errors.New("asynctls: closed from inside the handshake")

// drive runs the operation, from its beginning or where it has paused, until it pauses or is
// over. If it is not over, the error is one of the ErrWant errors. If it is over, the error is
// fn's, the job facility's, or errCloseRequested.
func (c *Conn) drive(fn async.Func) (over bool, err error) {
	op := c.op
	before := op.state
	var out async.Outcome
	switch {
	case before.inJob():
		return false, errReentered
	case before.paused():
		op.state = running
		out, err = op.job.Resume()
	case before == inLine && !op.notified.Load():
		c.takeInput()
		return false, ErrWantAsyncJob
	case op.fault.Load() != nil:
		err = op.fault.Load() // a connection that cannot be woken must not go on as if it could
	default:
		op.leaveLine = nil
		op.state = running
		op.job, out, err = c.o.Pool.Start(&op.w, func(j async.Job) error {
			op.job = j
			g := gid.Get()
			operations.Store(g, op)
			defer operations.Delete(g)
			return fn(j)
		})
	}
	broken := op.w.Status() == async.StatusErr
	switch {
	case op.state == closeRequested:
		return true, errCloseRequested
	case broken && (err == nil || out == async.Paused):
		err = ErrEngine
	case out == async.Paused && op.state == waitingForPeer:
		return false, ErrWantRead
	case out == async.Paused:
		op.state = waitingForEngine
		if before == waitingForEngine { // the call came too early, perhaps because there is input
			c.takeInput()
		}
		return false, ErrWantAsync
	case out == async.NoJobs:
		op.state = inLine
		op.notified.Store(false)
		op.leaveLine = c.o.Pool.Notify(notify, op)
		return false, ErrWantAsyncJob
	}
	c.endOperation()
	return true, err
}

// notify wakes an operation that waits for a place in the pool. It is called on the goroutine
// that frees one, another connection's for example, which must not suffer from a callback that
// panics.
func notify(arg any) {
	op := arg.(*operation)
	op.notified.Store(true)
	cb := op.conn.wake.Load()
	if cb == nil {
		return
	}
	defer func() {
		if p := recover(); p != nil {
			op.fault.Store(&async.PanicError{Value: p, Stack: debug.Stack()})
		}
	}()
	cb.fn(cb.arg)
}

// endOperation ends the operation, if there is one. A paused job is cancelled, which unwinds it
// and frees its place; the engine drops the result. An operation in the
// pool's line leaves it.
func (c *Conn) endOperation() {
	op := c.op
	if op == nil {
		return
	}
	if op.leaveLine != nil {
		op.leaveLine()
		op.leaveLine = nil
	}
	op.state = running // while the job unwinds
	op.w.Close()
	c.op = nil
}

// operations are the operations that have a job, by the job's goroutine (gid.Get).
var operations sync.Map

// withJob returns ctx if it carries a job. crypto/tls gives some functions of the tls.Config no
// context, and in a renegotiation all of them one that carries nothing. It calls them on the
// goroutine of the handshake. If that is a connection's job withJob returns a context of that job,
// and otherwise, as for net/http, ctx.
func withJob(ctx context.Context) context.Context {
	if _, ok := async.FromContext(ctx); ok {
		return ctx
	}
	if op, ok := operations.Load(gid.Get()); ok {
		op := op.(*operation)
		return op.conn.jobContext(op.job)
	}
	return ctx
}

// jobContext returns the context of a handshake in the job j.
func (c *Conn) jobContext(j async.Job) context.Context {
	ctx := c.o.Context
	if ctx == nil {
		ctx = context.Background()
	}
	// If the context could be cancelled, crypto/tls would close the connection from a goroutine
	// of its own.
	return async.NewContext(context.WithoutCancel(ctx), j)
}

// WaitingForAsync reports whether the connection waits for an engine (SSL_waiting_for_async).
func (c *Conn) WaitingForAsync() bool { return c.op != nil && c.op.state == waitingForEngine }

// AllAsyncFDs appends to dst the wait fds of the engines that work for the connection
// (SSL_get_all_async_fds). The engines own the fds, and close them once the handshake is over:
// forget them then, as epoll and kqueue do by themselves. While a callback is set there are
// none, unless an engine does not know callbacks.
func (c *Conn) AllAsyncFDs(dst []async.FD) []async.FD {
	if c.op == nil {
		return dst
	}
	return c.op.w.AllFDs(dst)
}

// ChangedAsyncFDs appends the wait fds that were added and deleted since the job was last
// resumed (SSL_get_changed_async_fds). Call it after each [ErrWantAsync]. When the handshake is
// over all wait fds are gone.
func (c *Conn) ChangedAsyncFDs(add, del []async.FD) (added, deleted []async.FD) {
	if c.op == nil {
		return add, del
	}
	return c.op.w.ChangedFDs(add, del)
}

// SetAsyncCallback sets the function that is called when the connection can go on after
// [ErrWantAsync] or [ErrWantAsyncJob] (SSL_set_async_callback). A nil fn unsets it.
//
// The callback may be set at any time. If the connection is waiting already, call the method that
// returned the error once after setting it, because the event may have come before. Without a
// callback, engines use wait fds, and nothing reports when the pool has room again: call the
// method now and then.
//
// fn is called on any goroutine, even before the call that returns the error has returned. It
// must not block, and must not use the connection: let it wake the goroutine that does. A call
// that has begun may still be running when SetAsyncCallback or Close returns. If fn panics, the
// connection fails with that panic.
func (c *Conn) SetAsyncCallback(fn func(arg any), arg any) {
	if fn == nil {
		c.wake.Store(nil)
	} else {
		c.wake.Store(&callback{fn, arg})
	}
	if c.op != nil {
		c.op.w.SetCallback(fn, arg)
	}
}

// AsyncStatus returns the engine's status for the last request of the handshake under way
// (SSL_get_async_status), or [async.StatusUnsupported] if there is none.
func (c *Conn) AsyncStatus() async.Status {
	if c.op == nil {
		return async.StatusUnsupported
	}
	return c.op.w.Status()
}
