package speed

import (
	"fmt"
	"runtime"
	"time"

	"asynccrypto/engine"
	"asynccrypto/internal/measure"
)

// comparison measures one operation in several ways, all on the same cores. The direct calls are
// made by as many goroutines as there are cores, each of which calls the key in a loop: that
// keeps every core busy, and more goroutines could not gain. The engine has as many workers, and
// as many event loops drive the jobs. The loops have no cores of their own: the time that they
// take to start, resume and wake jobs is lost to the workers, so it is part of the engine's
// figure. With fewer jobs than cores the engine cannot use all cores; the report says so.
//
// All ways begin operations until the time is up, and then finish those that they have begun.
// Each goroutine that calls directly has its own time for its own operations. The engine's time
// ends with its last operation. By then the workers have become idle one by one, which is to the
// engine's disadvantage. Rounds alternate between the ways, so that a change in the machine's
// speed affects all of them.
type comparison struct {
	op     *measure.Operation
	cores  int
	direct *series
	jobs   []*series // for each number of jobs, ascending
}

// newComparison prepares an operation for each number of jobs. The numbers of inputs begin after
// *ids, which it advances: no two series use the same input. Call close when done.
func newComparison(op *measure.Operation, e *engine.Engine, jobs []int, ids *int) (*comparison, error) {
	c := &comparison{op: op, cores: runtime.GOMAXPROCS(0)}
	c.direct = directSeries(op, c.cores, ids)
	for _, n := range jobs {
		s, err := jobSeries(op, e, n, c.cores, ids)
		if err != nil {
			c.close()
			return nil, fmt.Errorf("%s %s: %w", op.Algorithm, op.Name, err)
		}
		c.jobs = append(c.jobs, s)
	}
	return c, nil
}

func (c *comparison) close() {
	for _, s := range c.jobs {
		s.close()
	}
}

// all returns the direct calls, then the series with jobs.
func (c *comparison) all() []*series { return append([]*series{c.direct}, c.jobs...) }

// measure measures each series for about total, in rounds that alternate between them, and
// verifies the results afterwards. A series that has had its time, as one with many slow jobs has
// after its first round, is done.
func (c *comparison) measure(total time.Duration) error {
	rounds := min(max(total/(100*time.Millisecond), 1), 10)
	for range rounds {
		for _, s := range c.all() {
			left := total - s.elapsed()
			if left <= 0 {
				continue
			}
			if err := s.round(min(left, total/rounds)); err != nil {
				return fmt.Errorf("%s: %w", s, err)
			}
		}
	}
	for _, s := range c.all() {
		if err := s.verify(total); err != nil {
			return fmt.Errorf("%s: %w", s, err)
		}
	}
	return nil
}

// share returns the part of the cores that the direct calls had. They always have something to
// compute, unlike the engine's workers: other programs had the rest.
func (c *comparison) share() measure.Share { return c.direct.usage.Share() }

func (c *comparison) disturbed() bool { return c.share().Disturbed() }

// speedup returns how many times as fast a series is as the direct calls.
func (c *comparison) speedup(s *series) float64 { return s.perSecond() / c.direct.perSecond() }
