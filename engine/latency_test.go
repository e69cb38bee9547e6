package engine_test

import (
	"context"
	"errors"
	"math"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"asynccrypto/async"
	"asynccrypto/engine"
)

// wantLatency checks that the durations are these, and that there is one for each answer.
func wantLatency(t *testing.T, e *engine.Engine, want ...time.Duration) {
	t.Helper()
	st := e.Stats()
	if n := st.Latency.Count(); n != st.Completed+st.Failed {
		t.Errorf("%d latencies of %d operations that were completed or failed", n, st.Completed+st.Failed)
	}
	var h engine.Histogram
	for _, d := range want {
		i := 0
		for d > h.Bound(i) {
			i++
		}
		h.Buckets[i]++
		h.Sum += d.Seconds()
	}
	if st.Latency.Buckets != h.Buckets || math.Abs(st.Latency.Sum-h.Sum) > 1e-6 {
		t.Errorf("%+v, want %+v", st.Latency, h)
	}
}

func TestHistogramBounds(t *testing.T) {
	var h engine.Histogram
	last := len(h.Buckets) - 1
	if h.Bound(0) != 8*time.Microsecond || h.Bound(last-1) != 67_108_864*time.Microsecond || h.Bound(last) != math.MaxInt64 {
		t.Error(h.Bound(0), h.Bound(last-1), h.Bound(last))
	}
	// Each bound is in its own bucket, and a nanosecond more in the next.
	synctest.Test(t, func(t *testing.T) {
		e := newDirect(t, engine.Config{Workers: 1})
		sleep := func(d time.Duration) {
			if err := e.Do(context.Background(), engine.Func(func() error { time.Sleep(d); return nil })); err != nil {
				t.Error(err)
			}
		}
		var want []time.Duration
		for i := range last {
			for _, d := range []time.Duration{h.Bound(i), h.Bound(i) + 1} {
				sleep(d)
				want = append(want, d)
			}
		}
		for _, d := range []time.Duration{0, 1, 24 * 365 * time.Hour} {
			sleep(d)
			want = append(want, d)
		}
		wantLatency(t, e, want...)
		if n := e.Stats().Latency.Buckets; n[0] != 3 || n[1] != 2 || n[last] != 2 {
			t.Error(n)
		}
	})
}

// A latency begins with the call of Do, so it includes the line, and ends with the answer, taken
// or not.
func TestLatencyOfTheLine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newSlow(t, engine.Config{Workers: 1, Depth: 1}, time.Second)
		pool := newPool(t)
		var all []*session
		for i := range 3 {
			s := newSession(t)
			s.listen()
			s.start(pool, e, engine.Func(func() error {
				if i == 1 {
					return errors.New("failed")
				}
				return nil
			}))
			s.want(t, async.Paused, nil)
			all = append(all, s)
		}
		wantLatency(t, e)
		time.Sleep(time.Minute) // nobody resumes
		wantLatency(t, e, time.Second, 2*time.Second, 3*time.Second)
		for _, s := range all {
			<-s.wakes
			s.resume()
		}
		go e.Do(context.Background(), &nop{})
		synctest.Wait()
		time.Sleep(time.Second)
		synctest.Wait()
		wantLatency(t, e, time.Second, 2*time.Second, 3*time.Second, time.Second)
	})
}

// A deadline is an answer, wherever the operation is then. An operation in the handler's hands is
// counted when it has ended.
func TestLatencyOfDeadlines(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newSlow(t, engine.Config{Workers: 1, Depth: 2}, time.Minute)
		for i := range 3 { // in flight, queued, waiting
			go func() {
				ctx, cancel := context.WithTimeout(t.Context(), time.Duration(i+1)*time.Second)
				defer cancel()
				if err := e.Do(ctx, &nop{}); err != context.DeadlineExceeded {
					t.Error(err)
				}
			}()
			synctest.Wait()
		}
		time.Sleep(10 * time.Second)
		wantLatency(t, e, 2*time.Second, 3*time.Second)
		time.Sleep(time.Minute)
		wantLatency(t, e, 2*time.Second, 3*time.Second, time.Second)
	})
}

// The deadline of a Shutdown is an answer too.
func TestLatencyOfShutdown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newSlow(t, engine.Config{Workers: 1, Depth: 2}, time.Minute)
		for range 2 {
			go e.Do(context.Background(), &nop{})
			synctest.Wait()
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := e.Shutdown(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Error(err)
		}
		wantLatency(t, e, time.Second)
		time.Sleep(time.Minute)
		wantLatency(t, e, time.Second, time.Second)
	})
}

// An operation that nobody waits for has no answer, so it has no latency.
func TestLatencyOfDropped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newSlow(t, engine.Config{Workers: 1}, time.Second)
		pool := newPool(t)
		for range 2 {
			s := newSession(t)
			s.listen()
			s.start(pool, e, &nop{})
			synctest.Wait()
			if err := s.job.Cancel(); err != nil {
				t.Error(err)
			}
		}
		time.Sleep(time.Minute)
		if st := e.Stats(); st.Dropped != 2 {
			t.Errorf("%+v", st)
		}
		wantLatency(t, e)
	})
}

// An operation on its caller's goroutine has its time as well, however it ends, and one inside
// another none of its own.
func TestLatencyOfDirect(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newDirect(t, engine.Config{Workers: 1})
		do := func(d time.Duration, end func() error) error {
			return e.Do(context.Background(), engine.Func(func() error { time.Sleep(d); return end() }))
		}
		do(time.Millisecond, func() error { return nil })
		do(2*time.Millisecond, func() error { panic("boom") })
		go do(4*time.Millisecond, func() error { runtime.Goexit(); return nil })
		time.Sleep(time.Second)
		do(8*time.Millisecond, func() error { return do(time.Hour, func() error { return nil }) })
		wantLatency(t, e, time.Millisecond, 2*time.Millisecond, 4*time.Millisecond, time.Hour+8*time.Millisecond)
	})
}
