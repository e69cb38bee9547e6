package main

import (
	"errors"
	"io"
	"net"
	"strings"
)

// notInTime is handshakeCause's word for those that timed out.
const notInTime = "not done in time"

// peerName is the address of the other end, as far as the system still knows it.
func peerName(addr net.Addr) string {
	if addr == nil || addr.Network() == "unknown" { // tlsserver's, for none
		return "a peer that has gone"
	}
	return addr.String()
}

// causeOf writes an error without what differs from connection to connection: the addresses that package net puts
// before it.
func causeOf(err error) string {
	if op, ok := errors.AsType[*net.OpError](err); ok && op.Op != "remote error" && op.Err != nil {
		return op.Err.Error()
	}
	return err.Error()
}

// handshakeCause says what an error of a handshake means where its words don't.
func handshakeCause(cause string) string {
	// As net/http logs it: "read tcp SERVER->CLIENT: read: connection reset by peer".
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
		return cause + " (in TLS 1.3 this is also how openssl and curl come across when they don't trust the certificate)"
	case strings.Contains(cause, "i/o timeout"), strings.Contains(cause, "handshake not done"):
		return notInTime
	}
	return cause
}
