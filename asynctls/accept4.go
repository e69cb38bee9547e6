//go:build linux || freebsd || dragonfly

package asynctls

import "golang.org/x/sys/unix"

func accept(ln int) (int, unix.Sockaddr, error) {
	return unix.Accept4(ln, unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC)
}
