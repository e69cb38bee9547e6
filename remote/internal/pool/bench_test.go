package pool_test

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"asynccrypto/remote/internal/pool"
	"asynccrypto/remote/internal/wire"
)

// echo is a connection that answers at once, on a goroutine of its own.
type echo struct {
	h   pool.Handler
	ids chan uint64
	end context.Context
	context.CancelFunc
}

func (e *echo) Send(qs []*wire.Request) error {
	for _, q := range qs {
		e.ids <- q.ID
	}
	return nil
}
func (e *echo) Limit() int { return 256 }
func (e *echo) Close()     { e.CancelFunc() }

func (e *echo) read() {
	var answers [1]wire.Answer
	for {
		select {
		case answers[0].ID = <-e.ids:
			e.h.Answers(answers[:])
		case <-e.end.Done():
			e.h.Closed(nil)
			return
		}
	}
}

type counter chan struct{}

func (c counter) Abandoned() bool          { return false }
func (c counter) Check([]byte) wire.Status { return wire.OK }
func (c counter) Done([]byte, error)       { c <- struct{}{} }

// The pool's own share of a request, 64 in flight on two nodes.
func BenchmarkPool(b *testing.B) {
	dial := func(_ context.Context, _, _ string, h pool.Handler) (pool.Conn, error) {
		end, cancel := context.WithCancel(context.Background())
		e := &echo{h, make(chan uint64, 1024), end, cancel}
		go e.read()
		return e, nil
	}
	lookup := func(_ context.Context, node string) ([]string, error) { return []string{node}, nil }
	p := pool.New(pool.Config{Nodes: two, Dial: dial, Lookup: lookup, Logger: slog.New(slog.DiscardHandler)})
	defer p.Close()
	done := make(counter, 64)
	for range 64 {
		done <- struct{}{}
	}
	b.ReportAllocs()
	for b.Loop() {
		<-done
		p.Do(&pool.Call{Request: wire.Request{Op: wire.OpSign, Key: key}, Task: done, Deadline: time.Now().Add(time.Second), Wait: time.Second})
	}
}
