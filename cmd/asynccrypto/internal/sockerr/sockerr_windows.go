package sockerr

import "golang.org/x/sys/windows"

const (
	AddressInUse        = windows.WSAEADDRINUSE
	AddressNotAvailable = windows.WSAEADDRNOTAVAIL
	ConnectionRefused   = windows.WSAECONNREFUSED
	TooManyFiles        = windows.WSAEMFILE
)
