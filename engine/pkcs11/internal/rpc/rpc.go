// Package rpc asks a PKCS #11 module in another process, over p11-kit's remote protocol. The other
// process is "p11-kit remote MODULE" at the end of two pipes, or a p11-kit server at the end of a
// socket. Package wire describes the protocol.
//
// If a module hangs or crashes, its connection fails, and this process goes on. The package has no
// cgo, and a call keeps no thread busy.
package rpc

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"asynccrypto/engine/pkcs11/internal/ck"
	"asynccrypto/engine/pkcs11/internal/wire"
)

// DefaultHang is the time that a call may take if Options say nothing.
const DefaultHang = 30 * time.Second

// Options say how to speak to a module.
type Options struct {
	// Hang is the longest that one call may take, from its request to the end of its answer. Then
	// the connection is closed. 0 means DefaultHang.
	Hang time.Duration
	// InitArgs is the string that C_Initialize takes in pReserved. NSS has such strings. If it is
	// empty, pReserved is NULL.
	InitArgs string
}

// ErrNoAnswer is in the error of [Dial] if the other side has ended the connection at the byte of the
// version. The process "p11-kit remote" does so if it cannot load the module.
var ErrNoAnswer = fmt.Errorf("%w before its first answer", ck.ErrEnded)

// Dial connects, agrees on the version of the protocol and calls C_Initialize. It calls connect a
// second time if the first connection ends at once, since p11-kit 0.24.0 and older answer no
// version but the oldest. When ctx is done, Dial closes the connection and returns the error of ctx.
func Dial(ctx context.Context, connect func(context.Context) (io.ReadWriteCloser, error), o Options) (ck.Conn, error) {
	c, err := dial(ctx, connect, o, wire.MaxVersion)
	if errors.Is(err, ErrNoAnswer) {
		c, err = dial(ctx, connect, o, 0)
	}
	if err != nil {
		return nil, err // not a nil *Conn in an interface
	}
	return c, nil
}

func dial(ctx context.Context, connect func(context.Context) (io.ReadWriteCloser, error), o Options, version byte) (*Conn, error) {
	rw, err := connect(ctx)
	if err != nil {
		return nil, err
	}
	stop := context.AfterFunc(ctx, func() { rw.Close() })
	c, err := newConn(rw, o, version)
	if !stop() {
		if c != nil {
			c.Close()
		}
		return nil, context.Cause(ctx)
	}
	return c, err
}

// NewConn agrees on the version of the protocol and calls C_Initialize. The connection owns rw, also
// if NewConn returns an error. Close of rw must end a Read and a Write under way.
func NewConn(rw io.ReadWriteCloser, o Options) (ck.Conn, error) {
	c, err := newConn(rw, o, wire.MaxVersion)
	if err != nil {
		return nil, err
	}
	return c, nil
}

// Conn is the [ck.Conn] of this package.
type Conn struct {
	rw      io.ReadWriteCloser
	in      *wire.Stream
	out     wire.Writer
	version byte

	hang  time.Duration
	timer *time.Timer // runs while a call is under way

	next, answered uint32 // serial numbers of the next request and the next answer
	err            error  // why the connection is of no use, or nil

	hung, closed atomic.Bool
	close        func() error // closes rw, once
}

func newConn(rw io.ReadWriteCloser, o Options, version byte) (*Conn, error) {
	c := &Conn{rw: rw, in: wire.NewStream(rw), hang: o.Hang, next: 1, answered: 1, close: sync.OnceValue(rw.Close)}
	if c.hang <= 0 {
		c.hang = DefaultHang
	}
	c.timer = time.AfterFunc(c.hang, func() {
		c.hung.Store(true)
		c.close()
	})
	defer c.done()
	if err := c.agree(version); err != nil {
		return nil, err
	}

	c.request(wire.Initialize)
	c.out.Array([]byte(wire.Magic))
	if o.InitArgs == "" {
		c.out.Byte(0)
		c.out.Array([]byte{0})
	} else {
		c.out.Byte(1)
		c.out.Array(append([]byte(o.InitArgs), 0))
	}
	c.out.End()
	if _, err := c.call(wire.Initialize); err != nil {
		c.close()
		return nil, err
	}
	return c, nil
}

// agree sends the version and reads the version that the other side has chosen.
func (c *Conn) agree(version byte) error {
	_, err := c.rw.Write([]byte{version})
	if err == nil {
		c.version, err = c.in.Byte()
	}
	if err != nil {
		if c.fail(err) == ck.ErrHung {
			return ck.ErrHung
		}
		return fmt.Errorf("%w: %w", ErrNoAnswer, err)
	}
	if c.version > version {
		return c.fail(fmt.Errorf("it speaks version %d of the protocol, and this side %d at most", c.version, version))
	}
	return nil
}

// Close closes the connection and with it the module's sessions. A call under way returns an error.
func (c *Conn) Close() error {
	c.closed.Store(true)
	return c.close()
}

// request begins the request of a call. send sends all requests, and answer reads the answers in the
// same order. After the last of them, done stops the time and wipes what was sent and received.
func (c *Conn) request(f wire.Call) {
	c.out.Request(c.next, f)
	c.next++
}

func (c *Conn) send() error {
	if c.err != nil {
		return c.err
	}
	c.timer.Reset(c.hang)
	if _, err := c.rw.Write(c.out.Bytes()); err != nil {
		return c.ended(err)
	}
	c.out.Wipe()
	return nil
}

func (c *Conn) answer(f wire.Call) (*wire.Reader, error) {
	if c.err != nil {
		return nil, c.err
	}
	serial, r, err := c.in.Next()
	switch {
	case errors.Is(err, wire.ErrTooLong):
		return nil, c.fail(err)
	case err != nil:
		return nil, c.ended(err)
	}
	expected := serial == c.answered
	c.answered++
	switch r.Response() {
	case f:
		if expected {
			return r, nil
		}
	case wire.Failed:
		if rv := r.Ulong(); expected && r.Err() == nil && rv != 0 {
			return nil, ck.Error(rv)
		}
	}
	return nil, c.fail(fmt.Errorf("an answer that is not one to %v", f))
}

func (c *Conn) done() {
	c.timer.Stop()
	c.out.Wipe()
	c.in.Wipe()
}

// call sends the requests and reads the answer to the only one.
func (c *Conn) call(f wire.Call) (*wire.Reader, error) {
	if err := c.send(); err != nil {
		return nil, err
	}
	return c.answer(f)
}

// end returns err, or the error of the connection if a result of f was malformed.
func (c *Conn) end(f wire.Call, r *wire.Reader) error {
	if err := r.Err(); err != nil {
		return c.fail(fmt.Errorf("the answer to %v: %w", f, err))
	}
	return nil
}

// ended is fail after a Read or a Write that has failed.
func (c *Conn) ended(err error) error {
	if err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	return c.fail(fmt.Errorf("%w: %w", ck.ErrEnded, err))
}

// fail closes the connection and makes its error.
func (c *Conn) fail(err error) error {
	switch {
	case c.hung.Load():
		c.err = ck.ErrHung
	case c.closed.Load():
		c.err = fmt.Errorf("the connection to the module: %w", net.ErrClosed)
	case errors.Is(err, ck.ErrEnded):
		c.err = err
	default:
		c.err = fmt.Errorf("the connection to the module: %w", err)
	}
	c.close()
	return c.err
}
