// Package ck holds the part of PKCS #11's interface, Cryptoki, that the engine uses: its numbers,
// its structures in Go's types, and its calls as an interface. There are two implementations of
// the calls: package rpc asks a helper process, package direct calls a module in this process.
//
// The source is PKCS #11 v2.40 (OASIS, 2015) and, for EdDSA, v3.0 (2020). The names are the
// standard's, spelt as Go spells names: CKR_PIN_INCORRECT is [RVPINIncorrect].
package ck

import "context"

// A Slot, a Session and an Object are handles. They mean nothing on another Conn.
type (
	Slot    uint64
	Session uint64
	Object  uint64
)

// TokenInfo is CK_TOKEN_INFO without its blank padding.
type TokenInfo struct {
	Label, Manufacturer, Model, Serial string
	Flags                              uint64 // CKF_*
	MaxSessions                        uint64 // 0, 1<<64-1 and 1<<64-2 are no limit
}

// SlotInfo is CK_SLOT_INFO without its blank padding.
type SlotInfo struct {
	Description, Manufacturer string
}

// Attribute is an attribute of an object. The field that holds its value depends on its type:
// [KindOf] says which.
type Attribute struct {
	Type   uint64
	Number uint64
	Bool   bool
	Bytes  []byte
}

// Mechanism is a mechanism and its parameters. At most one of PSS and OAEP is set.
type Mechanism struct {
	Type uint64
	PSS  *PSS
	OAEP *OAEP
}

// PSS is CK_RSA_PKCS_PSS_PARAMS. Salt is in bytes.
type PSS struct{ Hash, MGF, Salt uint64 }

// OAEP is CK_RSA_PKCS_OAEP_PARAMS. The label is the source of the encoding parameter.
type OAEP struct {
	Hash, MGF uint64
	Label     []byte
}

// Conn is a connection to a module that C_Initialize has been called in. One goroutine at a time
// may use it; Close may be called by any goroutine at any time.
//
// Every call is bounded in time. An error is an [Error] if the module has answered. With any other
// error the connection is of no use any more, and has to be closed: it is [ErrHung] if the module
// did not answer in time.
type Conn interface {
	// Slots returns the slots that hold a token.
	Slots() ([]Slot, error)
	SlotInfo(Slot) (SlotInfo, error)
	TokenInfo(Slot) (TokenInfo, error)
	Mechanisms(Slot) ([]uint64, error)

	// OpenSession opens a session that reads only (CKF_SERIAL_SESSION).
	OpenSession(Slot) (Session, error)
	CloseSession(Session) error
	// Login logs the user in (CKU_USER). With an empty PIN, the user types it at the token. The
	// caller wipes the PIN.
	Login(Session, []byte) error

	// Find returns the objects that have all the attributes, at most limit of them.
	Find(s Session, template []Attribute, limit int) ([]Object, error)
	// Attributes returns those of the wanted types that the object has and shows.
	Attributes(s Session, o Object, types []uint64) ([]Attribute, error)

	// Sign signs in one step. After an [Error] the operation may still be active in the session,
	// though the standard ends it: NSS and tpm2-pkcs11 leave it so after some errors. The next
	// operation in that session then returns [RVOperationActive]; close the session and open
	// another.
	//
	// If pin is not nil, the user is logged in with it for this operation (CKU_CONTEXT_SPECIFIC),
	// as by Login, once the operation has begun. Sign does not keep input or pin after it returns,
	// also if it returns because of ErrHung. The signature is the caller's.
	Sign(s Session, m Mechanism, key Object, input, pin []byte) ([]byte, error)
	// Decrypt decrypts in one step, as Sign signs.
	Decrypt(s Session, m Mechanism, key Object, input, pin []byte) ([]byte, error)

	// Close ends the connection and the sessions on it, and waits for nothing. A method under way
	// returns an error at once. If the module is in this process, its call goes on until the module
	// ends it, and the sessions end then.
	Close() error
}

// Dialer makes connections to one module. Any goroutine may call it.
type Dialer interface {
	// Dial makes a connection and calls C_Initialize. ctx bounds the time of both.
	Dial(ctx context.Context) (Conn, error)
	// Close releases what connections share, when the last of them is closed.
	Close() error
}
