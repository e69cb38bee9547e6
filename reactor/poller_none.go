//go:build !linux && !darwin && !dragonfly && !freebsd && !netbsd && !openbsd

package reactor

import (
	"errors"
	"fmt"
	"runtime"
	"time"
)

// poller stands in for the pollers of other systems. newPoller always fails, so the loop never
// calls its methods.
type poller struct{}

func newPoller() (*poller, error) {
	return nil, fmt.Errorf("reactor: %s has neither epoll nor kqueue: %w", runtime.GOOS, errors.ErrUnsupported)
}

func (*poller) close()                            {}
func (*poller) poll(uint32) (int, error)          { return 0, errors.ErrUnsupported }
func (*poller) prepare(time.Time, int64)          {}
func (*poller) park(uint32) (int, error)          { return 0, errors.ErrUnsupported }
func (*poller) wake()                             {}
func (*poller) add(int, uint32, bool, bool) error { return errors.ErrUnsupported }
func (*poller) remove(int, bool)                  {}
func (*poller) event(int) (int, Events)           { return -1, 0 }
func (*poller) isFor(int, uint32) bool            { return false }
