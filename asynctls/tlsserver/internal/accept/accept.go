// Package accept takes connections from a listener as fds of their own. A net.Conn's fd belongs
// to the runtime's poller, where each connection would cost memory, and a wake that nobody
// waits for.
package accept

import (
	"net/netip"

	"asynccrypto/async"
)

// Peer is an accepted connection. Its fd is non-blocking, and the caller's to close.
type Peer struct {
	FD     async.FD
	Remote netip.AddrPort // the zero AddrPort for a socket that is not TCP's
}
