package reactor_test

import (
	"flag"
	"testing"
	"time"

	"asynccrypto/async"
)

var timing = flag.Bool("timing", false, "run the test of time, which a busy machine disturbs")

// TestTimingIdleWaitContexts shows that the cost of a wake does not depend on the number of idle
// wait contexts. The two loops take turns until the least time of one is near that of the other,
// so a busy machine only makes for more rounds. A loop that looked at each of 50,000 would take a
// hundred times as long in each.
func TestTimingIdleWaitContexts(t *testing.T) {
	if !*timing {
		t.Skip("a test of time; run it with -timing")
	}
	const idle, wakes, rounds, most = 50_000, 2000, 100, 5
	round := func(others int) func() time.Duration {
		l := newLoop(t)
		ctxs := make([]async.WaitCtx, others)
		for i := range ctxs {
			if _, err := l.Add(&ctxs[i], func() { t.Error("ready without a wake") }); err != nil {
				t.Fatal(err)
			}
		}
		w := new(async.WaitCtx)
		var left int
		var stop func()
		if _, err := l.Add(w, func() {
			if left--; left == 0 {
				stop()
				return
			}
			complete(w)
		}); err != nil {
			t.Fatal(err)
		}
		return func() time.Duration {
			left = wakes
			start := time.Now()
			runUntil(t, l, func(s func()) {
				stop = s
				complete(w)
			})
			return time.Since(start)
		}
	}
	alone, among := round(0), round(idle)
	least, leastAmong := alone(), among()
	for i := 0; i < rounds && leastAmong > most*least; i++ {
		least, leastAmong = min(least, alone()), min(leastAmong, among())
	}
	t.Logf("a wake takes %v alone, %v beside %d idle ones", least/wakes, leastAmong/wakes, idle)
	if leastAmong > most*least {
		t.Errorf("%v a wake, %v beside %d idle ones", least/wakes, leastAmong/wakes, idle)
	}
}
