package pool_test

import (
	"testing"
	"testing/synctest"
	"time"

	"asynccrypto/remote/internal/pool"
	"asynccrypto/remote/internal/wire"
)

// A request after a rest is no sign that this process stood still: what other nodes owe is due as before.
func TestWatchAfterRest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(two...)
		a, b := c.nodes["a"], c.nodes["b"]
		a.kill()
		p := c.pool(two...)
		defer p.Close()
		time.Sleep(2*time.Second + 10*time.Millisecond)
		a.restart() // so that its pings are not at the moments of b's
		time.Sleep(2 * time.Second)
		first := b.pinged()[0]
		b.set(func(n *node) { n.silent = true })
		time.Sleep(time.Until(first.Add(5*time.Second + 400*time.Millisecond))) // b owes an answer
		a.slow(0)
		b.slow(time.Hour)
		if err := start(p, func(c *pool.Call, _ *task) { c.Only = "a" }).wait(t); err != nil {
			t.Error(err)
		}
		time.Sleep(150 * time.Millisecond)
		if h := p.Nodes()[1]; h.Up || h.Lost != 1 {
			t.Errorf("550 ms after a ping: %+v", h)
		}
	})
}

// If this process stood still until a ping was overdue, the answer that has come is read before the
// node is blamed.
func TestStoodStill(t *testing.T) {
	inBubble(t, []string{"a"}, func(t *testing.T, c *cluster, p *pool.Pool) {
		a := c.nodes["a"]
		first := a.pinged()[0]
		time.Sleep(time.Until(first.Add(5*time.Second - time.Millisecond)))
		a.set(func(n *node) { n.ping = 711 * time.Millisecond })
		start(p, deadline(30*time.Millisecond), func(c *pool.Call, task *task) {
			a.slow(time.Hour)
			task.pause = 680 * time.Millisecond // the goroutine of all timers
		})
		time.Sleep(time.Second)
		if h := p.Nodes()[0]; !h.Up || h.Lost != 0 {
			t.Errorf("%+v", h)
		}
	})
}

// While the answers of a node are checked nobody reads what else it has answered.
func TestLongChecks(t *testing.T) {
	inBubble(t, two, func(t *testing.T, c *cluster, p *pool.Pool) {
		c.nodes["b"].kill()
		c.nodes["a"].slow(5 * time.Second)
		tasks := []*task{start(p, deadline(10*time.Second))} // so that it is pinged often
		c.nodes["a"].slow(time.Millisecond)
		for range 3 {
			tasks = append(tasks, start(p, deadline(10*time.Second), func(_ *pool.Call, t *task) {
				t.check = func([]byte) wire.Status { time.Sleep(time.Second); return wire.OK }
			}))
		}
		for _, task := range tasks {
			if err := task.wait(t); err != nil {
				t.Error(err)
			}
		}
		c.nodes["a"].hangs()
		time.Sleep(2 * time.Second)
		if h := p.Nodes()[0]; h.Lost != 0 || !h.Up {
			t.Errorf("%+v", h)
		}
		c.nodes["a"].set(func(n *node) { n.silent = true })
		start(p, deadline(time.Second)).wait(t)
		if h := p.Nodes()[0]; h.Lost != 1 {
			t.Errorf("a node that is silent: %+v", h)
		}
	})
}
