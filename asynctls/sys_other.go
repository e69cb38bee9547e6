//go:build !unix

package asynctls

import (
	"errors"
	"fmt"
	"net"

	"asynccrypto/async"
)

// A Socket works on unix systems only; Buffers work everywhere.
var errNoSockets = fmt.Errorf("asynctls: no Socket on this system, use Buffers: %w", errors.ErrUnsupported)

func readFD(async.FD, []byte) (int, error)  { return 0, errNoSockets }
func writeFD(async.FD, []byte) (int, error) { return 0, errNoSockets }
func closeFD(async.FD) error                { return errNoSockets }
func unblock(async.FD)                      {}
func localAddr(async.FD) net.Addr           { return nil }
func remoteAddr(async.FD) net.Addr          { return nil }
