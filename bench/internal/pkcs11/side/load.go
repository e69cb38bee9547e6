package side

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"asynccrypto/async"
	"asynccrypto/internal/measure"
)

// Load is how many operations are in flight: each caller asks for a signature as soon as it has the
// one before.
type Load struct {
	InFlight int  `json:"in_flight"`
	Jobs     bool `json:"jobs"` // the callers are jobs on one goroutine; else a goroutine each
}

// load is a load under way.
type load struct {
	running sync.WaitGroup
	started atomic.Int64 // callers that have a signature
	stopped atomic.Bool
	clock   atomic.Bool // it runs
	done    atomic.Uint64
	records []*record
	took    [][]time.Duration // of each caller, while the clock ran

	mu  sync.Mutex
	err error // the first
}

// binder is a key that can sign in jobs.
type binder interface {
	WithContext(context.Context) crypto.Signer
}

// begin begins a load, and returns when each caller has a signature: with a thread for each
// operation it takes seconds until all of them are in flight.
func begin(key crypto.Signer, l Load) (*load, error) {
	if l.InFlight < 1 {
		return nil, errors.New("begin: a load of no operation")
	}
	run := &load{records: make([]*record, l.InFlight), took: make([][]time.Duration, l.InFlight)}
	for i := range run.records {
		run.records[i] = &record{caller: uint64(i)}
	}
	if !l.Jobs {
		for i := range l.InFlight {
			run.running.Go(func() { run.caller(i, key) })
		}
		run.start()
		return run, nil
	}
	b, ok := key.(binder)
	if !ok {
		return nil, fmt.Errorf("begin: a key that cannot sign in jobs: %T", key)
	}
	runner, err := measure.NewRunner(l.InFlight)
	if err != nil {
		return nil, err
	}
	run.running.Go(func() {
		run.jobs(runner, b)
		if err := runner.Close(); err != nil {
			run.fail(err)
		}
	})
	run.start()
	return run, nil
}

// start returns when each caller has a signature, or one has failed.
func (l *load) start() {
	for int(l.started.Load()) < len(l.records) && !l.stopped.Load() {
		time.Sleep(time.Millisecond)
	}
}

func (l *load) fail(err error) {
	l.stopped.Store(true)
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.err == nil {
		l.err = err
	}
}

// caller is one of the goroutines.
func (l *load) caller(i int, key crypto.Signer) {
	for !l.stopped.Load() {
		digest, begun := l.records[i].digest(), time.Now()
		signature, err := key.Sign(nil, digest[:], crypto.SHA256)
		l.end(i, begun, signature, err)
	}
}

// jobs runs the jobs on its goroutine.
func (l *load) jobs(runner *measure.Runner, key binder) {
	type result struct {
		begun     time.Time
		signature []byte
	}
	results := make([]result, runner.Jobs())
	runner.Run(func(i int) async.Func {
		if l.stopped.Load() {
			return nil
		}
		results[i].begun = time.Now()
		return func(j async.Job) (err error) {
			digest := l.records[i].digest()
			ctx := async.NewContext(context.Background(), j)
			results[i].signature, err = key.WithContext(ctx).Sign(nil, digest[:], crypto.SHA256)
			return err
		}
	}, func(i int, err error) {
		l.end(i, results[i].begun, results[i].signature, err)
	})
}

// end notes an operation that has ended.
func (l *load) end(i int, begun time.Time, signature []byte, err error) {
	if err != nil {
		l.fail(err)
		return
	}
	if l.records[i].count == 0 {
		l.started.Add(1)
	}
	l.records[i].add(signature)
	if l.clock.Load() {
		l.done.Add(1)
		l.took[i] = append(l.took[i], time.Since(begun))
	}
}

// measure lets the clock run for that long, ends the load, and verifies the signatures.
func (l *load) measure(public *ecdsa.PublicKey, d time.Duration) (a Account, err error) {
	first, err := now()
	l.clock.Store(true)
	if err == nil {
		time.Sleep(d)
		var last moment
		last, err = now()
		l.clock.Store(false)
		a = first.until(last)
	}
	if err == nil {
		err = a.weigh() // while the operations are in flight
	}
	l.stopped.Store(true)
	l.running.Wait()
	if err := errors.Join(err, l.err); err != nil {
		return a, err
	}
	took := slices.Sorted(slices.Values(slices.Concat(l.took...)))
	if len(took) == 0 {
		return a, errors.New("nothing was signed while the clock ran")
	}
	a.Done = l.done.Load()
	a.P50, a.P99 = took[len(took)/2], took[len(took)*99/100]
	return a, verify(public, l.records)
}
