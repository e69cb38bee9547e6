package hsmtest

import (
	"net"
	"path/filepath"
)

// Server runs p11-kit server with m, and returns the path of its socket. The server makes a process
// for each connection. These processes have the environment that SoftHSM and the others have set
// when the server starts.
func Server(t T, m *Module) (socket string, d *Daemon) {
	t.Helper()
	p11kit := Program(t, "p11-kit", "p11-kit")
	socket = filepath.Join(socketDir(t), "pkcs11")
	answers := func() bool {
		c, err := net.Dial("unix", socket)
		if err != nil {
			return false
		}
		c.Close()
		return true
	}
	return socket, newDaemon(t, answers, p11kit, "server", "--foreground", "--name", socket, "--provider", m.Path, "pkcs11:")
}
