package engine

import (
	"asynccrypto/async"

	"golang.org/x/sys/windows"
)

// waitFD is a manual-reset event object.
type waitFD windows.Handle

func newWaitFD() (waitFD, error) {
	h, err := windows.CreateEvent(nil, 1, 0, nil)
	return waitFD(h), err
}

func (fd waitFD) readable() async.FD { return async.FD(fd) }

func (fd waitFD) signal() { windows.SetEvent(windows.Handle(fd)) }

func (fd waitFD) clear() { windows.ResetEvent(windows.Handle(fd)) }

func (fd waitFD) close() { windows.CloseHandle(windows.Handle(fd)) }
