package reactor

import (
	"syscall"

	"asynccrypto/async"
)

// errWatched is the error of the poller for an fd that it already watches.
const errWatched = syscall.EEXIST

// registration is a watched fd: the part that a Socket and a waitFD share.
type registration struct {
	event  func(Events)
	fd     int32
	serial uint32
}

// fdTable holds the registrations by fd number. An owner may close an fd without notice. The
// system then forgets it, and the number can come back as another file while the old entry is
// still in the table. The serial tells them apart: it goes to the system and comes back with the
// event.
type fdTable struct {
	list   []*registration
	serial uint32 // of the last registration
}

func (t *fdTable) at(fd async.FD) *registration {
	if uint64(fd) >= uint64(len(t.list)) {
		return nil
	}
	return t.list[fd]
}

// watch registers fd. errWatched means that this very file is registered already. An entry for a
// file that is gone is replaced.
func (l *Loop) watch(fd async.FD, r *registration, socket bool) error {
	if l.closed.Load() {
		return ErrClosed
	}
	if fd == async.InvalidFD || int(fd) < 0 {
		return syscall.EBADF
	}
	serial := l.fds.serial + 1
	if err := l.poller.add(int(fd), serial, socket, l.fds.at(fd) != nil); err != nil {
		return err
	}
	l.fds.serial = serial
	for int(fd) >= len(l.fds.list) {
		l.fds.list = append(l.fds.list, nil)
	}
	r.fd, r.serial = int32(fd), serial
	l.fds.list[fd] = r
	return nil
}

// unwatch undoes watch, unless the number belongs to another file by now, which must stay
// registered.
func (l *Loop) unwatch(r *registration, socket bool) {
	if fd := async.FD(r.fd); l.fds.at(fd) == r {
		l.fds.list[fd] = nil
		l.poller.remove(int(fd), socket)
	}
}

// runEvents calls the functions for the events that the poller returned.
func (l *Loop) runEvents() {
	for l.event < l.events && !l.closed.Load() {
		i := l.event
		l.event++
		fd, ev := l.poller.event(i)
		if uint(fd) >= uint(len(l.fds.list)) {
			continue
		}
		if r := l.fds.list[fd]; r != nil && l.poller.isFor(i, r.serial) {
			r.event(ev)
		}
	}
}
