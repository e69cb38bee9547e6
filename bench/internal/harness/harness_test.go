package harness

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"asynccrypto/internal/measure"
)

func writeFile(folder, name string, content []byte) error {
	return os.WriteFile(filepath.Join(folder, name), content, 0o644)
}

// program has one subject, which measures 2 beside 1 in every round, with the share of its CPU
// that -share says.
func program() Program {
	var share float64
	var greet bool
	echo := Subject{
		Name: "first", Short: "measures nothing", Long: "It takes no time.",
		Rounds: 5, QuickRounds: 2, Slice: 100 * time.Millisecond, QuickSlice: time.Millisecond, QuietShare: 0.9,
		Flags: func(fs *flag.FlagSet) {
			fs.Float64Var(&share, "share", 1, "the `SHARE` of its CPU")
			fs.BoolVar(&greet, "greet", false, "greet instead")
		},
		Instead: func(_ context.Context, stdout, _ io.Writer) (bool, error) {
			if greet {
				fmt.Fprintln(stdout, "hello")
			}
			return greet, nil
		},
		Check: func() (bool, error) {
			if share < 0 {
				return false, Usagef("first: -share %g: must not be negative", share)
			}
			return share > 1, nil
		},
		Measure: func(ctx context.Context, run *Run) error {
			row := run.Result.Table("a table", "").Row("a row")
			base, ours := row.Value("base", PerSecond), row.Value("ours", PerSecond)
			row.TimesMore("times as fast", ours, base, Goal{AtLeast: 2})
			return run.Each(ctx, func(round int) error {
				run.Show(round, "nothing")
				side := func(v *Value, figure float64) func() error {
					return func() error {
						got, err := Quietly(run, func() (float64, float64, error) { return figure, share, nil }, row)
						v.Note(got)
						return err
					}
				}
				return Alternate(round, side(base, 1), side(ours, 2))
			})
		},
		Roles: map[string]func(io.Reader, io.Writer) error{"double": func(in io.Reader, out io.Writer) error {
			return Orders(in, out, func(n int) (int, error) {
				if n < 0 {
					return 0, errors.New("too small")
				}
				return 2 * n, nil
			})
		}},
	}
	return Program{Name: "go run ./bench", About: "It measures.", Subjects: []Subject{echo},
		Commands: []Command{{"list", "writes its arguments", func(_ context.Context, args []string, stdout io.Writer) error {
			_, err := fmt.Fprintln(stdout, args)
			return err
		}}}}
}

// TestMain lets the test binary be a child, as the program is.
func TestMain(m *testing.M) {
	if isChild, err := program().BeChild(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	} else if isChild {
		return
	}
	os.Exit(m.Run())
}

func run(ctx context.Context, args ...string) (status int, stdout, stderr string) {
	var out, err strings.Builder
	status = program().Run(ctx, args, &out, &err)
	return status, out.String(), err.String()
}

func TestUsageErrors(t *testing.T) {
	for args, complaint := range map[string]string{
		"nonsense":          `no subject "nonsense"`,
		"-nonsense":         "not defined: -nonsense",
		"first -rounds x":   `invalid value "x"`,
		"-rounds 0":         "at least one round",
		"-quick -rounds=-1": "at least one round",
		"-quick more":       `unexpected argument "more"`,
		"first first":       `unexpected argument "first"`,
		"-time 1us":         "between 1ms and 10m",
		"-time 11m":         "between 1ms and 10m",
		"-share -1":         "must not be negative",
		"-quick -save":      "-force",
		"-share 2 -save":    "-force",
	} {
		status, out, err := run(t.Context(), strings.Fields(args)...)
		if status != 2 || out != "" || strings.Count(err, "\n") != 1 || !strings.Contains(err, complaint) {
			t.Errorf("%s: status %d, %q, %q", args, status, out, err)
		}
	}
}

// A flag can ask for something else than a measurement.
func TestInstead(t *testing.T) {
	if status, out, err := run(t.Context(), "-greet"); status != 0 || out != "hello\n" || err != "" {
		t.Errorf("status %d, %q, %q", status, out, err)
	}
}

func TestHelp(t *testing.T) {
	for args, wants := range map[string][]string{
		"-h":       {"It measures.", "\n  first ", "\n  list "},
		"--help":   {"\n  first "},
		"first -h": {"It takes no time.", "-share SHARE", "-rounds N", "with -quick 2 times (default 5)", "-save"},
	} {
		status, out, err := run(t.Context(), strings.Fields(args)...)
		if status != 0 || err != "" {
			t.Errorf("%s: status %d, %q", args, status, err)
		}
		for _, want := range wants {
			if !strings.Contains(out, want) {
				t.Errorf("%s: no %q in\n%s", args, want, out)
			}
		}
	}
}

func TestPlan(t *testing.T) {
	for args, want := range map[string]options{
		"":                        {rounds: 5, slice: 100 * time.Millisecond},
		"-quick":                  {rounds: 2, slice: time.Millisecond, quick: true},
		"-rounds 7 -quick -json":  {rounds: 7, slice: time.Millisecond, quick: true, asJSON: true},
		"-quick -time 3s":         {rounds: 2, slice: 3 * time.Second, quick: true},
		"-json=false -rounds=200": {rounds: 200, slice: 100 * time.Millisecond},
	} {
		if got, _, err := program().Subjects[0].parse(strings.Fields(args)); err != nil || got != want {
			t.Errorf("%s: %+v, %v", args, got, err)
		}
	}
}

func TestRun(t *testing.T) {
	status, out, err := run(t.Context(), "-rounds", "3")
	if status != 0 || err != "" || !strings.Contains(out, "2.00 (2.00..2.00), at least 2: met\n") {
		t.Error(status, out, err)
	}
	if status, out, err := run(t.Context(), "list", "a", "b"); status != 0 || out != "[a b]\n" || err != "" {
		t.Error(status, out, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if status, out, err := run(ctx); status != 1 || out != "" || err != "bench: interrupted, nothing is reported\n" {
		t.Error(status, out, err)
	}
}

// What is saved can be read, and repeats the run. A disturbed result is saved only with -force,
// and marked.
func TestSave(t *testing.T) {
	folder := t.TempDir()
	status, _, err := run(t.Context(), "-save", "-results", folder, "-share", "0.5")
	if all, _ := filepath.Glob(filepath.Join(folder, "*")); status != 1 || !strings.Contains(err, "not saved") || len(all) > 0 {
		t.Error(status, err, all)
	}
	for args, disturbed := range map[string]bool{"-share 0.5 -force": true, "-share 1": false, "-share 0": false} {
		status, _, err := run(t.Context(), append(strings.Fields(args), "-save", "-results", folder)...)
		all, failed := LoadAll(folder)
		if status != 0 || !strings.Contains(err, "saved ") || failed != nil || len(all) != 1 {
			t.Fatal(args, status, err, failed)
		}
		if all[0].Disturbed != disturbed || !strings.HasPrefix(all[0].Command, "go run ./bench first -save -share ") {
			t.Errorf("%s: %+v", args, all[0])
		}
	}
}

// A path in the arguments says nothing to others, and stays out of the result.
func TestCommandLine(t *testing.T) {
	fs := flag.NewFlagSet("sign", flag.ContinueOnError)
	fs.String("node", "", "the `PATH`")
	fs.String("lib", "", "the `DIR`")
	fs.String("only", "", "")
	fs.Bool("save", false, "")
	fs.Bool("force", false, "")
	if err := fs.Parse(strings.Fields("-force -node node -lib /opt/lib -only a|b -save")); err != nil {
		t.Fatal(err)
	}
	if got := commandLine("bench sign", fs); got != "bench sign -lib DIR -node node -only 'a|b' -save" {
		t.Error(got)
	}
}

func TestQuietly(t *testing.T) {
	for _, tt := range []struct {
		shares    []float64
		best      int
		again     int
		disturbed int
	}{
		{[]float64{1}, 0, 0, 0},
		{[]float64{0}, 0, 0, 0},
		{[]float64{0.5, 0.95}, 1, 1, 0},
		{[]float64{0.5, 0.7, 0.6, 0.2}, 1, 3, 1},
	} {
		r := NewRun(Subject{QuietShare: 0.9}, 1, time.Millisecond, false, measure.NewProgress(t.Output()))
		row := r.Result.Table("a", "").Row("b")
		i := -1
		got, err := Quietly(r, func() (int, float64, error) { i++; return i, tt.shares[i], nil }, row)
		if err != nil || got != tt.best || r.Result.Again != tt.again || row.Disturbed != tt.disturbed || r.Result.Busy != tt.disturbed {
			t.Errorf("%v: %d, %+v, %+v, %v", tt.shares, got, r.Result, row, err)
		}
		if i != len(tt.shares)-1 {
			t.Errorf("%v: %d tries", tt.shares, i+1)
		}
	}
}

func TestChild(t *testing.T) {
	this, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	c, err := StartChild(this, "double", NoPin, 1, false)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	var n int
	if err := c.Do(21, &n); err != nil || n != 42 {
		t.Error(n, err)
	}
	if err := c.Do(-1, &n); err == nil || err.Error() != "too small" {
		t.Error(err)
	}
	if err := c.Do("x", &n); err == nil || !strings.Contains(err.Error(), "the process double ended") {
		t.Error(err)
	}
	if c, err := StartChild(this, "none", NoPin, 1, false); err != nil {
		t.Error(err)
	} else {
		if err := c.Do(1, nil); err == nil {
			t.Error("there is a role of no name")
		}
		c.Close()
	}
}

func TestCPUID(t *testing.T) {
	for info, want := range map[string]string{
		"processor\t: 0\nvendor_id\t: AuthenticAMD\ncpu family\t: 25\nmodel\t\t: 17\nmodel name\t: AMD EPYC\n\nprocessor: 1\n": "amd-25-17",
		"vendor_id : GenuineIntel\ncpu family : 6\nmodel : 143\n":                                                              "intel-6-143",
		"CPU implementer : 0x41\nCPU part : 0xd0c\n":                                                                           "arm-0x41-0xd0c",
	} {
		if got := cpuID(info); got != want {
			t.Errorf("%q: %s", info, got)
		}
	}
	for list, want := range map[string][]int{"0": {0}, "0,64": {0, 64}, "0-1": {0, 1}, "0-1,4-5": {0, 1, 4, 5}, "": nil, "x": nil, "0,x": nil} {
		if got := parseCPUs(list); !slices.Equal(got, want) {
			t.Errorf("%q: %d", list, got)
		}
	}
}

// The time of the siblings counts while a slice is measured, and not between slices. Waiting for a
// disk, and for the hypervisor, is not computing.
func TestSiblings(t *testing.T) {
	stats := []string{
		"cpu  9 9 9 9 9 9 9 9 0 0\ncpu1 0 0 0 0 0 0 0 0 0 0\ncpu65 10 0 10 100 0 0 0 0 5 0\nintr 1 2 3\n",
		"cpu1 100 0 0 0 0 0 0 0 0 0\ncpu65 20 1 12 110 20 1 1 15 5 0\n", // 15 of 60
		"cpu65 1020 1 12 110 20 1 1 15 5 0\n",
		"cpu65 1020 1 12 150 20 1 1 15 5 0\n", // 0 of 40
	}
	r := NewRun(Subject{}, 1, time.Millisecond, false, measure.NewProgress(t.Output()))
	r.siblings = siblings{cpus: []int{65}, stat: func() string {
		text := stats[0]
		stats = stats[1:]
		return text
	}}
	for _, want := range []float64{0.25, 0.15} {
		if _, err := Quietly(r, func() (int, float64, error) { return 0, 1, nil }); err != nil {
			t.Fatal(err)
		}
		if got := r.Result.Machine.SiblingBusy; got == nil || *got != want {
			t.Errorf("busy %v, want %v", got, want)
		}
	}
	if s := siblingsOf(NoPin); len(s.cpus) != 0 {
		t.Errorf("%+v", s)
	}
	if _, ok := new(siblings).watch(func() {}); ok {
		t.Error("what no sibling does is known")
	}
}

func TestParseSpeed(t *testing.T) {
	for line, want := range map[string]uint64{
		"+R1:4352:2048:1.00":      4352,
		"+R5:4352:256:1.00":       4352,
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
