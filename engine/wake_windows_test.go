package engine_test

import (
	"testing"

	"asynccrypto/async"

	"golang.org/x/sys/windows"
)

// readable reports whether the event object is signaled just now.
func readable(t *testing.T, fd async.FD) bool {
	t.Helper()
	ev, err := windows.WaitForSingleObject(windows.Handle(fd), 0)
	if err != nil {
		t.Fatal(err)
	}
	return ev == windows.WAIT_OBJECT_0
}

// awaitReadable waits for fd as an event loop would.
func awaitReadable(t testing.TB, fd async.FD) {
	if _, err := windows.WaitForSingleObject(windows.Handle(fd), windows.INFINITE); err != nil {
		t.Fatal(err)
	}
}
