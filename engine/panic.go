package engine

import (
	"fmt"
	"runtime/debug"
)

// PanicError is the error of an operation that panicked or called runtime.Goexit, or whose
// handler or callback did. The engine continues to work.
type PanicError struct {
	Value any    // the argument of panic, or the string "runtime.Goexit"
	Stack []byte // as debug.Stack formats it; it is not part of the message
}

// Error returns the panic's value, on one line, without the stack.
func (e *PanicError) Error() string { return fmt.Sprintf("engine: panic in an operation: %v", e.Value) }

// Unwrap returns the panic's value when it is an error.
func (e *PanicError) Unwrap() error {
	err, _ := e.Value.(error)
	return err
}

// guard calls f. If f panics or exits its goroutine, guard passes that to failed. It stops a
// panic; a goroutine that exits cannot be stopped.
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

// newPanicError makes the error of a function that did not return. value is the result of
// recover, which is nil if the function called runtime.Goexit.
func newPanicError(value any) *PanicError {
	if value == nil {
		value = "runtime.Goexit"
	}
	return &PanicError{Value: value, Stack: debug.Stack()}
}

// runRecovered runs op for a caller inside another of the engine's operations. If op panics, the
// panic is its error.
func runRecovered(op Op) (err error) {
	if !holdKey(op) {
		return ErrClosed
	}
	defer releaseKey(op)
	guard(func() { err = op.Run() }, func(p *PanicError) { err = p })
	return err
}
