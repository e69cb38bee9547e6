// Package transport has the client's connections to a node of package pool: frames over a Unix
// socket or another stream, and a gRPC session over mutual TLS. Both gather requests: a goroutine of
// the connection writes, and requests that come meanwhile go in its next write.
//
// A connection ends with its first error, which [pool.Handler] gets. That error is the transport's,
// the node's refusal ([wire.RefusedError], or the status of gRPC), [wire.ErrMalformed] if the node
// breaks the protocol, or [ErrClosed]. Neither a node that stops reading nor one that says nothing
// is an error here: package pool asks its nodes for signs of life and closes the connection.
package transport

import (
	"errors"
	"fmt"
	"sync"
	"time"

	"asynccrypto/remote/internal/pool"
	"asynccrypto/remote/internal/wire"
)

// ErrClosed is the error of a connection that Close has ended.
var ErrClosed = errors.New("the connection to the key server was closed")

const (
	maxLimit = 4096      // of requests at once, however many the node's hello offers
	spare    = 16        // requests beyond the limit that Send takes: pings
	maxBatch = 64        // requests in a message of gRPC; frames that the handler gets in one call
	maxSpare = 256 << 10 // elements of an empty queue whose memory is kept
)

// lastWords is how long a node that no longer reads has to say why.
const lastWords = time.Second

// errReaderKnows is the error of write if the node has ended the connection. The reason, which may
// be a refusal, is for read to find.
var errReaderKnows = errors.New("the key server does not read")

// stream is a transport that has said its hello. T is the form in which requests wait to be written.
type stream[T any] interface {
	// encode appends r to the queue, and keeps no reference to it.
	encode(queue []T, r *wire.Request) ([]T, error)
	// write writes the queue. Only one goroutine calls it. After errReaderKnows, read returns an error
	// soon.
	write(queue []T) error
	// read waits for answers and returns those that have come, which are valid until the next call,
	// perhaps with an error. Only one goroutine calls it.
	read() ([]wire.Answer, error)
	// hangUp makes the calls of write and read return, and all later ones. It does not block.
	hangUp()
	// release frees the memory and goroutines of the stream after hangUp.
	release()
}

// conn is a [pool.Conn].
type conn[T any] struct {
	stream  stream[T]
	handler pool.Handler
	limit   int

	mu       sync.Mutex
	wake     sync.Cond // the writer's: queue is not empty, or err is set
	queue    []T
	inFlight map[uint64]struct{} // requests that wait for an answer
	err      error               // why the connection ends
}

// start starts the goroutines of a connection to a node that has said hello.
func start[T any](s stream[T], hello wire.Hello, h pool.Handler) pool.Conn {
	c := &conn[T]{
		stream:   s,
		handler:  h,
		limit:    int(min(hello.InFlight, maxLimit)),
		inFlight: make(map[uint64]struct{}),
	}
	c.wake.L = &c.mu
	written := make(chan struct{})
	go func() {
		defer close(written)
		c.writeAll()
	}()
	go func() {
		defer func() {
			c.end(errExited) // if no other error has
			<-written
			s.release()
			h.Closed(c.err) // is set, and is no longer changed
		}()
		c.readAll()
	}()
	return c
}

// errExited is the error of a connection whose reader has ended in the handler's code, as
// runtime.Goexit does.
var errExited = errors.New("a callback has ended the goroutine that read the connection")

// Limit implements [pool.Conn].
func (c *conn[T]) Limit() int { return c.limit }

// Close implements [pool.Conn].
func (c *conn[T]) Close() { c.end(ErrClosed) }

// end ends the connection because of err, if no other error has.
func (c *conn[T]) end(err error) {
	c.mu.Lock()
	first := c.err == nil
	if first {
		c.err, c.queue = err, nil
		c.wake.Signal()
	}
	c.mu.Unlock()
	if first {
		c.stream.hangUp()
	}
}

// Send implements [pool.Conn]. It takes all of the requests, or none and the connection ends.
func (c *conn[T]) Send(requests []*wire.Request) error {
	err := c.enqueue(requests)
	if err != nil {
		c.end(err)
	}
	return err
}

func (c *conn[T]) enqueue(requests []*wire.Request) (err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err != nil {
		return c.err
	}
	if len(c.inFlight)+len(requests) > c.limit+spare {
		return fmt.Errorf("more than %d requests to the key server at once", c.limit)
	}
	for _, r := range requests {
		if err := r.Check(); err != nil {
			return err
		}
		if c.queue, err = c.stream.encode(c.queue, r); err != nil {
			return err
		}
		c.inFlight[r.ID] = struct{}{}
	}
	c.wake.Signal()
	return nil
}

func (c *conn[T]) writeAll() {
	var written []T
	for {
		queue, ok := c.next(written)
		if !ok {
			return
		}
		switch err := c.stream.write(queue); err {
		case nil:
		case errReaderKnows:
			return
		default:
			c.end(err)
			return
		}
		clear(queue)
		if written = queue[:0]; cap(written) > maxSpare {
			written = nil
		}
	}
}

// next waits for requests, and returns the queue. spare is the memory of the next queue.
func (c *conn[T]) next(spare []T) (queue []T, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for len(c.queue) == 0 && c.err == nil {
		c.wake.Wait()
	}
	queue, c.queue = c.queue, spare
	return queue, c.err == nil
}

func (c *conn[T]) readAll() {
	for {
		answers, err := c.stream.read()
		known, unknown := c.take(answers)
		if len(known) > 0 {
			c.handler.Answers(known)
		}
		if err == nil {
			err = unknown
		}
		if err != nil {
			c.end(err)
			return
		}
	}
}

// take takes answers to requests in flight. At another it stops, and gives an error.
func (c *conn[T]) take(answers []wire.Answer) ([]wire.Answer, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for i := range answers {
		id := answers[i].ID
		if _, ok := c.inFlight[id]; !ok {
			return answers[:i], fmt.Errorf("%w: an answer to request %d, which does not wait for one",
				wire.ErrMalformed, id)
		}
		delete(c.inFlight, id)
	}
	return answers, nil
}
