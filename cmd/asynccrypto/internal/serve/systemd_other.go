//go:build !linux

package serve

import "net"

func handedOver() ([]net.Listener, error) { return nil, nil }

func (m *serviceManager) reloading() { m.notify("RELOADING=1") }
