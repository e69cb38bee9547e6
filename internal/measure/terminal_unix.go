//go:build unix

package measure

import "golang.org/x/sys/unix"

// isTerminal reports whether the descriptor is a terminal: nothing else has a window size to ask
// for.
func isTerminal(fd uintptr) bool {
	_, err := unix.IoctlGetWinsize(int(fd), unix.TIOCGWINSZ)
	return err == nil
}
