//go:build unix

// Package sockaddr converts the system's socket addresses to those of package net.
package sockaddr

import (
	"net"
	"net/netip"
	"syscall"
)

// Addr returns sa as a *net.TCPAddr or *net.UnixAddr, or nil for an address of another family.
func Addr(sa syscall.Sockaddr) net.Addr {
	if a, ok := sa.(*syscall.SockaddrUnix); ok {
		return &net.UnixAddr{Name: a.Name, Net: "unix"}
	}
	if a := AddrPort(sa); a.IsValid() {
		return net.TCPAddrFromAddrPort(a)
	}
	return nil
}

// AddrPort returns sa's IP address and port, or the zero AddrPort if sa is no IP address.
func AddrPort(sa syscall.Sockaddr) netip.AddrPort {
	switch a := sa.(type) {
	case *syscall.SockaddrInet4:
		return netip.AddrPortFrom(netip.AddrFrom4(a.Addr), uint16(a.Port))
	case *syscall.SockaddrInet6:
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
