package main

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"asynccrypto/engine"
	"asynccrypto/engine/multibuffer"
	"asynccrypto/internal/cputime"
)

// bench is what a child keeps between tasks.
type bench struct {
	e    *engine.Engine
	keys keySet
	ops  map[string][]*keyed // by algorithm and operation
	next atomic.Uint64       // the number of the next input: none is used twice
}

func newBench(keys keySet) (*bench, error) {
	e, err := multibuffer.New(multibuffer.Options{})
	return &bench{e: e, keys: keys, ops: map[string][]*keyed{}}, err
}

// tally is what one goroutine has done in a slice. Every result is kept: all of them are verified.
type tally []done

type done struct {
	n      uint64
	key    *keyed
	result []byte
}

// keysFor returns the operation with so many keys, prepared.
func (b *bench) keysFor(algorithm, operation string, n int) ([]*keyed, error) {
	name := algorithm + " " + operation
	for len(b.ops[name]) < n {
		i := len(b.ops[name])
		var der []byte
		if all := b.keys[algorithm]; i < len(all) {
			der = all[i]
		}
		k, err := newKeyed(b.e, algorithm, operation, der)
		if err != nil {
			return nil, err
		}
		b.ops[name] = append(b.ops[name], k)
	}
	return b.ops[name][:n], nil
}

// do measures a slice, and verifies every result when the clock has stopped.
func (b *bench) do(t task) (outcome, error) {
	keys, err := b.keysFor(t.Algorithm, t.Operation, t.Keys)
	if err != nil {
		return outcome{}, err
	}
	if t.Way == wayWrap {
		size, err := b.wrappedSize(keys)
		return outcome{KeyBytes: size}, err
	}
	slice, err := b.slice(t, keys)
	if err != nil {
		return outcome{}, err
	}
	if t.Way != wayDirect && t.Way != wayKernel {
		// The engine's workspace may have been collected; that it makes another is a beginning's cost, not a signature's.
		n := b.next.Add(1)
		if result, err := keys[0].engine(context.Background(), n); err != nil {
			return outcome{}, err
		} else if err := keys[0].verify(n, result); err != nil {
			return outcome{}, err
		}
	}
	stops := stopper{}
	if t.Stops {
		stops.start()
	}
	before := b.e.Stats()
	cpu, known := cputime.Process()
	start := time.Now()
	tallies, err := slice()
	o := outcome{Time: time.Since(start)}
	after, _ := cputime.Process()
	if t.Stops {
		o.Stops = stops.end()
	}
	if err != nil {
		return o, err
	}
	if known {
		o.Share = min(1, (after-cpu).Seconds()/o.Time.Seconds()/float64(runtime.GOMAXPROCS(0)))
	}
	o.Batch = meanBatch(before.BatchSizes, b.e.Stats().BatchSizes)
	for _, all := range tallies {
		o.Done += uint64(len(all))
	}
	o.Verified, err = verifyAll(slices.Concat(tallies...))
	return o, err
}

// wrappedSize returns how many bytes of the heap the engine takes for each of these keys, beside the key itself.
func (b *bench) wrappedSize(keys []*keyed) (float64, error) {
	signers := make([]engine.Signer, len(keys))
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	for i, k := range keys {
		var err error
		if signers[i], err = b.e.Signer(k.key); err != nil {
			return 0, err
		}
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	for _, s := range signers {
		s.Close()
	}
	return (float64(after.HeapAlloc) - float64(before.HeapAlloc)) / float64(len(keys)), nil
}

// slice returns what a task does while the clock runs.
func (b *bench) slice(t task, keys []*keyed) (func() ([]tally, error), error) {
	switch t.Way {
	case wayDirect:
		return func() ([]tally, error) {
			return b.loops(runtime.GOMAXPROCS(0), t.Time, keys, func(k *keyed, n uint64) ([]byte, error) { return k.direct(n) })
		}, nil
	case wayPlain:
		return func() ([]tally, error) {
			return b.loops(1, t.Time, keys, func(k *keyed, n uint64) ([]byte, error) { return k.engine(context.Background(), n) })
		}, nil
	case wayJobs:
		r, err := newJobs(t.Jobs)
		if err != nil {
			return nil, err
		}
		return func() ([]tally, error) {
			defer r.close()
			all, err := r.run(b, t.Time, keys)
			return []tally{all}, err
		}, nil
	case wayKernel:
		k, err := newKernel(keys)
		if err != nil {
			return nil, err
		}
		return func() ([]tally, error) {
			all, err := k.run(b, t.Time)
			return []tally{all}, err
		}, nil
	}
	return nil, fmt.Errorf("no such way as %q", t.Way)
}

// loops calls do in so many goroutines until the time is up.
func (b *bench) loops(goroutines int, d time.Duration, keys []*keyed, do func(k *keyed, n uint64) ([]byte, error)) ([]tally, error) {
	tallies, errs := make([]tally, goroutines), make([]error, goroutines)
	until := time.Now().Add(d)
	loop := func(i int) {
		for time.Now().Before(until) {
			n := b.next.Add(1)
			k := keys[n%uint64(len(keys))]
			result, err := do(k, n)
			if err != nil {
				errs[i] = err
				return
			}
			tallies[i] = append(tallies[i], done{n, k, result})
		}
	}
	if goroutines == 1 {
		loop(0)
		return tallies, errs[0]
	}
	var all sync.WaitGroup
	for i := range goroutines {
		all.Go(func() { loop(i) })
	}
	all.Wait()
	for _, err := range errs {
		if err != nil {
			return nil, err
		}
	}
	return tallies, nil
}

// verifyAll verifies every result, on all cores that the process has.
func verifyAll(all tally) (uint64, error) {
	var next, wrong atomic.Int64
	var first atomic.Pointer[error]
	var workers sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		workers.Go(func() {
			for i := next.Add(1) - 1; i < int64(len(all)); i = next.Add(1) - 1 {
				if err := all[i].key.verify(all[i].n, all[i].result); err != nil {
					wrong.Add(1)
					first.Store(&err)
				}
			}
		})
	}
	workers.Wait()
	if n := wrong.Load(); n > 0 {
		return 0, fmt.Errorf("%d of %d results are wrong: %w", n, len(all), *first.Load())
	}
	return uint64(len(all)), nil
}

func meanBatch(before, after []uint64) float64 {
	var batches, requests uint64
	for i := range after {
		n := after[i] - before[i]
		batches += n
		requests += n * uint64(i+1)
	}
	if batches == 0 {
		return 0
	}
	return float64(requests) / float64(batches)
}
