package engine_test

import (
	"testing"

	"asynccrypto/async"
	"asynccrypto/engine"
)

// These tests show the promises of docs/conformance.md that no other test shows.

// The callback is called for every accepted operation, however it ends, and for nothing else.
// StatusErr is about the engine, not about the key or the input.
func TestCallbackFollowsTheStatus(t *testing.T) {
	m, pool, s := newManual(t, 1), newPool(t), newSession(t)
	s.listen()
	s.start(pool, m.Engine, &nop{})
	s.want(t, async.Paused, nil)
	(<-m.taken).Complete(errOp)
	<-s.wakes
	s.resume()
	s.want(t, async.Finished, errOp)
	if st := s.Status(); st != async.StatusOK {
		t.Error("an operation that failed left the status", st)
	}
	if err := m.Close(); err != nil {
		t.Fatal(err)
	}
	s.start(pool, m.Engine, &nop{})
	s.want(t, async.Finished, engine.ErrClosed)
	if st := s.Status(); st != async.StatusErr {
		t.Error("status", st)
	}
	if len(s.wakes) != 0 {
		t.Error("woken for what was refused")
	}
}

// Two jobs on one session share the callback and its argument. It is called for each job without
// saying for which. A job that is resumed in vain pauses again.
func TestTwoJobsShareTheCallback(t *testing.T) {
	m, pool, s := newManual(t, 1), newPool(t), newSession(t)
	s.listen()
	s.start(pool, m.Engine, &nop{})
	first := s.job
	if st := s.Status(); st != async.StatusOK {
		t.Fatal("status", st)
	}
	s.start(pool, m.Engine, &nop{})
	second := s.job
	if st := s.Status(); st != async.StatusEAGAIN { // of the last submission
		t.Fatal("status", st)
	}
	(<-m.taken).Complete(nil)
	<-s.wakes
	if out, err := second.Resume(); out != async.Paused || err != nil {
		t.Error("the job that the wake was not for:", out, err)
	}
	if out, err := first.Resume(); out != async.Finished || err != nil {
		t.Error(out, err)
	}
	(<-m.taken).Complete(errOp)
	<-s.wakes
	if out, err := second.Resume(); out != async.Finished || err != errOp {
		t.Error(out, err)
	}
	if len(s.wakes) != 0 {
		t.Error("more wakes than operations")
	}
}

// Why a callback must not block: it runs on the goroutine that completes the operation, as a rule
// a worker, which does nothing else until the callback returns. The other workers go on.
func TestBlockingCallbackHoldsItsWorker(t *testing.T) {
	e, err := engine.New(engine.Config{Name: "two", Workers: 2, Handler: func(batch []*engine.Request) {
		for _, r := range batch {
			r.Run()
		}
	}})
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	pool, s := newPool(t), newSession(t)
	entered, leave := make(chan struct{}), make(chan struct{})
	defer close(leave)
	s.SetCallback(func(any) { close(entered); <-leave }, nil)
	gate := make(chan struct{})
	s.start(pool, e, engine.Func(func() error { <-gate; return nil }))
	close(gate)
	s.want(t, async.Paused, nil)
	<-entered
	for range 10 {
		if err := e.Do(t.Context(), &nop{}); err != nil {
			t.Error(err)
		}
	}
	s.resume() // which does not wait for the callback to return
	s.want(t, async.Finished, nil)
}

// Where pausing is blocked the operation is done all the same; the goroutine waits for it.
func TestBlockedPauseBlocksTheGoroutine(t *testing.T) {
	e, err := engine.New(engine.Config{Name: "one", Workers: 1, Handler: func(batch []*engine.Request) {
		for _, r := range batch {
			r.Run()
		}
	}})
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	pool, s := newPool(t), newSession(t)
	s.listen()
	ran := false
	s.job, s.out, s.err = pool.Start(&s.WaitCtx, func(j async.Job) error {
		j.BlockPause()
		defer j.UnblockPause()
		return e.Do(jobContext(j), engine.Func(func() error { ran = true; return errOp }))
	})
	s.want(t, async.Finished, errOp)
	if !ran || len(s.wakes) != 0 {
		t.Error("ran:", ran, "wakes:", len(s.wakes))
	}
}
