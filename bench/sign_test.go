package main

import (
	"context"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"
	"time"

	"asynccrypto/engine/multibuffer"
)

// TestMain lets the test binary be the process that is measured in, as the program is.
func TestMain(m *testing.M) {
	if len(os.Args) > 2 && os.Args[1] == fakeNodeArg {
		if err := beFakeNode(os.Args[2:], os.Stdin, os.Stdout); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	if isChild, err := beAnyChild(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	} else if isChild {
		return
	}
	os.Exit(m.Run())
}

func TestSignUsage(t *testing.T) {
	for args, complaint := range map[string]string{
		"sign -rounds 0":            "at least one round",
		"sign -keys 1":              "at least 2",
		"sign -keys 1001":           "at most 1000",
		"sign -plot none/there.svg": "no such directory",
		"sign rsa2048":              `unexpected argument "rsa2048"`,
	} {
		var out, err strings.Builder
		status := run(t.Context(), strings.Fields(args), stdio{&out, &err})
		if status != 2 || out.Len() > 0 || strings.Count(err.String(), "\n") != 1 || !strings.Contains(err.String(), complaint) {
			t.Errorf("%s: status %d, %q, %q", args, status, out.String(), err.String())
		}
	}
}

// Every pair of primes is a key, and no key is there twice.
func TestMakeKeys(t *testing.T) {
	set, err := makeKeys(t.Context(), []int{2048}, 7, progress{io.Discard})
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
	if _, err := makeKeys(ctx, []int{4096}, 64, progress{io.Discard}); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

// A child does every operation in every way, and verifies all that it has done.
func TestChild(t *testing.T) {
	keys, err := makeKeys(t.Context(), []int{2048}, 3, progress{io.Discard})
	if err != nil {
		t.Fatal(err)
	}
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	c, err := startChild(program, noPin, 1, keys)
	if err != nil {
		t.Fatal(err)
	}
	defer c.close()
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
		o, err := c.run(task)
		if err != nil {
			t.Fatal(err)
		}
		if o.Done == 0 || o.Verified != o.Done || o.Time < task.Time || task.Way == wayJobs && (o.Batch < 1 || o.Done%uint64(task.Jobs) != 0) {
			t.Errorf("%+v: %+v", task, o)
		}
	}
	if o, err := c.run(task{Algorithm: "rsa2048", Operation: "sign", Way: wayWrap, Keys: 3}); err != nil || o.KeyBytes > keyTarget {
		t.Errorf("%+v, %v", o, err)
	}
	if _, err := c.run(task{Algorithm: "rsa2048", Operation: "sign", Way: "none", Keys: 1}); err == nil || !strings.Contains(err.Error(), "no such way") {
		t.Error(err)
	}
}

// A wrong result is found among right ones.
func TestVerifyAll(t *testing.T) {
	right := &keyed{verify: func(uint64, []byte) error { return nil }}
	wrong := &keyed{verify: func(uint64, []byte) error { return errors.New("forged") }}
	if n, err := verifyAll(tally{{1, right, nil}, {2, right, nil}}); n != 2 || err != nil {
		t.Error(n, err)
	}
	if _, err := verifyAll(tally{{1, right, nil}, {2, wrong, nil}, {3, right, nil}}); err == nil || err.Error() != "1 of 3 results are wrong: forged" {
		t.Error(err)
	}
}

func TestParseSpeed(t *testing.T) {
	for line, want := range map[string]uint64{
		"+R1:4352:2048:1.00":      4352,
		"+DTP:2048:private:rsa:1": 0,
		"+R2:5811:2048:1.28":      0,
		"+R1:0:2048:1.00":         0,
		"+R1:12:2048:0.00":        0,
		"+R1:x:2048:1.00":         0,
	} {
		if done, took, ok := parseSpeed(line); done != want || ok != (want > 0) || ok && took != time.Second {
			t.Error(line, done, took, ok)
		}
	}
}

func TestOpenSSLTargets(t *testing.T) {
	for version, want := range map[string]float64{
		"OpenSSL 3.0.22 25 Aug 2026": 5, "OpenSSL 3.5.1 1 Jul 2025": 2, "OpenSSL 3.2.0 1 Jan 2024": 0, "LibreSSL 3.3.6": 0,
	} {
		f := newSignFindings(signPlan{rounds: 1, keys: 64})
		f.Reason = "" // as if there were kernels
		f.openssl(&opensslSpeed{version: version})
		for _, r := range f.Rows {
			if r.Section == sectionSign && r.Algorithm == "rsa3072" && r.Jobs == jobsFull && r.AtLeastO != want {
				t.Errorf("%s: %v, not %v", version, r.AtLeastO, want)
			}
		}
	}
}

// found is a run of three rounds with figures that can be told apart.
func found() *signFindings {
	f := newSignFindings(signPlan{rounds: 3, keys: 64, time: time.Millisecond})
	f.Machine.Libcrypto = "OpenSSL 3.0.0"
	f.Machine.pinnedTo(1, nil)
	for i, r := range f.Rows {
		r.Skipped = ""
		for round := range 3 {
			r.noteBase(outcome{Done: uint64(1000 + i), Time: time.Second, Stops: []stop{{20e-6, 9}}})
			r.noteOurs(outcome{Done: uint64(10*(1000+i) + round), Time: time.Second, Batch: 8, Stops: []stop{{20e-6, 9}, {80e-6, 1}}})
			if r.Section == sectionSign {
				r.openssl = append(r.openssl, 4000)
			}
		}
	}
	f.conclude()
	return f
}

func TestSignReport(t *testing.T) {
	f := found()
	var b strings.Builder
	if err := f.writeText(&b); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"and OpenSSL 3.0.0 (openssl speed)\n",
		"\nrsa2048     1    1      1,000     4,000      10,001   8.0   10.00 (10.00..10.00)",
		"\nrsa4096    64   64 ",
		"\necdhx25519 derive   goroutine ",
		"\nrsa2048  multibuffer    20.0 us   80.0 us   30\n",
		"none was wrong",
	} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("no %q in\n%s", want, b.String())
		}
	}
	for line := range strings.Lines(b.String()) {
		if strings.TrimRight(line, " \n")+"\n" != line {
			t.Errorf("blanks at the end of %q", line)
		}
	}
}

func TestSignJSON(t *testing.T) {
	var b strings.Builder
	if err := found().writeJSON(&b); err != nil {
		t.Fatal(err)
	}
	var got struct {
		Rows []struct{ Ours, Ratio *series }
	}
	b2 := strings.NewReplacer(`"ours_per_s"`, `"ours"`).Replace(b.String())
	if err := json.Unmarshal([]byte(b2), &got); err != nil || len(got.Rows[0].Ours.Rounds) != 3 || got.Rows[0].Ratio == nil {
		t.Error(err, got.Rows)
	}
}

func TestSignPlot(t *testing.T) {
	svg := string(found().svg())
	if err := xml.Unmarshal([]byte(svg), new(struct{})); err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(svg, "<polyline"); n != len(rsaSizes) {
		t.Errorf("%d panels in\n%s", n, svg)
	}
	for _, want := range []string{"OpenSSL 3.0.0", "crypto/rsa", "RSA-3072", "jobs in flight"} {
		if !strings.Contains(svg, want) {
			t.Errorf("no %s", want)
		}
	}
}

func TestReached(t *testing.T) {
	for _, tt := range []struct {
		ratio, atLeast float64
		want           string
	}{{1, 1, "met"}, {0.996, 1, "met"}, {0.994, 1, "missed"}, {8.5, 8.5, "met"}, {8.49, 8.5, "missed"}, {3, 0, ""}} {
		if got := reached(&series{Median: tt.ratio}, tt.atLeast); got != tt.want {
			t.Errorf("%+v: %q", tt, got)
		}
	}
	f := found()
	f.Rows[0].Disturbed, f.Rows[0].AtLeast = 2, 1
	if f.conclude(); f.Rows[0].Verdict != "not judged, disturbed" {
		t.Error(f.Rows[0].Verdict)
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
