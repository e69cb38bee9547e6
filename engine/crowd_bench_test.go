package engine_test

import (
	"context"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"asynccrypto/engine"
)

const spinBatch = 32 * time.Microsecond // the time of a pass over 8 verifications on P-256

// spinRate is the number of turns of the loop in a microsecond.
var spinRate = sync.OnceValue(func() int {
	const turns = 1 << 22
	best := time.Hour
	for range 20 {
		began := time.Now()
		spinTurns(turns)
		best = min(best, time.Since(began))
	}
	return int(turns * time.Microsecond / best)
})

//go:noinline
func spinTurns(n int) {
	x := 1
	for range n {
		x = x*5 + 1
	}
	runtime.KeepAlive(x)
}

func spinFor(d time.Duration) { spinTurns(spinRate() * int(d/time.Microsecond)) }

// newSpinEngine returns an engine whose batches all take spinBatch.
func newSpinEngine(b *testing.B) *engine.Engine {
	spinRate()
	e, err := engine.New(engine.Config{
		Name: "spin", MaxBatch: 8, Direct: true,
		Kind: func(engine.Op) int { return 1 }, Kinds: []string{"alone", "spin"},
		Alone: func(engine.Op) error { spinFor(spinBatch); return nil },
		Handler: func(batch []*engine.Request) {
			spinFor(spinBatch)
			for _, r := range batch {
				r.Complete(nil)
			}
		},
	})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { e.Close() })
	return e
}

// BenchmarkCrowd measures operations that share batches, for one caller and for many, on one
// processor and on two. Each caller is a goroutine that calls Do again and again ("loop"), or that
// starts a goroutine for each operation ("fresh"), as servers do. "busy" callers also compute for
// 60 µs between operations.
func BenchmarkCrowd(b *testing.B) {
	for _, procs := range []int{1, 2} {
		for _, callers := range []int{1, 2, 8, 64} {
			for _, fresh := range []bool{false, true} {
				for _, busy := range []bool{false, true} {
					name := fmt.Sprintf("procs=%d/callers=%d/fresh=%v/busy=%v", procs, callers, fresh, busy)
					b.Run(name, func(b *testing.B) {
						defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(procs))
						benchmarkCrowd(b, newSpinEngine(b), callers, fresh, busy)
					})
				}
			}
		}
	}
}

func benchmarkCrowd(b *testing.B, e *engine.Engine, callers int, fresh, busy bool) {
	op := func() {
		if busy {
			spinFor(60 * time.Microsecond)
		}
		if err := e.Do(context.Background(), &engine.VerifyOp{}); err != nil {
			b.Error(err)
		}
	}
	var left atomic.Int64
	left.Store(int64(b.N))
	var all sync.WaitGroup
	for range callers {
		all.Go(func() {
			for left.Add(-1) >= 0 {
				if !fresh {
					op()
					continue
				}
				done := make(chan struct{})
				go func() { op(); close(done) }()
				<-done
			}
		})
	}
	all.Wait()
	b.ReportMetric(e.Stats().MeanBatch(), "ops/batch")
}
