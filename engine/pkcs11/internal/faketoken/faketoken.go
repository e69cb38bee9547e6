// Package faketoken is a PKCS #11 module for tests: it has tokens with real keys, speaks p11-kit's
// protocol over any connection, and fails as it is told. It needs neither a program nor a file, and
// waits for nothing but its connections, so it runs in testing/synctest.
package faketoken

import (
	"context"
	"errors"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"asynccrypto/engine/pkcs11/internal/ck"
	"asynccrypto/engine/pkcs11/internal/wire"
)

// Errors that a [Hook] returns instead of an answer.
var (
	ErrHang = errors.New("faketoken: do not answer")      // until the other side closes the connection
	ErrDrop = errors.New("faketoken: end the connection") // as a module that crashes does
)

// A Hook is called before each call is carried out. conn is the number of the connection, from 1. A
// Hook may sleep. If it returns a [ck.Error], that is the call's answer. See also [ErrHang] and
// [ErrDrop]. Connections call it at the same time.
type Hook func(conn int, call wire.Call) error

// Module is a module. Set its fields before the first connection; change them later in [Module.Do].
// Slots are numbered from 1, in the order of the tokens.
type Module struct {
	Tokens []*Token
	// MaxVersion is the newest version of the protocol that the module speaks. If Old is set, it
	// ends connections that begin with another version than 0, as p11-kit did before 0.24.1.
	MaxVersion byte
	Old        bool

	serving sync.WaitGroup // connections

	mu         sync.Mutex
	hook       Hook
	calls      map[wire.Call]int
	made, open int // connections
}

// Token is a token.
type Token struct {
	ck.TokenInfo        // Flags has those of the PIN's tries besides
	PIN          string // the user's
	Tries        int    // how many wrong PINs are left; 0 means that the PIN is locked
	Keys         []*Key // nil stands for a key that was deleted
	Capacity     int    // the most sessions at once, of all connections; 0 is no limit

	sessions int
}

// New returns a module with one token, which has the label "fake", the PIN "1234", and the keys.
func New(keys ...*Key) *Module {
	return &Module{
		MaxVersion: wire.MaxVersion, Tokens: []*Token{NewToken("fake", "1", keys...)},
		hook: works, calls: make(map[wire.Call]int),
	}
}

// NewToken returns a token with the PIN "1234", for which there are three tries.
func NewToken(label, serial string, keys ...*Key) *Token {
	return &Token{
		TokenInfo: ck.TokenInfo{Label: label, Manufacturer: "asynccrypto", Model: "fake", Serial: serial,
			Flags: ck.FlagTokenInitialized | ck.FlagLoginRequired},
		PIN: "1234", Tries: maxTries, Keys: keys,
	}
}

const maxTries = 3

func works(int, wire.Call) error { return nil }

// Do calls change while no call is carried out.
func (m *Module) Do(change func()) {
	m.mu.Lock()
	defer m.mu.Unlock()
	change()
}

// On sets the module's hook.
func (m *Module) On(hook Hook) { m.Do(func() { m.hook = hook }) }

// Heal removes the module's hook.
func (m *Module) Heal() { m.On(works) }

// Fail sets a hook for a function: so many calls of it end in err, or all if times is negative.
func (m *Module) Fail(call wire.Call, times int, err error) {
	var n atomic.Int64
	m.On(func(_ int, c wire.Call) error {
		if c == call && (times < 0 || n.Add(1) <= int64(times)) {
			return err
		}
		return nil
	})
}

// Delay sets a hook that makes each call of a function take some time.
func (m *Module) Delay(call wire.Call, d time.Duration) {
	m.On(func(_ int, c wire.Call) error {
		if c == call {
			time.Sleep(d)
		}
		return nil
	})
}

// Calls returns how often a function was called, whether or not it failed.
func (m *Module) Calls(c wire.Call) int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.calls[c]
}

// Open returns the number of connections that the other side has not closed.
func (m *Module) Open() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.open
}

// Wait returns when no connection is served any more.
func (m *Module) Wait() { m.serving.Wait() }

// Connect returns a new connection.
func (m *Module) Connect(context.Context) (io.ReadWriteCloser, error) {
	client, server := net.Pipe()
	m.mu.Lock()
	defer m.mu.Unlock()
	m.made++
	m.open++
	c := &conn{m: m, number: m.made, sessions: make(map[ck.Session]*session)}
	m.serving.Go(func() { c.serve(server) })
	return &end{Conn: client, closed: sync.OnceFunc(func() { m.Do(func() { m.open-- }) })}, nil
}

// end is the other side's end of a connection.
type end struct {
	net.Conn
	closed func()
}

func (e *end) Close() error {
	e.closed()
	return e.Conn.Close()
}
