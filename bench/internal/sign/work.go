package sign

import (
	"context"
	"crypto/rsa"
	"crypto/x509"
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
	keys keySet
	ops  map[string][]*keyed // by algorithm and operation
	next atomic.Uint64       // the last number of an input: none is used twice
}

// number returns the number of the next input.
func (w *worker) number() uint64 { return w.next.Add(1) }

func newWorker(keys keySet) (*worker, error) {
	e, err := multibuffer.New(multibuffer.Options{})
	return &worker{e: e, keys: keys, ops: map[string][]*keyed{}}, err
}

// beChild is the main of a process that measures.
func beChild(in io.Reader, out io.Writer) error {
	var w *worker
	return harness.Orders(in, out, func(o order) (result outcome, err error) {
		if o.Task == nil {
			w, err = newWorker(o.Keys)
			return result, err
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

// prepare returns the operation with the key of a number. The parent has sent the RSA keys; the
// others are made here.
func (w *worker) prepare(algorithm, operation string, number int) (*keyed, error) {
	var key any
	var err error
	if all := w.keys[algorithm]; number < len(all) {
		key, err = x509.ParsePKCS8PrivateKey(all[number])
	} else {
		key, err = measure.GenerateKey(algorithm)
	}
	if err != nil {
		return nil, err
	}
	ops, err := measure.Operations(key)
	if err != nil {
		return nil, err
	}
	i := slices.IndexFunc(ops, func(op *measure.Operation) bool { return op.Name == operation })
	if i < 0 {
		return nil, fmt.Errorf("%s keys do not %s", algorithm, operation)
	}
	k := &keyed{Operation: ops[i]}
	k.rsa, _ = key.(*rsa.PrivateKey)
	k.engine, err = k.Bind(w.e)
	return k, err
}

// do measures a slice, and verifies every result when the clock has stopped.
func (w *worker) do(t task) (outcome, error) {
	keys, err := w.keysFor(t.Algorithm, t.Operation, t.Keys)
	if err != nil {
		return outcome{}, err
	}
	if t.Way == wayWrap {
		size, err := w.wrappedSize(keys)
		return outcome{KeyBytes: size}, err
	}
	slice, err := w.slice(t, keys)
	if err != nil {
		return outcome{}, err
	}
	if t.Way != wayDirect && t.Way != wayKernel {
		// The engine's workspace may have been collected. To make another is not a part of a
		// signature.
		n := w.number()
		if result, err := keys[0].engine(context.Background(), n); err != nil {
			return outcome{}, err
		} else if err := keys[0].Verify(n, result); err != nil {
			return outcome{}, err
		}
	}
	stops := stopper{}
	if t.Stops {
		stops.start()
	}
	before := w.e.Stats()
	var o outcome
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
		if signers[i], err = w.e.Signer(k.rsa); err != nil {
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
func (w *worker) slice(t task, keys []*keyed) (func() ([]tally, error), error) {
	switch t.Way {
	case wayDirect:
		return func() ([]tally, error) {
			return w.loops(runtime.GOMAXPROCS(0), t.Time, keys, func(k *keyed, n uint64) ([]byte, error) { return k.Direct(n) })
		}, nil
	case wayPlain:
		return func() ([]tally, error) {
			return w.loops(1, t.Time, keys, func(k *keyed, n uint64) ([]byte, error) { return k.engine(context.Background(), n) })
		}, nil
	case wayJobs:
		j, err := newJobs(t.Jobs)
		if err != nil {
			return nil, err
		}
		return func() ([]tally, error) {
			defer j.close()
			all, err := j.run(w.number, t.Time, keys)
			return []tally{all}, err
		}, nil
	case wayKernel:
		k, err := newKernel(keys)
		if err != nil {
			return nil, err
		}
		return func() ([]tally, error) {
			all, err := k.run(w.number, t.Time)
			return []tally{all}, err
		}, nil
	}
	return nil, fmt.Errorf("no such way as %q", t.Way)
}

// loops calls do in a number of goroutines until the time is up.
func (w *worker) loops(goroutines int, d time.Duration, keys []*keyed, do func(k *keyed, n uint64) ([]byte, error)) ([]tally, error) {
	tallies, errs := make([]tally, goroutines), make([]error, goroutines)
	until := time.Now().Add(d)
	loop := func(i int) {
		for time.Now().Before(until) {
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
