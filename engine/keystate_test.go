package engine_test

import (
	"context"
	"crypto"
	"crypto/sha256"
	"errors"
	"runtime"
	"sync/atomic"
	"testing"

	"asynccrypto/async"
	"asynccrypto/engine"
)

// keeper is an engine that prepares keys and ends operations when the test says so.
type keeper struct {
	*engine.Engine
	taken chan *engine.Request
	wiped atomic.Int32
}

func newKeeper(t *testing.T, depth int) *keeper {
	t.Helper()
	k := &keeper{taken: make(chan *engine.Request, 100)}
	var err error
	k.Engine, err = engine.New(engine.Config{
		Name: "keeper", Workers: 1, Depth: depth,
		Handler: func(batch []*engine.Request) {
			for _, r := range batch {
				k.taken <- r
			}
		},
		Prepare: func(crypto.PrivateKey) (any, func(), error) {
			return new(int), func() { k.wiped.Add(1) }, nil
		},
		Figures: func(s *engine.Stats) { s.Vectorized = 7 },
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		k.Close()
		checkSum(t, k.Stats())
	})
	return k
}

func (k *keeper) signer(t *testing.T) engine.Signer {
	t.Helper()
	s, err := k.Signer(rsaKey())
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func sign(ctx context.Context, s engine.Signer) error {
	digest := sha256.Sum256(nil)
	_, err := s.WithContext(ctx).Sign(nil, digest[:], crypto.SHA256)
	return err
}

func TestPrepareRefuses(t *testing.T) {
	refused := errors.New("bad key")
	e, err := engine.New(engine.Config{
		Name: "picky", Handler: func([]*engine.Request) {},
		Prepare: func(crypto.PrivateKey) (any, func(), error) { return nil, nil, refused },
	})
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	if s, err := e.Signer(rsaKey()); s != nil || !errors.Is(err, refused) {
		t.Error(s, err)
	}
}

// A prepared key is wiped once: when its signer is closed and the last operation with it has
// ended, however it ended.
func TestWipedWhenUnused(t *testing.T) {
	k := newKeeper(t, 2)
	s := k.signer(t)
	ctx, cancel := context.WithCancel(context.Background())
	bound := s.WithContext(ctx)
	ended := make(chan error, 4)
	for i := range 4 { // one in the handler's hands, one with nobody waiting, two in line
		c := context.Background()
		if i > 0 {
			c = ctx
		}
		go func() { ended <- sign(c, s) }()
		for k.Stats().Submitted != uint64(i+1) {
			runtime.Gosched()
		}
	}
	first, second := <-k.taken, <-k.taken
	if st := k.Stats(); st.Waiting != 2 || st.Vectorized != 7 {
		t.Fatalf("%+v", st)
	}
	cancel()
	for range 3 {
		if err := <-ended; err != context.Canceled {
			t.Error(err)
		}
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	digest := sha256.Sum256(nil)
	if _, err := bound.Sign(nil, digest[:], crypto.SHA256); err != engine.ErrClosed {
		t.Error("after Close:", err)
	}
	if k.wiped.Load() != 0 {
		t.Fatal("wiped under an operation")
	}
	first.Run()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	if k.wiped.Load() != 0 {
		t.Fatal("wiped under an operation that nobody waits for")
	}
	second.Run()
	if s.Close(); k.wiped.Load() != 1 {
		t.Errorf("wiped %d times", k.wiped.Load())
	}
}

// An operation that a shutdown turned away while it ran may still run; one that never began
// can't.
func TestWipedAfterShutdown(t *testing.T) {
	k := newKeeper(t, 1)
	s := k.signer(t)
	ended := make(chan error, 2)
	for i := range 2 {
		go func() { ended <- sign(context.Background(), s) }()
		for k.Stats().Submitted != uint64(i+1) {
			runtime.Gosched()
		}
	}
	r := <-k.taken
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := k.Shutdown(ctx); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	for range 2 {
		if err := <-ended; !errors.Is(err, engine.ErrClosed) {
			t.Error(err)
		}
	}
	if s.Close(); k.wiped.Load() != 0 {
		t.Error("wiped under an operation")
	}
	if r.Run(); k.wiped.Load() != 1 {
		t.Errorf("wiped %d times", k.wiped.Load())
	}
}

// A handler that takes the prepared away from an operation, as it may from its own, doesn't keep
// it from being wiped.
func TestWipedWhenTakenAway(t *testing.T) {
	k := newKeeper(t, 1)
	s := k.signer(t)
	ended := make(chan error)
	go func() { ended <- sign(context.Background(), s) }()
	r := <-k.taken
	r.Op().(*engine.SignOp).Prepared = nil
	s.Close()
	if k.wiped.Load() != 0 {
		t.Error("wiped under an operation")
	}
	r.Run()
	if err := <-ended; err != nil || k.wiped.Load() != 1 {
		t.Errorf("%v; wiped %d times", err, k.wiped.Load())
	}
}

// A cancelled job gives up its hold too, and a signer that is closed says nothing about the
// engine.
func TestWipedInJobs(t *testing.T) {
	k, pool, s := newKeeper(t, 1), newPool(t), newSession(t)
	signer := k.signer(t)
	s.listen()
	start := func() {
		s.job, s.out, s.err = pool.Start(&s.WaitCtx, func(j async.Job) error { return sign(jobContext(j), signer) })
	}
	start()
	s.want(t, async.Paused, nil)
	r := <-k.taken
	first := s.job
	start() // in line
	s.want(t, async.Paused, nil)
	s.job.Cancel()
	signer.Close()
	r.Run()
	<-s.wakes
	if out, err := first.Resume(); out != async.Finished || err != nil {
		t.Error(out, err)
	}
	if k.wiped.Load() != 1 {
		t.Errorf("wiped %d times", k.wiped.Load())
	}
	s.SetStatus(async.StatusOK)
	start()
	s.want(t, async.Finished, engine.ErrClosed)
	if st := s.Status(); st != async.StatusOK {
		t.Error("status", st)
	}
}

// A signer that is dropped is as good as closed; one that is bound elsewhere is not dropped.
func TestWipedWhenCollected(t *testing.T) {
	k := newKeeper(t, 1)
	bound := k.signer(t).WithContext(context.Background())
	for range 3 {
		runtime.GC()
	}
	if k.wiped.Load() != 0 {
		t.Error("wiped with a signer left")
	}
	runtime.KeepAlive(bound)
	collectUntil(t, func() bool { return k.wiped.Load() == 1 })
}

// Closing and signing at once: an operation has what was prepared, whole, or is refused.
func TestCloseWhileSigning(t *testing.T) {
	type prepared struct{ wiped atomic.Bool }
	e, err := engine.New(engine.Config{
		Name: "busy", Workers: 2, MaxBatch: 4,
		Handler: func(batch []*engine.Request) {
			for _, r := range batch {
				if p := r.Op().(*engine.SignOp).Prepared.(*prepared); p.wiped.Load() {
					t.Error("wiped before its time")
				}
			}
			runtime.Gosched()
			for _, r := range batch {
				if p := r.Op().(*engine.SignOp).Prepared.(*prepared); p.wiped.Load() {
					t.Error("wiped under an operation")
				}
				r.Complete(nil)
			}
		},
		Prepare: func(crypto.PrivateKey) (any, func(), error) {
			p := new(prepared)
			return p, func() {
				if p.wiped.Swap(true) {
					t.Error("wiped twice")
				}
			}, nil
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	for range 200 {
		s, err := e.Signer(rsaKey())
		if err != nil {
			t.Fatal(err)
		}
		done := make(chan error, 4)
		for range 4 {
			go func() { done <- sign(context.Background(), s) }()
		}
		runtime.Gosched()
		s.Close()
		for range 4 {
			if err := <-done; err != nil && err != engine.ErrClosed {
				t.Error(err)
			}
		}
	}
}
