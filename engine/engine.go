package engine

import (
	"context"
	"crypto"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"sync"
	"unicode/utf8"

	"asynccrypto/async"
	"asynccrypto/internal/gid"
	"asynccrypto/internal/list"
)

// ErrClosed is the error of [Engine.Do], and of every signer, when the engine or the signer is
// closed. If it is the engine, the status of the job's WaitCtx is then async.StatusErr.
var ErrClosed = errors.New("engine: closed")

// ErrUnavailable is in the error of an operation that could not be done because the place of the
// key, such as an HSM or a key server, cannot be reached or does not work. The operation and its
// input are not at fault, so another place that has the key may be asked: package
// [asynccrypto/engine/fallback] does that. An engine's Handler completes requests with an error that
// wraps ErrUnavailable. See [WithFallback], too.
var ErrUnavailable = errors.New("the key is unavailable")

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
	// Direct runs some operations on the goroutine that calls Do: those for which the way to a
	// worker and back, 2 to 30 µs, would cost more than it gains.
	//
	//	operation                    in a job   context      runs on the caller's goroutine if
	//	short, shares batches        no         either       the caller is alone
	//	short, shares batches        yes        either       never: the job is paused
	//	short, shares no batch       no         either       a worker is free and none is queued
	//	short, shares no batch       yes        either       the engine has been idle for 50 µs
	//	other, shares batches        no         cannot end   the caller is alone
	//	other, shares no batch       no         cannot end   a worker is free and none is queued
	//	every other                                          never
	//
	// All the rest goes to the workers. An operation is short if it is a [VerifyOp] or a
	// [GenerateKeyOp], or if it is on an elliptic curve (ECDSA, Ed25519, ECDH), its key is the
	// standard library's, and its random bytes come from crypto/rand or are not needed: any other
	// reader may block. With a message of more than 64 KB, which Ed25519 takes long to hash, no
	// operation is short. An operation shares batches if MaxBatch is above 1 and its Kind is not 0. A context
	// can end if its Done channel is not nil: the caller may then have to return before the
	// operation does.
	//
	// A caller is alone if no other operation is queued or in flight, and it is not one of many
	// callers that take turns. On one processor each of those would find the engine idle and run
	// its operation by itself, while a batch would serve eight of them in the same time. So a
	// caller whose operation follows another by less than 200 µs sometimes yields its processor
	// first. If others call Do meanwhile, all of them are many, and their operations go to the
	// workers, until eight batches in a row have held one operation each, or the engine has been
	// idle for 1 ms. If nobody calls, the next yield comes 250 µs later, or after 100 times as long
	// as the yield took. That is at most 10 ms, unless several yields in a row took long.
	//
	// The caller's goroutine stands in for a worker, so no more operations run at once than there
	// are Workers. With Nice, Direct has an effect only on [TrySign], because the caller's thread does
	// not run at the workers' priority.
	Direct bool
	// Alone runs an operation that Direct leaves to the goroutine that calls Do; nil means op.Run.
	// The operation may be of any kind, not only of kind 0. Without Direct nothing would call Alone,
	// so New refuses it. An engine that has several methods chooses the fastest one for a single
	// operation here. The prepared form of the operation's key is not wiped meanwhile.
	Alone func(op Op) error
	// Kind, if not nil, says which operations share a batch: those of the same kind. An operation
	// of kind 0 is given to the Handler alone. A free worker takes the oldest operation of the
	// queue, whatever its kind, and with it the next oldest of that kind, wherever they stand in
	// line. So no kind can keep another waiting. Kind is called once for each operation, on the
	// goroutine that calls Do. It must neither block nor call the engine. If Kind is nil, all
	// operations share batches.
	Kind func(op Op) int
	// Kinds names the kinds for [Stats]: Kinds[k] is the name of kind k. It is required if Kind is
	// set. The names are different, not empty, and valid UTF-8, because metrics use them as labels.
	// Kind 0 also takes the operations for which Kind returns no index of Kinds.
	Kinds []string
	// Prepare, if not nil, is called for each private key that [Engine.Signer] or
	// [Engine.KeyExchanger] wraps. Prepared of a [SignOp] or an [ECDHOp] holds its result for the
	// Handler; nil means that the key needs no preparation. If Prepare returns an error, the key is
	// refused with an error that wraps it. wipe may be nil. The engine calls it once, when the
	// signer is closed and no operation uses the prepared key any more, or when the signer is
	// garbage. Several goroutines may call Prepare at once.
	Prepare func(key crypto.PrivateKey) (prepared any, wipe func(), err error)
	// PreparePublic, if not nil, is called for each public key that [Engine.Verifier] wraps, with
	// the engine's own copy of it. [VerifyOp].Prepared holds its result for the Handler; nil means
	// that the key needs no preparation. If PreparePublic returns an error, Verifier refuses the
	// key with an error that wraps it. Several goroutines may call PreparePublic at once.
	PreparePublic func(key crypto.PublicKey) (prepared any, err error)
	// Figures, if not nil, adds the Handler's own statistics to [Stats]: it sets Vectorized and
	// Recomputed, and adds to Kinds what is computed without the engine. It must neither block nor
	// call the engine.
	Figures func(*Stats)
}

// Engine is a bounded queue of operations, the workers that run them, and the signers and wakes of
// their callers. Make one with [New] or with a constructor such as workers.New. Any goroutine may
// use it. Call Close when done: the workers keep an Engine from being garbage until then. Use an
// Engine that was made in a bubble of testing/synctest only in that bubble, and use no other
// Engine there; otherwise the runtime ends the process.
type Engine struct {
	name          string
	handler       Handler
	maxBatch      int
	depth         int
	nice          int
	limit         int            // Config.Workers: bounds the workers and direct runners at once
	direct        bool           // see Config.Direct
	alone         func(Op) error // see Config.Alone; not nil
	kind          func(Op) int
	prepare       func(crypto.PrivateKey) (any, func(), error)
	preparePublic func(crypto.PublicKey) (any, error)
	figures       func(*Stats)

	mu            sync.Mutex
	work          sync.Cond             // signaled when a request is queued, or the engine is closed
	waiting       list.List[*Request]   // in line, beyond depth, with StatusEAGAIN
	queued        list.List[*Request]   // for the next free worker
	byKind        []list.List[*Request] // the queued requests that share batches, by their kind
	taken         list.List[*Request]   // by the handler, and not complete
	closed        bool                  // nothing more is accepted
	workers       map[uintptr]bool      // the goroutines of the running workers, by gid.Get
	starts        int                   // workers that are about to enter that map
	busy          int                   // workers in the handler
	directRunners []uintptr             // goroutines that run their own operation in place of a worker
	callers       callers               // whether they are many
	yields        yields                // of workers
	readies       sync.Pool             // empty channels for Request.ready; a bubble's must not leave it
	drained       chan struct{}         // closed when the engine is closed and nothing is left
	counts        Stats
}

// New returns an engine with its workers started. Call Close when done. New returns an error if c
// lacks a Name or a Handler, if a number is negative, if Nice is above 19, if Kind and Kinds do
// not go together, if Alone is set without Direct, or if the system cannot lower the workers'
// priority.
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
	if c.Alone != nil && !c.Direct {
		return nil, fmt.Errorf("engine %q: Alone is set and nothing would call it; set Direct too", c.Name)
	}
	if (c.Kind == nil) != (len(c.Kinds) == 0) {
		return nil, fmt.Errorf("engine %q: Kind and Kinds go together: set both or neither", c.Name)
	}
	for i, name := range c.Kinds {
		if name == "" || !utf8.ValidString(name) || slices.Contains(c.Kinds[:i], name) {
			return nil, fmt.Errorf("engine %q: Kinds[%d] is %q; give each kind a name of its own, in UTF-8", c.Name, i, name)
		}
	}
	if c.Alone == nil {
		c.Alone = Op.Run
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
		direct:        c.Direct,
		alone:         c.Alone,
		kind:          c.Kind,
		byKind:        make([]list.List[*Request], max(len(c.Kinds), 2)),
		prepare:       c.Prepare,
		preparePublic: c.PreparePublic,
		figures:       c.Figures,
		workers:       make(map[uintptr]bool, c.Workers),
		directRunners: make([]uintptr, 0, c.Workers),
		starts:        c.Workers,
		callers:       callers{lastEnd: now() - crowdLeft, yields: yields{least: yieldPause, next: now()}},
		yields:        yields{next: now()},
		drained:       make(chan struct{}),
	}
	e.work.L = &e.mu
	e.counts.BatchSizes = make([]uint64, c.MaxBatch)
	for _, name := range c.Kinds {
		e.counts.Kinds = append(e.counts.Kinds, KindStats{Name: name})
	}
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
	kind := e.kindOf(op)
	began := now()
	if e.mayRunDirect(ctx, op, kind, inJob) {
		if done, err := e.runDirect(op, kind, inJob, began); done {
			return err
		}
	}
	if inJob {
		return e.doInJob(job, &Request{e: e, ctx: ctx, op: op, kind: kind, began: began, w: job.WaitCtx()})
	}
	return e.doBlocking(&Request{e: e, ctx: ctx, op: op, kind: kind, began: began})
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
	r.ready = e.getReady()
	if _, err := e.submit(r, gid.Get()); err == errInside {
		return runRecovered(r.op)
	} else if err != nil {
		return err
	}
	if r.ctx.Done() == nil { // as for most callers; a select takes longer
		<-r.ready
	} else {
		select {
		case <-r.ready:
		case <-r.ctx.Done():
			r.expire(r.ctx.Err())
			<-r.ready // with that error, unless the operation was done at the same moment
		}
	}
	e.readies.Put(r.ready)
	return r.consume()
}

// getReady returns an empty channel for [Request].ready.
func (e *Engine) getReady() chan struct{} {
	if c, ok := e.readies.Get().(chan struct{}); ok {
		return c
	}
	return make(chan struct{}, 1)
}
