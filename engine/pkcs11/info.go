package pkcs11

import (
	"crypto"
	"time"
)

// TokenInfo describes a token.
type TokenInfo struct {
	Label, Manufacturer, Model, Serial string
	// Slot is the number of the token's slot, which may be another one in the next process.
	Slot uint64
	// LoginRequired says that private keys are usable only after a login.
	LoginRequired bool
	PINPad        bool // the PIN is typed at the token: Options.PIN may return nil
	PINLow        bool // a wrong PIN has been tried since the last login
	PINFinalTry   bool // the next wrong PIN locks the token
	PINLocked     bool // the token takes no PIN any more
	Initialized   bool // the token can hold keys; C_InitToken has been called
	// MaxSessions is the most sessions that one application may have; 0 means no limit that is
	// known.
	MaxSessions uint64
	// URI names the token, and has the module-path of the URI of Open. It has no PIN.
	URI string
}

// KeyInfo describes a private key on a token.
type KeyInfo struct {
	Label string // CKA_LABEL, or the label of the certificate or public key if the key has none
	ID    []byte // CKA_ID, which the key, its public key and its certificate have in common
	Type  string // "RSA", "EC", "Ed25519", or a name such as "CKK 0x1f" for others
	// Public is the public key: an *rsa.PublicKey, an *ecdsa.PublicKey or an ed25519.PublicKey. It
	// is nil if the token does not show it, or if it is of another type.
	Public crypto.PublicKey
	// Sign and Decrypt say what the token lets the key do.
	Sign, Decrypt bool
	// AlwaysAuthenticate says that the token asks for the PIN for each operation.
	AlwaysAuthenticate bool
	// URI names the key on its token, for [Token.Signer]: its path has the token's attributes, and
	// the key's object and id.
	URI string
}

// Mechanism is a mechanism that a module offers for a token.
type Mechanism struct {
	Type uint64 // CKM_*
	Name string // "CKM_ECDSA", or "CKM 0x80000001" for a number without a known name
}

// Health is the state of a [Token] and its figures.
type Health struct {
	// Up says that the token is connected and logged in, as far as is known.
	Up bool
	// Refused wraps [ErrPIN] if the token has refused the PIN. The Token then stays down.
	Refused error
	// LastError is why the token went down last, or why the last attempt to connect failed. It
	// stays when the token is up again. It is nil if the token was never down.
	LastError error
	// Since is when Up changed last.
	Since time.Time
	// Sessions is the number of sessions that are connected or being connected.
	Sessions int
	// InFlight is the number of operations that sessions work on.
	InFlight int
	// Hung counts the calls that did not end within [Options].Hang.
	Hung uint64
	// Ended counts the connections that ended by themselves: the helper or the server has died. A
	// session notices that at its next call.
	Ended uint64
	// Reconnects counts how often the token has come up again.
	Reconnects uint64
	// PINsRefused counts the PINs that the token has refused: 0 or 1, since no PIN is tried again.
	PINsRefused uint64
}
