//go:build !windows

package clock

import "time"

var epoch = time.Now()

// Now returns the time since some moment before the program's first call. Only the difference
// between two calls means anything.
func Now() time.Duration { return time.Since(epoch) }
