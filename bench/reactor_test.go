package main

import (
	"errors"
	"strings"
	"testing"
	"time"
)

func TestReactor(t *testing.T) {
	var shown strings.Builder
	f, err := measureReactor(t.Context(), reactorPlan{rounds: 2, time: time.Millisecond}, progress{&shown})
	if err != nil {
		t.Fatal(err)
	}
	if f.Missing != "" {
		without(t, f.Missing)
	}
	for _, r := range f.Rows {
		if r.C == nil || r.Ours == nil || r.Ratio == nil || len(r.Ratio.Rounds) != 2 || r.Ratio.Min <= 0 || r.Verdict == "" {
			t.Errorf("%+v", r)
		}
		if !strings.Contains(shown.String(), "round 2 of 2: "+r.Name) {
			t.Errorf("%s: no progress was shown", r.Name)
		}
	}
	var text, json strings.Builder
	if err := errors.Join(f.writeText(&text), f.writeJSON(&json)); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(text.String(), "waking 32 jobs on one reactor, one CPU") || !strings.Contains(json.String(), `"at_most": 0.75`) {
		t.Error(text.String(), json.String())
	}
}

func TestReactorWithoutCompiler(t *testing.T) {
	t.Setenv("CC", "no-such-compiler")
	f, err := measureReactor(t.Context(), reactorPlan{rounds: 1, time: time.Millisecond}, newProgress(t.Output()))
	if err != nil {
		t.Fatal(err)
	}
	if f.Missing == "" || f.Rows[0].Ours == nil || f.Rows[0].Ratio != nil {
		t.Errorf("%+v, %+v", f, f.Rows[0])
	}
}
