//go:build linux || freebsd || dragonfly

package accept

import "syscall"

// acceptFD uses package syscall, because unix.Accept4 asks each socket for its protocol, to tell
// the addresses of L2TP from those of IP. That is a system call for each connection.
func acceptFD(ln int) (int, syscall.Sockaddr, error) {
	return syscall.Accept4(ln, syscall.SOCK_NONBLOCK|syscall.SOCK_CLOEXEC)
}
