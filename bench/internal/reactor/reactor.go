// Package reactor measures what it costs to wake jobs on one event loop, beside an event loop in C.
package reactor

import (
	"context"
	_ "embed"
	"fmt"
	"reflect"
	"runtime"
	"strconv"
	"time"

	"asynccrypto/bench/internal/harness"
	"asynccrypto/reactor"
)

//go:embed epoll/reactor.c
var source []byte

var ourPackage = reflect.TypeFor[reactor.Loop]().PkgPath()

const (
	benchmark = "BenchmarkWakeReactor"
	jobs      = 32 // the constant of the benchmark
)

var columns = harness.Columns{Base: "C", Unit: harness.Nanoseconds, Times: "times as fast"}

// goal is set against the cost of an eventfd for each job in C.
var goal = harness.Goal{AtLeast: 1.33}

// Subject is this package's part of the benchmark.
func Subject() harness.Subject {
	return harness.Subject{
		Name:  "reactor",
		Short: "waking jobs on one event loop, beside epoll with an eventfd for each in C",
		Long: `32 jobs on one loop are woken one by one from another thread, and resumed. In the C program
each job has an eventfd, and a call takes the place of the job. On one CPU the two threads
take turns; on all CPUs they run side by side.

It takes 20 seconds. The other side needs a C compiler, and Linux; without them ours is
measured alone.`,
		Rounds: 21, QuickRounds: 3, Slice: 200 * time.Millisecond, QuickSlice: 50 * time.Millisecond,
		QuietShare: 0.9, // the start of a process is a part of each slice
		Measure:    measure,
	}
}

func measure(ctx context.Context, run *harness.Run) error {
	run.Progress.Show("compiling both sides")
	dir, remove, err := run.Dir()
	if err != nil {
		return err
	}
	defer remove()
	ours, err := harness.BuildBenchmarks(ctx, dir, ourPackage)
	if err != nil {
		return err
	}
	theirs, err := compile(ctx, dir)
	if harness.IsMissing(err) {
		run.Result.Missing, theirs = append(run.Result.Missing, "C, "+err.Error()), ""
	} else if err != nil {
		return err
	}
	cpu, err := harness.ChoosePin()
	run.PinnedTo(cpu, err)
	table := run.Result.Table("waking jobs on one event loop", "time for each job. C: write, epoll_wait and read of an eventfd, and a call; "+
		"ours: callback, turn of the loop, and the job resumed until it pauses")
	var pairs []*harness.Pair
	for _, on := range []struct {
		name string
		cpu  int
	}{{"one CPU", cpu}, {"all CPUs", harness.NoPin}} {
		var base harness.Side
		if theirs != "" {
			base = func(ctx context.Context) (float64, float64, error) {
				return harness.MeasureC(ctx, on.cpu, theirs, strconv.Itoa(jobs), run.Milliseconds())
			}
		}
		name := fmt.Sprintf("%d jobs, %s", jobs, on.name)
		pairs = append(pairs, harness.NewPair(table, name, columns, goal, base, func(ctx context.Context) (float64, float64, error) {
			found, share, err := harness.MeasureGo(ctx, on.cpu, ours, benchmark, run.Slice.String())
			if err != nil {
				return 0, 0, err
			}
			ns, err := found.Positive("ns/op")
			return ns, share, err
		}))
	}
	return run.Pairs(ctx, pairs)
}

// compile compiles the C side, which needs nothing but Linux's headers.
func compile(ctx context.Context, dir string) (string, error) {
	if runtime.GOOS != "linux" {
		return "", &harness.Missing{What: "epoll and eventfd", Hint: "only linux has them"}
	}
	return harness.Compile(ctx, dir, "reactor", source, []string{"-pthread"}, nil)
}
