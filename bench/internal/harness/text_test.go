package harness

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"asynccrypto/internal/measure"
)

// sample is a run of two rounds, with or without the other side.
func sample(theirs bool) *Result {
	r := &Result{
		Subject: "facility", Command: "go run ./bench facility -save", Rounds: 2, SliceNS: int64(time.Millisecond),
		Machine: Machine{
			Machine: measure.Machine{CPU: "Some CPU", Cores: 2, System: "linux/amd64", Go: "go1.26.0", Date: "2026-01-31"},
			ID:      "amd-25-17", ThreadsPerCore: 1, Pinned: "pinned to cpu 1",
		},
	}
	t := r.Table("jobs", "each on a context of its own")
	for _, m := range []struct {
		name         string
		theirs, ours []float64
		goal         Goal
		remark       string
	}{
		{"pause and resume", []float64{100, 100}, []float64{80, 84}, Goal{AtLeast: 1.05, Aim: 1.18}, "no allocation"},
		{"set + get + clear", []float64{10, 10}, []float64{9.5, 9}, Goal{AtLeast: 1.18}, ""},
	} {
		row := t.Row(m.name)
		row.Remark = m.remark
		base, ours := row.Value("libcrypto", Nanoseconds), row.Value("ours", Nanoseconds)
		row.TimesLess("times as fast", ours, base, m.goal)
		for i := range m.ours {
			if theirs {
				base.Note(m.theirs[i])
			}
			ours.Note(m.ours[i])
		}
	}
	t.Row("RSS").Skipped = "only linux has /proc"
	memory := r.Table("memory", "").Row("each key").Value("kept", Kilobytes)
	memory.Goal = Goal{AtMost: 64}
	memory.Note(25)
	r.Table("nothing", "")
	if theirs {
		r.Beside = []string{"OpenSSL 3.0.0"}
	} else {
		r.Missing = []string{(&Missing{"no C compiler", hintCompiler}).Error()}
	}
	r.Conclude()
	return r
}

func TestText(t *testing.T) {
	var b strings.Builder
	if err := sample(true).Text(&b); err != nil {
		t.Fatal(err)
	}
	want := `Some CPU, 2 cores, linux/amd64, go1.26.0, 2026-01-31; amd-25-17, one hyperthread a core; pinned to cpu 1
beside OpenSSL 3.0.0
medians of 2 rounds of 1ms; a comparison is formed pair by pair, with its least..most

jobs
each on a context of its own
                   libcrypto     ours  times as fast
pause and resume      100 ns    82 ns  1.22 (1.19..1.25), at least 1.05, aim 1.18: met, and the aim  no allocation
set + get + clear      10 ns  9.25 ns  1.08 (1.05..1.11), at least 1.18: missed
RSS: not measured, only linux has /proc

memory
          kept
each key  25 KB, at most 64: met
`
	if b.String() != want {
		t.Errorf("got\n%s\nwant\n%s", b.String(), want)
	}
}

func TestMachine(t *testing.T) {
	busy := 0.034
	for _, test := range []struct {
		machine Machine
		want    string
	}{
		{Machine{ThreadsPerCore: 1, Virtual: true}, ", one hyperthread a core (in a virtual machine: a busy sibling would not show); pinned"},
		{Machine{ThreadsPerCore: 1}, ", one hyperthread a core; pinned"},
		{Machine{ThreadsPerCore: 2}, ", 2 hyperthreads a core; pinned"},
		{Machine{ThreadsPerCore: 2, SiblingBusy: &busy}, ", 2 hyperthreads a core; pinned; the core's other hyperthread computed for 3% of the time"},
		{Machine{}, "; intel-6-143; pinned"},
	} {
		test.machine.ID, test.machine.Pinned = "intel-6-143", "pinned"
		if got := test.machine.String(); !strings.HasSuffix(got, test.want) {
			t.Errorf("%s does not end in %s", got, test.want)
		}
	}
}

func TestTextWithoutTheOtherSide(t *testing.T) {
	var b strings.Builder
	if err := sample(false).Text(&b); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"not measured: no C compiler: install one", "82 ns", "RSS: not measured, only linux"} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("no %q in\n%s", want, b.String())
		}
	}
	if strings.Contains(b.String(), "missed") || strings.Contains(b.String(), "1.18") {
		t.Errorf("a verdict without a comparison in\n%s", b.String())
	}
}

func TestMarkdown(t *testing.T) {
	var b strings.Builder
	if err := sample(true).Markdown(&b); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"- beside OpenSSL 3.0.0\n", "\n      go run ./bench facility -save\n", "\n**Jobs**\\\neach on a context of its own\n\n|  | libcrypto | ours | times as fast |  |\n|---|---|---|---|---|\n" +
			"| pause and resume | 100 ns | 82 ns | 1.22 (1.19..1.25) | no allocation |\n",
		"| RSS: not measured, only linux has /proc | - | - | - |  |\n",
	} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("no %q in\n%s", want, b.String())
		}
	}
}

// A result is the same after it was saved and loaded, and keeps every round.
func TestSaveAndLoad(t *testing.T) {
	folder := t.TempDir()
	before := sample(true)
	if _, err := before.Save(folder); err != nil {
		t.Fatal(err)
	}
	all, err := LoadAll(folder)
	if err != nil || len(all) != 1 {
		t.Fatal(all, err)
	}
	v := all[0].Tables[0].Rows[0].Values[1]
	if v.Head != "ours" || len(v.Rounds) != 2 || v.Median != 82 {
		t.Errorf("%+v", v)
	}
	var a, b strings.Builder
	if err := errors.Join(before.Text(&a), all[0].Text(&b)); err != nil || a.String() != b.String() {
		t.Errorf("%v\n%s\n%s", err, a.String(), b.String())
	}
	all[0].Machine.ID = "intel-6-143"
	text, _ := json.Marshal(all[0])
	if err := writeFile(folder, before.File(), text); err != nil {
		t.Fatal(err)
	}
	if _, err := LoadAll(folder); err == nil || !strings.Contains(err.Error(), "intel-6-143-linux-amd64-facility.json") {
		t.Error(err)
	}
}

func TestVerdict(t *testing.T) {
	for _, tt := range []struct {
		median float64
		goal   Goal
		want   string
	}{
		{1.044, Goal{AtLeast: 1.05, Aim: 1.18}, "missed"},
		{1.05, Goal{AtLeast: 1.05, Aim: 1.18}, "met, the aim not"},
		{1.18, Goal{AtLeast: 1.05, Aim: 1.18}, "met, and the aim"},
		{8.496, Goal{AtLeast: 8.5}, "met"},
		{8.49, Goal{AtLeast: 8.5}, "missed"},
		{5.004, Goal{AtMost: 5}, "met"},
		{5.01, Goal{AtMost: 5}, "missed"},
		{-1, Goal{AtMost: 5}, "met"},
		{0, Goal{None: true}, "met"},
		{5, Goal{}, ""},
	} {
		v := &Value{Goal: tt.goal, Series: &Series{Median: tt.median}}
		if got := v.verdict(); got != tt.want {
			t.Errorf("%+v: %q", tt, got)
		}
	}
	v := &Value{Goal: Goal{None: true}, Series: Summarize([]float64{0, 1, 0})}
	if got := v.verdict(); got != "missed" {
		t.Errorf("one round has some, and there should be none: %q", got)
	}
}

// A row of which half the rounds are disturbed is not judged, and marks the result: of an even
// number of rounds the median is the mean of the middle two.
func TestDisturbed(t *testing.T) {
	for _, tt := range []struct {
		rounds, disturbed int
		want              bool
	}{{3, 0, false}, {3, 1, false}, {3, 2, true}, {2, 0, false}, {2, 1, true}, {4, 1, false}, {4, 2, true}} {
		r := &Result{Rounds: tt.rounds}
		row := r.Table("table", "").Row("row")
		row.Disturbed = tt.disturbed
		v := row.Value("value", Times)
		v.Goal = Goal{AtLeast: 1}
		for range tt.rounds {
			v.Note(2)
		}
		if r.Conclude(); r.Disturbed != tt.want || (v.Verdict != "met") != tt.want {
			t.Errorf("%d of %d are disturbed: %v, %q", tt.disturbed, tt.rounds, r.Disturbed, v.Verdict)
		}
	}
}
