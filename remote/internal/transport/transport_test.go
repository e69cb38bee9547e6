package transport

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"asynccrypto/internal/testwait"
	"asynccrypto/remote/internal/pool"
	"asynccrypto/remote/internal/wire"
)

type listenFunc = func(testing.TB, func(peer) error) dialer

func signRequest(id uint64, data []byte) *wire.Request {
	return &wire.Request{ID: id, Op: wire.OpSign, Key: wire.KeyID{1}, Message: true, Context: "c", Hash: wire.SHA512, Timeout: time.Second, Data: data}
}

func TestEachRequestGetsItsAnswer(t *testing.T) {
	transports(t, func(t *testing.T, listen listenFunc) {
		h := newRecorder()
		c := mustDial(t, listen(t, greeting(echo)), h)
		if c.Limit() != 1024 {
			t.Errorf("limit %d", c.Limit())
		}
		const senders, each = 8, 100
		var sending sync.WaitGroup
		for s := range senders {
			sending.Go(func() {
				for i := range each {
					id := uint64(1 + s*each + i)
					data := []byte(fmt.Sprint("message ", id))
					if err := c.Send([]*wire.Request{signRequest(id, data)}); err != nil {
						t.Error(err)
					}
					clear(data) // is not kept
				}
			})
		}
		seen := make(map[uint64]bool)
		for range senders * each {
			a := testwait.Receive(t, "an answer", h.answers)
			if seen[a.ID] || a.Status != wire.OK || string(a.Data) != fmt.Sprint("message ", a.ID) {
				t.Fatalf("answer %d: %v %q", a.ID, a.Status, a.Data)
			}
			seen[a.ID] = true
		}
		sending.Wait()
		c.Close()
		c.Close()
		if err := testwait.Receive(t, "Closed", h.closed); err != ErrClosed {
			t.Errorf("closed: %v", err)
		}
		if err := c.Send([]*wire.Request{signRequest(1, nil)}); err != ErrClosed {
			t.Errorf("Send after Close: %v", err)
		}
		if len(h.closed) > 0 {
			t.Error("closed twice")
		}
	})
}

func TestAllFieldsArrive(t *testing.T) {
	transports(t, func(t *testing.T, listen listenFunc) {
		got := make(chan wire.Request, 10)
		h := newRecorder()
		c := mustDial(t, listen(t, greeting(func(p peer) error {
			for {
				requests, err := p.requests()
				if err != nil {
					return err
				}
				for _, r := range requests {
					got <- r
				}
			}
		})), h)
		requests := []*wire.Request{
			{ID: 1, Op: wire.OpSign, Key: wire.KeyID{1, 31: 2}, Hash: wire.SHA256, Padding: wire.PSS, Salt: 32, Timeout: 3 * time.Second, Hedge: 7, Data: make([]byte, 32)},
			{ID: 2, Op: wire.OpSign, Name: "web", Message: true, Context: "\xff", Data: []byte("message")},
			{ID: 3, Op: wire.OpList, Data: []byte("after")},
			{ID: 4, Op: wire.OpPing},
		}
		if err := c.Send(requests); err != nil {
			t.Fatal(err)
		}
		for _, want := range requests {
			r := testwait.Receive(t, "a request", got)
			if !bytes.Equal(r.Data, want.Data) {
				t.Errorf("request %d: data %q", want.ID, r.Data)
			}
			r.Data = want.Data
			if fmt.Sprint(r) != fmt.Sprint(*want) {
				t.Errorf("%+v, want %+v", r, *want)
			}
		}
	})
}

// While the writer is busy, requests gather. They are more than a message of gRPC may hold, by
// number and by size.
func TestRequestsGather(t *testing.T) {
	transports(t, func(t *testing.T, listen listenFunc) {
		h := newRecorder()
		c := mustDial(t, listen(t, greeting(func(p peer) error {
			for {
				requests, err := p.requests()
				if err != nil {
					return err
				}
				if len(requests) > maxBatch {
					return errors.New("too many requests in a message")
				}
				for _, r := range requests {
					if err := p.answer(wire.Answer{ID: r.ID, Data: r.Data[:1]}); err != nil {
						return err
					}
				}
			}
		})), h)
		const n = 1000
		large := bytes.Repeat([]byte{'x'}, wire.MaxData)
		for id := uint64(1); id <= n; id++ {
			data := []byte{'y'}
			if id%10 == 0 {
				data = large
			}
			if err := c.Send([]*wire.Request{signRequest(id, data)}); err != nil {
				t.Fatal(err)
			}
		}
		for range n {
			testwait.Receive(t, "an answer", h.answers)
		}
	})
}

func TestListsAndErrorsArrive(t *testing.T) {
	transports(t, func(t *testing.T, listen listenFunc) {
		var list []byte
		for i := range 100 {
			var err error
			list, err = wire.AppendKey(list, wire.Key{Name: fmt.Sprintf("%03d", i), SPKI: make([]byte, 1024), Rules: []string{"sign"}})
			if err != nil {
				t.Fatal(err)
			}
		}
		h := newRecorder()
		c := mustDial(t, listen(t, greeting(func(p peer) error {
			for id := 1; ; {
				requests, err := p.requests()
				if err != nil {
					return err
				}
				for _, r := range requests {
					a := wire.Answer{ID: r.ID, Status: wire.Denied, Text: "no\x1b"}
					if r.Op == wire.OpList {
						a = wire.Answer{ID: r.ID, Data: list}
					}
					if err := p.answer(a); err != nil {
						return err
					}
					id++
				}
			}
		})), h)
		if err := c.Send([]*wire.Request{{ID: 1, Op: wire.OpList}, signRequest(2, nil)}); err != nil {
			t.Fatal(err)
		}
		if a := testwait.Receive(t, "the list", h.answers); !bytes.Equal(a.Data, list) {
			t.Errorf("a list of %d bytes, want %d", len(a.Data), len(list))
		}
		if a := testwait.Receive(t, "the refusal", h.answers); a.Status != wire.Denied || a.Text != "no?" {
			t.Errorf("%+v", a)
		}
	})
}

// Each of these nodes ends the connection, by the bytes that it sends or by its silence.
func TestNodesThatBreakTheProtocol(t *testing.T) {
	answer := func(answers ...wire.Answer) func(peer) error {
		return func(p peer) error {
			if _, err := p.requests(); err != nil {
				return err
			}
			if err := p.answer(answers...); err != nil {
				return err
			}
			p.ended()
			return nil
		}
	}
	for name, c := range map[string]struct {
		script func(peer) error
		want   error  // if not nil
		text   string // part of the error
		good   int    // answers before it
	}{
		"ends":           {func(peer) error { return nil }, nil, "ended the connection", 0},
		"ends later":     {func(p peer) error { _, err := p.requests(); return err }, nil, "ended the connection", 0},
		"unknown answer": {answer(wire.Answer{ID: 1}, wire.Answer{ID: 77}), wire.ErrMalformed, "77", 1},
		"answer twice":   {answer(wire.Answer{ID: 1}, wire.Answer{ID: 1}), wire.ErrMalformed, "request 1", 1},
		"answer to 0":    {answer(wire.Answer{ID: 0}), wire.ErrMalformed, "", 0},
		"much too long":  {answer(wire.Answer{ID: 1, Data: make([]byte, 2*wire.MaxFrame)}), nil, "", 0},
	} {
		t.Run(name, func(t *testing.T) {
			transports(t, func(t *testing.T, listen listenFunc) {
				h := newRecorder()
				conn := mustDial(t, listen(t, greeting(c.script)), h)
				_ = conn.Send([]*wire.Request{signRequest(1, []byte("m"))}) // may be too late
				err := testwait.Receive(t, "Closed", h.closed)
				if err == nil || c.want != nil && !errors.Is(err, c.want) || !strings.Contains(err.Error(), c.text) {
					t.Errorf("closed: %v", err)
				}
				if len(h.answers) != c.good {
					t.Errorf("%d answers before, want %d", len(h.answers), c.good)
				}
				if again := conn.Send([]*wire.Request{signRequest(2, nil)}); again == nil || again.Error() != err.Error() {
					t.Errorf("Send afterwards: %v", again)
				}
			})
		})
	}
}

func TestNodesWithoutAGoodHello(t *testing.T) {
	hello := func(h wire.Hello) func(peer) error {
		return func(p peer) error {
			if _, err := p.hello(); err != nil {
				return err
			}
			if err := p.sendHello(h); err != nil {
				return err
			}
			p.ended()
			return nil
		}
	}
	with := func(change func(*wire.Hello)) wire.Hello {
		h := serverHello
		change(&h)
		return h
	}
	for name, script := range map[string]func(peer) error{
		"ends":              func(peer) error { return nil },
		"answers at once":   func(p peer) error { err := p.answer(wire.Answer{ID: 1}); p.ended(); return err },
		"of a later time":   hello(with(func(h *wire.Hello) { h.Min, h.Max = 2, 2 })),
		"takes no requests": hello(with(func(h *wire.Hello) { h.InFlight = 0 })),
		"takes tiny ones":   hello(with(func(h *wire.Hello) { h.MaxFrame = wire.MaxRequest - 1 })),
	} {
		t.Run(name, func(t *testing.T) {
			transports(t, func(t *testing.T, listen listenFunc) {
				h := newRecorder()
				c, err := listen(t, script)(t.Context(), h)
				if err == nil {
					c.Close()
					t.Fatal("connected")
				}
				if len(h.closed) > 0 {
					t.Error("Closed was called without a connection")
				}
			})
		})
	}
}

func TestCancelWhileTheNodeIsSilent(t *testing.T) {
	transports(t, func(t *testing.T, listen listenFunc) {
		reached := make(chan bool, 1)
		dial := listen(t, func(p peer) error { reached <- true; p.ended(); return nil })
		ctx, cancel := context.WithCancelCause(t.Context())
		go func() { <-reached; cancel(errors.New("the caller's reason")) }()
		if c, err := dial(ctx, newRecorder()); err == nil || err.Error() != "the caller's reason" {
			t.Errorf("%v, %v", c, err)
		}
		if c, err := dial(ctx, newRecorder()); err == nil {
			t.Errorf("with a context that is over: %v, %v", c, err)
		}
	})
}

// The context of the dial bounds only the dial.
func TestConnectionOutlivesItsContext(t *testing.T) {
	transports(t, func(t *testing.T, listen listenFunc) {
		h := newRecorder()
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		c, err := listen(t, greeting(echo))(ctx, h)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		cancel()
		if err := c.Send([]*wire.Request{signRequest(1, []byte("m"))}); err != nil {
			t.Fatal(err)
		}
		testwait.Receive(t, "an answer", h.answers)
	})
}

// A node that does not read holds up neither Send nor Close, and the queue for it is bounded.
func TestNodeThatDoesNotRead(t *testing.T) {
	few := serverHello
	few.InFlight = 100 // 6 MB
	transports(t, func(t *testing.T, listen listenFunc) {
		h := newRecorder()
		c := mustDial(t, listen(t, greetingBy(few, silent)), h)
		data := make([]byte, wire.MaxData)
		var err error
		sent := 0
		for ; err == nil; sent++ {
			err = c.Send([]*wire.Request{signRequest(uint64(sent+1), data)})
		}
		if sent != c.Limit()+spare+1 {
			t.Errorf("the error of request %d: %v", sent, err)
		}
		if closed := testwait.Receive(t, "Closed", h.closed); closed != err {
			t.Errorf("closed: %v, Send: %v", closed, err)
		}
	})
	transports(t, func(t *testing.T, listen listenFunc) {
		h := newRecorder()
		c := mustDial(t, listen(t, greetingBy(few, silent)), h)
		for i := range c.Limit() {
			if err := c.Send([]*wire.Request{signRequest(uint64(i+1), make([]byte, wire.MaxData))}); err != nil {
				t.Fatal(err)
			}
		}
		c.Close()
		if err := testwait.Receive(t, "Closed", h.closed); err != ErrClosed {
			t.Errorf("closed: %v", err)
		}
	})
}

func TestRequestsThatCannotBeSent(t *testing.T) {
	transports(t, func(t *testing.T, listen listenFunc) {
		dial := listen(t, greeting(echo))
		for name, r := range map[string]*wire.Request{
			"long":      signRequest(1, make([]byte, wire.MaxData+1)),
			"number 0":  signRequest(0, nil),
			"senseless": {ID: 1, Op: 99},
		} {
			h := newRecorder()
			c := mustDial(t, dial, h)
			err := c.Send([]*wire.Request{r})
			if err == nil {
				t.Errorf("%s: sent", name)
			}
			if closed := testwait.Receive(t, "Closed", h.closed); closed != err {
				t.Errorf("%s: closed: %v", name, closed)
			}
		}
	})
}

// Close comes at any moment, and from the handler.
func TestCloseWhileBusy(t *testing.T) {
	transports(t, func(t *testing.T, listen listenFunc) {
		dial := listen(t, greeting(echo))
		for round := range 20 {
			h := &closer{recorder: newRecorder(), after: round, ready: make(chan bool)}
			c := mustDial(t, dial, h)
			h.c = c
			close(h.ready)
			var sending sync.WaitGroup
			for s := range 4 {
				sending.Go(func() {
					for i := range 100 {
						if c.Send([]*wire.Request{signRequest(uint64(1+100*s+i), []byte("m"))}) != nil {
							return
						}
					}
				})
			}
			if err := testwait.Receive(t, "Closed", h.closed); err != ErrClosed {
				t.Errorf("closed: %v", err)
			}
			sending.Wait()
		}
	})
}

// closer closes the connection from its handler after some answers.
type closer struct {
	*recorder
	after int
	c     pool.Conn
	ready chan bool
}

func (h *closer) Answers(answers []wire.Answer) {
	<-h.ready
	if h.after -= len(answers); h.after < 0 {
		h.c.Close()
	}
}

func TestLimitIsBounded(t *testing.T) {
	many := serverHello
	many.InFlight = 1 << 31
	transports(t, func(t *testing.T, listen listenFunc) {
		if c := mustDial(t, listen(t, greetingBy(many, silent)), newRecorder()); c.Limit() != maxLimit {
			t.Errorf("limit %d", c.Limit())
		}
	})
}

// A callback that ends the reader's goroutine ends the connection, and the pool hears of it.
func TestCallbackThatExits(t *testing.T) {
	transports(t, func(t *testing.T, listen listenFunc) {
		h := exiter{newRecorder()}
		c := mustDial(t, listen(t, greeting(echo)), h)
		if err := c.Send([]*wire.Request{signRequest(1, []byte("m"))}); err != nil {
			t.Fatal(err)
		}
		if err := testwait.Receive(t, "Closed", h.closed); err != errExited {
			t.Errorf("closed: %v", err)
		}
	})
}

type exiter struct{ *recorder }

func (exiter) Answers([]wire.Answer) { runtime.Goexit() }
