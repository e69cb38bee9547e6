package tlsserver

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
	"time"

	"asynccrypto/asynctls"
	"asynccrypto/asynctls/tlsserver/internal/accept"
)

// ErrClosed is the error of [Server.Serve] after [Server.Shutdown] or [Server.Close].
var ErrClosed = errors.New("tlsserver: server closed")

// Server serves TLS connections on event loops. Set the fields, then call Serve; do not change
// the fields afterwards.
type Server struct {
	// TLS is the configuration, preferably one that [asynctls.Config] has prepared. It is required.
	TLS *tls.Config
	// Handler is the application. It is required.
	Handler Handler
	// Loops is the number of event loops, each with a goroutine; 0 means GOMAXPROCS.
	Loops int
	// MaxHandshakes bounds the handshakes under way on each loop; 0 means 1,000. Each is a job
	// of some 20 KB. Further handshakes wait in line, and their peers' bytes wait in the sockets.
	MaxHandshakes int
	// MaxPending bounds the connections whose handshake is not done, whether it has begun or not;
	// 0 means 20,000. Beyond that each listener holds one more connection, and the system's queue
	// holds the others.
	MaxPending int
	// MaxConns bounds all connections, open or not; 0 means that nothing does. Beyond it each
	// listener holds one more connection, and the system's queue the others.
	MaxConns int
	// HandshakeSteps is how many steps of handshakes a loop takes in a turn, before it serves the
	// open connections again; 0 means 1.
	HandshakeSteps int
	// HandshakeTimeout bounds a handshake, from the moment the connection was accepted; 0 means 10
	// seconds, and a negative value means no bound. It also bounds how long a closed connection
	// goes on sending while its peer takes nothing; with no bound on handshakes that is 10
	// seconds.
	HandshakeTimeout time.Duration
	// IdleTimeout is how long a connection may go without a byte read, written or sent; 0 means
	// for ever.
	IdleTimeout time.Duration
	// HighWater is how many bytes a connection may hold, unsent, before [Conn.Write] returns
	// [asynctls.ErrWantWrite]; 0 means 64 KB.
	HighWater int
	// Context, if not nil, supplies the values of the contexts of handshakes. Its cancellation and
	// its deadline do not reach them.
	Context context.Context
	// ProxyProtocolFrom, if not nil, reports whether connections from this address come through
	// a proxy that names the client by the PROXY protocol, version 1 or 2. The header is required
	// then. RemoteAddr and LocalAddr return the addresses that it names, also those of
	// ClientHelloInfo.Conn, and Failed is given them. A header that names none, such as that of
	// the proxy's own checks (LOCAL), leaves the socket's addresses. From other peers a header is
	// never parsed, and fails the handshake, so that no client can choose its address. The time
	// for the header is part of HandshakeTimeout. remote is the zero AddrPort for a socket that is
	// not TCP's. The function is called on the connection's loop, and must not block.
	ProxyProtocolFrom func(remote netip.AddrPort) bool
	// Failed, if not nil, is called once for each handshake that fails or is not done in time,
	// but not when Shutdown or Close ends it. It is called on the connection's loop, and must
	// not block. The errors contain no secret.
	Failed func(remote net.Addr, err error)

	mu        sync.Mutex
	loops     []*loop // nil until the first Serve
	listeners map[*accept.Listener]bool
	accepting sync.WaitGroup // one for each listener
	stopping  chan struct{}  // closed by Shutdown
	stopped   bool
	next      int           // the loop that gets the next connection
	pending   chan struct{} // holds one for each connection whose handshake is not done
	places    chan struct{} // holds one for each connection; nil without MaxConns
	counters  counters
}

// Serve accepts connections on ln until [Server.Shutdown] or [Server.Close] is called, then
// returns [ErrClosed]; ln is closed when Serve returns. Closing ln does not end Serve. Serve
// may be called for several listeners.
//
// ln must be a *net.TCPListener, or a *net.UnixListener of stream sockets, as [net.Listen]
// returns it: connections are taken from the system by fd, so anything that a wrapper around ln
// would do for each connection is not done. On Linux Serve sets the options that package net sets
// on each TCP connection on ln's socket, and connections inherit them. Where package reactor does
// not work the error wraps [errors.ErrUnsupported].
//
// Any other error means that the listener is broken; the open connections go on until Shutdown
// or Close.
func (s *Server) Serve(ln net.Listener) error {
	defer ln.Close()
	if s.TLS == nil || s.Handler == nil {
		return errors.New("tlsserver: a Server needs TLS and Handler; set both before Serve")
	}
	if s.Loops < 0 || s.MaxHandshakes < 0 || s.MaxPending < 0 || s.MaxConns < 0 || s.HandshakeSteps < 0 {
		return errors.New("tlsserver: Loops, MaxHandshakes, MaxPending, MaxConns and HandshakeSteps must not be negative")
	}
	l, err := accept.New(ln)
	if err != nil {
		return err
	}
	defer l.Close()
	if err := s.addListener(l); err != nil {
		return err
	}
	defer s.removeListener(l)
	for {
		p, err := l.Accept(s.stopping)
		if err != nil {
			select {
			case <-s.stopping:
				return ErrClosed
			default:
				return fmt.Errorf("tlsserver: accept: %w", err)
			}
		}
		if !s.takePlace() {
			asynctls.NewSocket(p.FD).Close()
			return ErrClosed
		}
		s.dispatch(p)
	}
}

// takePlace waits until there is a place for one more connection. It reports whether there is one
// before the server is shut down.
func (s *Server) takePlace() bool {
	if s.places != nil {
		select {
		case s.places <- struct{}{}:
		case <-s.stopping:
			return false
		}
	}
	select {
	case s.pending <- struct{}{}:
		return true
	case <-s.stopping:
		return false
	}
}

// leavePlace gives the place of a connection that has ended to another.
func (s *Server) leavePlace() {
	if s.places != nil {
		<-s.places
	}
}

// addListener notes l, and starts the loops with the first listener.
func (s *Server) addListener(l *accept.Listener) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stopped {
		return ErrClosed
	}
	if s.loops == nil {
		loops, err := s.newLoops()
		if err != nil {
			return err
		}
		s.stopping = make(chan struct{})
		s.pending = make(chan struct{}, cmp.Or(s.MaxPending, 20000))
		if s.MaxConns > 0 {
			s.places = make(chan struct{}, s.MaxConns)
		}
		s.listeners = make(map[*accept.Listener]bool)
		s.loops = loops
		for _, l := range loops {
			go l.run()
		}
	}
	s.listeners[l] = true
	s.accepting.Add(1)
	return nil
}

func (s *Server) newLoops() ([]*loop, error) {
	var loops []*loop
	for range cmp.Or(s.Loops, runtime.GOMAXPROCS(0)) {
		l, err := newLoop(s)
		if err != nil {
			for _, l := range loops {
				l.close()
			}
			return nil, err
		}
		loops = append(loops, l)
	}
	return loops, nil
}

func (s *Server) removeListener(l *accept.Listener) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.listeners, l)
	s.accepting.Done()
}

// dispatch gives a connection to the next loop.
func (s *Server) dispatch(p accept.Peer) {
	s.mu.Lock()
	l := s.loops[s.next%len(s.loops)]
	s.next++
	s.mu.Unlock()
	s.counters.accepted.Add(1)
	if !l.reactor.Post(func() { l.add(p) }) { // the loop has failed: Shutdown closes none before Serve returns
		asynctls.NewSocket(p.FD).Close()
		<-s.pending
		s.leavePlace()
		s.counters.canceled.Add(1)
	}
}
