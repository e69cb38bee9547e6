package tlsserver

import (
	"golang.org/x/sys/unix"

	"asynccrypto/async"
)

// unsent returns the number of bytes that the system holds and the peer has not acknowledged.
func unsent(fd async.FD) int32 {
	n, err := unix.IoctlGetInt(int(fd), unix.SIOCOUTQ)
	if err != nil {
		return 0
	}
	return int32(n)
}

// shutdownWrite tells the peer that nothing more will be sent.
func shutdownWrite(fd async.FD) { unix.Shutdown(int(fd), unix.SHUT_WR) }
