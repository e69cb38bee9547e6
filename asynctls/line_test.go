package asynctls_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"asynccrypto/async"
	"asynccrypto/asynctls"
	"asynccrypto/asynctls/internal/tlstest"
	"asynccrypto/engine"
	"asynccrypto/internal/testwait"
)

// Fifty connections and a pool of one: everybody is served, each after a wake, and nobody
// polls. Those that are given up while they wait pass their turn on.
func TestLine(t *testing.T) {
	e, sc, cc := tlstest.NewEngine(t), newPool(t, 0), newPool(t, 1)
	serverConfig, clientConfig := tlstest.Configs(t, e)
	type pair struct{ s, c *side }
	var pairs []pair
	woken := make(chan int, 1000)
	for i := range 50 {
		p := pair{
			newSide(t, asynctls.NewServerConn, serverConfig, &asynctls.Options{Pool: sc}),
			newSide(t, asynctls.NewClientConn, clientConfig, &asynctls.Options{Pool: cc}),
		}
		p.c.SetAsyncCallback(func(any) { woken <- i }, nil)
		pairs = append(pairs, p)
	}
	var served, abandoned int
	finish := func(i int) {
		p := pairs[i]
		if sErr, cErr := handshake(t, p.s, p.c, 1<<20); sErr != nil || cErr != nil {
			t.Fatal(i, sErr, cErr)
		}
		served++
	}
	for i, p := range pairs { // the first has the place, the others stand in line
		want := asynctls.ErrWantAsyncJob
		if i == 0 {
			want = asynctls.ErrWantRead
		}
		for range 2 { // too early does no harm, and doesn't cost its turn
			if err := p.c.Handshake(); err != want {
				t.Fatal(i, err)
			}
		}
	}
	for i := 5; i < 50; i += 5 {
		pairs[i].c.Abort()
		abandoned++
	}
	finish(0)
	for served+abandoned < 50 {
		select {
		case i := <-woken:
			if i%7 == 3 { // it was notified, but gives up
				pairs[i].c.Close()
				abandoned++
				continue
			}
			if i%5 == 0 {
				t.Fatal("woken after it was given up:", i)
			}
			finish(i)
		case <-time.After(time.Until(testwait.Limit())):
			t.Fatalf("%d were served and %d given up; nobody is woken", served, abandoned)
		}
	}
	if len(woken) > 0 {
		t.Error(len(woken), "wakes too many")
	}
}

// A callback that panics when a place comes free fails its own connection, not the one that
// frees the place.
func TestCallbackPanicsInLine(t *testing.T) {
	_, clientConfig := tlstest.Configs(t, tlstest.NewEngine(t))
	o := &asynctls.Options{Pool: newPool(t, 1)}
	a, b, c := newSide(t, asynctls.NewClientConn, clientConfig, o), newSide(t, asynctls.NewClientConn, clientConfig, o), newSide(t, asynctls.NewClientConn, clientConfig, o)
	b.SetAsyncCallback(func(any) { panic("the callback's") }, nil)
	a.Handshake()
	for _, s := range []*side{b, c} {
		if err := s.Handshake(); err != asynctls.ErrWantAsyncJob {
			t.Fatal(err)
		}
	}
	a.Abort()
	var p *async.PanicError
	if err := b.Handshake(); !errors.As(err, &p) || p.Value != "the callback's" {
		t.Error(err)
	}
	<-c.wakes // b's turn was passed on
	if err := c.Handshake(); err != asynctls.ErrWantRead {
		t.Error(err)
	}
}

// The callback may be set, changed and unset at any time; with the one that is set when the
// engine is done.
func TestCallbackChanges(t *testing.T) {
	e, gate := newGate(t)
	sc, cc := tlstest.Configs(t, e)
	for _, late := range []bool{false, true} {
		o := &asynctls.Options{Pool: newPool(t, 0)}
		s, c := newSide(t, asynctls.NewServerConn, sc, o), newSide(t, asynctls.NewClientConn, cc, o)
		for !s.WaitingForAsync() {
			c.Handshake()
			carry(c, s, 1<<20)
			s.Handshake()
		}
		if state, ok := s.ConnectionState(); ok { // tls.Conn's would wait for the paused job, and the job for us
			t.Error("a state before the handshake is done:", state)
		}
		var old, current atomic.Int32
		s.SetAsyncCallback(func(any) { old.Add(1) }, nil)
		s.SetAsyncCallback(nil, nil)
		count := func(arg any) { arg.(*atomic.Int32).Add(1) }
		if late {
			gate <- nil
			for e.Stats().InFlight > 0 {
				time.Sleep(time.Millisecond)
			}
			s.SetAsyncCallback(count, &current) // too late, so:
		} else {
			s.SetAsyncCallback(count, &current)
			gate <- nil
			for current.Load() == 0 {
				time.Sleep(time.Millisecond)
			}
		}
		for range 1000 { // the wake comes before the result may be taken, by a hair
			if s.Handshake(); !s.WaitingForAsync() {
				break
			}
			time.Sleep(time.Millisecond)
		}
		if s.WaitingForAsync() || old.Load() != 0 || late == (current.Load() == 1) {
			t.Error(late, s.WaitingForAsync(), old.Load(), current.Load())
		}
	}
}

// Also while it stands in line for a place: with the one that is set when a place comes free.
// With none it goes on when it is asked to.
func TestCallbackChangesInLine(t *testing.T) {
	_, clientConfig := tlstest.Configs(t, tlstest.NewEngine(t))
	for _, unset := range []bool{false, true} {
		o := &asynctls.Options{Pool: newPool(t, 1)}
		first, second := newSide(t, asynctls.NewClientConn, clientConfig, o), newSide(t, asynctls.NewClientConn, clientConfig, o)
		first.Handshake()
		if err := second.Handshake(); err != asynctls.ErrWantAsyncJob {
			t.Fatal(err)
		}
		var calls atomic.Int32
		second.SetAsyncCallback(func(arg any) { arg.(*atomic.Int32).Add(1) }, &calls)
		if unset {
			second.SetAsyncCallback(nil, nil)
		}
		first.Abort()
		if n := calls.Load(); n != 1 && !unset || n != 0 && unset || len(second.wakes) != 0 {
			t.Error(unset, n, len(second.wakes))
		}
		if err := second.Handshake(); err != asynctls.ErrWantRead {
			t.Error(unset, err)
		}
	}
}

// A handshake that waits for room in a full engine is closed: it leaves that line too.
func TestCloseWhileEngineIsFull(t *testing.T) {
	e := newTestEngine(t, 1, (*engine.Request).Run)
	running, full := make(chan struct{}), make(chan struct{})
	go e.Do(context.Background(), engine.Func(func() error { close(running); <-full; return nil }))
	defer close(full)
	<-running
	sc, cc := tlstest.Configs(t, e)
	for name, end := range map[string]func(*asynctls.Conn){"Close": func(c *asynctls.Conn) { c.Close() }, "Abort": (*asynctls.Conn).Abort} {
		o := &asynctls.Options{Pool: newPool(t, 1)}
		s, c := newSide(t, asynctls.NewServerConn, sc, o), newSide(t, asynctls.NewClientConn, cc, &asynctls.Options{Pool: newPool(t, 1)})
		c.Handshake()
		carry(c, s, 1<<20)
		if err := s.Handshake(); err != asynctls.ErrWantAsync || s.AsyncStatus() != async.StatusEAGAIN || e.Stats().Waiting != 1 {
			t.Fatal(name, err, s.AsyncStatus(), e.Stats())
		}
		end(s.Conn)
		if st := e.Stats(); st.Waiting != 0 || !hasPlace(o.Pool) {
			t.Errorf("%s: something is left: %+v", name, st)
		}
	}
}

// The deadlines of a handshake, of idleness and of Close, with time that stands still meanwhile.
func TestDeadlines(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := tlstest.NewEngine(t)
		sc, cc := tlstest.Configs(t, e)
		pool := newPool(t, 0)
		o := &asynctls.Options{Pool: pool, HandshakeTimeout: 10 * time.Second, IdleTimeout: time.Minute}
		until := func(s *side, want time.Duration) {
			t.Helper()
			if got := time.Until(s.Deadline()); got != want {
				t.Errorf("the deadline is in %v, want %v", got, want)
			}
		}
		s, c := newSide(t, asynctls.NewServerConn, sc, o), newSide(t, asynctls.NewClientConn, cc, o)
		until(s, 10*time.Second)
		time.Sleep(time.Second)
		c.Handshake()
		until(c, 9*time.Second)
		if err := c.Timeout(); err != nil {
			t.Error(err)
		}
		if sErr, cErr := handshake(t, s, c, 1<<20); sErr != nil || cErr != nil {
			t.Fatal(sErr, cErr)
		}
		time.Sleep(time.Second)
		until(s, 59*time.Second)
		if n, err := s.Write(make([]byte, 200<<10)); err != asynctls.ErrWantWrite || n == 0 {
			t.Error(n, err)
		}
		until(s, time.Minute) // a part was taken
		if err := s.Close(); err != asynctls.ErrWantWrite {
			t.Error(err)
		}
		until(s, 10*time.Second)
		time.Sleep(10 * time.Second)
		if err := s.Timeout(); err == nil || err.Error() != "asynctls: peer took nothing after Close for 10s" {
			t.Error(err)
		}
		until(c, 49*time.Second)
		time.Sleep(49 * time.Second)
		if err := c.Timeout(); err == nil || err.Error() != "asynctls: nothing read or written for 1m0s" {
			t.Error(err)
		}
		if !c.Deadline().IsZero() {
			t.Error(c.Deadline())
		}
	})
}
