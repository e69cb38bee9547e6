//go:build unix

package reactor_test

import (
	"errors"
	"os"
	"runtime"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"asynccrypto/async"
	"asynccrypto/reactor"
)

// socketPair returns two non-blocking ends. The end of the test closes those that are still open.
func socketPair(t testing.TB) (a, b async.FD) {
	t.Helper()
	p, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	for _, fd := range p {
		if err := unix.SetNonblock(fd, true); err != nil {
			t.Fatal(err)
		}
	}
	return async.FD(p[0]), async.FD(p[1])
}

func closeFDs(fds ...async.FD) {
	for _, fd := range fds {
		unix.Close(int(fd))
	}
}

func send(t testing.TB, fd async.FD) {
	t.Helper()
	if _, err := unix.Write(int(fd), []byte{1}); err != nil {
		t.Fatal(err)
	}
}

func watchSocket(t testing.TB, l *reactor.Loop, fd async.FD, h func(reactor.Events)) *reactor.Socket {
	t.Helper()
	s, err := l.Socket(fd, h)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestSocketEvents(t *testing.T) {
	l := newLoop(t)
	a, b := socketPair(t)
	defer closeFDs(a)
	var got reactor.Events
	n := 0
	watchSocket(t, l, a, func(ev reactor.Events) { n++; got |= ev })
	turns(t, l, 3)
	if got != reactor.Writable {
		t.Errorf("the first event is %b, want Writable", got)
	}
	n, got = 0, 0
	turns(t, l, 3)
	if n != 0 {
		t.Error("called again though nothing has changed")
	}
	send(t, b)
	turns(t, l, 3)
	if got&reactor.Readable == 0 || got&reactor.HangUp != 0 {
		t.Errorf("%b, want Readable", got)
	}
	n, got = 0, 0
	turns(t, l, 3)
	if n != 0 {
		t.Error("edge-triggered, but called again")
	}
	send(t, b) // another edge, though nothing was read
	turns(t, l, 3)
	if got&reactor.Readable == 0 {
		t.Errorf("%b, want Readable", got)
	}
	closeFDs(b)
	got = 0
	turns(t, l, 3)
	if want := reactor.Readable | reactor.HangUp; got&want != want {
		t.Errorf("%b, want Readable and HangUp", got)
	}
}

// When there was no room to write, new room causes an event.
func TestSocketBecomesWritable(t *testing.T) {
	l := newLoop(t)
	a, b := socketPair(t)
	defer closeFDs(a, b)
	block := make([]byte, 1<<16)
	fill := func() {
		for {
			if _, err := unix.Write(int(a), block); err == unix.EAGAIN {
				return
			} else if err != nil {
				t.Fatal(err)
			}
		}
	}
	fill()
	var got reactor.Events
	watchSocket(t, l, a, func(ev reactor.Events) { got |= ev })
	turns(t, l, 2)
	if got&reactor.Writable != 0 {
		t.Error("writable though full")
	}
	runUntil(t, l, func(stop func()) {
		go func() {
			for {
				if _, err := unix.Read(int(b), block); err != nil {
					break
				}
			}
			l.Post(stop)
		}()
	})
	turns(t, l, 2)
	if got&reactor.Writable == 0 {
		t.Error("not writable though there is room")
	}
}

// A sleeping loop is woken by a socket.
func TestSocketWakesTheLoop(t *testing.T) {
	l := newLoop(t)
	a, b := socketPair(t)
	defer closeFDs(a, b)
	n := 0
	runUntil(t, l, func(stop func()) {
		watchSocket(t, l, a, func(ev reactor.Events) {
			if ev&reactor.Readable == 0 {
				go unix.Write(int(b), []byte{1})
				return
			}
			var buf [16]byte
			unix.Read(int(a), buf[:])
			if n++; n == 1000 {
				stop()
				return
			}
			go unix.Write(int(b), []byte{1})
		})
	})
}

func TestSocketTwice(t *testing.T) {
	l := newLoop(t)
	a, b := socketPair(t)
	defer closeFDs(a, b)
	s := watchSocket(t, l, a, func(reactor.Events) {})
	if _, err := l.Socket(a, func(reactor.Events) {}); !errors.Is(err, syscall.EEXIST) {
		t.Error(err)
	}
	s.Remove()
	s.Remove()
	watchSocket(t, l, a, func(reactor.Events) {})
}

func TestSocketThatCantBe(t *testing.T) {
	l := newLoop(t)
	for _, fd := range []async.FD{async.InvalidFD, 1 << 20} {
		if _, err := l.Socket(fd, func(reactor.Events) {}); !errors.Is(err, syscall.EBADF) {
			t.Error(fd, err)
		}
	}
	if runtime.GOOS != "linux" {
		return
	}
	f, err := os.CreateTemp(t.TempDir(), "")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := l.Socket(async.FD(f.Fd()), func(reactor.Events) {}); !errors.Is(err, syscall.EPERM) {
		t.Error(err)
	}
}

// Two sockets are ready in one turn. The one whose event comes first removes the other, whose
// event is then stale.
func TestNoEventAfterRemove(t *testing.T) {
	l := newLoop(t)
	a, b := socketPair(t)
	defer closeFDs(a, b)
	var sockets [2]*reactor.Socket
	ran := 0
	for i, fd := range []async.FD{a, b} {
		sockets[i] = watchSocket(t, l, fd, func(reactor.Events) {
			ran++
			sockets[1-i].Remove()
		})
	}
	turns(t, l, 3)
	if ran != 1 {
		t.Error(ran, "were called")
	}
}

// The same, but the fd is closed as well, and another socket gets its number at once: it gets only
// its own events.
func TestStaleEventNeverReachesAReusedFD(t *testing.T) {
	l := newLoop(t)
	a, b := socketPair(t)
	send(t, a)
	send(t, b) // both are readable
	fds := [2]async.FD{a, b}
	var stranger async.FD
	done := false
	for i, fd := range fds {
		watchSocket(t, l, fd, func(reactor.Events) {
			if done {
				return
			}
			done = true
			other := fds[1-i]
			closeFDs(other) // and not removed
			c, d := socketPair(t)
			t.Cleanup(func() { closeFDs(c, d, fd) })
			stranger = c
			if c != other && d != other {
				t.Skip("the number was not used again")
			} else if d == other {
				stranger = d
			}
			watchSocket(t, l, stranger, func(ev reactor.Events) {
				if ev&reactor.Readable != 0 {
					t.Error("the event of the closed one")
				}
			})
		})
	}
	turns(t, l, 4)
}

// A socket whose fd was closed by its owner is removed late, when another socket has the number:
// that one stays watched.
func TestLateRemoveSparesAReusedFD(t *testing.T) {
	l := newLoop(t)
	a, b := socketPair(t)
	old := watchSocket(t, l, a, func(reactor.Events) { t.Error("the closed one") })
	closeFDs(a)
	c, d := socketPair(t)
	defer closeFDs(b, c, d)
	if c != a {
		t.Skip("the number was not used again")
	}
	var got reactor.Events
	watchSocket(t, l, c, func(ev reactor.Events) { got |= ev })
	old.Remove()
	turns(t, l, 2)
	send(t, d)
	turns(t, l, 2)
	if got&reactor.Readable == 0 {
		t.Errorf("%b, want Readable", got)
	}
}

// Two sockets are ready in one turn, and the function called first closes the loop, or panics.
// After Close the other is not called. After the panic the next Run calls it, though its edge has
// gone by.
func TestCloseOrPanicAmongEvents(t *testing.T) {
	for _, closes := range []bool{true, false} {
		l := newLoop(t)
		a, b := socketPair(t)
		defer closeFDs(a, b)
		calls := 0
		h := func(reactor.Events) {
			if calls++; calls > 1 {
				return
			}
			if closes {
				l.Close()
			} else {
				panic("boom")
			}
		}
		watchSocket(t, l, a, h)
		watchSocket(t, l, b, h)
		func() {
			defer func() { recover() }()
			l.Run(t.Context())
		}()
		if closes {
			if calls != 1 {
				t.Error("called after Close")
			}
			continue
		}
		turns(t, l, 2)
		if calls != 2 {
			t.Error("called", calls, "times")
		}
	}
}

// More sockets are ready at once than one call of the system returns.
func TestManySockets(t *testing.T) {
	l := newLoop(t)
	const n = 400
	seen := make([]int, n)
	for i := range n {
		a, b := socketPair(t)
		defer closeFDs(a, b)
		send(t, b)
		watchSocket(t, l, a, func(ev reactor.Events) {
			if ev&reactor.Readable != 0 {
				seen[i]++
			}
		})
	}
	turns(t, l, 10)
	for i, n := range seen {
		if n == 0 {
			t.Fatal("never called:", i)
		}
	}
}

// An idle socket costs at most 150 bytes besides the closure.
func TestMemoryOfASocket(t *testing.T) {
	l := newLoop(t)
	const n = 400
	var fds []async.FD
	for range n / 2 {
		a, b := socketPair(t)
		fds = append(fds, a, b)
	}
	defer closeFDs(fds...)
	h := func(reactor.Events) {}
	sockets := make([]*reactor.Socket, 0, n)
	var before, after runtime.MemStats
	runtime.GC()
	runtime.GC() // collects what earlier tests have left to finalizers
	runtime.ReadMemStats(&before)
	for _, fd := range fds {
		sockets = append(sockets, watchSocket(t, l, fd, h))
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	if each := (int64(after.HeapAlloc) - int64(before.HeapAlloc)) / n; each > 150 {
		t.Error(each, "bytes each")
	} else {
		t.Log(each, "bytes each")
	}
	runtime.KeepAlive(sockets)
}
