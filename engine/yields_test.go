package engine

import (
	"context"
	"runtime"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// The pause after a yield follows its length, but one long yield alone does not decide it.
func TestPauseAfterYield(t *testing.T) {
	const ms = time.Millisecond
	type step struct {
		took   time.Duration
		others bool
		pause  time.Duration
	}
	for _, tt := range []struct {
		name  string
		least time.Duration
		steps []step
	}{
		{"a caller, nobody else", yieldPause, []step{
			{200, false, yieldPause}, {2500, false, yieldPause}, {3000, false, 300 * time.Microsecond}, {200, false, yieldPause}}},
		{"a worker, nobody else", 0, []step{{200, false, 20 * time.Microsecond}}},
		{"another process had the processor once", yieldPause, []step{
			{30 * ms, false, 10 * ms}, {200, false, yieldPause}, {30 * ms, false, 10 * ms}}},
		{"others came", yieldPause, []step{{30 * ms, true, 0}, {100, true, 0}, {30 * ms, false, 10 * ms}}},
		{"goroutines that compute", yieldPause, []step{
			{70 * ms, false, 10 * ms}, {70 * ms, false, 20 * ms}, {70 * ms, false, 40 * ms}, {70 * ms, false, 80 * ms},
			{70 * ms, false, 160 * ms}, {70 * ms, false, 320 * ms}, {70 * ms, false, 640 * ms}, {70 * ms, false, 1280 * ms},
			{70 * ms, false, 2560 * ms}, {70 * ms, false, 5120 * ms}, {70 * ms, false, 7000 * ms}, {70 * ms, false, 7000 * ms},
			{70 * ms, true, 0}, {70 * ms, false, 10 * ms}}},
	} {
		y := yields{least: tt.least}
		at := time.Second
		for i, s := range tt.steps {
			ended := at + s.took
			y.saw(at, ended, s.others)
			if got := y.next - ended; got != s.pause {
				t.Errorf("%s: yield %d: pause of %v, want %v", tt.name, i, got, s.pause)
			}
			at = y.next
		}
	}
}

// Goroutines that take turns on one processor share batches again soon after a long yield that
// found nobody, and at once after a look that found them.
func TestCrowdAfterLongYield(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	synctest.Test(t, func(t *testing.T) {
		handled, direct := 0, 0
		e, err := New(Config{
			Name: "crowd", Workers: 1, MaxBatch: 8, Direct: true,
			Kind: func(Op) int { return 1 }, Kinds: []string{"alone", "together"},
			Handler: func(batch []*Request) {
				handled += len(batch)
				for _, r := range batch {
					r.Complete(nil)
				}
			},
			Alone: func(Op) error { direct++; return nil },
		})
		if err != nil {
			t.Fatal(err)
		}
		defer e.Close()
		e.callers.yields.saw(now()-time.Minute, now(), false)
		time.Sleep(timeSlice)
		const rounds, callers, each = 10, 16, 50
		for round := range rounds {
			var all sync.WaitGroup
			for range callers {
				all.Go(func() {
					for range each {
						if err := e.Do(context.Background(), &VerifyOp{}); err != nil {
							t.Error(err)
						}
					}
				})
			}
			all.Wait()
			// As if another process had had the processor.
			time.Sleep(crowdLeft)
			if p := e.callers.yields.pause; p > timeSlice {
				t.Errorf("round %d: a pause of %v", round, p)
			}
		}
		// Now and then the runtime resumes a caller that has yielded before it lets others run. In
		// this bubble no other yields in that round, because the clock stands still.
		if handled+direct != rounds*callers*each || direct > handled {
			t.Errorf("%d to the handler, %d directly", handled, direct)
		}
	})
}
