package main

import (
	"asynccrypto/async"
)

// runner keeps up to a number of jobs in flight, driven by the one goroutine that calls run: it starts them, and resumes
// each when the engine has woken it. This is what an application's event loop does, with nothing else to do.
type runner struct {
	pool  *async.Pool
	slots []slot
	woken chan *slot // room for all: an engine's callback must not block
}

// slot is a place for a job at a time, with the session that its jobs run on, one after the other.
type slot struct {
	async.WaitCtx
	index int
	job   async.Job
}

func newRunner(jobs int) (*runner, error) {
	pool, err := async.NewPool(jobs, 0)
	if err != nil {
		return nil, err
	}
	r := &runner{pool: pool, slots: make([]slot, jobs), woken: make(chan *slot, jobs)}
	for i := range r.slots {
		s := &r.slots[i]
		s.index = i
		s.SetCallback(func(arg any) { r.woken <- arg.(*slot) }, s)
	}
	return r, nil
}

// run starts a job in every slot and, when one ends, the next in its place. begin gives the body of slot i's next job,
// or nil when there is none; end gets the outcome. It returns when begin has nothing more to give and all jobs are over.
func (r *runner) run(begin func(i int) async.Func, end func(i int, err error)) {
	paused := 0
	fill := func(s *slot) {
		for body := begin(s.index); body != nil; body = begin(s.index) {
			job, outcome, err := r.pool.Start(&s.WaitCtx, body)
			if outcome == async.Paused {
				s.job = job
				paused++
				return
			}
			end(s.index, err) // done at once, or not started at all
		}
	}
	for i := range r.slots {
		fill(&r.slots[i])
	}
	for paused > 0 {
		s := <-r.woken
		outcome, err := s.job.Resume()
		if outcome == async.Paused {
			continue // the job waits for something else now
		}
		paused--
		end(s.index, err)
		fill(s)
	}
}

// close ends the sessions and the pool. Nothing may be in flight.
func (r *runner) close() error {
	for i := range r.slots {
		r.slots[i].Close()
	}
	return r.pool.Close()
}
