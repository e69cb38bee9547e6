package serve

import (
	"errors"
	"fmt"
	"net"
	"os"

	"asynccrypto/cmd/asynccrypto/internal/sockerr"
)

// listen listens on a TCP address that an option gives. The error names the option and ends in a
// hint.
func listen(option, addr string) (net.Listener, error) {
	ln, err := net.Listen("tcp", addr)
	if err == nil {
		return ln, nil
	}
	hint := ""
	switch {
	case errors.Is(err, sockerr.AddressInUse):
		hint = "; another program listens there: stop it, or give another address (port 0 is any free port)"
	case errors.Is(err, os.ErrPermission):
		hint = "; ports below 1024 may need root: give another, such as :8443"
	case errors.Is(err, sockerr.AddressNotAvailable):
		hint = "; this machine does not have that address"
	}
	if op, ok := errors.AsType[*net.OpError](err); ok {
		err = op.Err
	}
	if sys, ok := errors.AsType[*os.SyscallError](err); ok {
		err = sys.Err
	}
	return nil, fmt.Errorf("-%s %s: %w%s", option, addr, err, hint)
}

// browserAddress is addr as a URL that works on this machine.
func browserAddress(addr net.Addr) string {
	a, ok := addr.(*net.TCPAddr)
	if !ok {
		return addr.String()
	}
	host := "localhost"
	if !a.IP.IsUnspecified() && !a.IP.IsLoopback() {
		host = a.IP.String()
	}
	return "https://" + net.JoinHostPort(host, fmt.Sprint(a.Port)) + "/"
}
