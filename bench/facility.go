package main

import (
	"context"
	_ "embed"
	"errors"
	"flag"
	"fmt"
	"os"
	"reflect"
	"runtime"
	"strconv"
	"time"

	"asynccrypto/async"
)

//go:embed libcrypto/facility.c
var facilityC []byte

// facilityPackage is the package whose benchmarks are our side.
var facilityPackage = reflect.TypeFor[async.WaitCtx]().PkgPath()

// measure is one row of the facility's table: what is measured on either side, and the ratio it must keep to.
type measure struct {
	name        string
	benchmark   string // of facilityPackage
	c           string // the C program's name for the same loop; empty for the memory of paused jobs
	fds         int
	atMost, aim float64 // ratios; aim is 0 where there is none
}

// pausedJobs is the constant of BenchmarkPausedJobMemory.
const pausedJobs = 100_000

// facilityMeasures are the targets set for the facility.
var facilityMeasures = []measure{
	{"pause and resume", "BenchmarkPauseResume", "pause-resume", 0, 0.95, 0.85},
	{"start to finish", "BenchmarkStartFinish", "start-finish", 0, 1.0, 0.9},
	{"set + get + clear, 1 fd", "BenchmarkWaitCtxSetGetClear/fds=1", "set-get-clear", 1, 0.85, 0},
	{"set + get + clear, 8 fds", "BenchmarkWaitCtxSetGetClear/fds=8", "set-get-clear", 8, 0.85, 0},
	{"set + get + clear, 64 fds", "BenchmarkWaitCtxSetGetClear/fds=64", "set-get-clear", 64, 0.85, 0},
	{"set + get + clear, 1024 fds", "BenchmarkWaitCtxSetGetClear/fds=1024", "set-get-clear", 1024, 0.85, 0},
	{"new + close", "BenchmarkWaitCtxNewClose", "new-free", 0, 0.9, 0},
	{"RSS of a paused job", "BenchmarkPausedJobMemory", "", 0, 0.6, 0},
}

func (m measure) isMemory() bool { return m.c == "" }

// unit is that of the testing package.
func (m measure) unit() string {
	if m.isMemory() {
		return "RSS-B/job"
	}
	return "ns/op"
}

// plan is how much is measured.
type plan struct {
	measures []measure
	rounds   int
	time     time.Duration // of one side of a pair; the memory of paused jobs takes as long as making them does
	json     bool
}

// facility measures jobs and wait contexts.
func facility(ctx context.Context, args []string, std stdio) error {
	p, err := facilityPlan(args)
	if err != nil {
		return err
	}
	r, err := p.measure(ctx, newProgress(std.err))
	if err != nil {
		return err
	}
	if p.json {
		return r.writeJSON(std.out)
	}
	return r.writeText(std.out)
}

// facilityPlan reads the flags.
func facilityPlan(args []string) (plan, error) {
	return planOf(flag.NewFlagSet("facility", flag.ContinueOnError), facilityMeasures, args)
}

// planOf is for those that measure rows of pairs. fs may have flags of its own.
func planOf(fs *flag.FlagSet, measures []measure, args []string) (plan, error) {
	p := plan{measures: measures, time: 100 * time.Millisecond}
	fs.IntVar(&p.rounds, "rounds", 21, "")
	quick := fs.Bool("quick", false, "")
	fs.BoolVar(&p.json, "json", false, "")
	if err := parseFlags(fs, args); err != nil {
		return plan{}, err
	}
	if *quick {
		p.time = 20 * time.Millisecond
		given := false
		fs.Visit(func(f *flag.Flag) { given = given || f.Name == "rounds" })
		if !given {
			p.rounds = 3
		}
	}
	if p.rounds < 1 {
		return plan{}, usageError(fmt.Sprintf("%s: -rounds %d: at least one round is needed", fs.Name(), p.rounds))
	}
	return p, nil
}

// facilitySides are the two programs that are measured.
type facilitySides struct {
	theirs, ours string // theirs is empty when it is missing
	cpu          int
	time         time.Duration
}

// measure builds both sides and measures all there is. Within a round each pair is measured back to back, and who
// goes first changes from round to round, so that neither always finds the machine as the other left it.
func (p plan) measure(ctx context.Context, progress progress) (*findings, error) {
	defer progress.clear()
	progress.show("compiling both sides")
	dir, err := os.MkdirTemp("", "bench")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)

	found := newFindings(p)
	sides := facilitySides{time: p.time}
	if sides.ours, err = buildBenchmarks(ctx, dir, facilityPackage); err != nil {
		return nil, err
	}
	sides.theirs, err = compileC(ctx, dir, "facility", facilityC)
	if err == nil {
		found.Machine.Libcrypto, err = libcryptoVersion(ctx, sides.theirs)
	}
	if m, ok := errors.AsType[*missing](err); ok {
		found.Missing, sides.theirs = m.Error(), ""
	} else if err != nil {
		return nil, err
	}
	sides.cpu, err = choosePin()
	found.Machine.pinnedTo(sides.cpu, err)

	for round := range p.rounds {
		for i, m := range p.measures {
			if m.isMemory() && runtime.GOOS != "linux" {
				found.Rows[i].Skipped = "read from /proc, which only linux has"
				continue
			}
			progress.show("round %d of %d: %s", round+1, p.rounds, m.name)
			if err := sides.pair(ctx, round, m, found.Rows[i], &found.Machine); err != nil {
				return nil, err
			}
		}
	}
	found.conclude()
	return found, nil
}

// pair measures both sides once.
func (s facilitySides) pair(ctx context.Context, round int, m measure, row *row, host *machine) error {
	theirs := func() error { return s.measureTheirs(ctx, round, m, row) }
	ours := func() error { return s.measureOurs(ctx, m, row, host) }
	first, second := theirs, ours
	if round%2 == 1 {
		first, second = ours, theirs
	}
	if err := first(); err != nil {
		return err
	}
	return second()
}

func (s facilitySides) measureTheirs(ctx context.Context, round int, m measure, row *row) error {
	if s.theirs == "" {
		return nil
	}
	if m.isMemory() {
		bytes, err := measureC(ctx, s.cpu, s.theirs, "rss", strconv.Itoa(pausedJobs))
		if err != nil {
			return err
		}
		row.theirs = append(row.theirs, bytes)
		return nil
	}
	if round == 0 {
		allocs, err := measureC(ctx, s.cpu, s.theirs, "allocs", m.c, strconv.Itoa(m.fds))
		if err != nil {
			return err
		}
		row.TheirAllocs = &allocs
	}
	ms := strconv.FormatFloat(float64(s.time)/float64(time.Millisecond), 'f', -1, 64)
	ns, err := measureC(ctx, s.cpu, s.theirs, "time", m.c, strconv.Itoa(m.fds), ms)
	if err != nil {
		return err
	}
	row.theirs = append(row.theirs, ns)
	return nil
}

func (s facilitySides) measureOurs(ctx context.Context, m measure, row *row, host *machine) error {
	benchtime := s.time.String()
	if m.isMemory() {
		benchtime = "1x" // a second time it would find the memory of the first
	}
	r, err := measureGo(ctx, s.cpu, s.ours, m.benchmark, benchtime)
	if err != nil {
		return err
	}
	v, err := r.metric(m.benchmark, m.unit())
	if err != nil {
		return err
	}
	row.ours = append(row.ours, v)
	if r.cpu != "" {
		host.CPU = r.cpu
	}
	if allocs, ok := r.metrics["allocs/op"]; ok && !m.isMemory() {
		if row.OurAllocs == nil || allocs > *row.OurAllocs {
			row.OurAllocs = &allocs // the worst round
		}
	}
	return nil
}
