package cli

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"
)

// SignalError ends a command that a signal has stopped. The exit status is 128 plus the signal's
// number.
type SignalError struct{ Signal os.Signal }

func (e *SignalError) Error() string { return fmt.Sprintf("stopped by a signal (%s)", e.Signal) }

func (e *SignalError) number() int {
	n, _ := e.Signal.(syscall.Signal)
	return int(n)
}

// Signals returns a channel with room for n signals that ask the command to stop: interrupt,
// SIGTERM and SIGHUP. A signal that the process was started to ignore, as under nohup or in the
// background of a script, stays ignored. Call stop when done: from then on a signal ends the
// process.
func Signals(n int) (signals <-chan os.Signal, stop func()) {
	c := make(chan os.Signal, n)
	for _, sig := range []os.Signal{os.Interrupt, syscall.SIGTERM, syscall.SIGHUP} {
		if !signal.Ignored(sig) {
			signal.Notify(c, sig)
		}
	}
	return c, func() { signal.Stop(c) }
}

// AwaitEnd waits for the end of a server that drains, and returns the error from ended. Further signals
// but SIGHUP call cancel, which brings the end about: then the error is a [SignalError].
func AwaitEnd(ended <-chan error, signals <-chan os.Signal, cancel func()) error {
	for {
		select {
		case err := <-ended:
			return err
		case sig := <-signals:
			if sig == syscall.SIGHUP {
				continue
			}
			cancel()
			<-ended
			return &SignalError{Signal: sig}
		}
	}
}

// Interruptible returns a context that the first of these signals cancels. Its cause is then a
// [SignalError]. A second signal ends the process at once. Call stop when done.
func Interruptible() (ctx context.Context, stop func()) {
	ctx, cancel := context.WithCancelCause(context.Background())
	signals, ignore := Signals(1)
	go func() {
		select {
		case sig := <-signals:
			ignore()
			cancel(&SignalError{sig})
		case <-ctx.Done():
		}
	}()
	return ctx, func() {
		ignore()
		cancel(nil)
	}
}
