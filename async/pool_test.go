package async_test

import (
	"bytes"
	"errors"
	"math"
	"regexp"
	"runtime"
	"runtime/pprof"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"weak"

	"asynccrypto/async"
)

func TestNewPoolArguments(t *testing.T) {
	for _, c := range []struct {
		max, init int
		ok        bool
	}{
		{0, 0, true}, {1, 0, true}, {1, 1, true}, {5, 3, true}, {math.MaxInt32, 0, true},
		{1, 2, false}, {-1, 0, false}, {0, -1, false}, {-1, -1, false}, {3, -1, false},
		{0, 1, false}, // 0 is "no limit", yet init exceeds it: as in OpenSSL
	} {
		p, err := async.NewPool(c.max, c.init)
		if (err == nil) != c.ok || (p != nil) != c.ok {
			t.Errorf("NewPool(%d, %d): %v, %v", c.max, c.init, p, err)
		}
	}
	tooMany := math.MaxInt32 // and one more, which is negative where an int has 32 bits
	if p, err := async.NewPool(tooMany+1, 0); err == nil {
		t.Errorf("NewPool(1<<31, 0): %v", p)
	}
}

func TestStartErrors(t *testing.T) {
	ran := func(async.Job) error { t.Error("ran"); return nil }
	pool := newPool(t, 1)
	if j, out, err := pool.Start(nil, nil); out != async.Failed || err == nil || j != (async.Job{}) {
		t.Error("nil function:", out, err)
	}
	_, out, err := pool.Start(nil, func(async.Job) error { return nil })
	want(t, out, err, async.Finished, nil) // the failed start took no place

	pool.Close()
	if _, out, err := pool.Start(nil, ran); out != async.Failed || err != async.ErrClosed {
		t.Error("closed pool:", out, err)
	}
	var zero async.Pool
	if _, out, err := zero.Start(nil, ran); out != async.Failed || err != async.ErrClosed {
		t.Error("zero pool:", out, err)
	}
	if err := zero.Close(); err != nil {
		t.Error(err)
	}
	notified := 0
	zero.Notify(func(any) { notified++ }, nil)()
	if notified != 1 {
		t.Error("Notify of a zero pool: its Start would say why, but there was no notification to call it")
	}
}

func TestLimit(t *testing.T) {
	for max := 1; max <= 5; max++ {
		pool := newPool(t, max)
		var jobs []async.Job
		for range max {
			jobs = append(jobs, startPaused(t, pool, nil, pauseForever))
		}
		for range 2 {
			if j, out, err := pool.Start(nil, pauseForever); out != async.NoJobs || err != async.ErrNoJobs || j != (async.Job{}) {
				t.Fatalf("job %d of %d: %v, %v", max+1, max, out, err)
			}
		}
		jobs[max/2].Cancel()
		startPaused(t, pool, nil, pauseForever)
		_, out, err := pool.Start(nil, pauseForever)
		want(t, out, err, async.NoJobs, async.ErrNoJobs)
	}
}

func TestNoLimit(t *testing.T) {
	pool := newPool(t, 0)
	for range 1000 {
		startPaused(t, pool, nil, pauseForever)
	}
}

// A running job has a place, so at the limit it is refused another one for a job that it starts.
func TestLimitCountsRunningJobs(t *testing.T) {
	pool := newPool(t, 1)
	_, out, err := pool.Start(nil, func(async.Job) error {
		_, out, err := pool.Start(nil, func(async.Job) error { return nil })
		want(t, out, err, async.NoJobs, async.ErrNoJobs)
		return nil
	})
	want(t, out, err, async.Finished, nil)
}

// goroutine names the goroutine that it is called on.
func goroutine() string {
	buf := make([]byte, 64)
	return string(bytes.Fields(buf[:runtime.Stack(buf, false)])[1])
}

func TestLastInFirstOut(t *testing.T) {
	pool := newPool(t, 3)
	var on string // the goroutine of the job started last
	start := func() async.Job {
		return startPaused(t, pool, nil, func(j async.Job) error {
			on = goroutine()
			return pauseForever(j)
		})
	}
	var jobs [3]async.Job
	var goroutines [3]string
	for i := range jobs {
		jobs[i], goroutines[i] = start(), on
	}
	for _, order := range [][3]int{{0, 1, 2}, {2, 1, 0}, {1, 2, 0}, {0, 2, 1}} {
		for _, i := range order {
			jobs[i].Cancel()
		}
		slices.Reverse(order[:])
		for n, i := range order {
			if jobs[i] = start(); on != goroutines[i] {
				t.Errorf("start %d is on goroutine %s, want %s: of those idle the last", n, on, goroutines[i])
			}
		}
	}
}

func TestInitialCoroutines(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		before := bubbled()
		pool, _ := async.NewPool(7, 5)
		if n := bubbled() - before; n != 0 {
			t.Error("NewPool made", n, "goroutines")
		}
		for range 3 {
			pool.Start(nil, func(async.Job) error { return nil })
			if n := bubbled() - before; n != 5 {
				t.Error("after Start there are", n, "goroutines, want 5")
			}
		}
		for range 7 {
			startPaused(t, pool, nil, pauseForever)
		}
		if n := bubbled() - before; n != 7 {
			t.Error("for 7 paused jobs there are", n, "goroutines")
		}
		_, out, err := pool.Start(nil, pauseForever)
		want(t, out, err, async.NoJobs, async.ErrNoJobs)
		pool.Close()
	})
}

// bubbled counts the goroutines in the caller's bubble. No others come or go there, as those of pools
// that earlier tests have dropped do elsewhere.
func bubbled() int {
	var stacks strings.Builder
	pprof.Lookup("goroutine").WriteTo(&stacks, 2) // the caller's comes first
	bubble := regexp.MustCompile(`synctest bubble \d+`).FindString(stacks.String())
	return len(regexp.MustCompile(`(?m)^goroutine .*\b`+bubble+`\b`).FindAllString(stacks.String(), -1))
}

// The places of a pool are never given twice, however many goroutines ask for them.
func TestPoolIsForAll(t *testing.T) {
	const max, goroutines, rounds = 3, 8, 2000
	pool := newPool(t, max)
	var inside, done, refused atomic.Int32
	job := func(j async.Job) error {
		if n := inside.Add(1); n > max {
			t.Errorf("%d jobs in a pool of %d", n, max)
		}
		err := j.Pause()
		inside.Add(-1)
		return err
	}
	var wg sync.WaitGroup
	for range goroutines {
		wg.Go(func() {
			for range rounds {
				j, out, err := pool.Start(nil, job)
				switch {
				case out == async.NoJobs && err == async.ErrNoJobs:
					refused.Add(1)
					runtime.Gosched()
					continue
				case out != async.Paused || err != nil:
					t.Error(out, err)
				}
				if out, err := j.Resume(); out != async.Finished || err != nil {
					t.Error(out, err)
				}
				done.Add(1)
			}
		})
	}
	wg.Wait()
	if done.Load()+refused.Load() != goroutines*rounds || done.Load() == 0 {
		t.Error(done.Load(), refused.Load())
	}
	for range max { // all places are back
		startPaused(t, pool, nil, pauseForever)
	}
}

func TestPoolClose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // which fails if a goroutine is left behind
		pool, _ := async.NewPool(6, 2)
		var order []string
		named := func(name string) async.Func {
			return func(j async.Job) error {
				defer func() { order = append(order, name) }()
				return pauseForever(j)
			}
		}
		startPaused(t, pool, nil, named("first"))
		over := startPaused(t, pool, nil, named("over"))
		startPaused(t, pool, nil, named("second"))
		over.Cancel()
		startPaused(t, pool, nil, named("third")) // on the coroutine of one that was older
		startPaused(t, pool, nil, func(j async.Job) error { j.Pause(); panic("boom") })
		startPaused(t, pool, nil, func(j async.Job) error { j.Pause(); panic(errors.ErrUnsupported) })
		order = nil
		err := pool.Close()
		if got := strings.Join(order, " "); got != "third second first" {
			t.Error("the newest first, please:", got)
		}
		var p *async.PanicError
		if !errors.As(err, &p) || !errors.Is(err, errors.ErrUnsupported) || !strings.Contains(err.Error(), "boom") {
			t.Errorf("the panics of both jobs are not in the error: %v", err)
		}
		if err := pool.Close(); err != nil {
			t.Error("a second Close:", err)
		}
		_, out, err := pool.Start(nil, pauseForever)
		want(t, out, err, async.Failed, async.ErrClosed)
	})
}

// A pool that is closed before its first use makes no coroutines any more, or lets them go.
func TestPoolClosedUnused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		pool, _ := async.NewPool(5, 5)
		pool.Close()
		_, out, err := pool.Start(nil, pauseForever)
		want(t, out, err, async.Failed, async.ErrClosed)
	})
}

// An idle coroutine keeps nothing of the job before.
func TestFinishedJobIsCollected(t *testing.T) {
	type result struct {
		async.WaitCtx
		error
		n int
	}
	pool := newPool(t, 1)
	var gone []weak.Pointer[result]
	for _, ends := range []func(*result) error{
		func(*result) error { return nil },
		func(r *result) error { return r },
		func(r *result) error { panic(r) },
		func(r *result) error { runtime.Goexit(); return r },
	} {
		r := new(result)
		gone = append(gone, weak.Make(r))
		j := startPaused(t, pool, &r.WaitCtx, func(j async.Job) error {
			j.Pause()
			r.n++
			return ends(r)
		})
		j.Resume()
	}
	for range 10 { // another goroutine unwinds a Goexit
		runtime.GC()
		runtime.Gosched()
	}
	for i, p := range gone {
		if p.Value() != nil {
			t.Errorf("job %d is still referred to", i)
		}
	}
}

// Close in a job of the pool itself: in that job the next Pause returns ErrCanceled, the other
// jobs are ended.
func TestPoolCloseInAJob(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		pool, _ := async.NewPool(3, 3)
		other := startPaused(t, pool, nil, pauseForever)
		_, out, err := pool.Start(nil, func(j async.Job) error {
			if err := pool.Close(); err != nil {
				t.Error(err)
			}
			wantOver(t, other)
			_, out, err := pool.Start(nil, pauseForever)
			want(t, out, err, async.Failed, async.ErrClosed)
			if err := j.Err(); err != async.ErrCanceled {
				t.Error("Err:", err)
			}
			return j.Pause()
		})
		want(t, out, err, async.Finished, async.ErrCanceled)
	})
}
