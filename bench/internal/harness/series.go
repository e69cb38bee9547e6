package harness

import "slices"

// Series is one figure over all rounds. It has the median and the extremes but no mean: on a
// shared machine the disturbed rounds all lie on one side, and would shift a mean.
type Series struct {
	Median float64   `json:"median"`
	Least  float64   `json:"least"`
	Most   float64   `json:"most"`
	Rounds []float64 `json:"rounds"`
}

// Summarize returns the series of the rounds, or nil when there are none.
func Summarize(rounds []float64) *Series {
	if len(rounds) == 0 {
		return nil
	}
	sorted := slices.Sorted(slices.Values(rounds))
	mid := len(sorted) / 2
	median := sorted[mid]
	if len(sorted)%2 == 0 {
		median = (sorted[mid-1] + sorted[mid]) / 2
	}
	return &Series{Median: median, Least: sorted[0], Most: sorted[len(sorted)-1], Rounds: rounds}
}

// ratios divides pair by pair, each pair measured a moment apart. It returns nil unless both
// sides were measured in every round.
func ratios(over, under []float64) []float64 {
	if len(over) != len(under) {
		return nil
	}
	var r []float64
	for i := range over {
		r = append(r, over[i]/under[i])
	}
	return r
}
