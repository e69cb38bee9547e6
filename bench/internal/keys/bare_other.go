//go:build !unix

package keys

import (
	"context"
	"errors"
	"net"

	"asynccrypto/engine"
)

func serveBare(net.Listener, engine.Signer) error { return errors.ErrUnsupported }

func dialBare(string) (func(context.Context, []byte) ([]byte, error), error) {
	return nil, errors.ErrUnsupported
}
