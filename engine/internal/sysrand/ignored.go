package sysrand

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"os"
	"sync/atomic"
)

// Ignored reports whether crypto/ecdsa signs with the system's random bytes whatever reader it is
// given. Go does so since 1.26, unless cryptocustomrand=1 is set: in the environment variable
// GODEBUG, which a running program may change, or in the program itself. Only a signature shows the
// program's own setting, so Ignored makes one for each new value of the variable.
func Ignored() bool {
	setting := os.Getenv("GODEBUG")
	if p := probed.Load(); p != nil && p.setting == setting {
		return p.ignored
	}
	p := &probe{setting, signsWithoutReading()}
	if os.Getenv("GODEBUG") == setting { // otherwise nobody knows which of the values p is about
		probed.Store(p)
	}
	return p.ignored
}

// probe is what crypto/ecdsa does while GODEBUG has a value.
type probe struct {
	setting string
	ignored bool
}

var probed atomic.Pointer[probe]

// signsWithoutReading reports whether a signature of crypto/ecdsa leaves its reader alone.
func signsWithoutReading() bool {
	one := make([]byte, 32)
	one[31] = 1 // a key that is no secret
	key, err := ecdsa.ParseRawPrivateKey(elliptic.P256(), one)
	if err != nil {
		return false
	}
	var r witness
	_, err = ecdsa.SignASN1(&r, key, one)
	return err == nil && !r.read
}

// witness is a reader that remembers whether it was read.
type witness struct{ read bool }

func (r *witness) Read(p []byte) (int, error) {
	r.read = true
	return len(p), nil
}
