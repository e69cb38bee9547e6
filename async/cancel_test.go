package async_test

import (
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"asynccrypto/async"
)

// stubborn is a job that tries to go on: it ignores every error and recovers every panic.
func stubborn(log *[]string) async.Func {
	return func(j async.Job) error {
		defer func() { *log = append(*log, fmt.Sprint("outer ", recover())) }()
		for {
			func() {
				defer func() { *log = append(*log, fmt.Sprint("inner ", recover())) }()
				if err := j.Pause(); err != nil {
					*log = append(*log, err.Error())
				}
			}()
		}
	}
}

func TestCancelPaused(t *testing.T) {
	pool := newPool(t, 1)
	for range 3 { // the place returns
		var errs []error
		j := startPaused(t, pool, nil, func(j async.Job) error {
			errs = append(errs, j.Pause(), j.Err())
			return errors.New("its error is of no interest")
		})
		if err := j.Cancel(); err != nil {
			t.Error("Cancel:", err)
		}
		if !slices.Equal(errs, []error{async.ErrCanceled, async.ErrCanceled}) {
			t.Error("Pause and Err in the job:", errs)
		}
		wantOver(t, j)
	}
}

// The first Pause returns ErrCanceled, the second unwinds, and no recover can prevent it.
func TestCancelUnwinds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // which fails if a goroutine is left behind
		pool, _ := async.NewPool(1, 0)
		var w async.WaitCtx
		for name, end := range map[string]func(j async.Job){
			"Cancel": func(j async.Job) {
				if err := j.Cancel(); err != nil {
					t.Error(err)
				}
			},
			"WaitCtx.Close": func(async.Job) { w.Close() },
			"Pool.Close": func(async.Job) {
				if err := pool.Close(); err != nil {
					t.Error(err)
				}
				pool, _ = async.NewPool(1, 0)
			},
		} {
			var log []string
			j := startPaused(t, pool, &w, stubborn(&log))
			j.Resume()
			log = nil
			end(j)
			if got, want := strings.Join(log, ", "), async.ErrCanceled.Error()+", inner <nil>, inner <nil>, outer <nil>"; got != want {
				t.Errorf("%s: %s; want %s", name, got, want)
			}
			wantOver(t, j)
		}
		pool.Close()
	})
}

// In a running job the next Pause returns ErrCanceled, no matter which goroutine cancelled it. The
// error is that of the Start or Resume.
func TestCancelRunning(t *testing.T) {
	pool := newPool(t, 2)
	var log []string
	cancel := func(j async.Job) {
		for range 2 { // again is no harm
			if err := j.Cancel(); err != nil || j.Err() != async.ErrCanceled {
				t.Error(err, j.Err())
			}
		}
	}
	for name, cancel := range map[string]func(async.Job){
		"itself":           cancel,
		"a job it started": func(j async.Job) { pool.Start(nil, func(async.Job) error { cancel(j); return nil }) },
		"another goroutine": func(j async.Job) {
			done := make(chan bool)
			go func() { cancel(j); done <- true }()
			<-done
		},
	} {
		canceled := func(j async.Job) error {
			cancel(j)
			if !j.InJob() {
				t.Error("not InJob: an engine would block instead of hearing of it")
			}
			return j.Pause()
		}
		_, out, err := pool.Start(nil, canceled)
		want(t, out, err, async.Finished, async.ErrCanceled)
		j := startPaused(t, pool, nil, func(j async.Job) error { j.Pause(); return canceled(j) })
		out, err = j.Resume()
		want(t, out, err, async.Finished, async.ErrCanceled)

		// Unwound, it is Failed.
		log = nil
		_, out, err = pool.Start(nil, func(j async.Job) error { cancel(j); return stubborn(&log)(j) })
		if out != async.Failed || err != async.ErrCanceled || len(log) != 4 {
			t.Errorf("%s: %v, %v, %v", name, out, err, log)
		}
		// One that never pauses again has its own result.
		_, out, err = pool.Start(nil, func(j async.Job) error { cancel(j); return errors.ErrUnsupported })
		want(t, out, err, async.Finished, errors.ErrUnsupported)
	}
}

// The next job on the coroutine is not the one that was cancelled, however that ended.
func TestCancelEndsWithTheJob(t *testing.T) {
	pool := newPool(t, 1)
	for _, fn := range []async.Func{
		func(j async.Job) error { j.Cancel(); return nil },
		func(j async.Job) error { j.Cancel(); return j.Pause() },
		func(j async.Job) error { j.Cancel(); j.Pause(); return j.Pause() },
		func(j async.Job) error { j.Cancel(); panic("boom") },
		func(j async.Job) error { j.Resume(); return nil }, // a wake that the next job must not get
	} {
		pool.Start(nil, fn)
		j := startPaused(t, pool, nil, func(j async.Job) error { return j.Pause() })
		if err := j.Err(); err != nil {
			t.Error(err)
		}
		out, err := j.Resume()
		want(t, out, err, async.Finished, nil)
	}
}

// While pausing is blocked Pause does not report the Cancel, since a blocked section must not be
// interrupted. Afterwards it does.
func TestCancelWhileBlocked(t *testing.T) {
	pool := newPool(t, 1)
	_, out, err := pool.Start(nil, func(j async.Job) error {
		j.BlockPause()
		j.Cancel()
		if err := j.Pause(); err != nil || j.Err() != async.ErrCanceled {
			t.Error(err, j.Err())
		}
		j.UnblockPause()
		return j.Pause()
	})
	want(t, out, err, async.Finished, async.ErrCanceled)
}

// Deferred functions that run while the job is unwound may use it and its session like any others.
func TestCancelInDeferredFunctions(t *testing.T) {
	pool := newPool(t, 2)
	var w async.WaitCtx
	var log cleanupLog
	var steps []string
	step := func(s string) { steps = append(steps, s) }
	j := startPaused(t, pool, &w, func(j async.Job) error {
		defer step("outermost")
		defer func() {
			defer step("after the pause")
			w.SetWaitFD("late", 2, nil, log.cleanup)
			if err := j.Cancel(); err != nil {
				t.Error(err)
			}
			j.Pause() // unwinds the rest
			t.Error("went on after a third Pause")
		}()
		defer func() { // a job of its own
			inner := startPaused(t, pool, &w, func(j async.Job) error { defer step("inner"); return j.Pause() })
			if err := inner.Cancel(); err != nil {
				t.Error(err)
			}
			inner = startPaused(t, pool, &w, func(j async.Job) error { defer step("closed"); return pauseForever(j) })
			w.Close() // does nothing if Close is the caller that cancels
			if inner.Err() == nil {
				inner.Cancel()
			}
		}()
		w.SetWaitFD("k", 1, nil, log.cleanup)
		for {
			j.Pause()
		}
	})
	w.Close()
	wantOver(t, j)
	if got := strings.Join(steps, ", "); got != "inner, closed, after the pause, outermost" {
		t.Error(got)
	}
	wantFDs(t, "cleaned up", log.fds, 2, 1)
	wantZero(t, &w)
	for range 2 {
		startPaused(t, pool, nil, pauseForever)
	}
}

// Close ends the jobs paused on the session, the newest first, and no others; a running one is the
// caller's own.
func TestWaitCtxCloseCancels(t *testing.T) {
	pool := newPool(t, 0)
	var w, other async.WaitCtx
	var order []string
	named := func(name string) async.Func {
		return func(j async.Job) error {
			defer func() { order = append(order, name) }()
			return pauseForever(j)
		}
	}
	startPaused(t, pool, &w, named("first"))
	middle := startPaused(t, pool, &w, named("middle"))
	startPaused(t, pool, &w, named("last"))
	kept := startPaused(t, pool, &other, named("kept"))
	middle.Cancel() // out of the middle of the list
	order = nil

	closer := startPaused(t, pool, &w, func(j async.Job) error {
		if err := j.Pause(); err != nil {
			return err
		}
		w.SetWaitFD("k", 1, nil, func(*async.WaitCtx, any, async.FD, any) { order = append(order, "fd") })
		w.Close()
		if got := strings.Join(order, " "); got != "last first fd" {
			t.Error("ended:", got)
		}
		if err := j.Err(); err != nil {
			t.Error("the job that closes its session was cancelled:", err)
		}
		w.SetWaitFD("k", 2, nil, nil)
		return j.Pause()
	})
	out, err := closer.Resume()
	want(t, out, err, async.Paused, nil)
	wantChanged(t, &w, fds(2), nil)
	order = nil
	w.Close() // finds it again, now that it is paused
	wantOver(t, closer)
	out, err = kept.Resume()
	want(t, out, err, async.Paused, nil)
	if len(order) != 0 {
		t.Error("ended:", order)
	}
	other.Close()
	wantOver(t, kept)
}

// A job that is started by a cancelled job gets the place that comes free only then.
func TestCancelAtTheLimit(t *testing.T) {
	pool := newPool(t, 1)
	j := startPaused(t, pool, nil, func(j async.Job) error {
		defer func() {
			_, out, err := pool.Start(nil, pauseForever)
			want(t, out, err, async.NoJobs, async.ErrNoJobs)
		}()
		return pauseForever(j)
	})
	if err := j.Cancel(); err != nil {
		t.Error(err)
	}
	startPaused(t, pool, nil, pauseForever)
	runtime.KeepAlive(pool)
}
