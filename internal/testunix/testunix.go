// Package testunix makes Unix sockets for tests.
package testunix

import (
	"errors"
	"net"
	"runtime"
	"syscall"
	"testing"
)

// noSuchFamily is WSAEAFNOSUPPORT, the answer of a Windows that has no Unix sockets. Wine is such a one.
const noSuchFamily = syscall.Errno(10047)

// Listen listens on a Unix socket. The test is skipped on a system that has none.
func Listen(t testing.TB, path string) net.Listener {
	t.Helper()
	l, err := net.Listen("unix", path)
	if runtime.GOOS == "windows" && errors.Is(err, noSuchFamily) {
		t.Skip("this system has no Unix sockets")
	}
	if err != nil {
		t.Fatal(err)
	}
	return l
}
