// Package failure names the peers and the causes of connections that fail, for the log.
package failure

import (
	"errors"
	"io"
	"net"
	"os"
	"strings"
)

// TimedOut is the cause that [Handshake] gives to handshakes that took too long.
const TimedOut = "not done in time"

// Peer is the address of the other end, as far as the system still knows it.
func Peer(addr net.Addr) string {
	if addr == nil || addr.Network() == "unknown" { // the address of a connection that the system has forgotten
		return "a peer that has gone"
	}
	if a, ok := addr.(*net.UnixAddr); ok && (a.Name == "" || a.Name == "@") {
		return "a peer on a unix socket"
	}
	return addr.String()
}

// Cause is the text of err without the addresses and the system call that package net puts
// before it: addresses differ from connection to connection.
func Cause(err error) string {
	if op, ok := errors.AsType[*net.OpError](err); ok && op.Op != "remote error" && op.Err != nil {
		err = op.Err
	}
	if sys, ok := errors.AsType[*os.SyscallError](err); ok {
		err = sys.Err
	}
	return err.Error()
}

// Handshake explains the text of a handshake's error where the text alone does not.
func Handshake(cause string) string {
	// net/http logs "read tcp SERVER->CLIENT: read: connection reset by peer".
	if rest, ok := strings.CutPrefix(cause, "read tcp "); ok {
		if _, why, ok := strings.Cut(rest, ": "); ok {
			cause = why
		}
	}
	switch {
	case strings.Contains(cause, "failed to sign"):
		return cause // by a key elsewhere: it may name an alert, which is not the client's
	case cause == io.EOF.Error(), cause == io.ErrUnexpectedEOF.Error():
		return "the client closed the connection before it was done"
	case strings.Contains(cause, "connection reset by peer"):
		return "the client reset the connection before it was done"
	case strings.Contains(cause, "unknown certificate authority"), strings.Contains(cause, "remote error: tls: bad certificate"),
		strings.Contains(cause, "remote error: tls: unknown certificate"):
		return cause + " (the client does not trust the certificate)"
	case strings.Contains(cause, "bad record MAC"):
		return cause + " (in TLS 1.3 openssl and curl also cause this when they do not trust the certificate)"
	case strings.Contains(cause, "i/o timeout"), strings.Contains(cause, "handshake not done"):
		return TimedOut
	}
	return cause
}
