//go:build linux || freebsd || dragonfly

package accept

import "golang.org/x/sys/unix"

func acceptFD(ln int) (int, unix.Sockaddr, error) {
	return unix.Accept4(ln, unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC)
}
