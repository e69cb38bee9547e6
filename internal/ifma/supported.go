package ifma

import (
	"errors"
	"os"
	"sync"
)

// EnvVar names the environment variable that turns the kernels off if it is "off" at the first
// use.
const EnvVar = "ASYNCCRYPTO_IFMA"

// ErrUnsupported is the error of the packages below for a key or a workspace where the kernels
// cannot run. [Supported] gives the reason.
var ErrUnsupported = errors.New("ifma: not supported here; Supported gives the reason")

// Supported reports whether the kernels can run and, if not, gives the reason in words for a user.
// The answer never changes while the process lives.
func Supported() (ok bool, reason string) {
	reason = support()
	return reason == "", reason
}

var support = sync.OnceValue(func() string {
	if os.Getenv(EnvVar) == "off" {
		return "switched off by " + EnvVar + "=off"
	}
	return cpuSupport()
})

// AllowReference lets the tests run everything on the reference implementations. They are slow, and
// nobody has measured whether the compiler keeps them constant in time, so they must never see a
// user's key: only tests set this.
var AllowReference bool

// Usable reports whether keys and workspaces can be made: the kernels can run, or a test allows the
// reference implementations.
func Usable() bool { return support() == "" || AllowReference }
