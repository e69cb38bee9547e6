package asynctls

import (
	"asynccrypto/async"
)

// maxPlaintext is the most that one record holds (RFC 8446, section 5.1).
const maxPlaintext = 16384

// Read reads what the peer has sent, after the handshake. It returns n > 0 with a nil error, or 0 with one of ErrWant, or
// as tls.Conn's does: io.EOF after close_notify. While the transport holds more than Options.HighWater it wants to write
// first, since reading can make crypto/tls answer, so that a peer that takes nothing can't make memory grow.
//
// There is no telling whether more has been decrypted already (SSL_pending): after a wake, and after the handshake, read
// until it returns ErrWantRead.
func (c *Conn) Read(p []byte) (n int, err error) {
	if err := c.ready(); err != nil {
		return 0, err
	}
	if c.jobs {
		n, err = c.readInJob(p)
	} else {
		n, err = c.tls.Read(p)
	}
	if n > 0 {
		c.last = c.o.sinceEpoch()
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

// readInJob is Read for a client that renegotiates, which happens inside tls.Conn's Read. If it does, the job stays paused
// between calls; as long as it doesn't, the job is over when the call is.
func (c *Conn) readInJob(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	s := c.s
	if s == nil {
		s = c.newSession()
		s.buf = make([]byte, min(len(p), maxPlaintext)) // not p, which is the caller's again after this call
	}
	if !s.read {
		over, err := c.drive(func(async.Job) error {
			n, err := c.tls.Read(s.buf)
			s.buf, s.readErr, s.read = s.buf[:n], err, true
			return nil
		})
		if !over {
			return 0, err
		}
		if err != nil {
			c.err = err
			return 0, err
		}
	}
	n := copy(p, s.buf)
	if s.buf = s.buf[n:]; len(s.buf) > 0 {
		c.s = s // there is more than this call has room for
		return n, nil
	}
	c.s = nil
	return n, s.readErr
}

// Write encrypts p and gives it to the transport, after the handshake. It stops, with ErrWantWrite and the number of bytes
// that were taken, once the transport holds more than Options.HighWater; what was taken must not be written again. Up to
// 16 KB are taken whole or not at all. Any other error is final.
func (c *Conn) Write(p []byte) (n int, err error) {
	for first := true; first || len(p) > 0; first = false {
		if err := c.ready(); err != nil {
			return n, err
		}
		if c.s.underWay() {
			return n, c.s.want // renegotiating
		}
		m, err := c.tls.Write(p[:min(len(p), maxPlaintext)])
		n, p = n+m, p[m:]
		if err != nil {
			return n, err
		}
	}
	c.last = c.o.sinceEpoch()
	return n, nil
}

// CloseWrite says close_notify and goes on reading, as tls.Conn's does. It wants what Handshake and Write want.
func (c *Conn) CloseWrite() error {
	if err := c.ready(); err != nil {
		return err
	}
	if c.s.underWay() {
		return c.s.want
	}
	return c.tls.CloseWrite()
}
