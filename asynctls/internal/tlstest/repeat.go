package tlstest

import "os"

// Repeat returns how often a test repeats something: few times by default, and many times in CI.
func Repeat(few, many int) int {
	if os.Getenv("CI") == "true" {
		return many
	}
	return few
}
