package engine_test

import (
	"context"
	"runtime"
	"sync"
	"testing"
	"time"

	"asynccrypto/async"
	"asynccrypto/engine"
)

// waited is a request, and all that can end the wait for it.
type waited struct {
	*engine.Request
	engine *engine.Engine
	parent context.CancelFunc // cancels the context given to Do
	pool   *async.Pool
	s      *session // of the job that waits, if it is one and not a goroutine
}

func (w *waited) endParent() { w.parent() }
func (w *waited) complete()  { w.Complete(nil) }
func (w *waited) shutdown() {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	w.engine.Shutdown(ctx)
}

// A request's context ends when nobody waits for the request any more, whether or not it was
// asked for before.
func TestRequestContext(t *testing.T) {
	for _, test := range []struct {
		name  string
		inJob bool
		end   func(*waited)
	}{
		{"job is cancelled", true, func(w *waited) { w.s.job.Cancel() }},
		{"session is closed", true, func(w *waited) { w.s.Close() }},
		{"pool is closed", true, func(w *waited) { w.pool.Close() }},
		{"context of a job ends", true, (*waited).endParent},
		{"context of a goroutine ends", false, (*waited).endParent},
		{"shutdown gives a job up", true, (*waited).shutdown},
		{"shutdown gives a goroutine up", false, (*waited).shutdown},
		{"complete in a job", true, (*waited).complete},
		{"complete on a goroutine", false, (*waited).complete},
	} {
		for when, early := range map[string]bool{"asked before": true, "asked afterwards": false} {
			t.Run(test.name+"/"+when, func(t *testing.T) {
				m, pool := newManual(t, 10), newPool(t)
				parent, cancel := context.WithCancel(context.WithValue(t.Context(), contextKey{}, "value"))
				defer cancel()
				s := newSession(t)
				var waiting sync.WaitGroup
				defer waiting.Wait()
				if test.inJob {
					s.listen()
					s.startCtx(parent, pool, m.Engine, new(nop))
					s.want(t, async.Paused, nil)
				} else {
					waiting.Go(func() { m.Do(parent, new(nop)) })
				}
				r := <-m.taken
				defer r.Complete(nil)
				if early {
					ctx := r.Context()
					if ctx.Err() != nil || ctx.Value(contextKey{}) != "value" || r.Context() != ctx {
						t.Error(ctx.Err(), ctx.Value(contextKey{}))
					}
				}
				test.end(&waited{r, m.Engine, cancel, pool, s})
				awaitEnd(t, r)
				if test.inJob && s.job.Err() == nil { // it was woken
					<-s.wakes
					s.resume()
				}
			})
		}
	}
}

type contextKey struct{}

// awaitEnd waits for the end of r's context.
func awaitEnd(t *testing.T, r *engine.Request) {
	t.Helper()
	select {
	case <-r.Context().Done():
	case <-time.After(time.Minute):
		t.Error("nobody waits for the request, and its context goes on")
		return
	}
	if err := r.Context().Err(); err != context.Canceled {
		t.Error(err)
	}
}

// A request's context has its caller's deadline, and ends with its caller's error.
func TestRequestContextDeadline(t *testing.T) {
	m := newManual(t, 10)
	parent, cancel := context.WithDeadline(t.Context(), time.Now().Add(10*time.Millisecond))
	defer cancel()
	var waiting sync.WaitGroup
	waiting.Go(func() { m.Do(parent, new(nop)) })
	r := <-m.taken
	ctx := r.Context()
	want, _ := parent.Deadline()
	if got, ok := ctx.Deadline(); !ok || got != want {
		t.Error(got, ok)
	}
	<-ctx.Done()
	waiting.Wait()
	if ctx.Err() != context.DeadlineExceeded {
		t.Error(ctx.Err())
	}
	r.Complete(nil)
}

// Contexts cost no goroutines, and nothing of them is left in the parent.
func TestRequestContextGoroutines(t *testing.T) {
	const n = 100
	m, pool := newManual(t, n), newPool(t)
	parent, cancel := context.WithCancel(t.Context())
	defer cancel()
	sessions := make([]*session, n)
	for i := range sessions {
		sessions[i] = newSession(t)
		sessions[i].listen()
		sessions[i].startCtx(parent, pool, m.Engine, new(nop))
	}
	before := runtime.NumGoroutine()
	var requests []*engine.Request
	for range n {
		r := <-m.taken
		r.Context()
		requests = append(requests, r)
	}
	if after := runtime.NumGoroutine(); after > before {
		t.Errorf("%d goroutines for %d contexts", after-before, n)
	}
	for i, s := range sessions {
		s.job.Cancel()
		awaitEnd(t, requests[i])
		requests[i].Complete(nil)
	}
}

// Context may be called at the moment at which the request is given up.
func TestRequestContextRaces(t *testing.T) {
	m, pool := newManual(t, 10), newPool(t)
	for range 200 {
		s := newSession(t)
		s.listen()
		s.startCtx(t.Context(), pool, m.Engine, new(nop))
		r := <-m.taken
		var both sync.WaitGroup
		for range 2 {
			both.Go(func() { awaitEnd(t, r) })
		}
		s.job.Cancel()
		both.Wait()
		r.Complete(nil)
	}
}
