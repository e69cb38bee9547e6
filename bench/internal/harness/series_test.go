package harness

import (
	"slices"
	"testing"
)

func TestSummarize(t *testing.T) {
	for _, tt := range []struct {
		rounds              []float64
		median, least, most float64
	}{
		{[]float64{3}, 3, 3, 3},
		{[]float64{4, 2}, 3, 2, 4},
		{[]float64{9, 1, 5}, 5, 1, 9},
		{[]float64{100, 2, 4, 3}, 3.5, 2, 100},
	} {
		before := slices.Clone(tt.rounds)
		s := Summarize(tt.rounds)
		if s.Median != tt.median || s.Least != tt.least || s.Most != tt.most {
			t.Errorf("%v: %+v", before, s)
		}
		if !slices.Equal(s.Rounds, before) {
			t.Errorf("%v: the raw rounds became %v", before, s.Rounds)
		}
	}
	if s := Summarize(nil); s != nil {
		t.Error(s, "of nothing")
	}
}

func TestRatiosPairByPair(t *testing.T) {
	// The machine slowed down to a half in the second round. No pair shows it, though the
	// medians of the sides would.
	over, under := []float64{8, 16, 9}, []float64{10, 20, 10}
	if r := ratios(over, under); !slices.Equal(r, []float64{0.8, 0.8, 0.9}) {
		t.Error(r)
	}
	if r := ratios(over, nil); r != nil {
		t.Error(r, "without the other side")
	}
}
