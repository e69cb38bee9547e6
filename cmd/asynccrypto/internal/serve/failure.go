package serve

import (
	"errors"
	"io"
	"net"
	"os"
	"strings"
)

// timedOut is the cause that handshakeCause gives to handshakes that took too long.
const timedOut = "not done in time"

// peerName is the address of the other end, as far as the system still knows it.
func peerName(addr net.Addr) string {
	if addr == nil || addr.Network() == "unknown" { // the address of a connection that the system has forgotten
		return "a peer that has gone"
	}
	if a, ok := addr.(*net.UnixAddr); ok && (a.Name == "" || a.Name == "@") {
		return "a peer on a unix socket"
	}
	return addr.String()
}

// errorCause is the text of err without the addresses and the system call that package net puts
// before it: addresses differ from connection to connection.
func errorCause(err error) string {
	if op, ok := errors.AsType[*net.OpError](err); ok && op.Op != "remote error" && op.Err != nil {
		err = op.Err
	}
	if sys, ok := errors.AsType[*os.SyscallError](err); ok {
		err = sys.Err
	}
	return err.Error()
}

// handshakeCause explains the text of a handshake's error where the text alone does not.
func handshakeCause(cause string) string {
	// net/http logs "read tcp SERVER->CLIENT: read: connection reset by peer".
	if rest, ok := strings.CutPrefix(cause, "read tcp "); ok {
		if _, why, ok := strings.Cut(rest, ": "); ok {
			cause = why
		}
	}
	switch {
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
		return timedOut
	}
	return cause
}
