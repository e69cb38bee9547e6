package direct

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"time"
	"unsafe"

	"asynccrypto/engine"
	"asynccrypto/engine/pkcs11/internal/ck"
)

// A function of PKCS #11, by its index in CK_FUNCTION_LIST.
type function int

const (
	initialize        function = 0
	finalize          function = 1
	getSlotList       function = 4
	getSlotInfo       function = 5
	getTokenInfo      function = 6
	getMechanismList  function = 7
	openSession       function = 12
	closeSession      function = 13
	login             function = 18
	getAttributeValue function = 24
	findObjectsInit   function = 26
	findObjects       function = 27
	findObjectsFinal  function = 28
	decryptInit       function = 33
	decrypt           function = 34
	signInit          function = 42
	sign              function = 43

	functions = 44
)

// maxStuck is how many connections to a library may be stuck: each costs a thread.
const maxStuck = 64

// library is a module that is loaded. C_Initialize and C_Finalize concern the whole process, so all
// Dialers and connections share it.
type library struct {
	path string
	fn   [functions]uintptr

	// turn is held while the library is initialized, finalized, or about to get a connection.
	turn turn

	mu          sync.Mutex
	dialers     int
	initArgs    string
	initialized bool
	foreign     bool // other code in this process has initialized it, and will finalize it
	conns       [states]int
	changed     chan struct{} // closed, and replaced, when conns changes
}

// A state is that of a connection.
type state int

const (
	open    state = iota
	leaving       // its user has closed it, and its sessions are being closed
	stuck         // its user has given up a call, which has not returned
	ended

	states = ended
)

var (
	loading = make(turn, 1)
	loaded  sync.Map // by its handle, which the system gives each library once: a *library
)

// load loads the library, or finds it among those that are loaded. The caller has the turn of
// loading.
func load(path string) (*library, error) {
	handle, err := openLibrary(path)
	if err != nil {
		return nil, err
	}
	if l, ok := loaded.Load(handle); ok {
		return l.(*library), nil
	}
	l := &library{path: path, turn: make(turn, 1), changed: make(chan struct{})}
	if err := l.readFunctions(handle); err != nil {
		return nil, err
	}
	loaded.Store(handle, l)
	return l, nil
}

// readFunctions reads CK_FUNCTION_LIST: the version in two bytes, and addresses.
func (l *library) readFunctions(handle uintptr) error {
	get, err := symbol(handle, "C_GetFunctionList")
	if err != nil {
		return fmt.Errorf("it is no PKCS #11 module: %w", err)
	}
	var pinner runtime.Pinner
	defer pinner.Unpin()
	list := new(*byte)
	pinner.Pin(list)
	if rv := callC(get, uintptr(unsafe.Pointer(list))); rv != 0 {
		return fmt.Errorf("C_GetFunctionList: %w", ck.Error(rv))
	}
	if *list == nil {
		return errors.New("C_GetFunctionList: no list")
	}
	r := record{b: unsafe.Slice(*list, (functions+1)*pointerSize)}
	if major := r.bytes(2)[0]; major < 2 {
		return fmt.Errorf("it speaks version %d of PKCS #11, and this package 2 and 3", major)
	}
	for i := range l.fn {
		l.fn[i] = uintptr(number(r.field(pointerSize)))
	}
	return nil
}

// call calls a function of the library. Addresses among args are those of a [memory].
func (l *library) call(f function, args ...uintptr) error {
	if l.fn[f] == 0 {
		return ck.RVFunctionNotSupported
	}
	if rv := callC(l.fn[f], args...); rv != 0 {
		return ck.Error(rv)
	}
	return nil
}

// join counts a Dialer.
func (l *library) join(initArgs string) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if initArgs != l.initArgs && (l.dialers > 0 || l.initialized && !l.foreign) {
		return errors.New("it is in use with other InitArgs")
	}
	l.initArgs = initArgs
	l.dialers++
	return nil
}

// leave stops counting a Dialer, and reports whether it had been counted.
func (l *library) leave(d *dialer) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if d.closed {
		return false
	}
	d.closed = true
	l.dialers--
	return true
}

// connect makes a connection. The caller has the turn.
func (l *library) connect(d *dialer) (*conn, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if d.closed {
		return nil, errClosed
	}
	l.conns[open]++
	return newConn(l, d.hang), nil
}

// move changes the state of a connection, and reports whether nothing uses the library any more.
func (l *library) move(c *conn, to state) (unused bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if c.state >= to {
		return false
	}
	l.conns[c.state]--
	c.state = to
	if to < ended {
		l.conns[to]++
	}
	close(l.changed)
	l.changed = make(chan struct{})
	return l.unused()
}

// unused reports whether the library is to be finalized.
func (l *library) unused() bool {
	return l.dialers == 0 && l.conns == [states]int{} && l.initialized && !l.foreign
}

// await waits, with l.mu, until the connections that only close their sessions have done so, unless
// another one is open anyway.
func (l *library) await(ctx context.Context) error {
	for l.conns[open] == 0 && l.conns[leaving] > 0 {
		changed := l.changed
		l.mu.Unlock()
		select {
		case <-changed:
		case <-ctx.Done():
		}
		l.mu.Lock()
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
	}
	return nil
}

// prepare has the library initialized for a new connection of d. If nothing is under way in it, it
// is finalized first. The caller has the turn.
func (l *library) prepare(ctx context.Context, d *dialer) error {
	l.mu.Lock()
	err := l.await(ctx)
	if d.closed {
		err = errClosed
	}
	conns, initialized, ours, initArgs := l.conns, l.initialized, l.initialized && !l.foreign, l.initArgs
	l.mu.Unlock()
	switch {
	case err != nil:
		return err
	case conns[stuck] >= maxStuck:
		return fmt.Errorf("%d calls hang in %s, and one more might, too: %w", conns[stuck], l.path, engine.ErrUnavailable)
	case initialized && conns != [states]int{}:
		return nil
	}
	if ours {
		// If C_Finalize fails, the result of C_Initialize decides.
		if l.call(finalize, 0) == nil {
			l.setInitialized(false, false)
			ours = false
		}
	}
	err = l.initialize(initArgs)
	switch err {
	case nil:
		l.setInitialized(true, false)
	case ck.RVAlreadyInitialized:
		l.setInitialized(true, !ours)
		err = nil
	}
	return err
}

func (l *library) setInitialized(initialized, foreign bool) {
	l.mu.Lock()
	l.initialized, l.foreign = initialized, foreign
	l.mu.Unlock()
}

const osLocking = 1 << 1 // CKF_OS_LOCKING_OK of CK_C_INITIALIZE_ARGS

// initialize calls C_Initialize. The module may create threads and use the system's locks.
func (l *library) initialize(initArgs string) error {
	var m memory
	m.pin()
	defer m.wipe()
	// NSS reads one more pointer after the fields of the standard.
	r := record{b: m.room(5*pointerSize + ulongSize + pointerSize)}
	for range 4 {
		r.putAddress(0) // functions for locks
	}
	r.putUlong(osLocking)
	if initArgs != "" {
		r.putAddress(address(m.copy(append([]byte(initArgs), 0))))
	}
	return l.call(initialize, address(r.b))
}

// finalizeUnused finalizes the library if nothing uses it any more. The caller has the turn.
func (l *library) finalizeUnused(ctx context.Context) error {
	l.mu.Lock()
	var err error
	if l.dialers == 0 {
		err = l.await(ctx)
	}
	unused := l.unused()
	l.mu.Unlock()
	if !unused {
		return err
	}
	if err := l.call(finalize, 0); err != nil && err != ck.RVNotInitialized {
		return err
	}
	l.setInitialized(false, false)
	return nil
}

// stuckAfter makes a connection count as stuck if it has not ended after hang.
func (l *library) stuckAfter(c *conn, hang time.Duration) *time.Timer {
	return time.AfterFunc(hang, func() { l.move(c, stuck) })
}
