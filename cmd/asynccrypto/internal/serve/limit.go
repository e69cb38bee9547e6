package serve

import (
	"net"
	"sync"
)

// limited is a listener with at most a number of connections at a time. Accept waits for a place
// first, so further connections stay in the system's queue.
type limited struct {
	net.Listener
	places chan struct{} // holds one for each connection
	close  sync.Once
	closed chan struct{}
}

func (l *limited) Accept() (net.Conn, error) {
	select {
	case l.places <- struct{}{}:
	case <-l.closed:
		return nil, net.ErrClosed
	}
	c, err := l.Listener.Accept()
	if err != nil {
		<-l.places
		return nil, err
	}
	return &placed{Conn: c, l: l}, nil
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
