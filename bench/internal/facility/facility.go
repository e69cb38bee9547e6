// Package facility measures jobs and wait contexts beside libcrypto's. Their side is a C
// program; ours is the in-package benchmarks of package async, so that the figures are those
// that users and contributors measure.
package facility

import (
	"context"
	_ "embed"
	"fmt"
	"reflect"
	"runtime"
	"strconv"
	"time"

	"asynccrypto/async"
	"asynccrypto/bench/internal/harness"
)

// Source is the C program.
//
//go:embed libcrypto/facility.c
var Source []byte

// Package is the path of the package whose benchmarks are our side.
var Package = reflect.TypeFor[async.WaitCtx]().PkgPath()

// Subject is this package's part of the benchmark.
func Subject() harness.Subject {
	return harness.Subject{
		Name:  "facility",
		Short: "jobs and wait contexts: nanoseconds an operation, memory of a paused job",
		Long: `It takes a minute. The other side needs a C compiler and OpenSSL's headers
(Debian: apt install gcc libssl-dev); without them ours is measured alone. CC, CFLAGS and
LDFLAGS are used, for an OpenSSL in a place of its own:

  CFLAGS=-I/opt/openssl/include LDFLAGS="-L/opt/openssl/lib -Wl,-rpath,/opt/openssl/lib" \
    go run ./bench facility`,
		Rounds: 21, QuickRounds: 3, Slice: 100 * time.Millisecond, QuickSlice: 20 * time.Millisecond,
		QuietShare: QuietShare,
		Measure:    func(ctx context.Context, run *harness.Run) error { return measureAll(ctx, run, measures, true) },
	}
}

// QuietShare leaves room for the start of a process, which is a part of each slice.
const QuietShare = 0.9

// Columns are those of times beside libcrypto's.
var Columns = harness.Columns{Base: "libcrypto", Unit: harness.Nanoseconds, Times: "times as fast"}

// measure is one row of the table.
type measure struct {
	name      string
	benchmark string // of Package
	c         string // the C program's name for the same loop
	fds       int
	goal      harness.Goal
}

var measures = []measure{
	{"pause and resume", "BenchmarkPauseResume", "pause-resume", 0, harness.Goal{AtLeast: 1.05, Aim: 1.18}},
	{"start to finish", "BenchmarkStartFinish", "start-finish", 0, harness.Goal{AtLeast: 1, Aim: 1.11}},
	{"set + get + clear, 1 fd", "BenchmarkWaitCtxSetGetClear/fds=1", "set-get-clear", 1, harness.Goal{AtLeast: 1.18}},
	{"set + get + clear, 8 fds", "BenchmarkWaitCtxSetGetClear/fds=8", "set-get-clear", 8, harness.Goal{AtLeast: 1.18}},
	{"set + get + clear, 64 fds", "BenchmarkWaitCtxSetGetClear/fds=64", "set-get-clear", 64, harness.Goal{AtLeast: 1.18}},
	{"set + get + clear, 1024 fds", "BenchmarkWaitCtxSetGetClear/fds=1024", "set-get-clear", 1024, harness.Goal{AtLeast: 1.18}},
	{"new + close", "BenchmarkWaitCtxNewClose", "new-free", 0, harness.Goal{AtLeast: 1.11}},
}

const (
	memoryBenchmark = "BenchmarkPausedJobMemory"
	pausedJobs      = 100_000 // the constant of that benchmark
)

var memoryGoal = harness.Goal{AtLeast: 1.67}

// sides are the two programs that are measured.
type sides struct {
	run          *harness.Run
	theirs, ours string // theirs is empty when it is missing
	cpu          int
}

// measureAll builds both sides and measures all there is. Both sides of a pair are measured
// back to back.
func measureAll(ctx context.Context, run *harness.Run, measures []measure, memory bool) error {
	run.Progress.Show("compiling both sides")
	dir, remove, err := run.Dir()
	if err != nil {
		return err
	}
	defer remove()
	s := sides{run: run}
	if s.ours, err = harness.BuildBenchmarks(ctx, dir, Package); err != nil {
		return err
	}
	if s.theirs, err = compile(ctx, dir, run.Result); harness.IsMissing(err) {
		run.Result.Missing, s.theirs = append(run.Result.Missing, "libcrypto, "+err.Error()), ""
	} else if err != nil {
		return err
	}
	s.cpu, err = harness.ChoosePin()
	run.PinnedTo(s.cpu, err)

	table := run.Result.Table("jobs and wait contexts", "time of an operation; allocations of an operation once warm")
	var pairs []*harness.Pair
	for _, m := range measures {
		p, err := s.pair(ctx, table, m)
		if err != nil {
			return err
		}
		pairs = append(pairs, p)
	}
	if memory {
		pairs = append(pairs, s.memory(run.Result))
	}
	return run.Pairs(ctx, pairs)
}

// compile compiles the C program, and notes the version of the libcrypto that it runs with.
func compile(ctx context.Context, dir string, r *harness.Result) (string, error) {
	bin, err := harness.Compile(ctx, dir, "facility", Source, nil, []string{"-lcrypto"})
	if err != nil {
		return "", err
	}
	version, err := harness.LibcryptoVersion(ctx, bin)
	r.Beside = append(r.Beside, version)
	return bin, err
}

// pair prepares a row of the table.
func (s sides) pair(ctx context.Context, table *harness.Table, m measure) (*harness.Pair, error) {
	var theirs harness.Side
	theirAllocs := "-"
	if s.theirs != "" {
		allocs, _, err := harness.MeasureC(ctx, s.cpu, s.theirs, "allocs", m.c, strconv.Itoa(m.fds))
		if err != nil {
			return nil, err
		}
		theirAllocs = fmt.Sprint(allocs)
		theirs = func(ctx context.Context) (float64, float64, error) {
			return harness.MeasureC(ctx, s.cpu, s.theirs, "time", m.c, strconv.Itoa(m.fds), s.run.Milliseconds())
		}
	}
	var p *harness.Pair
	worst := -1.0
	p = harness.NewPair(table, m.name, Columns, m.goal, theirs, func(ctx context.Context) (float64, float64, error) {
		found, share, err := harness.MeasureGo(ctx, s.cpu, s.ours, m.benchmark, s.run.Slice.String())
		if err != nil {
			return 0, 0, err
		}
		if allocs := found["allocs/op"]; allocs > worst {
			worst = allocs
			p.Row().Remark = allocations(theirAllocs, allocs)
		}
		ns, err := found.Positive("ns/op")
		return ns, share, err
	})
	return p, nil
}

// allocations says how often an operation allocates. Ours should not.
func allocations(theirs string, ours float64) string {
	text := fmt.Sprintf("allocations: libcrypto %s, ours %g", theirs, ours)
	if ours > 0 {
		text += ", which should be none"
	}
	return text
}

// memory prepares the row of the memory. Its slices take as long as it takes to make the jobs.
func (s sides) memory(r *harness.Result) *harness.Pair {
	var theirs harness.Side
	if s.theirs != "" {
		theirs = func(ctx context.Context) (float64, float64, error) {
			bytes, _, err := harness.MeasureC(ctx, s.cpu, s.theirs, "rss", strconv.Itoa(pausedJobs))
			return bytes, 0, err
		}
	}
	table := r.Table("memory", "resident memory of each of 100,000 paused jobs, with its wait context")
	columns := harness.Columns{Base: "libcrypto", Unit: harness.Bytes, Times: "times as small"}
	p := harness.NewPair(table, "paused job", columns, memoryGoal, theirs, func(ctx context.Context) (float64, float64, error) {
		found, _, err := harness.MeasureGo(ctx, s.cpu, s.ours, memoryBenchmark, "1x") // a second time it would find the memory of the first
		if err != nil {
			return 0, 0, err
		}
		bytes, err := found.Positive("RSS-B/job")
		return bytes, 0, err
	})
	if runtime.GOOS != "linux" {
		p.Row().Skipped = "only linux tells in /proc"
	}
	return p
}
