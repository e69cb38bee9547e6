package main

import (
	"slices"
	"testing"
)

func TestSummarize(t *testing.T) {
	for _, tt := range []struct {
		rounds           []float64
		median, min, max float64
	}{
		{[]float64{3}, 3, 3, 3},
		{[]float64{4, 2}, 3, 2, 4},
		{[]float64{9, 1, 5}, 5, 1, 9},
		{[]float64{100, 2, 4, 3}, 3.5, 2, 100},
	} {
		before := slices.Clone(tt.rounds)
		s := summarize(tt.rounds)
		if s.Median != tt.median || s.Min != tt.min || s.Max != tt.max {
			t.Errorf("%v: %+v", before, s)
		}
		if !slices.Equal(s.Rounds, before) {
			t.Errorf("%v: the raw rounds became %v", before, s.Rounds)
		}
	}
	if s := summarize(nil); s != nil {
		t.Error(s, "of nothing")
	}
}

func TestRatiosPairByPair(t *testing.T) {
	// The machine slowed to a half in the second round: no pair noticed, though the medians of the sides would.
	ours, theirs := []float64{8, 16, 9}, []float64{10, 20, 10}
	if r := ratios(ours, theirs); !slices.Equal(r, []float64{0.8, 0.8, 0.9}) {
		t.Error(r)
	}
	if r := ratios(ours, nil); r != nil {
		t.Error(r, "without libcrypto")
	}
}

func TestVerdict(t *testing.T) {
	for _, tt := range []struct {
		ratio, atMost, aim float64
		want               string
	}{
		{0.96, 0.95, 0.85, "missed"},
		{0.95, 0.95, 0.85, "met, the aim not"},
		{0.85, 0.95, 0.85, "met, and the aim"},
		{0.85, 0.85, 0, "met"},
		{0.851, 0.85, 0, "missed"},
	} {
		if got := verdict(tt.ratio, tt.atMost, tt.aim); got != tt.want {
			t.Errorf("%+v: %q", tt, got)
		}
	}
}
