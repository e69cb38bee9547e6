package engine_test

import (
	"context"
	"runtime"
	"slices"
	"sync"
	"testing"

	"asynccrypto/async"
	"asynccrypto/engine"
)

// letter is an operation whose kind is its place in the alphabet; 'f' is of kind 0.
type letter rune

func (letter) Run() error { return nil }

func kindOfLetter(op engine.Op) int {
	switch op {
	case letter('f'):
		return 0
	case letter('x'):
		return -1 // no kind: as 0
	case letter('z'):
		return 26 // no kind either
	}
	return int(op.(letter)-'a') + 1
}

// newLetters returns an engine whose handler waits for gate and records its batches.
func newLetters(t *testing.T, gate chan struct{}, maxBatch int) (e *engine.Engine, batches func() []string) {
	t.Helper()
	var mu sync.Mutex
	var all []string
	e, err := engine.New(engine.Config{
		Name: "letters", Workers: 1, MaxBatch: maxBatch, Depth: 100,
		Kind: kindOfLetter, Kinds: []string{"alone", "a", "b", "c"},
		Handler: func(batch []*engine.Request) {
			<-gate
			var letters []rune
			for _, r := range batch {
				letters = append(letters, rune(r.Op().(letter)))
				r.Run()
			}
			mu.Lock()
			defer mu.Unlock()
			all = append(all, string(letters))
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { e.Close() })
	return e, func() []string { mu.Lock(); defer mu.Unlock(); return slices.Clone(all) }
}

// Operations of one kind share batches, wherever they stand in line; the oldest of all goes first.
// An operation without a kind goes alone.
func TestBatchesByKind(t *testing.T) {
	for _, tt := range []struct {
		line string
		want []string
	}{
		{"fafafaaa", []string{"f", "aaa", "f", "f", "aa"}},
		{"fabcabcabcabc", []string{"f", "aaa", "bbb", "ccc", "a", "b", "c"}},
		{"fbaaaaaaaab", []string{"f", "bb", "aaa", "aaa", "aa"}},
		{"faaaabaaaaaa", []string{"f", "aaa", "aaa", "b", "aaa", "a"}},
		{"fxzxaz", []string{"f", "x", "z", "x", "a", "z"}},
	} {
		gate := make(chan struct{})
		e, batches := newLetters(t, gate, 3)
		pool := newPool(t)
		var all []*session
		for i, l := range tt.line {
			w := newSession(t)
			w.listen()
			w.start(pool, e, letter(l))
			w.want(t, async.Paused, nil)
			all = append(all, w)
			for i == 0 && e.Stats().InFlight == 0 {
				runtime.Gosched() // until the worker holds the first
			}
		}
		close(gate)
		for _, w := range all {
			<-w.wakes
			w.resume()
			w.want(t, async.Finished, nil)
		}
		if err := e.Shutdown(context.Background()); err != nil {
			t.Fatal(err)
		}
		if got := batches(); !slices.Equal(got, tt.want) {
			t.Errorf("%s: batches %q, want %q", tt.line, got, tt.want)
		}
		want := []engine.KindStats{{Name: "alone"}, {Name: "a"}, {Name: "b"}, {Name: "c"}}
		for _, batch := range tt.want {
			k := max(0, kindOfLetter(letter(batch[0])))
			if k == 26 {
				k = 0
			}
			want[k].Operations += uint64(len(batch))
			want[k].Batches++
		}
		if got := e.Stats().Kinds; !slices.Equal(got, want) {
			t.Errorf("%s: %+v, want %+v", tt.line, got, want)
		}
	}
}

// Whichever request leaves the line, the others keep their order and their kinds.
func TestLineByKindWithCancellations(t *testing.T) {
	gate := make(chan struct{})
	e, batches := newLetters(t, gate, 100)
	pool := newPool(t)
	var all []*session
	line := "f" + "abcabfcabacbcabca"
	for i, l := range line {
		w := newSession(t)
		w.listen()
		w.start(pool, e, letter(l))
		all = append(all, w)
		for i == 0 && e.Stats().InFlight == 0 {
			runtime.Gosched()
		}
	}
	left := map[rune]int{}
	for i, l := range line {
		if i%3 == 2 {
			all[i].job.Cancel()
		} else {
			left[l]++
		}
	}
	close(gate)
	for i, w := range all {
		if i%3 != 2 {
			<-w.wakes
			w.resume()
			w.want(t, async.Finished, nil)
		}
	}
	if err := e.Shutdown(context.Background()); err != nil {
		t.Fatal(err)
	}
	for _, batch := range batches() {
		left[rune(batch[0])] -= len(batch)
	}
	for l, n := range left {
		if n != 0 {
			t.Errorf("%c: %d are missing", l, n)
		}
	}
	checkSum(t, e.Stats())
}

// Kinds are named if there are any, and only then, and so that metrics can tell them apart.
func TestNamesOfKinds(t *testing.T) {
	for _, c := range []engine.Config{
		{Kind: kindOfLetter},
		{Kinds: []string{"alone"}},
		{Kind: kindOfLetter, Kinds: []string{"alone", ""}},
		{Kind: kindOfLetter, Kinds: []string{"alone", "a", "a"}},
		{Kind: kindOfLetter, Kinds: []string{"alone", "\xff"}},
	} {
		c.Name, c.Handler = "misnamed", func([]*engine.Request) {}
		if _, err := engine.New(c); err == nil {
			t.Errorf("%q: no error", c.Kinds)
		}
	}
}
