package engine_test

import (
	"runtime"
	"testing"

	"asynccrypto/async"
)

// Every submission to a full engine ends in a wake, in the order of arrival, and nobody needs to
// try again.
func TestEAGAIN(t *testing.T) {
	const n = 20
	for name, listen := range map[string]func(*session){"fds": func(*session) {}, "callbacks": (*session).listen} {
		t.Run(name, func(t *testing.T) {
			m, pool := newManual(t, 2), newPool(t)
			woken := func(s *session) bool {
				if name == "fds" {
					return readable(t, s.AllFDs(nil)[0])
				}
				return len(s.wakes) > 0
			}
			var all []*session
			for i := range n {
				s := newSession(t)
				listen(s)
				s.start(pool, m.Engine, &nop{i})
				s.want(t, async.Paused, nil)
				want := async.StatusOK
				if i >= 2 {
					want = async.StatusEAGAIN
				}
				if s.Status() != want {
					t.Fatalf("submission %d: status %v, want %v", i, s.Status(), want)
				}
				all = append(all, s)
			}
			if st := m.Stats(); st.EAGAINs != n-2 || st.Waiting != n-2 {
				t.Errorf("%+v", st)
			}
			for i, s := range all {
				r := <-m.taken
				if id := r.Op().(*nop).id; id != i {
					t.Fatalf("operation %d was begun in place of %d", id, i)
				}
				// However often one that waits is resumed, it costs the others nothing.
				all[n-1].resume()
				all[n-1].want(t, async.Paused, nil)
				if woken(s) {
					t.Fatalf("session %d was woken before its operation was done", i)
				}
				r.Complete(nil)
				if !woken(s) {
					t.Fatalf("session %d was not woken", i)
				}
				s.resume()
				s.want(t, async.Finished, nil)
			}
		})
	}
}

// Jobs and goroutines stand in one line.
func TestEAGAINIsOneLine(t *testing.T) {
	m, pool := newManual(t, 1), newPool(t)
	s := newSession(t)
	s.listen()
	s.start(pool, m.Engine, &nop{0})
	done := make(chan error)
	for i := 1; i <= 3; i++ {
		if i == 2 {
			j := newSession(t)
			j.listen()
			j.start(pool, m.Engine, &nop{2})
			if j.Status() != async.StatusEAGAIN {
				t.Fatal(j.Status())
			}
			defer func() { <-j.wakes; j.resume(); j.want(t, async.Finished, nil) }()
			continue
		}
		go func() { done <- m.Do(t.Context(), &nop{i}) }()
		for m.Stats().Waiting < i {
			runtime.Gosched()
		}
	}
	for i := range 4 {
		r := <-m.taken
		if id := r.Op().(*nop).id; id != i {
			t.Fatalf("operation %d was begun in place of %d", id, i)
		}
		r.Complete(nil)
	}
	for range 2 {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
	<-s.wakes
	s.resume()
	s.want(t, async.Finished, nil)
}
