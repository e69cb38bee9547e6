package engine

import (
	"errors"
	"runtime"
	"time"

	"asynccrypto/async"
)

// list is a line of requests, first in, first out, from which any can step out.
type list struct {
	head, tail *Request
	n          int
}

func (l *list) push(r *Request) {
	r.list, r.prev, r.next = l, l.tail, nil
	if l.tail != nil {
		l.tail.next = r
	} else {
		l.head = r
	}
	l.tail = r
	l.n++
}

func (l *list) remove(r *Request) {
	if r.prev != nil {
		r.prev.next = r.next
	} else {
		l.head = r.next
	}
	if r.next != nil {
		r.next.prev = r.prev
	} else {
		l.tail = r.prev
	}
	r.list, r.prev, r.next = nil, nil, nil
	l.n--
}

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
	// Nobody waits while there is room, so there is nobody to overtake.
	if e.queued.n+e.inFlight() < e.depth {
		e.queued.push(r)
		e.work.Signal()
		return async.StatusOK, nil
	}
	e.counts.EAGAINs++
	e.waiting.push(r)
	return async.StatusEAGAIN, nil
}

// makeRoom moves those who have waited longest into places that have come free. It is called with mu held whenever one
// has; so none of those who wait needs to be told to try again.
func (e *Engine) makeRoom() {
	for e.waiting.n > 0 && e.queued.n+e.inFlight() < e.depth {
		r := e.waiting.head
		e.waiting.remove(r)
		e.queued.push(r)
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
	for e.queued.n == 0 || e.full() {
		if e.closed && e.queued.n+e.waiting.n == 0 {
			return nil
		}
		e.work.Wait()
		if e.maxBatch > 1 && e.queued.n < e.maxBatch && !slept {
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
	first := e.queued.head
	if !e.shares(first) {
		return append(batch, e.begin(first))
	}
	for r := first; r != nil && len(batch) < e.maxBatch; {
		next := r.next
		if e.shares(r) {
			batch = append(batch, e.begin(r))
		}
		r = next
	}
	return batch
}

// shares reports whether r may be in a batch with others.
func (e *Engine) shares(r *Request) bool { return e.prepare == nil || batched(r.op) }

// begin moves r from the queue to the handler's hands. mu is held.
func (e *Engine) begin(r *Request) *Request {
	e.queued.remove(r)
	e.taken.push(r)
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

func (r *Request) inLine() bool { return r.list == &r.e.waiting || r.list == &r.e.queued }

// unlist takes r off its list, and gives its place to the next. mu is held.
func (e *Engine) unlist(r *Request) {
	if r.list != nil {
		r.list.remove(r)
	}
	e.makeRoom()
	e.checkDrained()
}
