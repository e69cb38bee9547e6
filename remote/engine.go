package remote

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"asynccrypto/engine"
	"asynccrypto/remote/internal/pool"
	"asynccrypto/remote/internal/wire"
)

// Engine is a set of key servers, and an engine for their keys. Make one with [New] or [Local]. Any
// goroutine may use it. Call Close when done.
type Engine struct {
	timeout time.Duration
	eng     *engine.Engine
	pool    *pool.Pool
	local   func() error // closes the node of Local; nil without one

	mu      sync.Mutex
	figures map[wire.KeyID]*figures
}

// figures counts the operations of a key, for [KeyStats].
type figures struct {
	name               atomic.Pointer[string]
	signed, failed     atomic.Uint64
	verified, rejected atomic.Uint64
}

// New returns an engine whose connections are being made: it does not wait for them, and it returns
// an error only if c is wrong.
func New(c Config) (*Engine, error) {
	c, err := c.complete()
	if err != nil {
		return nil, err
	}
	return newEngine(c, c.dial, lookup)
}

func newEngine(c Config, dial pool.Dial, lookup pool.Lookup) (*Engine, error) {
	e := &Engine{timeout: c.Timeout, figures: make(map[wire.KeyID]*figures)}
	var err error
	e.eng, err = engine.New(engine.Config{Name: "remote", Handler: e.handle, Workers: 1, MaxBatch: 64, Depth: c.Depth})
	if err != nil {
		return nil, err
	}
	e.pool = pool.New(pool.Config{Nodes: c.Nodes, Dial: dial, Lookup: lookup, VerifyAll: c.VerifyAll, Logger: c.Logger})
	return e, nil
}

// Engine returns the engine of e's signers, for the figures of its queue. Operations that are not
// those of e's keys run on its one worker, one after another.
func (e *Engine) Engine() *engine.Engine { return e.eng }

// handle is the engine's Handler. It passes operations with keys of the nodes on to the pool.
func (e *Engine) handle(batch []*engine.Request) {
	calls := make([]*pool.Call, 0, len(batch))
	for _, r := range batch {
		switch o := r.Op().(type) {
		case *engine.SignOp:
			if k, ok := o.Key.(*key); ok && k.e == e {
				calls = k.begin(calls, r, o.Digest, false, o.Opts)
				continue
			}
		case *engine.SignMessageOp:
			if k, ok := o.Key.(*key); ok && k.e == e {
				calls = k.begin(calls, r, o.Message, true, o.Opts)
				continue
			}
		case *query:
			calls = o.begin(calls, r)
			continue
		}
		r.Run()
	}
	e.pool.Do(calls...)
}

// call returns a call for a request of the engine: with its deadline, and its patience.
func (e *Engine) call(r *engine.Request, task pool.Task, q wire.Request) pool.Call {
	ctx := r.Context()
	c := pool.Call{Request: q, Task: task, Fallback: engine.HasFallback(ctx)}
	var ok bool
	if c.Deadline, ok = ctx.Deadline(); ok {
		c.Wait = time.Until(c.Deadline)
	} else {
		c.Deadline, c.Wait = time.Now().Add(e.timeout), min(waitForNode, e.timeout)
	}
	return c
}

// Close ends e at once: operations that are in line or under way return an error that wraps
// [engine.ErrClosed]. It returns when no goroutine and no connection of e's is left. To let operations
// end first, call [Engine.Shutdown]. Close may be called again, and by several goroutines. If a
// callback on one of e's goroutines calls it, it returns an error and does nothing.
func (e *Engine) Close() error {
	now, cancel := context.WithCancel(context.Background())
	cancel()
	if err := e.Shutdown(now); err != nil && !errors.Is(err, context.Canceled) {
		return err
	}
	return nil
}

// Shutdown closes e when its operations have ended. From then on signers return an error that wraps
// [engine.ErrClosed]. If ctx is done first, the operations that are left end with that error, too,
// and Shutdown returns an error that wraps ctx's if nodes had some of them.
func (e *Engine) Shutdown(ctx context.Context) error {
	if e.pool.Inside() {
		return errors.New("remote: closed in a callback of one of the engine's own operations, for which it would wait; close it on another goroutine")
	}
	err := e.eng.Shutdown(ctx)
	if err != nil && !errors.Is(err, ctx.Err()) {
		return err // called on the engine's own worker
	}
	e.pool.Close()
	e.eng.Close()
	if e.local != nil {
		e.local()
	}
	return err
}

// figuresOf returns the figures of a key.
func (e *Engine) figuresOf(id wire.KeyID, name string) *figures {
	e.mu.Lock()
	defer e.mu.Unlock()
	f, ok := e.figures[id]
	if !ok {
		f = new(figures)
		e.figures[id] = f
	}
	if name != "" || !ok {
		f.name.Store(&name)
	}
	return f
}
