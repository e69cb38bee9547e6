package engine

import (
	"runtime"

	"asynccrypto/engine/internal/nice"
	"asynccrypto/internal/gid"
)

// worker runs the handler on queued requests until the engine is closed. It sends to started,
// which may be nil, the error that kept it from starting, or nil.
func (e *Engine) worker(started chan<- error) {
	if e.nice != 0 {
		runtime.LockOSThread() // never unlocked: the thread and its niceness end with the goroutine
		// A replacement worker that cannot be made nice works on at normal priority: better than
		// no worker.
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
	handed := make([]*Request, e.maxBatch) // a copy, which the handler may change
	for batch = e.take(make([]*Request, 0, e.maxBatch)); len(batch) > 0; batch = e.take(batch) {
		guard(func() { e.handler(handed[:copy(handed, batch)]) }, func(p *PanicError) {
			each(batch, func(r *Request) { r.Complete(p) }) // does nothing for complete ones
		})
		clear(handed)
		if e.nice != 0 {
			e.letOthersRun()
		}
	}
	closed = true
}

// letOthersRun lets the rest of the program run before the next batch. If workers can occupy all of
// Go's processors, goroutines get the caller's: those that answer the last requests and read new ones
// then run at once, and a full batch is there afterwards. Otherwise they have a processor, but perhaps
// share the machine's with the caller's thread.
func (e *Engine) letOthersRun() {
	if runtime.GOMAXPROCS(0) <= e.limit {
		runtime.Gosched()
	} else {
		nice.Yield()
	}
}

// joined registers the calling goroutine as a worker.
func (e *Engine) joined() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.starts--
	e.workers[gid.Get()] = true
}

// unstarted says that a worker which was about to start will not.
func (e *Engine) unstarted() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.starts--
	e.checkDrained()
}

// left is called when a worker's goroutine ends. If the engine is not closed, the handler or a
// callback has called runtime.Goexit, and another worker takes its place.
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

// onOwn reports whether the calling goroutine is in one of the engine's operations, or in a
// callback on one of its workers.
func (e *Engine) onOwn() bool {
	g := gid.Get()
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.inside(g)
}
