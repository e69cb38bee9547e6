//go:build unix && !linux

package tlsserver

import (
	"golang.org/x/sys/unix"

	"asynccrypto/async"
)

// unsent returns 0, because the number is not known on this system. Nothing waits for it then.
func unsent(async.FD) int32 { return 0 }

// shutdownWrite tells the peer that nothing more will be sent.
func shutdownWrite(fd async.FD) { unix.Shutdown(int(fd), unix.SHUT_WR) }
