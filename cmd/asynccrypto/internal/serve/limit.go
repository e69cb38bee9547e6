package serve

import (
	"net"
	"sync"
)

// limited is a listener whose connections, with those of the other listeners, are at most as many
// as there are places. A connection that finds no place waits, and those after it stay in the
// system's queue.
type limited struct {
	net.Listener
	places chan struct{} // holds one for each connection
	close  sync.Once
	closed chan struct{}
}

func (l *limited) Accept() (net.Conn, error) {
	// The place comes after the connection, or a listener that gets none would keep one.
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	select {
	case l.places <- struct{}{}:
		return &placed{Conn: c, l: l}, nil
	case <-l.closed:
		c.Close()
		return nil, net.ErrClosed
	}
}

func (l *limited) Close() error {
	l.close.Do(func() { close(l.closed) })
	return l.Listener.Close()
}

// placed is a connection that has a place.
type placed struct {
	net.Conn
	l     *limited
	leave sync.Once
}

func (c *placed) Close() error {
	err := c.Conn.Close()
	c.leave.Do(func() { <-c.l.places })
	return err
}
