package serve

import (
	"log"
	"strings"

	"asynccrypto/cmd/asynccrypto/internal/serve/eventlog"
)

// httpErrors is the log of an http.Server. net/http reports a failed handshake there and nowhere
// else.
type httpErrors struct {
	log *eventlog.Log
	// handshakeFailed is told the cause of each failed handshake; nil for a server without TLS.
	handshakeFailed func(cause string)
}

func (e httpErrors) logger() *log.Logger { return log.New(e, "", 0) }

// Write takes a line that net/http logs.
func (e httpErrors) Write(p []byte) (int, error) {
	line := strings.TrimSpace(string(p))
	if rest, ok := strings.CutPrefix(line, "http: TLS handshake error from "); ok {
		if peer, why, ok := strings.Cut(rest, ": "); ok {
			cause := handshakeCause(why)
			e.handshakeFailed(cause)
			e.log.Failed("handshake failed", peer, cause)
			return len(p), nil
		}
	}
	e.log.Failed("net/http", "a connection", strings.TrimPrefix(line, "http: "))
	return len(p), nil
}
