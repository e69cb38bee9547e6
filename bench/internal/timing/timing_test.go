package timing

import (
	"context"
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"asynccrypto/bench/internal/harness"
	"asynccrypto/bench/internal/harness/harnesstest"
	"asynccrypto/engine/multibuffer"
)

var errTests = errors.New("a test failed")

// judged measures with tests that append these lines, one string for each of the first packages, and
// return failed.
func judged(t *testing.T, short bool, failed error, answers ...string) (*harness.Result, error) {
	t.Helper()
	if ok, reason := multibuffer.Supported(); !ok {
		t.Skip(reason)
	}
	run := harnesstest.Run(t, Subject(), 1, time.Second)
	err := measure(t.Context(), run, short, func(_ context.Context, pkg, out string) error {
		if len(answers) == 0 {
			return nil
		}
		answer := answers[0]
		answers = answers[1:]
		if answer != "" {
			if err := os.WriteFile(out, []byte(answer), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		return failed
	})
	run.Result.Conclude()
	return run.Result, err
}

const (
	ours   = `{"name":"window","samples":20000,"t":-1.5,"leaky":false,"tries":1}` + "\n"
	leaks  = `{"name":"lookup","samples":20000,"t":5.5,"leaky":false,"tries":3}` + "\n"
	seen   = `{"name":"window/leaky","samples":20000,"t":-35,"leaky":true,"tries":2}` + "\n"
	unseen = `{"name":"window/leaky","samples":20000,"t":-3.5,"leaky":true,"tries":20}` + "\n"
)

// Whether ours differs is a figure, and fails no run.
func TestJudges(t *testing.T) {
	r, err := judged(t, false, errTests, ours+leaks, leaks+seen)
	if err != nil || len(r.Tables) != 2 {
		t.Fatal(err, r.Tables)
	}
	rows := append(r.Tables[0].Rows, r.Tables[1].Rows...)
	for i, want := range []string{"met", "missed", "missed", "met"} {
		if v := rows[i].Values[2]; v.Head != "t" || v.Verdict != want || v.Median <= 0 {
			t.Errorf("%s: %+v, not %s", rows[i].Name, v, want)
		}
	}
	// With few samples ours is not judged.
	r, err = judged(t, true, nil, leaks+seen, "")
	if err != nil || r.Tables[0].Rows[0].Values[2].Verdict != "" || r.Tables[1].Rows[0].Values[2].Verdict != "met" {
		t.Error(err, r.Tables[0])
	}
}

// If the tests do not see a leak, answer nonsense, or fail for a reason of their own, there is
// no result.
func TestRefuses(t *testing.T) {
	for _, tt := range []struct {
		answer    string
		failed    error
		complaint string
	}{
		{ours, nil, "no test measured"},
		{ours + unseen, nil, "did not see: window/leaky (t is -3.50 after 20 tries)"},
		{ours + unseen, errTests, "did not see"},
		{"PASS", nil, "cannot be read"},
		{`{"name":"x","samples":0,"t":20,"leaky":true,"tries":6}`, nil, "without a name or samples"},
		{ours + seen, errTests, "a test failed"},
		{"", errTests, "a test failed"},
	} {
		if _, err := judged(t, true, tt.failed, tt.answer, tt.answer); err == nil || !strings.Contains(err.Error(), tt.complaint) {
			t.Errorf("%s: %v", tt.complaint, err)
		}
	}
}
