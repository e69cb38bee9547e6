package async_test

import (
	"sync"
	"testing"

	"asynccrypto/async"
)

func TestWaitCtxIsReady(t *testing.T) {
	for name, w := range map[string]*async.WaitCtx{"zero value": {}, "NewWaitCtx": async.NewWaitCtx()} {
		if s := w.Status(); s != async.StatusUnsupported {
			t.Errorf("%s: status %v", name, s)
		}
		if fn, arg, ok := w.Callback(); fn != nil || arg != nil || ok {
			t.Errorf("%s: a callback is set", name)
		}
		if fd, data, ok := w.FD(w); fd != async.InvalidFD || data != nil || ok {
			t.Errorf("%s: FD(unknown) is %v, %v, %v", name, fd, data, ok)
		}
		if w.ClearFD(w) {
			t.Errorf("%s: ClearFD of an unknown key succeeded", name)
		}
		wantFDs(t, name, w.AllFDs(nil))
		wantChanged(t, w, nil, nil)
		if err := w.Close(); err != nil {
			t.Error(err)
		}
	}
}

func TestFDsAreNewestFirst(t *testing.T) {
	var w async.WaitCtx
	for fd := range async.FD(5) {
		w.SetWaitFD(fd, fd, int(fd)*10, nil)
	}
	for range 2 { // reading changes nothing
		wantFDs(t, "all", w.AllFDs(nil), 4, 3, 2, 1, 0)
		wantChanged(t, &w, fds(4, 3, 2, 1, 0), nil)
	}
	for fd := range async.FD(5) {
		if got, data, ok := w.FD(fd); got != fd || data != int(fd)*10 || !ok {
			t.Errorf("FD(%d) is %d, %v, %v", fd, got, data, ok)
		}
	}
	// The contents of the slices stay.
	wantFDs(t, "appended", w.AllFDs(fds(77)), 77, 4, 3, 2, 1, 0)
	added, deleted := w.ChangedFDs(fds(88), fds(99))
	wantFDs(t, "appended", added, 88, 4, 3, 2, 1, 0)
	wantFDs(t, "appended", deleted, 99)
}

func TestKeysOfAnyKind(t *testing.T) {
	type engine struct{ name string }
	e := &engine{"one"}
	keys := []any{e, &engine{"one"}, engine{"one"}, engine{"two"}, "one", 1, int64(1), nil}
	var w async.WaitCtx
	for i, key := range keys {
		w.SetWaitFD(key, async.FD(i), nil, nil)
	}
	for i, key := range keys {
		if fd, _, ok := w.FD(key); fd != async.FD(i) || !ok {
			t.Errorf("key %v is %d, %v; want %d", key, fd, ok, i)
		}
	}
}

func TestEqualKeys(t *testing.T) {
	var w async.WaitCtx
	w.SetWaitFD("k", 1, "old", nil)
	w.SetWaitFD("other", 2, nil, nil)
	w.SetWaitFD("k", 3, "new", nil)
	wantFDs(t, "all", w.AllFDs(nil), 3, 2, 1)
	if fd, data, ok := w.FD("k"); fd != 3 || data != "new" || !ok {
		t.Error("the newest is not found first:", fd, data, ok)
	}
	for _, step := range []struct {
		cleared bool
		fd      async.FD
		data    any
		all     []async.FD
	}{
		{true, 1, "old", fds(2, 1)}, // clearing the newer uncovers the older
		{true, async.InvalidFD, nil, fds(2)},
		{false, async.InvalidFD, nil, fds(2)},
	} {
		if ok := w.ClearFD("k"); ok != step.cleared {
			t.Fatalf("ClearFD: %v, want %v", ok, step.cleared)
		}
		if fd, data, ok := w.FD("k"); fd != step.fd || data != step.data || ok != (data != nil) {
			t.Errorf("after it, FD is %v, %v, %v; want %v, %v", fd, data, ok, step.fd, step.data)
		}
		wantFDs(t, "all", w.AllFDs(nil), step.all...)
	}
}

// reported returns a WaitCtx whose fds 1, 2 and 3 (under keys of the same name) were reported to
// the application.
func reported(t *testing.T) *async.WaitCtx {
	t.Helper()
	w := new(async.WaitCtx)
	for fd := range async.FD(3) {
		w.SetWaitFD(fd+1, fd+1, nil, nil)
	}
	nextStretch(t, w)
	wantChanged(t, w, nil, nil)
	wantFDs(t, "all", w.AllFDs(nil), 3, 2, 1)
	return w
}

// nextStretch resumes a paused job on w, which resets its counts.
func nextStretch(t *testing.T, w *async.WaitCtx) {
	t.Helper()
	j := startPaused(t, newPool(t, 1), w, func(j async.Job) error { return j.Pause() })
	out, err := j.Resume()
	want(t, out, err, async.Finished, nil)
}

func TestClearInTheSameStretch(t *testing.T) {
	w := reported(t)
	for fd := async.FD(4); fd <= 6; fd++ {
		w.SetWaitFD(fd, fd, nil, nil)
	}
	// They were not reported, so they vanish, wherever in the list they are.
	for i, step := range []struct {
		key   async.FD
		added []async.FD
	}{{5, fds(6, 4)}, {6, fds(4)}, {4, nil}} {
		if !w.ClearFD(step.key) {
			t.Fatal("step", i)
		}
		wantChanged(t, w, step.added, nil)
	}
	wantFDs(t, "all", w.AllFDs(nil), 3, 2, 1)
	if w.ClearFD(async.FD(5)) {
		t.Error("cleared twice")
	}
}

func TestClearInALaterStretch(t *testing.T) {
	w := reported(t)
	if !w.ClearFD(async.FD(2)) || w.ClearFD(async.FD(2)) {
		t.Error("want it cleared once")
	}
	if _, _, ok := w.FD(async.FD(2)); ok {
		t.Error("still found")
	}
	wantFDs(t, "all", w.AllFDs(nil), 3, 1)
	wantChanged(t, w, nil, fds(2))

	// Set again, the same fd is in both lists. Which of the two an application applies first
	// decides whether it goes on watching the fd: deletions first.
	w.SetWaitFD(async.FD(2), 2, nil, nil)
	wantFDs(t, "all", w.AllFDs(nil), 2, 3, 1)
	wantChanged(t, w, fds(2), fds(2))
	// Cleared once more, the addition vanishes, the deletion stays.
	w.ClearFD(async.FD(2))
	wantChanged(t, w, nil, fds(2))
	w.ClearFD(async.FD(1))
	w.ClearFD(async.FD(3))
	wantFDs(t, "all", w.AllFDs(nil))
	wantChanged(t, w, nil, fds(3, 2, 1))

	nextStretch(t, w)
	wantChanged(t, w, nil, nil)
	wantFDs(t, "all", w.AllFDs(nil))
}

func TestCountsResetOnlyOnResume(t *testing.T) {
	var w async.WaitCtx
	pool := newPool(t, 2)
	add := func(fd async.FD) { w.SetWaitFD(fd, fd, nil, nil) }
	blocked := func(j async.Job) error {
		j.BlockPause()
		return j.Pause()
	}

	add(1) // before any job
	j := startPaused(t, pool, &w, func(j async.Job) error {
		add(2)
		wantChanged(t, &w, fds(2, 1), nil)
		if err := j.Pause(); err != nil {
			return err
		}
		wantChanged(t, &w, nil, nil) // reset on the way back into the job
		add(3)
		return nil
	})
	wantChanged(t, &w, fds(2, 1), nil) // the pause itself resets nothing
	_, out, err := pool.Start(&w, blocked)
	want(t, out, err, async.Finished, nil)
	if out, err := (async.Job{}).Resume(); out != async.Failed {
		t.Fatal(out, err)
	}
	wantChanged(t, &w, fds(2, 1), nil) // nor does a start, an end, a blocked pause or a resume that fails
	out, err = j.Resume()
	want(t, out, err, async.Finished, nil)

	// The changes of the last stretch are reported again at the first pause of the next job.
	wantChanged(t, &w, fds(3), nil)
	j = startPaused(t, pool, &w, func(j async.Job) error {
		add(4)
		j.Pause()
		w.ClearFD(async.FD(4))
		return nil
	})
	wantChanged(t, &w, fds(4, 3), nil)
	out, err = j.Resume()
	want(t, out, err, async.Finished, nil)
	j = startPaused(t, pool, &w, pauseForever)
	wantChanged(t, &w, nil, fds(4)) // a deletion too
	if err := j.Cancel(); err != nil {
		t.Error(err)
	}
	wantChanged(t, &w, nil, nil) // Cancel resumes
	wantFDs(t, "all", w.AllFDs(nil), 3, 2, 1)
}

func TestStatus(t *testing.T) {
	var w async.WaitCtx
	for s, name := range map[async.Status]string{
		0: "UNSUPPORTED", 1: "ERR", 2: "OK", 3: "EAGAIN", 4: "Status(4)", -7: "Status(-7)", 1<<31 - 1: "Status(2147483647)",
	} {
		w.SetStatus(s)
		if got := w.Status(); got != s || got.String() != name {
			t.Errorf("status %d is %v, %q; want %q", s, int(got), got, name)
		}
	}
	if async.StatusUnsupported != 0 || async.StatusErr != 1 || async.StatusOK != 2 || async.StatusEAGAIN != 3 {
		t.Error("the numbers are not OpenSSL's")
	}
	// The status outlives pauses and jobs.
	w.SetStatus(async.StatusEAGAIN)
	nextStretch(t, &w)
	if w.Status() != async.StatusEAGAIN {
		t.Error("status changed by a job")
	}
}

func TestCallback(t *testing.T) {
	var w async.WaitCtx
	got := 0
	w.SetCallback(func(arg any) { got = arg.(int) }, 7)
	fn, arg, ok := w.Callback()
	if !ok || arg != 7 {
		t.Fatal(arg, ok)
	}
	if got != 0 {
		t.Error("the facility called the callback: that is for engines")
	}
	if fn(arg); got != 7 {
		t.Error("not the function that was set")
	}
	nextStretch(t, &w)
	w.SetCallback(func(arg any) { got = -1 }, nil)
	if fn, arg, ok := w.Callback(); !ok || arg != nil {
		t.Error(arg, ok)
	} else if fn(arg); got != -1 {
		t.Error("the old callback is still set")
	}
	for range 2 {
		w.SetCallback(nil, 7)
		if fn, arg, ok := w.Callback(); ok || fn != nil || arg != nil {
			t.Error("still set")
		}
	}
}

// A worker reads the callback while the owner of the session sets it: function and argument must
// belong together.
func TestCallbackIsReadFromAnywhere(t *testing.T) {
	var w async.WaitCtx
	var wg sync.WaitGroup
	stop := make(chan struct{})
	for range 2 {
		wg.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				if fn, arg, ok := w.Callback(); ok {
					fn(arg)
				}
			}
		})
	}
	for i := range 10_000 {
		w.SetCallback(func(arg any) {
			if arg != i {
				t.Errorf("function %d got the argument %v", i, arg)
			}
		}, i)
		if i%3 == 0 {
			w.SetCallback(nil, nil)
		}
		if i%5 == 0 {
			w.Close()
		}
	}
	close(stop)
	wg.Wait()
}
