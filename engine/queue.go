package engine

import (
	"errors"
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
	if !holdKey(r.op) {
		return async.StatusOK, ErrClosed // the signer is closed, not the engine
	}
	e.counts.Submitted++
	r.node.Value, r.peers.Value = r, r
	// Nobody waits while there is room, so r overtakes nobody.
	if e.queued.Len()+e.inFlight() < e.depth {
		e.enqueue(r)
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
		e.enqueue(n.Value)
	}
}

// kindOf returns the kind of op: operations of one kind share batches, except those of kind 0.
func (e *Engine) kindOf(op Op) int {
	if e.kind == nil {
		return 1
	}
	if kind := e.kind(op); kind > 0 && kind < len(e.byKind) {
		return kind
	}
	return 0
}

// enqueue makes r the last request of the queue, and wakes a worker. mu is held.
func (e *Engine) enqueue(r *Request) {
	e.queued.PushBack(&r.node)
	if r.kind > 0 {
		e.byKind[r.kind].PushBack(&r.peers)
	}
	e.work.Signal()
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
		if e.maxBatch > 1 && e.queued.Len() < e.maxBatch && !slept && now() >= e.yields.next {
			// Another goroutine that is about to submit may be waiting for this processor. Beside
			// goroutines that compute without end a yield takes 10 ms for each, hence the pauses.
			slept = true
			e.yield(&e.yields)
		}
	}
	e.busy++
	return e.pick(batch)
}

// pick moves the first request of the queue to the handler's hands, and with it the next ones of
// its kind. The list of its kind has them in the order of the queue, so the time that pick takes
// does not depend on the queue's length. mu is held.
func (e *Engine) pick(batch []*Request) []*Request {
	first := e.queued.Front().Value
	if first.kind == 0 {
		batch = append(batch, e.begin(first))
	} else {
		for n := e.byKind[first.kind].Front(); n != nil && len(batch) < e.maxBatch; n = e.byKind[first.kind].Front() {
			batch = append(batch, e.begin(n.Value))
		}
	}
	e.callers.saw(len(batch))
	e.countBatch(first.kind, len(batch))
	return batch
}

// countBatch counts a batch of n operations that begins. mu is held.
func (e *Engine) countBatch(kind, n int) {
	e.counts.BatchSizes[n-1]++
	if e.kind != nil {
		e.counts.Kinds[kind].Operations += uint64(n)
		e.counts.Kinds[kind].Batches++
	}
}

// begin moves r from the queue to the handler's hands. mu is held.
func (e *Engine) begin(r *Request) *Request {
	e.dequeue(r)
	e.taken.PushBack(&r.node)
	r.begun = true
	return r
}

// dequeue takes r off the queue. mu is held.
func (e *Engine) dequeue(r *Request) {
	e.queued.Remove(&r.node)
	e.byKind[r.kind].Remove(&r.peers)
}

// completed counts a request whose operation has ended. won says whether err is the answer that
// its waiter gets.
func (e *Engine) completed(r *Request, err error, won bool) {
	ended := now()
	took := ended - r.began
	e.mu.Lock()
	defer e.mu.Unlock()
	e.callers.lastEnd = ended
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
	if l := r.node.List(); l == &e.queued {
		e.dequeue(r)
	} else if l != nil {
		l.Remove(&r.node)
	}
	e.makeRoom()
	e.checkDrained()
}
