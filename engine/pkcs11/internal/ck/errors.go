package ck

import (
	"errors"
	"fmt"
)

// ErrHung is returned when the module has not answered a call in time.
var ErrHung = errors.New("the module does not answer")

// ErrEnded is returned when a connection has ended that this side has not closed: the module's process
// has died, or the server has, or the way to it is cut.
var ErrEnded = errors.New("the module's process has ended")

// Error is a CK_RV other than CKR_OK: the answer of a module that refused or failed a call.
type Error uint64

// Error returns the name and the number, such as "CKR_PIN_INCORRECT (0xa0)".
func (e Error) Error() string {
	switch name, ok := rvNames[e]; {
	case ok:
		return fmt.Sprintf("CKR_%s (%#x)", name, uint64(e))
	case e >= RVVendorDefined:
		return fmt.Sprintf("CKR_VENDOR_DEFINED (%#x)", uint64(e))
	default:
		return fmt.Sprintf("CKR %#x", uint64(e))
	}
}

// MechanismName returns the name of a mechanism type, such as "CKM_ECDSA", and its number, such as
// "CKM 0x80000001", if this package has no name.
func MechanismName(mech uint64) string {
	if name, ok := mechNames[mech]; ok {
		return "CKM_" + name
	}
	return fmt.Sprintf("CKM %#x", mech)
}
