package asynctls

import "asynccrypto/async"

// maxPlaintext is the most that one record holds (RFC 8446, section 5.1).
const maxPlaintext = 16384

// readSlack is how much more than HighWater the transport may hold before Read stops: one chunk
// of Write, cut into small records as crypto/tls does at first, and as much again for the
// output of crypto/tls when it reads.
const readSlack = 32 << 10

// Read reads data from the peer, after the handshake. It returns n > 0 with a nil error, or 0
// with one of the ErrWant errors, or the result of [tls.Conn]'s Read. That can be n > 0 together
// with an error, io.EOF for example, when the alert came right behind the data: use the n bytes
// first, as [io.Reader] asks; the next Read returns the error again. The error is [io.EOF] after
// a close_notify, but also when the transport ends without one between two records, so a protocol
// has to mark the end of its messages itself.
//
// While the transport holds 32 KB more than HighWater of [Options], Read returns
// [ErrWantWrite]. Reading can make crypto/tls send something, so that otherwise a peer that
// takes nothing could make memory grow. Less output than that does not stop Read, or two such
// connections that have much to tell each other would both wait.
//
// Nothing reports whether more data is decrypted already, as SSL_pending does. After a wake, and
// after the handshake, read until Read returns [ErrWantRead].
func (c *Conn) Read(p []byte) (n int, err error) {
	if err := c.ready(c.o.highWater() + readSlack); err != nil {
		return 0, err
	}
	if c.readInJob {
		n, err = c.jobRead(p)
	} else {
		n, err = c.tls.Read(p)
	}
	if n > 0 {
		c.active()
	}
	switch {
	case err == nil || Wants(err):
	case err == error(ErrWouldBlock):
		if err = ErrWantRead; n > 0 {
			err = nil
		}
	default:
		c.flush() // the alert
	}
	return n, err
}

// jobRead is Read for a client that may renegotiate, which crypto/tls does inside Read. While
// it renegotiates, the job stays paused between calls; otherwise the job is over when the call
// is.
func (c *Conn) jobRead(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	if c.op == nil {
		// Not p, which belongs to the caller after this call.
		c.newOperation().buf = make([]byte, min(len(p), maxPlaintext))
	}
	if err := c.driveRead(); err != nil {
		return 0, err
	}
	op := c.op
	if op == nil {
		return 0, ErrWantRead
	}
	n := copy(p, op.buf)
	if op.buf = op.buf[n:]; len(op.buf) > 0 {
		return n, nil // the rest is for the next call
	}
	c.op = nil
	return n, op.readErr
}

// driveRead drives a Read in a job, if there is one, until it is over. Its result stays until a
// Read takes it.
func (c *Conn) driveRead() error {
	op := c.op
	if op == nil || op.state == done {
		return nil
	}
	resumed := op.state.paused()
	over, err := c.drive(func(async.Job) error {
		n, err := c.tls.Read(op.buf)
		if err == error(ErrWouldBlock) {
			err = nil // it may no longer be true when the result is taken
		}
		op.buf, op.readErr = op.buf[:n], err
		return nil
	})
	switch {
	case !over:
		if op.state.paused() && !resumed {
			c.last = sinceEpoch()
		}
		return err
	case err == errCloseRequested:
		c.abort()
		return c.err
	case err != nil:
		if c.err == nil {
			c.err = err
		}
		return c.err
	case len(op.buf) > 0 || op.readErr != nil:
		op.state = done
		c.op = op
	}
	return nil
}

// Write encrypts p and gives it to the transport, after the handshake. Once the transport holds
// more than HighWater of [Options], Write stops, with [ErrWantWrite] and the number of bytes
// that were taken, which may be 0: keep the rest, and write it when there is room. Up to 16 KB
// are taken whole or not at all. With an empty p Write goes on with the handshake, sends no
// data, and returns nil if the next Write would be taken. Any other error is final.
func (c *Conn) Write(p []byte) (n int, err error) {
	for first := true; first || len(p) > 0; first = false {
		if err := c.readyToWrite(); err != nil {
			return n, err
		}
		m, err := c.tls.Write(p[:min(len(p), maxPlaintext)])
		if m > 0 {
			c.active()
		}
		n, p = n+m, p[m:]
		if err != nil {
			return n, err
		}
	}
	return n, nil
}

// CloseWrite sends close_notify and leaves reading open, like [tls.Conn.CloseWrite]. It returns
// the ErrWant errors that Handshake and Write return.
//
// Nothing follows close_notify, whatever the peer sends: no alert when Read fails, and no
// answer to a KeyUpdate, after which Read goes on all the same. If a server asks a client to
// renegotiate, Read fails at once.
func (c *Conn) CloseWrite() error {
	if err := c.readyToWrite(); err != nil {
		return err
	}
	err := c.tls.CloseWrite()
	c.writeClosed = c.writeClosed || err == nil
	return err
}

// ready prepares for reading and writing: it finishes the handshake, and sends until the
// transport holds no more than mark.
func (c *Conn) ready(mark int) error {
	if c.err != nil {
		return c.err
	}
	if c.phase != open {
		if err := c.Handshake(); err != nil {
			return err
		}
	}
	if c.t.Buffered() <= mark {
		return nil
	}
	if err := c.t.Flush(); err != nil {
		return err
	}
	if c.t.Buffered() > mark {
		return ErrWantWrite
	}
	return nil
}

// readyToWrite is ready for Write and CloseWrite, which also wait for the end of a renegotiation.
func (c *Conn) readyToWrite() error {
	if err := c.ready(c.o.highWater()); err != nil {
		return err
	}
	if c.op.underWay() {
		return c.driveRead()
	}
	return nil
}

// active moves the deadline, on connections that have one: a byte was read or written.
func (c *Conn) active() {
	if c.o.IdleTimeout > 0 || c.readInJob { // a renegotiation has a deadline too
		c.last = sinceEpoch()
	}
}
