package engine

import (
	"runtime"

	"asynccrypto/internal/gid"
)

// worker runs the handler on whatever is queued until the engine is closed.
func (e *Engine) worker(started chan<- error) {
	if e.nice != 0 {
		runtime.LockOSThread() // never unlocked: the thread ends with the goroutine, and its niceness with it
		if err := setNice(e.nice); err != nil {
			e.left(true)
			started <- err
			return
		}
	}
	e.joined()
	started <- nil
	batch := make([]*Request, 0, e.maxBatch)
	for {
		if batch = e.take(batch[:0]); len(batch) == 0 {
			break
		}
		guard(func() { e.handler(batch) }, func(p *PanicError) {
			for _, r := range batch {
				r.Complete(p) // does nothing for those completed before
			}
			if p.exited {
				e.replace()
			}
		})
		clear(batch)
		e.returned()
	}
	e.left(false)
}

// joined registers the calling goroutine as a worker.
func (e *Engine) joined() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.starts--
	e.workers[gid.Get()] = true
}

// returned says that the handler has.
func (e *Engine) returned() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.busy--
}

// left undoes joined, or what announced it.
func (e *Engine) left(unstarted bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if unstarted {
		e.starts--
	} else {
		delete(e.workers, gid.Get())
	}
	e.checkDrained()
}

// replace makes a worker to stand in for the calling one, whose goroutine is exiting.
func (e *Engine) replace() {
	e.mu.Lock()
	defer e.mu.Unlock()
	delete(e.workers, gid.Get())
	e.busy--
	e.starts++
	go e.worker(make(chan error, 1))
}

// onWorker reports whether the caller is one of the engine's workers.
func (e *Engine) onWorker() bool {
	g := gid.Get()
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.workers[g]
}
