package gid

import (
	"bytes"
	"runtime"
)

// header returns the first line of the caller's stack trace: "goroutine 18 [running, locked to
// thread]:".
func header() []byte {
	buf := make([]byte, 96)
	buf = buf[:runtime.Stack(buf, false)]
	if i := bytes.IndexByte(buf, '\n'); i >= 0 {
		buf = buf[:i]
	}
	return buf
}

// fromStack reads the goroutine's id from its stack trace, for architectures without the assembly.
func fromStack() uintptr {
	var id uintptr
	for _, d := range bytes.TrimPrefix(header(), []byte("goroutine ")) {
		if d < '0' || d > '9' {
			break
		}
		id = id*10 + uintptr(d-'0')
	}
	return id
}

// Locked reports whether the calling goroutine is locked to its thread, by runtime.LockOSThread or
// because an init function is running. The runtime shows that only in a stack trace. It costs
// about a microsecond.
func Locked() bool { return bytes.Contains(header(), []byte("locked to thread")) }

// InBubble reports whether the calling goroutine is in a bubble of package testing/synctest. It
// costs as much as Locked.
func InBubble() bool { return bytes.Contains(header(), []byte("synctest bubble")) }
