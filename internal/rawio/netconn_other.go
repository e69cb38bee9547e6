//go:build !unix

package rawio

import "net"

// NetConn returns c itself: such calls are known on unix only.
func NetConn(c net.Conn) net.Conn { return c }
