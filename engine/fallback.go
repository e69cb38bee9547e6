package engine

import "context"

type fallbackKey struct{}

// WithFallback returns a context for an operation whose caller can ask another place that has the
// key. Such an operation should not wait for a lost place to come back: it fails at once with
// [ErrUnavailable]. It may wait for a place that works, and for a place whose state is not known.
//
// Package [asynccrypto/engine/fallback] calls WithFallback for every member of a chain but the last
// one. An engine's Handler asks by [HasFallback], with [Request.Context].
func WithFallback(ctx context.Context) context.Context {
	if HasFallback(ctx) {
		return ctx
	}
	return context.WithValue(ctx, fallbackKey{}, true)
}

// HasFallback reports whether ctx comes from [WithFallback].
func HasFallback(ctx context.Context) bool { return ctx.Value(fallbackKey{}) != nil }
