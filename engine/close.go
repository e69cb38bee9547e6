package engine

import (
	"context"
	"errors"
	"fmt"

	"asynccrypto/internal/list"
)

var errOwnWorker = errors.New("closed from its own operation or callback, for which it would wait")

// Close is Shutdown without a deadline: it returns when the last operation has ended.
func (e *Engine) Close() error { return e.Shutdown(context.Background()) }

// Shutdown closes the engine. From now on Do and signers get ErrClosed; what was accepted before, in line or in flight,
// is completed, and its waiters are woken as ever. It returns when nothing is left and the workers have ended.
//
// If ctx is done first, every waiter left gets an error that wraps ErrClosed, what has not begun never will, and
// Shutdown returns an error that wraps ctx's and says how many operations hang in the handler, or on their callers' own
// goroutines (Config.Direct), which get their results; nil if none does. Stats counts them as InFlight until they end.
// It may be called again, also by several goroutines. In one of the engine's operations,
// or a callback that a worker calls, it returns an error and does nothing.
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
		<-e.drained // all workers are on their way out
		return nil
	}
	return fmt.Errorf("engine %q: operations still running: %d: %w", e.name, hung, ctx.Err())
}

func (e *Engine) isClosed() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.closed
}

// giveUp answers everybody with err and returns how many operations are in the handler's hands, or how many handlers
// have completed theirs but not returned. The line is emptied in the moment of counting, so that no worker begins what
// was not counted.
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
	each(left, func(r *Request) { r.turnAway(err) })
	return hung
}

// checkDrained tells Shutdown when nothing is left. mu is held.
func (e *Engine) checkDrained() {
	if !e.closed {
		return
	}
	if e.waiting.Len()+e.queued.Len() == 0 {
		e.work.Broadcast() // the workers have stayed for those in line, and may go
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
