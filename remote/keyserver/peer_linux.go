package keyserver

import (
	"net"

	"golang.org/x/sys/unix"
)

const knowsPeers = true

// peerUID returns the effective user of the process that has connected, at that moment
// (SO_PEERCRED, unix(7)).
func peerUID(conn *net.UnixConn) (uid uint32, err error) {
	return control(conn, func(fd int) (uint32, error) {
		cred, err := unix.GetsockoptUcred(fd, unix.SOL_SOCKET, unix.SO_PEERCRED)
		if err != nil {
			return 0, err
		}
		return cred.Uid, nil
	})
}
