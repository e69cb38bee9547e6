package asynctls

import (
	"crypto/tls"

	"asynccrypto/async"
)

// Handshake begins the handshake or goes on with it. It returns nil when the handshake is done,
// one of the ErrWant errors when it cannot go on now, and any other error when it has failed:
// that of crypto/tls, [ErrEngine], or an [*async.PanicError] if one of the functions of the
// [tls.Config] panicked. The transport then holds the alert that tells the peer why. Call Close
// as long as it returns [ErrWantWrite], or the alert is lost.
func (c *Conn) Handshake() error {
	if c.err != nil {
		return c.err
	}
	if c.phase != handshaking {
		return nil
	}
	if c.op == nil {
		c.newOperation().handshake = true
	}
	over, err := c.drive(c.handshakeJob)
	if err == errCloseRequested {
		c.abort()
		return c.err
	}
	c.flush()
	switch {
	case !over:
		return err
	case err != nil:
		c.err = err
		return err
	}
	c.phase, c.last = open, sinceEpoch()
	if c.readInJob {
		// TLS 1.3 has no renegotiation.
		c.readInJob = c.tls.ConnectionState().Version < tls.VersionTLS13
	}
	return nil
}

func (c *Conn) handshakeJob(j async.Job) error { return c.tls.HandshakeContext(c.jobContext(j)) }

// flush sends as much as the transport can send. The next Write or Read returns the error, if there
// is one.
func (c *Conn) flush() {
	if c.t.Buffered() > 0 {
		_ = c.t.Flush()
	}
}
