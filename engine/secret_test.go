package engine_test

import (
	"context"
	"runtime"
	"testing"

	"asynccrypto/async"
	"asynccrypto/engine"
)

// secret is an operation with an output that must not outlive an abandoned call.
type secret struct {
	out   []byte
	wiped chan []byte
}

func (s *secret) Run() error { s.out = []byte("secret"); return nil }
func (s *secret) Wipe()      { clear(s.out); s.wiped <- s.out }

func newSecret() *secret { return &secret{wiped: make(chan []byte, 2)} }

// wantWiped checks that the output was wiped, once.
func (s *secret) wantWiped(t *testing.T) {
	t.Helper()
	if out := <-s.wiped; string(out) != "\x00\x00\x00\x00\x00\x00" {
		t.Errorf("left behind: %q", out)
	}
	if len(s.wiped) != 0 {
		t.Error("wiped twice")
	}
}

// An operation that is given up before it has begun is wiped then: it holds its input, and nobody
// else will.
func TestWipedInLine(t *testing.T) {
	m, pool := newManual(t, 1), newPool(t)
	go m.Do(context.Background(), &nop{})
	r := <-m.taken
	defer func() { r.Complete(nil) }()
	want := func(how string, op *secret) {
		t.Helper()
		if len(op.wiped) != 1 {
			t.Errorf("%s: wiped %d times", how, len(op.wiped))
		}
	}

	s, op := newSession(t), newSecret()
	s.start(pool, m.Engine, op)
	s.job.Cancel()
	want("a cancelled job", op)

	ctx, cancel := context.WithCancel(t.Context())
	s, op = newSession(t), newSecret()
	s.listen()
	s.startCtx(ctx, pool, m.Engine, op)
	cancel()
	<-s.wakes
	want("a job whose time is up", op)
	s.resume()
	s.want(t, async.Finished, context.Canceled)

	ctx, cancel = context.WithCancel(t.Context())
	op = newSecret()
	returned := make(chan error)
	go func() { returned <- m.Do(ctx, op) }()
	for m.Stats().Waiting == 0 {
		runtime.Gosched()
	}
	cancel()
	<-returned
	want("a goroutine", op)

	ctx, cancel = context.WithCancel(t.Context())
	cancel()
	s, op = newSession(t), newSecret()
	s.listen()
	s.start(pool, m.Engine, op)
	m.Shutdown(ctx)
	<-s.wakes
	want("a shutdown", op)
}

// The result of an operation whose callback panicked is dropped, so it is wiped.
func TestWipedAfterPanicInACallback(t *testing.T) {
	m, pool, s := newManual(t, 1), newPool(t), newSession(t)
	op := newSecret()
	s.SetCallback(func(any) { panic("in the callback") }, nil)
	s.start(pool, m.Engine, op)
	(<-m.taken).Run()
	s.resume()
	if _, ok := s.err.(*engine.PanicError); !ok {
		t.Error(s.err)
	}
	op.wantWiped(t)
}

type badWiper struct{ nop }

func (badWiper) Wipe() { panic("in Wipe") }

// A Wipe that panics ends neither the handler nor the operations that come after it.
func TestPanicInWipe(t *testing.T) {
	m, pool, s := newManual(t, 1), newPool(t), newSession(t)
	s.start(pool, m.Engine, &badWiper{})
	r := <-m.taken
	s.job.Cancel()
	r.Run()
	s.start(pool, m.Engine, &badWiper{})
	(<-m.taken).Run()
	if err := s.job.Cancel(); err != nil {
		t.Error(err)
	}
	checkSum(t, m.Stats())
}
