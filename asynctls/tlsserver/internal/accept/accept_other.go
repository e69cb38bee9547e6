//go:build !unix

package accept

import (
	"errors"
	"fmt"
	"net"
)

// Listener cannot be made on this system, which has no reactor either.
type Listener struct{}

// New returns an error that wraps [errors.ErrUnsupported].
func New(net.Listener) (*Listener, error) {
	return nil, fmt.Errorf("tlsserver: no event loop on this system: %w", errors.ErrUnsupported)
}

// Accept is never called, since New returns no Listener.
func (*Listener) Accept(<-chan struct{}) (Peer, error) { return Peer{}, net.ErrClosed }

// Close does nothing.
func (*Listener) Close() {}
