//go:build unix

package rawio

import (
	"io"
	"net"
	"os"
	"syscall"
)

// NetConn returns c with a Read and a Write of this package, and with everything else as it is. If
// c has no fd, such as one end of [net.Pipe], NetConn returns c itself.
func NetConn(c net.Conn) net.Conn {
	f, ok := c.(syscall.Conn)
	if !ok {
		return c
	}
	raw, err := f.SyscallConn()
	if err != nil { // c is closed: its own methods say so
		return c
	}
	return &netConn{Conn: c, raw: raw}
}

type netConn struct {
	net.Conn
	raw syscall.RawConn
}

// SyscallConn implements [syscall.Conn].
func (c *netConn) SyscallConn() (syscall.RawConn, error) { return c.raw, nil }

// Read implements [net.Conn].
func (c *netConn) Read(p []byte) (int, error) {
	n, ended, err := read(c.raw, p)
	switch {
	case ended != nil: // is an OpError already
		return 0, ended
	case err != nil:
		return 0, c.failed("read", err)
	case n == 0 && len(p) > 0:
		return 0, io.EOF
	}
	return n, nil
}

// Write implements [net.Conn].
func (c *netConn) Write(p []byte) (int, error) {
	n, ended, err := write(c.raw, p)
	switch {
	case ended != nil:
		return n, ended
	case err != nil:
		return n, c.failed("write", err)
	}
	return n, nil
}

func (c *netConn) failed(call string, err error) error {
	return &net.OpError{
		Op:     call,
		Net:    c.LocalAddr().Network(),
		Source: c.LocalAddr(),
		Addr:   c.RemoteAddr(),
		Err:    os.NewSyscallError(call, err),
	}
}
