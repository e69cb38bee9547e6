package serve

import (
	"errors"
	"fmt"
	"net"
	"os"
	"strings"

	"asynccrypto/cmd/asynccrypto/internal/cli"
	"asynccrypto/cmd/asynccrypto/internal/sockerr"
	"asynccrypto/internal/measure"
)

// listen listens on a TCP address that an option gives. The error names the option and ends in a
// hint.
func listen(option, addr string) (net.Listener, error) {
	ln, err := net.Listen("tcp", addr)
	if err != nil {
		return nil, listenError(option, addr, err)
	}
	return ln, nil
}

// listenError returns the error of an address that an option gives.
func listenError(option, addr string, err error) error {
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
	return fmt.Errorf("-%s %s: %w%s", option, addr, err, hint)
}

// listenAll returns the sockets that a service manager has handed over, or else one at -addr.
func listenAll(o *options) ([]net.Listener, error) {
	handed, err := handedOver()
	switch {
	case err != nil:
		return nil, err
	case handed != nil && o.addrGiven:
		for _, ln := range handed {
			ln.Close()
		}
		return nil, cli.Usagef("-addr %s: the service manager has handed over %s (LISTEN_FDS); leave -addr out", o.addr,
			measure.Count(len(handed), "socket"))
	case handed != nil:
		return handed, nil
	}
	var ln net.Listener
	if path, ok := strings.CutPrefix(o.addr, "unix:"); ok {
		ln, err = listenUnix(path)
	} else {
		ln, err = listen("addr", o.addr)
	}
	return []net.Listener{ln}, err
}

// listenUnix listens on a unix socket. A socket that a server which has not ended in order has left
// behind is removed first.
func listenUnix(path string) (net.Listener, error) {
	ln, err := net.Listen("unix", path)
	if errors.Is(err, sockerr.AddressInUse) {
		c, dialErr := net.Dial("unix", path)
		switch info, statErr := os.Lstat(path); {
		case dialErr == nil:
			c.Close()
		case errors.Is(dialErr, sockerr.ConnectionRefused) && statErr == nil && info.Mode()&os.ModeSocket != 0:
			os.Remove(path)
			ln, err = net.Listen("unix", path)
		}
	}
	if err != nil {
		return nil, listenError("addr", "unix:"+path, err)
	}
	return ln, nil
}

// describeAddress names an address, and a URL that works on this machine if there is one.
func describeAddress(addr net.Addr) string {
	a, ok := addr.(*net.TCPAddr)
	if !ok {
		return addr.Network() + ":" + addr.String()
	}
	host := "localhost"
	if !a.IP.IsUnspecified() && !a.IP.IsLoopback() {
		host = a.IP.String()
	}
	return fmt.Sprintf("%s (https://%s/)", a, net.JoinHostPort(host, fmt.Sprint(a.Port)))
}
