package asynctls

import (
	"golang.org/x/sys/unix"

	"asynccrypto/async"
)

// unsent is how many bytes the system has that the peer has not acknowledged.
func unsent(fd async.FD) int32 {
	n, err := unix.IoctlGetInt(int(fd), unix.SIOCOUTQ)
	if err != nil {
		return 0
	}
	return int32(n)
}
