package main

import (
	"context"
	"time"

	"asynccrypto/async"
)

// jobs keeps a number of jobs in flight, each one operation long, driven by the goroutine that calls run: what an event
// loop does that has nothing else to do. On one core it has no other than the engine's worker, so that what it takes is
// part of the figure.
type jobs struct {
	pool  *async.Pool
	slots []slot
	woken chan *slot // room for all: an engine's callback must not block
}

// slot is a place for one job at a time, and the session that its jobs run on, one after the other.
type slot struct {
	async.WaitCtx
	job    async.Job
	body   async.Func
	n      uint64
	key    *keyed
	result []byte
}

func newJobs(n int) (*jobs, error) {
	pool, err := async.NewPool(n, 0)
	if err != nil {
		return nil, err
	}
	r := &jobs{pool: pool, slots: make([]slot, n), woken: make(chan *slot, n)}
	for i := range r.slots {
		s := &r.slots[i]
		s.body = func(j async.Job) (err error) {
			s.result, err = s.key.engine(async.NewContext(context.Background(), j), s.n)
			return err
		}
		s.SetCallback(func(arg any) { r.woken <- arg.(*slot) }, s)
	}
	return r, nil
}

// run starts a job in every slot, and the next when one ends, until the time is up; then it finishes what is under way. It
// starts as many jobs as there are slots, or a multiple of that: then the batches at the end are as full as those
// before, and the slice is a fair piece of a load that goes on.
func (r *jobs) run(b *bench, d time.Duration, keys []*keyed) (all tally, failed error) {
	until := time.Now().Add(d)
	started, paused := 0, 0
	end := func(s *slot, err error) {
		if err != nil {
			failed = err
			return
		}
		all = append(all, done{s.n, s.key, s.result})
	}
	fill := func(s *slot) {
		for failed == nil && (started%len(r.slots) != 0 || time.Now().Before(until)) {
			started++
			s.n = b.next.Add(1)
			s.key = keys[s.n%uint64(len(keys))]
			job, outcome, err := r.pool.Start(&s.WaitCtx, s.body)
			if outcome == async.Paused {
				s.job = job
				paused++
				return
			}
			end(s, err) // done at once, or not started at all
		}
	}
	for i := range r.slots {
		fill(&r.slots[i])
	}
	for paused > 0 {
		s := <-r.woken
		outcome, err := s.job.Resume()
		if outcome == async.Paused {
			continue
		}
		paused--
		end(s, err)
		fill(s)
	}
	return all, failed
}

// close ends the sessions and the pool. Nothing may be in flight.
func (r *jobs) close() {
	for i := range r.slots {
		r.slots[i].Close()
	}
	r.pool.Close()
}
