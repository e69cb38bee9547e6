package engine

import (
	"crypto"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
)

// keyState is shared by all signers that WithContext makes of one key. It knows whether they are
// closed, and it keeps what the engine prepared from being wiped while an operation uses it.
type keyState struct {
	prepared any // never changes

	closed atomic.Bool // set with mu held

	mu    sync.Mutex
	wipe  func()          // nil if there is nothing to wipe, or it is wiped already
	users int             // operations submitted and not ended
	lost  runtime.Cleanup // wipes for a signer that was dropped, not closed
}

// newKeyState prepares key by Config.Prepare.
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

// wipeIfUnused wipes what was prepared if the signer is closed and no operation uses it. mu is
// held.
func (s *keyState) wipeIfUnused() {
	if s.closed.Load() && s.users == 0 && s.wipe != nil {
		s.lost.Stop()
		s.wipe()
		s.wipe = nil
	}
}

// preparedKey returns the state of r's key if something was prepared for it, else nil. It reads
// no exported field of the operation, because the handler may change those.
func (r *Request) preparedKey() *keyState {
	if op, ok := r.op.(*SignOp); ok && op.state != nil && op.state.prepared != nil {
		return op.state
	}
	return nil
}

// holdKey keeps what was prepared for r's key from being wiped until releaseKey. It returns false
// if the signer has been closed.
func (r *Request) holdKey() bool {
	s := r.preparedKey()
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

// releaseKey is called once for each request whose key is held: when its operation has ended or
// will never begin.
func (r *Request) releaseKey() {
	s := r.preparedKey()
	if s == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.users--
	s.wipeIfUnused()
}
