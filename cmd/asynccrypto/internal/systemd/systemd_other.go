//go:build !linux

package systemd

// Sockets returns nil: no service manager of this system hands over sockets in systemd's way.
func Sockets() ([]Socket, error) { return nil, nil }

// Reloading says that a reload begins.
func (m *Manager) Reloading() { m.notify("RELOADING=1") }
