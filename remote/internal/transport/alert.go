package transport

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	"google.golang.org/grpc/credentials"
)

// alerts are credentials of TLS whose connections tell why the node refuses the client's
// certificate. In TLS 1.3 the client's handshake is over before the node has seen the certificate
// (RFC 8446, section 4.4.2.4), so that the node's alert races with the client's first write.
type alerts struct {
	credentials.TransportCredentials
	failed func(why error) // gets the error of a handshake, and the node's alert
}

// ClientHandshake implements [credentials.TransportCredentials].
func (a alerts) ClientHandshake(
	ctx context.Context, authority string, raw net.Conn,
) (net.Conn, credentials.AuthInfo, error) {
	nc, info, err := a.TransportCredentials.ClientHandshake(ctx, authority, raw)
	if isAlert(err) {
		a.failed(refusal(err))
	} else if err != nil {
		a.failed(fmt.Errorf("TLS with the key server: %w", err))
	}
	if err != nil {
		return nil, nil, err
	}
	return alertConn{nc, a.failed}, info, nil
}

// Clone implements [credentials.TransportCredentials].
func (a alerts) Clone() credentials.TransportCredentials {
	return alerts{a.TransportCredentials.Clone(), a.failed}
}

// isAlert reports whether err is an alert of the other side.
func isAlert(err error) bool {
	op, ok := errors.AsType[*net.OpError](err)
	return ok && op.Op == "remote error" // crypto/tls
}

// ErrClientRefused is wrapped by the errors of [DialGRPC] if the node does not accept the client's
// certificate.
var ErrClientRefused = errors.New("the key server refuses this client")

func refusal(alert error) error { return fmt.Errorf("%w: %w", ErrClientRefused, alert) }

type alertConn struct {
	net.Conn
	failed func(why error)
}

// Read is that of the TLS connection.
func (c alertConn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	if isAlert(err) {
		c.failed(refusal(err))
	}
	return n, err
}

// Write is that of the TLS connection. Its error is the node's alert if there is one.
func (c alertConn) Write(b []byte) (int, error) {
	n, err := c.Conn.Write(b)
	if err == nil {
		return n, nil
	}
	_ = c.SetReadDeadline(time.Now().Add(lastWords))
	if _, why := c.Read(make([]byte, 1)); isAlert(why) { // another goroutine's Read gets the same alert
		err = why
	}
	return n, err
}
