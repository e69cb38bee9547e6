package ops

import (
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// ParseAnswer reads the answer of a program in another language: a line with the number of
// operations, the seconds, the seconds of CPU time and perhaps the microseconds of a call, and
// lines with results in hex.
func ParseAnswer(said string) (o Outcome, call float64, results [][]byte, err error) {
	lines := strings.Split(strings.TrimSpace(said), "\n")
	var figures []float64
	for _, field := range strings.Fields(lines[0]) {
		v, bad := strconv.ParseFloat(field, 64)
		if bad != nil || !(v > 0) {
			return o, 0, nil, fmt.Errorf("%q is no figure", field)
		}
		figures = append(figures, v)
	}
	if len(figures) < 3 || len(figures) > 4 {
		return o, 0, nil, fmt.Errorf("an answer of %d figures, not 3 or 4", len(figures))
	}
	o.Done, o.Time = uint64(figures[0]), time.Duration(figures[1]*float64(time.Second))
	o.Share = min(1, figures[2]/figures[1])
	if len(figures) > 3 {
		call = figures[3]
	}
	for _, line := range lines[1:] {
		result, err := hex.DecodeString(strings.TrimSpace(line))
		if err != nil {
			return o, 0, nil, fmt.Errorf("a result: %w", err)
		}
		results = append(results, result)
	}
	return o, call, results, nil
}

// HexLines returns numbers in hex, one a line.
func HexLines(numbers ...[]byte) string {
	var b strings.Builder
	for _, n := range numbers {
		b.WriteString(hex.EncodeToString(n) + "\n")
	}
	return b.String()
}
