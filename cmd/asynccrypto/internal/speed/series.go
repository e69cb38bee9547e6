package speed

import (
	"context"
	"fmt"
	"runtime"
	"sync"
	"time"

	"asynccrypto/async"
	"asynccrypto/engine"
	"asynccrypto/internal/clock"
	"asynccrypto/internal/measure"
)

// series is one line of the result: an operation, done in one way.
type series struct {
	op      *measure.Operation
	jobs    int      // in flight; 0 for direct calls
	tallies []*tally // one for each goroutine: a direct caller or an event loop
	round   func(d time.Duration) error
	close   func()

	batches  []uint64 // how many batches of i+1 operations the engine has taken for this series
	verified int
	usage    measure.Usage // of the direct calls
}

// tally is the count of one goroutine.
type tally struct {
	next    uint64 // the number of the next input
	done    uint64
	busy    time.Duration
	latency measure.Histogram
	results sample
}

// newTallies returns n tallies. Their inputs are numbered so that no two goroutines, of this
// series or another, ever use the same.
func newTallies(n int, ids *int) []*tally {
	var all []*tally
	for range n {
		*ids++
		all = append(all, &tally{next: uint64(*ids) << 40, results: sample{size: uint64(max(1, sampleSize/n))}})
	}
	return all
}

func (t *tally) record(n uint64, began time.Duration, result []byte) {
	t.latency.Add(clock.Now() - began)
	t.results.add(n, result)
	t.done++
}

// directSeries calls the standard library from a goroutine for each core.
func directSeries(op *measure.Operation, cores int, ids *int) *series {
	s := &series{op: op, tallies: newTallies(cores, ids), close: func() {}}
	s.round = func(d time.Duration) error {
		before := s.busy()
		used, err := measure.Used(func() error {
			return s.each(func(i int) error { return s.tallies[i].callFor(d, op.Direct) })
		})
		s.usage.Add(measure.Usage{Used: used, Possible: possible(s.busy()-before, cores, runtime.NumCPU())})
		return err
	}
	return s
}

// possible returns the processor time that a number of goroutines could have had in the time that
// they were busy, together. Only that time counts, because each goroutine finishes at its own time.
// GOMAXPROCS may be more than there are cores; then the goroutines share them.
func possible(busy time.Duration, goroutines, cores int) time.Duration {
	return time.Duration(float64(busy) * min(1, float64(cores)/float64(goroutines)))
}

// each calls f for each tally, on a goroutine of its own, and returns the first tally's error
// when all have ended.
func (s *series) each(f func(i int) error) error {
	errs := make([]error, len(s.tallies))
	var all sync.WaitGroup
	for i := range s.tallies {
		all.Go(func() { errs[i] = f(i) })
	}
	all.Wait()
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

func (t *tally) callFor(d time.Duration, do func(n uint64) ([]byte, error)) error {
	start := clock.Now()
	for began := start; began-start < d; began = clock.Now() {
		n := t.next
		t.next++
		result, err := do(n)
		if err != nil {
			return err
		}
		t.record(n, began, result)
	}
	t.busy += clock.Now() - start
	return nil
}

// divide returns how many jobs each event loop keeps in flight. The jobs are divided evenly among
// the loops; the first loops have one more each if they do not divide evenly. With fewer jobs
// than loops there are as many loops as jobs.
func divide(jobs, loops int) []int {
	shares := make([]int, min(jobs, loops))
	for i := range shares {
		shares[i] = jobs / len(shares)
		if i < jobs%len(shares) {
			shares[i]++
		}
	}
	return shares
}

// jobSeries keeps a number of jobs in flight through the engine, each one operation long, driven
// by event loops that share the engine.
func jobSeries(op *measure.Operation, e *engine.Engine, jobs, loops int, ids *int) (*series, error) {
	do, err := op.Bind(e)
	if err != nil {
		return nil, err
	}
	var runners []*measure.Runner
	closeAll := func() {
		for _, r := range runners {
			r.Close()
		}
	}
	for _, n := range divide(jobs, loops) {
		r, err := measure.NewRunner(n)
		if err != nil {
			closeAll()
			return nil, err
		}
		runners = append(runners, r)
	}
	s := &series{op: op, jobs: jobs, tallies: newTallies(len(runners), ids), close: closeAll}
	s.round = func(d time.Duration) error {
		before := e.Stats().BatchSizes
		start := clock.Now()
		err := s.each(func(i int) error { return s.tallies[i].runJobs(runners[i], start+d, do) })
		for _, t := range s.tallies {
			t.busy += clock.Now() - start // of all loops: the last operation ends the time
		}
		s.addBatches(before, e.Stats().BatchSizes)
		return err
	}
	return s, nil
}

// runJobs is an event loop: it starts jobs until the time is up or one fails, and returns when
// all have ended. It starts one job in each slot even if the time is up by then, as on a busy
// machine: otherwise a loop might be left without a figure.
func (t *tally) runJobs(r *measure.Runner, until time.Duration, do measure.JobOperation) error {
	type job struct {
		n       uint64
		started bool
		began   time.Duration
		result  []byte
		body    async.Func
	}
	jobs := make([]job, r.Jobs()) // by slot
	for i := range jobs {
		j := &jobs[i]
		j.body = func(a async.Job) (err error) {
			j.result, err = do(async.NewContext(context.Background(), a), j.n)
			return err
		}
	}
	var failed error
	r.Run(func(slot int) async.Func {
		j := &jobs[slot]
		now := clock.Now()
		if failed != nil || j.started && now >= until {
			return nil
		}
		j.started, j.began = true, now
		j.n = t.next
		t.next++
		return j.body
	}, func(slot int, err error) {
		j := &jobs[slot]
		if err != nil {
			failed = err
			return
		}
		t.record(j.n, j.began, j.result)
	})
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

// verify checks the results that were kept, and drops them.
func (s *series) verify(limit time.Duration) (err error) {
	var results []result
	for _, t := range s.tallies {
		results = append(results, t.results.kept...)
		t.results.kept = nil
	}
	check := func(i int) error { return s.op.Verify(results[i].n, results[i].bytes) }
	s.verified, err = measure.Verify(len(results), check, limit)
	return err
}

// busy returns the time of all goroutines together.
func (s *series) busy() (sum time.Duration) {
	for _, t := range s.tallies {
		sum += t.busy
	}
	return sum
}

func (s *series) elapsed() (longest time.Duration) {
	for _, t := range s.tallies {
		longest = max(longest, t.busy)
	}
	return longest
}

func (s *series) String() string {
	if s.jobs == 0 {
		return fmt.Sprintf("%s %s, called directly", s.op.Algorithm, s.op.Name)
	}
	return fmt.Sprintf("%s %s, %s", s.op.Algorithm, s.op.Name, measure.Count(s.jobs, "job"))
}

func (s *series) done() (n uint64) {
	for _, t := range s.tallies {
		n += t.done
	}
	return n
}

// perSecond returns operations per second, on all cores together.
func (s *series) perSecond() (rate float64) {
	for _, t := range s.tallies {
		if t.busy > 0 {
			rate += float64(t.done) / t.busy.Seconds()
		}
	}
	return rate
}

func (s *series) latency(q float64) time.Duration {
	var h measure.Histogram
	for _, t := range s.tallies {
		h.Merge(&t.latency)
	}
	return h.Quantile(q)
}

// meanBatch returns how many operations were computed together, 1 for direct calls.
func (s *series) meanBatch() float64 {
	if s.jobs == 0 {
		return 1
	}
	return engine.Stats{BatchSizes: s.batches}.MeanBatch()
}
