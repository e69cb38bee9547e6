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
	"asynccrypto/internal/cputime"
)

// BenchmarkBesideHogs measures operations of one caller, on one processor, beside four goroutines
// that compute without end. Each operation takes 250 µs by itself. It runs without an engine
// ("plain"), on its caller's goroutine ("direct"), or on a worker ("worker"), with pauses between
// operations or without. ms/op is the mean time of an operation, without the pauses: CPU time of the
// process, which always computes.
func BenchmarkBesideHogs(b *testing.B) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	const work = 250 * time.Microsecond
	spinRate()
	e, err := engine.New(engine.Config{
		Name: "hogs", MaxBatch: 8, Direct: true,
		Kind: func(engine.Op) int { return 1 }, Kinds: []string{"alone", "spin"},
		Alone: func(engine.Op) error { spinFor(work); return nil },
		Handler: func(batch []*engine.Request) {
			spinFor(work)
			for _, r := range batch {
				r.Complete(nil)
			}
		},
	})
	if err != nil {
		b.Fatal(err)
	}
	defer e.Close()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	var ended atomic.Bool
	var hogs sync.WaitGroup
	defer hogs.Wait()
	defer ended.Store(true)
	for range 4 {
		hogs.Go(func() {
			for !ended.Load() {
				spinTurns(1000)
			}
		})
	}
	for _, pause := range []time.Duration{0, time.Millisecond} {
		for _, way := range []struct {
			name string
			do   func()
		}{
			{"plain", func() { spinFor(work) }},
			{"direct", func() { e.Do(context.Background(), &engine.VerifyOp{}) }},
			{"worker", func() { e.Do(ctx, engine.Func(func() error { return nil })) }},
		} {
			b.Run(fmt.Sprintf("pause=%v/%s", pause, way.name), func(b *testing.B) {
				var took time.Duration
				for range b.N {
					time.Sleep(pause)
					began, _ := cputime.Process()
					way.do()
					ended, _ := cputime.Process()
					took += ended - began
				}
				b.ReportMetric(took.Seconds()*1000/float64(b.N), "ms/op")
				b.ReportMetric(0, "ns/op")
			})
		}
	}
}
