package engine_test

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"sync"
	"sync/atomic"
	"testing"

	"asynccrypto/async"
	"asynccrypto/engine"
	"asynccrypto/engine/workers"
	"asynccrypto/internal/cputime"
)

// These benchmarks run an operation that does nothing, so they measure the cost of the engine.

func newBenchEngine(b *testing.B) *engine.Engine {
	e, err := workers.New(workers.Options{})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { e.Close() })
	b.ReportAllocs()
	return e
}

func BenchmarkDoBlocking(b *testing.B) {
	e, op := newBenchEngine(b), new(nop)
	for b.Loop() {
		if err := e.Do(context.Background(), op); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkDoBlockingWithDeadline(b *testing.B) {
	e, op := newBenchEngine(b), new(nop)
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	for b.Loop() {
		if err := e.Do(ctx, op); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkDoDirect measures an operation that runs on the caller's goroutine.
func BenchmarkDoDirect(b *testing.B) {
	e, err := engine.New(engine.Config{Name: "direct", Direct: true, Handler: func(batch []*engine.Request) {
		for _, r := range batch {
			r.Run()
		}
	}})
	if err != nil {
		b.Fatal(err)
	}
	defer e.Close()
	b.ReportAllocs()
	for op := new(nop); b.Loop(); {
		if err := e.Do(context.Background(), op); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkDoBlockingParallel(b *testing.B) {
	e := newBenchEngine(b)
	b.RunParallel(func(pb *testing.PB) {
		for op := new(nop); pb.Next(); {
			if err := e.Do(context.Background(), op); err != nil {
				b.Error(err)
				return
			}
		}
	})
}

func BenchmarkDoInJobCallback(b *testing.B) {
	woken := make(chan struct{}, 1)
	benchmarkDoInJob(b, context.Background(), func(w *async.WaitCtx) {
		w.SetCallback(func(any) { woken <- struct{}{} }, nil)
	}, func(*async.WaitCtx) { <-woken })
}

func BenchmarkDoInJobCallbackWithDeadline(b *testing.B) {
	woken := make(chan struct{}, 1)
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	benchmarkDoInJob(b, ctx, func(w *async.WaitCtx) {
		w.SetCallback(func(any) { woken <- struct{}{} }, nil)
	}, func(*async.WaitCtx) { <-woken })
}

func BenchmarkDoInJobFD(b *testing.B) {
	var fds []async.FD
	benchmarkDoInJob(b, context.Background(), func(*async.WaitCtx) {}, func(w *async.WaitCtx) {
		fds = w.AllFDs(fds[:0])
		awaitReadable(b, fds[0])
	})
}

// benchmarkDoInJob measures Do in one job that does nothing else. prepare and wait decide how it
// is woken.
func benchmarkDoInJob(b *testing.B, ctx context.Context, prepare, wait func(*async.WaitCtx)) {
	e, op := newBenchEngine(b), new(nop)
	pool, err := async.NewPool(1, 0)
	if err != nil {
		b.Fatal(err)
	}
	defer pool.Close()
	var w async.WaitCtx
	defer w.Close()
	prepare(&w)
	n, done := 0, 0
	job, out, err := pool.Start(&w, func(j async.Job) error {
		for ctx := async.NewContext(ctx, j); ; done++ {
			if err := e.Do(ctx, op); err != nil {
				return err
			}
		}
	})
	for b.Loop() {
		for n++; done < n; {
			if out != async.Paused {
				b.Fatal(out, err)
			}
			wait(&w)
			out, err = job.Resume()
		}
	}
}

func BenchmarkP256(b *testing.B) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		b.Fatal(err)
	}
	sign := func(b *testing.B, key crypto.Signer) {
		b.ReportAllocs()
		digest := sha256.Sum256(nil)
		for b.Loop() {
			if _, err := key.Sign(rand.Reader, digest[:], crypto.SHA256); err != nil {
				b.Fatal(err)
			}
		}
	}
	b.Run("direct", func(b *testing.B) { sign(b, key) })
	b.Run("engine", func(b *testing.B) {
		s, err := newBenchEngine(b).Signer(key)
		if err != nil {
			b.Fatal(err)
		}
		sign(b, s)
	})
}

// BenchmarkDoShared measures operations that share batches, from 64 goroutines. On one processor
// (GOMAXPROCS=1) cpu-ns/op is what the way to a worker and back costs, however busy the machine is.
func BenchmarkDoShared(b *testing.B) {
	e, err := engine.New(engine.Config{
		Name: "shared", MaxBatch: 8, Direct: true,
		Kind: func(engine.Op) int { return 1 }, Kinds: []string{"alone", "shared"},
		Handler: func(batch []*engine.Request) {
			for _, r := range batch {
				r.Complete(nil)
			}
		},
	})
	if err != nil {
		b.Fatal(err)
	}
	defer e.Close()
	b.ReportAllocs()
	var left atomic.Int64
	left.Store(int64(b.N))
	began, _ := cputime.Process()
	var callers sync.WaitGroup
	for range 64 {
		callers.Go(func() {
			for op := new(nop); left.Add(-1) >= 0; {
				if err := e.Do(context.Background(), op); err != nil {
					b.Error(err)
				}
			}
		})
	}
	callers.Wait()
	if ended, ok := cputime.Process(); ok {
		b.ReportMetric(float64(ended-began)/float64(b.N), "cpu-ns/op")
	}
	b.ReportMetric(e.Stats().MeanBatch(), "ops/batch")
}
