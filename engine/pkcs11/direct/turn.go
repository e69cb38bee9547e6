package direct

import (
	"context"
	"time"

	"asynccrypto/engine/pkcs11/internal/ck"
)

// A turn is a lock that a goroutine can stop waiting for.
type turn chan struct{}

// do waits for the turn and calls f on a goroutine of its own, which gives the turn back. If ctx is
// done first, do returns its cause. f goes on then, and undo gets its result if f returns no error.
func do[T any](ctx context.Context, t turn, f func() (T, error), undo func(T)) (T, error) {
	var none T
	select {
	case t <- struct{}{}:
	case <-ctx.Done():
		return none, context.Cause(ctx)
	}
	type result struct {
		v   T
		err error
	}
	done := make(chan result)
	go func() {
		v, err := f()
		<-t
		select {
		case done <- result{v, err}:
		case <-ctx.Done():
			if err == nil {
				undo(v)
			}
		}
	}()
	select {
	case r := <-done:
		return r.v, r.err
	case <-ctx.Done():
		return none, context.Cause(ctx)
	}
}

// within bounds ctx by the time that a call may take.
func within(ctx context.Context, hang time.Duration) (context.Context, context.CancelFunc) {
	return context.WithTimeoutCause(ctx, hang, ck.ErrHung)
}
