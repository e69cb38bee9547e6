package main

import (
	"context"
	"fmt"
	"runtime"
	"sync"
	"time"

	"asynccrypto/async"
	"asynccrypto/engine"
	"asynccrypto/internal/cputime"
)

// Both ways get the same cores. The direct calls are made by as many goroutines as there are cores, each calling the key
// in a loop: that keeps every core busy, and more could not gain. The engine has as many workers, and the one goroutine
// that drives the jobs has no core of its own: what it takes, for starting, resuming and waking, the workers lack, and
// so it is part of the engine's figure. With fewer jobs than cores the engine can't use all cores; the report says so.
// Both work on operations until the time is up, and then finish what they have begun. Each goroutine that calls
// directly has its own time for its own operations; the engine's time ends with its last operation, with the workers
// idle one by one by then, which is to the engine's disadvantage. Rounds alternate, so that a change in the machine's
// speed meets both.

// series is one line of the result: an operation, done in one way.
type series struct {
	op    *operation
	cores int
	jobs  int // 0 for direct calls
	tally []*tally
	round func(d time.Duration) error // measures for about d more
	close func() error

	batches  []uint64 // how many batches of i+1 operations the engine has taken for this series
	verified int

	// What the process computed in the rounds, and what all cores could have: less than that, in the direct calls, tells
	// that other programs had a part of the cores.
	computed, possible time.Duration
}

// tally is what one goroutine has counted.
type tally struct {
	next    uint64 // the number of the next input
	done    uint64
	busy    time.Duration
	latency histogram
	results sample
}

// newTally numbers the inputs so that no two series, nor two goroutines, ever use the same.
func newTally(id, room int) *tally {
	return &tally{next: uint64(id) << 40, results: sample{size: uint64(room)}}
}

func (t *tally) record(n uint64, began time.Time, result []byte) {
	t.latency.add(time.Since(began))
	t.results.add(n, result)
	t.done++
}

// directSeries calls the standard library from a goroutine for each core.
func directSeries(op *operation, ids *int) *series {
	s := &series{op: op, cores: runtime.GOMAXPROCS(0), close: func() error { return nil }}
	for range s.cores {
		*ids++
		s.tally = append(s.tally, newTally(*ids, max(1, sampleSize/s.cores)))
	}
	s.round = func(d time.Duration) error {
		errs := make([]error, len(s.tally))
		var all sync.WaitGroup
		for i, t := range s.tally {
			all.Go(func() { errs[i] = t.callFor(d, op.direct) })
		}
		all.Wait()
		for _, err := range errs {
			if err != nil {
				return err
			}
		}
		return nil
	}
	return s
}

func (t *tally) callFor(d time.Duration, do func(n uint64) ([]byte, error)) error {
	start := time.Now()
	for began := start; began.Sub(start) < d; began = time.Now() {
		n := t.next
		t.next++
		result, err := do(n)
		if err != nil {
			return err
		}
		t.record(n, began, result)
	}
	t.busy += time.Since(start)
	return nil
}

// jobSeries keeps a number of jobs in flight through the engine, each one operation long.
func jobSeries(op *operation, e *engine.Engine, jobs int, ids *int) (*series, error) {
	do, err := op.bind(e)
	if err != nil {
		return nil, err
	}
	r, err := newRunner(jobs)
	if err != nil {
		return nil, err
	}
	*ids++
	t := newTally(*ids, sampleSize)
	s := &series{op: op, cores: runtime.GOMAXPROCS(0), jobs: jobs, tally: []*tally{t}, close: r.close}
	s.round = func(d time.Duration) error {
		before := e.Stats().BatchSizes
		err := t.runJobsFor(d, r, do)
		s.addBatches(before, e.Stats().BatchSizes)
		return err
	}
	return s, nil
}

func (t *tally) runJobsFor(d time.Duration, r *runner, do jobOperation) error {
	type place struct {
		n      uint64
		began  time.Time
		result []byte
		body   async.Func
	}
	places := make([]place, len(r.slots))
	for i := range places {
		p := &places[i]
		p.body = func(j async.Job) (err error) {
			p.result, err = do(async.NewContext(context.Background(), j), p.n)
			return err
		}
	}
	var failed error
	start := time.Now()
	r.run(func(i int) async.Func {
		p := &places[i]
		p.began = time.Now()
		if failed != nil || p.began.Sub(start) >= d {
			return nil
		}
		p.n = t.next
		t.next++
		return p.body
	}, func(i int, err error) {
		p := &places[i]
		if err != nil {
			failed = err
			return
		}
		t.record(p.n, p.began, p.result)
	})
	t.busy += time.Since(start)
	return failed
}

func (s *series) addBatches(before, after []uint64) {
	if s.batches == nil {
		s.batches = make([]uint64, len(after))
	}
	for i := range after {
		s.batches[i] += after[i] - before[i]
	}
}

// measureRounds measures each series for about total, in rounds that alternate between them, and verifies the results
// afterwards. A series that has had its time, as one with many slow jobs has after its first round, is done.
func measureRounds(all []*series, total time.Duration) error {
	rounds := min(max(total/(100*time.Millisecond), 1), 10)
	for range rounds {
		for _, s := range all {
			left := total - s.elapsed()
			if left <= 0 {
				continue
			}
			start := time.Now()
			cpu, ok := cputime.Process()
			if err := s.round(min(left, total/rounds)); err != nil {
				return fmt.Errorf("%s: %w", s, err)
			}
			if after, _ := cputime.Process(); ok {
				s.computed += after - cpu
				s.possible += time.Duration(s.cores) * time.Since(start)
			}
		}
	}
	for _, s := range all {
		var results []kept
		for _, t := range s.tally {
			results = append(results, t.results.kept...)
			t.results.kept = nil
		}
		var err error
		if s.verified, err = verify(results, s.op.verify, total); err != nil {
			return fmt.Errorf("%s: %w", s, err)
		}
	}
	return nil
}

func (s *series) elapsed() (longest time.Duration) {
	for _, t := range s.tally {
		longest = max(longest, t.busy)
	}
	return longest
}

func (s *series) String() string {
	if s.jobs == 0 {
		return fmt.Sprintf("%s %s, called directly", s.op.algorithm, s.op.name)
	}
	return fmt.Sprintf("%s %s, %s", s.op.algorithm, s.op.name, count(s.jobs, "job"))
}

func (s *series) done() (n uint64) {
	for _, t := range s.tally {
		n += t.done
	}
	return n
}

// perSecond returns operations per second, on all cores together.
func (s *series) perSecond() (rate float64) {
	for _, t := range s.tally {
		if t.busy > 0 {
			rate += float64(t.done) / t.busy.Seconds()
		}
	}
	return rate
}

func (s *series) latency(q float64) time.Duration {
	var h histogram
	for _, t := range s.tally {
		h.merge(&t.latency)
	}
	return h.quantile(q)
}

// meanBatch returns how many operations were computed together, 1 for direct calls.
func (s *series) meanBatch() float64 {
	if s.jobs == 0 {
		return 1
	}
	return engine.Stats{BatchSizes: s.batches}.MeanBatch()
}
