package asynctls

import (
	"io"
	"net"
)

// Buffers is a [Transport] of two buffers in memory (memory BIOs). The event loop that has the
// wire feeds the input, and takes the output after each call of the [Conn], whatever that has
// returned. The zero value is ready to use. An empty Buffers holds no memory. Only the goroutine
// that uses the Conn at the time may use its Buffers.
type Buffers struct {
	Local, Remote net.Addr // the addresses of ClientHelloInfo.Conn; may be nil

	in, out backlog
	eof     bool
	closed  bool
}

// Feed appends a copy of p, which was read from the wire, to the input. Only the caller bounds the
// input: while Unread grows, do not read more from the wire.
func (b *Buffers) Feed(p []byte) {
	if !b.closed && !b.eof {
		b.in.add(p)
	}
}

// FeedEOF marks the end of the input. Input that was fed before is read first.
func (b *Buffers) FeedEOF() { b.eof = true }

// Unread returns the number of bytes that were fed and not read yet.
func (b *Buffers) Unread() int { return b.in.len() }

// Out returns the output for the wire. It is valid until the next call of any method of b or of
// its [Conn].
func (b *Buffers) Out() []byte { return b.out.bytes() }

// Discard removes the first n bytes of Out. Call it when they were sent.
func (b *Buffers) Discard(n int) { b.out.drop(n) }

// Read implements [Transport].
func (b *Buffers) Read(p []byte) (int, error) {
	switch {
	case b.closed:
		return 0, net.ErrClosed
	case b.in.len() > 0:
		n := copy(p, b.in.bytes())
		b.in.drop(n)
		return n, nil
	case b.eof:
		return 0, io.EOF
	}
	return 0, ErrWouldBlock
}

// Write implements [Transport].
func (b *Buffers) Write(p []byte) (int, error) {
	if b.closed {
		return 0, net.ErrClosed
	}
	b.out.add(p)
	return len(p), nil
}

// Flush implements [Transport]. It does nothing: the output leaves by Out and Discard.
func (b *Buffers) Flush() error { return nil }

// Buffered implements [Transport]. It returns the length of Out.
func (b *Buffers) Buffered() int { return b.out.len() }

// Close implements [Transport].
func (b *Buffers) Close() error {
	b.closed = true
	b.in.reset()
	b.out.reset()
	return nil
}

// LocalAddr returns Local.
func (b *Buffers) LocalAddr() net.Addr { return b.Local }

// RemoteAddr returns Remote.
func (b *Buffers) RemoteAddr() net.Addr { return b.Remote }
