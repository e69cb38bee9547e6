//go:build linux || darwin || freebsd

package keyserver

import (
	"net"
	"os"
)

// control calls get with the descriptor of conn.
func control(conn *net.UnixConn, get func(fd int) (uint32, error)) (uid uint32, err error) {
	raw, err := conn.SyscallConn()
	if err != nil {
		return 0, err
	}
	var got error
	if err := raw.Control(func(fd uintptr) { uid, got = get(int(fd)) }); err != nil {
		return 0, err
	}
	return uid, os.NewSyscallError("getsockopt", got)
}
