//go:build !unix

package main

import (
	"crypto/tls"
	"runtime"
)

func newProxyService(*serveOptions, *tls.Config, *serveLog) (service, error) {
	return nil, usagef("-proxy is for systems with an event loop for sockets, which there is none of here on %s; -root works", runtime.GOOS)
}
