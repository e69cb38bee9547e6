package engine_test

import (
	"context"
	"testing"

	"asynccrypto/async"
	"asynccrypto/engine"
)

// manual is an engine whose operations end when the test says so, as with hardware: the handler
// only passes them on.
type manual struct {
	*engine.Engine
	taken chan *engine.Request // what the handler was given, in that order
}

func newManual(t *testing.T, depth int) *manual {
	t.Helper()
	m := &manual{taken: make(chan *engine.Request, 10_000)}
	var err error
	m.Engine, err = engine.New(engine.Config{Name: "manual", Workers: 1, Depth: depth, Handler: func(batch []*engine.Request) {
		for _, r := range batch {
			m.taken <- r
		}
	}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		for m.Stats().InFlight > 0 {
			(<-m.taken).Complete(nil)
		}
		if err := m.Close(); err != nil {
			t.Error(err)
		}
		checkSum(t, m.Stats())
	})
	return m
}

// checkSum holds Stats against its promise that nothing is lost.
func checkSum(t *testing.T, s engine.Stats) {
	t.Helper()
	if s.Submitted != s.Completed+s.Failed+s.Dropped+uint64(s.InFlight+s.Queued+s.Waiting) {
		t.Errorf("figures don't add up: %+v", s)
	}
}

// nop is an operation of which only the identity matters.
type nop struct{ id int }

func (*nop) Run() error { return nil }

// session is a WaitCtx with the job on it and the wakes by callback that it has got.
type session struct {
	async.WaitCtx
	job   async.Job
	out   async.Outcome
	err   error
	wakes chan struct{}
}

// newSession returns a session that is closed with the test.
func newSession(t *testing.T) *session {
	s := &session{wakes: make(chan struct{}, 100)}
	t.Cleanup(func() { s.Close() })
	return s
}

// listen sets the session's callback.
func (s *session) listen() {
	s.SetCallback(func(arg any) { arg.(*session).wakes <- struct{}{} }, s)
}

// start runs op in a job on s.
func (s *session) start(pool *async.Pool, e *engine.Engine, op engine.Op) {
	s.startCtx(context.Background(), pool, e, op)
}

func (s *session) startCtx(ctx context.Context, pool *async.Pool, e *engine.Engine, op engine.Op) {
	s.job, s.out, s.err = pool.Start(&s.WaitCtx, func(j async.Job) error {
		return e.Do(async.NewContext(ctx, j), op)
	})
}

func (s *session) resume() { s.out, s.err = s.job.Resume() }

func (s *session) want(t *testing.T, out async.Outcome, err error) {
	t.Helper()
	if s.out != out || s.err != err {
		t.Fatalf("got %v, %v; want %v, %v", s.out, s.err, out, err)
	}
}

func newPool(t *testing.T) *async.Pool {
	t.Helper()
	p, err := async.NewPool(0, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Close() })
	return p
}

func jobContext(j async.Job) context.Context { return async.NewContext(context.Background(), j) }
