package keyring

import (
	"log/slog"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"asynccrypto/cmd/asynccrypto/internal/cli"
	"asynccrypto/engine/pkcs11"
)

// Options are what all keys of a [Ring] have in common.
type Options struct {
	// Timeout is how long each key of a chain but the last may take for an operation, the time in
	// line included.
	Timeout  time.Duration
	Sessions int          // the most operations that a token does at once
	Logger   *slog.Logger // of tokens and chains; nil for none

	initArgs []string // of -key-init-args
	lastTry  bool
}

// defaultSessions is the default of package pkcs11.
const defaultSessions = 8

// Declare declares the options of tokens: -key-sessions and those of [Options.DeclareModule].
func (o *Options) Declare(f *cli.Flags) {
	o.Sessions = defaultSessions
	f.Int(&o.Sessions, "key-sessions", 1, 1024, "operations that a token does at once, each through a helper process")
	o.DeclareModule(f)
}

// DeclareModule declares the options -key-init-args and -key-last-try.
func (o *Options) DeclareModule(f *cli.Flags) {
	f.Strings(&o.initArgs, "key-init-args", "[MODULE=]TEXT", "what the module wants to be started with (C_Initialize), such as "+
		"\"configdir='sql:/DIR'\" for NSS; with MODULE, the absolute module-path of a key's URI, only that module gets it")
	f.Bool(&o.lastTry, "key-last-try", "try the PIN even if one more wrong PIN locks the token")
}

// DeclareTimeout declares the option -key-timeout.
func (o *Options) DeclareTimeout(f *cli.Flags, preset time.Duration) {
	o.Timeout = preset
	f.Duration(&o.Timeout, "key-timeout", "how long a key that has a fallback may take for a signature, the time in line included, "+
		"before the fallback is asked")
}

// CheckTokens returns a usage error if an option of [Options.Declare] was given and none of the keys
// is on a token, or on one of the module that -key-init-args names.
func (o *Options) CheckTokens(f *cli.Flags, keys ...string) error {
	for _, name := range []string{"key-sessions", "key-init-args", "key-last-try"} {
		if f.Given(name) && !slices.ContainsFunc(keys, IsToken) {
			return cli.Usagef("-%s is for keys on a token, which a URI names: pkcs11:...", name)
		}
	}
	for _, given := range o.initArgs {
		module, _ := moduleAndArgs(given)
		if module != "" && !slices.ContainsFunc(keys, func(key string) bool { return IsToken(key) && modulePath(key) == module }) {
			return cli.Usagef("-key-init-args: no key has the module %q; before the =, write the module-path of a key's URI", module)
		}
	}
	return nil
}

// CheckTimeout returns a usage error if -key-timeout was given and there is no fallback.
func CheckTimeout(f *cli.Flags, hasFallback bool) error {
	if f.Given("key-timeout") && !hasFallback {
		return cli.Usagef("-key-timeout is for a key that has a -fallback-key")
	}
	return nil
}

// For returns the options with which package pkcs11 opens the token of a URI.
func (o *Options) For(uri string) pkcs11.Options {
	return pkcs11.Options{Sessions: o.Sessions, LastTry: o.lastTry, InitArgs: o.initArgsFor(modulePath(uri)), Logger: o.Logger}
}

// initArgsFor returns the text of -key-init-args for a module: that which names the module, or else
// that which names none. Of several the last one counts.
func (o *Options) initArgsFor(module string) (args string) {
	own := false
	for _, given := range o.initArgs {
		switch named, text := moduleAndArgs(given); {
		case named != "" && named == module:
			args, own = text, true
		case named == "" && !own:
			args = text
		}
	}
	return args
}

// moduleAndArgs divides a value of -key-init-args. The module is an absolute path, as in a URI, or
// empty if the value names none.
func moduleAndArgs(given string) (module, args string) {
	path, text, ok := strings.Cut(given, "=")
	if ok && (filepath.IsAbs(path) || strings.HasPrefix(path, "/")) {
		return path, text
	}
	return "", given
}
