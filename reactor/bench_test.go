package reactor_test

import (
	"context"
	"testing"

	"asynccrypto/async"
	"asynccrypto/reactor"
)

// wakeJobs is how many jobs BenchmarkWakeReactor pauses on one loop.
const wakeJobs = 32

// BenchmarkWakeReactor: 32 jobs are paused on one loop. Another goroutine completes their
// operations one by one, that is calls the callbacks of their sessions, as an engine's worker does;
// the loop resumes each job, which pauses again; and when it has resumed all 32 it lets the other
// goroutine go on. An operation is one job woken and resumed.
func BenchmarkWakeReactor(b *testing.B) {
	loop, err := reactor.New(reactor.Options{})
	if err != nil {
		b.Skip(err)
	}
	defer loop.Close()
	pool, err := async.NewPool(wakeJobs, 0)
	if err != nil {
		b.Fatal(err)
	}
	defer pool.Close()
	ctx, stop := context.WithCancel(b.Context())
	defer stop()

	sessions := make([]async.WaitCtx, wakeJobs)
	round := make(chan struct{}, 1)
	resumed, left := 0, b.N
	for i := range sessions {
		var job async.Job
		if _, err := loop.Add(&sessions[i], func() {
			if out, err := job.Resume(); out != async.Paused {
				b.Error(out, err)
			}
			if resumed++; resumed < wakeJobs {
				return
			}
			resumed = 0
			if left -= wakeJobs; left <= 0 {
				stop()
				return
			}
			round <- struct{}{}
		}); err != nil {
			b.Fatal(err)
		}
		var out async.Outcome
		job, out, err = pool.Start(&sessions[i], func(j async.Job) error {
			for {
				if err := j.Pause(); err != nil {
					return err
				}
			}
		})
		if out != async.Paused {
			b.Fatal(out, err)
		}
	}
	go func() {
		for {
			select {
			case <-round:
			case <-ctx.Done():
				return
			}
			for i := range sessions {
				if fn, arg, ok := sessions[i].Callback(); ok {
					fn(arg)
				}
			}
		}
	}()
	b.ReportAllocs()
	b.ResetTimer()
	round <- struct{}{}
	loop.Run(ctx)
}
