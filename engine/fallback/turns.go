package fallback

import (
	"errors"
	"io"
	"sync"
	"sync/atomic"
)

// turns lets the attempts of one operation read the caller's random reader in turn. An engine may
// still read for an attempt that has been given up when the next member begins to read, and the
// reader need not allow for that. So the reads exclude each other, and an attempt whose turn is
// over reads nothing more.
type turns struct {
	n  atomic.Int32 // the number of the present turn
	mu sync.Mutex   // held during a Read
	r  io.Reader
}

// next ends the present turn, and returns the reader of the next one. It does not wait for a Read
// of the turn that ends, because that may hang.
func (t *turns) next() io.Reader { return &turn{t, t.n.Add(1)} }

type turn struct {
	turns *turns
	n     int32
}

var errTurnOver = errors.New("fallback: the attempt that reads has been given up")

func (t *turn) Read(p []byte) (int, error) {
	t.turns.mu.Lock()
	defer t.turns.mu.Unlock()
	if t.turns.n.Load() != t.n {
		return 0, errTurnOver
	}
	return t.turns.r.Read(p)
}
