//go:build !linux

// Package nice lowers the priority of a thread.
package nice

import (
	"fmt"
	"runtime"
)

// Add returns an error: threads have no priority of their own here.
func Add(n int) error {
	return fmt.Errorf("nice %d: threads have no priority of their own on %s; leave it 0", n, runtime.GOOS)
}

// Yield does nothing.
func Yield() {}
