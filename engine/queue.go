package engine

import (
	"errors"
	"runtime"
	"time"

	"asynccrypto/async"
)

// errInside is submit's error for a caller inside another of the engine's operations: it would
// wait for the worker that it occupies.
var errInside = errors.New("submitted from inside")

// submit puts r in line and returns the status for its session. g is the calling goroutine, or 0
// if it cannot be inside an operation. submit looks that up itself, so that Do locks only once.
func (e *Engine) submit(r *Request, g uintptr) (async.Status, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.inside(g) {
		return 0, errInside
	}
	if e.closed {
		return async.StatusErr, ErrClosed
	}
	if !r.holdKey() {
		return async.StatusOK, ErrClosed // the signer is closed, not the engine
	}
	e.counts.Submitted++
	r.node.Value = r
	// Nobody waits while there is room, so r overtakes nobody.
	if e.queued.Len()+e.inFlight() < e.depth {
		e.queued.PushBack(&r.node)
		e.work.Signal()
		return async.StatusOK, nil
	}
	e.counts.EAGAINs++
	e.waiting.PushBack(&r.node)
	return async.StatusEAGAIN, nil
}

// makeRoom moves the requests that have waited longest into the queue, as far as there is room.
// It is called with mu held whenever a request ends or steps out, so no caller has to try again.
func (e *Engine) makeRoom() {
	for e.waiting.Len() > 0 && e.queued.Len()+e.inFlight() < e.depth {
		n := e.waiting.Front()
		e.waiting.Remove(n)
		e.queued.PushBack(n)
		e.work.Signal()
	}
}

// take waits for requests and takes those that are there, at most a batch. It returns none when
// the engine is closed and no request is left. last is the batch that the worker has just done;
// its memory is used again.
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
			// Another goroutine that is about to submit may be waiting for this processor.
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

// pick moves the first request of the queue to the handler's hands, with others that share a
// batch with it. Where keys are prepared, an operation that gains nothing from a batch goes
// alone, so that it neither waits for a batch nor makes one wait; those with prepared keys are
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

// shares reports whether r may share a batch with others.
func (e *Engine) shares(r *Request) bool { return e.prepare == nil || batched(r.op) }

// begin moves r from the queue to the handler's hands. mu is held.
func (e *Engine) begin(r *Request) *Request {
	e.queued.Remove(&r.node)
	e.taken.PushBack(&r.node)
	r.begun = true
	return r
}

// completed counts a request whose operation has ended. won says whether err is the answer that
// its waiter gets.
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

// expired claims the answer to a request whose deadline has passed, and takes the request out of
// the line. It returns true if the caller is to call answerEarly, and false if the request has an
// answer already.
func (e *Engine) expired(r *Request) bool {
	at := now()
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.expiredLocked(r, at)
}

// expiredLocked is expired at the moment at. mu is held.
func (e *Engine) expiredLocked(r *Request, at time.Duration) bool {
	if !r.state.CompareAndSwap(pending, answering) {
		// If r is in line abandon has just claimed it and waits for mu. Then answerEarly wipes it
		// in abandon's stead.
		return e.leaveLine(r, &e.counts.Dropped)
	}
	r.expired.Store(true)
	r.answeredAfter = at - r.began
	if e.leaveLine(r, &e.counts.Failed) {
		e.counts.Latency.add(r.answeredAfter)
	}
	return true
}

// abandoned takes a request that nobody waits for any more out of the line, and reports whether
// it did. If the handler has the request already, it stays in flight until it is completed.
func (e *Engine) abandoned(r *Request) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.leaveLine(r, &e.counts.Dropped)
}

// leaveLine takes a request that will never begin out of the line and counts it. It returns false
// if the request has begun, or was counted before. mu is held.
func (e *Engine) leaveLine(r *Request, count *uint64) bool {
	if !r.inLine() {
		return false
	}
	*count++
	e.unlist(r)
	return true
}

// inLine reports whether r waits or is queued. mu is held.
func (r *Request) inLine() bool {
	l := r.node.List()
	return l != nil && l != &r.e.taken
}

// unlist takes r off its list, which makes room for the next. mu is held.
func (e *Engine) unlist(r *Request) {
	if l := r.node.List(); l != nil {
		l.Remove(&r.node)
	}
	e.makeRoom()
	e.checkDrained()
}
