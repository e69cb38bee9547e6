package remote

import (
	"context"
	"errors"
	"fmt"

	"asynccrypto/engine"
	"asynccrypto/remote/internal/pool"
	"asynccrypto/remote/internal/transport"
	"asynccrypto/remote/internal/wire"
)

// ErrNoKey is in the error of an operation with a key that no node has, and of [Engine.Signer] for
// a name that no node has, or that the client may not use. It comes with [engine.ErrUnavailable].
var ErrNoKey = errors.New("no such key")

// ErrDenied is in the error of an operation that a node's allow file does not allow.
var ErrDenied = errors.New("the key server does not allow it")

// ErrClientRefused is in [NodeHealth].LastError of a node that does not accept this client's certificate: it
// is not of the node's CA, has expired, or has no name that counts.
var ErrClientRefused = transport.ErrClientRefused

// outcome returns the error of an operation that ended in the pool with err.
func (e *Engine) outcome(err error) error {
	var refused *pool.RefusedError
	var away *pool.UnavailableError
	switch {
	case err == nil || errors.Is(err, context.Canceled):
		return err
	case errors.Is(err, context.DeadlineExceeded):
		return fmt.Errorf("remote: no key server answered in time: %w", err)
	case errors.Is(err, pool.ErrClosed):
		return fmt.Errorf("remote: %w", engine.ErrClosed)
	case errors.As(err, &away):
		return fmt.Errorf("remote: %w: %w", engine.ErrUnavailable, err)
	case errors.As(err, &refused) && refused.Status == wire.NoKey:
		return fmt.Errorf("remote: %w: %w on the key servers that are up", engine.ErrUnavailable, ErrNoKey)
	case errors.As(err, &refused) && refused.Status == wire.Denied:
		return fmt.Errorf("remote: %w: %w", ErrDenied, err)
	}
	return fmt.Errorf("remote: %w", err)
}

var errInside = errors.New("remote: an operation of the engine's own cannot use its keys; run it on another engine")
