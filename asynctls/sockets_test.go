//go:build unix

package asynctls_test

import (
	"bytes"
	"errors"
	"io"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"asynccrypto/async"
	"asynccrypto/asynctls"
	"asynccrypto/asynctls/internal/tlstest"
)

// Both sides of a connection over sockets, on one goroutine. Flush sends the output that they
// hold, and Close closes the fds.
func TestConnOverSockets(t *testing.T) {
	sc, cc := tlstest.Configs(t, tlstest.NewEngine(t))
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	var files [2]unix.Stat_t
	for i, fd := range fds {
		if err := unix.SetNonblock(fd, true); err != nil {
			t.Fatal(err)
		}
		if err := unix.Fstat(fd, &files[i]); err != nil {
			t.Fatal(err)
		}
	}
	a, b := asynctls.NewSocket(async.FD(fds[0])), asynctls.NewSocket(async.FD(fds[1]))
	o := &asynctls.Options{Pool: newPool(t, 0)}
	s, c := asynctls.NewServerConn(a, sc, o), asynctls.NewClientConn(b, cc, o)
	defer s.Abort()
	defer c.Abort()
	wakes := chanOfOne()
	s.SetAsyncCallback(func(any) { wakes <- struct{}{} }, nil)
	for {
		sErr, cErr := s.Handshake(), c.Handshake()
		if sErr == nil && cErr == nil {
			break
		}
		if sErr != nil && !asynctls.Wants(sErr) || cErr != nil && !asynctls.Wants(cErr) {
			t.Fatal(sErr, cErr)
		}
		if sErr == asynctls.ErrWantAsync {
			<-wakes
		}
	}
	sent := bytes.Repeat([]byte("0123456789"), 100_000) // more than a socket and the HighWater hold
	for _, d := range []struct {
		from, to *asynctls.Conn
		sock     *asynctls.Socket
	}{{c, s, b}, {s, c, a}} {
		var got []byte
		buf, wanted := make([]byte, 4096), false
		for rest := sent; len(got) < len(sent); {
			n, err := d.from.Write(rest)
			if rest = rest[n:]; err == asynctls.ErrWantWrite {
				wanted = true
			} else if err != nil {
				t.Fatal(n, err)
			}
			if err := d.sock.Flush(); err != nil {
				t.Fatal(err)
			}
			for err = nil; err == nil; got = append(got, buf[:n]...) {
				n, err = d.to.Read(buf)
			}
			if err != asynctls.ErrWantRead {
				t.Fatal(err)
			}
		}
		if !bytes.Equal(got, sent) || !wanted {
			t.Error("other bytes have come, or Write wanted nothing:", wanted)
		}
	}
	if err := c.Close(); err != nil {
		t.Error(err)
	}
	if n, err := s.Read(make([]byte, 1)); n != 0 || err != io.EOF {
		t.Error(n, err)
	}
	s.Close()
	for i, fd := range fds {
		var now unix.Stat_t
		if err := unix.Fstat(fd, &now); err == nil && now.Ino == files[i].Ino && now.Dev == files[i].Dev {
			t.Error("the fd is open")
		}
	}
}

// A Socket's calls bypass Go's scheduler on Linux. Errors and short writes must come out as
// those of other calls do.
func TestSocketErrors(t *testing.T) {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	for _, fd := range fds {
		if err := unix.SetNonblock(fd, true); err != nil {
			t.Fatal(err)
		}
	}
	a, b := asynctls.NewSocket(async.FD(fds[0])), asynctls.NewSocket(async.FD(fds[1]))
	defer a.Close()
	buf := make([]byte, 4096)
	if n, err := a.Read(buf); n != 0 || err != error(asynctls.ErrWouldBlock) {
		t.Fatal(n, err)
	}
	sent := bytes.Repeat([]byte("0123456789"), 100_000) // more than a socket holds
	if n, err := a.Write(sent); n != len(sent) || err != nil || a.Buffered() == 0 {
		t.Fatal(n, err, a.Buffered())
	}
	var got []byte
	for len(got) < len(sent) {
		n, err := b.Read(buf)
		if err == error(asynctls.ErrWouldBlock) {
			err = a.Flush()
		}
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, buf[:n]...)
	}
	if !bytes.Equal(got, sent) || a.Buffered() != 0 {
		t.Error("other bytes have come, or some are held")
	}
	b.Close()
	if n, err := a.Read(buf); n != 0 || err != io.EOF {
		t.Error(n, err)
	}
	if _, err := a.Write(sent); !errors.Is(err, unix.EPIPE) {
		t.Error(err)
	}
	if _, err := a.Read(nil); err != nil {
		t.Error(err)
	}
}

// An fd that blocks, as os.File's Fd gives it, would keep a whole processor of Go's from
// everything else, the garbage collector's stop included.
func TestSocketOfABlockingFD(t *testing.T) {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fds[1])
	s := asynctls.NewSocket(async.FD(fds[0]))
	defer s.Close()
	defer time.AfterFunc(time.Minute, func() { unix.Shutdown(fds[1], unix.SHUT_RDWR) }).Stop()
	if n, err := s.Read(make([]byte, 10)); n != 0 || err != error(asynctls.ErrWouldBlock) {
		t.Error(n, err)
	}
	if n, err := s.Write(make([]byte, 4<<20)); n != 4<<20 || err != nil || s.Buffered() == 0 {
		t.Error(n, err, s.Buffered())
	}
}
