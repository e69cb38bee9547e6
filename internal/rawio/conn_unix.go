//go:build unix

package rawio

import (
	"errors"
	"io"
	"net"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// File is a pipe or a socket of package os or net, which Go's poller waits for.
type File interface {
	io.Closer
	syscall.Conn
}

// NewConn returns a connection that reads from r and writes to w, which may be one file. It owns
// both, also if NewConn returns an error. One goroutine at a time may read and one may write. After
// Close, Read and Write return net.ErrClosed, those that are under way too.
func NewConn(r, w File) (io.ReadWriteCloser, error) {
	c := &conn{r: r, w: w}
	var err, err2 error
	c.rawR, err = r.SyscallConn()
	c.rawW, err2 = w.SyscallConn()
	if err := errors.Join(err, err2); err != nil {
		c.Close()
		return nil, err
	}
	return c, nil
}

type conn struct {
	r, w       File
	rawR, rawW syscall.RawConn
}

func (c *conn) Read(p []byte) (int, error) {
	n, ended, err := read(c.rawR, p)
	switch {
	case ended != nil: // nobody sets a deadline, so the end is Close's
		return 0, net.ErrClosed
	case err != nil:
		return 0, os.NewSyscallError("read", err)
	case n == 0 && len(p) > 0:
		return 0, io.EOF
	}
	return n, nil
}

func (c *conn) Write(p []byte) (int, error) {
	n, ended, err := write(c.rawW, p)
	if ended != nil {
		return n, net.ErrClosed
	}
	return n, os.NewSyscallError("write", err)
}

func (c *conn) Close() error {
	err := c.w.Close()
	if c.r != c.w {
		err = errors.Join(err, c.r.Close())
	}
	return err
}

// read waits until there is something to read, unless p is empty. ended is the error of the poller: a
// deadline, or the end of the file by Close.
func read(c syscall.RawConn, p []byte) (n int, ended, err error) {
	if len(p) == 0 {
		return 0, nil, nil
	}
	ended = c.Read(func(fd uintptr) bool {
		for {
			if n, err = Read(int(fd), p); err != unix.EINTR {
				return err != unix.EAGAIN
			}
		}
	})
	return n, ended, err
}

// write writes all of p, unless there is an error. n is how much it has written in any case.
func write(c syscall.RawConn, p []byte) (n int, ended, err error) {
	ended = c.Write(func(fd uintptr) bool {
		for n < len(p) {
			k, e := Write(int(fd), p[n:])
			switch e {
			case nil:
				n += k
			case unix.EINTR:
			case unix.EAGAIN:
				return false
			default:
				err = e
				return true
			}
		}
		return true
	})
	return n, ended, err
}
