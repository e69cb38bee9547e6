package reactor

import (
	"fmt"

	"asynccrypto/async"
)

// Events says what an fd has become ready for.
type Events uint8

const (
	Readable Events = 1 << iota // there is something to read, or the end, or an error
	Writable                    // there is room, or an error
	HangUp                      // the other side has closed, or there is an error; Readable comes with it: read on to learn which
)

// Socket is an fd that a loop watches.
type Socket struct {
	registration
	l *Loop
}

// Socket watches an fd, edge-triggered: h runs on the loop when the fd has become ready for something, not as long as it
// is. So read, and write, until the system says EAGAIN, or remember that you have not. The first event comes with the
// next turn and tells the state then. An event may be told twice, and Readable may turn out to be nothing.
//
// The fd stays the caller's, should be non-blocking, and is in one Socket of a loop at most. The error is ErrClosed, or
// wraps what the system says: syscall.EEXIST for an fd that is watched already, EPERM for a file, which is always ready.
// That of a net.Conn is in the care of Go's own poller: watch a duplicate, as its File method makes, set to non-blocking
// after the call of Fd, and close the net.Conn.
func (l *Loop) Socket(fd async.FD, h func(Events)) (*Socket, error) {
	s := &Socket{registration{event: h}, l}
	if err := l.watch(fd, &s.registration, true); err == ErrClosed {
		return nil, err
	} else if err != nil {
		return nil, fmt.Errorf("reactor: socket %d: %w", fd, err)
	}
	return s, nil
}

// Remove ends the watch: h is not called again, not even for what this turn has already brought. Close the fd after it,
// or before it if nothing else keeps the file open, such as a dup or a child process; Linux goes on reporting such a
// file. Removing twice does nothing.
func (s *Socket) Remove() { s.l.unwatch(&s.registration, true) }
