package multibuffer

import (
	"context"
	"testing"

	"asynccrypto/async"
)

// jobs are many jobs on a loop, each of which does the same over and over.
type jobs struct {
	b     *testing.B
	all   []*job
	woken chan *job
}

type job struct {
	async.WaitCtx
	job async.Job
}

// newJobs starts n jobs that call f once each time that they are begun.
func newJobs(b *testing.B, n int, f func(context.Context) error) *jobs {
	pool, err := async.NewPool(n, 0)
	if err != nil {
		b.Fatal(err)
	}
	js := &jobs{b: b, woken: make(chan *job, n)}
	for range n {
		j := new(job)
		j.SetCallback(func(arg any) { js.woken <- arg.(*job) }, j)
		var out async.Outcome
		j.job, out, err = pool.Start(&j.WaitCtx, func(aj async.Job) error {
			ctx := async.NewContext(context.Background(), aj)
			for {
				if err := aj.Pause(); err != nil { // at last async.ErrCanceled
					return err
				}
				if err := f(ctx); err != nil {
					return err
				}
			}
		})
		if out != async.Paused {
			b.Fatal(out, err)
		}
		js.all = append(js.all, j)
	}
	b.Cleanup(func() {
		for _, j := range js.all {
			j.Close()
		}
		pool.Close()
	})
	return js
}

// run has each job call f, and resumes them as they are woken, until all have returned.
func (js *jobs) run() {
	for _, j := range js.all {
		js.resume(j)
	}
	for range js.all {
		js.resume(<-js.woken)
	}
}

func (js *jobs) resume(j *job) {
	if out, err := j.job.Resume(); out != async.Paused {
		js.b.Fatal(out, err)
	}
}

// runJob does f twenty times in one job.
func runJob(b *testing.B, pool *async.Pool, f func(context.Context) error) {
	var w async.WaitCtx
	defer w.Close()
	wakes := make(chan struct{}, 1)
	w.SetCallback(func(any) { wakes <- struct{}{} }, nil)
	j, out, err := pool.Start(&w, func(j async.Job) error {
		ctx := async.NewContext(context.Background(), j)
		for range 20 {
			if err := f(ctx); err != nil {
				return err
			}
		}
		return nil
	})
	for ; out == async.Paused; out, err = j.Resume() {
		<-wakes
	}
	if err != nil {
		b.Fatal(err)
	}
}
