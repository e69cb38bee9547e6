package ops

import (
	"context"
	"time"

	"asynccrypto/async"
	"asynccrypto/internal/measure"
)

// jobs keeps jobs in flight, each one operation long, driven by the goroutine that calls run,
// as an event loop does that has nothing else to do. On one core there is no other goroutine
// but the engine's worker, so that the cost of driving the jobs is a part of the figure.
type jobs struct {
	runner *measure.Runner
	slots  []slot
}

// slot holds one job at a time.
type slot struct {
	body   async.Func
	n      uint64
	key    *keyed
	result []byte
}

func newJobs(n int) (*jobs, error) {
	runner, err := measure.NewRunner(n)
	if err != nil {
		return nil, err
	}
	j := &jobs{runner, make([]slot, n)}
	for i := range j.slots {
		s := &j.slots[i]
		s.body = func(job async.Job) (err error) {
			s.result, err = s.key.engine(async.NewContext(context.Background(), job), s.n)
			return err
		}
	}
	return j, nil
}

// run starts a job in every slot, and the next when one ends, until the time is up; then it
// finishes those under way. It starts as many jobs as there are slots, or a multiple of that:
// so the batches at the end are as full as those before, and the slice is a fair piece of a
// load that goes on.
func (j *jobs) run(number func() uint64, d time.Duration, keys []*keyed) (all tally, failed error) {
	until := time.Now().Add(d)
	started := 0
	begin := func(i int) async.Func {
		if failed != nil || started%len(j.slots) == 0 && !time.Now().Before(until) {
			return nil
		}
		started++
		s := &j.slots[i]
		s.n = number()
		s.key = keys[s.n%uint64(len(keys))]
		return s.body
	}
	end := func(i int, err error) {
		if err != nil {
			failed = err
			return
		}
		s := &j.slots[i]
		all = append(all, done{s.n, s.key.Verify, s.result})
	}
	j.runner.Run(begin, end)
	return all, failed
}

// close ends the sessions and the pool. No job may be in flight.
func (j *jobs) close() { j.runner.Close() }
