//go:build !linux && !windows

package gid

// Thread returns the number of the calling goroutine's thread, or 0 on systems where this package
// cannot tell threads apart. The goroutine must be locked to its thread for the number to mean
// anything afterwards.
func Thread() int { return 0 }
