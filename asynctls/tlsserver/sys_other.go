//go:build !unix

package tlsserver

import "asynccrypto/async"

// There is no reactor on this system, and so no connection.

func unsent(async.FD) int32      { return 0 }
func shutdownWrite(async.FD)     {}
func socketError(async.FD) error { return nil }

func peek(async.FD, []byte) (int, error) { return 0, nil }
func wouldBlock(error) bool              { return false }
