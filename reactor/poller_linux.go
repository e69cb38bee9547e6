package reactor

import (
	"errors"
	"os"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// poller is an epoll instance nested in Go's own: its fd is readable when it has events. So a loop
// without work parks its goroutine as a read would, and holds neither a thread nor a P. A blocking
// epoll_wait holds both until the runtime takes the P away, and with one P it halves the
// throughput of everything else.
//
// A deadline on the file is the timer, and a deadline in the past is the wake: it makes the
// goroutine runnable without a system call, and it is safe against a file that is being closed.
type poller struct {
	file   *os.File
	raw    syscall.RawConn
	fd     int
	read   func(uintptr) bool // look, for raw.Read, made once
	events []unix.EpollEvent
	n      int
	err    error
	looked bool  // park has called look
	armed  int64 // the deadline of the file; unknown after a wake

	mu     sync.Mutex // guards the fd: no epoll_ctl after close
	closed bool
}

const (
	unknown   = -1
	maxEvents = 256
)

var past = time.Unix(1, 0)

func newPoller() (*poller, error) {
	fd, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, os.NewSyscallError("epoll_create1", err)
	}
	// os.NewFile gives only a non-blocking fd to the runtime's poller.
	if err := unix.SetNonblock(fd, true); err != nil {
		unix.Close(fd)
		return nil, os.NewSyscallError("fcntl", err)
	}
	p := &poller{file: os.NewFile(uintptr(fd), "epoll"), fd: fd, events: make([]unix.EpollEvent, maxEvents), armed: never}
	if err := p.file.SetReadDeadline(time.Time{}); err != nil {
		p.file.Close()
		return nil, err
	}
	if p.raw, err = p.file.SyscallConn(); err != nil {
		p.file.Close()
		return nil, err
	}
	p.read = p.look
	return p, nil
}

func (p *poller) close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.closed {
		p.closed = true
		p.file.Close()
	}
}

// look is epoll_wait without waiting. It returns true if there are events or an error.
func (p *poller) look(uintptr) bool {
	p.looked = true
	for {
		p.n, p.err = epollNow(p.fd, p.events)
		if p.err != unix.EINTR {
			break
		}
	}
	if p.err != nil {
		p.n = 0
	}
	return p.n > 0 || p.err != nil
}

// poll returns the number of events, without waiting.
func (p *poller) poll(uint32) (int, error) {
	p.look(0)
	return p.n, os.NewSyscallError("epoll_wait", p.err)
}

// prepare sets the deadline of the next park. The loop calls it before it stores asleep.
func (p *poller) prepare(base time.Time, when int64) {
	if when == p.armed {
		return
	}
	t := time.Time{}
	if when != never {
		t = base.Add(time.Duration(when))
	}
	p.file.SetReadDeadline(t)
	p.armed = when
}

// park waits until there are events, the deadline has passed or wake was called.
func (p *poller) park(uint32) (int, error) {
	p.n, p.err, p.looked = 0, nil, false
	if err := p.raw.Read(p.read); errors.Is(err, os.ErrDeadlineExceeded) {
		p.armed = unknown
		if p.looked {
			return 0, nil
		}
		p.look(0) // the deadline had passed before; a timer that is always due must not hide events
	} else if err != nil {
		return 0, err
	}
	return p.n, os.NewSyscallError("epoll_wait", p.err)
}

// wake ends park, or the next park. Any goroutine may call it, also after close.
func (p *poller) wake() { p.file.SetReadDeadline(past) }

// add watches fd: with edges both ways for a socket, otherwise as long as it is readable.
func (p *poller) add(fd int, serial uint32, socket, known bool) error {
	ev := unix.EpollEvent{Events: unix.EPOLLIN, Fd: int32(fd), Pad: int32(serial)}
	if socket {
		ev.Events |= unix.EPOLLOUT | unix.EPOLLRDHUP | unix.EPOLLET
	}
	err := p.ctl(unix.EPOLL_CTL_ADD, fd, &ev)
	if err != unix.EEXIST {
		return err
	}
	if known {
		return errWatched
	}
	// The file had its fd closed and then was removed, while a dup kept it open. Now it has its
	// number again.
	return p.ctl(unix.EPOLL_CTL_MOD, fd, &ev)
}

// remove stops watching fd. The file may be gone already.
func (p *poller) remove(fd int, _ bool) { p.ctl(unix.EPOLL_CTL_DEL, fd, nil) }

func (p *poller) ctl(op, fd int, ev *unix.EpollEvent) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return ErrClosed
	}
	return unix.EpollCtl(p.fd, op, fd, ev)
}

// event returns the i-th event of the last poll or park.
func (p *poller) event(i int) (fd int, ev Events) {
	e := &p.events[i]
	if e.Events&unix.EPOLLIN != 0 {
		ev |= Readable
	}
	if e.Events&unix.EPOLLOUT != 0 {
		ev |= Writable
	}
	if e.Events&unix.EPOLLRDHUP != 0 {
		ev |= Readable | HangUp
	}
	if e.Events&(unix.EPOLLHUP|unix.EPOLLERR) != 0 {
		ev |= Readable | Writable | HangUp
	}
	return int(e.Fd), ev
}

// isFor reports whether the i-th event belongs to the registration with that serial.
func (p *poller) isFor(i int, serial uint32) bool { return uint32(p.events[i].Pad) == serial }
