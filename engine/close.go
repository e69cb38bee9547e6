package engine

import (
	"context"
	"errors"
	"fmt"

	"asynccrypto/internal/list"
)

var errOwnWorker = errors.New("closed in one of its own operations or callbacks, for which it would wait; close it on another goroutine")

// Close is [Engine.Shutdown] without a deadline: it returns when the last operation has ended.
func (e *Engine) Close() error { return e.Shutdown(context.Background()) }

// Shutdown closes the engine. From then on [Engine.Do] and signers return ErrClosed. Operations
// that were accepted before, in line or in flight, are completed and wake their callers as usual.
// Shutdown returns nil when no operation is left and the workers have ended.
//
// If ctx is done first, every operation that is left returns an error that wraps ErrClosed, and
// operations that have not begun never begin. Operations that run directly (see [Config].Direct)
// are an exception: their callers get their results. If operations still run then, in the handler
// or directly, Shutdown returns an error that wraps ctx's and gives their number; otherwise it
// returns nil. Stats counts those operations as InFlight until they end.
//
// Shutdown may be called again, and by several goroutines. If one of the engine's operations calls
// it, or a callback on one of the engine's workers, it returns an error and does nothing.
func (e *Engine) Shutdown(ctx context.Context) error {
	if e.onOwn() {
		return fmt.Errorf("engine %q: %w", e.name, errOwnWorker)
	}
	e.mu.Lock()
	e.closed = true
	e.work.Broadcast()
	e.checkDrained()
	e.mu.Unlock()
	select {
	case <-e.drained:
		return nil
	case <-ctx.Done():
	}
	hung := e.giveUp(fmt.Errorf("%w before the operation was done", ErrClosed))
	if hung == 0 {
		<-e.drained // every worker is about to end
		return nil
	}
	return fmt.Errorf("engine %q: operations still running: %d: %w", e.name, hung, ctx.Err())
}

func (e *Engine) isClosed() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.closed
}

// giveUp answers every request with err. It returns how many operations run directly, plus the
// larger of two numbers: operations in the handler's hands, and workers in the handler. It counts
// and empties the line under one lock, so that no worker begins an operation that was not
// counted.
func (e *Engine) giveUp(err error) (hung int) {
	at := now()
	e.mu.Lock()
	hung = max(e.taken.Len(), e.busy) + len(e.directRunners)
	var left []*Request
	for _, l := range []*list.List[*Request]{&e.waiting, &e.queued, &e.taken} {
		for n := l.Front(); n != nil; {
			next := n.Next()
			if e.expiredLocked(n.Value, at) {
				left = append(left, n.Value)
			}
			n = next
		}
	}
	e.mu.Unlock()
	each(left, func(r *Request) { r.answerEarly(err) })
	return hung
}

// checkDrained closes drained when the engine is closed and nothing is left. mu is held.
func (e *Engine) checkDrained() {
	if !e.closed {
		return
	}
	if e.waiting.Len()+e.queued.Len() == 0 {
		e.work.Broadcast() // the workers stayed for the requests in line, and may end now
	}
	if e.waiting.Len()+e.queued.Len()+e.inFlight()+len(e.workers)+e.starts > 0 {
		return
	}
	select {
	case <-e.drained:
	default:
		close(e.drained)
	}
}
