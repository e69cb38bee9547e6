package async_test

import (
	"runtime"
	"sync"
	"sync/atomic"
	"testing"

	"asynccrypto/async"
)

func TestPoolStats(t *testing.T) {
	pool := newPool(t, 4)
	check := func(where string, want async.PoolStats) {
		t.Helper()
		want.Limit = 4
		if got := pool.Stats(); got != want {
			t.Errorf("%s: %+v, want %+v", where, got, want)
		}
	}
	check("new", async.PoolStats{})
	nothing := func(async.Job) error { return nil }
	for range 10 {
		_, out, err := pool.Start(nil, nothing)
		want(t, out, err, async.Finished, nil)
	}
	check("idle", async.PoolStats{Coroutines: 1, Ended: 10})

	job, out, err := pool.Start(nil, func(j async.Job) error {
		check("in a job", async.PoolStats{Coroutines: 1, Running: 1, Ended: 10})
		if err := j.Pause(); err != nil {
			t.Error(err)
		}
		_, out, err := pool.Start(nil, func(async.Job) error {
			check("in a nested job", async.PoolStats{Coroutines: 2, Running: 2, Ended: 10})
			return nil
		})
		want(t, out, err, async.Finished, nil)
		return j.Pause()
	})
	want(t, out, err, async.Paused, nil)
	check("paused", async.PoolStats{Coroutines: 1, Paused: 1, Ended: 10})
	out, err = job.Resume()
	want(t, out, err, async.Paused, nil)
	check("one paused, one ended", async.PoolStats{Coroutines: 2, Paused: 1, Ended: 11})

	for range 3 {
		_, out, err := pool.Start(nil, pauseForever)
		want(t, out, err, async.Paused, nil)
	}
	_, out, err = pool.Start(nil, nothing)
	want(t, out, err, async.NoJobs, async.ErrNoJobs)
	stop := pool.Notify(func(any) {}, nil)
	pool.Notify(func(any) {}, nil)
	check("full", async.PoolStats{Coroutines: 4, Paused: 4, Ended: 11, Waiting: 2})
	stop()
	check("one has left", async.PoolStats{Coroutines: 4, Paused: 4, Ended: 11, Waiting: 1})
	if err := job.Cancel(); err != nil {
		t.Error(err)
	}
	check("cancelled", async.PoolStats{Coroutines: 4, Paused: 3, Ended: 12})

	_, out, _ = pool.Start(nil, func(async.Job) error { panic("boom") })
	_, out2, _ := pool.Start(nil, func(async.Job) error { runtime.Goexit(); return nil })
	if out != async.Failed || out2 != async.Failed {
		t.Error(out, out2)
	}
	check("failed", async.PoolStats{Coroutines: 4, Paused: 3, Ended: 14})

	_, out, err = pool.Start(nil, func(async.Job) error {
		if err := pool.Close(); err != nil {
			t.Error(err)
		}
		check("in the last job of a closed pool", async.PoolStats{Coroutines: 1, Running: 1, Ended: 17})
		return nil
	})
	want(t, out, err, async.Finished, nil)
	check("closed", async.PoolStats{Ended: 18})
	if _, _, err := pool.Start(nil, nothing); err != async.ErrClosed {
		t.Error(err)
	}
	check("still closed", async.PoolStats{Ended: 18})
	if got := new(async.Pool).Stats(); got != (async.PoolStats{}) {
		t.Errorf("zero pool: %+v", got)
	}
}

func TestPoolStatsInit(t *testing.T) {
	pool, err := async.NewPool(8, 5)
	if err != nil {
		t.Fatal(err)
	}
	defer pool.Close()
	pool.Start(nil, func(async.Job) error {
		if s := pool.Stats(); s.Coroutines != 5 || s.Running != 1 {
			t.Errorf("%+v", s)
		}
		return nil
	})
}

// While jobs start and end the figures stay within their bounds, and the number of ended jobs
// never decreases.
func TestPoolStatsUnderLoad(t *testing.T) {
	pool := newPool(t, 0)
	const starters, paused = 4, 50
	var jobs []async.Job
	for range paused {
		j, out, err := pool.Start(nil, pauseForever)
		want(t, out, err, async.Paused, nil)
		jobs = append(jobs, j)
	}
	var stop atomic.Bool
	var ended atomic.Uint64
	var wg sync.WaitGroup
	for range starters {
		wg.Go(func() {
			for !stop.Load() {
				pool.Start(nil, func(j async.Job) error {
					_, out, err := pool.Start(nil, func(async.Job) error { return nil })
					want(t, out, err, async.Finished, nil)
					return nil
				})
				ended.Add(2)
			}
		})
	}
	var last uint64
	for range 2000 {
		before := ended.Load()
		s := pool.Stats()
		if s.Paused != paused || s.Ended < last || s.Ended < before || s.Running < 0 || s.Running > s.Coroutines-paused || s.Coroutines > paused+2*starters {
			t.Fatalf("%+v", s)
		}
		last = s.Ended
	}
	stop.Store(true)
	wg.Wait()
	if s := pool.Stats(); s.Running != 0 || s.Ended != ended.Load() {
		t.Errorf("%+v, want %d ended", s, ended.Load())
	}
	for _, j := range jobs {
		if err := j.Cancel(); err != nil {
			t.Error(err)
		}
	}
	if s := pool.Stats(); s.Paused != 0 || s.Ended != ended.Load()+paused {
		t.Errorf("%+v", s)
	}
}
