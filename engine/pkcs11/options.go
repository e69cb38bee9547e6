package pkcs11

import (
	"context"
	"crypto"
	"fmt"
	"io"
	"log/slog"
	"time"

	"asynccrypto/engine/pkcs11/internal/ck"
)

// Options are the options of [Open] and [Tokens]. The zero value is ready for use.
type Options struct {
	// Sessions is the most sessions with the token: so many operations are under way at once, and
	// so many helpers run. 0 means 8. Helpers start in the background, one after another, while
	// operations wait for a session. The token may bound the sessions further: by the most sessions
	// that it says it has, or by refusing one more.
	Sessions int
	// Depth bounds the operations that are queued or under way; 0 means 4*Sessions, and at least
	// 64. Further operations wait in line: see [engine.Config].Depth.
	Depth int
	// PIN returns the user's PIN. It is called for each login: for each helper, and for each
	// operation with a key that asks for the PIN each time. nil means the pin-value or the
	// pin-source of the URI. Calls follow one another, on a goroutine of the Token or on that of
	// Open's caller. A call has to return soon after ctx is done. Other logins, and the operations
	// that need one, wait for it. The Token wipes the PIN after use, so return a slice of its own.
	// If PIN returns an error, the login fails and costs no try at the token.
	PIN func(ctx context.Context, token TokenInfo) ([]byte, error)
	// LastTry allows a login even if the token says that one more wrong PIN locks it
	// (CKF_USER_PIN_FINAL_TRY).
	LastTry bool
	// NoLogin leaves the login out: only the keys and operations that need none are usable. No PIN
	// is asked for, unless a key wants one for each operation.
	NoLogin bool
	// AllowDown makes Open return a Token also while the token is away: the module, the HSM or the
	// server of the socket does not answer, or shows no token that the URI matches. The Token is
	// down then, as after an outage: it is connected in the background, and its operations fail
	// with [engine.ErrUnavailable] until that is done. [Token.SignerOf] gives keys of such a Token.
	// Open still returns an error if the URI, the options or the PIN are wrong, or if the file of
	// the module does not exist or cannot be loaded.
	AllowDown bool
	// Hang is the longest time that a call of the module may take; 0 means 30 s. If it takes
	// longer, the operation fails with [engine.ErrUnavailable], and its helper is killed.
	Hang time.Duration
	// Retry is the first pause between two attempts to connect to a token that has gone; 0 means
	// 100 ms. The pause doubles up to 64 times Retry, or up to 8 times while operations ask for the
	// token.
	Retry time.Duration
	// InitArgs is given to C_Initialize as the pReserved string. NSS takes its configuration there:
	//
	//	configdir='sql:/etc/pki/web' certPrefix='' keyPrefix='' secmod='secmod.db' flags=readOnly
	InitArgs string
	// Connect returns a new connection to p11-kit's protocol, in place of a helper process:
	// [Socket], or ssh to a machine that has the token. module is the module-path of the URI, and
	// may be empty. The Token closes the connection, which has to end a Read and a Write that are
	// under way. Several goroutines may call Connect at once. It has to return soon after ctx is
	// done.
	Connect func(ctx context.Context, module string) (io.ReadWriteCloser, error)
	// Load loads the module into this process. Set it to Load of package
	// [asynccrypto/engine/pkcs11/direct]. With Load, Connect is not used.
	Load func(module, initArgs string, hang time.Duration) (ck.Dialer, error)
	// Public returns the public key of a private key for which the token has neither a public key
	// nor a certificate. nil means that there is none to add. [Token.Signer] and [Token.Keys] call
	// it, on their caller's goroutine.
	Public func(KeyInfo) (crypto.PublicKey, error)
	// Logger gets a line when the token goes down or comes up, when a call hangs, when a PIN is
	// refused, and for each line that a helper writes to its standard error, up to 60 a minute from
	// each helper. nil means no log.
	Logger *slog.Logger
}

const (
	defaultSessions = 8
	defaultHang     = 30 * time.Second
	defaultRetry    = 100 * time.Millisecond
	leastDepth      = 64
)

// complete returns o with its defaults, or an error that names the option at fault.
func (o Options) complete() (Options, error) {
	if o.Sessions < 0 || o.Depth < 0 {
		return o, fmt.Errorf("pkcs11: Options.Sessions is %d and Options.Depth %d; both must be at least 0", o.Sessions, o.Depth)
	}
	if o.Hang < 0 || o.Retry < 0 {
		return o, fmt.Errorf("pkcs11: Options.Hang is %v and Options.Retry %v; both must be at least 0", o.Hang, o.Retry)
	}
	if o.Sessions == 0 {
		o.Sessions = defaultSessions
	}
	if o.Depth == 0 {
		o.Depth = max(4*o.Sessions, leastDepth)
	}
	if o.Hang == 0 {
		o.Hang = defaultHang
	}
	if o.Retry == 0 {
		o.Retry = defaultRetry
	}
	return o, nil
}
