package engine

import "asynccrypto/async"

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

// submit puts r in line and returns the status that its session gets.
func (e *Engine) submit(r *Request) (async.Status, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.closed {
		return async.StatusErr, ErrClosed
	}
	e.counts.Submitted++
	// Nobody waits while there is room, so there is nobody to overtake.
	if e.queued.n+e.taken.n < e.depth {
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
	for e.waiting.n > 0 && e.queued.n+e.taken.n < e.depth {
		r := e.waiting.head
		e.waiting.remove(r)
		e.queued.push(r)
		e.work.Signal()
	}
}

// take waits for requests and takes what is there, at most a batch. It returns none when the engine has been closed and
// none are left.
func (e *Engine) take(batch []*Request) []*Request {
	e.mu.Lock()
	defer e.mu.Unlock()
	for e.queued.n == 0 {
		if e.closed {
			return nil
		}
		e.work.Wait()
	}
	e.busy++
	for e.queued.n > 0 && len(batch) < e.maxBatch {
		r := e.queued.head
		e.queued.remove(r)
		e.taken.push(r)
		batch = append(batch, r)
	}
	e.counts.BatchSizes[len(batch)-1]++
	return batch
}

// completed accounts for a request whose operation has ended. won tells whether that is what its waiter gets.
func (e *Engine) completed(r *Request, err error, won bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	switch {
	case won && err == nil:
		e.counts.Completed++
	case won || r.expired.Load():
		e.counts.Failed++
	default:
		e.counts.Dropped++
	}
	e.unlist(r)
}

// expired makes err's way free for a request whose time is up before its operation has ended; false if that is not so.
func (e *Engine) expired(r *Request) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	if !r.state.CompareAndSwap(pending, answering) {
		return false
	}
	r.expired.Store(true)
	if r.inLine() {
		e.counts.Failed++
		e.unlist(r)
	}
	return true
}

// abandoned takes a request that nobody waits for any more out of the line. If the handler has it already it stays in
// flight until it is completed.
func (e *Engine) abandoned(r *Request) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if r.inLine() {
		e.counts.Dropped++
		e.unlist(r)
	}
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
