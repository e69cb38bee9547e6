package tlsserver

import "asynccrypto/internal/list"

// connSet is the connections of one loop.
type connSet struct {
	list         list.List[*Conn]
	shuttingDown bool
	idle         chan struct{} // closed when shuttingDown and no connection is left
}

func newConnSet() connSet { return connSet{idle: make(chan struct{})} }

func (s *connSet) add(c *Conn) { s.list.PushBack(&c.node) }

func (s *connSet) remove(c *Conn) { s.list.Remove(&c.node) }

// checkIdle closes idle if it is time to.
func (s *connSet) checkIdle() {
	if !s.shuttingDown || s.list.Len() > 0 {
		return
	}
	select {
	case <-s.idle:
	default:
		close(s.idle)
	}
}
