//go:build unix

package asynctls

import (
	"io"
	"net"
	"net/netip"
	"os"

	"golang.org/x/sys/unix"

	"asynccrypto/async"
)

// readFD reads what is there, for a Transport.
func readFD(fd async.FD, p []byte) (int, error) {
	for {
		n, err := readNow(int(fd), p)
		switch {
		case err == unix.EINTR:
		case err == unix.EAGAIN:
			return 0, ErrWouldBlock
		case err != nil:
			return 0, os.NewSyscallError("read", err)
		case n == 0:
			return 0, io.EOF
		default:
			return n, nil
		}
	}
}

// writeFD writes what the system takes, perhaps nothing.
func writeFD(fd async.FD, p []byte) (int, error) {
	for {
		n, err := writeNow(int(fd), p)
		switch {
		case err == unix.EINTR:
		case err == unix.EAGAIN:
			return 0, nil
		case err != nil:
			return 0, os.NewSyscallError("write", err)
		default:
			return n, nil
		}
	}
}

func closeFD(fd async.FD) error { return os.NewSyscallError("close", unix.Close(int(fd))) }

// unblock makes fd non-blocking: os.File's Fd, where many come from, makes them blocking, and readNow and writeNow would
// hold up more than their goroutine. If it fails so will reading and writing.
func unblock(fd async.FD) { unix.SetNonblock(int(fd), true) }

// shutdownWrite says that nothing more will be sent.
func shutdownWrite(fd async.FD) { unix.Shutdown(int(fd), unix.SHUT_WR) }

func localAddr(fd async.FD) net.Addr {
	sa, _ := unix.Getsockname(int(fd))
	return addrOf(sa)
}

func remoteAddr(fd async.FD) net.Addr {
	sa, _ := unix.Getpeername(int(fd))
	return addrOf(sa)
}

func addrOf(sa unix.Sockaddr) net.Addr {
	if a, ok := sa.(*unix.SockaddrUnix); ok {
		return &net.UnixAddr{Name: a.Name, Net: "unix"}
	}
	if a := addrPort(sa); a.IsValid() {
		return net.TCPAddrFromAddrPort(a)
	}
	return nil
}

// addrPort is the zero AddrPort for what is not of TCP.
func addrPort(sa unix.Sockaddr) netip.AddrPort {
	switch a := sa.(type) {
	case *unix.SockaddrInet4:
		return netip.AddrPortFrom(netip.AddrFrom4(a.Addr), uint16(a.Port))
	case *unix.SockaddrInet6:
		ip := netip.AddrFrom16(a.Addr).Unmap()
		if a.ZoneId != 0 {
			if i, err := net.InterfaceByIndex(int(a.ZoneId)); err == nil {
				ip = ip.WithZone(i.Name)
			}
		}
		return netip.AddrPortFrom(ip, uint16(a.Port))
	}
	return netip.AddrPort{}
}
