package reactor

import (
	"errors"
	"os"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// poller is an epoll instance nested in Go's own: its fd is readable when it has events, so a loop without work parks
// its goroutine as a read would, and holds neither a thread nor a P. A blocking epoll_wait holds both until the runtime
// takes the P away, and with one P halves the throughput of everything else.
//
// A deadline on the file is the timer; and a deadline in the past is the wake: it readies the goroutine without a
// system call, and is safe against a file that is being closed.
type poller struct {
	file   *os.File
	raw    syscall.RawConn
	fd     int
	read   func(uintptr) bool // look, for raw.Read, made once
	events []unix.EpollEvent
	n      int
	err    error
	looked bool  // by park
	armed  int64 // the deadline that the file has; unknown after a wake

	mu     sync.Mutex // no epoll_ctl on a number that Close has given back
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
	if err := unix.SetNonblock(fd, true); err != nil { // else os.NewFile does not give it to the runtime's poller
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

// look is epoll_wait without waiting; it is true when there is something to return with.
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

// poll returns how many events there are.
func (p *poller) poll(uint32) (int, error) {
	p.look(0)
	return p.n, os.NewSyscallError("epoll_wait", p.err)
}

// prepare is called before the loop says that it sleeps.
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

// park returns when there are events, the deadline has passed or wake was called.
func (p *poller) park(uint32) (int, error) {
	p.n, p.err, p.looked = 0, nil, false
	if err := p.raw.Read(p.read); errors.Is(err, os.ErrDeadlineExceeded) {
		p.armed = unknown
		if p.looked {
			return 0, nil
		}
		p.look(0) // the deadline had passed before; a timer that is always due must not hide what the fds report
	} else if err != nil {
		return 0, err
	}
	return p.n, os.NewSyscallError("epoll_wait", p.err)
}

// wake ends park, or the next one. Any goroutine may call it, also after close.
func (p *poller) wake() { p.file.SetReadDeadline(past) }

// add watches fd, with edges both ways for a socket, as long as it is readable else.
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
	// A file that was removed after its fd had been closed, and which a dup kept open, has come back to its number.
	return p.ctl(unix.EPOLL_CTL_MOD, fd, &ev)
}

// remove does not mind if the file has gone.
func (p *poller) remove(fd int, _ bool) { p.ctl(unix.EPOLL_CTL_DEL, fd, nil) }

func (p *poller) ctl(op, fd int, ev *unix.EpollEvent) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return ErrClosed
	}
	return unix.EpollCtl(p.fd, op, fd, ev)
}

// event is the i-th that poll or park brought.
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

// isFor reports whether the i-th event is of the registration with that serial.
func (p *poller) isFor(i int, serial uint32) bool { return uint32(p.events[i].Pad) == serial }
