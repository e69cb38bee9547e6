package serve

import (
	"fmt"
	"net"
	"strings"

	"asynccrypto/cmd/asynccrypto/internal/cli"
	"asynccrypto/cmd/asynccrypto/internal/listen"
	"asynccrypto/cmd/asynccrypto/internal/systemd"
	"asynccrypto/internal/measure"
)

// listenAll returns the sockets that a service manager has handed over, or else one at -addr.
func listenAll(o *options) ([]net.Listener, error) {
	handed, err := systemd.Sockets()
	switch {
	case err != nil:
		return nil, err
	case handed != nil && o.addrGiven:
		systemd.Close(handed)
		return nil, cli.Usagef("-addr %s: the service manager has handed over %s (LISTEN_FDS); leave -addr out", o.addr,
			measure.Count(len(handed), "socket"))
	case handed != nil:
		var all []net.Listener
		for _, s := range handed {
			all = append(all, s.Listener)
		}
		return all, nil
	}
	var ln net.Listener
	if path, ok := strings.CutPrefix(o.addr, "unix:"); ok {
		ln, err = listen.Unix("addr", o.addr, path, 0)
	} else {
		ln, err = listen.TCP("addr", o.addr)
	}
	return []net.Listener{ln}, err
}

// describeAddress names an address, and a URL that works on this machine if there is one.
func describeAddress(addr net.Addr) string {
	a, ok := addr.(*net.TCPAddr)
	if !ok {
		return addr.Network() + ":" + addr.String()
	}
	host := "localhost"
	if !a.IP.IsUnspecified() && !a.IP.IsLoopback() {
		host = a.IP.String()
	}
	return fmt.Sprintf("%s (https://%s/)", a, net.JoinHostPort(host, fmt.Sprint(a.Port)))
}
