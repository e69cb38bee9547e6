//go:build !windows

package sockerr

import "syscall"

const (
	AddressInUse        = syscall.EADDRINUSE
	AddressNotAvailable = syscall.EADDRNOTAVAIL
	ConnectionRefused   = syscall.ECONNREFUSED
	TooManyFiles        = syscall.EMFILE
)
