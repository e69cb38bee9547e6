//go:build !unix

package keys

import (
	"errors"
	"os"
)

// stop stops a process, which goes on being there.
func stop(*os.Process) error { return errors.ErrUnsupported }
