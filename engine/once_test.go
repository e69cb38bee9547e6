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

// An operation may end by its result, by the deadline of its context or by a Shutdown whose time
// is up, and several of these may meet. Always, a job that nobody resumes before it is woken
// pauses at most once for each operation, and is woken exactly as often as it has paused.
func TestOneWakeForEachPause(t *testing.T) {
	rounds := 200
	if testing.Short() {
		rounds = 30
	}
	for range rounds {
		onceRound(t)
	}
}

func onceRound(t *testing.T) {
	const jobs, each = 8, 20
	e, err := engine.New(engine.Config{Name: "once", Workers: 2, MaxBatch: 3, Depth: 4, Handler: func(batch []*engine.Request) {
		for _, r := range batch {
			switch rand.N(4) {
			case 0:
				go r.Run()
			case 1:
				time.Sleep(time.Duration(rand.N(30_000)))
				fallthrough
			default:
				r.Run()
			}
		}
	}})
	if err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	for range jobs {
		all.Go(func() { onceJob(t, e, each) })
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Duration(rand.N(300_000)))
	defer cancel()
	if err := e.Shutdown(ctx); err != nil && !errors.Is(err, context.DeadlineExceeded) {
		t.Error(err)
	}
	all.Wait()
	if err := e.Close(); err != nil {
		t.Error(err)
	}
	st := e.Stats()
	checkSum(t, st)
	if st.InFlight+st.Queued+st.Waiting != 0 || st.Dropped != 0 {
		t.Errorf("%+v", st)
	}
}

// onceJob is an event loop with one job that does n operations.
func onceJob(t *testing.T, e *engine.Engine, n int) {
	pool, err := async.NewPool(1, 0)
	if err != nil {
		t.Error(err)
		return
	}
	defer pool.Close()
	s := &session{wakes: make(chan struct{}, 100)}
	defer s.Close()
	s.listen()
	done, pauses := 0, 0
	s.job, s.out, s.err = pool.Start(&s.WaitCtx, func(j async.Job) error {
		for ; done < n; done++ {
			ctx, cancel := jobContext(j), func() {}
			if rand.N(2) == 0 {
				ctx, cancel = context.WithTimeout(ctx, time.Duration(rand.N(60_000)))
			}
			soakCheck(t, e.Do(ctx, &nop{}))
			cancel()
		}
		return nil
	})
	for s.out == async.Paused {
		if pauses++; pauses > done+1 {
			t.Error("more pauses than operations")
		}
		<-s.wakes
		s.resume()
	}
	s.wantNone(t)
}

// wantNone checks that the session of a job that has finished gets no further wakes.
func (s *session) wantNone(t *testing.T) {
	for range 10 {
		runtime.Gosched()
	}
	if s.out != async.Finished || s.err != nil || len(s.wakes) != 0 {
		t.Errorf("%v, %v, then %d wakes", s.out, s.err, len(s.wakes))
	}
}
