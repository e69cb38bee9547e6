package async_test

import (
	"fmt"
	"runtime"
	"slices"
	"strings"
	"testing"
	"weak"

	"asynccrypto/async"
)

// cleanupLog collects the fds whose cleanups were called.
type cleanupLog struct{ fds []async.FD }

func (l *cleanupLog) cleanup(_ *async.WaitCtx, _ any, fd async.FD, _ any) { l.fds = append(l.fds, fd) }

func TestCleanupIsForClose(t *testing.T) {
	var log cleanupLog
	w := reported(t)
	w.Close()
	set := func(fd async.FD) { w.SetWaitFD(fd, fd, nil, log.cleanup) }
	set(1)
	set(2)
	set(3)
	w.ClearFD(async.FD(2)) // added in this stretch: gone
	nextStretch(t, w)
	set(4)
	w.ClearFD(async.FD(3)) // reported before: only marked
	w.SetWaitFD("no cleanup", 5, nil, nil)
	if len(log.fds) != 0 {
		t.Fatal("ClearFD or a job called the cleanups of", log.fds)
	}
	w.Close()
	wantFDs(t, "cleaned up, newest first, cleared ones not", log.fds, 4, 1)
	w.Close()
	wantFDs(t, "cleaned up once", log.fds, 4, 1)
}

func TestCleanupGetsItsRecord(t *testing.T) {
	var w async.WaitCtx
	data := &struct{ n int }{5}
	called := false
	w.SetWaitFD("key", 9, data, func(cw *async.WaitCtx, key any, fd async.FD, d any) {
		called = true
		if cw != &w || key != "key" || fd != 9 || d != data {
			t.Error(cw, key, fd, d)
		}
		// As with OpenSSL the record is still there.
		if fd, d, ok := cw.FD("key"); fd != 9 || d != data || !ok {
			t.Error(fd, d, ok)
		}
		wantFDs(t, "all", cw.AllFDs(nil), 9)
	})
	w.Close()
	if !called {
		t.Error("not called")
	}
}

// wantZero checks that w is as good as new, and usable.
func wantZero(t *testing.T, w *async.WaitCtx) {
	t.Helper()
	wantFDs(t, "all", w.AllFDs(nil))
	wantChanged(t, w, nil, nil)
	if _, _, ok := w.Callback(); ok || w.Status() != async.StatusUnsupported {
		t.Error("callback or status survived Close")
	}
	var log cleanupLog
	w.SetWaitFD("again", 1, nil, log.cleanup)
	wantChanged(t, w, fds(1), nil)
	nextStretch(t, w)
	wantChanged(t, w, nil, nil)
	w.Close()
	wantFDs(t, "cleaned up", log.fds, 1)
}

// These are the things that a cleanup may do to its session. The records are 1 (oldest), 2, whose
// cleanup acts, and 3.
func TestCleanupActs(t *testing.T) {
	for _, test := range []struct {
		name string
		act  func(w *async.WaitCtx, log *cleanupLog)
		want []async.FD
	}{
		{"clears itself", func(w *async.WaitCtx, log *cleanupLog) {
			if !w.ClearFD(2) || w.ClearFD(2) {
				t.Error("want it cleared once")
			}
			wantFDs(t, "all", w.AllFDs(nil), 1)
		}, fds(3, 2, 1)},
		{"clears the next", func(w *async.WaitCtx, log *cleanupLog) {
			if !w.ClearFD(1) {
				t.Error("not there")
			}
		}, fds(3, 2)},
		{"clears the previous, which is gone", func(w *async.WaitCtx, log *cleanupLog) {
			if w.ClearFD(3) {
				t.Error("still there")
			}
		}, fds(3, 2, 1)},
		{"clears all", func(w *async.WaitCtx, log *cleanupLog) { w.ClearFD(2); w.ClearFD(1) }, fds(3, 2)},
		{"sets new ones", func(w *async.WaitCtx, log *cleanupLog) {
			for fd := async.FD(10); fd < 20; fd++ { // enough for the list to move in memory
				w.SetWaitFD(fd, fd, nil, log.cleanup)
			}
		}, fds(3, 2, 19, 18, 17, 16, 15, 14, 13, 12, 11, 10, 1)},
		{"replaces itself", func(w *async.WaitCtx, log *cleanupLog) {
			w.ClearFD(2)
			w.SetWaitFD(2, 20, nil, log.cleanup)
		}, fds(3, 2, 20, 1)},
		{"hides itself, then clears that", func(w *async.WaitCtx, log *cleanupLog) {
			w.SetWaitFD(2, 20, nil, log.cleanup)
			w.ClearFD(2)
			wantFDs(t, "all", w.AllFDs(nil), 2, 1)
		}, fds(3, 2, 1)},
		{"closes again", func(w *async.WaitCtx, log *cleanupLog) { w.Close() }, fds(3, 2, 1)},
		{"clears itself and closes again", func(w *async.WaitCtx, log *cleanupLog) { w.ClearFD(2); w.Close() }, fds(3, 2, 1)},
		{"leaves a callback and a status", func(w *async.WaitCtx, log *cleanupLog) {
			w.SetCallback(func(any) {}, nil)
			w.SetStatus(async.StatusOK)
		}, fds(3, 2, 1)},
		{"runs a job", func(w *async.WaitCtx, log *cleanupLog) { nextStretch(t, w) }, fds(3, 2, 1)},
		{"clears itself and runs a job", func(w *async.WaitCtx, log *cleanupLog) {
			w.ClearFD(2)
			nextStretch(t, w)
		}, fds(3, 2, 1)},
	} {
		for _, stretch := range []string{"same stretch", "later stretch"} {
			t.Run(test.name+"/"+stretch, func(t *testing.T) {
				var w async.WaitCtx
				var log cleanupLog
				w.SetWaitFD(1, 1, nil, log.cleanup)
				w.SetWaitFD(2, 2, nil, func(w *async.WaitCtx, key any, fd async.FD, data any) {
					log.cleanup(w, key, fd, data)
					test.act(w, &log)
				})
				w.SetWaitFD(3, 3, nil, log.cleanup)
				if stretch == "later stretch" {
					nextStretch(t, &w)
				}
				w.Close()
				wantFDs(t, "cleaned up", log.fds, test.want...)
				wantZero(t, &w)
			})
		}
	}
}

// A job that a cleanup starts, and that pauses, is one more job paused on the session: Close ends
// it too.
func TestCleanupStartsAJobThatPauses(t *testing.T) {
	pool := newPool(t, 1)
	var w async.WaitCtx
	var log []string
	var late async.Job
	w.SetWaitFD("k", 1, nil, func(w *async.WaitCtx, _ any, _ async.FD, _ any) {
		late = startPaused(t, pool, w, func(j async.Job) error {
			w.SetWaitFD("late", 2, nil, func(*async.WaitCtx, any, async.FD, any) { log = append(log, "fd") })
			err := pauseForever(j)
			log = append(log, fmt.Sprint("job: ", err))
			return err
		})
	})
	w.Close()
	if late.Err() != async.ErrStale {
		t.Error("the job is still paused")
	}
	slices.Sort(log)
	if got := strings.Join(log, ", "); got != "fd, job: "+async.ErrCanceled.Error() {
		t.Error(got)
	}
	wantZero(t, &w)
}

// A cleanup that panics, or ends its goroutine as a test's FailNow does, is not called again; the
// next Close goes on.
func TestCleanupPanics(t *testing.T) {
	var w async.WaitCtx
	var log cleanupLog
	for fd := async.FD(1); fd <= 3; fd++ {
		w.SetWaitFD(fd, fd, nil, func(w *async.WaitCtx, key any, fd async.FD, data any) {
			log.cleanup(w, key, fd, data)
			switch fd {
			case 3:
				w.SetWaitFD(4, 4, nil, log.cleanup)
				panic("boom")
			case 2:
				runtime.Goexit()
			}
		})
	}
	func() {
		defer func() {
			if v := recover(); v != "boom" {
				t.Error("the cleanup's panic did not come through:", v)
			}
		}()
		w.Close()
	}()
	wantFDs(t, "cleaned up", log.fds, 3)
	done := make(chan struct{})
	go func() {
		defer close(done)
		w.Close()
	}()
	<-done
	wantFDs(t, "cleaned up", log.fds, 3, 4, 2)
	w.Close()
	wantFDs(t, "cleaned up", log.fds, 3, 4, 2, 1)
	wantZero(t, &w)
}

func TestCloseUnsetsCallbackAndStatus(t *testing.T) {
	for _, used := range []bool{false, true} {
		var w async.WaitCtx
		w.SetCallback(func(any) {}, nil)
		w.SetStatus(async.StatusErr)
		if used {
			w.SetWaitFD("k", 1, nil, func(w *async.WaitCtx, _ any, _ async.FD, _ any) {
				if _, _, ok := w.Callback(); ok {
					t.Error("an engine that ends now would still call back")
				}
			})
		}
		if err := w.Close(); err != nil {
			t.Error(err)
		}
		wantZero(t, &w)
	}
}

// A session that is kept must not keep values that were cleared from it.
func TestClearedDataIsCollected(t *testing.T) {
	type blob [64]byte
	var w async.WaitCtx
	put := func(key string) weak.Pointer[blob] {
		data := new(blob)
		w.SetWaitFD(key, 1, data, nil)
		return weak.Make(data)
	}
	gone := map[string]weak.Pointer[blob]{"first": put("first")}
	put("kept")
	gone["reported"] = put("reported")
	nextStretch(t, &w)
	w.ClearFD("first")
	w.ClearFD("reported")
	nextStretch(t, &w) // until here they are remembered as deleted
	for i := range 3 {
		gone[fmt.Sprint(i)] = put(fmt.Sprint(i))
	}
	for i := range 3 {
		w.ClearFD(fmt.Sprint(i))
	}
	runtime.GC()
	for name, p := range gone {
		if p.Value() != nil {
			t.Errorf("%s is still referred to", name)
		}
	}
	p := put("closed")
	w.Close()
	runtime.GC()
	if p.Value() != nil {
		t.Error("still referred to after Close")
	}
	runtime.KeepAlive(&w)
}
