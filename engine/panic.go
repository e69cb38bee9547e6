package engine

import (
	"fmt"
	"runtime/debug"
)

// PanicError is the error of an operation that panicked or called runtime.Goexit, and of one whose handler or callback
// did. The engine goes on.
type PanicError struct {
	Value any    // what was passed to panic, or "runtime.Goexit"
	Stack []byte // as debug.Stack formats it; it is not part of the message
}

// Error returns the panic's value, on one line, without the stack.
func (e *PanicError) Error() string { return fmt.Sprintf("engine: panic in an operation: %v", e.Value) }

// Unwrap returns the panic's value when it is an error.
func (e *PanicError) Unwrap() error {
	err, _ := e.Value.(error)
	return err
}

// guard calls f and passes the panic of f, if it panics or exits its goroutine, to failed. A goroutine that exits can't
// be kept from it.
func guard(f func(), failed func(*PanicError)) {
	returned := false
	defer func() {
		if returned {
			return
		}
		failed(newPanicError(recover()))
	}()
	f()
	returned = true
}

// newPanicError takes what recover has returned in a function that was left by a panic, or by runtime.Goexit if that is nil.
func newPanicError(value any) *PanicError {
	if value == nil {
		value = "runtime.Goexit"
	}
	return &PanicError{Value: value, Stack: debug.Stack()}
}

// runRecovered runs op; a panic is its error.
func runRecovered(op Op) (err error) {
	guard(func() { err = op.Run() }, func(p *PanicError) { err = p })
	return err
}
