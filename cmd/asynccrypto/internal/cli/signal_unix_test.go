//go:build unix

package cli

import (
	"context"
	"errors"
	"syscall"
	"testing"
)

// The first signal cancels the context, with the signal as the cause.
func TestInterruptible(t *testing.T) {
	ctx, stop := Interruptible()
	defer stop()
	if err := syscall.Kill(syscall.Getpid(), syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	<-ctx.Done()
	sig, ok := errors.AsType[*SignalError](context.Cause(ctx))
	if !ok || sig.Signal != syscall.SIGTERM {
		t.Error(context.Cause(ctx))
	}
}

// Once it is stopped, the context is done without a signal as its cause.
func TestInterruptibleStopped(t *testing.T) {
	ctx, stop := Interruptible()
	stop()
	if _, ok := errors.AsType[*SignalError](context.Cause(ctx)); ctx.Err() == nil || ok {
		t.Error(context.Cause(ctx))
	}
}
