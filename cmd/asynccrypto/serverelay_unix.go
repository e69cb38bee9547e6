//go:build unix

package main

import (
	"io"
	"sync"

	"golang.org/x/sys/unix"

	"asynccrypto/async"
	"asynccrypto/asynctls"
	"asynccrypto/asynctls/tlsserver"
	"asynccrypto/reactor"
)

// relay passes bytes between a TLS connection and a backend's socket. All of it runs on the connection's loop.
//
// An end is passed on as what it is. close_notify, or a stream's end, becomes the other's, and the opposite direction goes
// on. A connection that breaks is broken on the other side too: a backend sees a reset, and a client no close_notify, so
// that neither takes half for the whole.
type relay struct {
	p     *proxyService
	c     *tlsserver.Conn
	sock  *asynctls.Socket // the backend's, nil before
	watch *reactor.Socket
	timer *reactor.Timer // of dialling
	tried int            // how many of the backend's addresses

	connected   bool
	pumping     bool // a pump is posted
	clientEOF   bool // the client sends no more
	passedEOF   bool // and the backend knows
	backendEOF  bool // the backend sends no more, and the client was told, or is not going to be
	backendGone bool // the backend has broken off: it takes no more, and what it has sent may not be all
	closed      bool
}

// pumpsInTurn is how often a backend is read from before others have their turn.
const pumpsInTurn = 8

// relayBuffers are for one read each, on whatever loop.
var relayBuffers = sync.Pool{New: func() any { return new([16 << 10]byte) }}

// event is what the loop calls when the backend's socket has become ready for something.
func (r *relay) event(ev reactor.Events) {
	if r.closed || !r.connected && !r.dialled() {
		return
	}
	if ev&reactor.Writable != 0 {
		r.toBackend()
	}
	r.pump()
}

// fromClient passes b on, or holds it; the client is not read from while too much is held.
func (r *relay) fromClient(b []byte) {
	if r.backendGone {
		return
	}
	if _, err := r.sock.Write(b); err != nil {
		r.breakOff(err)
	} else if r.sock.Buffered() > relayMark {
		r.c.Pause()
	}
}

// toBackend sends what is held.
func (r *relay) toBackend() {
	if r.backendGone {
		return
	}
	if r.sock.Buffered() > 0 {
		if err := r.sock.Flush(); err != nil {
			r.breakOff(err)
			return
		}
	}
	switch held := r.sock.Buffered(); {
	case held == 0 && r.clientEOF && !r.passedEOF:
		r.passedEOF = true
		unix.Shutdown(int(r.sock.FD()), unix.SHUT_WR)
		r.finish()
	case held <= relayMark/2:
		r.c.Resume()
	}
}

// breakOff notes that the backend takes no more. What it has sent before is still passed on: an answer to a request that
// it did not want to read to its end.
func (r *relay) breakOff(err error) {
	r.broke(err)
	r.c.Resume() // to see the client's end; what it sends goes nowhere
	r.later()
}

func (r *relay) clientEnded() {
	r.clientEOF = true
	r.toBackend()
}

// clientTook is called when the client has taken most of what was written, or all.
func (r *relay) clientTook() {
	r.finish()
	r.pump()
}

// broke notes that the backend has broken off, and logs why.
func (r *relay) broke(err error) {
	if !r.backendGone {
		r.backendGone = true
		r.logBackend(err)
	}
}

// later posts a pump.
func (r *relay) later() {
	if !r.pumping {
		r.pumping = true
		r.c.Loop().Post(func() {
			r.pumping = false
			r.pump()
		})
	}
}

// pump passes on what the backend has sent, as far as the client takes it.
func (r *relay) pump() {
	buf := relayBuffers.Get().(*[16 << 10]byte)
	defer relayBuffers.Put(buf)
	for range pumpsInTurn {
		if r.closed || r.backendEOF || !r.connected {
			return
		}
		if r.c.Buffered() > relayMark {
			r.c.AwaitSent(relayMark / 2)
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
	r.later()
}

func (r *relay) backendEnded(err error) {
	r.backendEOF = true
	if err != io.EOF {
		r.broke(err)
	}
	if !r.backendGone && r.c.CloseWrite() != nil {
		r.c.Abort()
		return
	}
	r.finish()
}

// finish ends the connection once both directions have ended, or the backend has broken off, and the client has taken
// everything.
func (r *relay) finish() {
	switch {
	case r.closed || !r.backendEOF || !r.backendGone && !r.passedEOF:
	case r.c.Buffered() > 0:
		r.c.AwaitSent(0)
	case r.backendGone:
		r.c.Abort()
	default:
		r.c.Close()
	}
}

// close is called when the TLS connection is over.
func (r *relay) close() {
	r.closed = true
	r.timer.Stop()
	r.dropSocket(!r.passedEOF)
}

// dropSocket closes the backend's socket, by a reset if that is to be seen as no orderly end.
func (r *relay) dropSocket(reset bool) {
	if r.sock == nil {
		return
	}
	if r.watch != nil {
		r.watch.Remove()
	}
	if reset && r.connected {
		unix.SetsockoptLinger(int(r.sock.FD()), unix.SOL_SOCKET, unix.SO_LINGER, &unix.Linger{Onoff: 1})
	}
	r.sock.Close()
	r.sock, r.watch = nil, nil
}

// take makes fd the backend's socket, which is watched from now on.
func (r *relay) take(fd int) (err error) {
	r.sock = asynctls.NewSocket(async.FD(fd))
	r.watch, err = r.c.Loop().Socket(async.FD(fd), r.event)
	return err
}
