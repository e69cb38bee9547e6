package keyserver

import (
	"context"
	"math"
	"runtime"
	"sync"

	"asynccrypto/remote/internal/wire"
)

const (
	// maxQueued is how many bytes of answers may wait before the server reads no further request
	// of the session. The answers to the requests under way may come on top.
	maxQueued = 256 << 10

	answerOverhead = 64 // of an answer in memory, beside its data and text
)

// session is a connection of plain frames or a stream of gRPC. Its requests come in by handle, on
// one goroutine, and its answers go out by write, on another; but handle sends the answer to a request
// that it has done by itself.
//
//	       finish                    no request is under way, all is sent
//	open ----------> finishing -----------------------------------------+
//	 |                   |                                              v
//	 +-------------------+--- end: an error, a timeout, Close -------> ended
type session struct {
	server   *Server
	client   *client
	maxFrame int // the longest answer that the client accepts
	// send sends answers, in one write if it can, and does not keep them. It returns false if it
	// cannot, after the server's WriteTimeout at the latest, and why, or nil if the client has gone.
	send    func([]reply) (ok bool, err error)
	goodbye func(err error) // tells the client why the session finishes
	// unblock makes send and the reader return.
	unblock func()

	ctx    context.Context // of requests; is done when the session has ended
	cancel context.CancelCauseFunc

	mu       sync.Mutex
	changed  sync.Cond // for write: an answer was queued, or the state or the sender has changed
	room     sync.Cond // for handle: answers were sent, or the session has ended
	state    state
	patient  bool  // finishing waits for the requests under way
	err      error // why the session finishes or has ended
	underway int   // requests without an answer in the queue
	queue    []reply
	spare    []reply // empty: the memory of the next queue
	queued   int     // bytes of answers that are not sent
	sending  bool    // one goroutine sends
}

// reply is an answer with the operation of its request.
type reply struct {
	wire.Answer
	op wire.Op
}

type state int

const (
	open state = iota
	finishing
	ended
)

// newSession returns a session whose maxFrame, send, goodbye and unblock are to be set.
func (s *Server) newSession(ctx context.Context, c *client) *session {
	ss := &session{server: s, client: c}
	ss.ctx, ss.cancel = context.WithCancelCause(ctx)
	ss.changed.L, ss.room.L = &ss.mu, &ss.mu
	return ss
}

// hello answers the hello of a client.
func (s *Server) hello(client wire.Hello) (wire.Hello, error) {
	return wire.ServerHello(client, uint32(min(uint64(s.inFlight), math.MaxUint32)))
}

// handle begins with a request, which it owns with its data. bad is the error that its transport
// found in it, or nil. last says that no further request has come with it: the goroutine has nothing
// else to do. If too many answers wait to be sent, handle waits. It returns false if the session takes
// no more requests.
func (ss *session) handle(r *wire.Request, bad error, last bool) bool {
	if !ss.begin() {
		return false
	}
	if bad == nil {
		bad = r.Check()
	}
	switch {
	case r.Op == wire.OpSign:
		stay := ss.server.onlyCaller(ss) && last
		ss.server.sign(ss.ctx, ss.client, r, bad, stay, func(a wire.Answer, here bool) { ss.answer(wire.OpSign, a, here) })
	case bad != nil:
		ss.answer(r.Op, wire.Answer{ID: r.ID, Status: wire.Bad, Text: bad.Error()}, last)
	case r.Op == wire.OpList:
		ss.answer(r.Op, ss.server.list(ss.client, r, ss.maxFrame), last)
	default:
		ss.answer(r.Op, ss.server.ping(r), last)
	}
	return true
}

func (ss *session) begin() bool {
	ss.mu.Lock()
	defer ss.mu.Unlock()
	for ss.queued >= maxQueued && ss.state != ended {
		ss.room.Wait()
	}
	if ss.state == ended || ss.state == finishing && (ss.underway == 0 || !ss.patient) {
		return false
	}
	ss.underway++
	return true
}

// answer answers a request. With here, the caller is handle, and sends the queue itself unless write is
// sending; it spares the wake of write's goroutine.
func (ss *session) answer(op wire.Op, a wire.Answer, here bool) {
	ss.enqueue(reply{a, op}, here)
	if here {
		ss.sendQueue()
	}
}

func (ss *session) enqueue(r reply, here bool) {
	ss.mu.Lock()
	defer ss.mu.Unlock()
	ss.underway--
	if ss.state == ended {
		clear(r.Data)
		return
	}
	ss.queue = append(ss.queue, r)
	ss.queued += r.size()
	if !here {
		ss.changed.Signal()
	}
}

func (r *reply) size() int { return answerOverhead + len(r.Data) + len(r.Text) }

// write sends answers until the session has ended.
func (ss *session) write() {
	for ss.wait() {
		// The other operations of a batch end at the same moment. Letting their goroutines run
		// first has all the answers go out together.
		runtime.Gosched()
		if !ss.sendQueue() {
			return
		}
	}
	if err, finishes := ss.result(); finishes {
		ss.goodbye(err)
		ss.end(err)
	}
}

// wait waits for answers. It returns false if there will be none.
func (ss *session) wait() bool {
	ss.mu.Lock()
	defer ss.mu.Unlock()
	for {
		switch {
		case ss.state == ended:
			return false
		case ss.sending: // in handle
		case len(ss.queue) > 0:
			return true
		case ss.state == finishing && (ss.underway == 0 || !ss.patient):
			return false
		}
		ss.changed.Wait()
	}
}

// sendQueue sends the queue, unless another goroutine is sending. It returns false if the session has
// ended.
func (ss *session) sendQueue() bool {
	batch := ss.take()
	if len(batch) == 0 {
		return true
	}
	ok, err := ss.send(batch)
	ss.sent(batch)
	if !ok {
		ss.end(err)
	}
	return ok
}

// take returns the queue if it can be sent now.
func (ss *session) take() []reply {
	ss.mu.Lock()
	defer ss.mu.Unlock()
	if ss.sending || ss.state == ended || len(ss.queue) == 0 {
		return nil
	}
	ss.sending = true
	batch := ss.queue
	ss.queue = ss.spare
	return batch
}

func (ss *session) sent(batch []reply) {
	ss.mu.Lock()
	defer ss.mu.Unlock()
	for i := range batch {
		ss.queued -= batch[i].size()
	}
	clear(batch)
	ss.spare = batch[:0]
	ss.sending = false
	if len(ss.queue) > 0 || ss.state != open {
		ss.changed.Signal()
	}
	ss.room.Signal()
}

// finish has the session end when its answers are sent. A patient session waits for the requests
// under way, and answers new ones meanwhile.
func (ss *session) finish(err error, patient bool) {
	ss.mu.Lock()
	defer ss.mu.Unlock()
	if ss.state == open {
		ss.state, ss.patient, ss.err = finishing, patient, err
		ss.changed.Signal()
	}
}

// end ends the session at once, and its requests.
func (ss *session) end(err error) {
	ss.mu.Lock()
	if ss.state == ended {
		ss.mu.Unlock()
		return
	}
	ss.state, ss.err = ended, err
	ss.changed.Signal()
	ss.room.Signal()
	ss.mu.Unlock()
	ss.cancel(err)
	ss.unblock()
}

// result returns why the session finishes or has ended, and whether it has not ended.
func (ss *session) result() (err error, finishes bool) {
	ss.mu.Lock()
	defer ss.mu.Unlock()
	return ss.err, ss.state != ended
}
