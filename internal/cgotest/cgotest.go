//go:build cgo && unix

package cgotest

/*
#include <pthread.h>
#include <stdint.h>

void cgotestCall(uintptr_t);

static void call(uintptr_t f) { cgotestCall(f); }

static void *run(void *f) { cgotestCall((uintptr_t)f); return 0; }

static int call_on_thread(uintptr_t f) {
	pthread_t t;
	int err = pthread_create(&t, 0, run, (void *)f);
	return err ? err : pthread_join(t, 0);
}
*/
import "C"

import (
	"runtime/cgo"
	"syscall"
)

//export cgotestCall
func cgotestCall(f C.uintptr_t) { cgo.Handle(f).Value().(func())() }

// Callback calls f from C on the caller's goroutine.
func Callback(f func()) {
	h := cgo.NewHandle(f)
	defer h.Delete()
	C.call(C.uintptr_t(h))
}

// OnThread calls f from C on a new thread that C makes, and returns when f has.
func OnThread(f func()) {
	h := cgo.NewHandle(f)
	defer h.Delete()
	if err := C.call_on_thread(C.uintptr_t(h)); err != 0 {
		panic(syscall.Errno(err))
	}
}
