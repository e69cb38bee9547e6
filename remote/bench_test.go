package remote_test

import (
	"context"
	"crypto"
	"crypto/rand"
	"log/slog"
	"testing"
	"time"

	"asynccrypto/remote"
	"asynccrypto/remote/internal/pool"
	"asynccrypto/remote/internal/testkeys"
	"asynccrypto/remote/internal/wire"
)

// echo is a connection whose node answers at once, with one and the same signature.
type echo struct {
	h      pool.Handler
	sig    []byte
	ids    chan uint64
	closed context.Context
	end    context.CancelFunc
}

func (e *echo) Send(qs []*wire.Request) error {
	for _, q := range qs {
		e.ids <- q.ID
	}
	return nil
}

func (e *echo) Limit() int { return 256 }
func (e *echo) Close()     { e.end() }

func (e *echo) read() {
	var answers [1]wire.Answer
	for {
		select {
		case id := <-e.ids:
			answers[0] = wire.Answer{ID: id, Data: e.sig}
			e.h.Answers(answers[:])
		case <-e.closed.Done():
			e.h.Closed(nil)
			return
		}
	}
}

// The client's own share of a signature, 64 in flight on two nodes, without the transport.
func BenchmarkSign(b *testing.B) {
	sig := testkeys.Must(rsaKey.Sign(rand.Reader, digest[:], crypto.SHA256))
	dial := func(_ context.Context, _, _ string, h pool.Handler) (pool.Conn, error) {
		e := &echo{h: h, sig: sig, ids: make(chan uint64, 1024)}
		e.closed, e.end = context.WithCancel(context.Background())
		go e.read()
		return e, nil
	}
	e, err := remote.NewEngine(remote.Config{Nodes: []string{"a", "b"}, Timeout: time.Second, Logger: slog.New(slog.DiscardHandler)}, dial, lookup)
	if err != nil {
		b.Fatal(err)
	}
	defer e.Close()
	s, err := e.SignerFor(rsaKey.Public())
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	b.SetParallelism(32)
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if _, err := s.Sign(rand.Reader, digest[:], crypto.SHA256); err != nil {
				b.Error(err)
				return
			}
		}
	})
}
