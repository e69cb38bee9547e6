//go:build unix

package reactor_test

import (
	"errors"
	"os"
	"runtime"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"asynccrypto/async"
	"asynccrypto/reactor"
)

// drain makes a wait fd unreadable, as an engine does when its job has seen the result.
func drain(fd async.FD) {
	var b [64]byte
	unix.Read(int(fd), b[:])
}

func watchFDs(t testing.TB, l *reactor.Loop, w *async.WaitCtx, ready func()) *reactor.Watch {
	t.Helper()
	watch, err := l.AddFDs(w, ready)
	if err != nil {
		t.Fatal(err)
	}
	return watch
}

// changes has a job change w's fds, since marks of change belong to a job's stretches.
func changes(t testing.TB, w *async.WaitCtx, stretches ...func()) (next func()) {
	t.Helper()
	job, out, err := newPool(t).Start(w, func(j async.Job) error {
		for _, f := range stretches {
			f()
			if err := j.Pause(); err != nil {
				return err
			}
		}
		return nil
	})
	if out != async.Paused {
		t.Fatal(out, err)
	}
	return func() { job.Resume() }
}

func changed(t testing.TB, w *reactor.Watch) {
	t.Helper()
	if err := w.Changed(); err != nil {
		t.Fatal(err)
	}
}

// Level-triggered: ready once a turn as long as an fd is readable, however many are.
func TestWaitFDsAreLevelTriggered(t *testing.T) {
	l := newLoop(t)
	a, b := socketPair(t)
	defer closeFDs(a, b)
	var w async.WaitCtx
	w.SetWaitFD("one", a, nil, nil)
	w.SetWaitFD("two", b, nil, nil)
	n := 0
	watch := watchFDs(t, l, &w, func() { n++ })
	turns(t, l, 3)
	if n != 0 {
		t.Fatal("ready with nothing to read")
	}
	send(t, a)
	send(t, b)
	turns(t, l, 4)
	if n < 3 || n > 4 {
		t.Errorf("ready %d times in 4 turns", n)
	}
	drain(a)
	drain(b)
	turns(t, l, 1)
	n = 0
	turns(t, l, 3)
	if n != 0 {
		t.Error("ready after both were read")
	}
	send(t, a)
	watch.Remove()
	turns(t, l, 3)
	if n != 0 {
		t.Error("ready after Remove")
	}
}

// Changed follows the fds that jobs set and clear, also an fd that is cleared and set again.
func TestChanged(t *testing.T) {
	l := newLoop(t)
	a, b := socketPair(t) // data sent to one makes the other readable
	defer closeFDs(a, b)
	var w async.WaitCtx
	next := changes(t, &w,
		func() { w.SetWaitFD("a", a, nil, nil) },
		func() { w.ClearFD("a"); w.SetWaitFD("b", b, nil, nil) },
		func() { w.ClearFD("b"); w.SetWaitFD("again", b, nil, nil) },
		func() { w.SetWaitFD("twice", b, nil, nil) },
		func() { w.ClearFD("twice") },
		func() { w.ClearFD("again") })
	n := 0
	watch := watchFDs(t, l, &w, func() { n++ })
	send(t, a)
	send(t, b)
	for i, want := range []bool{true, true, true, true, true, false} {
		switch i {
		case 1:
			drain(a)
		case 0:
			drain(b)
		}
		changed(t, watch)
		changed(t, watch) // a second call reports the same
		turns(t, l, 1)
		n = 0
		turns(t, l, 2)
		if (n > 0) != want {
			t.Errorf("stretch %d: ready %d times", i+1, n)
		}
		if i == 0 {
			send(t, a)
		}
		next()
	}
	watch.Remove()
}

// The same fd in several wait contexts: all are ready; and each can go without the others.
func TestAnFDOfSeveral(t *testing.T) {
	l := newLoop(t)
	a, b := socketPair(t)
	defer closeFDs(a, b)
	var w [3]async.WaitCtx
	var n [3]int
	var watches [3]*reactor.Watch
	for i := range w {
		w[i].SetWaitFD("key", a, nil, nil)
		watches[i] = watchFDs(t, l, &w[i], func() { n[i]++ })
	}
	send(t, b)
	turns(t, l, 2)
	for i := range n {
		if n[i] == 0 {
			t.Error(i, "is not ready")
		}
	}
	watches[0].Remove()
	clear(n[:])
	turns(t, l, 2)
	if n[0] != 0 || n[1] == 0 || n[2] == 0 {
		t.Error(n)
	}
	watches[1].Remove()
	watches[2].Remove()
	clear(n[:])
	turns(t, l, 2)
	if n != [3]int{} {
		t.Error(n)
	}
	watchSocket(t, l, a, func(reactor.Events) {}).Remove() // it is free again
}

func TestAnFDIsASocketOrAWaitFD(t *testing.T) {
	l := newLoop(t)
	a, b := socketPair(t)
	defer closeFDs(a, b)
	s := watchSocket(t, l, a, func(reactor.Events) {})
	var w async.WaitCtx
	w.SetWaitFD("key", a, nil, nil)
	if _, err := l.AddFDs(&w, func() {}); !errors.Is(err, syscall.EEXIST) {
		t.Error(err)
	}
	s.Remove()
	watchFDs(t, l, &w, func() {})
	if _, err := l.Socket(a, func(reactor.Events) {}); !errors.Is(err, syscall.EEXIST) {
		t.Error(err)
	}
}

// An fd that cannot be watched is an error, and does not keep the other fds from being watched.
func TestChangedWithABadFD(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("which fds can't be watched differs")
	}
	l := newLoop(t)
	a, b := socketPair(t)
	defer closeFDs(a, b)
	f, err := os.CreateTemp(t.TempDir(), "")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var w async.WaitCtx
	n := 0
	watch := watchFDs(t, l, &w, func() { n++ })
	changes(t, &w, func() {
		w.SetWaitFD("file", async.FD(f.Fd()), nil, nil)
		w.SetWaitFD("a", a, nil, nil)
	})
	if err := watch.Changed(); !errors.Is(err, syscall.EPERM) {
		t.Error(err)
	}
	send(t, b)
	turns(t, l, 2)
	if n == 0 {
		t.Error("the good one is not watched")
	}
	if _, err := l.AddFDs(&w, func() { t.Error("watched in spite of the error") }); !errors.Is(err, syscall.EPERM) {
		t.Error(err)
	}
	turns(t, l, 2)
}

// An engine closes its fd with the session, before the watch is removed, and another session gets
// the number at once. That one is woken, the other is not, and removing the old watch leaves it
// alone.
func TestWaitFDClosedAndReused(t *testing.T) {
	l := newLoop(t)
	a, b := socketPair(t)
	var old, young async.WaitCtx
	old.SetWaitFD("engine", a, nil, func(_ *async.WaitCtx, _ any, fd async.FD, _ any) { closeFDs(fd) })
	oldWatch := watchFDs(t, l, &old, func() { t.Error("the closed one is ready") })
	old.Close()
	c, d := socketPair(t)
	defer closeFDs(b, c, d)
	if c != a {
		t.Skip("the number was not used again")
	}
	young.SetWaitFD("engine", c, nil, nil)
	n := 0
	watchFDs(t, l, &young, func() { n++ })
	oldWatch.Remove()
	send(t, d)
	turns(t, l, 2)
	if n == 0 {
		t.Error("the new one is not ready")
	}
}

// The same within one session: the engine replaces its fd by another with the same number.
func TestWaitFDReplaced(t *testing.T) {
	l := newLoop(t)
	a, b := socketPair(t)
	var peer async.FD
	var w async.WaitCtx
	next := changes(t, &w,
		func() { w.SetWaitFD("engine", a, nil, nil) },
		func() {
			w.ClearFD("engine")
			closeFDs(a)
			c, d := socketPair(t)
			t.Cleanup(func() { closeFDs(b, c, d) })
			if c != a {
				t.Skip("the number was not used again")
			}
			peer = d
			w.SetWaitFD("engine", c, nil, nil)
		})
	n := 0
	watch := watchFDs(t, l, &w, func() { n++ })
	changed(t, watch)
	next()
	changed(t, watch)
	send(t, peer)
	turns(t, l, 2)
	if n == 0 {
		t.Error("the new fd is not watched")
	}
}
