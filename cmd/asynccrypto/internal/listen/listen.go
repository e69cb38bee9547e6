// Package listen opens the sockets on which the servers listen. Its errors name the option, and end in
// a hint.
package listen

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"

	"asynccrypto/cmd/asynccrypto/internal/cli"
	"asynccrypto/cmd/asynccrypto/internal/sockerr"
)

// maxPath is the longest path of a Unix socket that each system takes.
const maxPath = 100

// CheckTCP returns a usage error if the value of an option is not an address for [TCP].
func CheckTCP(option, addr string) error {
	_, port, err := net.SplitHostPort(addr)
	if err != nil {
		return cli.Usagef("-%s %q: not HOST:PORT, nor :PORT", option, addr)
	}
	if _, err := net.LookupPort("tcp", port); err != nil {
		return cli.Usagef("-%s %q: no such port as %q", option, addr, port)
	}
	return nil
}

// TCP listens on a TCP address that an option gives.
func TCP(option, addr string) (net.Listener, error) {
	ln, err := net.Listen("tcp", addr)
	if err != nil {
		hint := ""
		switch {
		case errors.Is(err, sockerr.AddressInUse):
			hint = "; another program listens there: stop it, or give another address (port 0 is any free port)"
		case errors.Is(err, os.ErrPermission):
			hint = "; ports below 1024 may need root: give another, such as :8443"
		case errors.Is(err, sockerr.AddressNotAvailable):
			hint = "; this machine does not have that address"
		}
		return nil, failed(option, addr, err, hint)
	}
	return ln, nil
}

// PathFits reports whether path can be that of a Unix socket.
func PathFits(path string) bool { return path != "" && len(path) <= maxPath }

// Unix listens on a Unix socket that an option gives as value. A socket that a server which has not
// ended in order has left behind is removed first. A socket at which a server listens is an error.
//
// The permissions of the socket are mode, and at no moment more than that; if mode is 0, the umask
// decides. Systems without such permissions ignore it.
func Unix(option, value, path string, mode fs.FileMode) (net.Listener, error) {
	ln, err := listenUnix(path, mode)
	if errors.Is(err, sockerr.AddressInUse) && leftBehind(path) {
		if err = os.Remove(path); err == nil {
			ln, err = listenUnix(path, mode)
		}
	}
	if err != nil {
		hint := ""
		switch {
		case errors.Is(err, sockerr.AddressInUse):
			hint = "; another program listens there, or it is no socket: stop that, or give another path"
		case errors.Is(err, os.ErrPermission):
			hint = "; this user may not make a socket in that directory"
		}
		return nil, failed(option, value, err, hint)
	}
	return ln, nil
}

// leftBehind reports whether path is a socket at which nobody listens.
func leftBehind(path string) bool {
	c, err := net.Dial("unix", path)
	if err == nil {
		c.Close()
		return false
	}
	info, statErr := os.Lstat(path)
	return errors.Is(err, sockerr.ConnectionRefused) && statErr == nil && info.Mode()&os.ModeSocket != 0
}

func listenUnix(path string, mode fs.FileMode) (net.Listener, error) {
	config, done := restricted(mode)
	defer done()
	ln, err := config.Listen(context.Background(), "unix", path)
	if err != nil || mode == 0 {
		return ln, err
	}
	// The umask may have taken bits away.
	if err := chmod(path, mode); err != nil {
		ln.Close()
		return nil, err
	}
	return ln, nil
}

// failed returns the error of an address that an option gives.
func failed(option, addr string, err error, hint string) error {
	if op, ok := errors.AsType[*net.OpError](err); ok {
		err = op.Err
	}
	if sys, ok := errors.AsType[*os.SyscallError](err); ok {
		err = sys.Err
	}
	return fmt.Errorf("-%s %s: %w%s", option, addr, cli.Cause(err), hint)
}
