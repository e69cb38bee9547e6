package asynctls

import (
	"context"
	"errors"
	"time"

	"asynccrypto/async"
)

// Options are the settings of a [Conn]. Any number of connections may share them. Do not change
// them while one uses them.
type Options struct {
	// Pool runs the handshakes, and its limit bounds those under way. It is required. With a
	// pool for each event loop, a loop's coroutines stay on its own processor.
	Pool *async.Pool
	// HandshakeTimeout bounds a handshake, counted from NewServerConn or NewClientConn; 0 means 10
	// seconds, and a negative value means no bound. See [Conn.Deadline].
	HandshakeTimeout time.Duration
	// IdleTimeout is how long a connection may go without a byte read or written; 0 means for ever.
	IdleTimeout time.Duration
	// HighWater is how many bytes the transport may hold before Write returns ErrWantWrite; 0
	// means 64 KB. Read returns it at 32 KB more. Only Transport.Buffered counts: bytes that were
	// taken out of Buffers are no longer bounded, so take them when the wire has room, not before.
	// HighWater also bounds the input that the Conn takes from the transport while it waits for an
	// engine or for the pool.
	HighWater int
	// Context, if not nil, supplies the values of the contexts of handshakes. Its cancellation and
	// its deadline do not reach them.
	Context context.Context
}

// ErrNoPool is the error of all methods of a [Conn] whose [Options] have no Pool.
var ErrNoPool = errors.New("asynctls: no pool of jobs; set Options.Pool")

const (
	defaultHandshakeTimeout = 10 * time.Second
	defaultHighWater        = 64 << 10
)

var defaultOptions = new(Options)

// highWater returns how many bytes may be held in one direction.
func (o *Options) highWater() int {
	if o.HighWater > 0 {
		return o.HighWater
	}
	return defaultHighWater
}

// closeTimeout always has a bound, because nothing else would end a connection that the caller
// has closed.
func (o *Options) closeTimeout() time.Duration {
	if d := o.handshakeTimeout(); d > 0 {
		return d
	}
	return defaultHandshakeTimeout
}

func (o *Options) handshakeTimeout() time.Duration {
	if o.HandshakeTimeout == 0 {
		return defaultHandshakeTimeout
	}
	return o.HandshakeTimeout
}
