package ifma

import (
	"errors"
	"os"
	"sync"
)

// EnvVar turns the kernels off when it is "off" at the time of the first use.
const EnvVar = "ASYNCCRYPTO_IFMA"

// ErrUnsupported comes from NewKey and NewWorkspace where Supported says no.
var ErrUnsupported = errors.New("ifma: not supported here")

// Supported says whether the kernels can run, and if not, why, in words for a user. The answer never changes while
// the process lives.
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

// allowTwin lets the tests run everything on the plain Go twins of the kernels. They are slow and nobody has measured
// that the compiler keeps them constant in time, so no user's key ever reaches them: nothing outside the tests sets it.
var allowTwin bool

func usable() bool { return support() == "" || allowTwin }
