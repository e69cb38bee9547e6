//go:build !unix

package serve

import (
	"crypto/tls"
	"runtime"

	"asynccrypto/cmd/asynccrypto/internal/cli"
	"asynccrypto/cmd/asynccrypto/internal/eventlog"
)

func newProxy(*options, *tls.Config, *eventlog.Log) (service, error) {
	return nil, cli.Usagef("-proxy needs an event loop for sockets, which this package does not have on %s; -root works", runtime.GOOS)
}
