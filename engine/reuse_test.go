package engine_test

import (
	"runtime"
	"sync/atomic"
	"testing"

	"asynccrypto/async"
	"asynccrypto/engine"
)

// A completion that is under way when its session is closed does not wake the next user of the
// session.
func TestLateWakeNeverReachesAReusedSession(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(4)) // so that threads interrupt each other anywhere
	m, pool, s := newManual(t, 8), newPool(t), newSession(t)
	rounds := 30_000
	if testing.Short() {
		rounds = 3000
	}
	var completed atomic.Int32
	requests := make(chan *engine.Request)
	go func() {
		for r := range requests {
			r.Complete(nil)
			completed.Add(1)
		}
	}()
	defer close(requests)
	for i := range rounds {
		s.SetCallback(func(any) {}, nil)
		s.start(pool, m.Engine, &nop{})
		requests <- <-m.taken
		for range i % 50 {
			completed.Load() // let it get a bit on
		}
		s.Close()
		var stranger atomic.Bool
		s.SetCallback(func(any) { stranger.Store(true) }, nil)
		for completed.Load() <= int32(i) {
			runtime.Gosched()
		}
		if stranger.Load() {
			t.Fatalf("round %d: the callback was set after the session had been closed, and called", i)
		}
	}
}

// An application that has cleared the engine's record, or set one of its own with the engine as
// the key, is served.
func TestForeignRecord(t *testing.T) {
	m, pool, s := newManual(t, 8), newPool(t), newSession(t)
	s.SetWaitFD(m.Engine, async.InvalidFD, "not the engine's", nil)
	for range 2 {
		s.start(pool, m.Engine, &nop{})
		s.want(t, async.Paused, nil)
		fd, _, _ := s.FD(m.Engine)
		(<-m.taken).Complete(nil)
		if !readable(t, fd) {
			t.Error("not woken")
		}
		s.resume()
		s.want(t, async.Finished, nil)
		s.ClearFD(m.Engine)
	}
}
