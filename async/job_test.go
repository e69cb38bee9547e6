package async_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"testing"

	"asynccrypto/async"
)

func TestOutcomes(t *testing.T) {
	for o, name := range map[async.Outcome]string{0: "ERR", 1: "NO_JOBS", 2: "PAUSE", 3: "FINISH", 9: "Outcome(9)"} {
		if o.String() != name {
			t.Errorf("outcome %d is %q, want %q", int(o), o, name)
		}
	}
	if async.Failed != 0 || async.NoJobs != 1 || async.Paused != 2 || async.Finished != 3 {
		t.Error("the numbers are not OpenSSL's")
	}
	if !async.IsCapable() {
		t.Error("not capable")
	}
}

func TestPauseResume(t *testing.T) {
	pool := newPool(t, 1)
	var w async.WaitCtx
	boom := errors.New("boom")
	job, out, err := pool.Start(&w, func(j async.Job) error {
		if j.WaitCtx() != &w || !j.InJob() || j.Err() != nil {
			t.Error("not in the job that was started")
		}
		for range 3 {
			if err := j.Pause(); err != nil {
				t.Error(err)
			}
		}
		return boom
	})
	for range 3 {
		if out != async.Paused || err != nil {
			t.Fatal(out, err)
		}
		if job.Err() != nil || job.InJob() || job.WaitCtx() != &w {
			t.Error("the handle of a paused job:", job.Err(), job.InJob(), job.WaitCtx())
		}
		out, err = job.Resume()
	}
	if out != async.Finished || err != boom {
		t.Fatal(out, err)
	}
}

func TestErrorsPassThrough(t *testing.T) {
	pool := newPool(t, 1)
	// Finished's error is the function's own, unchanged, even if it looks like one of this
	// package.
	for _, e := range []error{nil, errors.New("mine"), fmt.Errorf("wrapped: %w", async.ErrStale), async.ErrNoJobs,
		async.ErrCanceled, &async.PanicError{Value: "mine too"}} {
		_, out, err := pool.Start(nil, func(async.Job) error { return e })
		if out != async.Finished || err != e {
			t.Errorf("Start: %v, %v; want %v", out, err, e)
		}
		j := startPaused(t, pool, nil, func(j async.Job) error { j.Pause(); return e })
		if out, err := j.Resume(); out != async.Finished || err != e {
			t.Errorf("Resume: %v, %v; want %v", out, err, e)
		}
	}
}

// wantOver checks that a handle is of no use, no matter what its coroutine is doing now.
func wantOver(t *testing.T, j async.Job) {
	t.Helper()
	if out, err := j.Resume(); out != async.Failed || err != async.ErrStale {
		t.Error("Resume:", out, err)
	}
	if err := j.Cancel(); err != async.ErrStale {
		t.Error("Cancel:", err)
	}
	if err := j.Err(); err != async.ErrStale {
		t.Error("Err:", err)
	}
	if j.InJob() || j.WaitCtx() != nil {
		t.Error("InJob or WaitCtx")
	}
	j.BlockPause()
	j.UnblockPause()
}

func TestZeroJob(t *testing.T) {
	var zero async.Job
	wantOver(t, zero)
	if err := zero.Pause(); err != nil { // code that was given no job calls Pause all the same
		t.Error("Pause:", err)
	}
	if j, ok := async.FromContext(async.NewContext(context.Background(), zero)); ok || j != zero {
		t.Error("FromContext found the zero Job")
	}
	// Inside a job it is not that job.
	newPool(t, 1).Start(nil, func(j async.Job) error {
		zero.BlockPause()
		if err := zero.Pause(); err != nil || !j.InJob() {
			t.Error(err, j.InJob())
		}
		return nil
	})
}

func TestOnlyPausedHasAHandle(t *testing.T) {
	pool := newPool(t, 1)
	for name, fn := range map[string]async.Func{
		"finished": func(async.Job) error { return nil },
		"failed":   func(async.Job) error { panic("boom") },
	} {
		if j, out, _ := pool.Start(nil, fn); j != (async.Job{}) {
			t.Errorf("%s: %v with a handle", name, out)
		}
	}
}

func TestBlockPause(t *testing.T) {
	var w async.WaitCtx
	pauses := 0
	j, out, err := newPool(t, 1).Start(&w, func(j async.Job) error {
		pause := func() {
			t.Helper()
			if err := j.Pause(); err != nil {
				t.Error(err)
			}
		}
		w.SetWaitFD("k", 1, nil, nil)
		j.BlockPause()
		j.BlockPause()
		pause()
		j.UnblockPause()
		pause() // they nest
		if j.InJob() {
			t.Error("InJob while blocked")
		}
		wantChanged(t, &w, fds(1), nil) // a pause that is none resets nothing
		j.UnblockPause()
		j.UnblockPause() // one too many counts for nothing
		j.BlockPause()
		pause()
		j.UnblockPause()
		if !j.InJob() {
			t.Error("not InJob though not blocked")
		}
		pause()
		return nil
	})
	for ; out == async.Paused; out, err = j.Resume() {
		pauses++
		j.BlockPause() // from outside the job: nothing
		j.UnblockPause()
	}
	want(t, out, err, async.Finished, nil)
	if pauses != 1 {
		t.Errorf("paused %d times, want 1", pauses)
	}
}

func TestContext(t *testing.T) {
	type key struct{}
	pool := newPool(t, 2)
	if _, ok := async.FromContext(context.Background()); ok {
		t.Error("a job in no job's context")
	}
	var kept context.Context
	_, out, err := pool.Start(nil, func(outer async.Job) error {
		parent := context.WithValue(context.Background(), key{}, "value")
		ctx := async.NewContext(parent, outer)
		if j, ok := async.FromContext(ctx); j != outer || !ok {
			t.Error("the outer job is not found")
		}
		if ctx.Value(key{}) != "value" || ctx.Value("other") != nil {
			t.Error("the parent's values are lost")
		}
		inner, out, err := pool.Start(nil, func(inner async.Job) error {
			kept = async.NewContext(context.WithValue(ctx, key{}, "another"), inner)
			derived, cancel := context.WithCancel(kept)
			defer cancel()
			if j, ok := async.FromContext(derived); j != inner || !ok {
				t.Error("the innermost job is not found")
			}
			if j, _ := async.FromContext(ctx); j != outer || j.InJob() || !inner.InJob() {
				t.Error("the outer job runs, but not here")
			}
			return inner.Pause()
		})
		want(t, out, err, async.Paused, nil)
		if j, ok := async.FromContext(kept); j != inner || !ok {
			t.Error("a paused job is found")
		}
		out, err = inner.Resume()
		want(t, out, err, async.Finished, nil)
		if j, ok := async.FromContext(kept); ok || j != (async.Job{}) {
			t.Error("a finished job is found, or the one around it instead")
		}
		found := make(chan bool)
		go func() { // told apart from the job's goroutine by InJob
			j, ok := async.FromContext(ctx)
			found <- ok && j == outer && !j.InJob()
		}()
		if !<-found {
			t.Error("not found from another goroutine, or InJob there")
		}
		return nil
	})
	want(t, out, err, async.Finished, nil)
}

func TestStartWithoutWaitCtx(t *testing.T) {
	j := startPaused(t, newPool(t, 1), nil, func(j async.Job) error {
		if j.WaitCtx() != nil {
			t.Error("a WaitCtx from nowhere")
		}
		return j.Pause()
	})
	out, err := j.Resume()
	want(t, out, err, async.Finished, nil)
}

// The page forbids it, OpenSSL's own tests do it: two jobs on one session, driven by one goroutine.
func TestTwoJobsOnOneWaitCtx(t *testing.T) {
	pool := newPool(t, 2)
	var w async.WaitCtx
	job := func(fd async.FD) async.Func {
		return func(j async.Job) error {
			w.SetWaitFD(fd, fd, nil, nil)
			w.SetStatus(async.Status(fd))
			return pauseForever(j)
		}
	}
	a := startPaused(t, pool, &w, job(1))
	b := startPaused(t, pool, &w, job(2))
	if w.Status() != 2 {
		t.Error("the status is shared")
	}
	wantChanged(t, &w, fds(2, 1), nil)
	out, err := a.Resume()
	want(t, out, err, async.Paused, nil)
	wantChanged(t, &w, nil, nil) // resuming either resets all
	wantFDs(t, "all", w.AllFDs(nil), 2, 1)
	if err := a.Cancel(); err != nil {
		t.Error(err)
	}
	out, err = b.Resume()
	want(t, out, err, async.Paused, nil)
	w.Close()
	wantOver(t, b)
}

// Jobs cost no garbage once the pool is warm.
func TestNoAllocations(t *testing.T) {
	if runtime.GOARCH != "amd64" && runtime.GOARCH != "arm64" {
		t.Skip("elsewhere a goroutine is told from others by its stack trace, which is allocated")
	}
	if os.Getenv("ASYNCCRYPTO_CHECK") != "" {
		t.Skip("the check reads stack traces, which are allocated")
	}
	pool := newPool(t, 2)
	var w async.WaitCtx
	j := startPaused(t, pool, &w, pauseForever)
	fn := func(async.Job) error { return nil }
	key := new(int)
	var session async.WaitCtx
	for name, f := range map[string]func(){
		"pause and resume": func() { j.Resume() },
		"start to finish":  func() { pool.Start(&w, fn) },
		"set, get, clear":  func() { w.SetWaitFD(key, 1, nil, nil); w.FD(key); w.ClearFD(key) },
		"new and close":    func() { session = async.WaitCtx{}; session.Close() },
	} {
		if n := testing.AllocsPerRun(100, f); n != 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
}
