package remote_test

import (
	"context"
	"crypto"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"asynccrypto/engine"
	"asynccrypto/remote"
	"asynccrypto/remote/internal/pool"
	"asynccrypto/remote/internal/testkeys"
	"asynccrypto/remote/internal/wire"
)

// lister is a connection to a node that answers as list says, and signs nothing.
type lister struct {
	h     pool.Handler
	list  func(q *wire.Request) []byte
	queue chan wire.Request
	once  sync.Once
	ended chan struct{}
}

func (l *lister) Limit() int { return 64 }
func (l *lister) Close()     { l.once.Do(func() { close(l.ended) }) }

func (l *lister) Send(qs []*wire.Request) error {
	for _, q := range qs {
		l.queue <- *q
	}
	return nil
}

func (l *lister) read() {
	for {
		select {
		case <-l.ended:
			l.h.Closed(errAway)
			return
		case q := <-l.queue:
			a := wire.Answer{ID: q.ID}
			switch q.Op {
			case wire.OpSign:
				continue
			case wire.OpList:
				a.Data = l.list(&q)
			}
			l.h.Answers([]wire.Answer{a})
		}
	}
}

// No list of a node is endless, even if the node lies.
func TestListsThatLie(t *testing.T) {
	named := func(names ...string) (data []byte) {
		for _, name := range names {
			data = testkeys.Must(wire.AppendKey(data, wire.Key{Name: name}))
		}
		return data
	}
	pages := 0
	for name, list := range map[string]func(q *wire.Request) []byte{
		"the same page for ever": func(*wire.Request) []byte { return named("a", "b") },
		"out of order":           func(*wire.Request) []byte { return named("b", "a") },
		"the same key twice":     func(*wire.Request) []byte { return named("a", "a") },
		"too long": func(*wire.Request) []byte {
			pages++
			key := wire.Key{Name: fmt.Sprintf("%010d", pages), SPKI: make([]byte, wire.MaxSPKI)}
			return testkeys.Must(wire.AppendKey(nil, key))
		},
		"slow": func(q *wire.Request) []byte {
			time.Sleep(200 * time.Millisecond)
			return named(string(q.Data) + "x")
		},
		"garbage": func(*wire.Request) []byte { return []byte("\x7f") },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				dial := func(_ context.Context, _, _ string, h pool.Handler) (pool.Conn, error) {
					l := &lister{h: h, list: list, queue: make(chan wire.Request, 64), ended: make(chan struct{})}
					go l.read()
					return l, nil
				}
				c := remote.Config{Nodes: []string{"a"}, Depth: 10, Timeout: 3 * time.Second, Logger: slog.New(slog.DiscardHandler)}
				e := newEngine(t, c, dial)
				time.Sleep(time.Second)
				began := time.Now()
				keys, err := e.Keys(context.Background())
				if name == "slow" {
					if !errors.Is(err, context.DeadlineExceeded) {
						t.Error(err)
					}
				} else if !errors.Is(err, engine.ErrUnavailable) {
					t.Errorf("%d keys, %v", len(keys), err)
				}
				if d := time.Since(began); d > 4*time.Second || pages > 3000 {
					t.Errorf("%d pages in %v", pages, d)
				}
			})
		})
	}
}

// A node that signs nothing keeps no message in memory whose caller has gone.
func TestMessagesAreLetGo(t *testing.T) {
	dial := func(_ context.Context, _, _ string, h pool.Handler) (pool.Conn, error) {
		l := &lister{h: h, queue: make(chan wire.Request, 64), ended: make(chan struct{})}
		go l.read()
		return l, nil
	}
	e := newEngine(t, remote.Config{Nodes: []string{"a"}, Depth: 100, Timeout: 10 * time.Millisecond, Logger: slog.New(slog.DiscardHandler)}, dial)
	s := signerOf(t, e, "ed25519")
	heap := func() uint64 {
		var m runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	before := heap()
	for e.Nodes()[0].InFlight < 60 {
		if _, err := s.Sign(nil, make([]byte, wire.MaxData), crypto.Hash(0)); err == nil {
			t.Fatal("signed")
		}
	}
	if kept := int64(heap() - before); kept > 60*wire.MaxData/2 {
		t.Errorf("%d bytes", kept)
	}
}
