//go:build darwin || freebsd

package keyserver

import (
	"net"

	"golang.org/x/sys/unix"
)

const knowsPeers = true

// peerUID returns the effective user of the process that has connected, at that moment
// (LOCAL_PEERCRED, unix(4)).
func peerUID(conn *net.UnixConn) (uint32, error) {
	return control(conn, func(fd int) (uint32, error) {
		cred, err := unix.GetsockoptXucred(fd, unix.SOL_LOCAL, unix.LOCAL_PEERCRED)
		if err != nil {
			return 0, err
		}
		return cred.Uid, nil
	})
}
