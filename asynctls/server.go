package asynctls

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"asynccrypto/async"
	"asynccrypto/internal/gid"
	"asynccrypto/reactor"
)

// ErrServerClosed is Serve's error after Shutdown or Close.
var ErrServerClosed = errors.New("asynctls: server closed")

// Server serves TLS connections on event loops. In each turn of a loop open connections come before handshakes, so that a
// storm of these never starves those. An idle connection costs a tls.Conn and some hundred bytes; one that has not sent
// anything yet, the hundred bytes. Set the fields, then call Serve; don't change them afterwards.
type Server struct {
	// TLS is the configuration, best one that Config has prepared. It is required.
	TLS *tls.Config
	// Handler is what connections do. It is required.
	Handler Handler
	// Loops is how many event loops there are, each with a goroutine: 0 means GOMAXPROCS.
	Loops int
	// MaxHandshakes bounds the handshakes under way on each loop, each a job of some 20 KB: 0 means 1,000. The next ones
	// wait in line, with what they have sent left in their sockets.
	MaxHandshakes int
	// MaxPending bounds the connections whose handshake is not done, whether begun or not: 0 means 20,000. The next one of
	// each listener waits, and the others in its own queue.
	MaxPending int
	// HandshakeSteps is how many steps of handshakes a loop takes in a turn, between two looks at the open connections: 0
	// means 1.
	HandshakeSteps int
	// HandshakeTimeout, IdleTimeout, HighWater and Context are as in Options.
	HandshakeTimeout time.Duration
	IdleTimeout      time.Duration
	HighWater        int
	Context          context.Context
	// Failed, if not nil, is called when a handshake fails, or is not done in time, once for each that does; not when
	// Shutdown or Close ends it. It is called on the connection's loop, and must not block. Errors name no secret.
	Failed func(remote net.Addr, err error)

	mu        sync.Mutex
	loops     []*serveLoop // nil until the first Serve
	listeners map[*acceptor]bool
	accepting sync.WaitGroup // one for each listener
	down      chan struct{}  // closed by Shutdown
	isDown    bool
	next      int           // the loop that gets the next connection
	pending   chan struct{} // holds one for each connection whose handshake is not done
	figures   serverFigures
}

// Serve accepts connections on ln until Shutdown or Close, then returns ErrServerClosed; ln is closed when it returns.
// Closing ln does not end it. It may be called for several listeners. ln has to be a *net.TCPListener or a
// *net.UnixListener of stream sockets, as it comes from net.Listen: connections are taken from the system by fd, and what
// a listener around it would do for each is not done. Where the reactor does not work the error wraps
// errors.ErrUnsupported.
//
// After another error of Serve, which a listener that is broken gives, the connections go on until Shutdown or Close.
func (s *Server) Serve(ln net.Listener) error {
	defer ln.Close()
	if s.TLS == nil || s.Handler == nil {
		return errors.New("asynctls: a Server needs TLS and Handler")
	}
	if s.Loops < 0 || s.MaxHandshakes < 0 || s.MaxPending < 0 || s.HandshakeSteps < 0 {
		return errors.New("asynctls: a Server's numbers can't be negative")
	}
	a, err := newAcceptor(ln)
	if err != nil {
		return err
	}
	defer a.close()
	if err := s.enter(a); err != nil {
		return err
	}
	defer s.leave(a)
	for {
		p, err := a.accept(s.down)
		if err != nil {
			select {
			case <-s.down:
				return ErrServerClosed
			default:
				return fmt.Errorf("asynctls: accept: %w", err)
			}
		}
		select {
		case s.pending <- struct{}{}:
		case <-s.down:
			closeFD(p.fd)
			return ErrServerClosed
		}
		s.hand(p)
	}
}

// enter starts the loops, if that is yet to be done, and notes a.
func (s *Server) enter(a *acceptor) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.isDown {
		return ErrServerClosed
	}
	if s.loops == nil {
		s.down = make(chan struct{})
		s.pending = make(chan struct{}, cmp.Or(s.MaxPending, 20000))
		s.listeners = make(map[*acceptor]bool)
		var loops []*serveLoop
		for range cmp.Or(s.Loops, runtime.GOMAXPROCS(0)) {
			l, err := s.newLoop()
			if err != nil {
				for _, l := range loops {
					l.r.Close()
					l.o.Pool.Close()
				}
				return err
			}
			loops = append(loops, l)
		}
		s.loops = loops
		for _, l := range loops {
			go l.run()
		}
	}
	s.listeners[a] = true
	s.accepting.Add(1)
	return nil
}

func (s *Server) leave(a *acceptor) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.listeners, a)
	s.accepting.Done()
}

// hand gives a connection to the next loop.
func (s *Server) hand(p peer) {
	s.mu.Lock()
	l := s.loops[s.next%len(s.loops)]
	s.next++
	s.mu.Unlock()
	s.figures.accepted.Add(1)
	if !l.r.Post(func() { l.add(p) }) { // the loop has failed: Shutdown waits for us before it closes one
		closeFD(p.fd)
		<-s.pending
		s.figures.canceled.Add(1)
	}
}

// peer is an accepted connection.
type peer struct {
	fd     async.FD
	remote netip.AddrPort // the zero one for a socket that is not of TCP
}

// serveLoop is one of a Server's event loops.
type serveLoop struct {
	s     *Server
	g     atomic.Uintptr // its goroutine, by gid.Get
	r     *reactor.Loop
	o     *Options // of its connections: its own pool
	buf   []byte   // what a connection has read, for Handler.Data
	conns connList
	down  bool          // Shutdown has begun
	idle  chan struct{} // closed when down and no connection is left
	ended chan struct{} // closed when run has returned
}

func (s *Server) newLoop() (*serveLoop, error) {
	r, err := reactor.New(reactor.Options{LowBudget: s.HandshakeSteps})
	if err != nil {
		return nil, fmt.Errorf("asynctls: %w", err)
	}
	pool, err := async.NewPool(cmp.Or(s.MaxHandshakes, 1000), 0)
	if err != nil {
		r.Close()
		return nil, fmt.Errorf("asynctls: %w", err)
	}
	return &serveLoop{
		s: s,
		r: r,
		o: &Options{
			Pool:             pool,
			HandshakeTimeout: s.HandshakeTimeout,
			IdleTimeout:      s.IdleTimeout,
			HighWater:        s.HighWater,
			Context:          s.Context,
			now:              func() time.Duration { return r.Now().Sub(epoch) },
		},
		buf:   make([]byte, maxPlaintext),
		idle:  make(chan struct{}),
		ended: make(chan struct{}),
	}, nil
}

// run is the loop's goroutine.
func (l *serveLoop) run() {
	l.g.Store(gid.Get())
	returned := false
	defer func() {
		if !returned { // a Handler has exited the goroutine: the loop goes on with what comes next
			go l.run()
			return
		}
		l.o.Pool.Close()
		close(l.ended)
	}()
	l.r.Run(context.Background())
	l.r.Close()
	l.abort() // only a loop that has failed has something left
	returned = true
}
