// Package clock reads a monotonic clock that is fine enough to time what takes microseconds.
// The clock of package time is not on Windows, where it moves on by half a millisecond at best.
package clock
