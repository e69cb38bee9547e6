package pkcs11

import (
	"errors"
	"fmt"
	"strings"

	"asynccrypto/engine"
	"asynccrypto/engine/pkcs11/internal/ck"
)

// Error is a CK_RV: the answer of a module that refused or failed a call.
type Error = ck.Error

// ErrPIN is in the error of every operation after the token has refused the PIN, and in the error of
// a login that was not tried because the token is locked, has one try left, or has counted a wrong PIN
// since a login whose answer was lost. No PIN is tried again.
var ErrPIN = errors.New("the PIN was refused")

// A class is the meaning of an operation's error. The class decides how the session and the token
// go on.
//
//	class    means                           the operation       the session     the token
//	fine     success                                             stays           works
//	caller   input, options, key             fails               stays           stays
//	vague    the module does not say         fails *             stays           gone, after 3 signatures
//	dirty    an operation was left active    is tried once more  opened anew     stays
//	stale    session, login or handles lost  is tried once more  connected anew  stays
//	lost     the connection ended            is tried once more  connected anew  stays
//	hung     no answer in time               is unavailable      ends            stays
//	gone     the token does not work         is tried once more  connected anew  connected anew
//	refused  the PIN is wrong                is refused          ends            refused, for good
//
// (*) The error of a signature wraps [engine.ErrUnavailable], because the package has checked the
// input.
//
// An operation is tried twice in all. If the second attempt ends in a class from dirty on, the
// operation is unavailable.
//
// An operation that has a fallback makes no connection for its second try: another session that is
// connected does it, or else the operation is unavailable.
type class int

const (
	fine class = iota
	caller
	vague
	dirty
	stale
	lost
	hung
	gone
	refused
)

// classes has the answers for which the caller is not at fault. Codes of vendors are vague.
var classes = map[ck.Error]class{
	ck.RVGeneralError:          vague,
	ck.RVFunctionFailed:        vague,
	ck.RVCantLock:              vague,
	ck.RVTokenResourceExceeded: vague,

	ck.RVOperationActive:         dirty,
	ck.RVOperationNotInitialized: dirty,

	ck.RVSessionClosed:        stale,
	ck.RVSessionHandleInvalid: stale,
	ck.RVObjectHandleInvalid:  stale,
	ck.RVKeyHandleInvalid:     stale,
	ck.RVUserNotLoggedIn:      stale,
	ck.RVNotInitialized:       stale,

	ck.RVDeviceError:        gone,
	ck.RVDeviceMemory:       gone,
	ck.RVDeviceRemoved:      gone,
	ck.RVTokenNotPresent:    gone,
	ck.RVTokenNotRecognized: gone,
	ck.RVHostMemory:         gone,
	ck.RVSlotIDInvalid:      gone,

	ck.RVPINIncorrect: refused,
	ck.RVPINInvalid:   refused,
	ck.RVPINLenRange:  refused,
	ck.RVPINExpired:   refused,
	ck.RVPINLocked:    refused,
}

// classify returns the class of an operation's error.
func classify(err error) class {
	var answer ck.Error
	var l *lostError
	switch {
	case err == nil:
		return fine
	case errors.Is(err, ErrPIN):
		return refused
	case errors.Is(err, errModuleBlind):
		return gone
	case errors.Is(err, errKeyMissing):
		return stale
	case errors.Is(err, ck.ErrHung):
		return hung
	case errors.As(err, &l):
		return lost
	case errors.Is(err, errBadSignature):
		return vague
	case errors.As(err, &answer):
		if c, ok := classes[answer]; ok {
			return c
		}
		if answer >= ck.RVVendorDefined {
			return vague
		}
	}
	return caller
}

// lostError is an error of a connection that is of no use any more. It tells such errors from those
// of this package's own checks.
type lostError struct{ err error }

func (e *lostError) Error() string { return "the connection to the module is lost: " + e.err.Error() }

func (e *lostError) Unwrap() error { return e.err }

// called marks err, which a call of a [ck.Conn] has returned, as a [lostError] unless the module has
// answered.
func called(err error) error {
	var answer ck.Error
	if err == nil || errors.As(err, &answer) {
		return err
	}
	return &lostError{err}
}

// mistake is an error of the URI, of an option or of this machine's set-up, which no waiting mends.
type mistake struct{ error }

func (m mistake) Unwrap() error { return m.error }

// away reports whether the error of an attempt to connect says that the token is away: a later
// attempt may succeed, without a change of the URI, the options or the PIN.
func away(err error) bool {
	_, wrong := errors.AsType[mistake](err)
	// A module answers CKR_ARGUMENTS_BAD to Options.InitArgs that it does not understand.
	return err != nil && !wrong && !errors.Is(err, ErrPIN) && !errors.Is(err, ck.RVArgumentsBad)
}

// opening makes err, of an attempt to connect, the error of Open and Tokens.
func opening(err error) error {
	if away(err) {
		return fmt.Errorf("%w: %w", engine.ErrUnavailable, err)
	}
	return err
}

// unavailable makes err wrap [engine.ErrUnavailable]: another place that has the key may do the
// operation. ErrClosed stays as it is.
func unavailable(err error) error {
	if errors.Is(err, engine.ErrUnavailable) || errors.Is(err, engine.ErrClosed) {
		return err
	}
	return fmt.Errorf("pkcs11: %w: %w", engine.ErrUnavailable, bare{err})
}

// bare is an error whose text lacks the prefix of this package, because it stands inside another one
// that has the prefix.
type bare struct{ error }

func (e bare) Error() string { return strings.TrimPrefix(e.error.Error(), "pkcs11: ") }

func (e bare) Unwrap() error { return e.error }

// errInside is the error of an operation of the token's engine that calls the token. Such a call
// would wait for the worker that the operation occupies.
var errInside = errors.New("pkcs11: an operation of the token's own engine cannot use the token; run it on another engine")
