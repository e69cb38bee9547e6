package ifma

import (
	"errors"
	"os"
	"sync"
)

// EnvVar names the environment variable that turns the kernels off if it is "off" at the first
// use.
const EnvVar = "ASYNCCRYPTO_IFMA"

// ErrUnsupported is returned by [NewKey] and [NewWorkspace] where the kernels cannot run.
// [Supported] gives the reason.
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

// allowReference lets the tests run everything on the reference implementation. It is slow, and
// nobody has measured whether the compiler keeps it constant in time, so it must never see a
// user's key: only tests set this.
var allowReference bool

func usable() bool { return support() == "" || allowReference }
