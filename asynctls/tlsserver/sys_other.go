//go:build !unix

package tlsserver

import "asynccrypto/async"

// There is no reactor on this system, and so no connection.

func unsent(async.FD) int32  { return 0 }
func shutdownWrite(async.FD) {}
