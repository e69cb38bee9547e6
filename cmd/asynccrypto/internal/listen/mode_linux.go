package listen

import (
	"io/fs"
	"net"
	"os"
	"syscall"
)

// restricted returns how to listen so that the file of a Unix socket never has more permissions than
// mode. On Linux bind(2) gives the file those of the socket itself, without the bits of the umask.
// Call done when the socket is bound.
func restricted(mode fs.FileMode) (c net.ListenConfig, done func()) {
	if mode != 0 {
		c.Control = func(_, _ string, conn syscall.RawConn) (err error) {
			if e := conn.Control(func(fd uintptr) { err = syscall.Fchmod(int(fd), uint32(mode.Perm())) }); e != nil {
				return e
			}
			return os.NewSyscallError("fchmod", err)
		}
	}
	return c, func() {}
}

var chmod = os.Chmod
