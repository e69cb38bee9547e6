//go:build unix && (!linux || race)

package rawio

import "golang.org/x/sys/unix"

// The functions of package unix tell the race detector which calls happen before which.

// Read reads from a non-blocking fd.
func Read(fd int, p []byte) (int, error) { return unix.Read(fd, p) }

// Write writes to a non-blocking fd.
func Write(fd int, p []byte) (int, error) { return unix.Write(fd, p) }
