//go:build unix

package relay

import (
	"io"
	"sync"

	"golang.org/x/sys/unix"

	"asynccrypto/asynctls"
	"asynccrypto/asynctls/tlsserver"
	"asynccrypto/reactor"
)

// relay passes bytes between a TLS connection and a backend's socket. All of it runs on the
// connection's loop.
//
// The end of one side is passed on in kind. close_notify, or the end of the backend's stream,
// ends that direction on the other side, and the opposite direction goes on. A connection that
// breaks is broken on the other side too: a backend sees a reset, and a client sees no
// close_notify, so that neither takes a part of the data for the whole.
type relay struct {
	c      *tlsserver.Conn
	h      *Handler
	dialer dialer
	sock   *asynctls.Socket // the backend's; nil before it is connected, and after the end
	watch  *reactor.Socket

	pumpPosted  bool // a pump is posted to the loop
	clientEOF   bool // the client sends no more
	passedEOF   bool // and the backend has been told
	backendEOF  bool // the backend sends no more
	toldEOF     bool // and the client has been told, so that it knows that it has all
	backendGone bool // the backend has broken off: it takes no more
	closed      bool
}

// readsInTurn is how often a backend is read from before other connections have their turn.
const readsInTurn = 8

// buffers are for one read each, on any loop.
var buffers = sync.Pool{New: func() any { return new([16 << 10]byte) }}

// newRelay returns the relay of c. Call dial on its dialer next. The client is not read from
// until the backend is connected.
func newRelay(c *tlsserver.Conn, h *Handler) *relay {
	r := &relay{c: c, h: h}
	r.dialer = dialer{loop: c.Loop(), backend: h.Backend, connected: r.connected, event: r.event, failed: r.dialFailed}
	c.Pause()
	return r
}

func (r *relay) connected(sock *asynctls.Socket, watch *reactor.Socket) {
	r.sock, r.watch = sock, watch
	if r.h.ProxyProtocol != 0 {
		if _, err := sock.Write(proxyHeader(r.c, r.h.ProxyProtocol)); err != nil {
			r.stopWriting(err)
			return
		}
	}
	r.c.Resume()
}

func (r *relay) dialFailed(err error) {
	r.h.BackendFailed(r.c.RemoteAddr(), err)
	r.c.Abort()
}

// event is called when the backend's socket has become ready for something.
func (r *relay) event(ev reactor.Events) {
	if r.closed {
		return
	}
	if ev&reactor.Writable != 0 {
		r.toBackend()
	}
	if ev&reactor.HangUp != 0 && r.backendEOF && !r.closed { // pump reads no more, and would not notice a reset
		if err := socketError(int(r.sock.FD())); err != nil {
			r.stopWriting(err)
		}
	}
	r.pump()
}

// fromClient passes b on, or holds it. While the relay holds too much, the client is not read from.
func (r *relay) fromClient(b []byte) {
	if r.backendGone {
		return
	}
	if _, err := r.sock.Write(b); err != nil {
		r.stopWriting(err)
	} else if r.sock.Buffered() > mark {
		r.c.Pause()
	}
}

// toBackend sends held bytes.
func (r *relay) toBackend() {
	if r.backendGone {
		return
	}
	if r.sock.Buffered() > 0 {
		if err := r.sock.Flush(); err != nil {
			r.stopWriting(err)
			return
		}
	}
	switch held := r.sock.Buffered(); {
	case held == 0 && r.clientEOF && !r.passedEOF:
		r.passedEOF = true
		unix.Shutdown(int(r.sock.FD()), unix.SHUT_WR)
		r.finish()
	case held <= mark/2:
		r.c.Resume()
	}
}

// stopWriting notes that the backend takes no more. The bytes that it has sent before are still
// passed on: they may be an answer to a request that it did not want to read to its end.
func (r *relay) stopWriting(err error) {
	r.breakBackend(err)
	r.c.Resume() // to see the client's end; its bytes are discarded
	r.finish()
	r.postPump()
}

func (r *relay) clientEnded() {
	r.clientEOF = true
	r.toBackend()
}

// clientTook is called when the client has taken most of the bytes written, or all.
func (r *relay) clientTook() {
	r.finish()
	r.pump()
}

// breakBackend notes that the backend has broken off, and reports why.
func (r *relay) breakBackend(err error) {
	if !r.backendGone {
		r.backendGone = true
		r.h.BackendFailed(r.c.RemoteAddr(), err)
	}
}

func (r *relay) postPump() {
	if !r.pumpPosted {
		r.pumpPosted = true
		r.c.Loop().Post(func() {
			r.pumpPosted = false
			r.pump()
		})
	}
}

// pump passes on bytes from the backend, as far as the client takes them.
func (r *relay) pump() {
	buf := buffers.Get().(*[16 << 10]byte)
	defer buffers.Put(buf)
	for range readsInTurn {
		if r.closed || r.backendEOF || r.sock == nil {
			return
		}
		if r.c.Buffered() > mark {
			r.c.AwaitSent(mark / 2)
			return
		}
		n, err := r.sock.Read(buf[:])
		if n > 0 {
			if _, err := r.c.Write(buf[:n]); err != nil {
				r.c.Abort()
				return
			}
		}
		switch {
		case err == nil:
		case err == error(asynctls.ErrWouldBlock):
			return
		default:
			r.backendEnded(err)
			return
		}
	}
	r.postPump()
}

func (r *relay) backendEnded(err error) {
	r.backendEOF = true
	if err != io.EOF {
		r.breakBackend(err)
	}
	if !r.backendGone {
		if r.c.CloseWrite() != nil {
			r.c.Abort()
			return
		}
		r.toldEOF = true
	}
	r.finish()
}

// finish ends the connection once the client has taken everything, and both directions have ended
// or the backend has broken off. If it broke off before its stream had ended, the bytes so far may
// not be all, and the client's connection breaks too.
func (r *relay) finish() {
	switch {
	case r.closed || !r.backendEOF || !r.backendGone && !r.passedEOF:
	case r.c.Buffered() > 0:
		r.c.AwaitSent(0)
	case r.toldEOF:
		r.c.Close()
	default:
		r.c.Abort()
	}
}

// close is called when the TLS connection has ended. It resets the backend's socket unless the
// backend was told of an orderly end.
func (r *relay) close() {
	r.closed = true
	r.dialer.cancel()
	if r.sock == nil {
		return
	}
	r.watch.Remove()
	if !r.passedEOF {
		unix.SetsockoptLinger(int(r.sock.FD()), unix.SOL_SOCKET, unix.SO_LINGER, &unix.Linger{Onoff: 1})
	}
	r.sock.Close()
	r.sock, r.watch = nil, nil
}
