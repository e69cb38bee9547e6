package engine

import (
	"runtime"

	"asynccrypto/engine/internal/nice"
	"asynccrypto/internal/gid"
)

// worker runs the handler on whatever is queued until the engine is closed. It says on started, which may be nil, whether
// it has begun to.
func (e *Engine) worker(started chan<- error) {
	if e.nice != 0 {
		runtime.LockOSThread() // never unlocked: the thread ends with the goroutine, and its niceness with it
		// One that stands in for another goes on as it is: better than none.
		if err := nice.Add(e.nice); err != nil && started != nil {
			e.unstarted()
			started <- err
			return
		}
	}
	e.joined()
	if started != nil {
		started <- nil
	}
	closed := false
	defer func() { e.left(closed) }()
	var batch []*Request
	handed := make([]*Request, e.maxBatch) // a copy, for the handler to do with as it likes
	for batch = e.take(make([]*Request, 0, e.maxBatch)); len(batch) > 0; batch = e.take(batch) {
		guard(func() { e.handler(handed[:copy(handed, batch)]) }, func(p *PanicError) {
			each(batch, func(r *Request) { r.Complete(p) }) // does nothing for those completed before
		})
		clear(handed)
		if e.nice != 0 {
			nice.Yield()
		}
	}
	closed = true
}

// joined registers the calling goroutine as a worker.
func (e *Engine) joined() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.starts--
	e.workers[gid.Get()] = true
}

// unstarted takes back the announcement of a worker.
func (e *Engine) unstarted() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.starts--
	e.checkDrained()
}

// left is called when a worker's goroutine ends. If that is not because the engine is closed, the handler or a callback
// has exited it, and another takes its place.
func (e *Engine) left(closed bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	delete(e.workers, gid.Get())
	if !closed {
		e.busy--
		e.starts++
		go e.worker(nil)
	}
	e.checkDrained()
}

// onOwn reports whether the caller is in one of the engine's operations, or in a callback on one of its workers.
func (e *Engine) onOwn() bool {
	g := gid.Get()
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.inside(g)
}
