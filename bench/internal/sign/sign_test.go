package sign

import (
	"encoding/xml"
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"asynccrypto/bench/internal/harness"
	"asynccrypto/bench/internal/harness/harnesstest"
	"asynccrypto/bench/internal/ops"
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

// planned is a plan for a run of so many rounds, as if there were kernels and two cores.
func planned(t *testing.T, rounds, keys int) *plan {
	run := harnesstest.Run(t, Subject(), rounds, time.Millisecond)
	run.Result.Machine.Cores = 2
	run.PinnedTo(1, nil)
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
			last := r.Report.Values[len(r.Report.Values)-1]
			if last.Head != "times as fast as openssl" {
				t.Fatal(last)
			}
			if r.Ours.Algorithm == "rsa3072" && r.Ours.Jobs == jobsFull {
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
				base := ops.Outcome{Done: n, Time: time.Second, Stops: []ops.Stop{{Seconds: 20e-6, Count: 9}}}
				ours := ops.Outcome{Done: 10*n + round, Time: time.Second, Batch: 8, Stops: []ops.Stop{{Seconds: 20e-6, Count: 9}, {Seconds: 80e-6, Count: 1}}}
				if r.stops != nil {
					r.stops.noteBase(base)
					r.stops.noteOurs(ours)
					continue
				}
				r.NoteBase(base)
				r.noteOurs(ours)
				if r.openssl != nil {
					r.openssl.Note(4000)
				}
			}
			n++
		}
	}
	p.conclude()
	(&ops.Session{Run: &harness.Run{Result: p.result}, Verified: 123456}).Conclude()
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
	if a, b := s.rows[s.openssl-1].Report.Name, s.rows[s.openssl].Report.Name; a != "rsa2048, 1 key, 64 jobs" || b != "rsa2048, 64 keys, 64 jobs" {
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
