package ops

import (
	"context"
	"crypto"
	"fmt"
	"io"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"asynccrypto/bench/internal/harness"
	"asynccrypto/engine"
	"asynccrypto/engine/multibuffer"
	"asynccrypto/internal/measure"
)

// worker is the state of a process that measures.
type worker struct {
	e    *engine.Engine
	keys KeySet
	ops  map[string][]*keyed // by algorithm and operation
	next atomic.Uint64       // the last number of an input: none is used twice
}

// number returns the number of the next input.
func (w *worker) number() uint64 { return w.next.Add(1) }

func newWorker(keys KeySet) *worker {
	return &worker{e: multibuffer.Default(), keys: keys, ops: map[string][]*keyed{}}
}

// beWorker is the main of a process that measures.
func beWorker(in io.Reader, out io.Writer) error {
	var w *worker
	return harness.Orders(in, out, func(o order) (result Outcome, err error) {
		if o.Task == nil {
			w = newWorker(o.Keys)
			return result, nil
		}
		runtime.GC() // the garbage of the verification before is not on this task's clock
		return w.do(*o.Task)
	})
}

// keysFor returns the operation with n keys, prepared.
func (w *worker) keysFor(algorithm, operation string, n int) ([]*keyed, error) {
	name := algorithm + " " + operation
	for len(w.ops[name]) < n {
		k, err := w.prepare(algorithm, operation, len(w.ops[name]))
		if err != nil {
			return nil, err
		}
		w.ops[name] = append(w.ops[name], k)
	}
	return w.ops[name][:n], nil
}

// do measures a slice, and verifies every result when the clock has stopped.
func (w *worker) do(t Task) (Outcome, error) {
	operation := t.Operation
	if operation == VerifyAny && t.Way == WayKernel {
		operation = "verify" // the kernels get the keys as they are
	}
	keys, err := w.keysFor(t.Algorithm, operation, t.Keys)
	if err != nil {
		return Outcome{}, err
	}
	if t.Way == WayKeep {
		size, err := w.wrappedSize(keys)
		return Outcome{KeyBytes: size}, err
	}
	slice, err := w.slice(t, keys)
	if err != nil {
		return Outcome{}, err
	}
	if t.Way != WayDirect && t.Way != WayKernel && t.Way != WayWrap {
		// The engine's workspace may have been collected. To make another is not a part of a
		// signature.
		n := w.number()
		if result, err := keys[0].engine(context.Background(), n); err != nil {
			return Outcome{}, err
		} else if err := keys[0].Verify(n, result); err != nil {
			return Outcome{}, err
		}
	}
	stops := stopper{}
	if t.Stops {
		stops.start()
	}
	before := w.e.Stats()
	var o Outcome
	var tallies []tally
	start := time.Now()
	used, err := measure.Used(func() (err error) {
		tallies, err = slice()
		o.Time = time.Since(start)
		return err
	})
	if t.Stops {
		o.Stops = stops.end()
	}
	if err != nil {
		return o, err
	}
	o.Share = float64(measure.Usage{Used: used, Possible: o.Time * time.Duration(runtime.GOMAXPROCS(0))}.Share())
	o.Batch = meanBatch(before.BatchSizes, w.e.Stats().BatchSizes)
	o.Verified, err = verifyAll(slices.Concat(tallies...))
	o.Done = o.Verified
	return o, err
}

// wrappedSize returns how many bytes of the heap the engine takes for each of these keys,
// beside the key itself.
func (w *worker) wrappedSize(keys []*keyed) (float64, error) {
	signers := make([]engine.Signer, len(keys))
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	for i, k := range keys {
		var err error
		if signers[i], err = w.e.Signer(k.key.(crypto.Signer)); err != nil {
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

// slice returns the part of a task that runs while the clock does.
func (w *worker) slice(t Task, keys []*keyed) (func() ([]tally, error), error) {
	switch t.Way {
	case WayDirect:
		return func() ([]tally, error) {
			return w.loops(runtime.GOMAXPROCS(0), t.Time, keys, (*keyed).direct)
		}, nil
	case WayPlain:
		return func() ([]tally, error) {
			return w.loops(1, t.Time, keys, (*keyed).call)
		}, nil
	case WayGoroutines:
		return func() ([]tally, error) { return w.loops(t.Jobs, t.Time, keys, (*keyed).call) }, nil
	case WayWrap:
		return func() ([]tally, error) { return w.loops(1, t.Time, w.wrapping(keys), (*keyed).direct) }, nil
	case WayJobs:
		j, err := newJobs(t.Jobs)
		if err != nil {
			return nil, err
		}
		return func() ([]tally, error) {
			defer j.close()
			all, err := j.run(w.number, t.Time, keys)
			return []tally{all}, err
		}, nil
	case WayKernel:
		k, err := newKernels(t, keys)
		if err == nil {
			_, err = w.runKernels(k, 0, keys) // the first batch may make tables
		}
		if err != nil {
			return nil, err
		}
		return func() ([]tally, error) {
			all, err := w.runKernels(k, t.Time, keys)
			return []tally{all}, err
		}, nil
	}
	return nil, fmt.Errorf("no such way as %q", t.Way)
}

// loops calls do in a number of goroutines until the time is up, in each at least once.
func (w *worker) loops(goroutines int, d time.Duration, keys []*keyed, do func(k *keyed, n uint64) ([]byte, error)) ([]tally, error) {
	tallies, errs := make([]tally, goroutines), make([]error, goroutines)
	until := time.Now().Add(d)
	loop := func(i int) {
		for first := true; first || time.Now().Before(until); first = false {
			n := w.number()
			k := keys[n%uint64(len(keys))]
			result, err := do(k, n)
			if err != nil {
				errs[i] = err
				return
			}
			tallies[i] = append(tallies[i], done{n, k.Verify, result})
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

// verifyAll verifies every result, on all cores that the process has, however long that takes.
func verifyAll(all tally) (uint64, error) {
	n, err := measure.Verify(len(all), func(i int) error { return all[i].verify(all[i].n, all[i].result) }, time.Hour)
	if err == nil && n != len(all) {
		err = fmt.Errorf("%d of %d results were verified", n, len(all))
	}
	return uint64(n), err
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
