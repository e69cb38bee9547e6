//go:build !linux

// Epoll is a TLS server on an event loop of one's own. It runs on Linux only.
package main

import (
	"fmt"
	"os"
)

func main() {
	fmt.Fprintln(os.Stderr, "epoll: this example is for Linux; examples/gnet runs on this system too")
	os.Exit(1)
}
