package tlsserver

import (
	"cmp"
	"context"
	"fmt"
	"sync/atomic"

	"asynccrypto/async"
	"asynccrypto/asynctls"
	"asynccrypto/asynctls/tlsserver/internal/accept"
	"asynccrypto/internal/gid"
	"asynccrypto/reactor"
)

// loop is one of a Server's event loops.
type loop struct {
	server    *Server
	goroutine atomic.Uintptr // that of run, by gid.Get
	reactor   *reactor.Loop
	options   *asynctls.Options // of the loop's connections, with the loop's own pool
	highWater int
	buf       []byte // holds a connection's input while Handler.Data has it
	conns     connSet
	ended     chan struct{} // closed when run has returned
}

func newLoop(s *Server) (*loop, error) {
	r, err := reactor.New(reactor.Options{LowBudget: s.HandshakeSteps})
	if err != nil {
		return nil, fmt.Errorf("tlsserver: %w", err)
	}
	pool, err := async.NewPool(cmp.Or(s.MaxHandshakes, 1000), 0)
	if err != nil {
		r.Close()
		return nil, fmt.Errorf("tlsserver: %w", err)
	}
	l := &loop{
		server:    s,
		reactor:   r,
		highWater: defaultHighWater,
		buf:       make([]byte, maxPlaintext),
		conns:     newConnSet(),
		ended:     make(chan struct{}),
	}
	if s.HighWater > 0 {
		l.highWater = s.HighWater
	}
	l.options = &asynctls.Options{
		Pool:             pool,
		HandshakeTimeout: -1, // the connection has its own deadlines, by the loop's clock
		HighWater:        l.highWater,
		Context:          s.Context,
	}
	return l, nil
}

// close frees the resources of a loop that does not run.
func (l *loop) close() {
	l.reactor.Close()
	l.options.Pool.Close()
}

// run is the loop's goroutine.
func (l *loop) run() {
	l.goroutine.Store(gid.Get())
	returned := false
	defer func() {
		if !returned { // a Handler has exited the goroutine: another one goes on
			go l.run()
			return
		}
		l.close()
		close(l.ended)
	}()
	l.reactor.Run(context.Background())
	l.reactor.Close()
	l.abort() // finds connections only if the loop has failed
	returned = true
}

// add takes a new connection.
func (l *loop) add(p accept.Peer) {
	c := newConn(l, p.FD, p.Remote)
	l.conns.add(c)
	c.guard(func() {
		var err error
		if c.registration, err = l.reactor.Socket(p.FD, c.handleEvents); err == nil && l.conns.shuttingDown {
			err = ErrClosed
		}
		if err != nil {
			c.end(err)
			return
		}
		if from := l.server.ProxyProtocolFrom; from != nil {
			c.awaitsHeader = from(p.Remote)
		}
		c.setTimer()
	})
}

// shutdown begins to shut down all connections.
func (l *loop) shutdown() {
	if l.conns.shuttingDown {
		return
	}
	l.conns.shuttingDown = true
	for n := l.conns.list.Front(); n != nil; n = n.Next() {
		l.reactor.Post(n.Value.shutdown) // later, because a Handler may end other connections
	}
	l.conns.checkIdle()
}

// abort ends all connections. If a Handler's Closed exits the goroutine, abort goes on in the
// loop's next turn.
func (l *loop) abort() {
	defer func() {
		if l.conns.list.Len() > 0 {
			l.reactor.Post(l.abort)
		}
	}()
	l.conns.shuttingDown = true
	for l.conns.list.Len() > 0 {
		l.conns.list.Front().Value.end(ErrClosed)
	}
	l.conns.checkIdle()
}
