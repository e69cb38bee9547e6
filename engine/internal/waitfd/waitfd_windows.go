package waitfd

import (
	"asynccrypto/async"

	"golang.org/x/sys/windows"
)

// FD is a manual-reset event object.
type FD windows.Handle

// New returns an FD that is not signaled. Call Close when done.
func New() (FD, error) {
	h, err := windows.CreateEvent(nil, 1, 0, nil)
	return FD(h), err
}

// Readable returns the handle that a wait function finds signaled while fd is signaled.
func (fd FD) Readable() async.FD { return async.FD(fd) }

// Signal sets the event.
func (fd FD) Signal() { windows.SetEvent(windows.Handle(fd)) }

// Clear resets the event.
func (fd FD) Clear() { windows.ResetEvent(windows.Handle(fd)) }

// Close closes the handle.
func (fd FD) Close() { windows.CloseHandle(windows.Handle(fd)) }
