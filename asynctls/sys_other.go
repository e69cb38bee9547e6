//go:build !unix

package asynctls

import (
	"errors"
	"fmt"
	"net"

	"asynccrypto/async"
)

// There is no reactor here to drive sockets; Buffers work.
var errNoSockets = fmt.Errorf("asynctls: sockets on this system: %w", errors.ErrUnsupported)

func readFD(async.FD, []byte) (int, error)  { return 0, errNoSockets }
func writeFD(async.FD, []byte) (int, error) { return 0, errNoSockets }
func closeFD(async.FD) error                { return errNoSockets }
func unblock(async.FD)                      {}
func shutdownWrite(async.FD)                {}
func unsent(async.FD) int32                 { return 0 }
func localAddr(async.FD) net.Addr           { return nil }
func remoteAddr(async.FD) net.Addr          { return nil }

type acceptor struct{}

func newAcceptor(net.Listener) (*acceptor, error) { return nil, errNoSockets }

func (*acceptor) accept(<-chan struct{}) (peer, error) { return peer{}, errNoSockets }

func (*acceptor) close() {}
