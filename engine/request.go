package engine

import (
	"context"
	"sync/atomic"
	"time"

	"asynccrypto/async"
	"asynccrypto/internal/list"
)

// Request is one operation on its way through an engine.
type Request struct {
	e     *Engine
	ctx   context.Context
	op    Op
	began time.Duration // when Do was called, by now

	// Two sides decide a request's fate by compare-and-swap on state: who answers it (a handler, or the deadline of its
	// context) and who waits for it (who may give it up). The loser leaves everything as it is. A request is pending
	// until one of them has acted:
	//
	//	pending -> answering -> answered -> waking   the handler's side
	//	any of these         -> over                 the waiter's side: consumed or abandoned
	state   atomic.Uint32
	ended   atomic.Bool // Complete was called
	err     error       // valid from answered on
	expired atomic.Bool // answered by a deadline: the operation may still run
	wakeErr atomic.Pointer[PanicError]

	ready chan struct{}  // a goroutine waits: closed to wake it
	w     *async.WaitCtx // a job waits: its session, may be nil
	n     *notifier      // the session's wait fd, if it has one

	signaled bool // n counts this request; n's mutex guards it

	begun         bool          // a worker took it; the engine's mutex guards this and the next four
	answeredAfter time.Duration // from Do, if a deadline answered it
	node          list.Node[*Request]
}

const (
	pending uint32 = iota
	answering
	answered
	waking
	over
)

// Op returns the operation as it was given to Do. Type-switch on it: *SignOp, *SignMessageOp and *DecryptOp are those of
// signers and decrypters. Run does what the switch doesn't know.
func (r *Request) Op() Op { return r.op }

// Context returns the context that was given to Do, for its deadline and its values: who asks a remote signer passes it
// on. That the job was cancelled doesn't show in it, but in Abandoned.
func (r *Request) Context() context.Context { return r.ctx }

// Abandoned reports whether nobody waits for the result any more, so that a slow handler can skip the work. The request
// must be completed all the same.
func (r *Request) Abandoned() bool { return r.state.Load() == over || r.expired.Load() }

// Run does the operation the ordinary way on the calling goroutine and completes the request; a panic is its error.
func (r *Request) Run() {
	var err error
	guard(func() { err = r.op.Run() }, func(p *PanicError) {
		r.Complete(p) // here, because a goroutine that is exiting never gets to the line below
	})
	r.Complete(err)
}

// Complete ends the request: err is what Do returns, nil for success, and the operation is the caller's of Do again. Then
// who waits is woken, once: a job by the callback that is set on its session at this moment, else by its wait fd, else
// not at all (the application polls by resuming). Any goroutine may call it, also after the handler has returned.
// Only the first call counts. A callback that panics does not reach the caller; one that calls runtime.Goexit does.
func (r *Request) Complete(err error) {
	if r.ended.Swap(true) {
		return
	}
	// Accounted for before anyone is woken, so that who is woken finds it in Stats.
	r.letGo()
	won := r.state.CompareAndSwap(pending, answering)
	r.e.completed(r, err, won)
	if !won || !r.answer(err) {
		r.wipe()
	}
}

// expire answers with err if the operation has not ended by now.
func (r *Request) expire(err error) {
	if r.e.expired(r) {
		r.turnAway(err)
	}
}

// turnAway is the rest of expire, without the engine's mutex.
func (r *Request) turnAway(err error) {
	if !r.begun { // and never will be: it is in no line now
		r.letGo()
		r.wipe()
	}
	r.answer(err)
}

// answer publishes the result and wakes. It is false when the waiter gave up meanwhile.
func (r *Request) answer(err error) bool {
	r.err = err
	if !r.state.CompareAndSwap(answering, answered) {
		return false
	}
	if r.ready != nil {
		close(r.ready)
		return true
	}
	// Looked up before the wake begins: after that the job may be over, and the session closed and used again, with a
	// callback that has nothing to do with r.
	var fn func(any)
	var arg any
	if r.w != nil {
		fn, arg, _ = r.w.Callback()
	}
	if r.state.CompareAndSwap(answered, waking) { // else the job was resumed early, and has seen it
		r.wakeJob(fn, arg)
	}
	return true
}

// settled reports whether the job may take the result. A job that has not paused yet may not when the wake has begun: it
// pauses, so that an application that counts its paused jobs is never woken for one that isn't.
func (r *Request) settled(paused bool) bool {
	return r.state.CompareAndSwap(answered, over) || paused && r.state.Load() >= answered
}

// consume takes the result. From here on nobody is woken for it.
func (r *Request) consume() error {
	r.state.Store(over)
	r.n.forget(r)
	if p := r.wakeErr.Load(); p != nil {
		if !r.expired.Load() { // else it may still run, and is wiped when it has ended
			r.wipe()
		}
		return p
	}
	return r.err
}

// abandon gives the request up; it wakes nobody any more. It is true when an answer was there already.
func (r *Request) abandon() bool {
	switch r.state.Swap(over) {
	case pending:
		if r.e.abandoned(r) {
			r.letGo()
			r.wipe()
		}
		return false
	case answering:
		return false
	}
	r.n.forget(r)
	return true
}

// wipe is called once nobody wants the operation any more and it has ended, or will never begin.
func (r *Request) wipe() {
	if op, ok := r.op.(Wiper); ok {
		// A panic's addressee has gone, and the others in the batch are not to suffer for it.
		guard(op.Wipe, func(*PanicError) {})
	}
}

// each calls f for each of rs, also if f exits the goroutine, as a callback may.
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
