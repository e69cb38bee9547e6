package keyserver

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"net"
	"os"
	"time"

	"asynccrypto/internal/rawio"
	"asynccrypto/remote/internal/allow"
	"asynccrypto/remote/internal/wire"
)

const (
	readBuffer = 8 << 10
	// maxWriteBuffer is the memory for answers that a connection keeps between writes.
	maxWriteBuffer = 64 << 10
	// maxHello bounds the first frame. Hellos of later versions are longer than ours.
	maxHello = 1 << 10
)

// ServeConn serves one connection of plain frames until it ends, and closes it. The caller vouches
// for the client: to the allow file it is uid. The connection may be of any kind, such as one end
// of [net.Pipe].
//
// The error is nil if the client has closed the connection, [ErrClosed] after [Server.Shutdown] or
// [Server.Close], and otherwise names the client's fault.
func (s *Server) ServeConn(conn net.Conn, uid uint32) error {
	defer conn.Close()
	c, ok := s.enter(allow.UnixPeer(uid), sessionHold)
	if !ok {
		err := fmt.Errorf("keyserver: the client has %d connections, which is the most", s.conns)
		_ = s.sayGoodbye(conn, wire.Busy, fmt.Sprintf("the client has %d connections, which is the most", s.conns))
		return err
	}
	defer s.leave(c, sessionHold)
	ss := s.newSession(s.ctx, c)
	raw := rawio.NetConn(conn)
	f := &frames{server: s, conn: raw, reader: bufio.NewReaderSize(raw, readBuffer), holds: raw != conn}
	ss.send, ss.goodbye, ss.unblock = f.send, f.goodbye, func() { _ = conn.Close() }
	if !s.begin(ss) {
		_ = s.sayGoodbye(conn, wire.Unavailable, shutsDown)
		ss.end(ErrClosed)
		return ErrClosed
	}
	defer s.done(ss)
	return f.serve(ss)
}

// sayGoodbye sends the last answer of a connection.
func (s *Server) sayGoodbye(conn net.Conn, status wire.Status, text string) error {
	_ = conn.SetWriteDeadline(time.Now().Add(s.writeTimeout))
	_, err := conn.Write(wire.AppendAnswer(nil, &wire.Answer{Status: status, Text: text}))
	return err
}

// frames is a connection of plain frames.
type frames struct {
	server *Server
	conn   net.Conn
	reader *bufio.Reader
	buffer []byte // of send
	// holds says that the connection holds some answers, as sockets do, so that the goroutine that
	// reads may send one. On a net.Pipe it would wait for a client that is still writing.
	holds bool
}

// serve serves a session. When it returns, the session's goroutine and its requests have ended, but
// for those that wait for the audit log.
func (f *frames) serve(ss *session) error {
	if ok, err := f.hello(ss); !ok {
		ss.end(err)
		return err
	}
	written := make(chan struct{})
	go func() {
		defer close(written)
		ss.write()
	}()
	switch err := f.read(ss); {
	case errors.Is(err, wire.ErrMalformed):
		ss.finish(fmt.Errorf("keyserver: %w", err), false)
	case err != nil:
		ss.end(nil) // the client has gone
	}
	<-written
	err, _ := ss.result()
	return err
}

// hello exchanges the first frames. It returns false if that fails, and why, or nil if the client
// has gone.
func (f *frames) hello(ss *session) (ok bool, err error) {
	_ = f.conn.SetDeadline(time.Now().Add(f.server.writeTimeout))
	body, err := wire.ReadFrame(f.reader, maxHello)
	if err != nil && !errors.Is(err, wire.ErrMalformed) {
		return false, f.failed("sends no hello", err)
	}
	var client, answer wire.Hello
	if err == nil {
		client, err = wire.ParseHello(body)
	}
	if err == nil {
		answer, err = f.server.hello(client)
	}
	if err != nil {
		err = fmt.Errorf("keyserver: hello: %w", err)
		f.goodbye(err)
		return false, err
	}
	ss.maxFrame = int(min(client.MaxFrame, wire.MaxFrame))
	if _, err := f.conn.Write(wire.AppendHello(nil, answer)); err != nil {
		return false, f.failed("does not read", err)
	}
	_ = f.conn.SetDeadline(time.Time{})
	return true, nil
}

// failed returns the error of a connection for an error of the transport: nil, unless the client
// was too slow.
func (f *frames) failed(what string, err error) error {
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return fmt.Errorf("keyserver: the client %s: closed after %v", what, f.server.writeTimeout)
	}
	return nil
}

// read handles requests until the session takes no more, or with an error.
func (f *frames) read(ss *session) error {
	for {
		body, err := wire.ReadFrame(f.reader, wire.MaxFrame)
		if err != nil {
			return err
		}
		r := new(wire.Request)
		if err := wire.ParseRequest(body, r); err != nil {
			return err
		}
		r.Data = bytes.Clone(r.Data) // body is valid until the next read
		if !ss.handle(r, nil, f.holds && !wire.FrameBuffered(f.reader)) {
			return nil
		}
	}
}

// send writes the frames of all answers in one write.
func (f *frames) send(replies []reply) (ok bool, err error) {
	b := f.buffer[:0]
	for i := range replies {
		b = wire.AppendAnswer(b, &replies[i].Answer)
	}
	_ = f.conn.SetWriteDeadline(time.Now().Add(f.server.writeTimeout))
	_, err = f.conn.Write(b)
	if cap(b) <= maxWriteBuffer {
		f.buffer = b
	}
	return err == nil, f.failed("does not read its answers", err)
}

func (f *frames) goodbye(err error) {
	status, text := wire.Bad, ""
	if errors.Is(err, ErrClosed) {
		status, text = wire.Unavailable, shutsDown
	} else if err != nil {
		text = err.Error()
	}
	_ = f.server.sayGoodbye(f.conn, status, text)
}
