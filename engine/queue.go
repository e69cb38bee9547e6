package engine

import (
	"errors"
	"runtime"
	"time"

	"asynccrypto/async"
)

// errInside is submit's answer to an operation of the engine itself, which would wait for a place that it holds.
var errInside = errors.New("submitted from inside")

// submit puts r in line and returns the status that its session gets. g is the caller if its goroutine is to wait. That
// it isn't a worker is looked up here and not before, to lock but once.
func (e *Engine) submit(r *Request, g uintptr) (async.Status, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.inside(g) {
		return 0, errInside
	}
	if e.closed {
		return async.StatusErr, ErrClosed
	}
	if !r.hold() {
		return async.StatusOK, ErrClosed // the signer is, which says nothing about the engine
	}
	e.counts.Submitted++
	r.node.Value = r
	// Nobody waits while there is room, so there is nobody to overtake.
	if e.queued.Len()+e.inFlight() < e.depth {
		e.queued.PushBack(&r.node)
		e.work.Signal()
		return async.StatusOK, nil
	}
	e.counts.EAGAINs++
	e.waiting.PushBack(&r.node)
	return async.StatusEAGAIN, nil
}

// makeRoom moves those who have waited longest into places that have come free. It is called with mu held whenever one
// has; so none of those who wait needs to be told to try again.
func (e *Engine) makeRoom() {
	for e.waiting.Len() > 0 && e.queued.Len()+e.inFlight() < e.depth {
		n := e.waiting.Front()
		e.waiting.Remove(n)
		e.queued.PushBack(n)
		e.work.Signal()
	}
}

// take waits for requests and takes what is there, at most a batch. It returns none when the engine has been closed and
// none are left. last is the batch that the worker has just done; its memory is used again.
func (e *Engine) take(last []*Request) []*Request {
	clear(last)
	batch := last[:0]
	e.mu.Lock()
	defer e.mu.Unlock()
	if len(last) > 0 {
		e.busy--
	}
	slept := false
	for e.queued.Len() == 0 || e.full() {
		if e.closed && e.queued.Len()+e.waiting.Len() == 0 {
			return nil
		}
		e.work.Wait()
		if e.maxBatch > 1 && e.queued.Len() < e.maxBatch && !slept {
			// Whoever else is about to submit may be waiting for this processor.
			slept = true
			e.mu.Unlock()
			runtime.Gosched()
			e.mu.Lock()
		}
	}
	e.busy++
	batch = e.pick(batch)
	e.counts.BatchSizes[len(batch)-1]++
	return batch
}

// pick moves the first in the queue, and what shares a batch with it, to the handler's hands. Where keys are prepared, what
// a batch would not help is not made to wait for one, nor to stand in the way of one: it goes alone, and the prepared are
// gathered from the whole queue. mu is held.
func (e *Engine) pick(batch []*Request) []*Request {
	first := e.queued.Front()
	if !e.shares(first.Value) {
		return append(batch, e.begin(first.Value))
	}
	for n := first; n != nil && len(batch) < e.maxBatch; {
		next := n.Next()
		if e.shares(n.Value) {
			batch = append(batch, e.begin(n.Value))
		}
		n = next
	}
	return batch
}

// shares reports whether r may be in a batch with others.
func (e *Engine) shares(r *Request) bool { return e.prepare == nil || batched(r.op) }

// begin moves r from the queue to the handler's hands. mu is held.
func (e *Engine) begin(r *Request) *Request {
	e.queued.Remove(&r.node)
	e.taken.PushBack(&r.node)
	r.begun = true
	return r
}

// completed accounts for a request whose operation has ended. won tells whether that is what its waiter gets.
func (e *Engine) completed(r *Request, err error, won bool) {
	took := now() - r.began
	e.mu.Lock()
	defer e.mu.Unlock()
	switch {
	case won && err == nil:
		e.counts.Completed++
		e.counts.Latency.add(took)
	case won:
		e.counts.Failed++
		e.counts.Latency.add(took)
	case r.expired.Load():
		e.counts.Failed++
		e.counts.Latency.add(r.answeredAfter)
	default:
		e.counts.Dropped++
	}
	e.unlist(r)
}

// expired makes the way free for the error of a request whose time is up before its operation has ended, and takes it out
// of the line; false if there is nothing left to do, else the caller calls turnAway.
func (e *Engine) expired(r *Request) bool {
	at := now()
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.expiredLocked(r, at)
}

func (e *Engine) expiredLocked(r *Request, at time.Duration) bool {
	if !r.state.CompareAndSwap(pending, answering) {
		return e.leaveLine(r, &e.counts.Dropped) // abandon has just claimed it, and is on its way here
	}
	r.expired.Store(true)
	r.answeredAfter = at - r.began
	if e.leaveLine(r, &e.counts.Failed) {
		e.counts.Latency.add(r.answeredAfter)
	}
	return true
}

// abandoned takes a request that nobody waits for any more out of the line. If the handler has it already it stays in
// flight until it is completed, and abandoned is false.
func (e *Engine) abandoned(r *Request) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.leaveLine(r, &e.counts.Dropped)
}

// leaveLine counts a request that will never begin; false if it has, or was counted. mu is held.
func (e *Engine) leaveLine(r *Request, count *uint64) bool {
	if !r.inLine() {
		return false
	}
	*count++
	e.unlist(r)
	return true
}

func (r *Request) inLine() bool {
	l := r.node.List()
	return l != nil && l != &r.e.taken
}

// unlist takes r off its list, and gives its place to the next. mu is held.
func (e *Engine) unlist(r *Request) {
	if l := r.node.List(); l != nil {
		l.Remove(&r.node)
	}
	e.makeRoom()
	e.checkDrained()
}
