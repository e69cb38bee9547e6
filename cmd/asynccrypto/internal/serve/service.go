package serve

import (
	"context"
	"errors"
	"net"

	"asynccrypto/asynctls/tlsserver"
)

// service stands behind the TLS: HTTP, or a proxy to another server.
type service interface {
	// describe returns the line of the log that describes the service.
	describe() string
	// background does what is to be done beside serving, until ctx is done.
	background(ctx context.Context)
	// serve accepts connections until shutdown is called, and then returns nil.
	serve(net.Listener) error
	// shutdown stops accepting, and returns when the last connection has ended by itself. If ctx
	// is done first, it closes the rest, and the error wraps errNotDrained.
	shutdown(ctx context.Context) error
	// connections returns how many are open.
	connections() int
	// Stats is for package metrics.
	Stats() tlsserver.Stats
}

// errNotDrained is a service's error when -grace ran out.
var errNotDrained = errors.New("had not ended")
