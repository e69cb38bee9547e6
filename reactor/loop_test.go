package reactor_test

import (
	"context"
	"testing"
	"time"

	"asynccrypto/reactor"
)

func TestSmoke(t *testing.T) {
	l, err := reactor.New(reactor.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	ctx, stop := context.WithCancel(t.Context())
	var w *reactor.Watch
	n := 0
	w = l.Watch(func() {
		if n++; n == 3 {
			stop()
			return
		}
		l.After(10*time.Millisecond, func() { go w.Wake() })
	})
	go w.Wake()
	if err := l.Run(ctx); err != context.Canceled {
		t.Fatal(err)
	}
}
