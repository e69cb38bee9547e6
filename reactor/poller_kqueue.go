//go:build darwin || dragonfly || freebsd || netbsd || openbsd

package reactor

import (
	"os"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// poller is a kqueue, and a pipe to wake it with, because not all of these systems have
// EVFILT_USER. It waits in kevent, and so holds a thread while the loop sleeps. Nesting a kqueue
// in the runtime's poller, as on Linux, would need a non-blocking kqueue, which some of these
// systems refuse.
//
// A kqueue forgets an fd as soon as its owner closes it. So an event is stale only if its
// registration is younger than the batch that the event came with.
type poller struct {
	kq, r, w int
	events   []unix.Kevent_t
	fetched  uint32 // the last serial when events was filled
	until    time.Time

	mu     sync.Mutex // guards the fds: none is used after close
	closed bool
}

const maxEvents = 256

func newPoller() (*poller, error) {
	p := &poller{r: -1, w: -1, events: make([]unix.Kevent_t, maxEvents)}
	syscall.ForkLock.RLock() // no child may inherit the fds before they are marked close-on-exec
	kq, err := unix.Kqueue()
	if err != nil {
		syscall.ForkLock.RUnlock()
		return nil, os.NewSyscallError("kqueue", err)
	}
	unix.CloseOnExec(kq)
	p.kq = kq
	var ends [2]int
	if err = unix.Pipe(ends[:]); err == nil {
		unix.CloseOnExec(ends[0])
		unix.CloseOnExec(ends[1])
		p.r, p.w = ends[0], ends[1]
	}
	syscall.ForkLock.RUnlock()
	if err != nil {
		p.close()
		return nil, os.NewSyscallError("pipe", err)
	}
	for _, end := range ends {
		if err := unix.SetNonblock(end, true); err != nil {
			p.close()
			return nil, os.NewSyscallError("fcntl", err)
		}
	}
	if err := p.change(p.r, unix.EVFILT_READ, unix.EV_ADD|unix.EV_CLEAR); err != nil {
		p.close()
		return nil, os.NewSyscallError("kevent", err)
	}
	return p, nil
}

func (p *poller) close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return
	}
	p.closed = true
	unix.Close(p.kq)
	if p.r >= 0 {
		unix.Close(p.r)
		unix.Close(p.w)
	}
}

// poll returns the number of events, without waiting. serial is that of the last registration.
func (p *poller) poll(serial uint32) (int, error) { return p.wait(serial, new(unix.Timespec)) }

// prepare sets the deadline of the next park. The loop calls it before it stores asleep.
func (p *poller) prepare(base time.Time, when int64) {
	p.until = time.Time{}
	if when != never {
		p.until = base.Add(time.Duration(when))
	}
}

// park waits until there are events, the deadline has passed or wake was called.
func (p *poller) park(serial uint32) (int, error) {
	if p.until.IsZero() {
		return p.wait(serial, nil)
	}
	// Some of these systems refuse a timeout of years.
	t := unix.NsecToTimespec(int64(min(max(0, time.Until(p.until)), time.Hour)))
	return p.wait(serial, &t)
}

func (p *poller) wait(serial uint32, timeout *unix.Timespec) (int, error) {
	n, err := unix.Kevent(p.kq, nil, p.events, timeout)
	if err == unix.EINTR {
		return 0, nil
	} else if err != nil {
		return 0, os.NewSyscallError("kevent", err)
	}
	p.fetched = serial
	for i := range p.events[:n] {
		if int(p.events[i].Ident) == p.r { // no registration has this fd, so the event does nothing else
			var b [64]byte
			for got := len(b); got == len(b); {
				got, _ = unix.Read(p.r, b[:])
			}
		}
	}
	return n, nil
}

// wake ends park, or the next park. Any goroutine may call it, also after close.
func (p *poller) wake() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.closed {
		unix.Write(p.w, []byte{1}) // a full pipe wakes too
	}
}

// add watches fd: with edges both ways for a socket, otherwise as long as it is readable.
func (p *poller) add(fd int, _ uint32, socket, known bool) error {
	if known && p.change(fd, unix.EVFILT_READ, unix.EV_ENABLE) == nil {
		return errWatched // if this fails fd was closed, and is another file now
	}
	if !socket {
		return p.change(fd, unix.EVFILT_READ, unix.EV_ADD)
	}
	if err := p.change(fd, unix.EVFILT_READ, unix.EV_ADD|unix.EV_CLEAR); err != nil {
		return err
	}
	// This fails for an fd that only reads, such as one end of a pipe.
	p.change(fd, unix.EVFILT_WRITE, unix.EV_ADD|unix.EV_CLEAR)
	return nil
}

// remove stops watching fd. The file may be gone already.
func (p *poller) remove(fd int, socket bool) {
	p.change(fd, unix.EVFILT_READ, unix.EV_DELETE)
	if socket {
		p.change(fd, unix.EVFILT_WRITE, unix.EV_DELETE)
	}
}

func (p *poller) change(fd, filter, flags int) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return ErrClosed
	}
	var k [1]unix.Kevent_t
	unix.SetKevent(&k[0], fd, filter, flags)
	for {
		if _, err := unix.Kevent(p.kq, k[:], nil, nil); err != unix.EINTR {
			return err
		}
	}
}

// event returns the i-th event of the last poll or park.
func (p *poller) event(i int) (fd int, ev Events) {
	e := &p.events[i]
	if int(e.Filter) == unix.EVFILT_READ {
		ev = Readable
	} else {
		ev = Writable
	}
	if uint32(e.Flags)&(unix.EV_EOF|unix.EV_ERROR) != 0 {
		ev |= Readable | HangUp
	}
	return int(e.Ident), ev
}

// isFor reports whether the i-th event belongs to the registration with that serial.
func (p *poller) isFor(_ int, serial uint32) bool { return int32(p.fetched-serial) >= 0 }
