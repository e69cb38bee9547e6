package main

import (
	"context"
	_ "embed"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"runtime"
	"strconv"
	"strings"
	"time"

	"asynccrypto/reactor"
)

//go:embed epoll/reactor.c
var reactorC []byte

var reactorPackage = reflect.TypeFor[reactor.Loop]().PkgPath()

const (
	reactorBenchmark = "BenchmarkWakeReactor"
	reactorJobs      = 32   // the constant of the benchmark
	reactorAtMost    = 0.75 // of what an eventfd for each job costs in C
)

// reactorPlan is how much is measured.
type reactorPlan struct {
	rounds int
	time   time.Duration // of one side of a pair
	json   bool
}

// reactorCommand measures what waking jobs on one loop costs.
func reactorCommand(ctx context.Context, args []string, std stdio) error {
	p := reactorPlan{rounds: 21, time: 200 * time.Millisecond}
	fs := flag.NewFlagSet("reactor", flag.ContinueOnError)
	fs.IntVar(&p.rounds, "rounds", p.rounds, "")
	quick := fs.Bool("quick", false, "")
	fs.BoolVar(&p.json, "json", false, "")
	if err := parseFlags(fs, args); err != nil {
		return err
	}
	if *quick {
		p.time = 50 * time.Millisecond
		given := false
		fs.Visit(func(f *flag.Flag) { given = given || f.Name == "rounds" })
		if !given {
			p.rounds = 3
		}
	}
	if p.rounds < 1 {
		return usageError(fmt.Sprintf("reactor: -rounds %d: at least one round is needed", p.rounds))
	}
	f, err := measureReactor(ctx, p, newProgress(std.err))
	if err != nil {
		return err
	}
	if p.json {
		return f.writeJSON(std.out)
	}
	return f.writeText(std.out)
}

// measureReactor measures 32 jobs on one loop, woken one by one from another thread and resumed, beside a C program with
// epoll and an eventfd for each job, where a call stands for the job. It does so on one CPU, where the two threads take
// turns, and with all CPUs, where they run side by side. Without a C compiler, or elsewhere than on Linux, ours is
// measured alone.
func measureReactor(ctx context.Context, p reactorPlan, progress progress) (*reactorFindings, error) {
	defer progress.clear()
	progress.show("compiling both sides")
	dir, err := os.MkdirTemp("", "bench")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	ours, err := buildBenchmarks(ctx, dir, reactorPackage)
	if err != nil {
		return nil, err
	}
	f := newReactorFindings(p)
	theirs, err := compileReactor(ctx, dir)
	if m, ok := errors.AsType[*missing](err); ok {
		f.Missing = m.Error()
	} else if err != nil {
		return nil, err
	}
	cpu, err := choosePin()
	f.Machine.pinnedTo(cpu, err)

	ms := strconv.FormatFloat(float64(p.time)/float64(time.Millisecond), 'f', -1, 64)
	for round := range p.rounds {
		for _, row := range f.Rows {
			progress.show("round %d of %d: %s", round+1, p.rounds, row.Name)
			on := noPin
			if row.oneCPU {
				on = cpu
			}
			sides := []func() error{
				func() error {
					if theirs == "" {
						return nil
					}
					ns, err := measureC(ctx, on, theirs, strconv.Itoa(reactorJobs), ms)
					row.theirs = append(row.theirs, ns)
					return err
				},
				func() error {
					r, err := measureGo(ctx, on, ours, reactorBenchmark, p.time.String())
					if err != nil {
						return err
					}
					ns, err := r.metric(reactorBenchmark, "ns/op")
					row.ours = append(row.ours, ns)
					if r.cpu != "" {
						f.Machine.CPU = r.cpu
					}
					return err
				},
			}
			for i := range sides { // who goes first changes from round to round
				if err := sides[(i+round)%2](); err != nil {
					return nil, err
				}
			}
		}
	}
	f.conclude()
	return f, nil
}

// compileReactor compiles the C side, which needs nothing but Linux's headers. The error is a *missing whatever goes
// wrong, unless ctx ends.
func compileReactor(ctx context.Context, dir string) (string, error) {
	if runtime.GOOS != "linux" {
		return "", &missing{"epoll and eventfd", "only linux has them"}
	}
	cc, err := compiler()
	if err != nil {
		return "", err
	}
	src, bin := filepath.Join(dir, "reactor.c"), executable(dir, "reactor-c")
	if err := os.WriteFile(src, reactorC, 0o600); err != nil {
		return "", err
	}
	args := append(cc[1:], "-O2", "-pthread")
	args = append(args, strings.Fields(os.Getenv("CFLAGS"))...)
	args = append(args, "-o", bin, src)
	args = append(args, strings.Fields(os.Getenv("LDFLAGS"))...)
	if said, err := exec.CommandContext(ctx, cc[0], args...).CombinedOutput(); ctx.Err() != nil {
		return "", ctx.Err()
	} else if err != nil {
		return "", &missing{"the C program did not compile", fmt.Sprintf("%s: %v: %s", filepath.Base(cc[0]), err, strings.TrimSpace(string(said)))}
	}
	return bin, nil
}
