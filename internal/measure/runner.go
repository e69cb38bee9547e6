package measure

import "asynccrypto/async"

// Runner keeps up to a number of jobs in flight, driven by the one goroutine that calls
// [Runner.Run]. That goroutine starts the jobs, and resumes each when the engine has woken it, as
// an application's event loop does that has nothing else to do.
type Runner struct {
	pool  *async.Pool
	slots []slot
	woken chan *slot // room for all: an engine's callback must not block
}

// slot holds one job at a time. Its jobs run on the same session, one after the other.
type slot struct {
	async.WaitCtx
	index int
	job   async.Job
}

// NewRunner returns a runner that keeps up to the given number of jobs in flight. Call Close when
// done.
func NewRunner(jobs int) (*Runner, error) {
	pool, err := async.NewPool(jobs, 0)
	if err != nil {
		return nil, err
	}
	r := &Runner{pool: pool, slots: make([]slot, jobs), woken: make(chan *slot, jobs)}
	for i := range r.slots {
		s := &r.slots[i]
		s.index = i
		s.SetCallback(func(arg any) { r.woken <- arg.(*slot) }, s)
	}
	return r, nil
}

// Jobs returns how many jobs the runner keeps in flight.
func (r *Runner) Jobs() int { return len(r.slots) }

// Run starts a job in every slot, and the next one in the same slot whenever a job ends. It
// returns when begin has nothing more to give and all jobs have ended. Begin returns the body of
// the next job in a slot, or nil when there is none; end gets the outcome of the slot's job.
// Slots are numbered from 0 to Jobs()-1. Both functions are called on the caller's goroutine. One
// goroutine at a time may call Run.
func (r *Runner) Run(begin func(slot int) async.Func, end func(slot int, err error)) {
	paused := 0
	fill := func(s *slot) {
		for body := begin(s.index); body != nil; body = begin(s.index) {
			job, outcome, err := r.pool.Start(&s.WaitCtx, body)
			if outcome == async.Paused {
				s.job = job
				paused++
				return
			}
			end(s.index, err) // it ended at once, or could not be started
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

// Close ends the sessions and the pool. No job may be in flight.
func (r *Runner) Close() error {
	for i := range r.slots {
		r.slots[i].Close()
	}
	return r.pool.Close()
}
