package engine_test

import (
	"context"
	"testing"

	"asynccrypto/engine"
)

// What WithFallback says reaches the Handler, and ends with the contexts that are derived from it.
func TestFallback(t *testing.T) {
	var has bool
	e, err := engine.New(engine.Config{Name: "asks", Handler: func(batch []*engine.Request) {
		has = engine.HasFallback(batch[0].Context())
		batch[0].Complete(nil)
	}})
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	bound := engine.WithFallback(t.Context())
	derived, cancel := context.WithCancel(bound)
	defer cancel()
	for _, tt := range []struct {
		ctx  context.Context
		want bool
	}{{t.Context(), false}, {bound, true}, {derived, true}, {engine.WithFallback(derived), true}} {
		if err := e.Do(tt.ctx, new(nop)); err != nil {
			t.Error(err)
		}
		if has != tt.want || engine.HasFallback(tt.ctx) != tt.want {
			t.Errorf("%v: the Handler sees %v, want %v", tt.ctx, has, tt.want)
		}
	}
	if engine.WithFallback(bound) != bound {
		t.Error("a context that says so already is wrapped again")
	}
}
