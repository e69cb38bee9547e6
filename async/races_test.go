package async_test

import (
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"asynccrypto/async"
)

// If many goroutines resume a paused job at once exactly one has it, and the others get ErrBusy.
func TestOneOfManyResumesWins(t *testing.T) {
	const goroutines, rounds = 4, 1000
	pool := newPool(t, 1)
	for range rounds {
		stretches := 0
		hold := make(chan bool)
		j := startPaused(t, pool, nil, func(j async.Job) error {
			for {
				if err := j.Pause(); err != nil {
					return err
				}
				if stretches++; stretches == 1 {
					<-hold // until the others have tried
				}
			}
		})
		var won, lost atomic.Int32
		var wg sync.WaitGroup
		for range goroutines {
			wg.Go(func() {
				switch out, err := j.Resume(); {
				case out == async.Paused && err == nil:
					won.Add(1)
				case out == async.Failed && err == async.ErrBusy:
					if lost.Add(1) == goroutines-1 {
						hold <- true
					}
				default:
					t.Error(out, err)
				}
			})
		}
		wg.Wait()
		if won.Load() != 1 || lost.Load() != goroutines-1 {
			t.Fatalf("%d won, %d lost", won.Load(), lost.Load())
		}
		// The wakes of the others made one more stretch, not one each, or none if all came before
		// the job had left its Pause.
		if stretches != 1 && stretches != 2 {
			t.Fatalf("%d stretches", stretches)
		}
		j.Cancel()
	}
}

// A wake is not lost: when all Resumes have returned, the job has seen everything that was done
// before a Resume that ended with ErrBusy.
func TestBusyWakeIsNotLost(t *testing.T) {
	const goroutines = 3
	rounds := 20_000
	if testing.Short() {
		rounds /= 10
	}
	pool := newPool(t, 1)
	var results atomic.Int64
	seen, busy := int64(0), atomic.Int64{}
	j := startPaused(t, pool, nil, func(j async.Job) error {
		for {
			seen = results.Load()
			if err := j.Pause(); err != nil {
				return err
			}
		}
	})
	for range rounds / 100 {
		var wg sync.WaitGroup
		for range goroutines {
			wg.Go(func() {
				for range 100 {
					results.Add(1)
					if _, err := j.Resume(); err == async.ErrBusy {
						busy.Add(1)
					}
				}
			})
		}
		wg.Wait()
		if seen != results.Load() {
			t.Fatalf("the job saw %d of %d results, after %d busy resumes", seen, results.Load(), busy.Load())
		}
	}
	t.Log(busy.Load(), "resumes found the job busy")
}

// A wake that comes while the job runs makes its next pause return, once. The application does not
// see that pause, so nothing is reset either.
func TestBusyWakeIsOnePause(t *testing.T) {
	pool := newPool(t, 1)
	var w async.WaitCtx
	j, out, err := pool.Start(&w, func(j async.Job) error {
		w.SetWaitFD(1, 1, nil, nil)
		for range 2 {
			if out, err := j.Resume(); out != async.Failed || err != async.ErrBusy {
				t.Error("a job that resumes itself:", out, err)
			}
		}
		if err := j.Pause(); err != nil {
			t.Error(err)
		}
		wantChanged(t, &w, fds(1), nil)
		j.Resume()
		j.BlockPause()
		j.Pause() // is no pause, so it does not use the wake up
		j.UnblockPause()
		j.Pause()
		w.SetWaitFD(2, 2, nil, nil)
		return j.Pause()
	})
	want(t, out, err, async.Paused, nil)
	wantChanged(t, &w, fds(2, 1), nil)
	out, err = j.Resume()
	want(t, out, err, async.Finished, nil)
}

// At whatever moment a Cancel comes, the job ends, once, before both the Cancel and the Start or
// Resume have returned.
func TestCancelAtAnyMoment(t *testing.T) {
	rounds := 5000
	if testing.Short() {
		rounds /= 10
	}
	pool := newPool(t, 2)
	for round := range rounds {
		var w async.WaitCtx
		ended := 0
		handle := make(chan async.Job, 1)
		var wg sync.WaitGroup
		wg.Go(func() {
			j := <-handle
			for range round % 64 { // at various moments
				runtime.Gosched()
			}
			if err := j.Cancel(); err != nil && err != async.ErrStale {
				t.Error(err)
			}
		})
		wg.Go(func() { // one that gets in the way
			if j, _, _ := pool.Start(nil, func(j async.Job) error { return j.Pause() }); j != (async.Job{}) {
				j.Resume()
			}
		})
		// The application polls until it sees that the job is over.
		j, out, err := pool.Start(&w, func(j async.Job) error {
			defer func() { ended++ }()
			handle <- j
			for range 20 {
				w.SetWaitFD("k", 1, nil, nil)
				w.ClearFD("k")
				if err := j.Pause(); err != nil && round%2 == 0 {
					return err
				}
			}
			return nil
		})
		for out == async.Paused || err == async.ErrBusy {
			out, err = j.Resume()
		}
		wg.Wait()
		if j != (async.Job{}) && j.Err() != async.ErrStale || ended != 1 {
			t.Fatalf("round %d: the job has ended %d times: %v, %v", round, ended, out, err)
		}
	}
}

// Close and Start at once: whatever Start returned, no job and no goroutine is left over.
func TestStartWhileClosing(t *testing.T) {
	before := runtime.NumGoroutine()
	rounds := 1000
	if testing.Short() {
		rounds /= 10
	}
	for range rounds {
		pool, err := async.NewPool(20, 0)
		if err != nil {
			t.Fatal(err)
		}
		var begun, ended atomic.Int32
		var wg sync.WaitGroup
		for range 3 {
			wg.Go(func() {
				for {
					_, out, err := pool.Start(nil, func(j async.Job) error {
						begun.Add(1)
						defer ended.Add(1)
						for {
							j.Pause()
						}
					})
					if out == async.Failed && (err == async.ErrClosed || err == async.ErrCanceled) {
						return
					} else if out == async.NoJobs {
						runtime.Gosched()
					} else if out != async.Paused {
						t.Error(out, err)
						return
					}
				}
			})
		}
		wg.Go(func() {
			runtime.Gosched()
			for range 2 {
				if err := pool.Close(); err != nil {
					t.Error(err)
				}
			}
		})
		wg.Wait()
		if begun.Load() != ended.Load() {
			t.Fatalf("%d jobs were started, %d ended", begun.Load(), ended.Load())
		}
	}
	wantGoroutines(before)
}

// TestIdleStackABA uses the stack of idle coroutines in the pattern that breaks one without a
// count: one goroutine has read the top and its successor, others take both and put back the first
// alone. More threads than processors make it likely that one is interrupted just then.
func TestIdleStackABA(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(8))
	d := 300 * time.Millisecond
	if testing.Short() {
		d /= 10
	}
	pool := newPool(t, 0)
	var wg sync.WaitGroup
	end := time.Now().Add(d)
	for range 8 {
		wg.Go(func() {
			for time.Now().Before(end) {
				for range 100 {
					n := 0
					var below async.Job
					_, out, err := pool.Start(nil, func(j async.Job) error {
						n++
						below, _, _ = pool.Start(nil, func(j async.Job) error {
							n++
							err := j.Pause()
							n++
							return err
						})
						return nil
					})
					if out != async.Finished || err != nil || n != 2 {
						t.Errorf("first: %v, %v, %d", out, err, n)
						return
					}
					if out, err := below.Resume(); out != async.Finished || err != nil || n != 3 {
						t.Errorf("below: %v, %v, %d", out, err, n)
						return
					}
				}
			}
		})
	}
	wg.Wait()
}

// A goroutine that outlives the job that started it is refused, whatever the coroutine does then;
// and the refusal is no data race.
func TestForeignPauseWhileTheJobEnds(t *testing.T) {
	pool := newPool(t, 1)
	for round := range 1000 {
		var wg sync.WaitGroup
		pool.Start(nil, func(j async.Job) error {
			wg.Go(func() {
				for err := error(nil); err != async.ErrStale; {
					if err = j.Pause(); err != async.ErrNotInJob && err != async.ErrStale || j.InJob() {
						t.Error(err)
						return
					}
				}
			})
			switch round % 3 {
			case 0:
				runtime.Goexit() // the next job is on another goroutine
			case 1:
				panic("boom")
			}
			return nil
		})
		pool.Start(nil, func(async.Job) error { return nil })
		wg.Wait()
	}
}
