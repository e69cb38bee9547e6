package transport

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	"asynccrypto/internal/rawio"
	"asynccrypto/remote/internal/pool"
	"asynccrypto/remote/internal/wire"
)

// DialUnix connects to the node that listens on the Unix socket of the path. It returns after the
// node's hello. ctx bounds only the call.
func DialUnix(ctx context.Context, path string, h pool.Handler) (pool.Conn, error) {
	var d net.Dialer
	nc, err := d.DialContext(ctx, "unix", path)
	if ctx.Err() != nil && err != nil {
		return nil, context.Cause(ctx)
	}
	if err != nil {
		return nil, err
	}
	return Frames(ctx, nc, h)
}

// Frames speaks frames with the node at the other end of nc, which it owns: nc is closed also if
// there is an error. It returns after the node's hello. ctx bounds only the call.
func Frames(ctx context.Context, nc net.Conn, h pool.Handler) (pool.Conn, error) {
	nc = rawio.NetConn(nc)
	f := &frames{nc: nc, r: bufio.NewReaderSize(nc, 64<<10)}
	stop := context.AfterFunc(ctx, f.hangUp)
	hello, err := f.hello()
	if !stop() {
		return nil, context.Cause(ctx)
	}
	if err != nil {
		f.hangUp()
		return nil, err
	}
	return start(f, hello, h), nil
}

// frames is a [stream] of frames. Requests wait as bytes.
type frames struct {
	nc      net.Conn
	r       *bufio.Reader
	answers []wire.Answer // of the last read
}

func (f *frames) hello() (wire.Hello, error) {
	// A node that refuses every client may have closed the connection: its reason can be read.
	_ = f.write(wire.AppendHello(nil, wire.ClientHello()))
	body, err := wire.ReadFrame(f.r, wire.MaxFrame)
	if err != nil {
		return wire.Hello{}, ended(err)
	}
	hello, err := wire.ParseHello(body)
	if err != nil {
		return wire.Hello{}, err
	}
	return hello, hello.CheckServer()
}

func (f *frames) encode(queue []byte, r *wire.Request) ([]byte, error) {
	return wire.AppendRequest(queue, r)
}

func (f *frames) write(queue []byte) error {
	if _, err := f.nc.Write(queue); err != nil {
		_ = f.nc.SetReadDeadline(time.Now().Add(lastWords))
		return errReaderKnows
	}
	return nil
}

func (f *frames) read() ([]wire.Answer, error) {
	f.answers = f.answers[:0]
	for len(f.answers) == 0 || len(f.answers) < maxBatch && wire.FrameBuffered(f.r) {
		body, err := wire.ReadFrame(f.r, wire.MaxFrame)
		if err != nil {
			return f.answers, ended(err)
		}
		var a wire.Answer
		if err := wire.ParseAnswer(body, &a); err != nil {
			return f.answers, err
		}
		if err := a.Refusal(); err != nil {
			return f.answers, err
		}
		f.answers = append(f.answers, a)
	}
	return f.answers, nil
}

func (f *frames) hangUp() {
	_ = f.nc.Close()
}

func (f *frames) release() {} // hangUp has

// ended is the error of a stream that the node has ended or broken.
func ended(err error) error {
	if errors.Is(err, wire.ErrMalformed) {
		return err
	}
	return fmt.Errorf("the key server ended the connection: %w", err)
}
