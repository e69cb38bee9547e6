package pool_test

import (
	"context"
	"errors"
	"log/slog"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"asynccrypto/remote/internal/pool"
	"asynccrypto/remote/internal/wire"
)

// hangs has the node answer pings, and no request.
func (n *node) hangs() { n.slow(time.Hour) }

// once has a node answer a status to its next request.
func (n *node) once(s wire.Status) {
	n.set(func(n *node) {
		n.answer = func(wire.Request) *wire.Answer {
			n.answer = nil
			return &wire.Answer{Status: s, Text: "only now"}
		}
	})
}

// A call that has to wait for one node keeps no other from the node that has room.
func TestLineMovesOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(two...)
		a, b := c.nodes["a"], c.nodes["b"]
		a.limit, b.limit = 1, 1
		p := c.pool(two...)
		defer p.Close()
		time.Sleep(10 * time.Millisecond)
		b.hangs()
		start(p, func(c *pool.Call, _ *task) { c.Only = "b" })
		first := start(p, func(c *pool.Call, _ *task) { c.Only = "b" }) // waits for b's one place
		a.slow(time.Millisecond)
		for range 10 {
			start(p)
		}
		last := start(p)
		if err := last.wait(t); err != nil || last.took > 100*time.Millisecond {
			t.Errorf("after %v: %v", last.took, err)
		}
		first.wait(t)
	})
}

// A call that one node was too busy for, while the others are full, is not left to those.
func TestBusyWhileOthersAreFull(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(two...)
		a, b := c.nodes["a"], c.nodes["b"]
		b.limit = 1
		p := c.pool(two...)
		defer p.Close()
		time.Sleep(10 * time.Millisecond)
		b.hangs()
		start(p, func(c *pool.Call, _ *task) { c.Only = "b" })
		for _, s := range []wire.Status{wire.Busy, wire.Unavailable} {
			a.once(s)
			task := start(p)
			if err := task.wait(t); err != nil || task.took > 100*time.Millisecond {
				t.Errorf("%v: after %v: %v", s, task.took, err)
			}
		}
	})
}

// A call that hangs at one node is asked again of one that was busy for a moment.
func TestBusyWhileOthersHang(t *testing.T) {
	for _, s := range []wire.Status{wire.Busy, wire.Unavailable} {
		inBubble(t, two, func(t *testing.T, c *cluster, p *pool.Pool) {
			a, b := c.nodes["a"], c.nodes["b"]
			a.slow(10 * time.Millisecond)
			for range 5 {
				start(p).wait(t) // so that b is the faster one
			}
			time.Sleep(100 * time.Millisecond)
			a.slow(time.Millisecond)
			b.hangs()
			a.once(s)
			task := start(p)
			if err := task.wait(t); err != nil || task.took > 200*time.Millisecond {
				t.Errorf("%v: after %v: %v; %+v", s, task.took, err, p.Nodes())
			}
		})
	}
}

// A node whose clock runs fast does not end a call before its time.
func TestExpiredTooEarly(t *testing.T) {
	inBubble(t, two, func(t *testing.T, c *cluster, p *pool.Pool) {
		c.nodes["a"].says(wire.Expired)
		for range 10 {
			if err := start(p).wait(t); err != nil {
				t.Error(err)
			}
		}
		c.nodes["b"].says(wire.Expired)
		var u *pool.UnavailableError
		if err := start(p).wait(t); !errors.As(err, &u) {
			t.Error(err)
		}
		for _, n := range c.nodes { // a little before the call's own end
			n.slow(1990 * time.Millisecond)
		}
		if err := start(p).wait(t); !errors.Is(err, context.DeadlineExceeded) {
			t.Error(err)
		}
	})
}

// The connection to an address that is no longer a node's ends when nobody waits for its answers.
func TestRetiredNodeHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster("1", "2")
		c.names["fleet"] = []string{"1"}
		p := c.pool("fleet")
		defer p.Close()
		time.Sleep(10 * time.Millisecond)
		c.nodes["1"].hangs()
		start(p, deadline(10*time.Second)).wait(t)
		start(p, deadline(20*time.Second))
		c.mu.Lock()
		c.names["fleet"] = []string{"2"}
		c.mu.Unlock()
		time.Sleep(6 * time.Second)
		start(p).wait(t) // has the name looked up
		time.Sleep(time.Minute)
		c.nodes["1"].set(func(n *node) {
			if len(n.conns) != 0 {
				t.Error("the connection is still there")
			}
		})
	})
}

// leaver ends the goroutine that calls it, as t.FailNow in a callback does.
type leaver struct{ *task }

func (l leaver) Done(data []byte, err error) {
	l.task.Done(data, err)
	runtime.Goexit()
}

// Callbacks that end the goroutine they are called on keep nobody from his answer.
func TestCallbacksThatExit(t *testing.T) {
	for name, fault := range map[string]func(c *cluster){
		"answered": func(c *cluster) {},
		"expired":  func(c *cluster) { c.nodes["a"].hangs() },
		"lost":     func(c *cluster) { time.AfterFunc(5*time.Millisecond, c.nodes["a"].kill); c.nodes["a"].hangs() },
		"refused":  func(c *cluster) { c.nodes["a"].says(wire.Denied) },
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, []string{"a"}, func(t *testing.T, c *cluster, p *pool.Pool) {
				fault(c)
				var tasks []*task
				for range 20 {
					tasks = append(tasks, start(p, deadline(100*time.Millisecond), fallback, func(c *pool.Call, t *task) { c.Task = leaver{t} }))
				}
				for _, task := range tasks {
					task.wait(t)
				}
				if p.Inside() {
					t.Error("the pool takes this goroutine for its own")
				}
				a := c.nodes["a"]
				a.restart()
				a.slow(time.Millisecond)
				a.set(func(n *node) { n.answer = nil })
				time.Sleep(5 * time.Second)
				if err := start(p).wait(t); err != nil {
					t.Error(err)
				}
			})
		})
	}
}

// A callback may do a call that ends at once: the rest of it still is a callback.
func TestInsideAfterDo(t *testing.T) {
	inBubble(t, two, func(t *testing.T, c *cluster, p *pool.Pool) {
		inside := make(chan bool, 1)
		p.Do(&pool.Call{
			Request: wire.Request{Op: wire.OpSign, Key: key}, Deadline: time.Now().Add(time.Second),
			Task: nested{p, inside},
		})
		if !<-inside {
			t.Error("Close would wait for itself")
		}
	})
}

type nested struct {
	p      *pool.Pool
	inside chan bool
}

func (n nested) Abandoned() bool          { return false }
func (n nested) Check([]byte) wire.Status { return wire.OK }
func (n nested) Done([]byte, error) {
	start(n.p, func(_ *pool.Call, t *task) { t.abandoned = true })
	n.inside <- n.p.Inside()
}

// A call for a node that is full waits for that node, whatever others are up.
func TestOnlyOfFullNode(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(two...)
		c.nodes["a"].limit = 1
		p := c.pool(two...)
		defer p.Close()
		time.Sleep(10 * time.Millisecond)
		only := func(c *pool.Call, _ *task) { c.Only = "a" }
		for _, task := range []*task{start(p, only), start(p, only), start(p, only)} {
			if err := task.wait(t); err != nil {
				t.Error(err)
			}
		}
	})
}

// asker is a logger that uses the pool.
type asker struct {
	slog.Handler
	p     *pool.Pool
	ready chan struct{} // closed when p is there
	lines int
}

func (a *asker) Enabled(context.Context, slog.Level) bool { return true }

func (a *asker) Handle(context.Context, slog.Record) error {
	<-a.ready
	if a.lines++; a.p.Close() == nil {
		panic("closed")
	}
	a.p.Stats()
	return nil
}

// A logger may use the pool.
func TestLoggerInside(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster("a")
		c.nodes["a"].away = true
		a := &asker{ready: make(chan struct{})}
		a.p = pool.New(pool.Config{Nodes: []string{"a"}, Dial: c.Dial, Lookup: c.Lookup, Logger: slog.New(a)})
		close(a.ready)
		time.Sleep(time.Second)
		c.nodes["a"].restart()
		time.Sleep(2 * time.Second)
		if err := start(a.p).wait(t); err != nil {
			t.Error(err)
		}
		if err := a.p.Close(); err != nil || a.lines != 2 {
			t.Errorf("%d lines, %v", a.lines, err)
		}
	})
}
