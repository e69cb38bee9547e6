package engine

import (
	"crypto"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
)

// keyState is what all signers made of one key by WithContext share: whether they are closed, and what the engine
// prepared, which operations under way keep from being wiped.
type keyState struct {
	prepared any // never changes

	closed atomic.Bool // set with mu held

	mu    sync.Mutex
	wipe  func()          // nil when there is nothing to wipe, or no more
	users int             // operations submitted and not ended
	lost  runtime.Cleanup // wipes for a signer that was dropped, not closed
}

// newKeyState has key prepared.
func (e *Engine) newKeyState(key crypto.PrivateKey) (*keyState, error) {
	s := new(keyState)
	if e.prepare == nil {
		return s, nil
	}
	var err error
	if s.prepared, s.wipe, err = e.prepare(key); err != nil {
		return nil, fmt.Errorf("engine %q: %w", e.name, err)
	}
	if s.wipe != nil {
		s.lost = runtime.AddCleanup(s, func(wipe func()) { wipe() }, s.wipe)
	}
	return s, nil
}

func (s *keyState) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed.Store(true)
	s.wipeIfUnused()
}

// wipeIfUnused is called with mu held.
func (s *keyState) wipeIfUnused() {
	if s.closed.Load() && s.users == 0 && s.wipe != nil {
		s.lost.Stop()
		s.wipe()
		s.wipe = nil
	}
}

// held returns the state of r's key if something was prepared for it, else nil. It is the same however the handler changes
// the operation.
func (r *Request) held() *keyState {
	if op, ok := r.op.(*SignOp); ok && op.state != nil && op.state.prepared != nil {
		return op.state
	}
	return nil
}

// hold keeps what was prepared for r's key until letGo. It is false when the signer was closed meanwhile.
func (r *Request) hold() bool {
	s := r.held()
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

// letGo is called once for each request that was held: when its operation has ended, or is sure never to begin.
func (r *Request) letGo() {
	s := r.held()
	if s == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.users--
	s.wipeIfUnused()
}
