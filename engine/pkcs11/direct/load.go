package direct

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	"asynccrypto/engine/pkcs11/internal/ck"
)

const defaultHang = 30 * time.Second

// Load loads a module into this process, for [asynccrypto/engine/pkcs11.Options].Load. It does not
// initialize the module.
//
// module is the path of the library, or a name without a directory, which the system looks for among
// its libraries. initArgs is the string that C_Initialize takes in pReserved; if it is empty,
// pReserved is NULL. While a module is in use, it cannot be loaded with other initArgs. hang is the
// longest that one call of the module, or loading it, may take; 0 means 30 s.
//
// A module is loaded once in a process, however often and by whatever path Load is called, and stays
// loaded. The error wraps [errors.ErrUnsupported] on a system that this package does not support.
// Load may be called by any goroutine.
func Load(module, initArgs string, hang time.Duration) (ck.Dialer, error) {
	if module == "" {
		return nil, errors.New("pkcs11: no module to load: the URI needs a module-path")
	}
	if hang <= 0 {
		hang = defaultHang
	}
	ctx, cancel := within(context.Background(), hang)
	defer cancel()
	m, err := do(ctx, loading, func() (*library, error) { return load(module) }, func(*library) {})
	if err != nil {
		return nil, fmt.Errorf("pkcs11: load %s: %w", module, err)
	}
	if err := m.join(initArgs); err != nil {
		return nil, fmt.Errorf("pkcs11: load %s: %w", module, err)
	}
	return &dialer{lib: m, hang: hang}, nil
}

// dialer is the [ck.Dialer] of one Load.
type dialer struct {
	lib    *library
	hang   time.Duration
	closed bool // under lib.mu
}

// errClosed is the error of calls that begin after Close, and of calls that Close has given up.
var errClosed = fmt.Errorf("the connection to the module: %w", net.ErrClosed)

// Dial returns a connection. It initializes the module if that has not been done. If it has been
// done, and no connection is open and no call hangs, Dial first finalizes the module. So modules
// find a token again that was away.
func (d *dialer) Dial(ctx context.Context) (ck.Conn, error) {
	ctx, cancel := within(ctx, d.hang)
	defer cancel()
	c, err := do(ctx, d.lib.turn, func() (*conn, error) {
		if err := d.lib.prepare(ctx, d); err != nil {
			return nil, err
		}
		c, err := d.lib.connect(d)
		if err != nil { // d was closed meanwhile
			d.lib.finalizeUnused(ctx)
		}
		return c, err
	}, func(c *conn) { c.Close() })
	if err != nil {
		return nil, err // not a nil *conn in an interface
	}
	return c, nil
}

// Close finalizes the module when the last Dialer is closed and the last connection has ended. It
// waits for that, but not for calls that nobody waits for any more: when they return, the module is
// finalized then.
func (d *dialer) Close() error {
	if !d.lib.leave(d) {
		return nil
	}
	ctx, cancel := within(context.Background(), d.hang)
	defer cancel()
	_, err := do(ctx, d.lib.turn, func() (struct{}, error) {
		return struct{}{}, d.lib.finalizeUnused(ctx)
	}, func(struct{}) {})
	return err
}
