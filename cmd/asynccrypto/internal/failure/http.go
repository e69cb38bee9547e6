package failure

import (
	"log"
	"strings"

	"asynccrypto/cmd/asynccrypto/internal/eventlog"
)

// HTTP returns the ErrorLog of an http.Server that logs to l. net/http reports a failed handshake
// there and nowhere else: handshakeFailed is told its cause. A server without TLS gives nil.
func HTTP(l *eventlog.Log, handshakeFailed func(cause string)) *log.Logger {
	return log.New(httpErrors{l, handshakeFailed}, "", 0)
}

type httpErrors struct {
	log             *eventlog.Log
	handshakeFailed func(cause string)
}

// Write takes a line that net/http logs.
func (e httpErrors) Write(p []byte) (int, error) {
	line := strings.TrimSpace(string(p))
	if rest, ok := strings.CutPrefix(line, "http: TLS handshake error from "); ok {
		if peer, why, ok := strings.Cut(rest, ": "); ok {
			cause := Handshake(why)
			e.handshakeFailed(cause)
			e.log.Failed("handshake failed", peer, cause)
			return len(p), nil
		}
	}
	e.log.Failed("net/http", "a connection", strings.TrimPrefix(line, "http: "))
	return len(p), nil
}
