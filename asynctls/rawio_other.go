//go:build unix && (!linux || race)

package asynctls

import "golang.org/x/sys/unix"

// The functions of package unix tell the race detector which calls happen before which.

func readNow(fd int, p []byte) (int, error)  { return unix.Read(fd, p) }
func writeNow(fd int, p []byte) (int, error) { return unix.Write(fd, p) }
