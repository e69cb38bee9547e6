package sign

import (
	"context"
	"encoding/xml"
	"errors"
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"asynccrypto/bench/internal/harness"
	"asynccrypto/bench/internal/harness/harnesstest"
	"asynccrypto/engine/multibuffer"
	"asynccrypto/internal/measure"
)

func TestMain(m *testing.M) {
	if len(os.Args) > 2 && os.Args[1] == fakeNodeArg {
		if err := beFakeNode(os.Args[2:], os.Stdin, os.Stdout); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	harnesstest.Main(m, Subject())
}

func TestUsage(t *testing.T) {
	for args, complaint := range map[string]string{
		"-keys 1":              "between 2 and 1000",
		"-keys 1001":           "between 2 and 1000",
		"-plot none/there.svg": "no such directory",
	} {
		var o options
		fs := flag.NewFlagSet("sign", flag.ContinueOnError)
		o.declare(fs)
		if err := fs.Parse(strings.Fields(args)); err != nil {
			t.Fatal(err)
		}
		if _, err := o.check(); err == nil || !strings.Contains(err.Error(), complaint) {
			t.Errorf("%s: %v", args, err)
		}
	}
}

func silent(t *testing.T) *measure.Progress { return measure.NewProgress(t.Output()) }

// Every pair of primes is a key, and no key is there twice.
func TestMakeKeys(t *testing.T) {
	set, err := makeKeys(t.Context(), []int{2048}, 7, silent(t))
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for _, key := range set["rsa2048"] {
		seen[string(key)] = true
	}
	if len(set["rsa2048"]) != 7 || len(seen) != 7 {
		t.Errorf("%d keys, %d different ones, not 7", len(set["rsa2048"]), len(seen))
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := makeKeys(ctx, []int{4096}, 64, silent(t)); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

// A child does every operation in every way, and verifies all that it has done.
func TestChild(t *testing.T) {
	keys, err := threeKeys()
	if err != nil {
		t.Fatal(err)
	}
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	c, err := startChild(program, harness.NoPin, 1, keys)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	var tasks []task
	for _, a := range []string{"rsa2048 sign", "rsa2048 decrypt", "ecdsap256 sign", "ecdsap384 sign", "ed25519 sign", "ecdhx25519 derive"} {
		algorithm, operation, _ := strings.Cut(a, " ")
		for _, way := range []string{wayDirect, wayPlain} {
			tasks = append(tasks, task{algorithm, operation, way, 1, 0, time.Millisecond, false})
		}
		tasks = append(tasks, task{algorithm, operation, wayJobs, 3, 8, time.Millisecond, false})
	}
	tasks = append(tasks, task{"rsa2048", "sign", wayJobs, 3, 64, 50 * time.Millisecond, true})
	if ok, _ := multibuffer.Supported(); ok {
		tasks = append(tasks, task{"rsa2048", "sign", wayKernel, 3, 0, time.Millisecond, false})
	}
	for _, task := range tasks {
		o, err := run(c, task)
		if err != nil {
			t.Fatal(err)
		}
		if o.Done == 0 || o.Verified != o.Done || o.Time < task.Time || task.Way == wayJobs && (o.Batch < 1 || o.Done%uint64(task.Jobs) != 0) {
			t.Errorf("%+v: %+v", task, o)
		}
	}
	if o, err := run(c, task{Algorithm: "rsa2048", Operation: "sign", Way: wayWrap, Keys: 3}); err != nil || o.KeyBytes > keyGoal*1024 {
		t.Errorf("%+v, %v", o, err)
	}
	for complaint, task := range map[string]task{
		"no such way":       {Algorithm: "rsa2048", Operation: "sign", Way: "none", Keys: 1},
		"keys do not":       {Algorithm: "ed25519", Operation: "decrypt", Way: wayDirect, Keys: 1},
		"unknown algorithm": {Algorithm: "none", Operation: "sign", Way: wayDirect, Keys: 1},
	} {
		if _, err := run(c, task); err == nil || !strings.Contains(err.Error(), complaint) {
			t.Errorf("%s: %v", complaint, err)
		}
	}
}

// A wrong result is found among right ones.
func TestVerifyAll(t *testing.T) {
	right := func(uint64, []byte) error { return nil }
	wrong := func(uint64, []byte) error { return errors.New("forged") }
	if n, err := verifyAll(tally{{1, right, nil}, {2, right, nil}}); n != 2 || err != nil {
		t.Error(n, err)
	}
	if _, err := verifyAll(tally{{1, right, nil}, {2, wrong, nil}, {3, right, nil}}); err == nil || !strings.Contains(err.Error(), "1 of 3 ") || !strings.Contains(err.Error(), "forged") {
		t.Error(err)
	}
}

// planned is a plan for a run of so many rounds, as if there were kernels and two cores.
func planned(t *testing.T, rounds, keys int) *plan {
	run := harnesstest.Run(t, Subject(), rounds, time.Millisecond)
	run.Result.Machine.Cores = 2
	run.Result.Machine.PinnedTo(1, nil)
	return planFor(run, keys, "")
}

func TestOpenSSLGoals(t *testing.T) {
	for version, want := range map[string]float64{
		"OpenSSL 3.0.22 25 Aug 2026": 5, "OpenSSL 3.5.1 1 Jul 2025": 2, "OpenSSL 3.2.0 1 Jan 2024": 0, "LibreSSL 3.3.6": 0,
	} {
		p := planned(t, 1, 64)
		p.withOpenSSL(&harness.OpenSSL{Version: version})
		seen := 0
		for _, r := range p.signing {
			last := r.report.Values[len(r.report.Values)-1]
			if last.Head != "times as fast as openssl" {
				t.Fatal(last)
			}
			if r.ours.Algorithm == "rsa3072" && r.ours.Jobs == jobsFull {
				seen++
				if last.AtLeast != want {
					t.Errorf("%s: %v, not %v", version, last.AtLeast, want)
				}
			}
		}
		if seen != 2 {
			t.Errorf("%d rows of RSA-3072 with %d jobs", seen, jobsFull)
		}
	}
}

// found is a run of three rounds with figures that can be told apart.
func found(t *testing.T) *plan {
	p := planned(t, 3, 64)
	p.withOpenSSL(&harness.OpenSSL{Version: "OpenSSL 3.0.0"})
	n := uint64(1000)
	for _, step := range p.steps {
		for _, r := range step.rows {
			for round := range uint64(3) {
				base := outcome{Done: n, Time: time.Second, Stops: []stop{{20e-6, 9}}}
				ours := outcome{Done: 10*n + round, Time: time.Second, Batch: 8, Stops: []stop{{20e-6, 9}, {80e-6, 1}}}
				if r.stops != nil {
					r.stops.noteBase(base)
					r.stops.noteOurs(ours)
					continue
				}
				r.noteBase(base)
				r.noteOurs(ours)
				if r.openssl != nil {
					r.openssl.Note(4000)
				}
			}
			n++
		}
	}
	p.conclude(123456)
	p.result.Conclude()
	return p
}

func TestReport(t *testing.T) {
	var b strings.Builder
	if err := found(t).result.Text(&b); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"beside OpenSSL 3.0.0 (openssl speed)\n",
		"\nrsa2048, 1 key, 1 job ", " 1,000/s ", " 10,001/s  10.00 (10.00..10.00), at least 1.8: met ", " 4,000/s  2.50 (2.50..2.50)",
		"\nrsa4096, 64 keys, 64 jobs ",
		"\necdhx25519 derive, goroutine ",
		"\nrsa2048, multibuffer   20 us  80 us     30\n",
		"all 123,456 results of ours and of the standard library; none was wrong",
	} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("no %q in\n%s", want, b.String())
		}
	}
	if strings.Contains(b.String(), " \n") {
		t.Errorf("blanks at the end of a line in\n%s", b.String())
	}
}

// One row after the other is reported; one step after the other is measured, openssl amid the
// rows with most jobs.
func TestOrder(t *testing.T) {
	p := planned(t, 1, 64)
	var reported []string
	for _, row := range p.result.Tables[0].Rows {
		reported = append(reported, row.Name)
	}
	if got := strings.Join(reported[4:7], "; "); got != "rsa2048, 1 key, 64 jobs; rsa2048, 64 keys, 1 job; rsa2048, 64 keys, 2 jobs" {
		t.Error(got)
	}
	s := p.steps[0]
	if a, b := s.rows[s.openssl-1].report.Name, s.rows[s.openssl].report.Name; a != "rsa2048, 1 key, 64 jobs" || b != "rsa2048, 64 keys, 64 jobs" {
		t.Error(a, b)
	}
}

func TestPlot(t *testing.T) {
	p := found(t)
	svg := string(p.svg(p.result))
	if err := xml.Unmarshal([]byte(svg), new(struct{})); err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(svg, "<polyline"); n != len(rsaSizes) {
		t.Errorf("%d diagrams in\n%s", n, svg)
	}
	for _, want := range []string{"OpenSSL 3.0.0", "crypto/rsa", "RSA-3072", "jobs in flight"} {
		if !strings.Contains(svg, want) {
			t.Errorf("no %s", want)
		}
	}
}

func TestStops(t *testing.T) {
	sum := addStops([]stop{{1, 1}, {3, 1}}, []stop{{1, 2}, {2, 4}})
	if fmt.Sprint(sum) != "[{1 3} {2 4} {3 1}]" {
		t.Error(sum)
	}
	if quantile(sum, 0.5) != 2 || quantile(sum, 0.99) != 3 || quantile(sum, 0.1) != 1 || quantile(nil, 0.5) != 0 {
		t.Error(quantile(sum, 0.5), quantile(sum, 0.99))
	}
}
