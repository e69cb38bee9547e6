package async_test

import (
	"errors"
	"runtime"
	"sync"
	"testing"

	"asynccrypto/async"
)

// The tests in this file show cases that crash, leak or are undefined with OpenSSL, one test for
// each. Each comment quotes its case. Cases that only an engine can have (EAGAIN, late wakes,
// operations resumed too early) are tested in package engine.

// "a cleanup that clears its own, just added key": double free. Here it works. (More of it in
// TestCleanupActs.)
func TestBreakCleanupClearsOwnKey(t *testing.T) {
	var w async.WaitCtx
	calls := 0
	w.SetWaitFD("k", 1, nil, func(w *async.WaitCtx, key any, _ async.FD, _ any) {
		calls++
		if !w.ClearFD(key) || w.ClearFD(key) {
			t.Error("want it cleared once")
		}
	})
	w.Close()
	w.Close()
	if calls != 1 {
		t.Errorf("called %d times", calls)
	}
	wantZero(t, &w)
}

// "nested start inside a job": ERR, or the wrong result, then a crash. Here jobs nest, and each
// result is its own.
func TestBreakNestedStart(t *testing.T) {
	const depth = 50
	pool := newPool(t, depth)
	errs := make([]error, depth)
	pauses := 0
	var level func(n int) async.Func
	level = func(n int) async.Func {
		return func(j async.Job) error {
			errs[n] = errors.New("of this level")
			if err := j.Pause(); err != nil {
				t.Error(err)
			}
			if n+1 == depth {
				return errs[n]
			}
			inner, out, err := pool.Start(nil, level(n+1))
			for ; out == async.Paused; out, err = inner.Resume() {
				pauses++
				if err := j.Pause(); err != nil { // and so does everybody further out
					t.Error(err)
				}
			}
			if out != async.Finished || err != errs[n+1] {
				t.Errorf("level %d: %v, %v", n+1, out, err)
			}
			return errs[n]
		}
	}
	j, out, err := pool.Start(nil, level(0))
	for ; out == async.Paused; out, err = j.Resume() {
	}
	if out != async.Finished || err != errs[0] || pauses != depth*(depth-1)/2 {
		t.Error(out, err, pauses)
	}
}

// "resume of a finished job's handle": job twice in the pool, hijacks another. Here an error.
func TestBreakResumeOfAFinishedJob(t *testing.T) {
	pool := newPool(t, 2)
	old := startPaused(t, pool, nil, func(j async.Job) error { return j.Pause() })
	out, err := old.Resume()
	want(t, out, err, async.Finished, nil)
	wantOver(t, old)

	stretches := 0
	hijacked := startPaused(t, pool, nil, func(j async.Job) error { // on the same coroutine
		for ; ; stretches++ {
			if err := j.Pause(); err != nil {
				return err
			}
			if err := old.Pause(); err != async.ErrStale {
				t.Error("Pause:", err)
			}
		}
	})
	for range 5 {
		wantOver(t, old)
	}
	out, err = hijacked.Resume()
	want(t, out, err, async.Paused, nil)
	if stretches != 1 {
		t.Errorf("%d stretches: the old handle moved the new job", stretches)
	}
	startPaused(t, pool, nil, pauseForever)
	_, out, err = pool.Start(nil, pauseForever)
	want(t, out, err, async.NoJobs, async.ErrNoJobs) // the coroutine was not in the pool twice
}

// "resume on another thread": crash. Here it works.
func TestBreakResumeOnAnotherThread(t *testing.T) {
	pool := newPool(t, 4)
	var wg sync.WaitGroup
	n := 0
	j := startPaused(t, pool, nil, func(j async.Job) error {
		for range 100 {
			n++ // ordered by the switches: for the race detector to judge
			if err := j.Pause(); err != nil {
				return err
			}
		}
		return nil
	})
	turn := make(chan bool, 1)
	turn <- true
	for range 4 { // goroutines that block migrate between threads
		wg.Go(func() {
			for range 25 {
				<-turn
				n++
				if out, err := j.Resume(); out == async.Failed {
					t.Error(out, err)
				}
				turn <- true
			}
		})
	}
	wg.Wait()
	if n != 200 || j.Err() != async.ErrStale {
		t.Error(n, j.Err())
	}
}

// "two resumes at once": undefined. Here an error for one of them. (Under load in races_test.go.)
func TestBreakTwoResumesAtOnce(t *testing.T) {
	pool := newPool(t, 1)
	inside, leave := make(chan bool), make(chan bool)
	j := startPaused(t, pool, nil, func(j async.Job) error {
		j.Pause()
		inside <- true
		<-leave
		return nil
	})
	go j.Resume()
	<-inside
	if out, err := j.Resume(); out != async.Failed || err != async.ErrBusy {
		t.Error(out, err)
	}
	leave <- true
	for j.Err() == nil {
		runtime.Gosched()
	}
}

// "pause with no wait context": crash on resume. Here it works.
func TestBreakPauseWithoutWaitCtx(t *testing.T) {
	j := startPaused(t, newPool(t, 1), nil, func(j async.Job) error { return j.Pause() })
	out, err := j.Resume()
	want(t, out, err, async.Finished, nil)
}

// "block_pause left unbalanced": the thread's next job can't pause. Here the count is the job's
// own.
func TestBreakBlockPauseUnbalanced(t *testing.T) {
	pool := newPool(t, 1)
	for _, fn := range []async.Func{
		func(j async.Job) error { j.BlockPause(); return nil },
		func(j async.Job) error { j.BlockPause(); panic("boom") },
		func(j async.Job) error { j.BlockPause(); runtime.Goexit(); return nil },
		func(j async.Job) error { j.Pause(); j.BlockPause(); return nil },
	} {
		if j, out, _ := pool.Start(nil, fn); out == async.Paused {
			j.Resume()
		}
		j := startPaused(t, pool, nil, func(j async.Job) error {
			if !j.InJob() {
				t.Error("blocked by the job before")
			}
			return j.Pause()
		})
		out, err := j.Resume()
		want(t, out, err, async.Finished, nil)
	}
}

// "freeing the connection while its job is paused": the job and its place in the pool leak. Here
// the job is cancelled and unwound, and its place returned.
func TestBreakCloseWhilePaused(t *testing.T) {
	pool := newPool(t, 1)
	var w async.WaitCtx
	for range 3 {
		unwound := false
		j := startPaused(t, pool, &w, func(j async.Job) error {
			defer func() { unwound = true }()
			for {
				j.Pause()
			}
		})
		w.Close()
		if !unwound {
			t.Fatal("still paused")
		}
		wantOver(t, j)
	}
}

// "second init_thread": leaks the first pool, limit not kept. Here pools are values.
func TestBreakSecondPool(t *testing.T) {
	one, two := newPool(t, 1), newPool(t, 2)
	a := startPaused(t, one, nil, pauseForever)
	b := startPaused(t, two, nil, pauseForever)
	startPaused(t, two, nil, pauseForever)
	for _, pool := range []*async.Pool{one, two} {
		_, out, err := pool.Start(nil, pauseForever)
		want(t, out, err, async.NoJobs, async.ErrNoJobs)
	}
	two.Close()
	wantOver(t, b)
	out, err := a.Resume()
	want(t, out, err, async.Paused, nil)
}

// "stack overflow in a job": no guard page. Here stacks grow, also after a pause and at any depth.
func TestBreakStackOverflow(t *testing.T) {
	var deep func(j async.Job, n int) (int, error)
	deep = func(j async.Job, n int) (int, error) {
		var frame [1024]byte // OpenSSL's stacks hold 32 of them
		frame[n%len(frame)] = 1
		if n == 0 {
			return 0, j.Pause()
		}
		sum, err := deep(j, n-1)
		for _, b := range frame {
			sum += int(b)
		}
		return sum, err
	}
	const depth = 10_000
	j := startPaused(t, newPool(t, 1), nil, func(j async.Job) error {
		for range 2 {
			if sum, err := deep(j, depth); sum != depth || err != nil {
				t.Error(sum, err)
			}
		}
		return nil
	})
	runtime.GC() // moves stacks, which shrinks them
	out, err := j.Resume()
	want(t, out, err, async.Paused, nil)
	out, err = j.Resume()
	want(t, out, err, async.Finished, nil)
}

// "callback set after the first operation": no effect. Here it takes effect, also between
// submission and completion.
func TestBreakCallbackSetLater(t *testing.T) {
	var w async.WaitCtx
	complete := make(chan bool)
	woken := make(chan any)
	go func() { // as an engine's worker does
		for range complete {
			if fn, arg, ok := w.Callback(); ok {
				fn(arg)
			} else {
				woken <- nil
			}
		}
	}()
	defer close(complete)
	j := startPaused(t, newPool(t, 1), &w, pauseForever)
	complete <- true
	if <-woken != nil {
		t.Error("called, but nothing was set")
	}
	j.Resume()
	for n := range 2 {
		w.SetCallback(func(arg any) { woken <- arg }, n)
		complete <- true
		if got := <-woken; got != n {
			t.Errorf("called with %v, want %d", got, n)
		}
	}
}

// "pause from a goroutine (thread) that is not the job's": undefined. Here refused with an error.
func TestBreakPauseFromAnotherGoroutine(t *testing.T) {
	pool := newPool(t, 2)
	elsewhere := func(j async.Job) (err error, inJob bool) {
		var wg sync.WaitGroup
		wg.Go(func() {
			j.BlockPause() // refused too: the job could not pause any more
			err, inJob = j.Pause(), j.InJob()
		})
		wg.Wait()
		return
	}
	j := startPaused(t, pool, nil, func(j async.Job) error {
		if err, in := elsewhere(j); err != async.ErrNotInJob || in {
			t.Error("while it runs:", err, in)
		}
		pool.Start(nil, func(async.Job) error {
			if err := j.Pause(); err != async.ErrNotInJob || j.InJob() {
				t.Error("from a job that it started:", err)
			}
			return nil
		})
		return j.Pause()
	})
	if err, in := elsewhere(j); err != async.ErrNotInJob || in {
		t.Error("while it is paused:", err, in)
	}
	if err := j.Pause(); err != async.ErrNotInJob {
		t.Error("from who started it:", err)
	}
	out, err := j.Resume()
	want(t, out, err, async.Finished, nil)
}

// "the pool is at its limit": nobody ever says when to try again. Here the first asked is the first
// notified. (notify_test.go has more of it.)
func TestBreakPoolAtItsLimit(t *testing.T) {
	pool := newPool(t, 1)
	j := startPaused(t, pool, nil, pauseForever)
	var notified []any
	for i := range 3 {
		_, out, err := pool.Start(nil, pauseForever)
		want(t, out, err, async.NoJobs, async.ErrNoJobs)
		pool.Notify(func(arg any) {
			notified = append(notified, arg)
			j = startPaused(t, pool, nil, pauseForever)
		}, i)
	}
	for i := range 3 {
		if len(notified) != i {
			t.Fatal("notified too soon:", notified)
		}
		j.Cancel()
		if len(notified) != i+1 || notified[i] != i {
			t.Fatal("notified:", notified)
		}
	}
}
