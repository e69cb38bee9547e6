package engine

import (
	"context"
	"sync/atomic"
	"time"

	"asynccrypto/async"
	"asynccrypto/internal/list"
)

// Request is one operation on its way through an engine. A [Handler] is given requests and
// completes each of them once.
type Request struct {
	e     *Engine
	ctx   context.Context
	op    Op
	kind  int           // see Engine.kindOf
	began time.Duration // when Do was called, by now

	state    requestState
	begun    bool // a worker took it, before it left its list; the engine's mutex guards it
	signaled bool // n counts this request; n's mutex guards it
	// ended is set by the first call of Complete. It is no part of state: after a deadline has
	// answered the request, its operation still has to end.
	ended atomic.Bool
	// expired is set if a deadline or a shutdown won the step from pending, not Complete. It
	// stays set when the request is over, because the operation may still be running then.
	expired       atomic.Bool
	answeredAfter time.Duration                  // from Do until expired; the engine's mutex guards it
	err           error                          // the answer, valid from answered on
	wakeErr       atomic.Pointer[PanicError]     // the panic of the callback that was to wake the job
	context       atomic.Pointer[requestContext] // nil until Context is called

	node  list.Node[*Request] // on one of the engine's lists: waiting, queued or taken
	peers list.Node[*Request] // while it is queued: on the list of its kind, if that is not 0
	ready chan struct{}       // if a goroutine waits: receives once, to wake it; used again after that
	w     *async.WaitCtx      // if a job waits: its session, may be nil
	n     *notifier           // the session's wait fd, nil if it has none
}

// requestState says how far the answer to a request has come. Two sides move it: the answering
// side, which is Complete or a deadline, and the waiting side, which is Do. Every step is one
// compare-and-swap or swap, so of two rivals one wins, and the loser leaves everything as it is.
//
//	pending ---> answering ---> answered ---> waking      the answering side
//	   |             |              |            |
//	   +-------------+-------+------+------------+
//	                         |
//	                         v
//	                       over                           the waiting side
//
//	pending     the operation waits or runs
//	answering   Complete or a deadline has won, and writes err
//	answered    err is there; a waiting goroutine is woken, a job that resumes may take it
//	waking      the job's wake has begun, so the job pauses until it comes
//	over        the waiter has taken the answer or given up; nobody is woken any more
//
// The operation itself moves along the engine's lists, under the engine's mutex:
//
//	waiting ---> queued ---> taken ---> ended             a worker takes it, Complete ends it
//	   |           |
//	   +-----------+-------> never begins                 a deadline, a shutdown or its job's end
//
// If no caller gets its result the operation is wiped, once: by the side that takes it out of
// line if it never begins, by Complete if its waiter was answered or gone by then, and by the
// waiter if that gives up an answer that is there.
type requestState struct{ atomic.Uint32 }

const (
	pending uint32 = iota
	answering
	answered
	waking
	over
)

// Op returns the operation as it was given to [Engine.Do]. Use a type switch: [*SignOp],
// [*SignMessageOp] and [*DecryptOp] come from signers and decrypters, [*VerifyOp] from verifiers,
// [*ECDHOp] from key exchangers, and [*GenerateKeyOp] from [Engine.GenerateKey]. Call [Request.Run]
// for every type that the switch does not know.
func (r *Request) Op() Op { return r.op }

// requestContext is the context of a Request, and the function that ends it.
type requestContext struct {
	context.Context
	end context.CancelFunc
}

// Context returns a context for the work on the request: pass it on when you call a remote signer,
// so that the call ends when nobody waits for it any more. It has the values and the deadline of
// the context that was given to [Engine.Do], and is done when the first of these happens:
//
//	the context given to Do is done
//	the job that called Do, paused, is cancelled, or its session or pool is closed
//	a Shutdown whose own context is done gives the request up
//	the request is completed
//
// Complete the request all the same, with the context's error for example. A caller that was in a
// job but could not pause (see [async.Job.InJob]) waits like any goroutine, so that the end of the
// job ends nothing. Every call returns the same context, and any goroutine may call Context.
func (r *Request) Context() context.Context {
	if c := r.context.Load(); c != nil {
		return c.Context
	}
	ctx, end := context.WithCancel(r.ctx)
	if !r.context.CompareAndSwap(nil, &requestContext{ctx, end}) {
		end()
		return r.context.Load().Context
	}
	// If the request was over before this context was stored, endContext has not seen the context.
	if r.ended.Load() || r.Abandoned() {
		end()
	}
	return ctx
}

// endContext ends the context that Context has returned, if it has. It is called when the request
// is completed or abandoned, after the field that says so was set.
func (r *Request) endContext() {
	if c := r.context.Load(); c != nil {
		c.end()
	}
}

// Abandoned reports whether the caller of [Engine.Do] no longer waits for the result, so a slow
// handler can skip the work. Complete an abandoned request all the same. Where a
// channel is easier to use, see [Request.Context].
func (r *Request) Abandoned() bool { return r.state.Load() == over || r.expired.Load() }

// Run runs the operation's own Run method on the calling goroutine and completes the request. If
// Run panics, the panic is the operation's error.
func (r *Request) Run() {
	var err error
	guard(func() { err = r.op.Run() }, func(p *PanicError) {
		r.Complete(p) // here, because a goroutine that is exiting never reaches the line below
	})
	r.Complete(err)
}

// Complete ends the request. [Engine.Do] returns err, nil for success, and the operation belongs
// to the caller of Do again. Complete then wakes the waiter, once: a job by the callback that is
// set on its session at this moment, or else by its wait fd. A job without either is not woken;
// its application polls by resuming the job.
//
// Any goroutine may call Complete, also after the handler has returned. Only the first call has an
// effect. A panic in the callback does not reach the caller of Complete; a [runtime.Goexit] in it
// does.
func (r *Request) Complete(err error) {
	if waiter := r.complete(err); waiter != nil {
		waiter <- struct{}{}
	}
}

// complete does what Complete does, but leaves it to the caller to wake a goroutine: by a send to
// waiter, unless that is nil.
func (r *Request) complete(err error) (waiter chan struct{}) {
	if r.ended.Swap(true) {
		return nil
	}
	r.endContext()
	// Counted before the wake, so that the woken side finds the operation in Stats.
	releaseKey(r.op)
	won := r.state.CompareAndSwap(pending, answering)
	r.e.completed(r, err, won)
	if !won || !r.publish(err) {
		r.wipe()
		return nil
	}
	return r.wake()
}

// expire answers with err if the operation has not ended by now.
func (r *Request) expire(err error) {
	if r.e.expired(r) {
		r.answerEarly(err)
	}
}

// answerEarly is the second half of expire, after Engine.expired has returned true. The engine's
// mutex is not held.
func (r *Request) answerEarly(err error) {
	if !r.begun { // and never will be: it is on no list now
		releaseKey(r.op)
		r.wipe()
	}
	if r.ctx.Err() == nil { // otherwise it ends by itself, with the error of r.ctx
		r.endContext()
	}
	if !r.publish(err) {
		return
	}
	if waiter := r.wake(); waiter != nil {
		waiter <- struct{}{}
	}
}

// publish publishes the result. It returns false if the waiter has given up in the meantime.
func (r *Request) publish(err error) bool {
	r.err = err
	return r.state.CompareAndSwap(answering, answered)
}

// wake wakes the job that waits, or returns the channel of the goroutine that does. There is room in
// the channel: the send is the only one.
func (r *Request) wake() (waiter chan struct{}) {
	if r.ready != nil {
		return r.ready
	}
	// The callback is read before the wake begins. After that the job may have ended, and the
	// session may be in use again with a callback that has nothing to do with r.
	var fn func(any)
	var arg any
	if r.w != nil {
		fn, arg, _ = r.w.Callback()
	}
	if r.state.CompareAndSwap(answered, waking) { // or the job was resumed early and has the answer
		r.wakeJob(fn, arg)
	}
	return nil
}

// settled reports whether the job may take the result. A job that has not paused yet must not
// take it once the wake has begun: it pauses, so that an application that counts its paused jobs
// is never woken for one that is not paused.
func (r *Request) settled(paused bool) bool {
	return r.state.CompareAndSwap(answered, over) || paused && r.state.Load() >= answered
}

// consume takes the result. After it nobody is woken for the request.
func (r *Request) consume() error {
	r.state.Store(over)
	r.n.forget(r)
	if p := r.wakeErr.Load(); p != nil {
		if !r.expired.Load() { // otherwise the operation may still run, and Complete wipes it
			r.wipe()
		}
		return p
	}
	return r.err
}

// abandon gives the request up, so that it wakes nobody any more. It reports whether there was an
// answer already.
func (r *Request) abandon() bool {
	before := r.state.Swap(over)
	r.endContext()
	switch before {
	case pending:
		if r.e.abandoned(r) {
			releaseKey(r.op)
			r.wipe()
		}
		return false
	case answering:
		return false
	}
	r.n.forget(r)
	return true
}

// wipe is called once, when nobody wants the operation any more and it has ended or will never
// begin.
func (r *Request) wipe() {
	if op, ok := r.op.(Wiper); ok {
		// The caller who would get a panic has gone, and the rest of the batch must not suffer
		// from it.
		guard(op.Wipe, func(*PanicError) {})
	}
}

// each calls f for each of rs, even if f exits the goroutine, as a callback may.
func each(rs []*Request, f func(*Request)) {
	defer func() {
		if len(rs) > 0 {
			each(rs, f)
		}
	}()
	for len(rs) > 0 {
		r := rs[0]
		rs = rs[1:]
		f(r)
	}
}
