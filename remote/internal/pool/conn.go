package pool

import (
	"context"

	"asynccrypto/remote/internal/wire"
)

// Conn is a connection to a node. The pool calls its methods with its lock held, so none of them
// blocks or calls the [Handler].
type Conn interface {
	// Send queues requests; a goroutine of the connection writes what has gathered. The requests
	// and their data are not kept after Send has returned. An error means that the connection has
	// ended or is about to: [Handler].Closed follows.
	Send(requests []*wire.Request) error
	// Limit returns the most requests at once, of the node's hello; at least 1.
	Limit() int
	// Close ends the connection, and with it its goroutines. It does not wait for them. It may be
	// called again.
	Close()
}

// Handler is the pool's side of a connection. Its methods are called on the connection's reader
// goroutine, one after another, perhaps before [Dial] has returned.
type Handler interface {
	// Answers takes answers in any order. They, and their data, are not kept after Answers has
	// returned.
	Answers(answers []wire.Answer)
	// Closed is called once, after the last Answers, for each connection that Dial has returned. err
	// says why the connection ended.
	Closed(err error)
}

// Dial connects to addr, one of the addresses of node, and returns after the node's hello. The
// connection outlives ctx, which bounds only the call.
type Dial func(ctx context.Context, node, addr string, h Handler) (Conn, error)

// Lookup returns the addresses of a node of the configuration. The first 64 are used, so those of a name
// are best in an order that stays.
type Lookup func(ctx context.Context, node string) ([]string, error)
