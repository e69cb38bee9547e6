package reactor

import (
	"fmt"

	"asynccrypto/async"
)

// Events is the set of events for which an fd has become ready.
type Events uint8

const (
	Readable Events = 1 << iota // there is data to read, or the end, or an error
	Writable                    // there is room, or an error
	HangUp                      // the end, or an error: read to learn which; Readable is set too
)

// Socket is an fd that a loop watches.
type Socket struct {
	registration
	l *Loop
}

// Socket watches an fd, edge-triggered: h runs on the loop when the fd becomes ready, and does not
// run again while the fd stays ready. So read, and write, until the system returns EAGAIN, or
// remember that the fd may still be ready. The first event comes with the next turn and reports
// the state at that time. An event may be reported twice, and after Readable there may be nothing
// to read.
//
// The caller still owns the fd, which should be non-blocking and may be in one Socket of a loop at
// most. The error is [ErrClosed], or wraps the system's error: syscall.EEXIST for an fd that is
// watched already, EPERM for a regular file, which is always ready. Go's own poller watches the fd
// of a [net.Conn]. To watch a net.Conn, make a duplicate with its File method, call Fd, set that
// fd to non-blocking, and close the net.Conn.
func (l *Loop) Socket(fd async.FD, h func(Events)) (*Socket, error) {
	s := &Socket{registration{event: h}, l}
	if err := l.watch(fd, &s.registration, true); err == ErrClosed {
		return nil, err
	} else if err != nil {
		return nil, fmt.Errorf("reactor: socket %d: %w", fd, err)
	}
	return s, nil
}

// Remove ends the watch: h is not called again, not even for events that this turn has already
// received. Close the fd after Remove. Closing it before is safe only if nothing else keeps the
// file open, such as a dup or a child process: Linux goes on reporting such a file. Called again,
// Remove does nothing.
func (s *Socket) Remove() { s.l.unwatch(&s.registration, true) }
