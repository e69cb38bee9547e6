package engine_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"runtime"
	"sync"
	"testing"
	"time"

	"asynccrypto/async"
	"asynccrypto/engine"
)

// TestSoak lets several loops drive sessions at random against one small engine: by fd or
// callback, cancelled at any moment, with deadlines, errors, panics and a Close in the middle.
// Nothing may be lost, answered twice or left behind.
func TestSoak(t *testing.T) {
	goroutines, fds := runtime.NumGoroutine(), openFDs(t)
	rounds := 6
	if testing.Short() {
		rounds = 2
	}
	for range rounds {
		soakOnce(t)
	}
	collectUntil(t, func() bool { return runtime.NumGoroutine() <= goroutines && openFDs(t) <= fds })
}

func soakOnce(t *testing.T) {
	e, err := engine.New(engine.Config{Name: "soak", Workers: 2, MaxBatch: 4, Depth: 6, Handler: func(batch []*engine.Request) {
		for _, r := range batch {
			if rand.N(10) == 0 {
				go func() { runtime.Gosched(); r.Run() }() // completed later, by somebody else
			} else {
				r.Run()
			}
		}
	}})
	if err != nil {
		t.Fatal(err)
	}
	var loops sync.WaitGroup
	for range 4 {
		loops.Go(func() { soakLoop(t, e) })
		loops.Go(func() {
			for range 300 {
				soakCheck(t, e.Do(soakContext(context.Background()), soakOp()))
			}
		})
	}
	if rand.N(2) == 0 {
		time.Sleep(time.Duration(rand.N(int64(20 * time.Millisecond))))
		ctx, cancel := context.WithTimeout(t.Context(), time.Duration(rand.N(int64(time.Millisecond))))
		e.Shutdown(ctx)
		cancel()
	}
	loops.Wait()
	if err := e.Close(); err != nil {
		t.Error(err)
	}
	st := e.Stats()
	if st.InFlight+st.Queued+st.Waiting != 0 {
		t.Errorf("left behind: %+v", st)
	}
	checkSum(t, st)
}

// soakLoop is an event loop with a few sessions.
func soakLoop(t *testing.T, e *engine.Engine) {
	pool, err := async.NewPool(20, 0)
	if err != nil {
		t.Error(err)
		return
	}
	defer pool.Close()
	woken := make(chan *session, 1000)
	paused := map[*session]bool{}
	for i := 0; i < 300 || len(paused) > 0; i++ {
		if i < 300 && len(paused) < 15 {
			s := new(session)
			if rand.N(3) > 0 {
				s.SetCallback(func(arg any) { woken <- arg.(*session) }, s)
			}
			s.startCtx(soakContext(context.Background()), pool, e, soakOp())
			soakStep(t, s, paused)
			continue
		}
		select {
		case s := <-woken:
			if paused[s] {
				s.resume()
				soakStep(t, s, paused)
			}
		default:
			for s := range paused { // one at random, whether its time has come or not
				if rand.N(20) == 0 {
					s.Close()
					delete(paused, s)
				} else if _, _, callback := s.Callback(); !callback || rand.N(10) == 0 {
					s.resume()
					soakStep(t, s, paused)
				}
				break
			}
			runtime.Gosched()
		}
	}
}

func soakStep(t *testing.T, s *session, paused map[*session]bool) {
	if s.out == async.Paused {
		paused[s] = true
		return
	}
	delete(paused, s)
	if s.out != async.Finished {
		t.Error(s.out, s.err)
	}
	soakCheck(t, s.err)
	s.Close()
}

func soakOp() engine.Op {
	switch rand.N(20) {
	case 0:
		return engine.Func(func() error { panic("soak") })
	case 1:
		return engine.Func(func() error { return errOp })
	case 2:
		return engine.Func(func() error { runtime.Goexit(); return nil })
	}
	return &nop{}
}

func soakContext(parent context.Context) context.Context {
	if rand.N(4) > 0 {
		return parent
	}
	ctx, cancel := context.WithTimeout(parent, time.Duration(rand.N(int64(100*time.Microsecond))))
	context.AfterFunc(ctx, cancel)
	return ctx
}

func soakCheck(t *testing.T, err error) {
	var p *engine.PanicError
	if err != nil && err != errOp && !errors.Is(err, engine.ErrClosed) && !errors.Is(err, context.DeadlineExceeded) && !errors.As(err, &p) {
		t.Error(err)
	}
}
