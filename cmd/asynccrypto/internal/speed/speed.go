// Package speed is the subcommand speed: it measures cryptographic operations, called directly in
// the Go standard library and as jobs through an engine, and says how the two compare.
package speed

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"asynccrypto/cmd/asynccrypto/internal/cli"
	"asynccrypto/cmd/asynccrypto/internal/engines"
	"asynccrypto/cmd/asynccrypto/internal/keyring"
	"asynccrypto/cmd/asynccrypto/internal/pemfile"
	"asynccrypto/engine"
	"asynccrypto/internal/measure"
)

// Command is the subcommand.
var Command = &cli.Command{
	Name:  "speed",
	Short: "Measure cryptographic operations, called directly and as jobs through an engine",
	Usage: `
[options] [ALGORITHM...]
[options] -key 'pkcs11:token=T;object=O?module-path=/PATH.so&pin-source=file:/PATH'
[options] -key 'keyserver://HOST:PORT/NAME?cert=FILE&key=FILE&ca=FILE'
`,
	Arguments: `Algorithms, by openssl's names; all of them if none is named:
    rsa2048 rsa3072 rsa4096        sign, verify (PKCS #1 v1.5), decrypt (OAEP)
    ecdsap256 ecdsap384 ed25519    sign, verify
    ecdhx25519                     derive, keygen`,
	Setup: setup,
	Long: `The direct calls go to the Go standard library, from a goroutine for each core. A job is one
operation on an input of its own. As in a server, an event loop for each core drives the jobs: a
goroutine that starts jobs, and resumes each when the engine has called back. All loops use one
engine. The jobs in flight are divided evenly among the loops; if they do not divide evenly, some
loops have one job more. With fewer jobs than cores there are as many loops as jobs, with one job
each.

Latency runs from the start of a job to its end, so it includes the time in the engine's queue:
with more jobs in flight than cores it grows with their number. The table:
    per sec    operations per second, on all cores together
    p50, p99   latency that half, and 99 of 100, of the operations did not exceed
    batch      how many operations the engine took at once, on average
    times      how many times as fast the engine is as the direct calls
Results are kept, a random sample when there are many, and verified with the public key after the
clock has stopped. One wrong result ends the command with status 1. The engine wraps the key for
verify, as a program does whose keys come again; one of 64 signatures is not valid, and both ways
have to find it.

A measurement is disturbed when other programs used more than 4% of the cores during it. The direct
calls show that, because they can use all of the cores. Disturbed rates are reported and marked, but
not compared. A limit on the processor time of a container looks the same.

With a key on a token, which -key names by a URI of RFC 7512, only signatures are measured, and only
as jobs: one at a time and many in flight. The token does up to -key-sessions of them at once, each
through a helper process; further ones wait in line. The same is measured of a key on key servers, which
a URI names that begins with keyserver: ("asynccrypto keyserver -h" has more). -engine and -plot are not
for such keys.

In the output of -json, engine "std" with async_jobs 0 stands for the direct calls, and engine
"pkcs11" for a key on a token, and "remote" for one on key servers. Times are in nanoseconds.`,
	Example: `$ asynccrypto speed -key key.pem -async-jobs 64 -time 0.3
AMD EPYC, 2 cores, linux/amd64, go1.26.8, 2026-11-29
GOMAXPROCS: 2 (no more cores than that are used)
BMI2 and ADX: yes (the standard library's RSA is faster with them)
AVX-512 IFMA: yes (with it eight public-key operations can be computed at a time; the standard library does not use it)

RSA-3072 signatures/s for each core: 353 directly, 2,439 through the engine "multibuffer" with 64 jobs (6.91 times as fast)
The engine "multibuffer" computes eight at a time on each core, on AVX-512 IFMA: sign and verify with
RSA-2048, -3072 and -4096, ECDSA P-256 and P-384, and Ed25519; derive and keygen with X25519.
Everything else it leaves to the standard library of the direct calls: there is no gain in speed there.
Verified, off the clock: 13,310 of 56,744 results, chosen at random; none was wrong.

                   | called directly           | engine multibuffer, on the same 2 cores
algorithm          |   per sec     p50     p99 | jobs   per sec     p50     p99 batch  times
rsa3072    sign    |       706 2.78 ms 3.37 ms |   64     4,878 10.9 ms 30.2 ms   7.9   6.91
rsa3072    verify  |     9,682  165 us  645 us |   64   171,986  255 us 2.08 ms   7.6  17.76
rsa3072    decrypt |       736 2.66 ms 3.96 ms |   64       747 80.5 ms  101 ms   1.0   1.01
`,
}

// options are the options of speed.
type options struct {
	jobs   []int
	engine string
	time   time.Duration // for each series; 0 divides the budget among them
	key    string
	json   bool
	plot   string
	ring   keyring.Options
}

func setup(f *cli.Flags) cli.Run {
	o := &options{jobs: []int{1, 8, 64}}
	f.Func("async-jobs", "LIST", "total numbers of jobs to keep in flight, one measurement for each (default 1,8,64)",
		func(list string) (err error) {
			o.jobs, err = parseJobs(list)
			return err
		})
	f.String(&o.engine, "engine", "NAME", `the engine (default the best that runs here; "asynccrypto engines" lists them)`)
	f.Duration(&o.time, "time", "time for each measurement; by default 20 seconds divided among all of them, at most 1 second each")
	f.Also("seconds", "time")
	f.String(&o.key, "key", "FILE.pem|URI",
		"measure this private key instead of new ones: RSA of any size, ECDSA, Ed25519 or X25519")
	o.ring.Declare(f)
	f.Bool(&o.json, "json", "write an array of objects, one for each measurement, instead of the table")
	f.String(&o.plot, "plot", "FILE.svg", "also draw operations per second, and p99, against the number of jobs")
	return func(args []string, std cli.Stdio) error {
		if err := o.ring.CheckTokens(f, o.key); err != nil {
			return err
		}
		return run(o, args, std)
	}
}

// maxJobs is far more than any engine needs, and still fits in memory: a paused job takes a few
// KB.
const maxJobs = 100_000

// parseJobs parses a list such as "1,8,64" and returns the numbers in ascending order, each once.
func parseJobs(list string) ([]int, error) {
	var jobs []int
	for s := range strings.SplitSeq(list, ",") {
		n, err := strconv.Atoi(strings.TrimSpace(s))
		if errors.Is(err, strconv.ErrSyntax) {
			return nil, fmt.Errorf("%q is not a number of jobs; give a list such as 1,8,64", s)
		}
		if err != nil || n < 1 || n > maxJobs {
			return nil, fmt.Errorf("%s jobs: must be between 1 and %d", s, maxJobs)
		}
		jobs = append(jobs, n)
	}
	slices.Sort(jobs)
	return slices.Compact(jobs), nil
}

func run(o *options, algorithms []string, std cli.Stdio) error {
	if keyring.IsURI(o.key) {
		return runPlaced(o, algorithms, std)
	}
	kind, err := engines.Choose(o.engine)
	if err != nil {
		return err
	}
	if err := checkPlot(o.plot); err != nil {
		return err
	}
	p := measure.NewProgress(std.Err)
	defer p.Clear()
	started := time.Now()
	ops, err := operations(o.key, algorithms, p)
	if err != nil {
		return err
	}
	e, err := kind.Open(engines.Options{})
	if err != nil {
		return err
	}
	defer e.Close()
	all, err := measureAll(ops, e, o, started, p)
	if err != nil {
		return err
	}
	p.Clear()
	r := &report{machine: measure.ThisMachine(), kind: kind, comparisons: all}
	if o.plot != "" {
		if err := cli.WriteFile(o.plot, r.plot()); err != nil {
			return fmt.Errorf("plot %s: %w", o.plot, cli.Cause(err))
		}
	}
	if o.json {
		fmt.Fprintf(std.Err, "asynccrypto speed: %s\n", r.verified()) // stdout is the array's alone
		if w := r.disturbed(); w != "" {
			fmt.Fprintf(std.Err, "asynccrypto speed: %s\n", w)
		}
		return r.writeJSON(std.Out)
	}
	return r.writeText(std.Out)
}

// operations returns the operations to measure: those of the user's key, or those of fresh keys
// for the algorithms.
func operations(keyFile string, algorithms []string, p *measure.Progress) ([]*measure.Operation, error) {
	if keyFile == "" {
		chosen, err := chooseAlgorithms(algorithms)
		if err != nil {
			return nil, err
		}
		p.Show("generating keys for %s", measure.Count(len(chosen), "algorithm"))
		return generateKeys(chosen)
	}
	key, err := pemfile.ReadKey(keyFile)
	if err != nil {
		return nil, err
	}
	ops, err := measure.Operations(key)
	if err != nil {
		return nil, cli.Usagef("key %s: %w", keyFile, err)
	}
	return ops, checkAlgorithms(keyFile, ops[0].Algorithm, algorithms)
}

// checkAlgorithms returns an error if the command line names algorithms that are not the key's.
func checkAlgorithms(key, algorithm string, named []string) error {
	if len(named) > 1 || len(named) == 1 && named[0] != algorithm {
		return cli.Usagef("key %s is for %s, not %s; leave out the names of algorithms", key, algorithm, strings.Join(named, " "))
	}
	return nil
}

// chooseAlgorithms returns the algorithms of these names, each once, in the order of
// [measure.Algorithms]. Without names it returns all of them.
func chooseAlgorithms(names []string) ([]string, error) {
	all := measure.Algorithms()
	for _, name := range names {
		if !slices.Contains(all, name) {
			return nil, cli.Usagef("unknown algorithm %q; there are %s", name, strings.Join(all, " "))
		}
	}
	if len(names) == 0 {
		return all, nil
	}
	return slices.DeleteFunc(all, func(name string) bool { return !slices.Contains(names, name) }), nil
}

// generateKeys returns the operations of fresh keys. The keys are made at the same time, as a
// large RSA key may take seconds.
func generateKeys(algorithms []string) ([]*measure.Operation, error) {
	ops := make([][]*measure.Operation, len(algorithms))
	errs := make([]error, len(algorithms))
	var all sync.WaitGroup
	for i, name := range algorithms {
		all.Go(func() {
			key, err := measure.GenerateKey(name)
			if err == nil {
				ops[i], err = measure.Operations(key)
			}
			if err != nil {
				errs[i] = fmt.Errorf("%s: no key: %w", name, err)
			}
		})
	}
	all.Wait()
	for _, err := range errs {
		if err != nil {
			return nil, err
		}
	}
	return slices.Concat(ops...), nil
}

// checkPlot finds out before the measurement whether the plot can be written afterwards.
func checkPlot(path string) error {
	if path == "" {
		return nil
	}
	dir := filepath.Dir(path)
	if info, err := os.Stat(dir); err != nil {
		return cli.Usagef("plot %s: %w", path, cli.Cause(err))
	} else if !info.IsDir() {
		return cli.Usagef("plot %s: %s is not a directory", path, dir)
	}
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		return cli.Usagef("plot %s: is a directory", path)
	}
	return nil
}

// Without -time, measuring and verifying take budget together, and with the keys before that all
// is done within 25 seconds. A series takes between minSeries and maxSeries then.
const (
	budget    = 20 * time.Second
	minSeries = 50 * time.Millisecond
	maxSeries = time.Second
)

// measureAll measures each operation: the direct calls, then each number of jobs.
func measureAll(ops []*measure.Operation, e *engine.Engine, o *options, started time.Time, p *measure.Progress,
) ([]*comparison, error) {
	each := o.time
	if each == 0 {
		n := time.Duration(len(ops) * (1 + len(o.jobs)))
		// Half as much again goes into verifying, and into finishing what was begun when the time
		// was up.
		each = min(max((budget-time.Since(started))/n*2/3, minSeries), maxSeries)
	}
	var all []*comparison
	var ids int
	for i, op := range ops {
		p.Show("%d/%d %s %s", i+1, len(ops), op.Algorithm, op.Name)
		c, err := newComparison(op, e, o.jobs, &ids)
		if err != nil {
			return nil, err
		}
		err = c.measure(each)
		c.close()
		if err != nil {
			return nil, err
		}
		all = append(all, c)
	}
	return all, nil
}
