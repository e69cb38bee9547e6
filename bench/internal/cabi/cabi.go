// Package cabi measures libasync, the C library, beside libcrypto's own facility. Both sides
// are the same C program.
package cabi

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"time"

	"asynccrypto/bench/internal/facility"
	"asynccrypto/bench/internal/harness"
)

// Subject is this package's part of the benchmark.
func Subject() harness.Subject {
	var openssl string
	return harness.Subject{
		Name:  "cabi",
		Short: "libasync, the C library: the calls of facility and openssl speed -async_jobs, beside libcrypto",
		Long: `It takes two minutes. It needs Linux, make, a C compiler, the openssl command and OpenSSL's
headers (Debian: apt install make gcc openssl libssl-dev). CC, CFLAGS and LDFLAGS are used.`,
		Rounds: 21, QuickRounds: 3, Slice: 100 * time.Millisecond, QuickSlice: 20 * time.Millisecond,
		QuietShare: facility.QuietShare,
		Flags: func(fs *flag.FlagSet) {
			fs.StringVar(&openssl, "openssl", "openssl", "the openssl `COMMAND` to run speed of")
		},
		Measure: func(ctx context.Context, run *harness.Run) error { return measureAll(ctx, run, openssl) },
	}
}

// calls are measured by the program of facility.
var calls = []struct {
	name, c string
	fds     int
	goal    float64
}{
	{"pause and resume", "pause-resume", 0, 1.67},
	{"start to finish", "start-finish", 0, 2},
	{"new + free", "new-free", 0, 0.83},
	{"get/set status and callback", "status-callback", 0, 0.91},
	{"set + get + clear, 1 fd", "set-get-clear", 1, 0.5},
}

// algorithms are signed with by openssl speed, in jobs, with the engine of the library's tests.
var algorithms = []string{"rsa2048", "ecdsap256"}

const (
	speedJobs = 8
	speedGoal = 0.95
)

// sides are the programs that are measured.
type sides struct {
	run             *harness.Run
	theirs, ours    string // the program of facility, linked with either library
	openssl         *harness.OpenSSL
	engine, preload string
	cpu             int
}

func measureAll(ctx context.Context, run *harness.Run, openssl string) error {
	if runtime.GOOS != "linux" {
		return errors.New("cabi: libasync is preloaded into openssl as linux does it; run this on linux")
	}
	run.Progress.Show("compiling libasync and the programs")
	dir, remove, err := run.Dir()
	if err != nil {
		return err
	}
	defer remove()
	s, err := build(ctx, dir, openssl)
	if err != nil {
		return fmt.Errorf("cabi: %w", err)
	}
	s.run = run
	version, err := harness.LibcryptoVersion(ctx, s.theirs)
	if err != nil {
		return fmt.Errorf("cabi: %w", err)
	}
	run.Result.Beside = append(run.Result.Beside, version)
	s.cpu, err = harness.ChoosePin()
	run.PinnedTo(s.cpu, err)
	return run.Pairs(ctx, s.pairs())
}

func (s *sides) pairs() (pairs []*harness.Pair) {
	table := s.run.Result.Table("the calls", "time of an operation; both sides are one C program")
	for _, c := range calls {
		side := func(program string) harness.Side {
			return func(ctx context.Context) (float64, float64, error) {
				return harness.MeasureC(ctx, s.cpu, program, "time", c.c, strconv.Itoa(c.fds), s.run.Milliseconds())
			}
		}
		pairs = append(pairs, harness.NewPair(table, c.name, facility.Columns, harness.Goal{AtLeast: c.goal},
			side(s.theirs), side(s.ours)))
	}
	table = s.run.Result.Table("openssl speed", fmt.Sprintf("-async_jobs %d: time of a signature; slices of a second", speedJobs))
	for _, algorithm := range algorithms {
		side := func(env ...string) harness.Side {
			return func(ctx context.Context) (float64, float64, error) {
				more := []string{"-engine", s.engine, "-async_jobs", strconv.Itoa(speedJobs)}
				found, err := s.openssl.Speed(ctx, s.cpu, algorithm, more, env)
				if err != nil {
					return 0, 0, err
				}
				return float64(found.Time) / float64(found.Done), found.Share, nil
			}
		}
		pairs = append(pairs, harness.NewPair(table, algorithm, facility.Columns, harness.Goal{AtLeast: speedGoal},
			side(), side("LD_PRELOAD="+s.preload)))
	}
	return pairs
}

// build makes libasync from the checkout, and the programs.
func build(ctx context.Context, dir, openssl string) (s *sides, err error) {
	s = new(sides)
	if s.openssl, err = harness.FindOpenSSL(ctx, openssl); err != nil {
		return nil, err
	}
	cc, err := harness.Compiler()
	if err != nil {
		return nil, err
	}
	root, err := harness.Checkout(ctx)
	if err != nil {
		return nil, err
	}
	source := filepath.Join(root, "cabi")
	s.preload = filepath.Join(dir, "libasync.so")
	if _, err := harness.Output(ctx, harness.NoPin, "make", "-s", "-C", source, "CC="+strings.Join(cc, " "), "B="+dir, s.preload); err != nil {
		return nil, fmt.Errorf("making libasync: %w", err)
	}
	if s.theirs, err = harness.Compile(ctx, dir, "theirs", facility.Source, nil, []string{"-lcrypto"}); err != nil {
		return nil, err
	}
	if s.ours, err = harness.Compile(ctx, dir, "ours", facility.Source, nil, []string{"-L" + dir, "-lasync", "-Wl,-rpath," + dir, "-lcrypto"}); err != nil {
		return nil, err
	}
	engine, err := os.ReadFile(filepath.Join(source, "test", "engine.c"))
	if err != nil {
		return nil, err
	}
	s.engine, err = harness.Compile(ctx, dir, "engine", engine, []string{"-std=gnu11", "-shared", "-fPIC", "-pthread"}, []string{"-lcrypto"})
	return s, err
}
