package engine_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"asynccrypto/async"
	"asynccrypto/engine"
)

// When the context of an operation ends first the waiter gets its error at that moment, and the
// engine drops the result.
func TestDeadline(t *testing.T) {
	for name, inJob := range map[string]bool{"goroutine": false, "job": true} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				e := newSlow(t, engine.Config{Workers: 1, Depth: 2}, time.Minute)
				ctx, cancel := context.WithTimeout(t.Context(), time.Second)
				defer cancel()
				pool := newPool(t)
				for _, state := range []string{"in flight", "queued", "waiting"} {
					op := newSecret()
					began := time.Now()
					if inJob {
						s := newSession(t)
						s.listen()
						s.startCtx(ctx, pool, e, op)
						s.want(t, async.Paused, nil)
						go func() { // resumes the jobs of all three states
							<-s.wakes
							s.resume()
							s.want(t, async.Finished, context.DeadlineExceeded)
						}()
					} else {
						go func() {
							if err := e.Do(ctx, op); err != context.DeadlineExceeded {
								t.Error(state, err)
							}
						}()
					}
					synctest.Wait()
					if state == "in flight" {
						defer op.wantWiped(t)
					}
					if d := time.Since(began); d != 0 {
						t.Error("submission took", d)
					}
				}
				if st := e.Stats(); st.InFlight != 1 || st.Queued != 1 || st.Waiting != 1 {
					t.Errorf("%+v", st)
				}
				time.Sleep(2 * time.Second)
				synctest.Wait()
				st := e.Stats()
				if st.InFlight != 1 || st.Queued+st.Waiting != 0 {
					t.Errorf("what nobody waits for is still in line: %+v", st)
				}
				checkSum(t, st)
				if err := e.Close(); err != nil {
					t.Error(err)
				}
				if st := e.Stats(); st.Failed != 3 || st.Dropped != 0 {
					t.Errorf("three operations ended with their deadline: %+v", st)
				}
				checkSum(t, e.Stats())
			})
		})
	}
}

func TestContextIsOverAlready(t *testing.T) {
	m := newManual(t, 8)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := m.Do(ctx, &nop{}); err != context.Canceled {
		t.Error(err)
	}
	if st := m.Stats(); st.Submitted != 0 {
		t.Errorf("%+v", st)
	}
}

// A cancelled job gives its operation up, in line or in flight. A result that the engine still
// computes is wiped and dropped.
func TestCancelledJob(t *testing.T) {
	m, pool := newManual(t, 1), newPool(t)
	ops := []*secret{newSecret(), newSecret()}
	var all []*session
	for _, op := range ops { // one in flight, one waiting
		s := newSession(t)
		s.listen()
		s.start(pool, m.Engine, op)
		s.want(t, async.Paused, nil)
		all = append(all, s)
	}
	r := <-m.taken
	for _, s := range all {
		if err := s.job.Cancel(); err != nil {
			t.Error(err)
		}
	}
	if st := m.Stats(); st.Waiting != 0 || st.Dropped != 1 || st.InFlight != 1 {
		t.Errorf("%+v", st)
	}
	if !r.Abandoned() {
		t.Error("the handler isn't told that nobody waits")
	}
	r.Run()
	ops[0].wantWiped(t)
	if st := m.Stats(); st.Dropped != 2 || st.InFlight != 0 {
		t.Errorf("%+v", st)
	}
	for _, s := range all {
		if len(s.wakes) != 0 {
			t.Error("a cancelled job's session was woken")
		}
	}
}

// A job that is cancelled after its result has come, but before it was resumed, does not leave
// that result behind.
func TestCancelledAfterTheWake(t *testing.T) {
	m, pool, s := newManual(t, 1), newPool(t), newSession(t)
	op := newSecret()
	s.start(pool, m.Engine, op)
	fd := s.AllFDs(nil)[0]
	(<-m.taken).Run()
	s.job.Cancel()
	op.wantWiped(t)
	if readable(t, fd) {
		t.Error("the wake outlived the job")
	}
}

// A cancelled job that goes on submitting is unwound at the second attempt.
func TestCancelledJobThatGoesOn(t *testing.T) {
	m, pool, s := newManual(t, 8), newPool(t), newSession(t)
	var errs []error
	s.job, s.out, s.err = pool.Start(&s.WaitCtx, func(j async.Job) error {
		for {
			errs = append(errs, m.Do(jobContext(j), &nop{}))
		}
	})
	s.want(t, async.Paused, nil)
	if err := s.job.Cancel(); err != nil {
		t.Error(err)
	}
	if len(errs) != 1 || errs[0] != async.ErrCanceled {
		t.Error(errs)
	}
}
