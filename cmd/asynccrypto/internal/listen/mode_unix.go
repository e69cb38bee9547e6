//go:build unix && !linux

package listen

import (
	"io/fs"
	"net"
	"os"
	"syscall"
)

// restricted returns how to listen so that the file of a Unix socket never has more permissions than
// mode. The umask sees to that. It is the process's: files that other goroutines create meanwhile
// get fewer permissions, too. Call done when the socket is bound.
func restricted(mode fs.FileMode) (c net.ListenConfig, done func()) {
	if mode == 0 {
		return c, func() {}
	}
	old := syscall.Umask(int(^mode.Perm() & fs.ModePerm))
	return c, func() { syscall.Umask(old) }
}

var chmod = os.Chmod
