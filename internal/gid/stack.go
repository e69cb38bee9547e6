package gid

import (
	"bytes"
	"runtime"
)

// headerSize is enough for the longest header without labels. With GOTRACEBACK=system the runtime
// also prints three addresses and numbers before the bracket.
const headerSize = 256

// header returns the beginning of the caller's stack trace, which has the form
//
//	goroutine 18 [running, locked to thread, synctest bubble 3]:
//	goroutine 18 gp=0xc000002380 m=0 mp=0x58a2c0 [running, locked to thread]:
//
// The runtime may add the goroutine's profiler labels, whose text is the application's: Go 1.27
// after the bracket, and Go 1.26, if GODEBUG=tracebacklabels=1 asks for them, at its end.
//
//	goroutine 18 [running] {request: "locked to thread"}:
//	goroutine 18 [running labels:{"request": "locked to thread"}]:
func header() []byte {
	buf := make([]byte, headerSize)
	return buf[:runtime.Stack(buf, false)]
}

// state returns the part of a header that the runtime itself has written in the bracket, without
// labels: "running, locked to thread".
func state(header []byte) []byte {
	_, state, _ := bytes.Cut(header, []byte(" ["))
	state, _, _ = bytes.Cut(state, []byte("]"))
	state, _, _ = bytes.Cut(state, []byte(" labels:{"))
	return state
}

func locked(header []byte) bool   { return bytes.Contains(state(header), []byte("locked to thread")) }
func inBubble(header []byte) bool { return bytes.Contains(state(header), []byte("synctest bubble")) }

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

// Locked reports whether the calling goroutine is locked to its thread: by runtime.LockOSThread,
// because it runs Go code that C has called, or because an init function is running. The runtime
// shows that only in a stack trace. It costs about a microsecond, and more on a deep stack.
func Locked() bool { return locked(header()) }

// InBubble reports whether the calling goroutine is in a bubble of package testing/synctest. It
// costs as much as Locked.
func InBubble() bool { return inBubble(header()) }
