package serve

import (
	"net"
	"os"

	"asynccrypto/cmd/asynccrypto/internal/serve/eventlog"
)

// serviceManager is told of the server's state, as sd_notify(3) describes, if it asked for that.
type serviceManager struct{ log *eventlog.Log }

// notify sends lines of the form NAME=VALUE. Being unable to is no reason to stop.
func (m *serviceManager) notify(state string) {
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
		m.log.Printf("warning: the service manager can't be told (NOTIFY_SOCKET): %v", err)
	}
}
