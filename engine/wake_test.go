package engine_test

import (
	"errors"
	"testing"

	"asynccrypto/async"
	"asynccrypto/engine"
)

var errOp = errors.New("the operation's own error")

func TestCallback(t *testing.T) {
	m, pool, s := newManual(t, 8), newPool(t), newSession(t)
	s.listen()
	s.start(pool, m.Engine, &nop{})
	s.want(t, async.Paused, nil)
	if st := s.Status(); st != async.StatusOK {
		t.Fatal("status", st)
	}
	if fds := s.AllFDs(nil); len(fds) != 0 {
		t.Fatal("an fd was made though there is a callback:", fds)
	}
	(<-m.taken).Complete(errOp)
	<-s.wakes
	s.resume()
	s.want(t, async.Finished, errOp)
	if len(s.wakes) != 0 {
		t.Error("woken twice")
	}
}

// A callback that is set, changed or unset while the operation is in flight counts.
func TestCallbackSetAfterSubmission(t *testing.T) {
	m, pool, s := newManual(t, 8), newPool(t), newSession(t)
	s.start(pool, m.Engine, &nop{})
	s.want(t, async.Paused, nil)
	s.listen()
	(<-m.taken).Complete(nil)
	<-s.wakes
	if readable(t, s.AllFDs(nil)[0]) {
		t.Error("the fd was signaled as well")
	}
	s.resume()
	s.want(t, async.Finished, nil)

	s.listen()
	s.start(pool, m.Engine, &nop{})
	s.SetCallback(nil, nil)
	(<-m.taken).Complete(nil)
	if !readable(t, s.AllFDs(nil)[0]) {
		t.Error("the callback was unset, but the fd not signaled")
	}
	s.resume()
	s.want(t, async.Finished, nil)
	if len(s.wakes) != 0 {
		t.Error("the callback was called after it had been unset")
	}
}

func TestFDStaysAndFollowsResults(t *testing.T) {
	m, pool, s := newManual(t, 8), newPool(t), newSession(t)
	var first async.FD
	for i := range 3 {
		s.start(pool, m.Engine, &nop{})
		s.want(t, async.Paused, nil)
		fds := s.AllFDs(nil)
		if len(fds) != 1 || i > 0 && fds[0] != first {
			t.Fatalf("fds %v, want one, the same as before (%v)", fds, first)
		}
		first = fds[0]
		if fd, _, ok := s.FD(m.Engine); !ok || fd != first {
			t.Error("the engine is not its key")
		}
		if readable(t, first) {
			t.Error("readable before the result is there")
		}
		s.resume() // too early
		s.want(t, async.Paused, nil)
		(<-m.taken).Complete(nil)
		if !readable(t, first) {
			t.Error("not readable though the result is there")
		}
		s.resume()
		s.want(t, async.Finished, nil)
		if readable(t, first) {
			t.Error("still readable after the result was seen")
		}
	}
}

func TestSeveralEnginesSeveralFDs(t *testing.T) {
	a, b, pool, s := newManual(t, 8), newManual(t, 8), newPool(t), newSession(t)
	for _, m := range []*manual{a, b} {
		s.start(pool, m.Engine, &nop{})
		(<-m.taken).Complete(nil)
		s.resume()
		s.want(t, async.Finished, nil)
	}
	fds := s.AllFDs(nil)
	fdA, _, _ := s.FD(a.Engine)
	fdB, _, _ := s.FD(b.Engine)
	if len(fds) != 2 || fds[0] != fdB || fds[1] != fdA || fdA == fdB {
		t.Errorf("fds %v, of a %v, of b %v", fds, fdA, fdB)
	}
}

// Two jobs on one session share its fd: it stays readable until both have seen their result.
func TestTwoJobsShareTheFD(t *testing.T) {
	m, pool, a := newManual(t, 8), newPool(t), newSession(t)
	a.start(pool, m.Engine, &nop{})
	first := a.job
	a.start(pool, m.Engine, &nop{})
	second := a.job
	fd := a.AllFDs(nil)[0]
	(<-m.taken).Complete(nil)
	(<-m.taken).Complete(nil)
	if out, err := second.Resume(); out != async.Finished || err != nil {
		t.Fatal(out, err)
	}
	if !readable(t, fd) {
		t.Error("the first job's wake is lost")
	}
	if out, err := first.Resume(); out != async.Finished || err != nil {
		t.Fatal(out, err)
	}
	if readable(t, fd) {
		t.Error("readable with nothing left to see")
	}
}

// Without a session nobody is woken, and resuming to see is how to find out.
func TestPollingWithoutASession(t *testing.T) {
	m, pool := newManual(t, 8), newPool(t)
	j, out, err := pool.Start(nil, func(j async.Job) error { return m.Do(jobContext(j), &nop{}) })
	for range 3 {
		if out != async.Paused || err != nil {
			t.Fatal(out, err)
		}
		out, err = j.Resume()
	}
	(<-m.taken).Complete(errOp)
	if out, err = j.Resume(); out != async.Finished || err != errOp {
		t.Fatal(out, err)
	}
}

// An application that was woken for a job finds it paused, also when the result was there before
// the pause.
func TestNoWakeForAJobThatHasFinished(t *testing.T) {
	e, err := engine.New(engine.Config{Name: "quick", Handler: func(batch []*engine.Request) {
		for _, r := range batch {
			r.Run()
		}
	}})
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	pool := newPool(t)
	for range 2000 {
		s := newSession(t)
		s.listen()
		s.start(pool, e, &nop{})
		if s.out == async.Paused {
			<-s.wakes
			s.resume()
		}
		s.want(t, async.Finished, nil)
		if len(s.wakes) != 0 {
			t.Fatal("woken without a job that waits")
		}
		s.Close()
	}
}
