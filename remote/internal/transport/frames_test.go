package transport

import (
	"bufio"
	"context"
	"errors"
	"net"
	"path/filepath"
	"strings"
	"testing"

	"asynccrypto/internal/testwait"
	"asynccrypto/remote/internal/pool"
	"asynccrypto/remote/internal/wire"
)

// dialRaw connects to a node that runs serve.
func dialRaw(t testing.TB, serve func(net.Conn)) dialer {
	path := filepath.Join(socketDir(t), "s")
	listenRaw(t, path, serve)
	return func(ctx context.Context, h pool.Handler) (pool.Conn, error) { return DialUnix(ctx, path, h) }
}

// rawHello is the node's hello, after which the client's comes or has come.
func rawHello(t testing.TB, nc net.Conn) *framePeer {
	p := &framePeer{nc, bufio.NewReader(nc), t.Context()}
	if err := greeting(func(peer) error { return nil })(p); err != nil {
		t.Error(err)
	}
	return p
}

func TestGarbageInPlaceOfHello(t *testing.T) {
	for name, text := range map[string]string{
		"a web server":      "HTTP/1.1 400 Bad Request\r\n\r\n",
		"an empty frame":    "\x00\x00\x00\x00",
		"a short frame":     "\x00\x00\x00\x01x",
		"a frame that ends": "\x00\x00\x00\x10AKSP",
		"nothing":           "",
	} {
		t.Run(name, func(t *testing.T) {
			checkLeaks(t)
			dial := dialRaw(t, func(nc net.Conn) { _, _ = nc.Write([]byte(text)) })
			if _, err := dial(t.Context(), newRecorder()); err == nil {
				t.Error("connected")
			}
		})
	}
}

func TestGarbageInPlaceOfAnswers(t *testing.T) {
	for name, text := range map[string]string{
		"a frame that is too long": "\x00\x04\x00\x01",
		"a huge frame":             "\xff\xff\xff\xff",
		"an empty frame":           "\x00\x00\x00\x00",
		"a short answer":           "\x00\x00\x00\x01x",
	} {
		t.Run(name, func(t *testing.T) {
			checkLeaks(t)
			h := newRecorder()
			mustDial(t, dialRaw(t, func(nc net.Conn) {
				p := rawHello(t, nc)
				_, _ = nc.Write([]byte(text))
				p.ended()
			}), h)
			if err := testwait.Receive(t, "Closed", h.closed); !errors.Is(err, wire.ErrMalformed) {
				t.Errorf("closed: %v", err)
			}
		})
	}
}

func TestRefusalInPlaceOfHello(t *testing.T) {
	checkLeaks(t)
	dial := dialRaw(t, func(nc net.Conn) {
		_, _ = nc.Write(wire.AppendAnswer(nil, &wire.Answer{Status: wire.Busy, Text: "too many connections"}))
	})
	_, err := dial(t.Context(), newRecorder())
	var refused *wire.RefusedError
	if !errors.As(err, &refused) || refused.Status != wire.Busy {
		t.Errorf("%v", err)
	}
}

// The reason is not lost if the client finds the connection broken while it writes.
func TestRefusalWhileTheClientWrites(t *testing.T) {
	checkLeaks(t)
	h := newRecorder()
	refused := make(chan bool)
	c := mustDial(t, dialRaw(t, func(nc net.Conn) {
		p := rawHello(t, nc)
		if _, err := p.requests(); err != nil {
			t.Error(err)
		}
		_ = p.answer(wire.Answer{ID: 0, Status: wire.Denied, Text: "certificate expired"})
		_ = nc.Close()
		close(refused)
	}), h)
	if err := c.Send([]*wire.Request{signRequest(1, nil)}); err != nil {
		t.Fatal(err)
	}
	<-refused
	_ = c.Send([]*wire.Request{signRequest(2, nil)}) // a write to a socket that is closed, perhaps
	err := testwait.Receive(t, "Closed", h.closed)
	var why *wire.RefusedError
	if !errors.As(err, &why) || why.Text != "certificate expired" {
		t.Errorf("closed: %v", err)
	}
}

func TestFramesOverAPipe(t *testing.T) {
	checkLeaks(t)
	client, node := net.Pipe()
	served := make(chan error, 1)
	go func() { served <- greeting(echo)(&framePeer{node, bufio.NewReader(node), t.Context()}) }()
	h := newRecorder()
	c, err := Frames(t.Context(), client, h)
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Send([]*wire.Request{signRequest(1, []byte("m")), signRequest(2, []byte("n"))}); err != nil {
		t.Fatal(err)
	}
	testwait.Receive(t, "an answer", h.answers)
	testwait.Receive(t, "an answer", h.answers)
	c.Close()
	if err := testwait.Receive(t, "Closed", h.closed); err != ErrClosed {
		t.Errorf("closed: %v", err)
	}
	if err := testwait.Receive(t, "the node's end", served); err == nil {
		t.Error("the node did not see the end")
	}
	_ = node.Close()
}

func TestNoSocket(t *testing.T) {
	path := filepath.Join(socketDir(t), "missing")
	if _, err := DialUnix(t.Context(), path, newRecorder()); err == nil || !strings.Contains(err.Error(), path) {
		t.Errorf("%v", err)
	}
}

// Whatever a node sends, the client ends with one error, and passes on only answers to its requests.
func FuzzNode(f *testing.F) {
	hello := wire.AppendHello(nil, serverHello)
	f.Add(wire.AppendAnswer(append([]byte(nil), hello...), &wire.Answer{ID: 1, Data: []byte("signature")}))
	f.Add(append([]byte(nil), hello...))
	f.Add(wire.AppendAnswer(nil, &wire.Answer{Status: wire.Busy, Text: "busy"}))
	f.Fuzz(func(t *testing.T, stream []byte) {
		client, node := net.Pipe()
		defer node.Close()
		read := make(chan bool)
		go func() {
			defer close(read)
			(&framePeer{node, bufio.NewReader(node), t.Context()}).ended()
		}()
		go func() {
			_, _ = node.Write(stream)
			_ = node.Close()
		}()
		h := newRecorder()
		c, err := Frames(t.Context(), client, h)
		if err == nil {
			_ = c.Send([]*wire.Request{signRequest(1, []byte("m"))})
			if err := testwait.Receive(t, "Closed", h.closed); err == nil {
				t.Error("closed without an error")
			}
			if len(h.answers) > 1 || len(h.closed) > 0 {
				t.Errorf("%d answers, closed %d times more", len(h.answers), len(h.closed))
			}
		}
		<-read
	})
}
