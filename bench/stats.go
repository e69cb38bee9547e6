package main

import "slices"

// series is one figure over all rounds. The median and the extremes are kept, never a mean: on a shared machine the
// disturbed rounds lie all on one side, and would drag a mean with them.
type series struct {
	Median float64   `json:"median"`
	Min    float64   `json:"min"`
	Max    float64   `json:"max"`
	Rounds []float64 `json:"rounds"`
}

// summarize sums up the rounds of one figure; nil when there are none.
func summarize(rounds []float64) *series {
	if len(rounds) == 0 {
		return nil
	}
	sorted := slices.Sorted(slices.Values(rounds))
	mid := len(sorted) / 2
	median := sorted[mid]
	if len(sorted)%2 == 0 {
		median = (sorted[mid-1] + sorted[mid]) / 2
	}
	return &series{Median: median, Min: sorted[0], Max: sorted[len(sorted)-1], Rounds: rounds}
}

// ratios divides ours by theirs pair by pair, each pair measured a moment apart; nil unless both were measured.
func ratios(ours, theirs []float64) []float64 {
	if len(ours) != len(theirs) {
		return nil
	}
	var r []float64
	for i := range ours {
		r = append(r, ours[i]/theirs[i])
	}
	return r
}

// verdict says in words what became of a target. The aim is 0 where there is none.
func verdict(ratio, atMost, aim float64) string {
	switch {
	case ratio > atMost:
		return "missed"
	case aim == 0:
		return "met"
	case ratio <= aim:
		return "met, and the aim"
	default:
		return "met, the aim not"
	}
}
