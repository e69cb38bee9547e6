package asynctls

import "asynccrypto/async"

// maxPlaintext is the most that one record holds (RFC 8446, section 5.1).
const maxPlaintext = 16384

// readAhead is how much more than HighWater the transport may hold before Read stops: one chunk of Write, cut into small
// records as crypto/tls does at first, and as much again for answers.
const readAhead = 32 << 10

// Read reads what the peer has sent, after the handshake. It returns n > 0 with a nil error, or 0 with one of ErrWant, or
// as tls.Conn's does: io.EOF after close_notify, but also when the transport ends without one between two records, so that
// a protocol has to say by itself where its messages end. While the transport holds 32 KB more than Options.HighWater it
// wants to write first: reading can make crypto/tls answer, so that a peer that takes nothing could make memory grow. What
// Write has taken does not keep it from reading, else two such connections that have much to tell each other would both
// wait.
//
// There is no telling whether more has been decrypted already (SSL_pending): after a wake, and after the handshake, read
// until it returns ErrWantRead.
func (c *Conn) Read(p []byte) (n int, err error) {
	if err := c.ready(c.highWater() + readAhead); err != nil {
		return 0, err
	}
	if c.jobs {
		n, err = c.readInJob(p)
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

// readInJob is Read for a client that may renegotiate, which happens inside tls.Conn's Read. While it does, the job stays
// paused between calls; else the job is over when the call is.
func (c *Conn) readInJob(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	if c.s == nil {
		c.newSession().buf = make([]byte, min(len(p), maxPlaintext)) // not p, which is the caller's again after this call
	}
	if err := c.goOn(); err != nil {
		return 0, err
	}
	s := c.s
	if s == nil {
		return 0, ErrWantRead
	}
	n := copy(p, s.buf)
	if s.buf = s.buf[n:]; len(s.buf) > 0 {
		return n, nil // there is more than this call has room for
	}
	c.s = nil
	return n, s.readErr
}

// goOn lets a Read in a job, if there is one, go on until it is over. What it has read stays until a Read takes it.
func (c *Conn) goOn() error {
	s := c.s
	if s == nil || s.read {
		return nil
	}
	began := s.paused
	over, err := c.drive(func(async.Job) error {
		n, err := c.tls.Read(s.buf)
		if err == error(ErrWouldBlock) {
			err = nil // by the time that it is asked for it may not be true
		}
		s.buf, s.readErr, s.read = s.buf[:n], err, true
		return nil
	})
	switch {
	case !over:
		if s.paused && !began {
			c.last = sinceEpoch()
		}
		return err
	case err != nil:
		c.end(c.phase, err)
		return c.err
	case len(s.buf) > 0 || s.readErr != nil:
		c.s = s
	}
	return nil
}

// Write encrypts p and gives it to the transport, after the handshake. It stops, with ErrWantWrite and the number of bytes
// that were taken, perhaps none, once the transport holds more than Options.HighWater: keep the rest, and write that when
// there is room. Up to 16 KB are taken whole or not at all. With an empty p it goes on with the handshake, sends no data,
// and is nil if the next Write would be taken. Any other error is final.
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

// active notes that a byte was read or written, where somebody will ask.
func (c *Conn) active() {
	if c.o.IdleTimeout > 0 || c.jobs { // a renegotiation has a deadline as well
		c.last = sinceEpoch()
	}
}

// CloseWrite says close_notify and goes on reading, as tls.Conn's does. It wants what Handshake and Write want.
func (c *Conn) CloseWrite() error {
	if err := c.readyToWrite(); err != nil {
		return err
	}
	return c.tls.CloseWrite()
}

// readyToWrite is ready for Write and CloseWrite, which also have to wait for a renegotiation to end.
func (c *Conn) readyToWrite() error {
	if err := c.ready(c.highWater()); err != nil {
		return err
	}
	if c.s.underWay() {
		return c.goOn()
	}
	return nil
}
