package direct

import (
	"context"
	"slices"
	"sync"
	"time"

	"asynccrypto/engine/pkcs11/internal/ck"
)

// conn is the [ck.Conn] of this package. Each method calls the module on a goroutine of its own, so
// that the method can return while the module does not.
//
// A call that its user has given up keeps the goroutine, its thread, mem and the sessions until it
// returns. The sessions are closed then, and not before: modules end the process if a session is
// closed while it is in use.
type conn struct {
	lib   *library
	hang  time.Duration
	timer *time.Timer   // runs while a call is under way
	done  chan struct{} // has a value when a call has returned
	gone  chan struct{} // closed when dead is set

	// These belong to the call under way, or to end.
	mem      memory
	sessions []ck.Session

	mu   sync.Mutex
	busy bool
	dead error // if not nil, no call begins, and returns this

	state state // under lib.mu
}

func newConn(l *library, hang time.Duration) *conn {
	c := &conn{lib: l, hang: hang, timer: time.NewTimer(hang), done: make(chan struct{}, 1), gone: make(chan struct{})}
	c.timer.Stop()
	return c
}

// begin gives c.mem to the caller. The caller copies the input into it and calls run.
func (c *conn) begin() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.dead != nil {
		return c.dead
	}
	c.busy = true
	c.mem.pin()
	return nil
}

// run has f call the module, and returns f's result when f returns. If the module does not answer
// in time, or the connection is closed, run returns an error of its own: f may then still use its
// memory.
func run[T any](c *conn, f func() (T, error)) (T, error) {
	var (
		result, none T
		err          error
	)
	c.timer.Reset(c.hang)
	go func() {
		result, err = f()
		c.finish()
	}()
	select {
	case <-c.done:
		c.timer.Stop()
		return result, err
	case <-c.gone:
	case <-c.timer.C:
		c.kill(ck.ErrHung)
	}
	c.timer.Stop()
	return none, c.dead
}

// call calls a function of the module, which may take the whole time that a call is allowed. Only f
// of run calls it. When run has returned already, call does nothing: so a PIN is not tried for a
// caller that has given up.
func (c *conn) call(f function, args ...uintptr) error {
	c.mu.Lock()
	dead := c.dead
	c.mu.Unlock()
	if dead != nil {
		return dead
	}
	c.timer.Reset(c.hang)
	return c.lib.call(f, args...)
}

// finish ends a call: its memory is free.
func (c *conn) finish() {
	c.mem.wipe()
	c.mu.Lock()
	c.busy = false
	dead := c.dead != nil
	c.mu.Unlock()
	if dead {
		c.end()
	} else {
		c.done <- struct{}{}
	}
}

// Close ends the connection and closes its sessions, without waiting for that. A call under way
// returns an error; its sessions are closed when the module has returned.
func (c *conn) Close() error {
	c.kill(errClosed)
	return nil
}

// kill lets no further call begin. A call under way returns err to its caller.
func (c *conn) kill(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.dead != nil {
		return
	}
	c.dead = err
	close(c.gone)
	if c.busy {
		c.lib.move(c, stuck)
	} else {
		c.lib.move(c, leaving)
		go c.end()
	}
}

// end closes the sessions. No call is under way, and none begins.
func (c *conn) end() {
	timer := c.lib.stuckAfter(c, c.hang)
	for _, s := range c.sessions {
		c.lib.call(closeSession, uintptr(s)) // no caller is left to return an error to
	}
	timer.Stop()
	if c.lib.move(c, ended) {
		do(context.Background(), c.lib.turn, func() (struct{}, error) {
			return struct{}{}, c.lib.finalizeUnused(context.Background())
		}, func(struct{}) {})
	}
}

func (c *conn) forget(s ck.Session) {
	c.sessions = slices.DeleteFunc(c.sessions, func(x ck.Session) bool { return x == s })
}
