package speed

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"asynccrypto/cmd/asynccrypto/internal/cli"
	"asynccrypto/cmd/asynccrypto/internal/engines"
	"asynccrypto/engine"
	"asynccrypto/internal/measure"
)

// pairs is an engine that takes up to two operations at a time, so that batches have sizes.
func pairs(t *testing.T) *engine.Engine {
	e, err := engine.New(engine.Config{Name: "pairs", MaxBatch: 2, Workers: 1, Handler: func(batch []*engine.Request) {
		for _, r := range batch {
			r.Run()
		}
	}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { e.Close() })
	return e
}

// numbering is an operation whose result is its input's number. It wants each number once.
func numbering(t *testing.T) *measure.Operation {
	var mu sync.Mutex
	used := map[uint64]bool{}
	do := func(n uint64) ([]byte, error) {
		mu.Lock()
		defer mu.Unlock()
		if used[n] {
			t.Errorf("input %d is used twice", n)
		}
		used[n] = true
		return number(n), nil
	}
	return &measure.Operation{
		Algorithm: "numbers", Name: "sign", Direct: do, Verify: isNumber,
		Bind: func(e *engine.Engine) (measure.JobOperation, error) {
			return func(ctx context.Context, n uint64) (result []byte, err error) {
				err = e.Do(ctx, engine.Func(func() (err error) { result, err = do(n); return err }))
				return result, err
			}, nil
		},
	}
}

func testComparison(t *testing.T, op *measure.Operation, e *engine.Engine, jobs ...int) *comparison {
	ids := 0
	c, err := newComparison(op, e, jobs, &ids)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.close)
	return c
}

func TestMeasureCountsWhatWasDone(t *testing.T) {
	e := pairs(t)
	c := testComparison(t, numbering(t), e, 1, 8)
	if err := c.measure(2 * time.Millisecond); err != nil {
		t.Fatal(err)
	}
	through := uint64(0)
	for _, s := range c.all() {
		if s.done() == 0 || s.perSecond() <= 0 || s.latency(0.5) <= 0 || s.latency(0.99) < s.latency(0.5) {
			t.Errorf("%v: %d done, %v/s, %v, %v", s, s.done(), s.perSecond(), s.latency(0.5), s.latency(0.99))
		}
		if s.verified == 0 || uint64(s.verified) > s.done() {
			t.Errorf("%v: %d verified of %d", s, s.verified, s.done())
		}
		if s.meanBatch() < 1 || s.meanBatch() > 2 {
			t.Errorf("%v: mean batch %v", s, s.meanBatch())
		}
		if s.jobs > 0 {
			through += s.done()
		}
	}
	if c.jobs[0].meanBatch() != 1 {
		t.Errorf("one job alone made batches of %v", c.jobs[0].meanBatch())
	}
	if got := e.Stats().Completed; got != through {
		t.Errorf("the engine completed %d, %d were counted", got, through)
	}

	var b bytes.Buffer
	r := report{kind: &engines.Kind{Name: "pairs", Gain: func() string { return "takes two" }}, comparisons: []*comparison{c}}
	if err := r.writeJSON(&b); err != nil {
		t.Fatal(err)
	}
	var rows []jsonSeries
	d := json.NewDecoder(&b)
	d.DisallowUnknownFields()
	if err := d.Decode(&rows); err != nil {
		t.Fatal(err)
	}
	for i, want := range []struct {
		engine string
		jobs   int
	}{{"std", 0}, {"pairs", 1}, {"pairs", 8}} {
		if g := rows[i]; g.Engine != want.engine || g.AsyncJobs != want.jobs || g.Algorithm != "numbers" || g.Operation != "sign" ||
			g.Cores < 1 || g.OpsPerSec <= 0 || g.P50 < 0 || g.P99 < g.P50 || g.MeanBatch < 1 {
			t.Errorf("row %d: %+v", i, g)
		}
	}
	if err := r.writeText(&b); err != nil || !strings.Contains(b.String(), "\nnumbers ") {
		t.Errorf("%v, %s", err, b.String())
	}
}

func TestMeasureReportsWrongResults(t *testing.T) {
	op := numbering(t)
	op.Verify = func(uint64, []byte) error { return errors.New("forged") }
	err := testComparison(t, op, pairs(t), 2).measure(time.Millisecond)
	if err == nil || !strings.Contains(err.Error(), "verified results are wrong: forged") {
		t.Errorf("%v", err)
	}
	failing := &cli.Command{Name: "speed", Setup: func(*cli.Flags) cli.Run { return func([]string, cli.Stdio) error { return err } }}
	var stderr bytes.Buffer
	if status := failing.Main(nil, cli.Stdio{Err: &stderr}); status != cli.ExitFailure {
		t.Errorf("exit status %d: %s", status, stderr.String())
	}
}

func TestMeasureReportsFailures(t *testing.T) {
	op := numbering(t)
	op.Bind = func(*engine.Engine) (measure.JobOperation, error) {
		return func(context.Context, uint64) ([]byte, error) { return nil, errors.New("no such luck") }, nil
	}
	err := testComparison(t, op, pairs(t), 2).measure(time.Millisecond)
	if err == nil || err.Error() != "numbers sign, 2 jobs: no such luck" {
		t.Errorf("%v", err)
	}
}

func TestDivide(t *testing.T) {
	for _, test := range []struct {
		jobs, loops int
		want        []int
	}{
		{1, 1, []int{1}}, {64, 1, []int{64}}, {1, 2, []int{1}}, {2, 2, []int{1, 1}}, {3, 2, []int{2, 1}},
		{3, 8, []int{1, 1, 1}}, {64, 3, []int{22, 21, 21}}, {5, 3, []int{2, 2, 1}},
	} {
		if got := divide(test.jobs, test.loops); !slices.Equal(got, test.want) {
			t.Errorf("%d jobs on %d loops: %v, not %v", test.jobs, test.loops, got, test.want)
		}
	}
}

// As many jobs are in flight as were asked for, never more, and every loop has work.
func TestJobsInFlight(t *testing.T) {
	for _, test := range []struct{ jobs, loops int }{{1, 1}, {1, 3}, {3, 3}, {3, 8}, {8, 3}, {64, 2}} {
		var inFlight, most atomic.Int64
		full := make(chan struct{}) // closed when all jobs are in flight
		closeFull := sync.OnceFunc(func() { close(full) })
		e, err := engine.New(engine.Config{Name: "full", MaxBatch: 1, Workers: 1, Handler: func(batch []*engine.Request) {
			<-full // no job ends before
			batch[0].Run()
		}})
		if err != nil {
			t.Fatal(err)
		}
		const enough = 200 // more than the slots of a loop
		errEnough := errors.New("enough")
		op := &measure.Operation{Algorithm: "numbers", Name: "sign"}
		op.Bind = func(e *engine.Engine) (measure.JobOperation, error) {
			return func(ctx context.Context, n uint64) ([]byte, error) {
				now := inFlight.Add(1)
				defer inFlight.Add(-1)
				for m := most.Load(); now > m && !most.CompareAndSwap(m, now); m = most.Load() {
				}
				if now == int64(test.jobs) {
					closeFull()
				}
				if n%(1<<40) >= enough {
					return nil, errEnough
				}
				return number(n), e.Do(ctx, engine.Func(func() error { return nil }))
			}, nil
		}
		ids := 0
		s, err := jobSeries(op, e, test.jobs, test.loops, &ids)
		if err != nil {
			t.Fatal(err)
		}
		if err := s.round(time.Hour); err != errEnough {
			t.Error(err)
		}
		if got := most.Load(); got != int64(test.jobs) {
			t.Errorf("%d jobs on %d loops: at most %d were in flight", test.jobs, test.loops, got)
		}
		if want := min(test.jobs, test.loops); len(s.tallies) != want {
			t.Errorf("%d jobs on %d loops: %d loops ran, not %d", test.jobs, test.loops, len(s.tallies), want)
		}
		for i, y := range s.tallies {
			if y.done != enough {
				t.Errorf("%d jobs on %d loops: loop %d did %d operations", test.jobs, test.loops, i, y.done)
			}
		}
		s.close()
		e.Close()
	}
}

// A GOMAXPROCS above the number of cores is no disturbance by other programs.
func TestPossible(t *testing.T) {
	for goroutines, want := range map[int]time.Duration{1: time.Second, 2: time.Second, 8: time.Second / 4} {
		if got := possible(time.Second, goroutines, 2); got != want {
			t.Errorf("%d goroutines on 2 cores: %v of a second, want %v", goroutines, got, want)
		}
	}
}
