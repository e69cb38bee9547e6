package main

import (
	"fmt"
	"strconv"
	"time"
)

// count returns a number with its noun, in the plural unless it is 1.
func count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return thousands(float64(n)) + " " + noun + "s"
}

// thousands formats a number with three significant digits or none after the point, and commas.
func thousands(f float64) string {
	if f < 100 {
		return strconv.FormatFloat(f, 'f', decimals(f), 64)
	}
	s := strconv.FormatFloat(f, 'f', 0, 64)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// decimals returns how many digits after the point make three significant ones; none for a whole number.
func decimals(f float64) int {
	switch {
	case f == float64(int(f)), f >= 100:
		return 0
	case f >= 10:
		return 1
	}
	return 2
}

// shortDuration formats d with three significant digits.
func shortDuration(d time.Duration) string {
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

// wholeDuration formats d without a point, for the powers of ten on an axis.
func wholeDuration(d time.Duration) string {
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
