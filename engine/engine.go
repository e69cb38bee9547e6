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

// ErrClosed is the error of Do, and of every signer, on an engine or a signer that is closed. If it is the engine, the
// status of the job's WaitCtx is then StatusErr.
var ErrClosed = errors.New("engine: closed")

// Handler does the operations of a batch of 1 to MaxBatch requests. It runs on one of the engine's workers. It completes
// each request once, by Complete or Run, before it returns or later, from any goroutine. What has not been completed when
// it panics is completed with a *PanicError, also what it has passed on. The slice is the Handler's to change until it returns.
type Handler func(batch []*Request)

// Config describes an engine to New.
type Config struct {
	Name     string  // for errors and figures, lower case
	Handler  Handler // the only thing that makes one engine differ from the other
	Workers  int     // goroutines that run the Handler; 0 means GOMAXPROCS
	MaxBatch int     // requests that the Handler takes at once; 0 means 1
	// Depth bounds the requests that are queued or in flight; 0 means 16 batches for each worker. Beyond it requests
	// wait in line, with StatusEAGAIN. Since each is a paused job or a blocked goroutine, bounding those bounds the line.
	// A request is in flight until it is completed: a Handler that completes later, such as one that calls a remote
	// signer, wants as many as the other side can have in hand.
	Depth int
	// Nice, on Linux, is added to the workers' niceness: they run on threads of their own at that lower priority, so
	// that the rest of the program runs first when processors are short. The threads end with the engine. Operations,
	// and callbacks after them, are then under runtime.LockOSThread, where an async.Pool of others can't be used.
	Nice int
	// Direct runs operations that are not batched on the goroutine that calls Do, while the engine has a free worker
	// and no queue: all those on elliptic curves, and others where the goroutine has nothing else to do meanwhile.
	//
	//	operation                                in a job   context       runs on
	//	signature with a key from Prepare        either     either        a worker, in a batch
	//	elliptic curve: ECDSA, Ed25519, ECDH     either     either        the caller's goroutine
	//	every other                              no         cannot end    the caller's goroutine
	//	every other                              no         can end       a worker
	//	every other                              yes        either        a worker, while the job is paused
	//
	// The way to a worker and back costs up to 30 µs, about what an Ed25519 or P-256 signature takes itself. The row of
	// elliptic curves holds for the standard library's private keys with random bytes from crypto/rand, or none; any
	// other reader may block, so an operation with one is like every other. A context can end if its Done channel is
	// not nil: the caller may then have to return before the operation does.
	//
	// The caller's goroutine stands in for a worker, so no more operations run at once than there are Workers. Direct
	// has no effect with Nice, because the caller's thread does not run at the workers' priority.
	Direct bool
	// Prepare, if not nil, is called for each private key that is wrapped by Signer. What it returns comes back as
	// SignOp.Prepared; nil is for keys that need none. Then batches are of operations with such keys only, and every other
	// is handed to the Handler alone. wipe, which may be nil, is called once the signer is closed and no operation uses it
	// any more, or when it is collected. An error refuses the key. Several goroutines may call Prepare at once.
	Prepare func(key crypto.PrivateKey) (prepared any, wipe func(), err error)
	// Figures, if not nil, adds the Handler's own figures to Stats. It must not block, nor call the engine.
	Figures func(*Stats)
}

// Engine is a bounded queue of operations, the workers that run them, and the waking of who waits for them. Make it
// with New, or with a constructor such as workers.New. Any goroutine may use it. Its workers keep it until it is closed. In
// a bubble of testing/synctest use one that was made there, and there alone: the runtime ends the process otherwise.
type Engine struct {
	name     string
	handler  Handler
	maxBatch int
	depth    int
	nice     int
	limit    int  // workers that may be busy
	direct   bool // see Config.Direct
	prepare  func(crypto.PrivateKey) (any, func(), error)
	figures  func(*Stats)

	mu            sync.Mutex
	work          sync.Cond           // there is something to take, or the engine is closed
	waiting       list.List[*Request] // beyond depth, with StatusEAGAIN
	queued        list.List[*Request]
	taken         list.List[*Request] // by the handler, and not completed
	closed        bool
	workers       map[uintptr]bool // the running workers' goroutines, by gid.Get
	starts        int              // workers that are about to be among them
	busy          int              // workers in the handler
	directRunners []uintptr        // the goroutines that run their own operation in place of a worker, limit at most
	drained       chan struct{}    // closed when the engine is, and nothing is left
	counts        Stats
}

// New returns an engine with its workers started. Close it when it is no longer needed. It is an error if c lacks a Name
// or a Handler, if a number is negative or Nice above 19, or if the system can't make the
// workers nice.
func New(c Config) (*Engine, error) {
	if c.Name == "" {
		return nil, errors.New("engine: a Config needs a Name")
	}
	if c.Handler == nil {
		return nil, fmt.Errorf("engine %q: a Config needs a Handler", c.Name)
	}
	for _, o := range []struct {
		name  string
		value int
	}{{"Workers", c.Workers}, {"MaxBatch", c.MaxBatch}, {"Depth", c.Depth}} {
		if o.value < 0 {
			return nil, fmt.Errorf("engine %q: %s is at least 0, not %d", c.Name, o.name, o.value)
		}
	}
	if c.Nice < 0 || c.Nice > 19 {
		return nil, fmt.Errorf("engine %q: Nice is from 0 to 19, not %d", c.Name, c.Nice)
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

// Do runs op to its end and returns its error. On the goroutine of a job that ctx carries (async.NewContext) it pauses
// that job; on any other, and where pausing is blocked, it blocks.
//
// When the engine is full, op waits in line with the others, first in, first out; nobody needs to try again. A wait, of
// whatever length, ends in one wake. When ctx is done first, Do returns its error; when the job is cancelled,
// async.ErrCanceled. The operation is then abandoned: it may still be running, so the caller must not touch op again.
// A closed engine gives ErrClosed at once, an operation that panics a *PanicError.
//
// Inside another operation of the engine op would wait for a place that its caller holds. So it is run there and then,
// whatever ctx says later, and Stats does not count it. The engine can't see that it is inside when it is called from a
// goroutine or a job that the operation has started and waits for, or through an operation of another engine: then all
// the workers may come to wait for each other.
func (e *Engine) Do(ctx context.Context, op Op) error {
	if isNil(op) {
		return fmt.Errorf("engine %q: no operation", e.name)
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	job, ok := async.FromContext(ctx)
	inJob := ok && job.InJob()
	if inJob && job.Err() == async.ErrCanceled {
		return job.Pause() // ErrCanceled, the second time it unwinds
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

// doInJob pauses job until r is done. Fds, status and callback are the job's to touch while it runs, see WaitCtx.
func (e *Engine) doInJob(job async.Job, r *Request) error {
	if err := r.attach(); err != nil {
		r.setStatus(async.StatusErr)
		return err
	}
	var g uintptr
	if e.direct {
		g = gid.Get() // the job itself may be in an operation, else only workers are
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
			if r.abandon() && !r.expired.Load() {
				r.wipe()
			}
			return err
		}
	}
	return r.consume()
}

// doBlocking waits on the caller's goroutine.
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
