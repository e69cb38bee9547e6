//go:build !unix

package main

import (
	"errors"
	"fmt"

	"asynccrypto/async"
	"asynccrypto/engine"
)

// fds is not shown on Windows, where a wait fd is the handle of an event, for
// WaitForMultipleObjects.
func fds(*async.Pool, engine.Signer) ([]*session, error) {
	return nil, fmt.Errorf("wait fds with poll: %w", errors.ErrUnsupported)
}
