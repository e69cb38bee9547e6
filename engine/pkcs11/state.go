package pkcs11

import (
	"errors"
	"fmt"
	"log/slog"
	"time"

	"asynccrypto/engine"
	"asynccrypto/engine/pkcs11/internal/ck"
)

// A state says what a Token knows about its token.
//
//	Open ---> up --------------> mending ----------> trial
//	          ^  lost it            |    connected    |  ^
//	          |                     | not connected   |  | connected
//	          |                     v                 |  |
//	          |                    down <-------------+  |
//	          |                    |  ^      lost it     |
//	          |     time to retry  |  | not connected    |
//	          |                    v  |                  |
//	          |                   retrying --------------+
//	          |
//	          +--- trial, when an operation with a key has succeeded
//
//	up        operations get a session, which is connected if need be
//	mending   the session that lost the token, or a new one, is being connected; operations wait for
//	          it, but those that have a fallback fail at once
//	trial     as up, but the token that was lost has not done an operation again
//	down      a timer runs; operations fail at once; the first state if the token is away then
//	retrying  a session is being connected in the background; operations fail at once
//	barred    a PIN was refused: operations fail at once, for good; from any state but closed
//	closed    operations fail at once, for good; from any state
//
// A token that takes logins and does no operation stays between trial and down, and the pause
// between two attempts grows.
type state int

const (
	up state = iota
	mending
	trial
	down
	retrying
	barred
	closed
)

// works reports whether operations get a session.
func (s state) works() bool { return s == up || s == trial }

const (
	// The pause between two attempts to connect doubles up to longestPause times Options.Retry.
	longestPause = 64
	// While operations ask for the token, the pause is at most askedPause times Options.Retry.
	askedPause = 8
	// After a session could not be connected, while others are, no further one is for this many
	// times Options.Retry.
	crowdedPause = 10
	// So many signatures in a row that fail for no known reason mean that the token has gone:
	// SoftHSM and tpm2-pkcs11 return CKR_GENERAL_ERROR for nearly everything, and modules of HSMs
	// have codes of their own for faults that the standard does not name, such as a network that is
	// down.
	suspicious = 3
)

// later notes a function that unlock calls: one that calls the module, or the user's code.
func (t *Token) later(f func()) { t.after = append(t.after, f) }

// unlock unlocks mu and calls the functions that were noted.
func (t *Token) unlock() {
	after := t.after
	t.after = nil
	t.mu.Unlock()
	for _, f := range after {
		f()
	}
}

// note logs an event after unlock. mu is held.
func (t *Token) note(level slog.Level, msg string, err error) {
	if t.o.Logger == nil {
		return
	}
	attrs := []any{"token", t.info.Label}
	if err != nil {
		attrs = append(attrs, "error", bare{err})
	}
	t.later(func() { t.o.Logger.Log(t.life, level, "pkcs11: "+msg, attrs...) })
}

// become changes the state, and wakes the goroutines that wait for a change. mu is held.
func (t *Token) become(s state) {
	if s.works() != t.state.works() {
		t.since = time.Now()
	}
	t.state = s
	t.changed.Broadcast()
}

// broken returns the error of operations in the present state, or nil. mu is held.
func (t *Token) broken() error {
	switch t.state {
	case down, retrying:
		return unavailable(fmt.Errorf("the token is down: %w", bare{t.lastError}))
	case barred:
		return t.refusal
	case closed:
		return engine.ErrClosed
	}
	return nil
}

// lose notes that a session's connection found the token gone. If the token has worked since it was
// connected, it is connected again at once: on s, if mend says that the caller does that by ready,
// and otherwise in the background.
func (t *Token) lose(s *session, err error, mend bool) {
	t.mu.Lock()
	defer t.unlock()
	if s.generation != t.generation || !t.state.works() {
		return // another session was first
	}
	t.generation++
	t.endIdle()
	if t.state == trial {
		t.goDown(err)
		return
	}
	if !mend {
		s = t.add(true)
		go s.loop(s.join)
	}
	t.lastError = err
	t.mender = s
	t.become(mending)
	t.note(slog.LevelWarn, "the token has gone; connecting again", err)
}

// endIdle ends the sessions that have nothing to do. Their connections are closed when unlock
// returns, so that a module in this process can begin anew. mu is held.
func (t *Token) endIdle() {
	for _, s := range t.idle {
		conn := s.conn
		t.later(func() { conn.Close() })
		close(s.jobs)
	}
	t.idle = nil
}

// goDown ends the attempts of operations to connect, and plans the next one. mu is held.
func (t *Token) goDown(err error) {
	if t.state != retrying || t.lastError == nil || t.lastError.Error() != err.Error() {
		t.note(slog.LevelError, "the token is down", err)
	}
	t.lastError = err
	t.become(down)
	t.nextTry = time.Now().Add(t.pause)
	t.timer.Reset(t.pause)
	t.pause = min(2*t.pause, longestPause*t.o.Retry)
}

// hurry brings the next attempt to connect forward, because an operation asks for the token. mu is
// held.
func (t *Token) hurry() {
	if t.state != down {
		return
	}
	if soonest := t.lastTry.Add(askedPause * t.o.Retry); soonest.Before(t.nextTry) {
		t.nextTry = soonest
		t.timer.Reset(time.Until(soonest))
	}
}

// comeUp notes that a token that was lost, or that was away when it was opened, is connected. mu is
// held.
func (t *Token) comeUp() {
	msg := "the token is connected"
	if t.joined {
		t.reconnects++
		msg = "the token is connected again"
	}
	t.joined = true
	t.suspicion = 0
	t.growAfter = time.Time{}
	t.become(trial)
	t.note(slog.LevelInfo, msg, nil)
}

// proved notes that s has done an operation with a key.
func (t *Token) proved(s *session) {
	t.mu.Lock()
	defer t.unlock()
	t.suspicion = 0
	if t.state == trial && s.generation == t.generation {
		t.pause = t.o.Retry
		t.become(up)
	}
}

// suspects notes that a signature failed on s for no known reason. It reports whether that makes
// the token count as gone.
func (t *Token) suspects(s *session) bool {
	t.mu.Lock()
	defer t.unlock()
	if s.generation != t.generation {
		return false
	}
	t.suspicion++
	return t.suspicion >= suspicious
}

// bar notes that a PIN was refused. err wraps ErrPIN.
func (t *Token) bar(err error) {
	t.mu.Lock()
	defer t.unlock()
	t.barLocked(err)
}

// barLocked is bar with mu held.
func (t *Token) barLocked(err error) {
	if t.state == barred || t.state == closed {
		return
	}
	var answer ck.Error
	if errors.As(err, &answer) {
		t.pinsRefused++
	}
	t.lastError, t.refusal = err, unavailable(err)
	t.timer.Stop()
	t.endIdle()
	t.become(barred)
	t.note(slog.LevelError, "the token is not used any more", err)
}

// count notes that a call did not end in time, or that its connection has ended, if err is such an
// error.
func (t *Token) count(err error) {
	t.mu.Lock()
	defer t.unlock()
	t.countLocked(err)
}

// countLocked is count with mu held.
func (t *Token) countLocked(err error) {
	switch {
	case errors.Is(err, ck.ErrHung):
		t.hung++
		t.note(slog.LevelError, "a call did not end in time; its session was closed", err)
	case errors.Is(err, ck.ErrEnded):
		t.ended++
	}
}

// ready makes s, which has the job j, a session of the token's present generation, if it is not.
// While the token is mending, ready waits for the outcome. Its error is the operation's, or
// errElsewhere. No session is connected for a job that has a fallback.
func (s *session) ready(j job) error {
	t := s.t
	t.mu.Lock()
	current := t.state.works() && s.conn != nil && s.generation == t.generation
	t.unlock()
	if current {
		return nil
	}
	if j.fallback {
		s.drop()
		return errElsewhere
	}
	for {
		t.mu.Lock()
		for t.state == mending && t.mender != s {
			t.changed.Wait()
		}
		err := t.broken()
		current := s.conn != nil && s.generation == t.generation
		if err == nil && !current {
			s.generation, s.connecting = t.generation, true
			t.changed.Broadcast() // hand may wait for s
		}
		t.unlock()
		if err == nil && current {
			return nil
		}
		s.drop()
		if err != nil {
			return unavailable(err)
		}
		err = s.reconnect()
		if counts, err := t.connected(s, j.tries > 0, err); counts {
			return err
		}
	}
}

// connected notes the end of an attempt to connect s. It returns false if the token was lost since
// the attempt began, so that the attempt does not count. retries says that an operation has failed
// because of s. The error is the operation's, or errElsewhere.
func (t *Token) connected(s *session, retries bool, err error) (counts bool, _ error) {
	t.mu.Lock()
	defer t.unlock()
	s.connecting = false
	t.countLocked(err)
	connected, connecting := t.others(s)
	switch {
	case s.generation != t.generation, t.state == barred, t.state == closed:
		return false, nil
	case classify(err) == refused:
		t.barLocked(err)
		return true, t.refusal
	case err == nil && !t.state.works():
		t.comeUp()
		return true, nil
	case err == nil:
		return true, nil
	case t.state.works() && (connecting || connected && (!retries || errors.Is(err, ck.RVSessionCount))):
		// The token has no more sessions, or the system no more processes, or another attempt will
		// tell. But if s has lost its connection and gets no other, the other sessions that are
		// connected have likely lost theirs too.
		t.growAfter = time.Now().Add(crowdedPause * t.o.Retry)
		t.note(slog.LevelWarn, "no further session can be connected", err)
		return true, errElsewhere
	}
	if t.state.works() {
		t.generation++
		t.endIdle()
	}
	t.goDown(err)
	return true, unavailable(err)
}

// others reports whether sessions other than s are connected, and whether some are being connected,
// in the present generation. mu is held.
func (t *Token) others(s *session) (connected, connecting bool) {
	for o := range t.sessions {
		if o != s && o.generation == t.generation {
			connecting = connecting || o.connecting
			connected = connected || o.conn != nil && !o.connecting
		}
	}
	return connected, connecting
}

// retry is the timer's function. It connects a session in the background, which becomes idle.
func (t *Token) retry() {
	t.mu.Lock()
	if t.state != down {
		t.unlock()
		return
	}
	t.lastTry = time.Now()
	t.become(retrying)
	s := t.add(true)
	t.unlock()
	s.loop(s.join)
}

// join connects s in the background, for assign or retry, and makes it idle. It returns false if s is
// to end.
func (s *session) join() (joined bool) {
	t, err := s.t, errExited
	defer func() {
		counts, err := t.connected(s, false, err)
		joined = counts && err == nil && t.release(s)
	}()
	err = s.reconnect()
	return
}
