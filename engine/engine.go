package engine

import (
	"context"
	"crypto"
	"errors"
	"fmt"
	"runtime"
	"sync"

	"asynccrypto/async"
	"asynccrypto/internal/gid"
	"asynccrypto/internal/list"
)

// ErrClosed is the error of [Engine.Do], and of every signer, when the engine or the signer is
// closed. If it is the engine, the status of the job's WaitCtx is then async.StatusErr.
var ErrClosed = errors.New("engine: closed")

// Handler does the operations of a batch of 1 to [Config].MaxBatch requests. An engine calls it
// on one of its workers, on several of them at once. The Handler completes each request once, by
// [Request.Complete] or [Request.Run], before it returns or later, on any goroutine. If it
// panics, the requests of the batch that are not complete yet are completed with a [*PanicError],
// including those that it has handed to another goroutine. The Handler may change the slice until
// it returns.
type Handler func(batch []*Request)

// Config describes an engine to [New]. Name and Handler are required.
type Config struct {
	Name     string  // names the engine in errors and statistics; lower case
	Handler  Handler // does the operations; all else is the same for every engine
	Workers  int     // how many goroutines run the Handler; 0 means GOMAXPROCS
	MaxBatch int     // the most requests that the Handler is given at once; 0 means 1
	// Depth bounds the requests that are queued or in flight; 0 means 16 batches for each worker.
	// Further requests wait in line, with async.StatusEAGAIN. Each of them is a paused job or a
	// blocked goroutine, so a bound on those bounds the line. A request is in flight until it is
	// completed. For a Handler that completes its requests later, such as one that calls a remote
	// signer, set Depth to the number of requests that the other side can work on at once.
	Depth int
	// Nice, on Linux, is added to the niceness of the workers. They then run on threads of their
	// own with that lower priority, so that the rest of the program goes first when processors
	// are short. The threads end with the engine. Operations, and the callbacks that follow them,
	// run under runtime.LockOSThread, so they cannot use an [async.Pool] that belongs to other
	// goroutines. 0 to 19; on other systems New returns an error unless it is 0.
	Nice int
	// Direct runs some operations on the goroutine that calls Do, while a worker is free and
	// nothing is queued: those on elliptic curves, and those whose caller could do nothing but
	// wait. The first row that fits an operation applies.
	//
	//	operation                                in a job   context       runs on
	//	signature with a prepared key            either     either        a worker, in a batch
	//	elliptic curve: ECDSA, Ed25519, ECDH     either     either        the caller's goroutine
	//	every other                              no         cannot end    the caller's goroutine
	//	every other                              no         can end       a worker
	//	every other                              yes        either        a worker; the job is paused
	//
	// The way to a worker and back costs up to 30 µs, about as much as an Ed25519 or P-256
	// signature itself. The row of elliptic curves applies to the standard library's private keys
	// if the random bytes come from crypto/rand or are not needed. Any other reader may block, so
	// an operation with one belongs to the rows below. A context can end if its Done channel is
	// not nil: the caller may then have to return before the operation does.
	//
	// The caller's goroutine stands in for a worker, so no more operations run at once than there
	// are Workers. Direct has no effect with Nice, because the caller's thread does not run at
	// the workers' priority.
	Direct bool
	// Prepare, if not nil, is called for each private key that [Engine.Signer] wraps.
	// [SignOp].Prepared holds its result for the Handler; nil means that the key needs no
	// preparation. If Prepare is set, only operations with prepared keys share a batch, and the
	// Handler is given every other operation alone. If Prepare returns an error, Signer refuses
	// the key with an error that wraps it. wipe may be nil. The engine calls it once, when the
	// signer is closed and no operation uses the prepared key any more, or when the signer is
	// garbage. Several goroutines may call Prepare at once.
	Prepare func(key crypto.PrivateKey) (prepared any, wipe func(), err error)
	// Figures, if not nil, adds the Handler's own statistics to [Stats]. It must neither block nor
	// call the engine.
	Figures func(*Stats)
}

// Engine is a bounded queue of operations, the workers that run them, and the signers and wakes of
// their callers. Make one with [New] or with a constructor such as workers.New. Any goroutine may
// use it. Call Close when done: the workers keep an Engine from being garbage until then. Use an
// Engine that was made in a bubble of testing/synctest only in that bubble, and use no other
// Engine there; otherwise the runtime ends the process.
type Engine struct {
	name     string
	handler  Handler
	maxBatch int
	depth    int
	nice     int
	limit    int  // of operations that workers and direct runners run at once: Config.Workers
	direct   bool // see Config.Direct
	prepare  func(crypto.PrivateKey) (any, func(), error)
	figures  func(*Stats)

	mu            sync.Mutex
	work          sync.Cond           // signaled when a request is queued, or the engine is closed
	waiting       list.List[*Request] // in line, beyond depth, with StatusEAGAIN
	queued        list.List[*Request] // for the next free worker
	taken         list.List[*Request] // by the handler, and not complete
	closed        bool                // nothing more is accepted
	workers       map[uintptr]bool    // the goroutines of the running workers, by gid.Get
	starts        int                 // workers that are about to enter that map
	busy          int                 // workers in the handler
	directRunners []uintptr           // goroutines that run their own operation in place of a worker
	drained       chan struct{}       // closed when the engine is closed and nothing is left
	counts        Stats
}

// New returns an engine with its workers started. Call Close when done. New returns an error if c
// lacks a Name or a Handler, if a number is negative, if Nice is above 19, or if the system
// cannot lower the workers' priority.
func New(c Config) (*Engine, error) {
	if c.Name == "" {
		return nil, errors.New("engine: Config.Name is empty; name the engine, as in \"workers\"")
	}
	if c.Handler == nil {
		return nil, fmt.Errorf("engine %q: Config.Handler is nil; set the function that does the operations", c.Name)
	}
	for _, o := range []struct {
		name  string
		value int
	}{{"Workers", c.Workers}, {"MaxBatch", c.MaxBatch}, {"Depth", c.Depth}} {
		if o.value < 0 {
			return nil, fmt.Errorf("engine %q: %s is %d; it must be at least 0", c.Name, o.name, o.value)
		}
	}
	if c.Nice < 0 || c.Nice > 19 {
		return nil, fmt.Errorf("engine %q: Nice is %d; it must be between 0 and 19", c.Name, c.Nice)
	}
	if c.Workers == 0 {
		c.Workers = runtime.GOMAXPROCS(0)
	}
	if c.MaxBatch == 0 {
		c.MaxBatch = 1
	}
	if c.Depth == 0 {
		c.Depth = 16 * c.Workers * c.MaxBatch
	}
	e := &Engine{
		name:          c.Name,
		handler:       c.Handler,
		maxBatch:      c.MaxBatch,
		depth:         c.Depth,
		nice:          c.Nice,
		limit:         c.Workers,
		direct:        c.Direct && c.Nice == 0,
		prepare:       c.Prepare,
		figures:       c.Figures,
		workers:       make(map[uintptr]bool, c.Workers),
		directRunners: make([]uintptr, 0, c.Workers),
		starts:        c.Workers,
		drained:       make(chan struct{}),
	}
	e.work.L = &e.mu
	e.counts.BatchSizes = make([]uint64, c.MaxBatch)
	started := make(chan error, c.Workers)
	for range c.Workers {
		go e.worker(started)
	}
	var err error
	for range c.Workers {
		if failed := <-started; failed != nil {
			err = failed // the same for all
		}
	}
	if err != nil {
		e.Close()
		return nil, fmt.Errorf("engine %q: %w", c.Name, err)
	}
	return e, nil
}

// Name returns Config.Name.
func (e *Engine) Name() string { return e.name }

// Do runs op to its end and returns its error. If ctx carries a job ([async.NewContext]) and Do is
// called on the job's goroutine, Do pauses the job. On any other goroutine, and while pausing is
// blocked, Do blocks.
//
// When the engine is full, op waits in line, first in, first out; the caller need not try again. A
// wait of any length ends in one wake.
//
// Do returns before op has ended in two cases: when ctx is done, with ctx's error, and when the
// job is cancelled, with async.ErrCanceled. The operation is then abandoned. It may still be
// running, so the caller must not touch op again. Do returns ErrClosed at once if the engine is
// closed, and a [*PanicError] if op panics.
//
// If an operation calls Do of its own engine, op would wait for the worker that the caller
// occupies. So Do then runs op at once on the caller's goroutine, even if ctx ends meanwhile, and
// Stats does not count op. The engine cannot recognize such a call if it comes from a goroutine or
// a job that the operation has started and waits for, or through an operation of another engine.
// Do not call Do in such ways: all workers may end up waiting for each other.
func (e *Engine) Do(ctx context.Context, op Op) error {
	if isNil(op) {
		return fmt.Errorf("engine %q: no operation: op is nil", e.name)
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	job, ok := async.FromContext(ctx)
	inJob := ok && job.InJob()
	if inJob && job.Err() == async.ErrCanceled {
		return job.Pause() // returns ErrCanceled; the second time it unwinds the job
	}
	began := now()
	if e.mayRunDirect(ctx, op, inJob) {
		if done, err := e.runDirect(op, began); done {
			return err
		}
	}
	if inJob {
		return e.doInJob(job, &Request{e: e, ctx: ctx, op: op, began: began, w: job.WaitCtx()})
	}
	return e.doBlocking(&Request{e: e, ctx: ctx, op: op, began: began, ready: make(chan struct{})})
}

// doInJob pauses job until r is done. The running job owns its session's fds, status and
// callback, so doInJob may use them: see async.WaitCtx.
func (e *Engine) doInJob(job async.Job, r *Request) error {
	if err := r.attach(); err != nil {
		r.setStatus(async.StatusErr)
		return err
	}
	var g uintptr
	if e.direct {
		g = gid.Get() // the job itself may be running an operation directly
	}
	status, err := e.submit(r, g)
	if err == errInside {
		return runRecovered(r.op)
	}
	r.setStatus(status)
	if err != nil {
		return err
	}
	if r.ctx.Done() != nil {
		stop := context.AfterFunc(r.ctx, func() { r.expire(r.ctx.Err()) })
		defer stop()
	}
	for paused := false; !r.settled(paused); paused = true {
		if err := job.Pause(); err != nil {
			if r.abandon() && !r.expired.Load() { // otherwise Complete, or abandon, wipes it
				r.wipe()
			}
			return err
		}
	}
	return r.consume()
}

// doBlocking blocks the caller's goroutine until r is done.
func (e *Engine) doBlocking(r *Request) error {
	if _, err := e.submit(r, gid.Get()); err == errInside {
		return runRecovered(r.op)
	} else if err != nil {
		return err
	}
	select {
	case <-r.ready:
	case <-r.ctx.Done():
		r.expire(r.ctx.Err())
		<-r.ready // with that error, unless the operation was done at the same moment
	}
	return r.consume()
}
