// Package systemd talks to a service manager: it takes the sockets that systemd hands over, and tells
// it the state of the service.
package systemd

import (
	"net"
	"os"

	"asynccrypto/cmd/asynccrypto/internal/eventlog"
)

// Socket is a listening socket that the service manager has opened.
type Socket struct {
	net.Listener
	Name string // FileDescriptorName of the socket's unit; perhaps empty
}

// Close closes all of the sockets.
func Close(sockets []Socket) {
	for _, s := range sockets {
		s.Close()
	}
}

// Manager is told of the server's state, as sd_notify(3) describes, if it asked for that.
type Manager struct{ Log *eventlog.Log }

// Ready says that the server serves, or that a reload is over.
func (m *Manager) Ready() { m.notify("READY=1") }

// Stopping says that the server ends.
func (m *Manager) Stopping() { m.notify("STOPPING=1") }

// notify sends lines of the form NAME=VALUE. Being unable to is no reason to stop.
func (m *Manager) notify(state string) {
	path := os.Getenv("NOTIFY_SOCKET")
	if path == "" {
		return
	}
	c, err := net.Dial("unixgram", path)
	if err == nil {
		_, err = c.Write([]byte(state))
		c.Close()
	}
	if err != nil {
		m.Log.Printf("warning: the service manager can't be told (NOTIFY_SOCKET): %v", err)
	}
}
