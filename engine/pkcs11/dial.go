package pkcs11

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"regexp"

	"asynccrypto/engine/pkcs11/internal/ck"
	"asynccrypto/engine/pkcs11/internal/rpc"
	"asynccrypto/engine/pkcs11/internal/uri"
)

// connect makes a connection to the module, which may have to start.
func (t *Token) connect(ctx context.Context) (ck.Conn, error) {
	conn, err := t.dialer.Dial(ctx)
	switch _, answered := errors.AsType[ck.Error](err); {
	case errors.Is(err, ck.RVArgumentsBad):
		return nil, fmt.Errorf("the module does not start: %w; it needs other Options.InitArgs (the command's -key-init-args), or none", err)
	case answered:
		return nil, fmt.Errorf("the module does not start: %w; does it find its configuration and its daemons?", err)
	}
	return conn, err
}

// dialer returns the way to the module: the module in this process, a connection of the user's, the
// socket of a p11-kit server, or helper processes.
func (o Options) dialer(u *uri.URI) (ck.Dialer, error) {
	options := rpc.Options{Hang: o.Hang, InitArgs: o.InitArgs}
	switch {
	case o.Load != nil:
		return o.Load(u.ModulePath, o.InitArgs, o.Hang)
	case o.Connect != nil:
		return &remote{u.ModulePath, o.Connect, options}, nil
	case isSocket(u.ModulePath):
		return &remote{u.ModulePath, Socket(u.ModulePath), options}, nil
	case u.ModulePath == "":
		return nil, errors.New("pkcs11: the URI names no module; add ?module-path=/path/of/the/module.so to it")
	}
	return &helpers{module: u.ModulePath, options: options, logger: o.Logger}, nil
}

// Socket returns a function for [Options].Connect that connects to the Unix socket of a p11-kit
// server. The server has chosen the module, so the module-path of the URI may be left out.
func Socket(path string) func(ctx context.Context, module string) (io.ReadWriteCloser, error) {
	return func(ctx context.Context, _ string) (io.ReadWriteCloser, error) {
		var d net.Dialer
		conn, err := d.DialContext(ctx, "unix", path)
		if err != nil { // not a nil net.Conn in an interface
			return nil, fmt.Errorf("%w; is the p11-kit server running?", err)
		}
		return quick(conn)
	}
}

// isSocket reports whether a module-path is the socket of a p11-kit server. A server that ends removes
// its socket, so a file that is missing and is no library by its name is one, too.
func isSocket(path string) bool {
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return filepath.IsAbs(path) && !library.MatchString(filepath.Base(path))
	}
	return err == nil && info.Mode().Type() == fs.ModeSocket
}

// library matches the names of shared libraries: m.so, m.so.1, m.dylib, m.dll.
var library = regexp.MustCompile(`(?i)\.(so|dylib|dll)`)

// remote is the [ck.Dialer] for Options.Connect.
type remote struct {
	module  string
	connect func(context.Context, string) (io.ReadWriteCloser, error)
	options rpc.Options
}

// Dial implements [ck.Dialer].
func (r *remote) Dial(ctx context.Context) (ck.Conn, error) {
	return rpc.Dial(ctx, func(ctx context.Context) (_ io.ReadWriteCloser, err error) {
		defer recovered(&err)
		return r.connect(ctx, r.module)
	}, r.options)
}

// Close implements [ck.Dialer].
func (r *remote) Close() error { return nil }
