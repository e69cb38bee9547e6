package engine

import (
	"crypto"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
)

// keyState is shared by all signers, or key exchangers, that WithContext makes of one key. It knows
// whether they are closed, and it keeps what the engine prepared from being wiped while an
// operation uses it.
type keyState struct {
	prepared any  // never changes
	held     bool // never changes: there is something to wipe, so operations hold it

	closed atomic.Bool // set with mu held

	mu    sync.Mutex
	wipe  func()          // nil if there is nothing to wipe, or it is wiped already
	users int             // operations submitted and not ended
	lost  runtime.Cleanup // wipes for a signer that was dropped, not closed
}

// newKeyState prepares key by Config.Prepare.
func (e *Engine) newKeyState(key crypto.PrivateKey) (*keyState, error) {
	if e.prepare == nil {
		return new(keyState), nil
	}
	prepared, wipe, err := e.prepare(key)
	if err != nil {
		return nil, fmt.Errorf("engine %q: %w", e.name, err)
	}
	s := new(keyState)
	s.init(prepared, wipe)
	return s, nil
}

// init makes s the state of a key for which prepared was prepared. wipe may be nil. It must not
// hold what s is a part of: that would never be garbage.
func (s *keyState) init(prepared any, wipe func()) {
	s.prepared, s.held, s.wipe = prepared, wipe != nil, wipe
	if wipe != nil {
		s.lost = runtime.AddCleanup(s, func(wipe func()) { wipe() }, wipe)
	}
}

func (s *keyState) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed.Store(true)
	s.wipeIfUnused()
}

// wipeIfUnused wipes what was prepared if the signer is closed and no operation uses it. mu is
// held.
func (s *keyState) wipeIfUnused() {
	if s.closed.Load() && s.users == 0 && s.wipe != nil {
		s.lost.Stop()
		s.wipe()
		s.wipe = nil
	}
}

// preparedKey returns the state of op's private key if operations hold it, else nil. It
// reads no exported field of the operation, because the handler may change those.
func preparedKey(op Op) (s *keyState) {
	switch o := op.(type) {
	case *SignOp:
		s = o.state
	case *ECDHOp:
		s = o.state
	}
	if s == nil || !s.held {
		return nil
	}
	return s
}

// holdKey keeps what was prepared for op's key from being wiped until releaseKey. It returns false
// if the signer has been closed.
func holdKey(op Op) bool {
	s := preparedKey(op)
	if s == nil {
		return true
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed.Load() {
		return false
	}
	s.users++
	return true
}

// releaseKey is called once for each operation whose key is held: when the operation has ended or
// will never begin.
func releaseKey(op Op) {
	s := preparedKey(op)
	if s == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.users--
	s.wipeIfUnused()
}
