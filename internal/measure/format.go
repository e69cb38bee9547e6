package measure

import (
	"fmt"
	"strconv"
	"time"
)

// Count returns a number with its noun, in the plural unless the number is 1.
func Count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return Number(float64(n)) + " " + noun + "s"
}

// Number formats f with three significant digits, more where it is 1,000 or greater, and with
// commas. The third digit is noise on most machines. A whole number has no decimal point.
func Number(f float64) string {
	if f < 100 {
		return strconv.FormatFloat(f, 'f', decimals(f), 64)
	}
	s := strconv.FormatFloat(f, 'f', 0, 64)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// decimals returns how many digits after the point make three significant ones; none for a whole
// number.
func decimals(f float64) int {
	switch {
	case f == float64(int(f)), f >= 99.95:
		return 0
	case f >= 9.995:
		return 1
	}
	return 2
}

// Duration formats d with three significant digits, in ns, us, ms or s.
func Duration(d time.Duration) string {
	f, unit := inUnit(d)
	digits := 0
	if unit != "ns" {
		switch {
		case f < 9.995:
			digits = 2
		case f < 99.95:
			digits = 1
		}
	}
	return fmt.Sprintf("%.*f %s", digits, f, unit)
}

// WholeDuration formats d without a decimal point, for the powers of ten on an axis.
func WholeDuration(d time.Duration) string {
	f, unit := inUnit(d)
	return fmt.Sprintf("%.0f %s", f, unit)
}

func inUnit(d time.Duration) (f float64, unit string) {
	f, unit = float64(d), "ns"
	for _, next := range []string{"us", "ms", "s"} {
		if f < 999.5 {
			break
		}
		f, unit = f/1000, next
	}
	return f, unit
}
